"""Exact binomial probabilities and intervals."""

from __future__ import annotations

import numpy as np

__all__ = ["at_least", "interval"]

_BISECTIONS = 60


def at_least(count: int, trials: int, probability: float) -> float:
    """The probability of ``count`` or more successes in ``trials``."""
    if count <= 0:
        return 1.0
    if not 0 < probability < 1:
        return 1.0 if probability >= 1 else 0.0
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    successes = np.arange(count, trials + 1)
    log_terms = log_factorial[trials] - log_factorial[successes] - log_factorial[trials - successes]
    log_terms += successes * np.log(probability) + (trials - successes) * np.log1p(-probability)
    return float(min(1.0, np.exp(log_terms).sum()))


def interval(count: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of Clopper and Pearson for the rate behind ``count`` successes in ``trials``."""
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _solve(count, trials, tail)
    high = 1.0 if count == trials else _solve(count + 1, trials, 1 - tail)
    return low, high


def _solve(count: int, trials: int, tail: float) -> float:
    """The probability at which ``count`` or more successes have the probability ``tail``."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if at_least(count, trials, middle) < tail:
            low = middle
        else:
            high = middle
    return high
