"""Ogg: pages, and the packets that lie in them. Source: RFC 3533."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

__all__ = ["Packet", "Page", "Pager", "checksum", "packets", "pages"]

_HEADER_BYTES: Final = 27
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_GRANULE: Final = (1 << 64) - 1
_SEGMENTS: Final = 255
_SEARCHED_BYTES: Final = 1 << 16

# Each byte with its bits in the opposite order: Ogg's checksum is that of zlib mirrored.
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page."""

    start: int
    """Position of its first byte in the file."""
    flags: int
    granule: int | None
    """Position in time behind the last packet that ends here; None if none does."""
    serial: int
    """Number of the stream."""
    sequence: int
    lacing: bytes
    """Sizes of the segments."""
    body: bytes = field(repr=False)
    is_whole: bool
    """Whether it is all there and its checksum holds."""

    @property
    def is_continued(self) -> bool:
        """Whether it begins with the rest of a packet."""
        return bool(self.flags & _CONTINUED)

    @property
    def is_first(self) -> bool:
        """Whether a stream begins."""
        return bool(self.flags & _FIRST)

    @property
    def is_last(self) -> bool:
        """Whether a stream ends."""
        return bool(self.flags & _LAST)

    @property
    def end(self) -> int:
        """Position behind its last byte."""
        return self.start + _HEADER_BYTES + len(self.lacing) + len(self.body)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet."""

    data: bytes = field(repr=False)
    page: Page
    """The page that it ends on."""
    ends_page: bool
    """Whether it is the last that ends there: the page's granule is its own."""


def checksum(page: bytes) -> int:
    """The checksum of a page whose own field is zero (polynomial 0x04C11DB7, from 0)."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def pages(file: BinaryIO) -> Iterator[Page]:
    """All pages of a file; bytes that are none are passed over, and damaged pages are marked so.

    Args:
        file: The file; where it stands does not matter.
    """
    position = 0
    while True:
        file.seek(position)
        head = file.read(_HEADER_BYTES)
        if not head:
            return
        if not head.startswith(b"OggS") or len(head) < _HEADER_BYTES:
            found = _next_page(file, position + 1)
            if found is None:
                return
            position = found
            continue
        page = _read_page(file, position, head)
        yield page
        if page.is_whole:
            position = page.end
            continue
        # The sizes in a damaged page may be wrong.
        found = _next_page(file, position + 4)
        if found is None:
            return
        position = found


def _next_page(file: BinaryIO, position: int) -> int | None:
    while True:
        file.seek(position)
        window = file.read(_SEARCHED_BYTES)
        at = window.find(b"OggS")
        if at >= 0:
            return position + at
        if len(window) < 4:
            return None
        position += len(window) - 3


def _read_page(file: BinaryIO, start: int, head: bytes) -> Page:
    lacing = file.read(head[26])
    body = file.read(sum(lacing))
    blank = head[:22] + bytes(4) + head[26:] + lacing + body
    granule = int.from_bytes(head[6:14], "little")
    return Page(
        start=start,
        flags=head[5],
        granule=None if granule == _NO_GRANULE else granule,
        serial=int.from_bytes(head[14:18], "little"),
        sequence=int.from_bytes(head[18:22], "little"),
        lacing=lacing,
        body=body,
        is_whole=len(lacing) == head[26]
        and len(body) == sum(lacing)
        and not head[4]
        and checksum(blank) == int.from_bytes(head[22:26], "little"),
    )


def packets(stream: Iterable[Page]) -> Iterator[Packet]:
    """The packets on whole pages of one stream; those of which a part is missing are left out."""
    begun: list[bytes] | None = None
    expected: int | None = None
    for page in stream:
        if not page.is_whole:
            continue
        if expected is not None and page.sequence != expected:
            begun = None
        expected = page.sequence + 1 & 0xFFFFFFFF
        if not page.is_continued:
            begun = []
        last = max((n for n, size in enumerate(page.lacing) if size < _SEGMENTS), default=-1)
        position = 0
        for number, size in enumerate(page.lacing):
            if begun is not None:
                begun.append(page.body[position : position + size])
            position += size
            if size < _SEGMENTS:
                if begun is not None:
                    yield Packet(b"".join(begun), page, number == last)
                begun = []


class Pager:
    """Writes packets as pages of one stream.

    Args:
        output: Where to.
        serial: The stream's number.
    """

    def __init__(self, output: BinaryIO, serial: int) -> None:
        self._output = output
        self._serial = serial
        self._sequence = 0
        self._lacing = bytearray()
        self._body = bytearray()
        self._granule = _NO_GRANULE
        self._continued = False

    def write(self, packet: bytes, granule: int) -> None:
        """Write a packet.

        Args:
            packet: Its bytes.
            granule: The position in time behind it.
        """
        rest = memoryview(packet)
        while True:
            if len(self._lacing) == _SEGMENTS:
                self.end_page()
                self._continued = len(rest) != len(packet)
            size = min(len(rest), _SEGMENTS)
            self._lacing.append(size)
            self._body += rest[:size]
            rest = rest[size:]
            if size < _SEGMENTS:
                self._granule = granule
                return

    @property
    def pending(self) -> int:
        """Segments that wait for the page to be written."""
        return len(self._lacing)

    def end_page(self, *, last: bool = False) -> None:
        """Write what waits as a page.

        Args:
            last: Whether the stream ends with it.
        """
        flags = _CONTINUED if self._continued else 0
        flags |= _FIRST if not self._sequence else 0
        flags |= _LAST if last else 0
        front = b"OggS\0" + bytes([flags]) + self._granule.to_bytes(8, "little")
        front += self._serial.to_bytes(4, "little") + self._sequence.to_bytes(4, "little")
        back = bytes([len(self._lacing), *self._lacing]) + self._body
        page_sum = checksum(front + bytes(4) + back)
        self._output.write(front + page_sum.to_bytes(4, "little") + back)
        self._sequence += 1
        self._lacing.clear()
        self._body.clear()
        self._granule = _NO_GRANULE
        self._continued = False
