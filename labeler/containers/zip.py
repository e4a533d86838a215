"""ZIP archives: the directory read strictly, entries replaced and added beside untouched others.

An archive that two readers could take for two different ones is refused: entries that overlap or
share a name, a local header that contradicts the directory, bytes behind the end record. Source:
PKWARE APPNOTE 6.3.10, 4.3 (records) and 4.4 (fields).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from labeler.containers.chunks import file_size
from labeler.containers.damage import damaged
from labeler.containers.splice import Part, Span, blocks, total
from labeler.errors import UnsupportedMediaError

__all__ = [
    "CRC_IN_LOCAL",
    "CRC_IN_RECORD",
    "DEFLATED",
    "RECORD_BYTES",
    "STORED",
    "Archive",
    "Entry",
    "content",
    "edited",
    "extent",
    "parse",
]

STORED: Final = 0
DEFLATED: Final = 8
CRC_IN_LOCAL: Final = 14
"""Where the checksum stands in a local header, bytes from its start."""
CRC_IN_RECORD: Final = 16
"""Where it stands in a record of the directory."""

RECORD_BYTES: Final = 46
"""How long a record is without the entry's name."""

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_RECORD: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_LOCAL_SIGN: Final = b"PK\x03\x04"
_RECORD_SIGN: Final = b"PK\x01\x02"
_END_SIGN: Final = b"PK\x05\x06"
_DESCRIPTOR_SIGN: Final = b"PK\x07\x08"
_DESCRIPTOR_BYTES: Final = 12
"""Checksum and both sizes; a signature in front is usual."""
_LOCATOR_64: Final = b"PK\x06\x07"
_LOCATOR_64_BYTES: Final = 20
_MOST_COMMENT: Final = 0xFFFF
_MOST: Final = 0xFFFFFFFF
_MOST_ENTRIES: Final = 0xFFFF
# The directory of a document: ten thousand parts take about a megabyte.
_MOST_DIRECTORY: Final = 16 << 20
# Traditional encryption, strong encryption, masked headers.
_ENCRYPTED: Final = 1 | 1 << 6 | 1 << 13
_SIZES_FOLLOW: Final = 1 << 3
_IS_UTF8: Final = 1 << 11
_OLDEST_DATE: Final = 0x21
"""1 January 1980: what is written does not tell when."""
_VERSION: Final = 20
_OFFSET_IN_RECORD: Final = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file in an archive."""

    name: str
    method: int
    """`STORED`, `DEFLATED`, or one that cannot be read here."""
    crc: int
    size: int
    """Bytes of its content."""
    start: int
    """Where its local header begins."""
    data: Span
    """Its content as it is stored."""
    record: bytes = field(repr=False)
    """Its record in the directory, whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The directory of an archive."""

    entries: tuple[Entry, ...]
    """In the directory's order."""
    directory: Span
    """Where the records of the entries stand; entries end before it."""
    comment: bytes = b""

    def get(self, name: str) -> Entry | None:
        """The entry with this name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def reach(self, entry: Entry) -> Span:
        """An entry with all that belongs to it: from its header to the next one's."""
        starts = [other.start for other in self.entries if other.start > entry.start]
        return Span(entry.start, min(starts, default=self.directory.start))


def parse(stream: BinaryIO) -> Archive:
    """The directory of the archive in ``stream``, every record held against its local header.

    Raises:
        UnreadableMediaError: It is no ZIP archive, truncated, damaged or ambiguous.
        UnsupportedMediaError: It is encrypted, in several volumes, or of the form for more than
            4 GiB (ZIP64).
    """
    directory, count, comment = _end(stream)
    if len(directory) > _MOST_DIRECTORY:
        raise damaged("the ZIP archive's directory is too large")
    entries = tuple(_entries(_bytes(stream, directory), stream, directory.start))
    if len(entries) != count:
        raise damaged("the ZIP archive has another number of entries than it says")
    if len({entry.name for entry in entries}) != count:
        raise damaged("the ZIP archive has two entries of the same name")
    position = 0
    for entry in sorted(entries, key=lambda each: each.start):
        if entry.start < position:
            raise damaged("entries of the ZIP archive overlap")
        position = entry.data.end
    if position > directory.start or any(entry.start == 0 for entry in entries) != bool(entries):
        raise damaged("the ZIP archive does not begin with an entry, or one reaches too far")
    return Archive(entries=entries, directory=directory, comment=comment)


