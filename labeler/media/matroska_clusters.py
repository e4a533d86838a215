"""Blocks of Matroska put into clusters, and what is noted for finding them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.ebml import make
from labeler.containers.matroska import Track
from labeler.containers.matroska_blocks import KEY, LACING, Block
from labeler.containers.splice import Part, copy, total

__all__ = ["ClusterWriter", "NewBlock", "whole"]

_CUE_POINT: Final = b"\xbb"
_CUE_TIME: Final = b"\xb3"
_CUE_PLACE: Final = b"\xb7"
_CUE_TRACK: Final = b"\xf7"
_CUE_CLUSTER: Final = b"\xf1"
_CUE_WITHIN: Final = b"\xf0"
_CUE_DURATION: Final = b"\xb2"
_LONGEST_NS: Final = 5_000_000_000
_LARGEST_BYTES: Final = 5 << 20
# Key frames that follow each other more closely share a cluster and a cue.
_PACE_NS: Final = 500_000_000
# Flags of blocks in groups: invisible, and how frames share it.
_IN_GROUPS: Final = 0x08 | LACING
_OFFSETS: Final = range(-(1 << 15), 1 << 15)
"""How much later than its cluster a block can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBlock:
    """A block of the track that is replaced."""

    track: int
    """The track's number."""
    time: int
    """When it begins, in units of the file's time."""
    end: float
    """When it ends."""
    data: bytes = field(repr=False)
    """What follows its flags."""
    flags: int = 0
    """But for the one that tells key frames."""
    is_key: bool = True
    fields: bytes = b""
    """Elements that lie beside it in its group; a frame that is no key refers to another there."""

    def placed(self, offset: int) -> tuple[bytes]:
        """The element in a cluster that it is later than by ``offset`` units of time."""
        head = _numbered(self.track) + offset.to_bytes(2, "big", signed=True)
        if not self.fields:
            flags = self.flags | (KEY if self.is_key else 0)
            return (make(matroska.SIMPLE_BLOCK, head, bytes([flags]), self.data),)
        block = make(matroska.BLOCK, head, bytes([self.flags & _IN_GROUPS]), self.data)
        return (make(matroska.BLOCK_GROUP, block, self.fields),)


@dataclass(frozen=True, slots=True)
class _Cue:
    time: int
    track: int
    cluster: int
    """Position in the segment."""
    within: int
    """Position in the cluster."""
    duration: int


class ClusterWriter:
    """Writes clusters of at most 5 s and a few megabytes.

    Those of a film begin with a key frame where one comes in time. There are cues for key frames
    of the pictures, as long as they are half a second apart, and for subtitles; where there are
    no pictures, one for each cluster.

    Args:
        source: The file that blocks are copied from.
        output: Where to.
        origin: Where the content of its segment begins.
        scale_ns: Nanoseconds of a unit of time.
        tracks: All tracks, by number.
    """

    def __init__(
        self,
        source: BinaryIO,
        output: BinaryIO,
        *,
        origin: int,
        scale_ns: int,
        tracks: Mapping[int, Track],
    ) -> None:
        self._source = source
        self._output = output
        self._origin = origin
        self._scale = scale_ns
        self._tracks = tracks
        films = [track.number for track in tracks.values() if track.kind == matroska.VIDEO]
        self._leader = films[0] if films else None
        self._parts: list[Part] = []
        self._size = self._time = self._position = 0
        self._cues: list[_Cue] = []
        self._first: list[_Cue] = []
        self._cued: int | None = None
        self.end = 0.0
        """When the last block ends, in units of time."""

    def add(self, block: Block | NewBlock) -> None:
        """Put a block behind the others."""
        is_key = block.track == self._leader and block.is_key
        if self._parts and self._is_full(block.time, is_key=is_key):
            self.flush()
        if not self._parts:
            self._begin(block.time)
            is_key |= self._leader is None
        self._note(block, is_key=is_key)
        offset = block.time - self._time
        parts: tuple[Part, ...]
        if isinstance(block, NewBlock):
            parts = block.placed(offset)
        else:
            parts = matroska_blocks.moved(block, offset)
        self._parts += parts
        self._size += total(parts)

    def flush(self) -> None:
        """Write the cluster that has been begun, if one has."""
        if self._parts:
            head = ebml.head(matroska.CLUSTER, self._size)
            copy(self._source, self._output, [head, *self._parts])
        self._parts = []

    def cues(self) -> Iterator[bytes]:
        """The content of Cues, in the order of time."""
        for cue in sorted(self._cues or self._first, key=lambda cue: cue.time):
            place = [
                make(_CUE_TRACK, whole(cue.track)),
                make(_CUE_CLUSTER, whole(cue.cluster)),
                make(_CUE_WITHIN, whole(cue.within)),
            ]
            if cue.duration:
                place.append(make(_CUE_DURATION, whole(cue.duration)))
            yield make(_CUE_POINT, make(_CUE_TIME, whole(cue.time)), make(_CUE_PLACE, *place))

    def _is_full(self, time: int, *, is_key: bool) -> bool:
        offset = time - self._time
        lasts_ns = offset * self._scale
        return (
            (is_key and lasts_ns >= _PACE_NS)
            or lasts_ns >= _LONGEST_NS
            or self._size >= _LARGEST_BYTES
            or offset not in _OFFSETS
        )

    def _begin(self, time: int) -> None:
        self._time = max(time, 0)
        self._position = self._output.tell() - self._origin
        self._parts = [make(matroska.TIMESTAMP, whole(self._time))]
        self._size = total(self._parts)

    def _note(self, block: Block | NewBlock, *, is_key: bool) -> None:
        """What there is to know about a block when all are written."""
        track = self._tracks.get(block.track)
        duration = 0.0
        if isinstance(block, NewBlock):
            duration = block.end - block.time
        elif told := matroska_blocks.field(self._source, block, matroska.BLOCK_DURATION):
            duration = matroska.number(told[:8])
        elif track is not None:
            duration = track.frame_ns / self._scale
        self.end = max(self.end, block.time + duration)
        is_late = self._cued is None or (block.time - self._cued) * self._scale >= _PACE_NS
        is_text = track is not None and track.kind == matroska.SUBTITLES
        shown = round(duration) if is_text else 0
        cue = _Cue(max(block.time, 0), block.track, self._position, self._size, shown)
        self._first = self._first or [cue]
        if (is_key and is_late) or is_text:
            self._cues.append(cue)
        if is_key and is_late:
            self._cued = block.time


def whole(number: int) -> bytes:
    """An unsigned integer in as few bytes as it can."""
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _numbered(number: int) -> bytes:
    """A track's number in a block, coded as sizes are."""
    width = next(n for n in range(1, 9) if number < (1 << 7 * n) - 1)
    return (number | 1 << 7 * width).to_bytes(width, "big")
