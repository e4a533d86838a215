"""Worker processes of one thread each, so that processor times mean something."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final, TypeVar

import cv2

__all__ = ["as_measured", "limit_threads", "worker_pool"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_THREAD_LIMITS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def worker_pool(
    jobs: int, *, fresh: bool = False, one_core: bool = False, one_thread: bool = True
) -> ProcessPoolExecutor:
    """``jobs`` new Python processes in which numpy and OpenCV use one thread.

    Args:
        jobs: How many processes.
        fresh: Whether each task gets a process of its own.
        one_thread: Whether numpy and OpenCV are held to one thread at all.
        one_core: Whether the processes are tied to one and the same processor core, where the
            operating system offers that.
    """
    # A BLAS library reads its limit once, when it is loaded: the new processes inherit these.
    if one_thread:
        _limit_new_processes()
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(one_core, one_thread),
        max_tasks_per_child=1 if fresh else None,
    )


def limit_threads() -> None:
    """Hold OpenCV here, and numpy and OpenBLAS in processes to come, to one thread."""
    _limit_new_processes()
    cv2.setNumThreads(1)


def as_measured(
    measure: Callable[[_Task], _Result], tasks: Iterable[_Task], *, jobs: int
) -> Iterator[_Result]:
    """The results of ``measure`` in ``jobs`` workers, each as soon as it is there.

    The first failure ends the run: what has not begun is dropped.
    """
    with worker_pool(jobs) as pool:
        try:
            for future in as_completed([pool.submit(measure, task) for task in tasks]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _limit_new_processes() -> None:
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))


def _start_worker(one_core: bool, one_thread: bool) -> None:
    if one_thread:
        cv2.setNumThreads(1)
    if one_core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
