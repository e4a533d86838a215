"""Listening to a sound before it is marked, in memory that hardly grows with its length."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.log_spectrum import MOST_DEVIATIONS, cumulative, spectra, unforeseen
from labeler.codec.patchwork import BANDS, CELL_FRAMES, FRAME, HOP, PERIOD_CELLS, RATE_HZ
from labeler.marks.weaving import cell_levels

__all__ = ["Survey"]

_EXCERPT: Final = 3 * RATE_HZ
"""Samples of one excerpt."""
_EXCERPTS: Final = 4
"""Most excerpts that are kept; at least half as many, evenly apart, of a long sound."""
_AT_ONCE: Final = 4 * PERIOD_CELLS
"""Cells that are looked at together."""
_DEVIATION_DB: Final = 4.0
"""Deviation of what is unforeseen, more or less: all bands alike, block by block."""


class Survey:
    """What a sound is like.

    Args:
        highest_hz: Frequency from which on the sound cannot be marked.
    """

    def __init__(self, *, highest_hz: float) -> None:
        self.highest_hz = highest_hz
        self._count = 0
        # The grid of cells is the one of `labeler.marks.weaving`.
        self._samples = np.zeros(FRAME, np.float32)
        self._cells = 0
        self._folded = np.zeros((PERIOD_CELLS, BANDS), np.float32)
        self._excerpts: list[NDArray[np.float32]] = []
        self._stride = 1
        self._passed = 0
        self._excerpt = np.zeros(0, np.float32)

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return self._count / RATE_HZ

    @property
    def folded(self) -> NDArray[np.float32]:
        """``CELLS`` what is unforeseen in the sound, summed up over all periods."""
        return self._folded

    def excerpts(self) -> NDArray[np.float32]:
        """``(n,)`` up to 12 s of the sound, from all over it."""
        # What is left over counts only where there is nothing else.
        whole = self._excerpts[:_EXCERPTS]
        rest = [self._excerpt] if len(whole) < _EXCERPTS and self._stride == 1 else []
        return np.concatenate([np.zeros(0, np.float32), *whole, *rest])

    def push(self, samples: NDArray[np.float32]) -> None:
        """Listen to the next ``(n,)`` samples at 16 kHz."""
        self._count += len(samples)
        self._keep(samples)
        self._samples = np.concatenate([self._samples, samples])
        step = _AT_ONCE * CELL_FRAMES * HOP
        while len(self._samples) >= step + FRAME - HOP:
            self._look(self._samples[: step + FRAME - HOP])
            self._samples = self._samples[step:]

    def finish(self) -> None:
        """Listen to what is left, once nothing more comes."""
        rest = np.concatenate([self._samples, np.zeros(FRAME, np.float32)])
        self._samples = self._samples[:0]
        self._look(rest)

    def _look(self, samples: NDArray[np.float32]) -> None:
        levels = cell_levels(cumulative(spectra(samples)))
        if not len(levels):
            return
        heard = unforeseen(levels, step=1) / np.float32(_DEVIATION_DB)
        rows = (self._cells + np.arange(len(heard))) % PERIOD_CELLS
        np.add.at(self._folded, rows, np.clip(heard, -MOST_DEVIATIONS, MOST_DEVIATIONS))
        self._cells += len(heard)

    def _keep(self, samples: NDArray[np.float32]) -> None:
        self._excerpt = np.concatenate([self._excerpt, samples])
        while len(self._excerpt) >= _EXCERPT:
            excerpt, self._excerpt = np.split(self._excerpt, [_EXCERPT])
            if self._passed % self._stride == 0:
                self._excerpts.append(excerpt)
            self._passed += 1
            if len(self._excerpts) > _EXCERPTS:
                self._excerpts = self._excerpts[::2]
                self._stride *= 2
