"""Where documents in ZIP archives keep their manifest store: in an entry that is not compressed.

The store is bound by a hash of the archive's bytes. Left out are the store and the two places where
the archive keeps its checksum, so that nothing else can change. The standard provides a hash for
each entry as well ("collection data hash"), of which two forms are in use that do not understand
each other; both are read here, as the toolkit reads one of them and only where nothing is
compressed. Source: C2PA 2.4, 18.5 (data hash), 18.8 (collection data hash) and appendix A
(ZIP-based formats).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers import zip as archives
from labeler.containers.packages import CONTENT_TYPES, is_signed
from labeler.containers.splice import Part, Span, total
from labeler.containers.zip import (
    CRC_IN_LOCAL,
    CRC_IN_RECORD,
    RECORD_BYTES,
    STORED,
    Archive,
    Entry,
)
from labeler.credentials._asset import Asset, digest
from labeler.credentials._layout import Binding, DataBinding, Layout, NoPlaceError
from labeler.credentials._report import Json, member, objects, text
from labeler.errors import MediaError

__all__ = [
    "COLLECTION_CODES",
    "COLLECTION_HASH",
    "COLLECTION_LABEL",
    "checksums",
    "find",
    "layout",
    "matches_collection",
    "no_layout",
]

COLLECTION_HASH: Final = "c2pa.hash.collection.data"
"""The hash of every entry and of the directory."""
COLLECTION_LABEL: Final = COLLECTION_HASH.encode()
"""The same as it stands in a store."""
COLLECTION_CODES: Final = "assertion.collectionHash"
"""How the status codes about it begin."""
_NAME: Final = "META-INF/content_credential.c2pa"
_CRC_BYTES: Final = 4
_SUM: Final = bytes(_CRC_BYTES)
"""Stands for the checksum that is not known yet; told by its identity."""
_MOST_TYPES: Final = 4 << 20
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
# What the parts of Office's documents are is declared by their extension (ISO/IEC 29500-2, 10.1.2):
# a part without declaration makes Word and Excel offer to repair the file.
_DECLARED: Final = re.compile(rb"Extension\s*=\s*[\"']c2pa[\"']", re.IGNORECASE)
_TYPES_TAG: Final = re.compile(rb"<Types\b[^>]*[^/>]>|<Types>")
_DECLARATION: Final = b'<Default Extension="c2pa" ContentType="application/c2pa"/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class _ZipLayout(Layout):
    """An archive with an entry for the store, whose checksum stands in two places."""

    sums: tuple[Span, Span]
    """Where the checksum stands: in the entry's header, before the store, and in the directory."""
    local: bytes
    """The entry's header: the last part before the store."""
    directory: bytes
    """The directory: the first part behind it, with the entry's record at its end."""

    @property
    def hashed(self) -> tuple[Part, ...]:
        """What the hash covers."""
        return tuple(part for part in (*self._front(), *self._back()) if part is not _SUM)

    def binding(self, digest: bytes, store_bytes: int) -> Binding:
        """The hash for a store of so many bytes in this place."""
        start = total(self.before)
        hole = Span(start, start + store_bytes)
        return DataBinding(digest=digest, excluded=hole, checksums=self.sums)

    def filled(self, store: bytes) -> tuple[Part, ...]:
        """The archive with ``store`` in its place."""
        checksum = zlib.crc32(store).to_bytes(_CRC_BYTES, "little")
        parts = (*self._front(), store, *self._back())
        return tuple(checksum if part is _SUM else part for part in parts)

    def _front(self) -> tuple[Part, ...]:
        after = CRC_IN_LOCAL + _CRC_BYTES
        return (*self.before[:-1], self.local[:CRC_IN_LOCAL], _SUM, self.local[after:])

    def _back(self) -> tuple[Part, ...]:
        at = _last_record(self.directory) + CRC_IN_RECORD
        after = at + _CRC_BYTES
        return (self.directory[:at], _SUM, self.directory[after:], *self.after[1:])


def _last_record(directory: bytes) -> int:
    """Where the store's record begins, at the end of a new directory."""
    return len(directory) - RECORD_BYTES - len(_NAME)


def find(stream: BinaryIO) -> tuple[Span, Span] | None:
    """The manifest store, twice: it is itself what its hash leaves out.

    Raises:
        MediaError: The archive cannot be read.
    """
    entry = archives.parse(stream).get(_NAME)
    return None if entry is None or entry.method != STORED else (entry.data, entry.data)


def checksums(stream: BinaryIO) -> tuple[Span, ...]:
    """Where an archive with a store keeps the store's checksum.

    Raises:
        MediaError: The archive cannot be read.
    """
    archive = archives.parse(stream)
    entry = archive.get(_NAME)
    if entry is None:
        return ()
    starts = (entry.start + CRC_IN_LOCAL, _crc_in_directory(archive, entry))
    return tuple(Span(start, start + _CRC_BYTES) for start in starts)


