"""How surprising a result is on media that carry no mark: p-values that hold for any media.

Under a key drawn at random, the signs of a mark's chips are fair, independent of each other and of
the media. For one fixed hypothesis about where the mark lies and what it says, the statistic

    z = sum of x_i s_i / root of the sum of x_i^2

is then a Rademacher sum of unit variance, whatever the media values ``x_i`` are. Its tail is at
most ``1 / (4 Q(sqrt 2)) = 3.178...`` times the Gaussian tail ``Q(z)`` (V. Bentkus and
D. Dzindzalieta, "A tight Gaussian bound for weighted sums of Rademacher random variables",
Bernoulli 21(2), 2015), and at most ``exp(-z^2 / 2)`` (W. Hoeffding, 1963).

A search that takes the best of many hypotheses multiplies by their number (the union bound): every
scale, rotation, shift, code word and key that could have been tried is counted, whether it was
tried or not.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LEAST_P_VALUE", "any_of", "log_tail", "p_value"]

LEAST_P_VALUE: Final = 1e-300
"""Smallest p-value that is given: no result is impossible."""
_GAUSSIAN_FACTOR: Final = 1 / (2 * math.erfc(1.0))  # 1 / (4 Q(sqrt 2))
_ERFC_LIMIT: Final = 25.0
"""Beyond this many deviations the Gaussian tail leaves double precision's range."""


def log_tail(z: float) -> float:
    """Natural logarithm of a bound on ``P(Z >= z)`` for a Rademacher sum of unit variance.

    Args:
        z: Standard deviations.

    Returns:
        At most 0.
    """
    if z <= 0:
        return 0.0
    if z < _ERFC_LIMIT:
        log_gaussian = math.log(math.erfc(z / math.sqrt(2)) / 2)
    else:
        # Mills' ratio: Q(z) < exp(-z^2 / 2) / (z sqrt(2 pi)).
        log_gaussian = -z * z / 2 - math.log(z * math.sqrt(2 * math.pi))
    return min(0.0, -z * z / 2, math.log(_GAUSSIAN_FACTOR) + log_gaussian)


def p_value(z: float, *, log_hypotheses: float = 0.0) -> float:
    """Bound on the probability that the best of many hypotheses reaches ``z`` by chance.

    Args:
        z: Sum of chips times signs, divided by the root of the sum of squared chips.
        log_hypotheses: Natural logarithm of the number of hypotheses that the search could reach.

    Returns:
        A p-value from `LEAST_P_VALUE` to 1.
    """
    exponent = log_hypotheses + log_tail(z)
    return 1.0 if exponent >= 0 else max(LEAST_P_VALUE, math.exp(exponent))


def any_of(*p_values: float) -> float:
    """The p-value of the smallest of several p-values (Bonferroni)."""
    return min(1.0, len(p_values) * min(p_values))
