"""The blind search for a tile: which lattices are tried, in which order, and how many they are.

Cheapest and likeliest first, until one stands out: tiles at the size at which they are embedded
(whole and cropped pictures, quarter turns, flips), lattices that the autocorrelation shows (any
scale and rotation), scales at no rotation, round scale factors, unequal scales.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import geometry
from detectors.spectrum import Spectrum
from detectors.synchronisation import ORIENTATIONS, SHIFT_GRID, Place, settle, synchronise

__all__ = ["PLACES", "STANDS_OUT", "hypotheses", "search"]

STANDS_OUT: Final = 8.0
"""Synchronisation statistic at which nothing better is looked for: far beyond chance."""
_NEEDS_NOTHING: Final = 1.5 * STANDS_OUT
"""Synchronisation statistic at which a place reads well enough without being settled."""
_FOUND: Final = 6
"""How many lattices are worth reading, at most."""
_SETTLED: Final = 2
"""How many of them are settled: doubtful ones gain from it, weak ones may lose, so that they are
read as they were found too."""
PLACES: Final = _FOUND + _SETTLED
"""Most places that a search gives."""
_WORTH_SETTLING: Final = 4.8
"""Synchronisation statistic below which a place is chance, and stays as it was found."""
_ISOTROPIC, _UPRIGHT, _ANISOTROPIC = 6, 20, 4
"""Lattices taken from each list of the autocorrelation: what is not among them is not found
further down either."""
_ROUND_FACTORS: Final = (1 / 2, 1 / 4, 3 / 4, 2 / 3, 1 / 3, 3 / 2, 2.0)
"""Scale factors that programs like."""
_ROUND_BELOW: Final = 48.0
"""Analysed pixels: larger tiles show in the autocorrelation anyway."""
_LEAST_PERIOD: Final = 12.0
"""Analysed pixels: smaller tiles have lost all but the lowest carriers."""
_MOST_OF_SIDE: Final = 1.1
"""Largest period, in short sides of the picture."""


def search(spectrum: Spectrum, periods: tuple[int, ...]) -> list[Place]:
    """The best places for a tile.

    Args:
        spectrum: The picture's whitened spectrum.
        periods: Tile sizes with which pictures are marked, original pixels.

    Returns:
        At most `PLACES` places, best first; empty where the picture is too small for any tile.
    """
    if min(spectrum.height, spectrum.width) < 2 * _LEAST_PERIOD:
        return []
    found: list[Place] = []
    for lattices in _proposals(spectrum, periods):
        if len(lattices):
            found += synchronise(spectrum, lattices)
            if max(place.z for place in found) >= STANDS_OUT:
                break
    found.sort(key=lambda place: -place.z)
    if found and found[0].z >= _NEEDS_NOTHING:
        return found[:1]
    if found and found[0].z >= STANDS_OUT:
        return [settle(spectrum, found[0])]
    worth = [place for place in found[:_SETTLED] if place.z >= _WORTH_SETTLING]
    return [settle(spectrum, place) for place in worth] + found[:_FOUND]


def hypotheses(periods: int) -> int:
    """How many lattices, orientations and shifts a search may try, with so many tile sizes."""
    lattices = periods * (1 + len(_ROUND_FACTORS)) + _ISOTROPIC + _UPRIGHT + _ANISOTROPIC
    return lattices * len(ORIENTATIONS) * SHIFT_GRID**2


def _proposals(spectrum: Spectrum, periods: tuple[int, ...]) -> Iterator[NDArray[np.float64]]:
    """Batches of lattices, ``(n, 2, 2)`` each."""
    native = spectrum.scale * np.array(periods)
    yield _upright(spectrum, native)
    lags = geometry.autocorrelate(spectrum)
    scores = geometry.log_polar_scores(lags)
    isotropic = geometry.isotropic(lags, scores, _ISOTROPIC)
    yield geometry.refine(lags, isotropic)
    upright = geometry.upright(lags, scores, _UPRIGHT)
    yield upright
    rounded = np.unique(np.outer(_ROUND_FACTORS, native))
    rounded = rounded[rounded <= _ROUND_BELOW]
    yield _upright(spectrum, _unlike(rounded, np.concatenate([upright[:, 0, 0], native])))
    yield geometry.refine(lags, geometry.anisotropic(lags, scores, _ANISOTROPIC))


def _upright(spectrum: Spectrum, periods: NDArray[np.float64]) -> NDArray[np.float64]:
    most = _MOST_OF_SIDE * min(spectrum.height, spectrum.width)
    fitting = periods[(periods > _LEAST_PERIOD) & (periods < most)]
    return np.asarray(fitting[:, None, None] * np.eye(2))


def _unlike(periods: NDArray[np.float64], tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """The periods that differ from all that were tried by more than a thousandth."""
    apart = np.abs(np.log(periods[:, None] / tried))
    return np.asarray(periods[apart.min(axis=1) > 1e-3])
