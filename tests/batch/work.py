"""Work for pools, importable by name: workers are spawned and import what they are to do."""

from __future__ import annotations

import hashlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from labeler.batch.pool import Tell
from labeler.batch.run import Task
from labeler.errors import CapacityError, IdentityError
from labeler.provenance import SourceType
from labeler.receipt import Receipt


def receipt_for(task: Task) -> Receipt:
    source = Path(task.item.source).read_bytes()
    return Receipt(
        receipt_id=str(uuid.uuid4()),
        created_at=datetime.now(UTC),
        target=str(task.item.target),
        sidecar=None,
        media_type="image/png",
        source_sha256=hashlib.sha256(source).hexdigest(),
        target_sha256=hashlib.sha256(source).hexdigest(),
        source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA,
        payload=None,
        key_id=None,
        manifest_id=None,
        layers=(),
    )


def copy(task: Task) -> Receipt:
    """Copy the source; what its content says may go wrong goes wrong."""
    content = Path(task.item.source).read_bytes()
    if content == b"too flat":
        raise CapacityError("it is too flat", file=task.item.source)
    if content == b"defect":
        raise ZeroDivisionError("oh")
    if content == b"killer":
        os.kill(os.getpid(), signal.SIGKILL)
    if content == b"slow":
        time.sleep(1.0)
    task.item.target.parent.mkdir(parents=True, exist_ok=True)
    with task.item.target.open("wb" if task.overwrite else "xb") as file:
        file.write(content)
    return receipt_for(task)


@contextmanager
def start_copying(tell: Tell) -> Iterator[Callable[[Task], Receipt]]:
    yield copy


@contextmanager
def start_in_vain(tell: Tell) -> Iterator[Callable[[Task], Receipt]]:
    raise IdentityError("there is no identity", hint="Make one")
    yield


def pid(_: int) -> int:
    return os.getpid()


@contextmanager
def start_telling_pid(tell: Tell) -> Iterator[Callable[[int], int]]:
    yield pid


def crash(number: int) -> int:
    os._exit(number)


@contextmanager
def start_crashing(tell: Tell) -> Iterator[Callable[[int], int]]:
    yield crash


def environment(name: str) -> str | None:
    return os.environ.get(name)


@contextmanager
def start_telling_environment(tell: Tell) -> Iterator[Callable[[str], str | None]]:
    yield environment


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@contextmanager
def start_sleeping(tell: Tell) -> Iterator[Callable[[float], float]]:
    yield sleep


@contextmanager
def start_with_a_defect(tell: Tell) -> Iterator[Callable[[int], int]]:
    raise RuntimeError("a defect in the start")
    yield


@contextmanager
def start_leaving_a_note(note: Path, tell: Tell) -> Iterator[Callable[[int], int]]:
    yield abs
    note.write_text("tidied up")


@contextmanager
def start_telling_how_far(tell: Tell) -> Iterator[Callable[[float], float]]:
    def work(part: float) -> float:
        tell(part)
        tell(part / 2)  # too soon after the other for anyone to see
        time.sleep(0.25)
        return part

    yield work
