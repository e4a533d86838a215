"""A lock that a process and the workers it starts hold together.

The operating system gives it back when the last of them has ended, whatever ended it: a batch that
goes on later never meets a worker of the one before.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from labeler.errors import BatchError

__all__ = ["Lock"]

_RETRY_S = 0.1


class Lock:
    """An exclusive lock on a file, shared with the processes that this object is passed to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(
        cls,
        path: Path,
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Lock the file at ``path``, which is created if need be.

        Raises:
            BatchError: Another process holds the lock and keeps it longer than ``timeout_s``.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = clock() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if clock() < deadline:
                    time.sleep(_RETRY_S)
                    continue
                os.close(descriptor)
                raise BatchError(
                    "another batch with the same output folder is at work",
                    hint="Wait for its end, or stop it",
                ) from None
            return cls(descriptor)

    def release(self) -> None:
        """Give up this process's hold."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a process that is being started: the same open file, so the same lock."""
        return _receive, (DupFd(self._descriptor),)


def _receive(duplicate: Any) -> Lock:
    return Lock(duplicate.detach())
