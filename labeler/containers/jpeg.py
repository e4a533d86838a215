"""JPEG: marker segments before the first scan, the coded scans, and what follows the picture.

Source: ITU-T T.81, Annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers.damage import damaged

__all__ = ["JpegFile", "Segment", "parse", "serialise"]

SOI: Final = b"\xff\xd8"
EOI: Final = 0xD9
SOS: Final = 0xDA
DQT: Final = 0xDB
DHT: Final = 0xC4
DRI: Final = 0xDD
APP0: Final = 0xE0
APP1: Final = 0xE1
APP2: Final = 0xE2
APP11: Final = 0xEB
APP14: Final = 0xEE
APP15: Final = 0xEF
COM: Final = 0xFE
FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
"""Markers of frame headers (SOF0 to SOF15 without DHT, JPG and DAC)."""

MAX_PAYLOAD: Final = 65533
"""Most bytes that one segment can hold."""

# Markers without a length: TEM and the restart markers.
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
# Inside coded data FF is followed by 00 (stuffing), a restart marker, or FF (fill).
_NEXT_MARKER: Final = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment."""

    marker: int
    """Second byte of the marker, 0x01 to 0xFE."""
    payload: bytes
    """What follows the length field."""

    @property
    def is_application(self) -> bool:
        """Whether it is an APPn segment."""
        return APP0 <= self.marker <= APP15

    def holds(self, marker: int, prefix: bytes) -> bool:
        """Whether it has this marker and its payload begins with ``prefix``."""
        return self.marker == marker and self.payload.startswith(prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegFile:
    """A JPEG file in three parts."""

    segments: tuple[Segment, ...]
    """The segments between SOI and the first scan."""
    scans: bytes
    """From the first SOS marker to EOI, both included, with the tables between the scans."""
    tail: bytes
    """What follows EOI: further pictures (MPF), an appended film, or nothing."""

    @property
    def frame_header(self) -> Segment:
        """The first SOFn segment."""
        for segment in self.segments:
            if segment.marker in FRAME_HEADERS:
                return segment
        raise damaged("the JPEG has no frame header")


def parse(data: bytes) -> JpegFile:
    """Take a JPEG apart.

    Raises:
        UnreadableMediaError: Its segments do not hold together, or it has no scan.
    """
    if not data.startswith(SOI):
        raise damaged("the JPEG does not begin with its start marker")
    segments = []
    position = 2
    for start, segment, end in _segments(data):
        position = start
        if segment.marker == SOS:
            break
        segments.append(segment)
        position = end
    else:
        raise damaged("the JPEG ends before its picture data")
    end = _end_of_scans(data, position)
    return JpegFile(segments=tuple(segments), scans=data[position:end], tail=data[end:])


def serialise(file: JpegFile) -> bytes:
    """The file's bytes; `parse` of them gives ``file`` again.

    Raises:
        ValueError: A segment holds more than `MAX_PAYLOAD` bytes.
    """
    return b"".join([SOI, header_bytes(file.segments), file.scans, file.tail])


def header_bytes(segments: Iterable[Segment]) -> bytes:
    """The bytes of ``segments``, one behind the other."""
    parts = []
    for segment in segments:
        if len(segment.payload) > MAX_PAYLOAD:
            raise ValueError(f"a JPEG segment cannot hold {len(segment.payload)} bytes")
        length = (len(segment.payload) + 2).to_bytes(2, "big")
        parts += [b"\xff", bytes([segment.marker]), length, segment.payload]
    return b"".join(parts)


def _segments(data: bytes) -> Iterator[tuple[int, Segment, int]]:
    """Start, segment and end of each one; SOS, whose data has no length, may be the last."""
    position = 2
    while position + 1 < len(data):
        if data[position] != 0xFF:
            raise damaged(f"the JPEG has no marker at byte {position}, where one is due")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == EOI:
            return
        else:
            length = int.from_bytes(data[position + 2 : position + 4], "big")
            end = position + 2 + length
            if length < 2 or end > len(data):
                raise damaged(f"the JPEG ends in the middle of the segment at byte {position}")
            yield position, Segment(marker, data[position + 4 : end]), end
            position = end


def _end_of_scans(data: bytes, position: int) -> int:
    """Where the picture ends: behind EOI, or at the file's end where EOI is missing."""
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        position = found.end()
        marker = found[1][0]
        if marker == EOI:
            return position
        if marker not in _STANDALONE:
            position += int.from_bytes(data[position : position + 2], "big")
    return len(data)
