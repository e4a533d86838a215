"""A worker process as the service sees it: started, given files, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from labeler.errors import OutputError
from labeler.media.scratch import remove_abandoned
from labeler.serving.channel import Channel, ClosedError
from labeler.serving.orders import StampOrder
from labeler.serving.problems import LostError
from labeler.settings import Settings

__all__ = ["StampingProcess"]

_COMMAND: Final = (sys.executable, "-P", "-m", "labeler.serving.worker")
_START_SECONDS: Final = 60.0
"""Time to load its libraries, on a machine that has much else to do."""
_STOP_SECONDS: Final = 5.0
_ROOT: Final = Path(__file__).parents[2]


class StampingProcess:
    """A process that stamps.

    Args:
        settings: They say where identity, keys and registry are.

    Raises:
        LostError: It could not be started.
    """

    def __init__(self, settings: Settings) -> None:
        self._scratch = settings.scratch
        self._process: subprocess.Popen[bytes]
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                _COMMAND,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        self._channel = Channel(ours)
        self._end = weakref.finalize(self, _end, self._process, self._channel)
        self.files = 0
        try:
            self._channel.send({"settings": settings.model_dump(mode="json")})
            answer, _ = self._channel.receive(seconds=_START_SECONDS)
        except (ClosedError, TimeoutError) as error:
            self.stop()
            raise LostError("start", str(error)) from None
        if "ready" not in answer:
            self.stop()
            raise LostError("start", _told(answer))

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid)

    def stamp(
        self, order: StampOrder, source: int, *, seconds: float, tell: Callable[[float], None]
    ) -> tuple[Mapping[str, Any], list[int]]:
        """The worker's answer to one file, and the open output if there is one.

        Args:
            order: What is asked for.
            source: Descriptor of the file.
            seconds: Time that it may take.
            tell: Is told how far it is, 0 to 1.

        Raises:
            LostError: There is no answer: this process is of no use any more.
        """
        self.files += 1
        until = time.monotonic() + seconds
        try:
            self._channel.send(asdict(order), [source])
            while True:
                left = until - time.monotonic()
                if left <= 0:
                    raise LostError("time")
                answer, files = self._channel.receive(seconds=left)
                if "progress" not in answer:
                    break
                tell(float(answer["progress"]))
        except TimeoutError:
            raise LostError("time") from None
        except ClosedError:
            raise self._fate() from None
        if "MemoryError" in answer.get("failure", {}).get("classes", ()):
            raise LostError("memory")
        return answer, files

    def kill(self) -> None:
        """End it in the middle of its work; whoever waits for that gets a `LostError`."""
        self._process.kill()

    def stop(self) -> None:
        """End it, and see that nothing of its work is left."""
        self._end()
        with suppress(OSError, OutputError):
            if self._scratch is None or self._scratch.is_dir():
                remove_abandoned(self._scratch)

    def _fate(self) -> LostError:
        try:
            status = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return LostError("crash", "it closed its connection")
        if status == -signal.SIGKILL:
            return LostError("killed", "most likely the system was short of memory")
        return LostError("crash", f"status {status}")


def _told(answer: Mapping[str, Any]) -> str:
    failure = answer.get("failure", {})
    return f"{failure.get('classes', ['?'])[0]}: {failure.get('problem', '')}"


def _environment() -> dict[str, str]:
    # All of it: what reaches databases and time-stamp authorities may be set there.
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(_ROOT), *filter(None, sys.path)])),
        "LC_ALL": "C.UTF-8",
        # Each arena of glibc reserves 64 MiB of the address space that the limit counts.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _end(process: subprocess.Popen[bytes], channel: Channel) -> None:
    channel.close()  # it tidies up and ends when it notices
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    process.kill()
    process.wait()
