"""TIFF and BigTIFF: image file directories (IFDs), their fields, and the data they point to.

A file is parsed into values that know no offsets, so it can be changed and written again: fields,
sub-directories and picture data are laid out afresh. Source: TIFF 6.0, section 2; BigTIFF design
(libtiff); Exif 2.32, 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from labeler.containers.damage import damaged
from labeler.errors import MediaTooLargeError

__all__ = ["Entry", "Ifd", "Layout", "Run", "SubIfds", "TiffFile", "parse", "serialise"]

BYTE: Final = 1
SHORT: Final = 3
LONG: Final = 4
UNDEFINED: Final = 7
_LONG8: Final = 16

# Field type → struct code, or None for types that are kept as bytes.
_CODES: Final = {
    1: "B", 2: None, 3: "H", 4: "I", 5: None, 6: "b", 7: None, 8: "h", 9: "i", 10: None,
    11: None, 12: None, 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
# Field type → bytes per value.
_SIZES: Final = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8,
    11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}  # fmt: skip

SUB_IFDS: Final = 330
EXIF_IFD: Final = 34665
GPS_IFD: Final = 34853
INTEROPERABILITY_IFD: Final = 40965
_POINTERS: Final = (SUB_IFDS, EXIF_IFD, GPS_IFD, INTEROPERABILITY_IFD)

STRIP_OFFSETS: Final = 273
STRIP_BYTE_COUNTS: Final = 279
# Tags that say where data lies → tags that say how long its pieces are.
_RUNS: Final = ((STRIP_OFFSETS, STRIP_BYTE_COUNTS), (324, 325), (513, 514))

# More directories than this in one file are an attack, not a document.
_MAX_IFDS: Final = 10_000
_MAX_DEPTH: Final = 8
_MAX_OVERLAP: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How numbers are written in a TIFF file."""

    byte_order: str
    """``"<"`` or ``">"``, as in `struct`."""
    big: bool
    """Whether the file is BigTIFF, with 64-bit offsets."""

    @property
    def word(self) -> str:
        """Struct code of an offset."""
        return "Q" if self.big else "I"

    @property
    def word_bytes(self) -> int:
        """Bytes of an offset, and of the field that holds small values inline."""
        return 8 if self.big else 4

    @property
    def magic(self) -> bytes:
        """The file's first bytes, before the offset of the first directory."""
        mark = b"II" if self.byte_order == "<" else b"MM"
        if self.big:
            return mark + struct.pack(self.byte_order + "HHH", 43, 8, 0)
        return mark + struct.pack(self.byte_order + "H", 42)

    def pack(self, code: str, *values: int) -> bytes:
        """The bytes of ``values``, each of the struct code ``code``."""
        return struct.pack(f"{self.byte_order}{len(values)}{code}", *values)


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory."""

    tag: int
    type: int
    """Field type, TIFF 6.0 section 2."""
    count: int
    """Number of values."""
    value: bytes
    """The values in the file's byte order."""

    def numbers(self, layout: Layout) -> tuple[int, ...]:
        """The values as integers; empty for fields that hold text, bytes or fractions."""
        code = _CODES[self.type]
        if code is None:
            return ()
        return struct.unpack(f"{layout.byte_order}{self.count}{code}", self.value)


@dataclass(frozen=True, slots=True)
class Run:
    """Data in pieces that a directory points to: strips, tiles, or a thumbnail."""

    offsets_tag: int
    counts_tag: int
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SubIfds:
    """Directories that a field points to."""

    tag: int
    ifds: tuple[Ifd, ...]


@dataclass(frozen=True, slots=True)
class Ifd:
    """One image file directory."""

    entries: tuple[Entry, ...]
    """All fields but those that are in ``runs`` and ``sub_ifds``."""
    runs: tuple[Run, ...] = ()
    sub_ifds: tuple[SubIfds, ...] = ()

    def get(self, tag: int) -> Entry | None:
        """The field with this tag."""
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def run(self, offsets_tag: int) -> Run | None:
        """The data whose offsets stand under this tag."""
        return next((run for run in self.runs if run.offsets_tag == offsets_tag), None)

    def with_entries(self, entries: Iterable[Entry], *, without: Iterable[int] = ()) -> Ifd:
        """The directory with ``entries`` added or in place of those with their tags."""
        new = tuple(entries)
        dropped = {entry.tag for entry in new} | set(without)
        kept = tuple(entry for entry in self.entries if entry.tag not in dropped)
        return replace(self, entries=kept + new)


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffFile:
    """A TIFF file."""

    layout: Layout
    ifds: tuple[Ifd, ...]
    """The main chain: one directory a page."""


