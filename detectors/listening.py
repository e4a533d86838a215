"""Sound through the detector's eyes: whitened levels, for any change of speed and pitch.

A change of tempo stretches the frames' sequence, a change of pitch moves the bands' edges: both are
undone on the spectra that were computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.log_spectrum import (
    band_energies,
    cumulative,
    decibels,
    spectra,
    unforeseen,
    whitened,
)
from labeler.codec.patchwork import BANDS, CELL_FRAMES, FRAME, HOP, RATE_HZ

__all__ = ["FRAME_S", "Heard", "Scale"]

FRAME_S: Final = HOP / RATE_HZ
_RELATIVE_FLOOR: Final = 1e-5
"""Energy that is added everywhere, as a share of the mean: what is quieter says nothing."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What was done to a sound's speed."""

    tempo: float = 1.0
    """How many times faster it plays."""
    pitch: float = 1.0
    """What its frequencies were multiplied by."""

    @property
    def is_identity(self) -> bool:
        """Whether nothing was done."""
        return self.tempo == 1.0 and self.pitch == 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A stretch of sound, ready to be looked at under any `Scale`."""

    sums: NDArray[np.float64] = field(repr=False)
    """``(frames, FRAME // 2 + 2)`` cumulative power."""
    _known: dict[float, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    """Levels by pitch: many scales share one."""

    @classmethod
    def of(cls, samples: NDArray[np.float32]) -> Heard:
        """Listen to ``(n,)`` samples at 16 kHz, as `labeler.codec.log_spectrum.reference` gives."""
        edge = np.zeros(FRAME // 2, np.float32)
        padded = np.concatenate([edge, samples, edge])
        short = FRAME - len(padded)
        if short > 0:
            padded = np.concatenate([padded, np.zeros(short, np.float32)])
        return cls(cumulative(spectra(padded)))

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return (len(self.sums) - 1) * FRAME_S

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to be heard."""
        return not float(self.sums[:, -1].max(initial=0.0)) > 0

    def around(self, frame: int, count: int) -> Heard:
        """Up to ``count`` frames of the stretch, beginning a little before ``frame``."""
        first = max(0, min(frame - count // 8, len(self.sums) - count))
        return Heard(self.sums[first : first + count])

    def features(self, scale: Scale, *, step: int = 1) -> NDArray[np.float32]:
        """``(n, BANDS)`` whitened level of the cell that begins in each frame, of unit deviation.

        Row ``i`` belongs to frame ``i * step * scale.tempo`` of the sound. They know no key,
        whatever is done here: the bound of `labeler.codec.significance` holds.

        Args:
            scale: What was done to the sound.
            step: Frames from one row to the next, a divisor of `CELL_FRAMES`.
        """
        levels = _stretched(self._levels(scale.pitch), scale.tempo)
        if len(levels) < CELL_FRAMES:
            return np.zeros((0, BANDS), np.float32)
        cells = levels[: 1 - CELL_FRAMES : step].copy()
        for later in range(1, CELL_FRAMES):
            cells += levels[later : len(levels) - CELL_FRAMES + 1 + later : step]
        cells *= np.float32(1 / CELL_FRAMES)
        return whitened(unforeseen(cells, step=CELL_FRAMES // step))

    def _levels(self, pitch: float) -> NDArray[np.float32]:
        """``(frames, BANDS)`` dB."""
        if pitch not in self._known:
            energies = band_energies(self.sums, frequency_scale=pitch)
            floor = _RELATIVE_FLOOR * float(energies.mean()) + 1e-20
            self._known[pitch] = decibels(energies, floor=floor)
        return self._known[pitch]


def _stretched(levels: NDArray[np.float32], tempo: float) -> NDArray[np.float32]:
    """The levels as they were before the tempo was changed, linearly interpolated."""
    if tempo == 1.0 or len(levels) < 2:
        return levels
    places = np.arange(int((len(levels) - 1) * tempo) + 1) / tempo
    whole = np.minimum(places.astype(np.intp), len(levels) - 2)
    rest = (places - whole).astype(np.float32)[:, None]
    return np.asarray(levels[whole] * (1 - rest) + levels[whole + 1] * rest, np.float32)
