"""Numbers in the headers of a movie, its tracks and their media.

Source: ISO/IEC 14496-12, 8.2 to 8.4.

Each has two versions, with times of 32 and of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged

__all__ = [
    "duration",
    "handler",
    "is_enabled",
    "set_duration",
    "set_scale",
    "time_scale",
    "track_id",
    "tracks_for",
]

_UNKNOWN_32: Final = (1 << 32) - 1
# Positions in the body of versions 0 and 1.
_SCALES: Final = (12, 20)
_DURATIONS: Final = {b"mvhd": (16, 24), b"mdhd": (16, 24), b"tkhd": (20, 28)}
_TRACK_IDS: Final = (12, 20)


def time_scale(header: Node) -> int:
    """Units in a second, of ``mvhd`` or ``mdhd``.

    Raises:
        UnreadableMediaError: There are none.
    """
    scale = _read(header, _SCALES[_version(header)], 4)
    if not scale:
        raise damaged("the MP4 file has a clock that stands still")
    return scale


def duration(header: Node) -> int:
    """The duration in ``mvhd``, ``mdhd`` or ``tkhd``."""
    version = _version(header)
    return _read(header, _DURATIONS[header.type][version], 8 if version else 4)


def set_scale(header: Node, scale: int) -> None:
    """Change the units in a second, of ``mvhd`` or ``mdhd``."""
    _write(header, _SCALES[_version(header)], scale, 4)


def set_duration(header: Node, value: int) -> None:
    """Change the duration; what 32 bits cannot hold is said to be unknown."""
    version = _version(header)
    size = 8 if version else 4
    most = value if version else min(value, _UNKNOWN_32)
    _write(header, _DURATIONS[header.type][version], most, size)


def track_id(trak: Node) -> int:
    """The number of a track."""
    header = trak.need(b"tkhd")
    return _read(header, _TRACK_IDS[_version(header)], 4)


def is_enabled(trak: Node) -> bool:
    """Whether a track is switched on."""
    flags = trak.need(b"tkhd").body[1:4]
    return bool(int.from_bytes(flags, "big") & 1)


def handler(trak: Node) -> bytes:
    """What kind of track it is: ``b"soun"``, ``b"vide"``, ``b"text"``, ..."""
    return trak.need(b"mdia", b"hdlr").body[8:12]


def tracks_for(trak: Node, purpose: bytes) -> Iterator[int]:
    """The numbers of the tracks that this one names for a purpose: ``b"chap"`` for chapters."""
    for box in trak.all(b"tref", purpose):
        for at in range(0, len(box.body) - 3, 4):
            yield int.from_bytes(box.body[at : at + 4], "big")


def _version(header: Node) -> int:
    version = header.body[0] if header.body else 0
    if version > 1:
        raise damaged("the MP4 file has a header of a version that does not exist")
    return version


def _read(header: Node, at: int, size: int) -> int:
    if at + size > len(header.body):
        raise damaged("a header of the MP4 file is too short")
    return int.from_bytes(header.body[at : at + size], "big")


def _write(header: Node, at: int, value: int, size: int) -> None:
    body = header.body
    header.body = body[:at] + value.to_bytes(size, "big") + body[at + size :]
