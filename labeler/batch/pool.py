"""Worker processes that survive their tasks, and a batch that survives its workers.

A task that kills its worker (a crash in a codec, want of memory) is one failed task: another worker
takes its place. Workers are spawned, never forked: native libraries hold threads and locks that a
fork would break. They end with the process that started them, however that ended.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from labeler.batch.lock import Lock
from labeler.errors import BatchError, LabelerError

__all__ = ["Finished", "LocalPool", "Pool", "SerialPool", "Tell", "Watch"]

Task = TypeVar("Task")
Result = TypeVar("Result")

Tell = Callable[[float], None]
"""Tells how far the work on a task is, 0 to 1."""
Start = Callable[[Tell], AbstractContextManager[Callable[[Task], Result]]]
"""What a pool calls in every process that works, once: it gives the function that does one task,
and tidies up after the last. The work may say through the `Tell` how far it is."""
Watch = Callable[[Task, float], None]
"""Is told how far the work on a task is, 0 to 1; now and then, and only of what takes long."""

# Tasks after which a worker is replaced: native libraries keep memory that they no longer need.
_RECYCLE_AFTER: Final = 500
# A terminal sends these to parent and workers alike; the parent decides what they mean.
_DEAF_TO: Final = (signal.SIGINT, signal.SIGTERM)
# How often the parent looks whether it shall stop, and workers tell how far they are, seconds.
_POLL_S: Final = 0.2

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished(Generic[Task, Result]):
    """A task that came to its end."""

    task: Task
    outcome: Result | LabelerError
    """What the work gave, or why it failed."""
    worker_died: bool = False
    """Whether the worker died over it: how far the work went is not known then."""


class Pool(Protocol[Task, Result]):
    """Something that does tasks."""

    def run(
        self, tasks: Iterable[Task], *, stop: Callable[[], bool]
    ) -> Iterator[Finished[Task, Result]]:
        """Do ``tasks``, in any order, and give each when it is finished.

        A task is taken from ``tasks`` just before its work begins. Once ``stop`` says True, none
        is taken any more, and what was begun is finished.

        Raises:
            LabelerError: No work is possible at all: what ``start`` raised.
        """
        ...


class SerialPool(Generic[Task, Result]):
    """Does tasks one after the other in this process.

    Args:
        start: See `Start`.
        watch: See `Watch`.
    """

    def __init__(self, start: Start[Task, Result], *, watch: Watch[Task] | None = None) -> None:
        self._start = start
        self._watch = watch
        self._task: Task | None = None
        self._stop: Callable[[], bool] | None = None

    def run(
        self, tasks: Iterable[Task], *, stop: Callable[[], bool]
    ) -> Iterator[Finished[Task, Result]]:
        """See `Pool.run`."""
        self._stop = stop
        with self._start(_Slowly(self._tell)) as work:
            for task in tasks:
                self._task = task
                yield Finished(task, _attempt(work, task))
                if stop():
                    return

    def _tell(self, part: float) -> None:
        if self._stop is not None:
            self._stop()  # Whoever wishes to stop shall not wait to hear that this was noticed.
        if self._watch is not None and self._task is not None:
            self._watch(self._task, part)


class LocalPool(Generic[Task, Result]):
    """Does tasks in worker processes of this machine.

    Args:
        start: See `Start`. It, tasks and results travel between processes, so they have to be
            picklable.
        jobs: Number of workers.
        lock: A lock that every worker holds too, as long as it lives.
        recycle_after: Number of tasks after which a worker is replaced.
        watch: See `Watch`.
    """

    def __init__(
        self,
        start: Start[Task, Result],
        *,
        jobs: int,
        lock: Lock | None = None,
        recycle_after: int = _RECYCLE_AFTER,
        watch: Watch[Task] | None = None,
    ) -> None:
        if jobs < 1 or recycle_after < 1:
            raise ValueError("jobs and recycle_after have to be at least 1")
        self._start = start
        self._jobs = jobs
        self._lock = lock
        self._recycle_after = recycle_after
        self._watch = watch

    def run(
        self, tasks: Iterable[Task], *, stop: Callable[[], bool]
    ) -> Iterator[Finished[Task, Result]]:
        """See `Pool.run`. Leaving the iteration early kills the workers."""
        with _Crew[Task, Result](self._start, self._lock, self._watch) as crew:
            queue = iter(tasks)
            drained = False
            while True:
                while not (drained or stop()) and len(crew) < self._jobs:
                    task = next(queue, _END)
                    if isinstance(task, _End):
                        drained = True
                    else:
                        crew.give(crew.free(self._recycle_after), task)
                if not len(crew):
                    return
                yield from crew.collect()


class _End:
    """There is no further task."""


_END: Final = _End()


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Worker:
    process: SpawnProcess
    pipe: connection.Connection[Any, Any]
    done: int = 0


@dataclass(slots=True)
class _Crew(Generic[Task, Result]):
    """The workers: those at work, and those that wait for work."""

    start: Start[Task, Result]
    lock: Lock | None
    watch: Watch[Task] | None
    busy: dict[_Worker, Task] = field(default_factory=dict)
    idle: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.busy:
            worker.process.kill()
        for worker in [*self.busy, *self.idle]:
            _dismiss(worker)

    def __len__(self) -> int:
        return len(self.busy)

    def free(self, recycle_after: int) -> _Worker:
        """A worker without a task: one that waits, or a new one."""
        while self.idle:
            worker = self.idle.pop()
            if worker.done < recycle_after:
                self.idle.append(worker)
                return worker
            _dismiss(worker)
        worker = self._hire()
        self.idle.append(worker)
        return worker

    def give(self, worker: _Worker, task: Task) -> None:
        """Let a free ``worker`` do ``task``."""
        self.idle.remove(worker)
        self.busy[worker] = task
        with suppress(OSError):  # A worker that died is noticed when its result is collected.
            worker.pipe.send(task)

    def collect(self) -> Iterator[Finished[Task, Result]]:
        """What has been finished since, after waiting a little for it."""
        ready = set(connection.wait([worker.pipe for worker in self.busy], timeout=_POLL_S))
        for worker in [worker for worker in self.busy if worker.pipe in ready]:
            try:
                outcome = worker.pipe.recv()
            except (EOFError, OSError):
                yield Finished(self.busy.pop(worker), _cause_of_death(worker), worker_died=True)
                continue
            if isinstance(outcome, _Part):
                if self.watch is not None:
                    self.watch(self.busy[worker], outcome.part)
                continue
            task = self.busy.pop(worker)
            worker.done += 1
            if isinstance(outcome, _CannotStart):
                _dismiss(worker)
                raise outcome.error
            self.idle.append(worker)
            yield Finished(task, outcome)

    def _hire(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.lock))
        # The worker inherits the mask: a signal finds it already deaf.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _DEAF_TO)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        with suppress(OSError):
            ours.send(self.start)
        worker = _Worker(process, ours)
        # Python waits for its child processes when it exits: an iteration that nobody closed must
        # not keep it waiting for ever.
        weakref.finalize(worker, _kill, process)
        return worker


@dataclass(frozen=True, slots=True)
class _CannotStart:
    error: LabelerError


@dataclass(frozen=True, slots=True)
class _Part:
    """What a worker sends before its result: how much of the task is done."""

    part: float


class _Slowly:
    """Passes on what is told, but not more often than anyone would look."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._next = 0.0

    def __call__(self, part: float) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _POLL_S
            self._tell(part)


