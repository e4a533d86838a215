"""Looking for a tile in parts of a picture, where no lattice fits the whole of it.

A bent picture (perspective, curled paper, a lens) smears the peaks of the autocorrelation. In a
part of it the tiles lie more evenly. Few lattices are tried in each, the best that its own
autocorrelation shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import geometry
from detectors.spectrum import Residual, Spectrum, transform, whitened
from detectors.synchronisation import ORIENTATIONS, SHIFT_GRID, Place, synchronise

__all__ = ["Part", "hypotheses", "search_windows"]

_GRIDS: Final = ((2, 0.5), (3, 0.38))
"""Windows in each direction, and their sides as a share of the picture's. Of 108 bent pictures in
which the whole showed nothing, a tile stood out in 61 of the first, 63 of the second, 66 of either;
one more window, in the middle, found nothing that the first did not."""
_LATTICES: Final = 6
"""Lattices tried in each."""
_DIRECTIONS: Final = 150
"""Directions of the autocorrelation: half of those for a whole picture."""
_NODES: Final = 2
"""Tiles away up to which the autocorrelation is summed: a window holds few."""
_LEAST_SIDE: Final = 48
"""Analysed pixels: smaller windows hold no two tiles."""
_ANY_GRID: Final = 0.5
"""Scale that a window is said to have while it is transformed: a codec's grid was silenced in the
whole picture, and needs not be once more."""


@dataclass(frozen=True, slots=True)
class Part:
    """A tile that was found in a part of a picture, or in the whole."""

    spectrum: Spectrum
    """Of the part."""
    place: Place
    """Where the tile lies in it."""
    middle: tuple[float, float] = (0.0, 0.0)
    """The part's middle, analysed pixels from the picture's: x, y."""


def search_windows(spectrum: Spectrum, enough: float) -> Part | None:
    """The best place for a tile in any of the windows; None where they are too small.

    Args:
        spectrum: Of the whole picture.
        enough: Synchronisation statistic at which nothing better is looked for.
    """
    best = None
    for window, middle in _windows(spectrum):
        part = _search(window, middle)
        if best is None or part.place.z > best.place.z:
            best = part
        if best.place.z >= enough:
            break
    return best


def hypotheses() -> int:
    """How many lattices, orientations and shifts are tried in all the windows of a picture."""
    count = sum(along**2 for along, _ in _GRIDS)
    return count * _LATTICES * len(ORIENTATIONS) * SHIFT_GRID**2


def _windows(spectrum: Spectrum) -> Iterator[tuple[Spectrum, tuple[float, float]]]:
    """Each window with its middle, the larger ones first."""
    picture: NDArray[np.float32] | None = None
    for count, share in _GRIDS:
        height, width = int(spectrum.height * share), int(spectrum.width * share)
        if min(height, width) < _LEAST_SIDE:
            return
        picture = whitened(spectrum) if picture is None else picture
        for top in np.linspace(0, spectrum.height - height, count).astype(int).tolist():
            for left in np.linspace(0, spectrum.width - width, count).astype(int).tolist():
                values = np.ascontiguousarray(picture[top : top + height, left : left + width])
                middle_x = left + width // 2 - spectrum.width // 2
                middle_y = top + height // 2 - spectrum.height // 2
                window = replace(transform(Residual(values, _ANY_GRID)), scale=spectrum.scale)
                yield window, (float(middle_x), float(middle_y))


def _search(window: Spectrum, middle: tuple[float, float]) -> Part:
    lags = geometry.autocorrelate(window)
    scores = geometry.log_polar_scores(lags, directions=_DIRECTIONS, most=_NODES)
    lattices = geometry.refine(lags, geometry.isotropic(lags, scores, _LATTICES))
    places = synchronise(window, lattices)
    return Part(window, max(places, key=lambda place: place.z), middle)
