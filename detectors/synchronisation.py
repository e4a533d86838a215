"""Where the tile lies: trying lattices with the synchronisation carriers.

For a fixed lattice, orientation and shift, and for ANY picture, the synchronisation signs are fair
and independent of the picture, so the statistic

    z = sum of chips times signs / root of the sum of squared chips

is a self-normalised Rademacher sum, whose tail `labeler.codec.significance` bounds. The lattices
that are tried were found without looking at any sign, so that only their number counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.spectrum import Spectrum
from labeler.codec.lattice import BAND, CARRIERS, TILE

__all__ = [
    "ORIENTATIONS",
    "SHIFT_GRID",
    "Lattice",
    "Place",
    "hear",
    "hear_each",
    "settle",
    "synchronise",
]

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
_AT_ONCE: Final = 5
"""Lattices whose correlations are worked on together: few enough for the processor's cache."""
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
    values = _equalise(_carrier_values(spectrum, lattices))
    places: list[Place] = []
    for start in range(0, len(lattices), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        places += _best_places(values[some], lattices[some])
    return places


def _best_places(values: NDArray[np.complex64], lattices: NDArray[np.float64]) -> Iterator[Place]:
    """The best place on each lattice, by the ``(n, carriers)`` values at its carriers."""
    index, conjugate = _orientation_tables()
    turned = _turned(values.take(index[:, _SYNC], axis=1), conjugate[:, _SYNC])
    agreement = turned * _SYNC_FACTORS
    correlation = _correlate(agreement)
    parts = agreement.view(np.float32)
    # Signs, ±1 ±1j, have twice the power that the statistic counts.
    norm = np.sqrt(np.einsum("nop,nop->no", parts, parts) / 2 + 1e-9)
    score = correlation.top / norm
    for number, orientation in enumerate(score.argmax(axis=1)):
        column, row = correlation.shift(number, int(orientation))
        yield Place(
            z=float(score[number, orientation]),
            lattice=lattices[number],
            orientation=int(orientation),
            shift=(column * TILE / SHIFT_GRID, row * TILE / SHIFT_GRID),
        )


@dataclass(frozen=True, slots=True)
class _Correlation:
    """How well the carriers agree with their signs at every shift.

    Shifts to the left and to the right by the same distance share an even part, and differ in the
    sign of an odd one: the better of both is the even part plus the size of the odd one.
    """

    better: NDArray[np.float32]
    """``(SHIFT_GRID / 2 + 1, n, 8, SHIFT_GRID)`` the better side, by shift across and down."""
    odd: NDArray[np.float32]
    """Likewise, the odd part; where it is negative, the shift to the right is the better."""
    top: NDArray[np.float32]
    """``(n, 8)`` the best of all shifts."""

    def shift(self, number: int, orientation: int) -> tuple[int, int]:
        """Column and row, on the grid of shifts, of the best shift."""
        better = self.better[:, number, orientation]
        column, row = divmod(int(better.argmax()), SHIFT_GRID)
        left = self.odd[column, number, orientation, row] > 0
        return (-column if left else column) % SHIFT_GRID, row


def _correlate(agreement: NDArray[np.complex64]) -> _Correlation:
    """Sum the synchronisation carriers with the phases of every shift.

    A Fourier transform of which only some frequencies are occupied, as products with small
    matrices: quicker than a fast one.

    Args:
        agreement: ``(n, 8, len(sync))`` values times the conjugates of their signs, sorted by the
            carriers' ``kx``.
    """
    count = len(agreement)
    parts = agreement.view(np.float32).reshape(8 * count, -1)
    down = np.empty((2, len(_DOWN), 8 * count, SHIFT_GRID), np.float32)
    for column, (members, real, imaginary) in enumerate(_DOWN):
        np.matmul(parts[:, members], real, out=down[0, column])
        np.matmul(parts[:, members], imaginary, out=down[1, column])
    shape = (_HALF_GRID + 1, count, 8, SHIFT_GRID)
    better = (_COSINES @ down[0].reshape(len(_DOWN), -1)).reshape(shape)
    odd = (_SINES @ down[1].reshape(len(_DOWN), -1)).reshape(shape)
    better += np.abs(odd)
    return _Correlation(better, odd, better.max(axis=0).max(axis=2))


def hear(spectrum: Spectrum, place: Place) -> NDArray[np.complex64]:
    """``(len(CARRIERS),)`` what the carriers say, turned and shifted back to the tile."""
    return np.asarray(hear_each(spectrum, [place])[0])


def hear_each(spectrum: Spectrum, places: Sequence[Place]) -> NDArray[np.complex64]:
    """``(n, len(CARRIERS))`` `hear` for each place: quicker than one by one."""
    if not places:
        return np.zeros((0, len(CARRIERS)), np.complex64)
    index, conjugate = _orientation_tables()
    orientations = [place.orientation for place in places]
    values = _equalise(_carrier_values(spectrum, np.stack([place.lattice for place in places])))
    values = np.take_along_axis(values, index[orientations], axis=1)
    shifts = np.array([place.shift for place in places])
    turns = (shifts[:, :1] * CARRIERS.kx + shifts[:, 1:] * CARRIERS.ky) / TILE
    turned = _turned(values, conjugate[orientations])
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
    which = index[place.orientation, _SYNC]
    heard = _carrier_values(spectrum, _bend(place.lattice, states), which)
    heard = _turned(heard, conjugate[place.orientation, _SYNC]) * _SYNC_WEIGHTS
    x, y = place.shift[0] + states[:, :1], place.shift[1] + states[:, 1:2]
    turns = (CARRIERS.kx[_SYNC] * x + CARRIERS.ky[_SYNC] * y) / TILE
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
_SYNC_ORDER: Final = np.argsort(CARRIERS.kx[CARRIERS.sync], kind="stable")
_SYNC: Final = CARRIERS.sync[_SYNC_ORDER]
"""The synchronisation carriers, sorted by ``kx``."""
_SYNC_WEIGHTS: Final = (1 / CARRIERS.frequency[_SYNC]).astype(np.float32)
_SYNC_CONJUGATES: Final = np.conj(CARRIERS.sync_signs[_SYNC_ORDER])
_SYNC_FACTORS: Final = _SYNC_WEIGHTS * _SYNC_CONJUGATES


_HALF_GRID: Final = SHIFT_GRID // 2


def _phases_down() -> list[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
    """What the carriers of each ``kx`` add to the sum at each shift down.

    Which of the real and imaginary parts of the sorted synchronisation carriers are theirs, and
    ``(parts, SHIFT_GRID)`` what those add to the real and to the imaginary part of the sum.
    """
    columns, rows = CARRIERS.kx[_SYNC], CARRIERS.ky[_SYNC]
    groups = []
    for column in range(1, int(columns.max()) + 1):
        first, last = np.searchsorted(columns, [column, column + 1])
        turns = np.outer(rows[first:last], np.arange(SHIFT_GRID)) / SHIFT_GRID
        phases = np.exp(2j * np.pi * turns).astype(np.complex64)
        real = np.stack([phases.real, -phases.imag], axis=1).reshape(-1, SHIFT_GRID)
        imaginary = np.stack([phases.imag, phases.real], axis=1).reshape(-1, SHIFT_GRID)
        groups.append((slice(2 * first, 2 * last), real, imaginary))
    return groups


_DOWN: Final = _phases_down()
_ACROSS: Final = np.outer(np.arange(_HALF_GRID + 1), np.arange(1, len(_DOWN) + 1)) / SHIFT_GRID
_COSINES: Final = np.cos(2 * np.pi * _ACROSS).astype(np.float32)
"""``(_HALF_GRID + 1, len(_DOWN))`` of each shift to the right, at each ``kx``."""
_SINES: Final = np.sin(2 * np.pi * _ACROSS).astype(np.float32)


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
