"""Tail of a sum of independent scores that are small whole numbers."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Masses", "log_lattice_tail"]

Masses: TypeAlias = NDArray[np.float64]

_NEWTON_STEPS: Final = 60
_LARGEST_TILT: Final = 60.0
_REACH: Final = 16
"""Standard deviations on either side of the total that are summed term by term."""
_ROUNDING: Final = 1e-15
"""Relative error of one multiplication, generously."""


def log_lattice_tail(total: float, count: int, masses: Masses) -> float:
    """``ln P(sum of count scores >= total)`` for independent scores 0, 1, 2 … of given masses.

    Exact but for a margin above the truth that covers rounding (below 1e-6) wherever the total
    exceeds the expected one; 0 elsewhere. The distribution is tilted until the total is its mean
    (Esscher), so that arbitrarily small tails keep their precision, and convolved by a Fourier
    transform over a window; what a window folds in from outside can only add.

    Args:
        total: Any number; above the greatest possible sum it is taken for that.
        count: Of scores.
        masses: ``(k,)`` probabilities of the scores 0 to ``k - 1``; they sum to 1.

    Returns:
        At most 0; finite.
    """
    if count <= 0:
        return 0.0
    masses = np.trim_zeros(masses, "b")
    scores = np.arange(len(masses), dtype=np.float64)
    most = count * (len(masses) - 1)
    least = most if total >= most else math.ceil(total)
    if least <= count * float(scores @ masses):
        return 0.0
    if least == most:
        return min(0.0, count * math.log(masses[-1]) * (1 - _ROUNDING))
    tilt = _tilt(least / count, masses, scores)
    tilted, log_scale = _tilted(masses, scores, tilt)
    mean = float(scores @ tilted)
    deviation = math.sqrt(count * max(float((scores - mean) ** 2 @ tilted), 1e-300))
    half = 1 << math.ceil(math.log2(_REACH * (deviation + 1) + len(masses)))
    near = _tilted_tail(least, count, tilted, tilt, half)
    log_tail = count * log_scale - tilt * least + math.log(near)
    if least + half <= most:
        log_tail = np.logaddexp(
            log_tail, _chernoff(least + half, count, masses, scores, tilt + 8 / deviation)
        )
    margin = count * (1 + deviation + abs(log_scale) + tilt * least / count) * _ROUNDING
    return min(0.0, float(log_tail + margin + 1e-12))


def _tilted(masses: Masses, scores: Masses, tilt: float) -> tuple[Masses, float]:
    """Masses in proportion to ``masses * exp(tilt * scores)``, and the log of their sum."""
    shift = tilt * scores[-1]
    weighted = masses * np.exp(tilt * scores - shift)
    scale = float(weighted.sum())
    return weighted / scale, shift + math.log(scale)


def _tilt(target: float, masses: Masses, scores: Masses) -> float:
    """About the tilt at which the mean score is ``target``; any other would be as exact."""
    tilt = 0.0
    for _ in range(_NEWTON_STEPS):
        tilted, _ = _tilted(masses, scores, tilt)
        mean = float(scores @ tilted)
        variance = float((scores - mean) ** 2 @ tilted)
        step = min((target - mean) / max(variance, 1e-12), 1.0)
        tilt = min(max(tilt + step, 0.0), _LARGEST_TILT)
        if abs(step) < 1e-9:
            break
    return tilt


def _tilted_tail(least: int, count: int, tilted: Masses, tilt: float, half: int) -> float:
    """Sum of ``P(k) exp(-tilt (k - least))`` for the ``half`` sums k from ``least`` on."""
    period = 2 * half
    base, left = np.fft.rfft(tilted, period), count
    power = np.ones_like(base)
    while left:
        if left & 1:
            power = power * base
        base, left = base * base, left >> 1
    folded = np.fft.irfft(power, period)
    steps = np.arange(half)
    terms = folded[(least + steps) % period].clip(0) * np.exp(-tilt * steps)
    return max(float(terms.sum()), float(np.finfo(np.float64).tiny))


def _chernoff(total: int, count: int, masses: Masses, scores: Masses, tilt: float) -> float:
    """A bound on ``ln P(sum >= total)``, whatever the tilt above 0."""
    _, log_scale = _tilted(masses, scores, tilt)
    return count * log_scale - tilt * total