def content(stream: BinaryIO, entry: Entry, *, limit: int) -> bytes:
    """What an entry holds, its length and checksum checked.

    Args:
        stream: The archive.
        entry: The entry.
        limit: The most bytes that it may have; no more than these are ever unpacked.

    Raises:
        UnreadableMediaError: It is damaged.
        UnsupportedMediaError: It is larger than ``limit``, or packed in an unusual way.
    """
    if entry.size > limit:
        raise UnsupportedMediaError(
            f"{entry.name} in the file has {entry.size} bytes, more than any document needs",
            hint="Check where the file comes from",
        )
    if entry.method not in {STORED, DEFLATED}:
        raise UnsupportedMediaError(
            f"{entry.name} in the file is packed in an unusual way (method {entry.method})",
            hint="Save the document anew",
        )
    packed = _bytes(stream, entry.data)
    data = packed if entry.method == STORED else _inflated(packed, entry)
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        raise damaged(f"{entry.name} in the ZIP archive is damaged")
    return data


def extent(stream: BinaryIO, entry: Entry) -> Span:
    """An entry from its header to the end of its content, with a data descriptor if it has one.

    Raises:
        UnreadableMediaError: The archive cannot be read.
    """
    end = entry.data.end
    if _RECORD.unpack_from(entry.record)[3] & _SIZES_FOLLOW:
        sign = _bytes(stream, Span(end, end + 4))  # at least the end record follows
        # Some writers announce a descriptor for folders and write none.
        if sign not in {_LOCAL_SIGN, _RECORD_SIGN}:
            end += _DESCRIPTOR_BYTES + (4 if sign == _DESCRIPTOR_SIGN else 0)
    return Span(entry.start, end)


def edited(
    archive: Archive,
    changes: Mapping[str, bytes],
    *,
    dropped: Collection[str] = (),
    stored: Collection[str] = (),
) -> tuple[Part, ...]:
    """The archive with entries of these names and contents, in the place of those it has or last.

    Every byte of the other entries, and the order of all, stay as they are.

    Args:
        archive: The archive as it is.
        changes: Name and content of the entries to write. New ones are deflated, replaced ones
            packed as they were before.
        dropped: Names of entries to leave out.
        stored: Which of the new ones not to deflate.

    Returns:
        The new archive; its last two parts are the directory and the end record. The two before
        them are the header and the content of the last of the new entries, where there is one.

    Raises:
        UnsupportedMediaError: It would be larger than a ZIP archive may be.
    """
    entries = [entry for entry in archive.entries if entry.name not in dropped]
    records = {entry.name: entry.record for entry in entries}
    parts: list[Part] = []
    position = 0
    ordered = sorted(entries, key=lambda each: each.start)
    new = [(name, None) for name in changes if name not in records]
    for name, old in [*((entry.name, entry) for entry in ordered), *new]:
        if old is not None and name not in changes:
            pieces: tuple[Part, ...] = (archive.reach(old),)
        else:
            method = STORED if name in stored else DEFLATED
            pieces, records[name] = _packed(name, changes[name], old, method)
        records[name] = _moved(records[name], position)
        parts.extend(pieces)
        position += total(pieces)
    directory = b"".join(records.values())
    if position + len(directory) > _MOST or len(records) > _MOST_ENTRIES:
        raise UnsupportedMediaError(
            "the document would be larger than a ZIP archive may be (4 GiB)",
            hint="Make it smaller",
        )
    count = len(records)
    end = (_END_SIGN, 0, 0, count, count, len(directory), position, len(archive.comment))
    return (*parts, directory, _END.pack(*end) + archive.comment)


def _packed(
    name: str, data: bytes, old: Entry | None, method: int
) -> tuple[tuple[Part, ...], bytes]:
    """A local header with its content, and the record for the directory."""
    method = method if old is None else old.method
    packer = zlib.compressobj(9, wbits=-15)
    packed = data if method == STORED else packer.compress(data) + packer.flush()
    encoded = name.encode()
    flags, time, date, made_by, inner, outer = (
        (0 if name.isascii() else _IS_UTF8, 0, _OLDEST_DATE, _VERSION, 0, 0)
        if old is None
        else _kept_fields(old)
    )
    if old is not None:
        encoded = old.record[_RECORD.size :][: _RECORD.unpack_from(old.record)[10]]
    sizes = (zlib.crc32(data), len(packed), len(data))
    common = (_VERSION, flags, method, time, date, *sizes)
    local = _LOCAL.pack(_LOCAL_SIGN, *common, len(encoded), 0)
    record = _RECORD.pack(_RECORD_SIGN, made_by, *common, len(encoded), 0, 0, 0, inner, outer, 0)
    return (local + encoded, packed), record + encoded


def _kept_fields(old: Entry) -> tuple[int, int, int, int, int, int]:
    """Of a replaced entry: flags, time, date, maker, attributes inside and outside."""
    fields = _RECORD.unpack_from(old.record)
    return fields[3] & _IS_UTF8, fields[5], fields[6], fields[1], fields[14], fields[15]


def _moved(record: bytes, start: int) -> bytes:
    at = _OFFSET_IN_RECORD
    return record[:at] + struct.pack("<I", min(start, _MOST)) + record[at + 4 :]


