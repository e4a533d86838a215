"""What RIFF and AIFF share: chunks of four letters, a size and a content, one after another.

Sources: "Multimedia Programming Interface and Data Specifications 1.0" (Microsoft and IBM, 1991),
chapter 2; "EA IFF 85" (Electronic Arts, 1985), section 3.
"""

from __future__ import annotations

import os
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Literal, TypeAlias

from labeler.containers.damage import damaged

__all__ = [
    "ByteOrder",
    "Chunk",
    "ChunkedFile",
    "Extent",
    "NewChunk",
    "Part",
    "StreamedChunk",
    "copy_range",
    "file_size",
    "padded_size",
    "put",
    "walk",
    "write_part",
]

ByteOrder: TypeAlias = Literal["little", "big"]

_COPY_BYTES: Final = 1 << 20
# More than any file has; a file of nothing but empty chunks would fill the memory.
_MAX_CHUNKS: Final = 100_000
# What is read of a chunk that describes the sound: more is no description.
_MAX_READ_BYTES: Final = 1 << 26
# The size that refers to ds64 (EBU Tech 3306).
_IN_DS64: Final = 0xFFFFFFFF
# What chunk types are made of.
_LETTERS: Final = string.ascii_letters.encode() + string.digits.encode() + b" _()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk that stays where it lies in its file."""

    type: bytes
    """Four characters."""
    start: int
    """Where its content begins, bytes from the file's beginning."""
    size: int
    """Bytes of its content, without padding: what is really there, whatever the header says."""
    padding: int = 0
    """1 where a byte follows that makes the size even."""
    list_type: bytes = b""
    """What a LIST holds: ``b"INFO"``, ``b"adtl"``, ...; empty in other chunks."""
    is_long: bool = False
    """Whether the header refers to ds64 for its size."""
    missing: int = 0
    """Bytes that the header counts and the file, which is cut off, does not have."""

    @property
    def end(self) -> int:
        """Where the next chunk begins."""
        return self.start + self.size + self.padding


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be written."""

    type: bytes
    """Four characters."""
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedChunk:
    """A chunk to be written piece by piece."""

    type: bytes
    """Four characters."""
    size: int
    """Bytes of all pieces together."""
    pieces: Iterable[bytes] = field(repr=False)
    is_long: bool = False
    """Whether the header refers to ds64 for its size."""


Part: TypeAlias = Chunk | NewChunk | StreamedChunk
"""What a file is written of: chunks that are copied, and new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedFile:
    """The chunks of a file."""

    form: bytes
    """``b"RIFF"``, ``b"RF64"``, ``b"BW64"`` or ``b"FORM"``."""
    kind: bytes
    """``b"WAVE"``, ``b"AIFF"`` or ``b"AIFC"``."""
    chunks: tuple[Chunk, ...]
    end: int
    """Where the last chunk ends; what follows in the file belongs to no chunk."""
    size: int
    """Bytes of the whole file."""

    def find(self, kind: bytes, *, list_type: bytes = b"") -> Chunk | None:
        """The first chunk of this type; of the lists, the one that holds ``list_type``."""
        for chunk in self.chunks:
            if chunk.type == kind and list_type in {b"", chunk.list_type}:
                return chunk
        return None

    def read(self, file: BinaryIO, chunk: Chunk) -> bytes:
        """The content of ``chunk``.

        Raises:
            UnreadableMediaError: The chunk is cut off, or too large to be anything but samples,
                or the file has become shorter.
        """
        _require_whole(chunk)
        if chunk.size > _MAX_READ_BYTES:
            raise damaged(f"the {_printed(chunk.type)} chunk is too large for what it is")
        file.seek(chunk.start)
        data = file.read(chunk.size)
        if len(data) != chunk.size:
            raise damaged("the file became shorter while it was read")
        return data

    def require_whole(self) -> None:
        """See that the file is not cut off.

        Raises:
            UnreadableMediaError: It ends in the middle of a chunk.
        """
        for chunk in self.chunks:
            _require_whole(chunk)


def _require_whole(chunk: Chunk) -> None:
    if chunk.missing:
        raise damaged(f"the file ends in the middle of its {_printed(chunk.type)} chunk")


