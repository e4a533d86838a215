"""Encoders that take the machine for themselves, and how it is given back.

SVT-AV1, in a process of root's (and so in most containers), puts the thread that opens it and all
of its own on Linux's real-time scheduler at the highest priority. The thread stays there when the
encoder is long gone, and so does every process that is started from it: nothing else gets to run
while they work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["ordinary_priority"]

_THREADS: Final = Path("/proc/self/task")


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Threads of this process that turn real-time meanwhile are ordinary ones again afterwards."""
    before = _real_time()
    try:
        yield
    finally:
        for thread in _real_time() - before:
            with suppress(OSError):  # it ended, or may not be changed
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _real_time() -> set[int]:
    """The threads of this process on a real-time scheduler; none where there is no such thing."""
    if not (hasattr(os, "sched_getscheduler") and _THREADS.is_dir()):
        return set()
    found = set()
    for entry in _THREADS.iterdir():
        with suppress(OSError):  # it ended
            if os.sched_getscheduler(int(entry.name)) in {os.SCHED_FIFO, os.SCHED_RR}:
                found.add(int(entry.name))
    return found