def _kill(process: SpawnProcess) -> None:
    with suppress(ValueError):  # It was closed, as it should.
        process.kill()


def _dismiss(worker: _Worker) -> None:
    worker.pipe.close()  # A worker ends when nobody can give it tasks any more.
    worker.process.join()
    worker.process.close()


def _cause_of_death(worker: _Worker) -> BatchError:
    worker.pipe.close()
    worker.process.join()
    code = worker.process.exitcode or 0
    worker.process.close()
    if code == -signal.SIGKILL:
        return BatchError(
            "the worker process was killed, probably for want of memory",
            hint="Try again with fewer --jobs",
        )
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return BatchError(
        f"the worker process crashed ({how})",
        hint="Check the file with another program; please report it if it is sound",
    )


def _attempt(work: Callable[[Task], Result], task: Task) -> Result | LabelerError:
    try:
        return work(task)
    except LabelerError as error:
        return error
    except Exception as error:  # one file must not stop the others
        _LOGGER.debug("a task failed unexpectedly", exc_info=True)
        return BatchError(
            f"an unexpected {type(error).__name__}: {error}",
            hint="This is a defect in Labeler: please report it",
        )


# --- in the worker -------------------------------------------------------------------------------


def _serve(pipe: connection.Connection[Any, Any], lock: Lock | None) -> None:
    """Do the tasks that come through ``pipe`` until it is closed, holding ``lock``."""
    for number in _DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _DEAF_TO)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _use_one_thread()
    with ExitStack() as stack, suppress(EOFError, OSError):
        tell = _Slowly(lambda part: pipe.send(_Part(part)))
        work = _attempt(lambda start: stack.enter_context(start(tell)), pipe.recv())
        while True:
            task = pipe.recv()
            if isinstance(work, LabelerError):
                pipe.send(_CannotStart(work))
            else:
                pipe.send(_attempt(work, task))
    if lock is not None:
        lock.release()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _use_one_thread() -> None:
    """The processes share the cores; threads of theirs would only get in each other's way."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    import cv2  # noqa: PLC0415 - only workers need it here, and only after the lines above

    cv2.setNumThreads(1)
