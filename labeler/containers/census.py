"""How many parts a file is made of, counted without reading what is in them.

Who reads a file part by part takes time for each, however small it is: a file made to exhaust its
reader is nothing but parts. Every count here ends soon after it has passed ``most``, and takes
memory that does not grow with the file; what is damaged ends it too, since no reader goes on there.

Sources: ISO/IEC 14496-12, 4.2 (boxes); ITU-T T.81, Annex B (JPEG); W3C PNG specification, third
edition, 5; "Multimedia Programming Interface and Data Specifications 1.0", chapter 2 (RIFF);
GIF89a, 17 to 26; TIFF 6.0, section 2, and BigTIFF as libtiff documents it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers.chunks import file_size

__all__ = [
    "count_boxes",
    "count_gif_blocks",
    "count_jpeg_segments",
    "count_png_chunks",
    "count_riff_chunks",
    "count_tiff",
]

# Boxes that hold boxes and little else, in films and pictures alike.
_NESTS: Final = frozenset(
    b"moov trak edts tref treg mdia minf dinf stbl udta mvex moof traf mfra meta schi".split()
)
_POINTERS: Final = frozenset({330, 34665, 34853, 40965})
"""TIFF fields that lead to directories: SubIFDs, Exif, GPS, interoperability."""


def count_boxes(file: BinaryIO, *, most: int) -> int:
    """The boxes of an ISO base media file, those in others too; at most ``most`` + 1."""
    count = 0
    pending = [(0, file_size(file))]
    while pending:
        position, end = pending.pop()
        while position + 8 <= end:
            head = _at(file, position, 16)
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(head[8:16], "big"), 16
            count += 1
            if count > most:
                return count
            if size < header or position + size > end:
                break
            if head[4:8] in _NESTS:
                pending.append((position + header, position + size))
            if head[4:8] == b"meta":  # QuickTime's has no version in front of what it holds
                pending.append((position + header + 4, position + size))
            position += size
    return count


def count_jpeg_segments(file: BinaryIO, *, most: int) -> int:
    """The segments and fill bytes in front of a JPEG's first scan; at most ``most`` + 1."""
    count, position = 0, 2
    while count <= most:
        head = _at(file, position, 4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in {0xD9, 0xDA}:
            break
        count += 1
        if head[1] == 0xFF:
            position += 1
        elif head[1] == 0x01 or 0xD0 <= head[1] <= 0xD7:  # markers without a length
            position += 2
        else:
            position += 2 + int.from_bytes(head[2:], "big")
    return count


def count_png_chunks(file: BinaryIO, *, most: int) -> int:
    """The chunks of a PNG file up to IEND; at most ``most`` + 1."""
    count, position, end = 0, 8, file_size(file)
    while position + 12 <= end and count <= most:
        head = _at(file, position, 8)
        count += 1
        if head[4:] == b"IEND":
            break
        position += 12 + int.from_bytes(head[:4], "big")
    return count


def count_riff_chunks(file: BinaryIO, *, most: int) -> int:
    """The chunks of a RIFF file, not those in lists; at most ``most`` + 1."""
    count, position, end = 0, 12, file_size(file)
    while position + 8 <= end and count <= most:
        size = int.from_bytes(_at(file, position, 8)[4:], "little")
        count += 1
        position += 8 + size + (size & 1)
    return count


def count_gif_blocks(file: BinaryIO, *, most: int) -> int:
    """The blocks of a GIF file and the sub-blocks in them; at most ``most`` + 1."""
    count, end = 0, file_size(file)
    position = 13 + _colours(_at(file, 10, 1))
    while position < end and count <= most:
        head = _at(file, position, 10)
        if head[:1] == b"\x21":
            position += 2
        elif head[:1] == b"\x2c":
            position += 11 + _colours(head[9:])
        else:
            break
        count += 1
        while position < end and count <= most:
            size = _at(file, position, 1)[0]
            count += 1
            position += 1 + size
            if not size:
                break
    return count


def count_tiff(file: BinaryIO, *, most: int) -> int:
    """The directories of a TIFF file, their fields, and what leads to others; at most ``most`` + 1.

    Directories may lie on top of each other: a small file can have a great many fields.
    """
    head = _at(file, 0, 16)
    form = _Tiff.of(head)
    if form is None:
        return 0
    count, seen = 0, set[int]()
    pending = list(form.offsets(head[8:] if form.is_big else head[4:], 1))
    while pending and count <= most:
        offset = pending.pop()
        if not offset or offset in seen:
            continue
        seen.add(offset)
        count += 1
        start, fields = form.fields(file, offset, most - count + 1)
        whole = len(fields) // form.field_bytes
        count += whole
        for at in range(0, whole * form.field_bytes, form.field_bytes):
            found = form.targets(file, fields[at : at + form.field_bytes], most)
            count += len(found)  # each is followed, wherever it leads
            if count > most:
                return most + 1
            pending.extend(found)
        follows = _at(file, start + whole * form.field_bytes, form.word_bytes)
        pending.extend(form.offsets(follows, 1))
    return min(count, most + 1)


@dataclass(frozen=True, slots=True)
class _Tiff:
    """How numbers are written in a TIFF file."""

    order: str
    is_big: bool

    @classmethod
    def of(cls, head: bytes) -> _Tiff | None:
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            return None
        version = struct.unpack_from(order + "H", head, 2)[0]
        return cls(order, version == 43) if version in {42, 43} else None

    @property
    def word_bytes(self) -> int:
        """Bytes of an offset."""
        return 8 if self.is_big else 4

    @property
    def field_bytes(self) -> int:
        """Bytes of a field in its directory."""
        return 20 if self.is_big else 12

    def fields(self, file: BinaryIO, offset: int, most: int) -> tuple[int, bytes]:
        """Where a directory's fields begin, and up to ``most`` of them."""
        width = 8 if self.is_big else 2
        code = self.order + ("Q" if self.is_big else "H")
        packed = _at(file, offset, width)
        number = struct.unpack(code, packed)[0] if len(packed) == width else 0
        return offset + width, _at(file, offset + width, min(number, most) * self.field_bytes)

    def targets(self, file: BinaryIO, field: bytes, most: int) -> tuple[int, ...]:
        """The directories that a field leads to."""
        tag, kind = struct.unpack_from(self.order + "HH", field)
        if tag not in _POINTERS:
            return ()
        word = self.word_bytes
        number = struct.unpack_from(self.order + "xxxx" + self._code, field)[0]
        width = 8 if kind in {16, 18} else 4
        value = field[4 + word :]
        if number * width > word:
            at = struct.unpack(self.order + self._code, value)[0]
            value = _at(file, at, min(number, most + 1) * width)
        return self.offsets(value, number, width)

    def offsets(self, packed: bytes, number: int, width: int = 0) -> tuple[int, ...]:
        """Up to ``number`` offsets of ``width`` bytes (0: those of this form) in ``packed``."""
        width = width or self.word_bytes
        number = min(number, len(packed) // width)
        code = f"{self.order}{number}{'Q' if width == 8 else 'I'}"
        return struct.unpack_from(code, packed)

    @property
    def _code(self) -> str:
        return "Q" if self.is_big else "I"


def _at(file: BinaryIO, position: int, count: int) -> bytes:
    """Up to ``count`` bytes at ``position``; fewer at the file's end, and none far behind it."""
    try:
        file.seek(position)
    except (OSError, OverflowError):
        return b""
    return file.read(count)


def _colours(flags: bytes) -> int:
    """Bytes of the colour table that a GIF descriptor's flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
