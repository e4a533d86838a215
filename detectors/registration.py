"""Following a tile over a bent picture: perspective, lenses, paper that does not lie flat.

`detectors.search` finds one affine lattice, which fits only a part of a bent picture. From that
part, the tile is followed outwards. The picture is brought to the tile's own geometry and cut into
blocks of two by two tiles. How well the synchronisation carriers fit is told for every block and
every shift of the tile at once by a Fourier transform, and a smooth map is bent until the shifts of
all blocks agree: first a homography, over a disc that grows from where the tile was found, then
free displacements of the blocks, smoothed less and less.

Only synchronisation signs are looked at, which are the same for every key: to a key, what this
gives is so many places more to be read. The statistic at the top of the fit has no bound, so that
the synchronisation's own significance stays that of the place that was found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.reading import Heard
from detectors.spectrum import Spectrum, whitened
from detectors.synchronisation import hear, settle
from detectors.tile_raster import (
    Homography,
    TileRaster,
    closeness,
    map_of,
    raster_of,
    variance,
)
from detectors.windows import Part
from labeler.codec.lattice import CARRIERS, TILE

__all__ = ["REGISTERED", "register"]

REGISTERED: Final = 3
"""Places that following a tile adds, at most: in the part where it was found, along the homography,
and along the free map."""
_SHIFTS: Final = 128
"""Shifts along each side of the tile at which a block's agreement is tabulated."""
_FIRST_RADIUS: Final = 1.5
"""Tiles, from the middle of where the tile was found."""
_GROWTH: Final = 1.7
"""How much larger each disc is than the one before."""
_STEPS: Final = (2.0, 1.0, 0.5)
"""Canonical samples by which a step of the climb moves what lies at the disc's border."""
_SMOOTHINGS: Final = (1.6, 1.1, 0.8, 0.8)
"""Tiles over which blocks are moved alike, round by round."""
_LEAST_WEIGHT: Final = 0.01
"""Weight below which a block beyond the disc is left out."""
_CLIMBS: Final = 6
"""Steps of the same length, at most."""
_NEAR: Final = 4
"""Largest displacement of a block in a round, canonical samples."""
_LEAST_PEAK: Final = 2.1
"""Deviations of agreement below which a block is not listened to."""
_INERTIA: Final = 2.0
"""Trust that keeps a block where it is."""


def _turns() -> NDArray[np.complex64]:
    """``(len(CARRIERS.sync), (2 _NEAR + 1)^2)`` what displacements do to the carriers' phases."""
    y, x = np.mgrid[-_NEAR : _NEAR + 1, -_NEAR : _NEAR + 1]
    kx, ky = CARRIERS.kx[CARRIERS.sync, None], CARRIERS.ky[CARRIERS.sync, None]
    turns = np.exp(2j * np.pi / TILE * (kx * x.ravel() + ky * y.ravel()))
    return np.asarray(turns, np.complex64)


_NEAR_TURNS: Final = _turns()


