"""A subprocess with limits in which strangers' files are opened.

Decoders are large, and written in languages that forgive nothing. A file that makes one crash, run
for ever or eat all memory costs a worker process here, which the next file replaces, and not the
process of the caller. What limits there are, and which not, is in `detectors.worker`.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from detectors.framing import COUNTS, pack, parse_header
from labeler.closing import Closing
from labeler.errors import VerificationError

__all__ = ["Limits", "Sandbox"]

_START_SECONDS: Final = 60.0
"""Time for a worker to load its libraries, on a machine that has much else to do."""
_STOP_SECONDS: Final = 2.0
_ANSWER_BYTES: Final = 8 << 20
_RECYCLE_AFTER: Final = 200
"""Files after which a worker is replaced: native libraries keep memory they no longer need."""
_CHUNK: Final = 1 << 20
_KEPT_VARIABLES: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What examining one file may take."""

    seconds: float
    """Time by the clock, and on the processor, unless a request asks for another."""
    memory_mib: int
    """Memory beyond what the worker holds when it is ready, MiB."""


class Sandbox(Closing):
    """One worker process: started at need, replaced after a crash, and after some hundred files.

    May be used from several threads; they wait for each other.

    Args:
        limits: What one file may take.
        setup: What the worker is told when it starts; JSON values.
        command: The program and arguments of the worker.
        recycle_after: Number of files after which a worker is replaced.
    """

    def __init__(
        self,
        limits: Limits,
        setup: Mapping[str, object],
        *,
        command: Sequence[str] = (sys.executable, "-P", "-m", "detectors.worker"),
        recycle_after: int = _RECYCLE_AFTER,
    ) -> None:
        self._limits = limits
        self._setup = {**setup, "seconds": limits.seconds, "memory_mib": limits.memory_mib}
        self._command = tuple(command)
        self._recycle_after = recycle_after
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._is_aborted = False

    def start(self) -> None:
        """See that there is a worker, so that `ask` fails only for its file's sake.

        Raises:
            VerificationError: It cannot be started.
        """
        with self._lock:
            self._ready_worker()

    def ask(
        self, header: Mapping[str, object], body: bytes, *, seconds: float | None = None
    ) -> str:
        """The worker's answer to one request.

        Args:
            header: JSON values.
            body: What goes along with them.
            seconds: Time for this request, instead of the limits'.

        Raises:
            VerificationError: There is none: the worker crashed, took more time or memory than the
                limits allow, or met an error that nobody foresaw.
        """
        limits = self._limits if seconds is None else replace(self._limits, seconds=seconds)
        if seconds is not None:
            header = {**header, "seconds": seconds}
        with self._lock:
            is_fresh = self._worker is None or self._worker.files == 0
            try:
                return self._ask_once(header, body, limits)
            except _LostError as error:
                if is_fresh or not error.worker_to_blame:
                    raise VerificationError(error.problem, hint=error.hint) from None
            # Files before this one may have left the worker short of memory, or broken.
            try:
                return self._ask_once(header, body, limits)
            except _LostError as error:
                raise VerificationError(error.problem, hint=error.hint) from None

    def close(self) -> None:
        """End the worker. A later `ask` starts another."""
        with self._lock:
            self._stop_worker()

    def abort(self) -> None:
        """End the worker for good, in the middle of its work too: who waits for it gets an error.

        Any thread may say so.
        """
        self._is_aborted = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def _ask_once(self, header: Mapping[str, object], body: bytes, limits: Limits) -> str:
        worker = self._ready_worker()
        try:
            return _understand(worker.exchange(header, body, seconds=limits.seconds), limits)
        except BaseException:
            # Whatever it holds now, and whatever it may still send: the next file gets another.
            self._stop_worker()
            raise

    def _ready_worker(self) -> _Worker:
        if self._is_aborted:
            raise VerificationError("the worker that opens files was ended")
        if self._worker is not None and self._worker.files >= self._recycle_after:
            self._stop_worker()
        if self._worker is None:
            worker = _Worker(self._command)
            try:
                worker.prepare(self._setup)
            except _LostError as error:
                worker.stop()
                raise VerificationError(
                    f"the worker that opens files could not be started: {error.problem}",
                    hint="Run `labeler doctor`; it says what is missing",
                ) from None
            self._worker = worker
        return self._worker

    def _stop_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


