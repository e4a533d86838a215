"""Where a period begins, and under which pattern: the correlation of all places with the pilots.

Two statistics are taken, each the pilots' sum divided by the root of its sum of squares, so that
`labeler.codec.significance` bounds them for any sound:

- *single*: one period at one place. It finds what was cut, looped or put in another order.
- *folded*: all periods of the sound on top of each other, for one place within the period. Levels
  are summed up over the periods first, so that sound that repeats itself gains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.keys import Key
from labeler.codec.patchwork import (
    BANDS,
    CELL_FRAMES,
    PATTERNS,
    PERIOD_CELLS,
    PILOTS,
    Form,
    Pattern,
    pattern,
)
from labeler.codec.significance import log_tail

__all__ = ["Alignment", "Bank", "align"]

_LEAST_OVERLAP: Final = 0.12
"""Share of an average period's pilot energy below which a place says nothing."""
_LEAST_FOLDED: Final = 0.05
_LAG: Final = PERIOD_CELLS - 1
"""Cells of a period that may lie before the first of the sound."""


class Bank:
    """All patterns of some keys, ready to be correlated with.

    Args:
        keys: The keys, at least one.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self.entries: tuple[tuple[Key, Pattern], ...] = tuple(
            (key, pattern(key, form, number))
            for key in keys
            for form in Form
            for number in range(PATTERNS[form])
        )
        """Which key and pattern each correlation belongs to."""
        self._pilots = np.stack([each.signs * PILOTS for _, each in self.entries], axis=-1)
        self._spectra = lru_cache(maxsize=4)(self._transform)

    def spectra(self, length: int) -> NDArray[np.complex64]:
        """``(length // 2 + 1, BANDS, patterns)`` conjugate spectra of the pilots over time."""
        return self._spectra(length)

    def _transform(self, length: int) -> NDArray[np.complex64]:
        return np.conj(np.fft.rfft(self._pilots, length, axis=0)).astype(np.complex64)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """What the pilots say about every place, under every pattern."""

    single: NDArray[np.float32]
    """``(places, patterns)``; at place ``p`` a period begins `lead` frames before row ``p``."""
    folded: NDArray[np.float32]
    """``(PERIOD_FRAMES, patterns)`` by the row in which a period begins."""

    lead = _LAG * CELL_FRAMES

    @property
    def log_places(self) -> tuple[float, float]:
        """Natural logarithms of how many places and patterns either statistic is the best of."""
        return math.log(self.single.size), math.log(self.folded.size)

    def best(self) -> tuple[int, float]:
        """The pattern that stands out most, and the natural logarithm of its p-value.

        Both statistics are counted, all places and patterns too.
        """
        return self.best_among(range(self.single.shape[1]))

    def best_among(self, numbers: Sequence[int]) -> tuple[int, float]:
        """The same of some patterns; all are counted as ever.

        Args:
            numbers: Which, at least one.
        """
        single, folded = self.single.max(axis=0)[numbers], self.folded.max(axis=0)[numbers]
        by_single, by_folded = int(single.argmax()), int(folded.argmax())
        log_single = log_tail(float(single[by_single])) + self.log_places[0]
        log_folded = log_tail(float(folded[by_folded])) + self.log_places[1]
        number = by_single if log_single < log_folded else by_folded
        return numbers[number], min(0.0, min(log_single, log_folded) + math.log(2))


def align(features: NDArray[np.float32], bank: Bank, *, step: int = 1) -> Alignment:
    """Correlate with the pilots of all patterns at every place.

    Args:
        features: ``(n, BANDS)``, as `Heard.features` gives them.
        bank: The patterns.
        step: Frames from one row to the next, a divisor of `CELL_FRAMES`. The statistics have no
            places between.
    """
    phases = CELL_FRAMES // step
    cells = max(1, -(-len(features) // phases))
    padded = np.zeros((cells * phases, BANDS), np.float32)
    padded[: len(features)] = features
    grid = padded.reshape(cells, phases, BANDS)
    energy = float(np.sum(features * features)) * PILOTS.mean() / cells / phases * PERIOD_CELLS
    length = _fast_length(cells + _LAG)
    single = _statistic(grid, bank, length, _LEAST_OVERLAP * energy)
    # Places before the first cell come out at the end.
    single = np.concatenate([single[length - _LAG :], single[:cells]])
    folded = np.zeros((-(-cells // PERIOD_CELLS) * PERIOD_CELLS, phases, BANDS), np.float32)
    folded[:cells] = grid
    folded = folded.reshape(-1, PERIOD_CELLS, phases, BANDS).sum(axis=0)
    scale = float(np.mean(folded * folded)) * np.count_nonzero(PILOTS)
    periodic = _statistic(folded, bank, PERIOD_CELLS, _LEAST_FOLDED * scale)
    patterns = len(bank.entries)
    return Alignment(single.reshape(-1, patterns), periodic.reshape(-1, patterns))


def _statistic(
    grid: NDArray[np.float32], bank: Bank, length: int, least: float
) -> NDArray[np.float32]:
    """``(length, phases, patterns)`` circular correlation with the pilots, normalised."""
    seen = np.fft.rfft(grid, length, axis=0)
    sums = np.fft.irfft(seen @ bank.spectra(length), length, axis=0)
    squares = np.fft.rfft(grid * grid, length, axis=0)
    energy = np.fft.irfft((squares * _mask_spectrum(length)).sum(axis=2), length, axis=0)
    norm = np.sqrt(np.maximum(energy, max(least, 1e-9)))
    return np.asarray(sums / norm[:, :, None], np.float32)


@lru_cache(maxsize=8)
def _mask_spectrum(length: int) -> NDArray[np.complex64]:
    mask = PILOTS.astype(np.float32)
    return np.conj(np.fft.rfft(mask, length, axis=0)).astype(np.complex64)[:, None]


def _fast_length(least: int) -> int:
    """The next even length whose prime factors are 2, 3 and 5."""
    length = least + least % 2
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
