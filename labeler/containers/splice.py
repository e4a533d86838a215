"""A file put together from parts of another one and new bytes, without holding either in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from labeler.containers.damage import damaged
from labeler.errors import OutputError, UnreadableMediaError

__all__ = ["Part", "Span", "blocks", "copy", "new_file", "opened", "total", "write"]

_BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a file."""

    start: int
    end: int
    """Position behind its last byte."""

    def __len__(self) -> int:
        """How many bytes it has."""
        return self.end - self.start


Part: TypeAlias = bytes | Span
"""New bytes, or a stretch of the file that is read."""


def total(parts: Iterable[Part]) -> int:
    """How many bytes ``parts`` have together."""
    return sum(map(len, parts))


def blocks(stream: BinaryIO, parts: Iterable[Part]) -> Iterator[bytes]:
    """The bytes of ``parts``, at most 1 MiB of ``stream`` at a time.

    Raises:
        UnreadableMediaError: ``stream`` ends before a span does, or cannot be read.
    """
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        position = part.start
        while position < part.end:
            block = _read(stream, position, min(_BLOCK_BYTES, part.end - position))
            if not block:
                raise damaged("the file ends before its own header says")
            yield block
            position += len(block)


def _read(stream: BinaryIO, position: int, size: int) -> bytes:
    try:
        stream.seek(position)
        return stream.read(size)
    except OSError as error:
        raise _unreadable(error, "Check the disk that it lies on") from error


def _unreadable(error: OSError, hint: str, path: Path | None = None) -> UnreadableMediaError:
    problem = f"the file cannot be read ({error.strerror or error})"
    return UnreadableMediaError(problem, hint=hint, file=path)


def copy(stream: BinaryIO, output: BinaryIO, parts: Iterable[Part]) -> None:
    """Write ``parts`` of ``stream`` to ``output``.

    Raises:
        UnreadableMediaError: As `blocks`.
        OSError: ``output`` cannot be written.
    """
    output.writelines(blocks(stream, parts))


def opened(path: Path) -> BinaryIO:
    """The file at ``path``, for reading.

    Raises:
        UnreadableMediaError: It cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(error, "Check its path and its permissions", path) from error


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, for writing and reading; where the block fails, there is none.

    Raises:
        OutputError: ``path`` exists already, or cannot be written.
    """
    try:
        with path.open("x+b") as stream:
            try:
                yield stream
            except BaseException:
                path.unlink()
                raise
    except OSError as error:
        raise OutputError(
            f"the file cannot be written ({error.strerror or error})",
            hint="Make room on the disk, and check who may write there",
            file=path,
        ) from error


def write(source: Path, parts: Iterable[Part], target: Path) -> None:
    """Write ``parts`` of ``source`` into the new file ``target``; where that fails, there is none.

    Raises:
        UnreadableMediaError: ``source`` cannot be read, or is shorter than a span says.
        OutputError: ``target`` exists already, or cannot be written.
    """
    with opened(source) as stream, new_file(target) as output:
        copy(stream, output, parts)
