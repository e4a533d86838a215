"""The tracks of an animated AVIF: durations, time scale, repetitions.

Source: ISO/IEC 14496-12, 8.2.2 (mvhd), 8.3.2 (tkhd), 8.4.2 (mdhd), 8.6.1.2 (stts), 8.6.6 (elst).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers import bmff
from labeler.containers.bmff import Box, Fields
from labeler.containers.damage import damaged
from labeler.containers.heif import HeifFile

__all__ = ["Timing", "read_timing", "with_timing"]

_NESTS: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"})
_REPEATS: Final = 1
_MAX_FRAMES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When the frames are shown."""

    scale: int
    """Units in a second."""
    durations: tuple[int, ...]
    """Duration of each frame, units."""
    repetitions: int
    """How often it is played; 0 for ever."""


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a number stands."""

    position: int
    size: int

    def read(self, data: bytes) -> int:
        return int.from_bytes(data[self.position : self.position + self.size], "big")

    def write(self, data: bytearray, value: int) -> None:
        data[self.position : self.position + self.size] = value.to_bytes(self.size, "big")

    @property
    def all_ones(self) -> int:
        return (1 << 8 * self.size) - 1


def read_timing(file: HeifFile) -> Timing:
    """When the frames of the first track are shown.

    Raises:
        UnreadableMediaError: The track's tables are missing or damaged.
    """
    found = dict(reversed([(box.type, box) for box, _ in _leaves(file.source)]))
    if not {b"mdhd", b"tkhd", b"stts"} <= found.keys():
        raise damaged("the AVIF animation says nothing about its durations")
    durations: list[int] = []
    fields = Fields(found[b"stts"].body)
    fields.version_and_flags()
    for _ in range(fields.number(4)):
        count, delta = fields.number(4), fields.number(4)
        if len(durations) + count > _MAX_FRAMES:
            raise damaged("the AVIF animation claims more frames than any has")
        durations += [delta] * count
    scale, _ = _media_fields(found[b"mdhd"], 0)
    return Timing(
        scale=scale.read(found[b"mdhd"].raw),
        durations=tuple(durations),
        repetitions=_repetitions(found[b"tkhd"], found.get(b"elst")),
    )


def _repetitions(track: Box, edits: Box | None) -> int:
    """How often the edit list is played within the track's duration."""
    if edits is None or not edits.body[3] & _REPEATS:
        return 1
    whole, part = _track_field(track, 0), _edit_field(edits, 0)
    duration, segment = whole.read(track.raw), part.read(edits.raw)
    if duration == whole.all_ones or not segment:
        return 0
    return -(-duration // segment)


def with_timing(data: bytes, timing: Timing) -> bytes:
    """An animation just encoded with the right durations in units of 1 ms, with this timing.

    Args:
        data: A file as libavif writes it, repeated for ever.
        timing: The timing of the source; its durations are in ``data`` already.
    """
    changed = bytearray(data)
    total = sum(timing.durations)
    for box, start in _leaves(data):
        if box.type in {b"mvhd", b"mdhd"}:
            scale, duration = _media_fields(box, start)
            scale.write(changed, timing.scale)
            if timing.repetitions and box.type == b"mvhd":
                duration.write(changed, total * timing.repetitions)
        elif box.type == b"tkhd" and timing.repetitions:
            _track_field(box, start).write(changed, total * timing.repetitions)
        elif box.type == b"elst" and timing.repetitions == 1:
            changed[start + box.header_bytes + 3] &= ~_REPEATS & 0xFF
    return bytes(changed)


def _leaves(data: bytes, start: int = 0) -> Iterator[tuple[Box, int]]:
    """The boxes of the tracks that hold no others, and their positions in the file."""
    for box in bmff.boxes(data):
        if box.type in _NESTS:
            yield from _leaves(box.body, start + box.start + box.header_bytes)
        elif start:
            yield box, start + box.start


def _media_fields(box: Box, start: int) -> tuple[_Field, _Field]:
    """Time scale and duration of mvhd or mdhd."""
    at = start + box.header_bytes
    if _version(box, 32):
        return _Field(at + 20, 4), _Field(at + 24, 8)
    return _Field(at + 12, 4), _Field(at + 16, 4)


def _track_field(box: Box, start: int) -> _Field:
    """Duration of tkhd."""
    at = start + box.header_bytes
    return _Field(at + 28, 8) if _version(box, 36) else _Field(at + 20, 4)


def _edit_field(box: Box, start: int) -> _Field:
    """Duration of the first edit of elst."""
    at = start + box.header_bytes
    return _Field(at + 8, 8) if _version(box, 16) else _Field(at + 8, 4)


def _version(box: Box, least: int) -> int:
    """The box's version, once it is sure that its fields are there."""
    body = box.body
    if not body or len(body) < (least if body[0] else least - struct.calcsize("3I")):
        raise damaged("a box of the AVIF animation is too short")
    return body[0]