class _LostError(Exception):
    """The worker gave no answer of use."""

    def __init__(
        self, problem: str, hint: str | None = None, *, worker_to_blame: bool = False
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.worker_to_blame = worker_to_blame


class _Worker:
    """A worker process and the pipes to it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # the terminal's Ctrl-C is for the caller to deal with
        )
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._stop = weakref.finalize(self, _end, self._process)
        self.files = 0
        for pipe in (self._requests, self._answers):
            os.set_blocking(_descriptor(pipe), False)

    def prepare(self, setup: Mapping[str, object]) -> None:
        """Wait until the worker has loaded what it needs.

        Raises:
            _LostError: It could not.
        """
        answer = self._exchange(setup, b"", _Deadline(_START_SECONDS))
        if "ready" not in answer:
            raise _LostError(f"{answer.get('message')}"[:1000])

    def exchange(
        self, header: Mapping[str, object], body: bytes, *, seconds: float
    ) -> Mapping[str, Any]:
        """Send a request and give the header of the answer.

        Raises:
            _LostError: There was none in time, or none that can be understood.
        """
        self.files += 1
        return self._exchange(header, body, _Deadline(seconds))

    def kill(self) -> None:
        """Kill the process; what is held for it stays until `stop`."""
        self._process.kill()

    def stop(self) -> None:
        """Kill the process and release what is held for it."""
        self._stop()

    def _exchange(
        self, header: Mapping[str, object], body: bytes, deadline: _Deadline
    ) -> Mapping[str, Any]:
        try:
            for piece in pack(header, body):
                self._send(piece, deadline)
            counts = self._receive(COUNTS.size, deadline)
            header_bytes, body_bytes = COUNTS.unpack(counts)
            if header_bytes > _ANSWER_BYTES or body_bytes:
                raise _LostError("the worker's answer is too long")
            return parse_header(self._receive(header_bytes, deadline))
        except ValueError as error:
            raise _LostError(f"the worker's answer cannot be understood: {error}") from None

    def _send(self, data: bytes, deadline: _Deadline) -> None:
        view = memoryview(data)
        descriptor = _descriptor(self._requests)
        while view:
            deadline.wait(descriptor, selectors.EVENT_WRITE)
            try:
                view = view[os.write(descriptor, view[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return  # it may have said why before it ended

    def _receive(self, count: int, deadline: _Deadline) -> bytes:
        pieces = bytearray()
        descriptor = _descriptor(self._answers)
        while len(pieces) < count:
            deadline.wait(descriptor, selectors.EVENT_READ)
            piece = os.read(descriptor, min(_CHUNK, count - len(pieces)))
            if not piece:
                raise self._fate()
            pieces += piece
        return bytes(pieces)

    def _fate(self) -> _LostError:
        """Why the worker is gone."""
        try:
            status = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return _LostError("the worker closed its pipes")
        if status == -signal.SIGXCPU:
            return _LostError("it took more processor time than the limit allows", _RAISE_SECONDS)
        if status == -signal.SIGKILL:
            return _LostError(
                "the worker was killed, most likely by a system that was short of memory",
                "Leave the machine more memory",
                worker_to_blame=True,
            )
        if status < 0:
            name = signal.Signals(-status).name
            return _LostError(f"the worker crashed ({name})", worker_to_blame=True)
        return _LostError(f"the worker ended with status {status}", worker_to_blame=True)


class _Deadline:
    """A moment until which pipes are waited for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = time.monotonic() + seconds

    def wait(self, descriptor: int, event: int) -> None:
        """Wait until ``descriptor`` is ready.

        Raises:
            _LostError: The moment has passed.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            left = self._at - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _LostError(f"it took longer than {self._seconds:g} s", _RAISE_SECONDS)


_RAISE_SECONDS: Final = (
    "Raise max_seconds (max_listening_seconds for sound, max_watching_seconds for films) if the "
    "file is to be trusted"
)


def _understand(answer: Mapping[str, Any], limits: Limits) -> str:
    if answer.get("failure") == "memory":
        raise _LostError(
            f"it took more memory than the limit of {limits.memory_mib} MiB",
            "Raise max_memory_mib if the file is to be trusted",
            worker_to_blame=True,
        )
    if answer.get("failure") is not None:
        raise _LostError(f"an unforeseen error: {answer.get('message')}"[:1000])
    text = answer.get("answer")
    if not isinstance(text, str):
        raise _LostError("the worker's answer cannot be understood")
    return text


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    here = str(Path(__file__).parent.parent)
    # Not '': with it a numpy.py in the directory of the files to verify would be run.
    return kept | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([here, *filter(None, sys.path)])),
        "LC_ALL": "C.UTF-8",
        # Each arena of glibc reserves 64 MiB of the address space that the limit counts.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _descriptor(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise ValueError("the worker has no pipe")
    return pipe.fileno()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
