"""WAV and AVI: RIFF, and the forms of WAV for more than 4 GiB.

Sources: "Multimedia Programming Interface and Data Specifications 1.0" (Microsoft and IBM, 1991);
EBU Tech 3306 (RF64); Recommendation ITU-R BS.2088 (BW64).

parsed = parse(file)
write(file, target, parsed, put(parsed.chunks, NewChunk(b"id3 ", tag), over=is_id3))
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from labeler.containers import splice
from labeler.containers.chunks import (
    Chunk,
    ChunkedFile,
    Extent,
    NewChunk,
    Part,
    copy_range,
    file_size,
    padded_size,
    walk,
    write_part,
)
from labeler.containers.damage import damaged

__all__ = ["AVI", "WAVE", "new_chunk", "parse", "parts", "whole", "write"]

WAVE: Final = b"WAVE"
AVI: Final = b"AVI "
"""What a RIFF file holds."""
# The chunk with what is played; in AVI it is a list.
_SAMPLES: Final = {WAVE: b"data", AVI: b"movi", b"AVIX": b"movi"}
_AVI_PART: Final = b"AVIX"
_LONG_FORMS: Final = frozenset({b"RF64", b"BW64"})
_MOST: Final = 0xFFFFFFFF
# RIFF size, size of data, frames, entries in the table that follows.
_DS64: Final = struct.Struct("<QQQI")
_ENTRY: Final = struct.Struct("<4sQ")
_JUNK: Final = frozenset({b"JUNK", b"junk", b"PAD "})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ds64:
    """The sizes that do not fit into 32 bits."""

    riff_size: int
    data_size: int
    frames: int
    rest: bytes = field(repr=False, default=struct.pack("<I", 0))
    """The number of entries of the table, the table, and what follows it in the chunk."""

    def sizes(self) -> Mapping[bytes, int]:
        count = int.from_bytes(self.rest[:4], "little")
        table = self.rest[4 : 4 + min(count, len(self.rest) // _ENTRY.size) * _ENTRY.size]
        whole = table[: len(table) // _ENTRY.size * _ENTRY.size]
        return dict(_ENTRY.iter_unpack(whole)) | {b"data": self.data_size}

    def to_bytes(self) -> bytes:
        return struct.pack("<QQQ", self.riff_size, self.data_size, self.frames) + self.rest


def parse(file: BinaryIO, *, kind: bytes = WAVE, start: int = 0) -> ChunkedFile:
    """The chunks of a WAV or AVI file, which must be able to seek.

    Of an AVI file that goes on in further `parts` they are those of the first.

    Args:
        file: The file.
        kind: `WAVE` or `AVI`.
        start: Where it begins.

    Raises:
        UnreadableMediaError: The file is no RIFF of this kind, or it ends before its samples.
    """
    size = file_size(file)
    file.seek(start)
    head = file.read(12)
    form = head[:4]
    if form not in ({b"RIFF", *_LONG_FORMS} if kind == WAVE else {b"RIFF"}) or head[8:] != kind:
        name = kind.decode().replace("WAVE", "WAV").strip()
        raise damaged(f"the {name} file does not begin with its header")
    claimed = int.from_bytes(head[4:8], "little")
    sizes: Mapping[bytes, int] = {}
    if form in _LONG_FORMS:
        ds64 = _read_ds64(file)
        sizes = ds64.sizes()
        claimed = ds64.riff_size if claimed == _MOST else claimed
    end = None if claimed in {0, _MOST} else start + 8 + claimed
    chunks = walk(
        file,
        Extent(
            start=start + 12,
            end=end,
            file_size=size,
            byte_order="little",
            samples=_SAMPLES[kind],
            long_sizes=sizes,
        ),
    )
    return ChunkedFile(form=form, kind=kind, chunks=chunks, end=chunks[-1].end, size=size)


def parts(file: BinaryIO) -> tuple[ChunkedFile, ...]:
    """The chunks of each part of an AVI file (OpenDML AVI 1.02, 3); most files have one.

    Raises:
        UnreadableMediaError: As `parse`.
    """
    found = [parse(file, kind=AVI)]
    while True:
        file.seek(found[-1].end)
        # Some parts have room for less than a chunk at their end.
        at = file.read(20).find(_AVI_PART)
        if at < 8:
            return tuple(found)
        found.append(parse(file, kind=_AVI_PART, start=found[-1].end + at - 8))


def whole(chunk: Chunk) -> tuple[splice.Part, ...]:
    """A chunk with its header, which may have held no more than a placeholder for its size."""
    return (
        *_head(chunk.type, chunk.size),
        splice.Span(chunk.start, chunk.start + chunk.size),
        bytes(chunk.size & 1),
    )


def new_chunk(kind: bytes, data: bytes) -> tuple[splice.Part, ...]:
    """A chunk that holds ``data``."""
    return (*_head(kind, len(data)), data, bytes(len(data) & 1))


def _head(kind: bytes, size: int) -> tuple[bytes, ...]:
    return kind, size.to_bytes(4, "little")


def _read_ds64(file: BinaryIO) -> _Ds64:
    file.seek(12)
    head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    data = file.read(min(size, 1 << 20))
    if head[:4] != b"ds64" or len(data) < _DS64.size:
        raise damaged("the RF64 file does not begin with its ds64 chunk")
    riff_size, data_size, frames, _ = _DS64.unpack_from(data)
    return _Ds64(riff_size=riff_size, data_size=data_size, frames=frames, rest=data[24:])


def write(source: BinaryIO, target: BinaryIO, parsed: ChunkedFile, parts: Iterable[Part]) -> None:
    """Write a WAV file of ``parts``, and then what followed the last chunk in ``source``.

    A file that has become larger than 4 GiB is written as RF64.

    Args:
        source: The file that the chunks among ``parts`` are copied from.
        target: An empty file.
        parsed: What `parse` gave for ``source``.
        parts: Its chunks, with others in the place of some of them; ds64 is seen to.

    Raises:
        UnreadableMediaError: ``source`` is truncated, or has become shorter.
    """
    parsed.require_whole()
    body = [part for part in parts if part.type != b"ds64"]
    size = 4 + sum(padded_size(part) for part in body)
    form = parsed.form
    if form in _LONG_FORMS or size > _MOST:
        form = form if form in _LONG_FORMS else b"RF64"
        ds64 = _read_ds64(source) if parsed.form in _LONG_FORMS else None
        body = _with_ds64(body, ds64)
        size = _MOST
    target.write(form + size.to_bytes(4, "little") + b"WAVE")
    for part in body:
        write_part(part, source, target, "little")
    copy_range(source, target, parsed.end, parsed.size - parsed.end)


def _with_ds64(body: list[Part], old: _Ds64 | None) -> list[Part]:
    """``body`` behind a ds64 chunk that says how large it is."""
    if old is None and body and body[0].type in _JUNK and body[0].size >= 28:
        # Room that was left for it.
        room = body.pop(0).size
        old = _Ds64(riff_size=0, data_size=0, frames=0, rest=bytes(room - 24))
    old = old or _Ds64(riff_size=0, data_size=0, frames=0)
    body = [_referring(part) for part in body]
    data = next((part.size for part in body if part.type == b"data"), 0)
    size = 4 + sum(padded_size(part) for part in (NewChunk(b"ds64", old.to_bytes()), *body))
    return [NewChunk(b"ds64", replace(old, riff_size=size, data_size=data).to_bytes()), *body]


def _referring(part: Part) -> Part:
    """``part``, referring to ds64 for its size if that is needed."""
    if isinstance(part, NewChunk) or part.type != b"data" or part.size < _MOST:
        return part
    return replace(part, is_long=True)
