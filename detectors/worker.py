"""The inside of the sandbox: a process that examines strangers' files one after the other.

`detectors.sandbox` starts it. It takes over its standard streams for messages, loads what it needs,
and then confines itself:

- address space: what it holds after loading, and ``memory_mib`` more (Linux; elsewhere the system
  does not enforce such a limit);
- processor time: ``seconds`` for each file, or what a request for a long one says;
- files: none can be written, few can be open, no core is dumped;
- network and other programs: an audit hook refuses what Python code could do there. Native code is
  not held by it; of the native libraries here C2PA's could open connections, but its settings
  forbid that, and FFmpeg, which is given local files alone and no protocol but that for them.

These limits are for accidents and for files made to exhaust a machine. They are not a jail for code
that has taken over the process: who expects that runs the whole verifier in a container.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from detectors.framing import Examine, pack, receive

__all__ = ["serve"]

_OPEN_FILES: Final = 64
_MIB: Final = 1 << 20
# cv2.Error.StsNoMem: OpenCV's way to say MemoryError.
_CV2_NO_MEMORY: Final = -4
# Audit events (Python library reference, "Audit events table") that have no place in here.
_FORBIDDEN: Final = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
    "subprocess.Popen",
)


def serve(prepare: Callable[[Mapping[str, Any]], Examine]) -> None:
    """Answer requests until there are no more of them.

    Args:
        prepare: Takes the header of the first message, loads everything that examining will need,
            and gives the function that examines.
    """
    requests, answers = _take_streams()
    setup = receive(requests)
    if setup is None:
        return
    try:
        examine = prepare(setup[0])
    except Exception as error:  # noqa: BLE001  nobody could read a traceback of this process
        _answer(answers, _describe(error))
        return
    _confine(int(setup[0]["memory_mib"]))
    _answer(answers, {"ready": True})
    while True:
        try:
            request = receive(requests)
        except MemoryError:
            _answer(answers, {"failure": "memory"})
            return  # the rest of the message is still in the pipe
        if request is None:
            return
        _limit_processor_time(float(request[0].get("seconds", setup[0]["seconds"])))
        _answer(answers, _attempt(examine, *request))


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for messages alone: what libraries print goes nowhere."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _attempt(examine: Examine, header: Mapping[str, Any], body: bytes) -> Mapping[str, object]:
    try:
        return {"answer": examine(header, body)}
    except MemoryError:
        return {"failure": "memory"}
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs into the file's report
        if getattr(error, "code", None) == _CV2_NO_MEMORY:
            return {"failure": "memory"}
        return _describe(error)


def _describe(error: Exception) -> Mapping[str, object]:
    return {"failure": "error", "message": f"{type(error).__name__}: {error}"[:1000]}


def _answer(answers: BinaryIO, header: Mapping[str, object]) -> None:
    answers.writelines(pack(header))
    answers.flush()


def _confine(memory_mib: int) -> None:
    held = _address_space()
    if held is not None:
        _limit(resource.RLIMIT_AS, held + memory_mib * _MIB)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse_forbidden)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _limit_processor_time(seconds: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # Whole seconds, counted from the start of the process; the signal is SIGXCPU, which kills.
    until = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    if hard != resource.RLIM_INFINITY:
        until = min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _address_space() -> int | None:
    """Bytes of address space in use; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return None
    return pages * resource.getpagesize()


def _refuse_forbidden(event: str, _arguments: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not allowed while examining a file")


def _prepare(setup: Mapping[str, Any]) -> Examine:
    from detectors.examination import prepare  # noqa: PLC0415 - what is missing is told as answer

    return prepare(setup)


if __name__ == "__main__":
    serve(_prepare)
