"""HEIF and AVIF files written again: with an item added, or packed afresh."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from labeler.containers import bmff
from labeler.containers.bmff import make_box
from labeler.containers.damage import damaged
from labeler.containers.heif import (
    HeifFile,
    Item,
    locations_box,
    moved_locations,
    read_locations,
    serialise_meta,
)

__all__ = ["pack", "rewrite", "with_inline_track_items"]

# Boxes on the way to the tables of offsets of a track → bytes in front of the boxes in them.
_NESTS: Final = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"meta": 4}
_OFFSETS: Final = {b"stco": "I", b"co64": "Q"}


def rewrite(file: HeifFile) -> bytes:
    """The file with its items as they are now; nothing that lies in it is moved within its box.

    Items with new data are appended; offsets of the others follow the meta box's new length.

    Raises:
        UnreadableMediaError: An offset does not fit where it is to be written.
    """
    try:
        return _rewritten(file)
    except (OverflowError, struct.error) as exc:
        raise damaged("the file's tables of offsets do not hold together") from exc


def _rewritten(file: HeifFile) -> bytes:
    placed = list(file.items)
    meta = next(box for box in file.boxes if box.type == b"meta")
    # The length of the meta box does not depend on the offsets in it, but for 32 or 64 bits.
    length = len(serialise_meta(file, _placed(placed, lambda offset: offset, len(file.source))))
    for _ in range(2):
        shift = length - len(meta.raw)

        def moved(offset: int, shift: int = shift) -> int:
            return offset + shift if offset >= meta.end else offset

        new_meta = serialise_meta(file, _placed(placed, moved, len(file.source) + shift + 8))
        length = len(new_meta)
    parts = []
    for box in file.boxes:
        if box is meta:
            parts.append(new_meta)
        elif box.type == b"moov":
            parts.append(_moved_tracks(box.raw, moved))
        else:
            parts.append(_closed(box))
    fresh = [item.data for item in placed if item.data is not None]
    if fresh:
        parts.append(make_box(b"mdat", *fresh))
    return b"".join(parts)


def pack(file: HeifFile) -> bytes:
    """The file with every item's data in one new mdat box, and no other.

    For files without tracks, whose samples would be lost.
    """
    loaded = [
        replace(item, data=file.content(item), method=0) if item.spans or item.data else item
        for item in file.items
    ]
    rest = [box for box in file.boxes if box.type not in {b"ftyp", b"meta", b"mdat"}]
    bare = replace(file, meta=tuple(box for box in file.meta if box.type != b"idat"))
    head = b"".join(box.raw for box in file.boxes if box.type == b"ftyp")
    tail = b"".join(_closed(box) for box in rest)

    def nowhere(offset: int) -> int:
        return offset

    length = len(serialise_meta(bare, _placed(loaded, nowhere, 0)))
    start = len(head) + length + len(tail) + 8
    meta = serialise_meta(bare, _placed(loaded, nowhere, start))
    fresh = [item.data for item in loaded if item.data is not None]
    return b"".join([head, meta, tail, make_box(b"mdat", *fresh)])


def with_inline_track_items(data: bytes) -> bytes:
    """The file with the metadata items of its tracks in the tracks' own idat boxes.

    Signing for C2PA moves what lies behind the file's first boxes, and follows the offsets of
    samples and of the file's items, but not those of the items in tracks.
    """
    top = bmff.boxes(data)
    moov = next((box for box in top if box.type == b"moov"), None)
    if moov is None:
        return data
    inlined = _inlined(moov, data)
    shift = len(inlined) - len(moov.raw)

    def moved(offset: int) -> int:
        return offset + shift if offset >= moov.end else offset

    parts = []
    for box in top:
        raw = inlined if box is moov else box.raw
        parts.append(_moved_tracks(raw, moved) if box.type in {b"moov", b"meta"} else raw)
    return b"".join(parts)


def _inlined(box: bmff.Box, data: bytes) -> bytes:
    """A moov or trak box whose meta boxes hold their items themselves."""
    if box.type == b"meta":
        return _inlined_meta(box, data)
    if box.type not in {b"moov", b"trak"}:
        return box.raw
    return make_box(box.type, *(_inlined(child, data) for child in bmff.boxes(box.body)))


def _inlined_meta(box: bmff.Box, data: bytes) -> bytes:
    children = bmff.boxes(box.body[4:])
    locations = next((child.body for child in children if child.type == b"iloc"), b"")
    if not locations or any(child.type == b"idat" for child in children):
        return box.raw
    items, contents, end = [], [], 0
    for number, (_, spans) in read_locations(locations).items():
        content = b"".join(data[offset : offset + length] for offset, length in spans)
        span = (end, len(content))
        items.append(Item(id=number, type=b"", info=b"", spans=(span,), method=1))
        contents.append(content)
        end += len(content)
    kept = [child.raw for child in children if child.type != b"iloc"]
    id_size = 4 if any(item.id >= 1 << 16 for item in items) else 2
    store = make_box(b"idat", *contents)
    return make_box(b"meta", box.body[:4], *kept, locations_box(items, id_size), store)


def _placed(items: list[Item], moved: Callable[[int], int], end: int) -> list[Item]:
    """Items with the spans that they will have; new data begins at ``end``."""
    result = []
    for item in items:
        if item.data is not None:
            result.append(replace(item, spans=((end, len(item.data)),), method=0))
            end += len(item.data)
        elif item.method == 0:
            spans = tuple((moved(offset), length) for offset, length in item.spans)
            result.append(replace(item, spans=spans))
        else:
            result.append(item)
    return result


def _closed(box: bmff.Box) -> bytes:
    """The box with its own size, in place of "to the end of the file"."""
    if box.raw[:4] != b"\0\0\0\0":
        return box.raw
    return make_box(box.type, box.body)


def _moved_tracks(raw: bytes, moved: Callable[[int], int]) -> bytes:
    """A moov box, or one in it, whose offsets are those of the new file; its length is the same."""
    (box,) = bmff.boxes(raw)
    header, body = raw[: box.header_bytes], box.body
    if box.type in _OFFSETS:
        code = _OFFSETS[box.type]
        count = (len(body) - 8) // struct.calcsize("=" + code)
        offsets = struct.unpack_from(f">{count}{code}", body, 8)
        packed = struct.pack(f">{count}{code}", *map(moved, offsets))
        return header + body[:8] + packed + body[8 + len(packed) :]
    if box.type == b"iloc":
        return header + moved_locations(body, moved)
    if box.type in _NESTS:
        start = _NESTS[box.type]
        children = bmff.boxes(body[start:])
        end = start + children[-1].end if children else start
        parts = [_moved_tracks(child.raw, moved) for child in children]
        return b"".join([header, body[:start], *parts, body[end:]])
    return raw
