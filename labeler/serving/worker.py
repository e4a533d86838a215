"""A process that stamps files, one after the other; `labeler.serving.process` starts it.

Standard input is its connection to the service. It is told the settings, and reads identity and
keys itself from where they say. Then it confines itself: address space as far as it holds at that
moment and the settings' ``max_memory_mib`` more (Linux), and no core dump, which would hold keys.

What it works on lies in one folder, locked as long as this process lives. An output is opened, its
folder removed, and only then does the open file go to the service. When the service is gone,
however that ended, the folder goes at once, and the process with it.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labeler.errors import LabelerError
from labeler.media.scratch import Scratch
from labeler.provenance import Provenance
from labeler.receipt import Layer
from labeler.serving.channel import Channel, ClosedError
from labeler.serving.orders import parse_provenance
from labeler.settings import Settings

if TYPE_CHECKING:
    from labeler.stamping import Stamper

__all__ = ["serve"]

_MIB: Final = 1 << 20
_CV2_NO_MEMORY: Final = -4
_NAME: Final = "stamped"
"""What outputs are called in receipts: what the upload was called is nobody's business."""
_TRIES: Final = 1000


def serve() -> None:
    """Stamp what the service sends until it sends no more."""
    channel = _take_connection()
    with suppress(ClosedError):
        setup, _ = channel.receive()
        settings = Settings.model_validate(setup["settings"])
        with Scratch(settings.scratch) as scratch:
            folder = scratch.new_file()
            folder.mkdir()
            threading.Thread(target=_end_with_service, args=(channel, folder), daemon=True).start()
            _work(channel, settings.model_copy(update={"scratch": folder}), folder)


def _work(channel: Channel, settings: Settings, folder: Path) -> None:
    _use_one_thread()
    try:
        from labeler.stamping import Stamper  # noqa: PLC0415 - slow; what is missing is told

        stamper = Stamper(settings)
    except Exception as error:  # noqa: BLE001 - nobody could read a traceback of this process
        channel.send(_failure(error))
        return
    with stamper:
        _confine(settings.max_memory_mib)
        channel.send({"ready": True})
        while True:
            order, files = channel.receive()
            answer, output = _attempt(stamper, order, files[0], folder, channel)
            try:
                channel.send(answer, output)
            finally:
                for each in output:
                    os.close(each)


def _attempt(
    stamper: Stamper, order: Mapping[str, Any], source: int, folder: Path, channel: Channel
) -> tuple[Mapping[str, object], list[int]]:
    def tell(part: float) -> None:
        channel.send({"progress": part})

    place = folder / "output"
    try:
        place.mkdir()
        return _stamp(stamper, order, source, place, tell)
    except ClosedError:
        raise
    except MemoryError:
        return {"failure": {"classes": ["MemoryError"]}}, []
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this file
        if getattr(error, "code", None) == _CV2_NO_MEMORY:
            return {"failure": {"classes": ["MemoryError"]}}, []
        return _failure(error), []
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _stamp(
    stamper: Stamper,
    order: Mapping[str, Any],
    source: int,
    place: Path,
    tell: Callable[[float], None],
) -> tuple[Mapping[str, object], list[int]]:
    name = _NAME + order["suffix"]
    target = place / name
    claims: Provenance = parse_provenance(order["provenance"])
    missing = order["allow_missing"]
    with os.fdopen(source, "rb") as file:
        file.seek(0)
        receipt = stamper.stamp(
            file,
            target,
            claims,
            facts=order["facts"],
            name=name,
            allow_missing=None if missing is None else {Layer(each) for each in missing},
            already_marked=order["already_marked"],
            progress=tell,
        )
    return {"receipt": receipt.to_json()}, [os.open(target, os.O_RDONLY)]


def _failure(error: Exception) -> Mapping[str, object]:
    classes = [each.__name__ for each in type(error).__mro__]
    if isinstance(error, LabelerError):
        told = {"classes": classes, "problem": error.problem, "hint": error.hint}
    else:
        # What it says may quote the file.
        told = {"classes": classes, "problem": "", "hint": None}
    return {"failure": told}


def _take_connection() -> Channel:
    """Standard input for messages alone: what libraries print goes nowhere."""
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    # The terminal's Ctrl-C is for the service to deal with.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return Channel(connection)


def _end_with_service(channel: Channel, folder: Path) -> None:
    """Wait until nobody is on the other side, and leave nothing behind then."""
    poll = select.poll()
    poll.register(channel.fileno(), 0)  # nothing but that the other side hangs up
    poll.poll()
    for _ in range(_TRIES):
        # The other thread may still be writing.
        shutil.rmtree(folder.parent, ignore_errors=True)
        if not folder.parent.exists():
            break
    os._exit(1)


def _confine(memory_mib: int) -> None:
    with suppress(OSError):  # systems that do not say what is held
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_mib * _MIB)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _use_one_thread() -> None:
    """Workers share the cores; threads of theirs would only get in each other's way."""
    import cv2  # noqa: PLC0415 - slow to import

    cv2.setNumThreads(1)


if __name__ == "__main__":
    serve()