def _inflated(packed: bytes, entry: Entry) -> bytes:
    unpacker = zlib.decompressobj(-15)
    try:
        data = unpacker.decompress(packed, entry.size + 1)
    except zlib.error:
        raise damaged(f"{entry.name} in the ZIP archive is damaged") from None
    if not unpacker.eof or unpacker.unused_data:
        raise damaged(f"{entry.name} in the ZIP archive is damaged")
    return data


def _bytes(stream: BinaryIO, span: Span) -> bytes:
    return b"".join(blocks(stream, [span]))


def _end(stream: BinaryIO) -> tuple[Span, int, bytes]:
    """Where the directory stands, how many records it has, and the archive's comment."""
    size = file_size(stream)
    tail = _bytes(stream, Span(max(0, size - _END.size - _MOST_COMMENT - _LOCATOR_64_BYTES), size))
    at = tail.rfind(_END_SIGN)
    while at >= 0 and (at + _END.size > len(tail) or not _ends_with(tail, at)):
        at = tail.rfind(_END_SIGN, 0, at)
    if at < 0:
        raise damaged("the file is a ZIP archive without its end")
    _, disk, first, here, count, length, start, _ = _END.unpack_from(tail, at)
    if tail[:at][-_LOCATOR_64_BYTES:].startswith(_LOCATOR_64) or _MOST in {length, start}:
        raise _unsupported("a ZIP archive of the form for more than 4 GiB (ZIP64)")
    if disk or first or here != count:
        raise _unsupported("one volume of several of a ZIP archive")
    if start + length != size - len(tail) + at:
        raise damaged("the ZIP archive's directory is not where it should be")
    return Span(start, start + length), count, tail[at + _END.size :]


def _ends_with(tail: bytes, at: int) -> bool:
    """Whether the end record at ``at`` reaches exactly to the end of the file."""
    return at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


def _entries(directory: bytes, stream: BinaryIO, most: int) -> list[Entry]:
    entries = []
    at = 0
    while at < len(directory):
        if len(directory) - at < _RECORD.size or directory[at : at + 4] != _RECORD_SIGN:
            raise damaged("the ZIP archive's directory is damaged")
        lengths = _RECORD.unpack_from(directory, at)[10:13]
        end = at + _RECORD.size + sum(lengths)
        entries.append(_with_data(_entry(directory[at:end], end - at), stream, most))
        at = end
    return entries


def _entry(record: bytes, length: int) -> Entry:
    fields = _RECORD.unpack_from(record)
    flags, method, crc, packed, size, name_size = *fields[3:5], *fields[7:11]
    if len(record) != length:
        raise damaged("the ZIP archive's directory is damaged")
    if flags & _ENCRYPTED:
        raise _unsupported("an encrypted ZIP archive")
    if _MOST in {packed, size, fields[16]}:
        raise _unsupported("a ZIP archive of the form for more than 4 GiB (ZIP64)")
    raw = record[_RECORD.size : _RECORD.size + name_size]
    try:
        name = raw.decode("utf-8" if flags & _IS_UTF8 else "cp437")
    except UnicodeDecodeError:
        raise damaged("a name in the ZIP archive is damaged") from None
    if not name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
        raise damaged("the ZIP archive has an entry whose name leads out of it")
    start: int = fields[16]
    return Entry(
        name=name,
        method=method,
        crc=crc,
        size=size,
        start=start,
        data=Span(0, packed),
        record=record,
    )


def _with_data(entry: Entry, stream: BinaryIO, most: int) -> Entry:
    """The entry with the place of its content, which only its local header tells."""
    if entry.start + _LOCAL.size > most:
        raise damaged("an entry of the ZIP archive is not where it should be")
    header = _bytes(stream, Span(entry.start, entry.start + _LOCAL.size))
    sign, _, flags, method, *_, name_size, extra_size = _LOCAL.unpack(header)
    start = entry.start + _LOCAL.size + name_size + extra_size
    end = start + len(entry.data)
    if end > most:
        raise damaged("an entry of the ZIP archive reaches into its directory")
    name = _bytes(stream, Span(entry.start, start))[_LOCAL.size :][:name_size]
    fields = _RECORD.unpack_from(entry.record)
    same = flags & _SIZES_FOLLOW or header[CRC_IN_LOCAL:26] == entry.record[CRC_IN_RECORD:28]
    same = same and name == entry.record[_RECORD.size :][: fields[10]] and method == entry.method
    if sign != _LOCAL_SIGN or not same or flags & _ENCRYPTED:
        raise damaged(f"{entry.name} in the ZIP archive contradicts its directory")
    return replace(entry, data=Span(start, end))


def _unsupported(what: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(f"the file is {what}", hint="Save the document anew")
