"""Sound as levels in decibels on the patchwork's grid, and what of them is not foreseeable.

Embedder and detector look through the same eyes: `spectra` and `band_energies` give the level of
each band in each frame, `unforeseen` takes off what the neighbouring bands and cells foretell. What
is left of music or speech then is small enough for a mark of a decibel to stand out from.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.patchwork import BAND_EDGES_HZ, CELL_FRAMES, FRAME, HOP, RATE_HZ
from labeler.codec.sound import Samples

__all__ = [
    "MOST_DEVIATIONS",
    "WINDOW",
    "against_neighbours",
    "band_energies",
    "cumulative",
    "decibels",
    "reference",
    "spectra",
    "unforeseen",
    "whitened",
]

WINDOW: Final = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
"""``(FRAME,)`` Hann's window, periodic."""
_FRAMES_AT_ONCE: Final = 128

_BAND_REACH: Final = 4
_BAND_SPREAD: Final = 2.0
_CELL_REACH: Final = 2
_CELL_SPREAD: Final = 1.5
_CELL_SHARE: Final = 0.5
"""How much of what the cells before and after agree on is taken off."""
_LIKENESS_DB: Final = 5.0
"""Neighbours that differ by much more than this belong to another sound, and foretell little."""
MOST_DEVIATIONS: Final = 2.2
"""Deviations beyond which a cell says no more: none is to outweigh the others."""
_LARGEST_DB: Final = 20.0
"""What is unforeseen by more than this does not count towards its band's deviation."""


def reference(samples: Samples) -> NDArray[np.float32]:
    """``(n,)`` the one signal that stands for all channels.

    Every second channel counts a little less, so that opposite channels do not cancel out: a level
    that is 14 dB lower is no hindrance, silence is.

    Args:
        samples: ``(n,)`` or ``(n, channels)``.
    """
    if samples.ndim == 1:
        return samples.astype(np.float32)
    weights = np.where(np.arange(samples.shape[1]) % 2, 0.8, 1.0).astype(np.float32)
    return np.asarray(samples.astype(np.float32) @ (weights / weights.sum()), np.float32)