def parse(data: bytes, *, with_runs: bool = True) -> TiffFile:
    """Take a TIFF file (or the TIFF structure of an Exif block) apart.

    Args:
        data: The file.
        with_runs: Whether to take along the data that the directories point to; without it the
            fields that point stay in `Ifd.entries`.

    Raises:
        UnreadableMediaError: The file is truncated or its directories do not hold together.
    """
    reader = _Reader(data, with_runs=with_runs)
    offset = reader.first_offset
    ifds = []
    while offset:
        ifd, offset = reader.ifd(offset, depth=0)
        ifds.append(ifd)
    return TiffFile(layout=reader.layout, ifds=tuple(ifds))


class _Reader:
    def __init__(self, data: bytes, *, with_runs: bool) -> None:
        self._data = data
        self._with_runs = with_runs
        self._seen: set[int] = set()
        # Pieces that overlap could make a small file fill the memory.
        self._budget = _MAX_OVERLAP * len(data)
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            raise damaged("the TIFF file has no header")
        version = struct.unpack(order + "H", data[2:4])[0]
        if version not in {42, 43}:
            raise damaged("the TIFF file's header is wrong")
        self.layout = Layout(byte_order=order, big=version == 43)
        self.first_offset = self._number(self.layout.word, len(self.layout.magic))

    def _bytes(self, offset: int, count: int) -> bytes:
        if offset < 0 or count < 0 or offset + count > len(self._data):
            raise damaged("the TIFF file points behind its own end")
        self._budget -= count
        if self._budget < 0:
            raise damaged("the TIFF file's parts lie on top of each other")
        return self._data[offset : offset + count]

    def _number(self, code: str, offset: int) -> int:
        packed = self._bytes(offset, struct.calcsize("=" + code))
        number: int = struct.unpack(self.layout.byte_order + code, packed)[0]
        return number

    def ifd(self, offset: int, *, depth: int) -> tuple[Ifd, int]:
        """The directory at ``offset``, and the offset of the one that follows it."""
        if offset in self._seen or len(self._seen) >= _MAX_IFDS or depth > _MAX_DEPTH:
            raise damaged("the TIFF file's directories run in a circle")
        self._seen.add(offset)
        count_code = "Q" if self.layout.big else "H"
        count = self._number(count_code, offset)
        start = offset + (8 if self.layout.big else 2)
        size = 4 + 2 * self.layout.word_bytes
        if start + count * size > len(self._data):
            raise damaged("the TIFF file ends in the middle of a directory")
        entries = []
        for position in range(start, start + count * size, size):
            entry = self._entry(position)
            if entry is not None:
                entries.append(entry)
        end = start + count * size
        # Some writers leave the last pointer out.
        has_next = end + self.layout.word_bytes <= len(self._data)
        follows = self._number(self.layout.word, end) if has_next else 0
        return self._resolve(entries, depth=depth), follows

    def _entry(self, position: int) -> Entry | None:
        tag = self._number("H", position)
        kind = self._number("H", position + 2)
        if kind not in _SIZES:  # readers skip field types that they do not know (TIFF 6.0)
            return None
        word = self.layout.word_bytes
        count = self._number(self.layout.word, position + 4)
        size = count * _SIZES[kind]
        at = position + 4 + word
        if size > word:
            at = self._number(self.layout.word, at)
        return Entry(tag, kind, count, self._bytes(at, size))

    def _resolve(self, entries: list[Entry], *, depth: int) -> Ifd:
        """The directory with what its fields point to in place of the pointers."""
        by_tag = {entry.tag: entry for entry in entries}
        runs = []
        sub_ifds = []
        for offsets_tag, counts_tag in _RUNS if self._with_runs else ():
            offsets, counts = by_tag.get(offsets_tag), by_tag.get(counts_tag)
            if offsets is None or counts is None:
                continue
            spans = zip(offsets.numbers(self.layout), counts.numbers(self.layout), strict=False)
            pieces = tuple(self._bytes(*span) for span in spans)
            runs.append(Run(offsets_tag, counts_tag, pieces))
            del by_tag[offsets_tag], by_tag[counts_tag]
        for tag in _POINTERS:
            if tag in by_tag:
                targets = by_tag.pop(tag).numbers(self.layout)
                ifds = tuple(self.ifd(offset, depth=depth + 1)[0] for offset in targets)
                sub_ifds.append(SubIfds(tag, ifds))
        return Ifd(tuple(by_tag.values()), tuple(runs), tuple(sub_ifds))


def serialise(file: TiffFile) -> bytes:
    """The file's bytes; `parse` of them gives ``file`` again, its fields sorted by tag.

    Raises:
        MediaTooLargeError: A file that is not BigTIFF would pass 4 GiB.
    """
    writer = _Writer(file.layout)
    for ifd in file.ifds:
        writer.append(ifd)
    return bytes(writer.buffer)