def _crc_in_directory(archive: Archive, entry: Entry) -> int:
    before = archive.entries[: archive.entries.index(entry)]
    return archive.directory.start + sum(len(each.record) for each in before) + CRC_IN_RECORD


def layout(stream: BinaryIO, store_bytes: int) -> Layout:
    """The archive with room for a store of so many bytes, as its last entry.

    Raises:
        NoPlaceError: It is signed in another way, and the signature would break.
        MediaError: The archive cannot be read.
    """
    archive = archives.parse(stream)
    if is_signed(archive):
        raise NoPlaceError("the document is signed digitally, and an entry more would break that")
    changes = _declared(stream, archive) | {_NAME: bytes(store_bytes)}
    parts = archives.edited(archive, changes, dropped={_NAME}, stored={_NAME})
    before, directory, end = parts[:-3], _new(parts[-2]), parts[-1]
    start = total(before)
    local = _new(before[-1])
    in_local = start - len(local) + CRC_IN_LOCAL
    in_record = start + store_bytes + _last_record(directory) + CRC_IN_RECORD
    return _ZipLayout(
        before=before,
        header=b"",
        after=(directory, end),
        sums=(
            Span(in_local, in_local + _CRC_BYTES),
            Span(in_record, in_record + _CRC_BYTES),
        ),
        local=local,
        directory=directory,
    )


def no_layout(stream: BinaryIO, store_bytes: int) -> Layout:
    """OpenDocument has no place for a store, although C2PA names one.

    What lies in ``META-INF`` besides the manifest has to be a signature there (ODF 1.3, part 2,
    2.2.1 D), and LibreOffice calls a file damaged that has anything else.

    Raises:
        NoPlaceError: Always.
    """
    del stream, store_bytes
    raise NoPlaceError("office programs would take an OpenDocument file with it for damaged")


def _new(part: Part) -> bytes:
    if isinstance(part, Span):
        raise TypeError("the archive's own part stands in place of a new one")
    return part


def _declared(stream: BinaryIO, archive: Archive) -> dict[str, bytes]:
    """What has to change in an Office document for it to have a part like this."""
    entry = archive.get(CONTENT_TYPES)
    if entry is None:
        return {}
    types = archives.content(stream, entry, limit=_MOST_TYPES)
    if _DECLARED.search(types):
        return {}
    tag = _TYPES_TAG.search(types)
    if tag is None:
        raise NoPlaceError("the document's list of content types is written in an unusual way")
    return {CONTENT_TYPES: types[: tag.end()] + _DECLARATION + types[tag.end() :]}


# --------------------------------------------------------------------------- collection data hash


def matches_collection(binding: object, asset: Asset) -> bool:
    """Whether an archive is what a collection data hash says: every entry, and the directory.

    Args:
        binding: The assertion.
        asset: The archive.

    Raises:
        UnreadableMediaError: The file cannot be read.
    """
    algorithm = text(binding, "alg")
    with asset.open() as stream:
        try:
            archive = archives.parse(stream)
            spans = {each.name: (archives.extent(stream, each),) for each in archive.entries}
        except MediaError:
            return False
    wanted = {name: _value(entry) for name, entry in _uris(binding)}
    entries = {each.name: each for each in archive.entries if each.name != _NAME}
    # Folders have entries without content, which some leave out.
    if algorithm not in _HASHES or not wanted.keys() <= entries.keys():
        return False
    if any(entries[name].size for name in entries.keys() - wanted.keys()):
        return False
    hashes = {name: digest(asset, spans[name], algorithm) for name in wanted}
    directory = _value(binding, "zip_central_directory_hash")
    found = digest(asset, _directory(archive, asset.size), algorithm)
    return hmac.compare_digest(found, directory) and all(
        hmac.compare_digest(hashes[name], value) for name, value in wanted.items()
    )


def _uris(binding: object) -> Iterable[tuple[str, Json]]:
    """Name and hash of every entry: from a list, as the standard has it, or from the toolkit's map.

    Something said twice is taken as the last time; all of it has to be there.
    """
    uris = member(binding, "uris")
    if isinstance(uris, Mapping):
        return [(str(name), entry) for name, entry in uris.items()]
    return [(text(entry, "uri") or "", entry) for entry in objects(binding, "uris")]


def _value(binding: object, key: str = "hash") -> bytes:
    try:
        return base64.b64decode(text(binding, key) or "", validate=True)
    except binascii.Error:
        return b""


def _directory(archive: Archive, size: int) -> tuple[Span, ...]:
    """The directory and the end record, without the store's checksum."""
    start = archive.directory.start
    entry = archive.get(_NAME)
    if entry is None:
        return (Span(start, size),)
    crc = _crc_in_directory(archive, entry)
    return Span(start, crc), Span(crc + _CRC_BYTES, size)
