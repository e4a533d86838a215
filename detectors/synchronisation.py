"""Where the tile lies: trying lattices with the synchronisation carriers.

For a fixed lattice, orientation and shift, and for ANY picture, the synchronisation signs are fair
and independent of the picture, so the statistic

    z = sum of chips times signs / root of the sum of squared chips

is a self-normalised Rademacher sum, whose tail `labeler.codec.significance` bounds. The lattices
that are tried were found without looking at any sign, so that only their number counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.spectrum import Spectrum
from labeler.codec.lattice import BAND, CARRIERS, TILE

__all__ = ["ORIENTATIONS", "SHIFT_GRID", "Lattice", "Place", "hear", "settle", "synchronise"]

Lattice: TypeAlias = NDArray[np.float64]
"""``(2, 2)`` tile vectors as columns, pixels of the analysed picture, x first."""

ORIENTATIONS: Final[tuple[NDArray[np.int64], ...]] = tuple(
    np.array(matrix)
    for matrix in (
        [[1, 0], [0, 1]],
        [[0, -1], [1, 0]],
        [[-1, 0], [0, -1]],
        [[0, 1], [-1, 0]],
        [[-1, 0], [0, 1]],
        [[0, 1], [1, 0]],
        [[1, 0], [0, -1]],
        [[0, -1], [-1, 0]],
    )
)
"""The eight ways in which a square lattice lies on itself: quarter turns, then flips of them."""
SHIFT_GRID: Final = 64
"""Shifts tried along each side of the tile."""
_RINGS: Final = 11
"""Rings of frequency within which carriers are brought to the same mean square."""
_CLIMBS: Final = 3
"""Rounds of steps, each half as long as the one before, with which a place is settled."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tile may lie: the best orientation and shift of one lattice."""

    z: float
    """The synchronisation statistic, as it was found on the grid of shifts."""
    lattice: Lattice
    """Tile vectors."""
    orientation: int
    """Index into `ORIENTATIONS`."""
    shift: tuple[float, float]
    """Shift of the tile, canonical samples: x, y."""