@dataclass(frozen=True, slots=True)
class _Blocks:
    """How the blocks of a disc agree with the synchronisation carriers."""

    places: NDArray[np.float64]
    """``(n, 2)`` their middles, from the disc's, in radii of it."""
    agreement: NDArray[np.float32]
    """``(n, _SHIFTS, _SHIFTS)`` sum of chips times signs, for each displacement y, x."""

    def at(self, moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(m, n)`` the agreement after ``(m, n, 2)`` displacements, canonical samples: x, y."""
        scaled = moves * (_SHIFTS / TILE)
        whole = np.floor(scaled)
        part = scaled - whole
        left, top = np.moveaxis(whole.astype(np.intp) % _SHIFTS, -1, 0)
        right, bottom = (left + 1) % _SHIFTS, (top + 1) % _SHIFTS
        across, down = part[..., 0], part[..., 1]
        which = np.arange(len(self.places))
        upper = self.agreement[which, top, left] * (1 - across)
        upper += self.agreement[which, top, right] * across
        lower = self.agreement[which, bottom, left] * (1 - across)
        lower += self.agreement[which, bottom, right] * across
        return np.asarray(upper * (1 - down) + lower * down)


def register(spectrum: Spectrum, part: Part) -> list[Heard]:
    """Follow the tile from where it was found, and hear it along the maps that fit.

    Args:
        spectrum: Of the whole picture.
        part: Where the tile was found: in a part of the picture, or in the whole.

    Returns:
        At most `REGISTERED`.
    """
    heard = []
    if part.spectrum is not spectrum:
        settled = settle(part.spectrum, part.place)
        heard.append(Heard(part.place.z, hear(part.spectrum, settled)))
    x, y = part.middle
    start = map_of(part.place, (x + spectrum.width // 2, y + spectrum.height // 2))
    raster = raster_of(start, spectrum.height, spectrum.width)
    if raster is None:
        return heard
    picture = whitened(spectrum)
    homography = _grown(picture, raster, start)
    first = raster.sample(picture, homography)
    second = _freed(picture, raster, homography, first)
    return [*heard, raster.hear(first), raster.hear(second)]


def _tabulated(chips: NDArray[np.complex64], centres: NDArray[np.float64]) -> _Blocks:
    """Blocks, with every shift of each tried."""
    sync = CARRIERS.sync
    grid = np.zeros((len(chips), _SHIFTS, _SHIFTS // 2 + 1), np.complex64)
    grid[:, CARRIERS.ky[sync] % _SHIFTS, CARRIERS.kx[sync]] = chips
    # The inverse transform of a half plane counts each of its values twice.
    agreement = np.fft.irfft2(grid).astype(np.float32) * np.float32(_SHIFTS**2 / 2)
    return _Blocks(centres, agreement)


# ---------------------------------------------------------------- the homography


def _grown(picture: NDArray[np.float32], raster: TileRaster, homography: Homography) -> Homography:
    """Fit a homography, over a disc that grows from where the tile is heard best."""
    centres = raster.centres.reshape(-1, 2)
    chips = raster.chips(raster.sample(picture, homography))
    middle = _loudest(chips, centres)
    reach = max(float(np.hypot(*(centres - middle).T).max()), float(TILE))
    radius = min(_FIRST_RADIUS * TILE, reach)
    while True:
        weight = np.exp(-2 * np.sum((centres - middle) ** 2, axis=1) / radius**2)
        heard = weight > _LEAST_WEIGHT
        blocks = _tabulated(chips[heard], (centres[heard] - middle) / radius)
        move = _climbed(blocks, weight[heard]) / radius
        homography = homography @ _homography(move, middle, radius)
        if radius >= reach:
            return homography
        radius = min(_GROWTH * radius, reach)
        chips = raster.chips(raster.sample(picture, homography))


def _loudest(chips: NDArray[np.complex64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The block around which the tile is heard best as it was found."""
    apart = centres[:, None] - centres
    near = np.exp(-np.sum(apart**2, axis=2) / (2 * TILE**2))
    score = near @ np.sum(chips.real, axis=1) / np.sqrt(near**2 @ variance(chips) + 1e-9)
    return np.asarray(centres[int(np.argmax(score))])


def _climbed(blocks: _Blocks, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(8,)`` parameters of the homography that makes the blocks of a disc agree best.

    Shift across and down, the four of the linear part, the two of the perspective, counted by how
    many canonical samples they move what lies at the disc's border.
    """
    x, y = blocks.places.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    across = np.stack([one, zero, x, y, zero, zero, x * x, x * y])
    down = np.stack([zero, one, zero, zero, x, y, x * y, y * y])
    bend = np.stack([across, down], axis=2)

    def score(states: NDArray[np.float64]) -> NDArray[np.float64]:
        return blocks.at(np.einsum("mk,knc->mnc", states, bend)) @ weight

    state = np.zeros(8)
    best = float(score(state[None])[0])
    for step in _STEPS:
        for _ in range(_CLIMBS):
            state, reached = _stepped(score, state, best, step)
            if reached <= best:
                break
            best = reached
    return state


def _homography(
    move: NDArray[np.float64], middle: NDArray[np.float64], radius: float
) -> Homography:
    """The homography of canonical samples, of parameters in radii of the disc."""
    x, y, a, b, c, d, g, h = move
    normal = np.array([[radius, 0, middle[0]], [0, radius, middle[1]], [0, 0, 1]])
    moved = np.array([[1 + a, b, x], [c, 1 + d, y], [-g, -h, 1]])
    return np.asarray(normal @ moved @ np.linalg.inv(normal))


def _stepped(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    state: NDArray[np.float64],
    best: float,
    step: float,
) -> tuple[NDArray[np.float64], float]:
    """The best of the states a step away, or at the tops of the parabolas through them."""
    moves = step * np.eye(len(state))
    around = np.concatenate([state + moves, state - moves])
    values = score(around)
    up, down = np.split(values, 2)
    curvature = np.minimum(up - 2 * best + down, -1e-9)
    leap = step * np.clip((down - up) / 2 / curvature, -1, 1)
    leaps = state + np.stack([leap, leap / 2])
    candidates = np.concatenate([[state], around, leaps])
    values = np.concatenate([[best], values, score(leaps)])
    top = int(np.argmax(values))
    return candidates[top], float(values[top])


# ---------------------------------------------------------------- free displacements


def _freed(
    picture: NDArray[np.float32],
    raster: TileRaster,
    homography: Homography,
    values: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Let the blocks move off the homography, all together at first, then more on their own."""
    moves = np.zeros((raster.rows - 1, raster.columns - 1, 2))
    for smoothing in _SMOOTHINGS:
        moves = moves + _drawn(raster.chips(values), moves.shape, smoothing)
        values = raster.sample_moved(picture, homography, moves)
    return values


def _drawn(
    chips: NDArray[np.complex64], shape: tuple[int, ...], smoothing: float
) -> NDArray[np.float64]:
    """``shape`` displacements to which the blocks are drawn, each with those around it."""
    near = np.kron(closeness(shape[0], smoothing), closeness(shape[1], smoothing))
    power = variance(chips)
    agreement = np.real((near @ chips) @ _NEAR_TURNS)
    score = agreement / np.sqrt(near**2 @ power + 1e-9)[:, None]
    side = 2 * _NEAR + 1
    row, column = np.divmod(score.argmax(axis=1), side)
    score = score.reshape(-1, side, side)
    which = np.arange(len(near))
    across = _vertex(score[which, row], column)
    down = _vertex(score[which, :, column], row)
    trust = np.maximum(score[which, row, column] - _LEAST_PEAK, 0) ** 2
    moves = trust[:, None] * np.stack([across, down], axis=1)
    drawn = near @ moves / (near @ trust + _INERTIA)[:, None]
    return np.asarray(drawn.reshape(shape))


def _vertex(values: NDArray[np.floating], top: NDArray[np.intp]) -> NDArray[np.float64]:
    """Where the parabolas around the highest of each row peak, from the middle of the row."""
    inside = np.clip(top, 1, values.shape[1] - 2)
    which = np.arange(len(top))
    before, at, after = (values[which, inside + each] for each in (-1, 0, 1))
    curvature = np.minimum(before - 2 * at + after, -1e-9)
    leap = np.clip(0.5 * (before - after) / curvature, -1, 1)
    return np.asarray(np.where(inside == top, inside + leap, top) - values.shape[1] // 2)
