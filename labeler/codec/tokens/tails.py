"""Tails of sums of chance scores, in logarithms, exact far beyond the range of floats.

Each function gives ``ln P(sum >= total)``: at most 0, finite, falling with the total, and never
below the truth. What rounding may have taken is added back (`_SLACK` of the magnitudes at work).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "log_binomial_tail",
    "log_gamma_tail",
    "log_two_gamma_tail",
]

_Logs = NDArray[np.float64]

_SLACK: Final = 1e-12
"""Of sum and terms: a double precision sum of a million logarithms is ten times as exact."""
_STIRLING_FROM: Final = 32
"""Below it the table is filled number by number."""
_TABLE_STEP: Final = 1024
_MOST_TERMS: Final = 1 << 21
"""Of the series of `log_two_gamma_tail`; a bound stands in for longer ones."""


def log_gamma_tail(total: float, shape: int) -> float:
    """``ln P(G >= total)`` for the sum of ``shape`` exponential variables of mean 1.

    ``P = exp(-s) (1 + s + s^2 / 2! + … + s^(n-1) / (n-1)!)`` for whole ``n``.

    Args:
        total: Sum of the scores.
        shape: Their number; 0 gives 0.

    Raises:
        ValueError: The total is not finite, or the shape negative.
    """
    _check(total, shape)
    if total <= 0 or not shape:
        return 0.0
    terms = np.arange(shape) * math.log(total) - _log_factorials(shape)
    return _not_below(_log_sum(terms) - total, total + float(terms[-1]) + shape)


def log_two_gamma_tail(total: float, count: int, weight_a: float, weight_b: float) -> float:
    """``ln P(a G1 + b G2 >= total)`` for two independent sums of ``count`` exponentials of mean 1.

    An exponential variable of mean ``a > b`` is a sum of ``N`` ones of mean ``b``, ``N`` geometric
    with parameter ``b / a``; the sum of all is a Gamma variable whose shape is ``2 count`` and a
    negative binomial number. Its tail is a series of positive terms,
    ``sum over j of Poisson(j; total / b) P(2 count + NB > j)``. Where that is too long
    (``b`` far below ``a``) the Chernoff bound, a few units too large, takes its place.

    Args:
        total: Weighted sum of the scores.
        count: Number of scores of either kind; 0 gives 0.
        weight_a: At least 0.
        weight_b: At least 0, not both 0.

    Raises:
        ValueError: Numbers out of range.
    """
    _check(total, count)
    large, small = max(weight_a, weight_b), min(weight_a, weight_b)
    if not (small >= 0 and 0 < large < math.inf):
        raise ValueError("weights out of range")
    if total <= 0 or not count:
        return 0.0
    if small == 0:
        return log_gamma_tail(total / large, count)
    if large == small:
        return log_gamma_tail(total / large, 2 * count)
    mean = total / small
    reach = 12 * math.sqrt(mean) + 100
    if mean + reach > _MOST_TERMS:
        return _chernoff(total, count, large, small)
    return _two_gamma_series(mean, count, small / large, int(mean + reach))


def log_binomial_tail(successes: int, trials: int, probability: float) -> float:
    """``ln P(B >= successes)`` for a binomial variable.

    Args:
        successes: More than the trials are treated as all of them: an upper bound.
        trials: At least 0.
        probability: Of a success, above 0, at most 1.

    Raises:
        ValueError: Numbers out of range.
    """
    if trials < 0 or not 0 < probability <= 1:
        raise ValueError("trials or probability out of range")
    successes = min(successes, trials)
    if successes <= 0 or probability == 1:
        return 0.0
    factorials = _log_factorials(trials + 1)
    hits = np.arange(successes, trials + 1)
    terms = factorials[trials] - factorials[hits] - factorials[trials - hits]
    terms += hits * math.log(probability) + (trials - hits) * math.log1p(-probability)
    return _not_below(_log_sum(terms), float(factorials[trials]) + trials)


def _two_gamma_series(mean: float, count: int, part: float, last: int) -> float:
    """The series of `log_two_gamma_tail`, with a bound on what follows its last term."""
    steps = np.arange(last + 1)
    factorials = _log_factorials(last + count + 1)
    poisson = steps * math.log(mean) - mean - factorials[: last + 1]
    # At step j the shape has to exceed j: always for j < 2 count, else NB >= j - 2 count + 1.
    exceeds = np.zeros(last + 1)
    extra = last + 1 - 2 * count
    if extra > 0:
        exceeds[2 * count :] = _log_negative_binomial_tails(count, part, extra)
    terms = poisson + exceeds
    ratio = mean / (last + 1)
    rest = float(poisson[-1] + exceeds[-1]) + math.log(ratio / (1 - ratio))
    return _not_below(_log_sum(np.append(terms, rest)), float(factorials[-1]) + mean)


def _log_negative_binomial_tails(count: int, part: float, most: int) -> _Logs:
    """``ln P(NB >= m)`` for m of 1 to ``most``; NB failures before ``count`` successes."""
    factorials = _log_factorials(most + count + 1)
    failures = np.arange(1, most)
    masses = factorials[failures + count - 1] - factorials[failures] - factorials[count - 1]
    masses += count * math.log(part) + failures * math.log1p(-part)
    # The last tail is that of fewer than `count` successes in `trials`; the others add masses.
    trials = most + count - 1
    hits = np.arange(count)
    fewer = factorials[trials] - factorials[hits] - factorials[trials - hits]
    fewer += hits * math.log(part) + (trials - hits) * math.log1p(-part)
    backwards = np.append(_log_sum(fewer), masses[::-1])
    return np.minimum(np.logaddexp.accumulate(backwards), 0.0)[::-1]


def _chernoff(total: float, count: int, large: float, small: float) -> float:
    """``min over t of ln E exp(t (a G1 + b G2)) - t total``, at any t a bound."""
    mean = count * (large + small)
    if total <= mean:
        return 0.0
    low, high = 0.0, 1 / large
    for _ in range(200):
        tilt = (low + high) / 2
        tilted = count * (large / (1 - tilt * large) + small / (1 - tilt * small))
        low, high = (tilt, high) if tilted < total else (low, tilt)
    value = -count * (math.log1p(-low * large) + math.log1p(-low * small)) - low * total
    return _not_below(value, total / large + count)


def _log_sum(terms: _Logs) -> float:
    peak = float(terms.max())
    return peak + math.log(float(np.exp(terms - peak).sum()))


def _not_below(value: float, magnitude: float) -> float:
    return min(0.0, value + _SLACK * (1 + abs(magnitude)))


def _check(total: float, count: int) -> None:
    if not math.isfinite(total) or count < 0:
        raise ValueError("a total that is not finite, or a negative count")


def _log_factorials(count: int) -> _Logs:
    """``ln k!`` for k of 0 to ``count - 1``."""
    return _factorial_table(-(-count // _TABLE_STEP))[:count]


@lru_cache(maxsize=8)
def _factorial_table(steps: int) -> _Logs:
    size = steps * _TABLE_STEP
    number = np.arange(1, size + 1, dtype=np.float64)
    inverse = 1 / number
    square = inverse * inverse
    # Stirling's series of ln Gamma(k + 1); its error at 32 is below 1e-17.
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    table = (number - 0.5) * np.log(number) - number + 0.5 * math.log(2 * math.pi) + series
    table[:_STIRLING_FROM] = [math.lgamma(each + 1) for each in range(_STIRLING_FROM)]
    table.flags.writeable = False
    return table