class _Writer:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.buffer = bytearray(layout.magic)
        self._pointer = len(self.buffer)  # where the next directory's offset belongs
        self.buffer += bytes(layout.word_bytes)

    def append(self, ifd: Ifd) -> None:
        """Write ``ifd`` and hang it behind the one written before."""
        pointer = self._pointer
        offset = self._ifd(ifd)
        self.buffer[pointer : pointer + self._layout.word_bytes] = self._offset(offset)

    def _offset(self, offset: int) -> bytes:
        if not self._layout.big and offset >= 1 << 32:
            raise MediaTooLargeError(
                "the TIFF file would pass 4 GiB", hint="Split its pages over several files"
            )
        return self._layout.pack(self._layout.word, offset)

    def _place(self, data: bytes) -> int:
        """Write ``data`` at an even offset, and say which."""
        self.buffer += bytes(len(self.buffer) & 1)
        offset = len(self.buffer)
        self.buffer += data
        return offset

    def _ifd(self, ifd: Ifd) -> int:
        entries = list(ifd.entries)
        for run in ifd.runs:
            offsets = [self._place(piece) for piece in run.pieces]
            entries.append(self._pointer_entry(run.offsets_tag, offsets))
            counts = [len(piece) for piece in run.pieces]
            code = self._layout.pack("I", *counts)
            entries.append(Entry(run.counts_tag, LONG, len(counts), code))
        for sub in ifd.sub_ifds:
            offsets = [self._ifd(child) for child in sub.ifds]
            entries.append(self._pointer_entry(sub.tag, offsets))
        fields = [self._field(entry) for entry in sorted(entries, key=lambda entry: entry.tag)]
        count = self._layout.pack("Q" if self._layout.big else "H", len(fields))
        offset = self._place(count + b"".join(fields))
        self._pointer = len(self.buffer)
        self.buffer += bytes(self._layout.word_bytes)
        return offset

    def _pointer_entry(self, tag: int, offsets: list[int]) -> Entry:
        kind = _LONG8 if self._layout.big else LONG
        return Entry(tag, kind, len(offsets), b"".join(map(self._offset, offsets)))

    def _field(self, entry: Entry) -> bytes:
        head = self._layout.pack("H", entry.tag, entry.type)
        head += self._layout.pack(self._layout.word, entry.count)
        word = self._layout.word_bytes
        if len(entry.value) <= word:
            return head + entry.value.ljust(word, b"\0")
        return head + self._offset(self._place(entry.value))


def with_first_ifd_entry(data: bytes, tag: int, kind: int, value: bytes) -> bytes:
    """The file with one field of bytes set in its first directory; nothing else moves.

    The new directory and value are appended, and the header points to them: offsets that only
    their makers know (maker notes) stay right, and so do the other directories.

    Args:
        data: A TIFF file.
        tag: The field's tag; a field with this tag is replaced.
        kind: `BYTE` or `UNDEFINED`.
        value: The field's bytes.

    Raises:
        UnreadableMediaError: The file is truncated.
        MediaTooLargeError: A file that is not BigTIFF would pass 4 GiB.
    """
    file = parse(data, with_runs=False)
    if not file.ifds:
        raise damaged("the TIFF file holds no picture")
    layout = file.layout
    number = struct.Struct(layout.byte_order + layout.word)
    head = len(layout.magic)
    first = number.unpack_from(data, head)[0]
    count_code = layout.byte_order + ("Q" if layout.big else "H")
    count = struct.unpack_from(count_code, data, first)[0]
    start, size = first + struct.calcsize(count_code), 4 + 2 * layout.word_bytes
    end = start + count * size
    fields = [data[at : at + size] for at in range(start, end, size)]
    follows = data[end : end + layout.word_bytes].ljust(layout.word_bytes, b"\0")
    writer = bytearray(data)
    writer += bytes(len(writer) & 1)
    offset = len(writer)
    writer += value + bytes(len(value) & 1)
    if not layout.big and len(writer) + end - first + size + 4 >= 1 << 32:
        raise MediaTooLargeError("the TIFF file would pass 4 GiB", hint="Split its pages")
    inline = value.ljust(layout.word_bytes, b"\0")
    where = inline if len(value) <= layout.word_bytes else number.pack(offset)
    new = layout.pack("H", tag, kind) + number.pack(len(value)) + where
    tag_of = struct.Struct(layout.byte_order + "H").unpack_from
    fields = sorted([*(field for field in fields if tag_of(field)[0] != tag), new], key=tag_of)
    writer[head : head + layout.word_bytes] = number.pack(len(writer))
    writer += struct.pack(count_code, len(fields)) + b"".join(fields) + follows
    return bytes(writer)