def synchronise(spectrum: Spectrum, lattices: NDArray[np.float64]) -> list[Place]:
    """Try every orientation and shift of each lattice.

    Low frequencies count more, as one over the frequency: every codec and every scaling leaves them
    more of the mark than the high ones.

    Args:
        spectrum: The picture's whitened spectrum.
        lattices: ``(n, 2, 2)`` tile vectors as columns.

    Returns:
        The best place on each lattice, in order.
    """
    sync = CARRIERS.sync
    index, conjugate = _orientation_tables()
    values = _equalise(_carrier_values(spectrum, lattices))
    heard = _turned(values[:, index[:, sync]], conjugate[:, sync]) * _SYNC_WEIGHTS
    grid = np.zeros((len(values), 8, SHIFT_GRID, SHIFT_GRID // 2 + 1), np.complex64)
    grid[..., CARRIERS.ky[sync] % SHIFT_GRID, CARRIERS.kx[sync]] = heard * _SYNC_CONJUGATES
    correlation = np.fft.irfft2(grid).reshape(len(values), 8, -1)
    # The inverse transform of a half plane counts each of its values twice.
    norm = np.sqrt(np.sum(heard.real**2 + heard.imag**2, axis=2) + 1e-9)
    score = correlation.max(axis=2) / norm * (SHIFT_GRID**2 / 2)
    places = []
    for number, orientation in enumerate(score.argmax(axis=1)):
        row, column = divmod(int(correlation[number, orientation].argmax()), SHIFT_GRID)
        places.append(
            Place(
                z=float(score[number, orientation]),
                lattice=lattices[number],
                orientation=int(orientation),
                shift=(column * TILE / SHIFT_GRID, row * TILE / SHIFT_GRID),
            )
        )
    return places


def hear(spectrum: Spectrum, place: Place) -> NDArray[np.complex64]:
    """``(len(CARRIERS),)`` what the carriers say, turned and shifted back to the tile."""
    index, conjugate = _orientation_tables()
    values = _equalise(_carrier_values(spectrum, place.lattice[None]))[0]
    turned = _turned(values[index[place.orientation]], conjugate[place.orientation])
    turns = (CARRIERS.kx * place.shift[0] + CARRIERS.ky * place.shift[1]) / TILE
    return np.asarray(turned * np.exp(2j * np.pi * turns), np.complex64)


def settle(spectrum: Spectrum, place: Place) -> Place:
    """Bring a place to the top of its hill: shift and lattice, by small steps.

    This is adaptive, and the statistic at the top has no bound: `Place.z` stays what it was. Only
    synchronisation signs are looked at, so that what is then read under a key has its full weight.
    """
    state = np.zeros(6)
    period = float(np.sqrt(abs(np.linalg.det(place.lattice))))
    # A bend that turns the phase of a middling carrier by about one radian at the picture's edge.
    bend = period / (0.25 * TILE * max(spectrum.width, spectrum.height))
    step = np.array([0.75, 0.75, bend, bend, bend, bend])
    best = float(_statistic(spectrum, place, state[None])[0])
    for _ in range(_CLIMBS):
        moves = np.concatenate([np.diag(step), -np.diag(step)])
        values = _statistic(spectrum, place, state + moves)
        up, down = values[:6], values[6:]
        curvature = np.minimum(up - 2 * best + down, -1e-9)
        leap = step * np.clip((down - up) / 2 / curvature, -1, 1)
        trials = state + np.stack([leap, leap / 2])
        candidates = np.concatenate([trials, state + moves])
        values = np.concatenate([_statistic(spectrum, place, trials), values])
        top = int(np.argmax(values))
        if values[top] > best:
            best, state = float(values[top]), candidates[top]
        step = step / 2
    shift = (place.shift[0] + float(state[0]), place.shift[1] + float(state[1]))
    return replace(place, lattice=_bend(place.lattice, state[None])[0], shift=shift)


def _statistic(
    spectrum: Spectrum, place: Place, states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(n,)`` the statistic at each state: shift x, y; stretch, turn, and the two shears."""
    index, conjugate = _orientation_tables()
    sync = CARRIERS.sync
    which = index[place.orientation, sync]
    heard = _carrier_values(spectrum, _bend(place.lattice, states), which)
    heard = _turned(heard, conjugate[place.orientation, sync]) * _SYNC_WEIGHTS
    x, y = place.shift[0] + states[:, :1], place.shift[1] + states[:, 1:2]
    turns = (CARRIERS.kx[sync] * x + CARRIERS.ky[sync] * y) / TILE
    aligned = heard * np.exp(2j * np.pi * turns) * _SYNC_CONJUGATES
    norm = np.sqrt(np.sum(heard.real**2 + heard.imag**2, axis=1) + 1e-9)
    return np.asarray(np.sum(aligned.real, axis=1) / norm)


def _bend(lattice: Lattice, states: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n, 2, 2)`` the lattice after each state's stretch, turn and shears."""
    stretch, turn, shear, skew = states[:, 2:].T
    rows = np.array([[1 + stretch + shear, skew - turn], [skew + turn, 1 + stretch - shear]])
    return np.moveaxis(rows, 2, 0) @ lattice


def _carrier_values(
    spectrum: Spectrum, lattices: NDArray[np.float64], which: NDArray[np.intp] | None = None
) -> NDArray[np.complex64]:
    """``(n, carriers)`` the spectrum at the carriers; 0 beyond the Nyquist frequency."""
    kx, ky = (
        (CARRIERS.kx, CARRIERS.ky) if which is None else (CARRIERS.kx[which], CARRIERS.ky[which])
    )
    reciprocal = np.linalg.inv(lattices)
    frequency_x = reciprocal[:, 0, :1] * kx + reciprocal[:, 1, :1] * ky
    frequency_y = reciprocal[:, 0, 1:] * kx + reciprocal[:, 1, 1:] * ky
    return spectrum.sample(frequency_x, frequency_y)


def _turned(values: NDArray[np.complex64], conjugate: NDArray[np.bool_]) -> NDArray[np.complex64]:
    return np.where(conjugate, np.conj(values), values)


def _equalise(values: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Bring the carriers of every ring to unit mean square, as far as they are heard."""
    power = values.real**2 + values.imag**2
    gain = np.sqrt((power > 0) @ _RING_MEMBERS / np.maximum(power @ _RING_MEMBERS, 1e-12))
    return np.asarray(values * gain[:, _RING])


def _rings() -> NDArray[np.intp]:
    ring = (CARRIERS.frequency - BAND[0]) / (BAND[1] - BAND[0]) * _RINGS
    return np.clip(ring.astype(np.intp), 0, _RINGS - 1)


_RING: Final = _rings()
_RING_MEMBERS: Final = np.eye(_RINGS, dtype=np.float32)[_RING]
_SYNC_WEIGHTS: Final = (1 / CARRIERS.frequency[CARRIERS.sync]).astype(np.float32)
_SYNC_CONJUGATES: Final = np.conj(CARRIERS.sync_signs)


@cache
def _orientation_tables() -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """``(8, carriers)`` which carrier's value a carrier takes, and whether conjugated."""
    carriers = np.stack([CARRIERS.kx, CARRIERS.ky])
    number = {(int(x), int(y)): i for i, (x, y) in enumerate(carriers.T)}
    index = np.empty((8, len(CARRIERS)), np.intp)
    conjugate = np.empty((8, len(CARRIERS)), np.bool_)
    for row, matrix in enumerate(ORIENTATIONS):
        turned = matrix @ carriers
        conjugate[row] = turned[0] < 0
        turned = np.where(conjugate[row], -turned, turned)
        index[row] = [number[int(x), int(y)] for x, y in turned.T]
    return index, conjugate
