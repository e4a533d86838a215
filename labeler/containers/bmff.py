"""The boxes of the ISO base media file format. Source: ISO/IEC 14496-12, 4.2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labeler.containers.damage import damaged

__all__ = ["Box", "Fields", "boxes", "each_box", "make_box", "make_full_box"]


@dataclass(frozen=True, slots=True)
class Box:
    """One box, and where it lay."""

    type: bytes
    """Four characters."""
    start: int
    """Position of its first byte in what was parsed."""
    raw: bytes
    """The whole box, header included."""
    header_bytes: int
    """8, or 16 with a 64-bit size."""

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.raw[self.header_bytes :]

    @property
    def end(self) -> int:
        """Position behind its last byte."""
        return self.start + len(self.raw)


def boxes(data: bytes) -> tuple[Box, ...]:
    """The boxes in ``data``, one behind the other.

    Raises:
        UnreadableMediaError: The last one is truncated, or a size makes no sense.
    """
    return tuple(each_box(data))


def each_box(data: bytes) -> Iterator[Box]:
    """The same, one at a time: there may be more of them than memory is for."""
    start = 0
    while start + 8 <= len(data):
        size, header = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:  # to the end of the file
            size = len(data) - start
        if size < header or start + size > len(data):
            raise damaged("the file ends in the middle of a box")
        yield Box(data[start + 4 : start + 8], start, data[start : start + size], header)
        start += size


def make_box(kind: bytes, *parts: bytes) -> bytes:
    """A box of type ``kind`` that holds ``parts``."""
    size = 8 + sum(map(len, parts))
    if size < 1 << 32:
        return b"".join([size.to_bytes(4, "big"), kind, *parts])
    return b"".join([b"\0\0\0\x01", kind, (size + 8).to_bytes(8, "big"), *parts])


def make_full_box(kind: bytes, version: int, flags: int, parts: Iterable[bytes]) -> bytes:
    """A box with version and flags in front of ``parts``."""
    return make_box(kind, bytes([version]) + flags.to_bytes(3, "big"), *parts)


class Fields:
    """Reads the fields of a box one after the other.

    Args:
        body: What follows the box's header.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    def number(self, size: int) -> int:
        """The next ``size`` bytes as a big-endian number; 0 for no bytes.

        Raises:
            UnreadableMediaError: There are fewer.
        """
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes.

        Raises:
            UnreadableMediaError: There are fewer.
        """
        end = self._position + size
        if end > len(self._body):
            raise damaged("a box of the file is too short for what it should hold")
        taken = self._body[self._position : end]
        self._position = end
        return taken

    def string(self) -> bytes:
        """The bytes up to the next zero byte, which is skipped, or to the end."""
        end = self._body.find(b"\0", self._position)
        end = len(self._body) if end < 0 else end
        taken = self._body[self._position : end]
        self._position = min(end + 1, len(self._body))
        return taken

    def rest(self) -> bytes:
        """Everything that was not read yet."""
        taken = self._body[self._position :]
        self._position = len(self._body)
        return taken

    def version_and_flags(self) -> tuple[int, int]:
        """The first four bytes of a full box."""
        return self.number(1), self.number(3)
