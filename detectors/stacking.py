"""Stacking the frames of a film: what moves averages out, what stands still adds up.

The mark is the same in every frame. So the residuals of frames, each held down like a picture
(`detectors.spectrum`), are summed over a few seconds, and a mark that no single frame shows stands
out of the sum. The order of frames, their number and their rate do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.spectrum import Residual, residual_of
from labeler.codec.luma import LumaFrame

__all__ = ["SEGMENT_S", "Stack", "Stacks", "stack_segments"]

STACK_PIXELS: Final = 230_000
"""Larger frames are scaled down to this many pixels: fewer lose high carriers, more are slower and
find less, for what codecs leave of a film lies below."""
SEGMENT_S: Final = 2.0
"""Length of the shortest stretch of time that is judged on its own, seconds."""
_KEPT: Final = 256
"""Most stacks that are kept; beyond, neighbours are merged."""
_LEVELS: Final = 100


@dataclass(frozen=True, slots=True)
class Stack:
    """The sums of the residuals of some seconds of a film."""

    residual: Residual
    """Of all frames."""
    keys: Residual | None
    """Of the key frames alone: where everything moves, codecs carry the mark of a key frame along
    with the picture, and only key frames have it in its place. None where there are none."""
    start_s: float
    """When its first frame is shown."""
    end_s: float
    """When the frame after its last one would be."""
    frames: int
    """How many frames it has."""

    def __add__(self, other: Stack) -> Stack:
        """Both together."""
        return Stack(
            _sum(self.residual, other.residual),
            self.keys if other.keys is None else _sum(other.keys, self.keys),
            min(self.start_s, other.start_s),
            max(self.end_s, other.end_s),
            self.frames + other.frames,
        )

    def mixed(self) -> Residual:
        """All frames, and the key frames once more with as much weight as all together."""
        if self.keys is None:
            return self.residual
        norms = (float(np.linalg.norm(each.values)) for each in (self.residual, self.keys))
        weight = next(norms) / max(next(norms), 1e-6)
        values = self.residual.values + np.float32(weight) * self.keys.values
        return Residual(values, self.residual.scale)


def _sum(residual: Residual, other: Residual | None) -> Residual:
    if other is None:
        return residual
    return Residual(residual.values + other.values, residual.scale)


def stack_segments(frames: Iterable[LumaFrame]) -> Iterator[Stack]:
    """The stacks of consecutive stretches of `SEGMENT_S`.

    Args:
        frames: In the order in which they are shown, all of the same size.
    """
    segment: _Segment | None = None
    for frame in frames:
        if segment is not None and frame.time_s - segment.start_s >= SEGMENT_S:
            yield segment.stack(frame.time_s)
            segment = None
        if segment is None:
            segment = _Segment(frame.time_s)
        segment.add(frame)
    if segment is not None:
        yield segment.stack(segment.end_s)


class _Segment:
    """A stack that is growing."""

    def __init__(self, start_s: float) -> None:
        self.start_s = self._last_s = self.end_s = start_s
        self._all: Residual | None = None
        self._keys: Residual | None = None
        self._frames = 0

    def add(self, frame: LumaFrame) -> None:
        """Add a frame."""
        residual = residual_of(frame.luma, most_pixels=STACK_PIXELS, depth=frame.depth)
        if frame.is_key:
            self._keys = _sum(residual, self._keys)
        if self._all is None:
            self._all = Residual(residual.values.copy(), residual.scale)
        else:
            np.add(self._all.values, residual.values, out=self._all.values)
        self._frames += 1
        self.end_s = 2 * frame.time_s - self._last_s
        self._last_s = frame.time_s

    def stack(self, end_s: float) -> Stack:
        """What has been added, up to where the next one begins."""
        if self._all is None:
            raise ValueError("a stack has at least one frame")
        return Stack(self._all, self._keys, self.start_s, end_s, self._frames)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A stack in a quarter of the memory."""

    values: NDArray[np.int8]
    unit: float
    scale: float
    start_s: float
    end_s: float
    frames: int

    @classmethod
    def of(cls, stack: Stack) -> _Kept:
        residual = stack.mixed()
        unit = max(float(np.abs(residual.values).max(initial=0)), 1e-6) / _LEVELS
        small = np.rint(residual.values / np.float32(unit)).astype(np.int8)
        return cls(small, unit, residual.scale, stack.start_s, stack.end_s, stack.frames)

    def stack(self) -> Stack:
        values = self.values.astype(np.float32) * np.float32(self.unit)
        return Stack(Residual(values, self.scale), None, self.start_s, self.end_s, self.frames)


class Stacks:
    """The mixed stacks of a film, in bounded memory: of a long one, neighbours are merged."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._merged = 1
        self._waiting: Stack | None = None
        self._waited = 0

    def append(self, stack: Stack) -> None:
        """Keep one more."""
        self._waiting = stack if self._waiting is None else self._waiting + stack
        self._waited += 1
        if self._waited < self._merged:
            return
        self._keep()
        if len(self._kept) >= _KEPT:
            pairs = zip(self._kept[0::2], self._kept[1::2], strict=True)
            self._kept = [_Kept.of(first.stack() + second.stack()) for first, second in pairs]
            self._merged *= 2

    def __iter__(self) -> Iterator[Stack]:
        """What is kept, in order; only the residual of all frames is."""
        if self._waiting is not None:
            self._keep()
        return (kept.stack() for kept in self._kept)

    def _keep(self) -> None:
        if self._waiting is not None:
            self._kept.append(_Kept.of(self._waiting))
        self._waiting, self._waited = None, 0
