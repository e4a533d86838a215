"""Multi-picture format: the index of pictures that follow the first one in a JPEG file.

Phones keep previews and the gain map of HDR pictures there. The index holds offsets, which must
follow when the file's first picture changes its length. Source: CIPA DC-007-2009, section 5.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Final

from labeler.containers import jpeg

__all__ = ["with_moved_pictures"]

_SIGNATURE: Final = b"MPF\0"
_ENTRIES_TAG: Final = 0xB002
_ENTRY_BYTES: Final = 16


def with_moved_pictures(file: jpeg.JpegFile, *, before: jpeg.JpegFile) -> jpeg.JpegFile:
    """``file`` with an index of pictures that fits it.

    Args:
        file: The new file; its tail is that of ``before``.
        before: The file for which the index was right.
    """
    old_head, new_head = _index_position(before), _index_position(file)
    if old_head is None or new_head is None:
        return file
    old_end, new_end = _length(before), _length(file)
    shift = (new_end - new_head) - (old_end - old_head)
    segments = tuple(
        replace(segment, payload=_patched(segment.payload, new_end, shift))
        if segment.holds(jpeg.APP2, _SIGNATURE)
        else segment
        for segment in file.segments
    )
    return replace(file, segments=segments)


def _length(file: jpeg.JpegFile) -> int:
    """Bytes of the first picture, from SOI to EOI."""
    return 2 + len(jpeg.header_bytes(file.segments)) + len(file.scans)


def _index_position(file: jpeg.JpegFile) -> int | None:
    """Where the index begins to which offsets are relative; None where there is none."""
    position = 2
    for segment in file.segments:
        if segment.holds(jpeg.APP2, _SIGNATURE):
            return position + 4 + len(_SIGNATURE)
        position += 4 + len(segment.payload)
    return None


def _patched(payload: bytes, length: int, shift: int) -> bytes:
    """The index with the first picture's length set and the others' offsets moved."""
    body = bytearray(payload)
    found = _entries(payload)
    if found is None:
        return payload
    order, start, count = found
    for number in range(count):
        at = start + number * _ENTRY_BYTES
        size, offset = struct.unpack_from(order + "II", body, at + 4)
        # The first picture's offset is 0 by definition.
        size, offset = (length, offset) if number == 0 else (size, offset and offset + shift)
        struct.pack_into(order + "II", body, at + 4, size & 0xFFFFFFFF, offset & 0xFFFFFFFF)
    return bytes(body)


def _entries(payload: bytes) -> tuple[str, int, int] | None:
    """Byte order, position and number of the index's entries; None for an index that is damaged."""
    base = len(_SIGNATURE)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(payload[base : base + 4])
    if order is None:
        return None
    try:
        ifd = base + struct.unpack_from(order + "I", payload, base + 4)[0]
        for number in range(struct.unpack_from(order + "H", payload, ifd)[0]):
            tag, _, size, offset = struct.unpack_from(
                order + "HHII", payload, ifd + 2 + 12 * number
            )
            if tag == _ENTRIES_TAG and base + offset + size <= len(payload):
                return order, base + offset, size // _ENTRY_BYTES
    except struct.error:
        return None
    return None
