"""When the samples of a track in an MP4 file are played.

Packets may last longer than their samples do: a recording that stopped for a while, or a clock that
runs beside that of the sound. Films are kept in step by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers.mp4_tables import SampleTable

__all__ = ["Clock"]

# Beyond both ends the clock runs evenly; longer than any sound.
_FAR: Final = 1 << 45


@dataclass(frozen=True, slots=True)
class Clock:
    """From decoded frames (one sample of each channel) to times and back, both in frames."""

    frames: NDArray[np.int64]
    """Where each packet begins, and behind the last one."""
    times: NDArray[np.float64]
    """When they are decoded."""

    @classmethod
    def of(cls, table: SampleTable, *, frames_per_packet: int, unit: Fraction) -> Clock:
        """That of a track.

        Args:
            table: Its packets.
            frames_per_packet: Of each but the last.
            unit: Frames in a unit of the track's time.
        """
        count = len(table.sizes)
        frames = np.arange(count + 1) * frames_per_packet
        times = table.times(np.arange(count)) * float(unit)
        # A clock of coarse units only rounds.
        if not count or np.abs(times - frames[:-1]).max() <= float(unit) + 1:
            return cls(frames, frames.astype(np.float64))
        return cls(frames, np.append(times, times[-1] + frames_per_packet))

    @property
    def is_even(self) -> bool:
        """Whether all packets last as long as their samples."""
        return bool((self.times == self.frames).all())

    def time(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """When frames are played, rounded to frames."""
        return self._between(frames, self.frames, self.times)

    def frame(self, time: int) -> int:
        """What is played at a time."""
        return int(self._between(np.array([time]), self.times, self.frames)[0])

    def _between(
        self, values: NDArray[np.int64], known: NDArray[np.generic], wanted: NDArray[np.generic]
    ) -> NDArray[np.int64]:
        xs = np.concatenate([[known[0] - _FAR], known, [known[-1] + _FAR]])
        ys = np.concatenate([[wanted[0] - _FAR], wanted, [wanted[-1] + _FAR]])
        found = np.interp(values, xs.astype(float), ys.astype(float))
        return np.asarray(np.rint(found), np.int64)
