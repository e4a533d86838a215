"""Which lattices a picture may carry: candidates from its autocorrelation, without any key.

A pattern that repeats with the tile leaves peaks in the autocorrelation at every tile vector. The
score of a lattice is the sum of the autocorrelation over its nodes; over all scales and rotations
at once that is a sum of shifted copies of the autocorrelation in log-polar coordinates. The best
lattices are then refined by regression on their nodes' peaks.

No sign of any key is looked at here, so that whatever is done costs no significance beyond the
number of lattices that are handed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.spectrum import Spectrum

__all__ = [
    "Autocorrelation",
    "LogPolarScores",
    "anisotropic",
    "autocorrelate",
    "isotropic",
    "log_polar_scores",
    "refine",
    "upright",
]

_ROLL_OFF: Final = 0.25
"""Frequency, cycles per pixel, above which the autocorrelation is damped (Butterworth)."""
_PERIODS: Final = (12.0, 260.0)
"""Smallest and largest tile that is searched, analysed pixels."""
_REACH: Final = 0.62
"""Lags that are used, as a share of the picture's side."""
_ANGLES: Final = 300
"""Directions over half a turn."""
_STEP: Final = 0.008
"""Steps of the logarithm of the radius."""
_NODES: Final = tuple(
    (i, j) for i in range(-4, 5) for j in range(-4, 5) if j > 0 or (j == 0 and i > 0)
)
"""Nodes of a lattice that are summed, one of each opposite pair."""
_NODE_ARRAY: Final = np.array(_NODES)
_ANCHORS: Final = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])
_LEAST_PEAK: Final = 2.0
"""Deviations that a node's peak must reach to count in the regression."""
_MAX_STRETCH: Final = 0.55
"""Largest logarithm of the ratio of the two periods of an anisotropic lattice."""


@dataclass(frozen=True, slots=True)
class Autocorrelation:
    """The autocorrelation of a picture at half resolution."""

    lags: NDArray[np.float32]
    """Values in robust deviations, clipped, lag 0 in the middle; a step is `step` pixels."""
    step: tuple[float, float]
    """Analysed pixels for one step of lag: x, y."""
    reach: tuple[float, float]
    """Width and height of the picture, in steps of lag."""

    @property
    def middle(self) -> tuple[int, int]:
        """Column and row of lag 0."""
        return self.lags.shape[1] // 2, self.lags.shape[0] // 2


