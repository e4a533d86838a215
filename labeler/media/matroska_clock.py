"""When each part of a sound track is heard, as the blocks of a Matroska file tell it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Final

__all__ = ["Clock"]

_NS: Final = 1_000_000_000
# Times are rounded, mostly to a millisecond; what is off by no more is exact.
_ROUNDED_NS: Final = 2_000_000


class Clock:
    """Times of positions in the sound.

    Recorders note when packets arrive: their clock drifts against the number of samples, and stops
    where nothing was heard. What is written goes by the same clock, so that a film's sound stays
    with its pictures.

    Args:
        sample_rate_hz: Of the sound.
        scale_ns: Nanoseconds of a unit of time.
    """

    def __init__(self, *, sample_rate_hz: int, scale_ns: int) -> None:
        self._unit = _NS / (sample_rate_hz * scale_ns)
        self._tolerance = max(2.0, _ROUNDED_NS / scale_ns)
        self._positions = array("q")
        self._times = array("q")

    def at(self, position: float) -> float:
        """When the sound is due at a position, in units of time; by the clock from there on.

        Args:
            position: Frames of sound from the beginning.
        """
        if not self._times:
            return position * self._unit
        index = max(0, bisect_right(self._positions, position) - 1)
        return self._times[index] + (position - self._positions[index]) * self._unit

    def note(self, position: int, time: int) -> None:
        """Take down that a block begins.

        Args:
            position: Frames of sound in front of it; not less than before.
            time: When it begins, in units of time.
        """
        if not self._times or abs(time - self.at(position)) > self._tolerance:
            self._positions.append(position)
            self._times.append(time)

    def shifted(self, position: int, delay: int) -> float:
        """When a block begins whose sound comes out later than that of the blocks noted.

        Args:
            position: Frames of sound in front of it.
            delay: By how many frames it comes out later.
        """
        return self.at(position - delay) + delay * self._unit