def put(parts: Iterable[Part], new: NewChunk, *, over: Callable[[Part], bool]) -> tuple[Part, ...]:
    """``parts`` with ``new`` in the place of the first that ``over`` is true of.

    Others that it is true of are left out; where there is none, ``new`` comes last.
    """
    result: list[Part] = []
    placed = False
    for part in parts:
        if not over(part):
            result.append(part)
        elif not placed:
            result.append(new)
            placed = True
    return tuple(result) if placed else (*result, new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where chunks are to be read, and how."""

    start: int
    """Where the first chunk begins."""
    end: int | None
    """Where the header says that the last one ends; None where it does not say."""
    file_size: int
    """Bytes of the file."""
    byte_order: ByteOrder
    """Of the sizes."""
    samples: bytes
    """The type of the chunk that holds the samples, or of the list."""
    long_sizes: Mapping[bytes, int] = field(default_factory=dict)
    """The sizes that ds64 gives, by chunk type, for chunks that refer to it."""


def walk(file: BinaryIO, extent: Extent) -> tuple[Chunk, ...]:
    """The chunks in ``extent``; each is whole up to the samples.

    Samples that are cut off can be heard all the same: they, and what comes after them, may have
    bytes missing. Whoever writes sees to it with `ChunkedFile.require_whole`.

    A size of nothing, or of as much as there can be, is what programs write that cannot go back
    to the header when they know the length: samples of such a size go on to the file's end.
    Samples are read even where the header ends before them, as some programs never correct it.

    Raises:
        UnreadableMediaError: A chunk before the samples is truncated, something else than a
            chunk comes before them, or there are none.
    """
    chunks: list[Chunk] = []
    at, limit, seen = extent.start, extent.file_size, False
    while at + 8 <= limit:
        chunk = _read_chunk(file, at, extent, is_first=not seen)
        if chunk is None:
            if seen:
                break
            raise damaged(f"there is no chunk at byte {at}, where one is due")
        chunks.append(chunk)
        at = chunk.end
        if extent.samples in {chunk.type, chunk.list_type} and not seen:
            seen = True
            if extent.end is not None:
                limit = min(max(extent.end, at), extent.file_size)
        if len(chunks) > _MAX_CHUNKS:
            raise damaged(f"the file has more than {_MAX_CHUNKS} chunks")
    if not seen:
        raise damaged(f"there is no {_printed(extent.samples)} chunk, which would hold the samples")
    return tuple(chunks)


def _read_chunk(file: BinaryIO, at: int, extent: Extent, *, is_first: bool) -> Chunk | None:
    """The chunk at ``at``; None if there is none. ``is_first``: no samples came before it."""
    file.seek(at)
    head = file.read(12)
    kind, size = head[:4], int.from_bytes(head[4:8], extent.byte_order)
    named = head[8:12] if kind == b"LIST" else kind
    if len(head) < 8 or not all(0x20 <= byte < 0x7F for byte in kind):
        return None
    start = at + 8
    room = extent.file_size - start
    is_long = size == _IN_DS64 and kind in extent.long_sizes
    if is_long:
        size = extent.long_sizes[kind]
    elif is_first and named == extent.samples:
        ends_here = extent.end is None or extent.end <= start
        if (size == 0 and ends_here) or (size > room and _is_placeholder(size)):
            size = room
    if size > room and is_first and named != extent.samples:
        raise damaged(f"the file ends in the middle of its {_printed(named)} chunk")
    missing = max(size - room, 0)
    size -= missing
    return Chunk(
        type=kind,
        start=start,
        size=size,
        missing=missing,
        padding=_padding(file, start + size, extent) if size & 1 else 0,
        list_type=head[8:12] if kind == b"LIST" and size >= 4 else b"",
        is_long=is_long,
    )


def _is_placeholder(size: int) -> bool:
    # FFmpeg writes the most that there is; sox, espeak and arecord something around 2 GiB.
    return size >= 0xFFFFF000 or 0x7F000000 <= size <= 0x80000000


def _padding(file: BinaryIO, at: int, extent: Extent) -> int:
    """How many bytes follow a chunk of an odd size; some programs forget the one that is due."""
    file.seek(at)
    after = file.read(9)
    forgotten = _looks_like_chunk(after[:8], extent) and not _looks_like_chunk(after[1:], extent)
    return 0 if forgotten else len(after[:1])


def _looks_like_chunk(head: bytes, extent: Extent) -> bool:
    size = int.from_bytes(head[4:], extent.byte_order)
    fits = size <= extent.file_size or _is_placeholder(size)
    return len(head) == 8 and fits and not head[:4].strip(_LETTERS)


def write_part(part: Part, source: BinaryIO, target: BinaryIO, byte_order: ByteOrder) -> None:
    """Write one chunk, padded to an even size; what is copied is read from ``source``.

    Raises:
        UnreadableMediaError: ``source`` has become shorter.
        ValueError: The pieces of a `StreamedChunk` are more or less than it says.
    """
    is_long = not isinstance(part, NewChunk) and part.is_long
    size = _IN_DS64 if is_long else part.size
    target.write(part.type + size.to_bytes(4, byte_order))
    if isinstance(part, NewChunk):
        target.write(part.data)
    elif isinstance(part, Chunk):
        copy_range(source, target, part.start, part.size + part.padding)
    else:
        written = sum(target.write(piece) for piece in part.pieces)
        if written != part.size:
            raise ValueError(f"{part.size} bytes are expected in the chunk, not {written}")
    if part.size & 1 and not (isinstance(part, Chunk) and part.padding):
        target.write(b"\0")


def padded_size(part: Part) -> int:
    """How many bytes `write_part` writes."""
    return 8 + part.size + (part.size & 1)


def copy_range(source: BinaryIO, target: BinaryIO, start: int, size: int) -> None:
    """Copy ``size`` bytes of ``source`` from ``start`` on, in bounded memory.

    Raises:
        UnreadableMediaError: ``source`` ends before.
    """
    source.seek(start)
    while size:
        piece = source.read(min(size, _COPY_BYTES))
        if not piece:
            raise damaged("the file became shorter while it was read")
        target.write(piece)
        size -= len(piece)


def file_size(file: BinaryIO) -> int:
    """Bytes of a file that can seek."""
    return file.seek(0, os.SEEK_END)


def _printed(kind: bytes) -> str:
    return kind.decode("ascii", "replace").strip()