def autocorrelate(spectrum: Spectrum) -> Autocorrelation:
    """The autocorrelation up to half the Nyquist frequency, which holds most of the mark."""
    bins = spectrum.bins
    rows = 2 * (spectrum.padded_height // 4)
    columns = 2 * (spectrum.padded_width // 4)
    part = np.concatenate([bins[: rows // 2], bins[-(rows // 2) :]])[:, : columns // 2 + 1]
    frequency_y = np.fft.fftfreq(rows).astype(np.float32)[:, None] * (rows / len(bins))
    frequency_x = np.arange(columns // 2 + 1, dtype=np.float32) / spectrum.padded_width
    squared = (frequency_y**2 + frequency_x**2) / np.float32(_ROLL_OFF**2)
    power = (part.real**2 + part.imag**2) / (1 + squared**2)
    lags = np.fft.fftshift(_real_transform(power))
    cv2.circle(lags, (columns // 2, rows // 2), 3, 0.0, -1)
    deviation = float(np.median(np.abs(lags[::7, ::7]))) / 0.6745 + 1e-12
    step = (spectrum.padded_width / columns, spectrum.padded_height / rows)
    return Autocorrelation(
        lags=np.clip(lags / np.float32(deviation), -4, 12).astype(np.float32),
        step=step,
        reach=(spectrum.width / step[0], spectrum.height / step[1]),
    )


def _real_transform(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(rows, columns)`` the inverse transform of ``(rows, columns / 2 + 1)`` powers.

    The first column, which is silent in a whitened spectrum, is taken to be 0.
    """
    rows, half = len(power), power.shape[1] - 1
    packed = np.zeros((rows, 2 * half), np.float32)
    packed[:, 1:-1:2] = power[:, 1:-1]
    # OpenCV packs the last column, whose transform is real, like a real row.
    last = (power[:, -1] + power[-np.arange(rows), -1]) / 2
    packed[0, -1] = last[0]
    packed[1::2, -1] = last[1 : rows // 2 + 1]
    return np.asarray(cv2.dft(packed, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT))


@dataclass(frozen=True, slots=True)
class LogPolarScores:
    """Lattice scores over rotation and scale."""

    scores: NDArray[np.float32]
    """``(angles over a quarter turn, radii)``."""
    radii: NDArray[np.float64]
    """Tile period of each column, steps of lag."""


@cache
def _node_offsets(directions: int, most: int) -> tuple[tuple[int, int], ...]:
    """Angle and radius steps from the first tile vector to each node of its quadrant."""
    offsets = []
    for i, j in _NODES:
        if i <= 0 or j < 0 or max(i, j) > most:
            continue
        angle = round(float(np.arctan2(j, i)) / np.pi * directions) % directions
        offsets.append((angle, round(float(np.log(np.hypot(i, j))) / _STEP)))
    return tuple(offsets)


def log_polar_scores(
    autocorrelation: Autocorrelation, *, directions: int = _ANGLES, most: int = 4
) -> LogPolarScores:
    """Score every rotation and scale.

    Args:
        autocorrelation: Of the picture.
        directions: Over half a turn, an even number; fewer are enough where few tiles are seen.
        most: Nodes up to so many tiles away are summed.
    """
    width, height = autocorrelation.reach
    smallest = _PERIODS[0] / autocorrelation.step[0]
    longest = _REACH * min(width, height)
    count = max(1, int(np.log(longest / smallest) / _STEP))
    radii = smallest * np.exp(np.arange(count) * _STEP)
    angles = np.arange(directions) * np.pi / directions
    x = np.outer(np.cos(angles), radii).astype(np.float32)
    y = np.outer(np.sin(angles), radii).astype(np.float32)
    middle = autocorrelation.middle
    remapped = cv2.remap(
        autocorrelation.lags, x + middle[0], y + middle[1], cv2.INTER_LINEAR, borderValue=0.0
    )
    values = np.asarray(remapped, np.float32)
    share_x = np.maximum(1 - np.abs(x) / np.float32(width), 0)
    overlap = share_x * np.maximum(1 - np.abs(y) / np.float32(height), 0)
    values *= overlap > 0
    periods = min(count, int(np.log(_PERIODS[1] / _PERIODS[0]) / _STEP))
    values, overlap = _over_quarters(values), _over_quarters(overlap)
    quarter = directions // 2
    total = np.zeros((quarter, periods), np.float32)
    weight = np.full((quarter, periods), 1e-6, np.float32)
    for angle, radius in _node_offsets(directions, most):
        length = min(periods, count - radius)
        if length > 0:
            window = np.s_[angle : angle + quarter, radius : radius + length]
            total[:, :length] += values[window]
            weight[:, :length] += overlap[window]
    scores = np.asarray(total / np.sqrt(np.maximum(weight, 0.5)), np.float32)
    return LogPolarScores(scores, radii[:periods])


def _over_quarters(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(directions, radii)`` of half a turn, each added to what is a quarter turn away."""
    first, second = np.split(values, 2)
    both = first + second
    return np.concatenate([both, both])


def isotropic(
    autocorrelation: Autocorrelation, scores: LogPolarScores, count: int
) -> NDArray[np.float64]:
    """``(count, 2, 2)`` the best square lattices of any rotation, best first, analysed pixels."""
    remaining = scores.scores.copy()
    quarter = len(remaining)
    found = []
    for _ in range(count):
        angle, radius = divmod(int(np.argmax(remaining)), remaining.shape[1])
        turn = angle * np.pi / (2 * quarter)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        found.append(np.diag(autocorrelation.step) @ rotation * scores.radii[radius])
        columns = slice(max(0, radius - 3), radius + 4)
        for near in (angle - quarter, angle, angle + quarter):
            remaining[max(0, near - 3) : max(0, near + 4), columns] = -np.inf
    return np.array(found).reshape(-1, 2, 2)


def upright(
    autocorrelation: Autocorrelation, scores: LogPolarScores, count: int
) -> NDArray[np.float64]:
    """``(count, 2, 2)`` the best square lattices that are not rotated, best first."""
    level = np.maximum(scores.scores[0], np.maximum(scores.scores[1], scores.scores[-1]))
    found = []
    used = np.zeros(len(level), np.bool_)
    for radius in np.argsort(-level):
        if not used[radius]:
            found.append(np.diag(autocorrelation.step) * scores.radii[radius])
            used[max(0, radius - 1) : radius + 2] = True
            if len(found) == count:
                break
    return np.array(found).reshape(-1, 2, 2)


def anisotropic(
    autocorrelation: Autocorrelation, scores: LogPolarScores, count: int
) -> NDArray[np.float64]:
    """``(count, 2, 2)`` the best upright lattices of unequal periods, best first."""
    periods = scores.radii[::3]
    width, height = autocorrelation.reach
    middle_x, middle_y = autocorrelation.middle
    rows, columns = autocorrelation.lags.shape
    total = np.zeros((len(periods), len(periods)), np.float32)
    weight = np.full(total.shape, 1e-6, np.float32)
    for i, j in _NODES:
        if max(abs(i), abs(j)) > 2:
            continue
        # Periods rise: those whose node lies far enough inside are the first.
        x, y = i * periods, j * periods
        x, y = x[np.abs(x) < 0.6 * width], y[np.abs(y) < 0.6 * height]
        at_x = np.clip(np.rint(middle_x + x).astype(np.intp), 0, columns - 1)
        at_y = np.clip(np.rint(middle_y + y).astype(np.intp), 0, rows - 1)
        near = np.s_[: len(y), : len(x)]
        total[near] += autocorrelation.lags.take(at_y, axis=0).take(at_x, axis=1)
        share_y, share_x = 1 - np.abs(y) / height, 1 - np.abs(x) / width
        weight[near] += np.outer(share_y.astype(np.float32), share_x.astype(np.float32))
    scored = total / np.sqrt(np.maximum(weight, 0.5))
    stretch = np.abs(np.log(periods)[None] - np.log(periods)[:, None])
    scored[(stretch > _MAX_STRETCH) | (stretch < 0.012)] = -np.inf
    found = []
    for _ in range(count):
        row, column = divmod(int(np.argmax(scored)), len(periods))
        step_x, step_y = autocorrelation.step
        found.append(np.diag([periods[column] * step_x, periods[row] * step_y]))
        scored[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = -np.inf
    return np.array(found).reshape(-1, 2, 2)


def refine(autocorrelation: Autocorrelation, lattices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit tile vectors to the peaks near each lattice's nodes, from the nearest outwards.

    Args:
        autocorrelation: Of the picture.
        lattices: ``(n, 2, 2)`` tile vectors as columns, analysed pixels.

    Returns:
        Likewise.
    """
    step = np.array(autocorrelation.step)[:, None]
    best = fitted = lattices / step
    height = _node_sum(autocorrelation, best)
    for reach, window in ((1.5, 2), (2.9, 2), (9.0, 1)):
        fitted = _fit(autocorrelation, fitted, reach, window)
        # Peaks that are not the lattice's may lead a fit astray.
        reached = _node_sum(autocorrelation, fitted)
        best = np.where((reached > height)[:, None, None], fitted, best)
        height = np.maximum(reached, height)
    return np.asarray(best * step)


def _node_sum(
    autocorrelation: Autocorrelation, lattices: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(n,)`` the sum of the autocorrelation over each lattice's nodes, as far as they reach."""
    lag = _NODE_ARRAY @ lattices.swapaxes(1, 2)
    inside = np.all(np.abs(lag) <= np.array(autocorrelation.reach) * _REACH, axis=2)
    place = (lag + np.array(autocorrelation.middle)).astype(np.float32)
    values = cv2.remap(
        autocorrelation.lags, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderValue=0.0
    )
    return np.asarray(np.sum(values * inside, axis=1))


def _fit(
    autocorrelation: Autocorrelation, lattices: NDArray[np.float64], reach: float, window: int
) -> NDArray[np.float64]:
    nodes = _NODE_ARRAY[np.hypot(*_NODE_ARRAY.T) <= reach]
    lags = autocorrelation.lags
    middle = np.array(autocorrelation.middle)
    expected = nodes @ lattices.swapaxes(1, 2)
    place = np.rint(middle + expected).astype(np.intp)
    limit = np.array(lags.shape[::-1]) - window - 2
    inside = np.all(np.abs(expected) <= np.array(autocorrelation.reach) * _REACH, axis=2)
    inside &= np.all((place > window) & (place <= limit), axis=2)
    place = np.clip(place, window + 1, limit)
    around = np.arange(-window, window + 1)
    near = lags[place[..., 1, None, None] + around[:, None], place[..., 0, None, None] + around]
    row, column = np.divmod(near.reshape(*inside.shape, -1).argmax(axis=2), len(around))
    x, y = place[..., 0] + column - window, place[..., 1] + row - window
    height = lags[y, x]
    peak = np.stack(
        [
            x + _vertex(lags[y, x - 1], height, lags[y, x + 1]),
            y + _vertex(lags[y - 1, x], height, lags[y + 1, x]),
        ],
        axis=2,
    )
    weight = np.where(inside & (height >= _LEAST_PEAK), height**2, 0)[..., None]
    # The lattice itself counts a little: three nodes must not bend it.
    anchors = _ANCHORS.T @ _ANCHORS
    normal = nodes.T @ (weight * nodes) + anchors
    target = nodes.T @ (weight * (peak - middle)) + anchors @ lattices.swapaxes(1, 2)
    return np.asarray(np.linalg.solve(normal, target).swapaxes(1, 2))


def _vertex(
    before: NDArray[np.float32], at: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where the parabola through three equidistant values peaks, steps from the middle one."""
    curvature = before - 2 * at + after
    bent = curvature < 0
    return np.where(
        bent, np.clip(0.5 * (before - after) / np.where(bent, curvature, 1), -0.5, 0.5), 0
    )