def spectra(samples: NDArray[np.float32]) -> NDArray[np.complex64]:
    """``(frames, FRAME // 2 + 1)`` spectra of all frames that lie within ``(n,)`` samples."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    spectrum = np.empty((len(frames), FRAME // 2 + 1), np.complex64)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):  # what fits into a cache is quicker
        part = slice(first, first + _FRAMES_AT_ONCE)
        spectrum[part] = np.fft.rfft(frames[part] * WINDOW, axis=1)
    return spectrum


def cumulative(spectrum: NDArray[np.complex64]) -> NDArray[np.float64]:
    """``(frames, FRAME // 2 + 2)`` power summed up over all lower frequencies.

    In double precision: the energy of a quiet band is a small difference of large sums.
    """
    power = spectrum.real**2 + spectrum.imag**2
    sums = np.zeros((len(power), power.shape[1] + 1), np.float64)
    np.cumsum(power, axis=1, dtype=np.float64, out=sums[:, 1:])
    return sums


@lru_cache(maxsize=128)
def _edges(frequency_scale: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where bands begin and end in a cumulative spectrum: whole bins, and the rest."""
    highest = RATE_HZ / 2 - 20
    places = np.minimum(BAND_EDGES_HZ * frequency_scale, highest) * FRAME / RATE_HZ + 0.5
    whole = places.astype(np.intp)
    return whole, places - whole


def band_energies(
    sums: NDArray[np.float64], *, frequency_scale: float = 1.0
) -> NDArray[np.float32]:
    """``(frames, BANDS)`` mean power a bin in each band.

    Args:
        sums: As `cumulative` gives them.
        frequency_scale: What the frequencies of the sound have been multiplied by.
    """
    whole, rest = _edges(frequency_scale)
    at_edges = sums[:, whole] * (1 - rest) + sums[:, whole + 1] * rest
    width = np.maximum(np.diff(whole + rest), 1e-3)
    return np.asarray(np.maximum(np.diff(at_edges, axis=1), 0) / width, np.float32)


def decibels(energies: NDArray[np.float32], *, floor: float) -> NDArray[np.float32]:
    """Levels of `band_energies`, with a floor so that silence is not minus infinity.

    Args:
        energies: ``(frames, BANDS)``.
        floor: Energy that is added everywhere, beside 37 dB below the frame's mean.
    """
    lowest = np.float32(2e-4) * energies.mean(axis=1, keepdims=True) + np.float32(floor)
    return np.asarray(10 * np.log10(energies + lowest), np.float32)


def unforeseen(levels: NDArray[np.float32], *, step: int = CELL_FRAMES) -> NDArray[np.float32]:
    """What the neighbourhood of each cell does not foretell, dB.

    From `against_neighbours` half of the mean of the cells before and after is taken off.

    Args:
        levels: ``(n, BANDS)`` mean levels of cells, dB.
        step: Rows from one cell to the next.

    Returns:
        ``(n, BANDS)``.
    """
    across = against_neighbours(levels)
    return across - np.float32(_CELL_SHARE) * _smooth(across, step)


def against_neighbours(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each level is above the mean of the bands around it, dB.

    Here as in `unforeseen` neighbours count the more the more alike they are (C. Tomasi and
    R. Manduchi, "Bilateral filtering for gray and color images", 1998).

    Args:
        levels: ``(n, BANDS)`` levels, dB.

    Returns:
        ``(n, BANDS)``; each row depends on the same row alone.
    """
    return _difference(levels.T.copy(), _BAND_REACH, _BAND_SPREAD).T.copy()


def whitened(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is unforeseen, in deviations of its band; none counts for more than a few.

    Args:
        values: ``(n, BANDS)`` as `unforeseen` gives them, dB.

    Returns:
        ``(n, BANDS)`` from `-MOST_DEVIATIONS` to `MOST_DEVIATIONS`.
    """
    if not len(values):
        return values
    deviation = np.sqrt(np.mean(np.minimum(values * values, _LARGEST_DB**2), axis=0)) + 1e-3
    # A band that hardly changes is not to outweigh the others.
    deviation = ((deviation + deviation.mean()) / 2).astype(np.float32)
    return np.asarray(np.clip(values / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS), np.float32)


def _likeness(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    weight = difference * difference
    weight *= np.float32(0.5 / _LIKENESS_DB**2)
    weight += 1
    weight *= weight
    return np.asarray(1 / weight, np.float32)


def _difference(rows: NDArray[np.float32], reach: int, spread: float) -> NDArray[np.float32]:
    """Each row less the weighted mean of its neighbours; the outermost rows are repeated."""
    count = len(rows)
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    weighted, weights = np.zeros_like(padded), np.full_like(padded, 1e-6)
    for distance in range(1, reach + 1):
        # A pair of rows is as alike from either side.
        difference = padded[distance:] - padded[:-distance]
        weight = _likeness(difference)
        weight *= np.float32(np.exp(-((distance / spread) ** 2) / 2))
        difference *= weight
        weighted[:-distance] -= difference
        weighted[distance:] += difference
        weights[:-distance] += weight
        weights[distance:] += weight
    inner = slice(reach, reach + count)
    return np.asarray(weighted[inner] / weights[inner], np.float32)


def _smooth(cells: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The weighted mean of the cells before and after; the outermost are repeated."""
    count, reach = len(cells), _CELL_REACH * step
    padded = np.pad(cells, ((reach, reach), (0, 0)), mode="edge")
    weighted, weights = np.zeros_like(cells), np.full_like(cells, 1e-6)
    for distance in range(-_CELL_REACH, _CELL_REACH + 1):
        if distance:
            neighbour = padded[reach + distance * step :][:count]
            weight = _likeness(neighbour - cells)
            weight *= np.float32(np.exp(-((distance / _CELL_SPREAD) ** 2) / 2))
            weighted += weight * neighbour
            weights += weight
    return np.asarray(weighted / weights, np.float32)
