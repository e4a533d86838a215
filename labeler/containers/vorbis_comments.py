"""The comments of FLAC, Vorbis and Opus: ``NAME=value``, in UTF-8.

Sources: RFC 9639, 8.6; Vorbis I specification, section 5; RFC 7845, 5.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from labeler.containers.bmff import Fields
from labeler.containers.damage import damaged

__all__ = ["Comments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """A list of comments."""

    vendor: bytes
    """The program that wrote the sound."""
    entries: tuple[bytes, ...]
    """The comments as they are written."""
    rest: bytes = field(default=b"", repr=False)
    """What follows them: Vorbis's framing bit, or what Opus files may keep there."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Comments:
        """Read the list.

        Raises:
            UnreadableMediaError: It is truncated.
        """
        fields = Fields(data)

        def text() -> bytes:
            return fields.take(int.from_bytes(fields.take(4), "little"))

        vendor = text()
        count = int.from_bytes(fields.take(4), "little")
        if count * 4 > len(data):
            raise damaged("the file's list of comments is shorter than it says")
        return cls(vendor=vendor, entries=tuple(text() for _ in range(count)), rest=fields.rest())

    def to_bytes(self) -> bytes:
        """The list as it is written."""
        parts = [_sized(self.vendor), len(self.entries).to_bytes(4, "little")]
        return b"".join([*parts, *map(_sized, self.entries), self.rest])

    def named(self) -> Iterable[tuple[str, str]]:
        """Name and value of each comment; bytes that are no UTF-8 are replaced."""
        for entry in self.entries:
            name, separator, value = entry.decode("utf-8", "replace").partition("=")
            if separator:
                yield name, value

    def with_fields(self, new: Mapping[str, str], *, dropped: Collection[str] = ()) -> Comments:
        """The list with ``new`` comments instead of those with their names, and without others.

        Names are told apart without regard to case.
        """
        names = {name.upper().encode() for name in (*new, *dropped)}
        kept = (e for e in self.entries if e.partition(b"=")[0].upper() not in names)
        added = (f"{name}={value}".encode() for name, value in new.items())
        return replace(self, entries=(*kept, *added))


def _sized(text: bytes) -> bytes:
    return len(text).to_bytes(4, "little") + text
