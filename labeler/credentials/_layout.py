"""A file with a manifest store in it, and the hash in the manifest that binds it to the file.

Source: C2PA 2.4, 18.5 (data hash) and 18.6 (BMFF-based hash).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from labeler.containers.splice import Part, Span, total

__all__ = [
    "BOX_USER_TYPE",
    "HASH_ALGORITHM",
    "LEFT_OUT",
    "Binding",
    "BoxBinding",
    "DataBinding",
    "Layout",
    "NoPlaceError",
]

HASH_ALGORITHM: Final = "sha256"
BOX_USER_TYPE: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""What tells the box of a manifest store from other ``uuid`` boxes."""
LEFT_OUT: Final = (b"ftyp", b"mfra")
"""The other boxes that the standard wants left out of a box hash."""
_EXCLUSIONS: Final[Sequence[Mapping[str, object]]] = (
    {"xpath": "/uuid", "data": [{"offset": 8, "value": list(BOX_USER_TYPE)}]},
    *({"xpath": f"/{kind.decode()}"} for kind in LEFT_OUT),
)


class NoPlaceError(Exception):
    """The file cannot take a manifest; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataBinding:
    """The hash of a file's bytes."""

    label: ClassVar = "c2pa.hash.data"
    digest: bytes
    """SHA-256 of the file, without what is excluded."""
    excluded: Span | None = None
    """Where the manifest stands in the file; None where it stands beside it."""
    checksums: tuple[Span, ...] = ()
    """Where the container keeps the manifest's checksum, which is left out too."""

    def to_json(self) -> dict[str, object]:
        """The assertion's data."""
        data = _hashed(self.digest) | {"pad": []}
        if self.excluded is not None:
            holes = sorted((self.excluded, *self.checksums))
            data["exclusions"] = [{"start": hole.start, "length": len(hole)} for hole in holes]
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxBinding:
    """The hash of a file's boxes."""

    label: ClassVar = "c2pa.hash.bmff.v3"
    digest: bytes
    """SHA-256 of the boxes that are not excluded, each behind its position."""

    def to_json(self) -> dict[str, object]:
        """The assertion's data."""
        return _hashed(self.digest) | {"exclusions": list(_EXCLUSIONS)}


Binding: TypeAlias = DataBinding | BoxBinding


def _hashed(digest: bytes) -> dict[str, object]:
    # A list of numbers is the only form that the toolkit turns into the bytes it compares.
    return {"alg": HASH_ALGORITHM, "name": "asset", "hash": list(digest)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A file with a place for a manifest store."""

    before: tuple[Part, ...]
    header: bytes
    """What belongs to the place of the store, and is not hashed with the rest."""
    after: tuple[Part, ...]
    boxes: tuple[Part, ...] | None = None
    """What is hashed where the hash is one of boxes; None where it is one of bytes."""
    encode: Callable[[bytes], bytes] | None = None
    """How the store is written in its place, in as many bytes for every store of one size; None:
    as it is."""

    @property
    def hashed(self) -> tuple[Part, ...]:
        """What the hash covers."""
        return (*self.before, *self.after) if self.boxes is None else self.boxes

    def binding(self, digest: bytes, store_bytes: int) -> Binding:
        """The hash for a store of so many bytes in this place."""
        if self.boxes is not None:
            return BoxBinding(digest=digest)
        start = total(self.before)
        hole = Span(start, start + len(self.header) + len(self._written(bytes(store_bytes))))
        return DataBinding(digest=digest, excluded=hole)

    def filled(self, store: bytes) -> tuple[Part, ...]:
        """The file with ``store`` in its place."""
        return (*self.before, self.header, self._written(store), *self.after)

    def _written(self, store: bytes) -> bytes:
        return store if self.encode is None else self.encode(store)
