"""Where in a text the scores are high, and how surprising that is.

A text may be marked as a whole, or hold a marked passage among others. Half of the error goes to
the whole text; the other half is shared evenly by the lengths of windows, and within a length by
all its windows. Lengths grow by a factor of 2**(1/2) from `LEAST_WINDOW`, and windows of a length
begin a quarter of it apart: whatever passage is marked, some window is nearly it. By the union
bound the probability that any of them does so well by chance is at most what is given.

Of windows of one length the one with the largest sum is the most surprising, so each length costs
one tail and one pass over the cumulative sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.statistic import Scores, Statistic

__all__ = ["LEAST_WINDOW", "Hit", "Windows", "plan", "refine", "scan"]

LEAST_WINDOW: Final = 50
"""Scored tokens in the shortest windows."""
_STRIDES: Final = 4
_PLANS: Final = 64
"""How many plans are kept: the keys that are tried on a text share one."""
_REFINEMENTS: Final = 3
_USUAL_EXCESS: Final = 0.65
"""Standard deviations by which the mean score of a marked passage is higher."""
_CAP: Final = 3.0
"""Standard deviations above the mean beyond which scores are cut."""
_TOLERANCE: Final = 25
"""Tokens by which the end of a span may be wrong."""
_NEARLY: Final = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """All windows of one length."""

    length: int
    """Scored tokens."""
    starts: NDArray[np.int64]
    """``(k,)``, the places of their first scored tokens, ascending."""
    log_factor: float
    """What is added to the logarithm of the p-value of each: the share of the error that it has,
    inverted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """The most surprising of all windows."""

    start: int
    """Place of its first scored token among all scored ones."""
    stop: int
    """Place behind its last."""
    log_p_value: float
    """Natural logarithm of its p-value, all windows counted; at most 0."""
    windows: int
    """How many were tried, the whole text included."""


@lru_cache(maxsize=_PLANS)
def plan(count: int) -> tuple[Windows, ...]:
    """The windows for a text of ``count`` scored tokens: the whole first, then ever longer ones."""
    whole = np.zeros(1, np.int64)
    whole.setflags(write=False)
    lengths = list(_lengths(count))
    if not lengths:
        return (Windows(length=count, starts=whole, log_factor=0.0),)
    share = math.log(2 * len(lengths))
    parts = [Windows(length=count, starts=whole, log_factor=math.log(2))]
    for length in lengths:
        # The last one ends with the text.
        number = math.ceil((count - length) / (length / _STRIDES)) + 1
        starts = np.rint(np.linspace(0, count - length, number)).astype(np.int64)
        starts.setflags(write=False)  # plans are kept
        parts.append(Windows(length=length, starts=starts, log_factor=share + math.log(number)))
    return tuple(parts)


def scan(scores: Scores, statistic: Statistic) -> Hit:
    """The most surprising window of a text.

    Args:
        scores: ``(n,)``, of its scored tokens in their order.
        statistic: What they are scores of.
    """
    total = np.concatenate([[0.0], np.cumsum(scores)])
    best, windows = Hit(start=0, stop=len(scores), log_p_value=0.0, windows=0), 0
    for each in plan(len(scores)):
        windows += len(each.starts)
        sums = total[each.starts + each.length] - total[each.starts]
        start = int(each.starts[np.argmax(sums)])
        stop = start + each.length
        # Summed anew: differences of long cumulative sums have lost digits.
        log_p = statistic.log_tail(float(scores[start:stop].sum()), each.length) + each.log_factor
        if log_p < best.log_p_value:
            best = Hit(start=start, stop=stop, log_p_value=log_p, windows=0)
    return Hit(start=best.start, stop=best.stop, log_p_value=best.log_p_value, windows=windows)


def refine(scores: Scores, hit: Hit, *, mean: float) -> tuple[int, int]:
    """The passage around ``hit`` that is marked, most likely.

    A change-point estimate: scores are taken as normally distributed, with a mean that is higher
    in the passage than outside, and the place of either end, seen from the passage's middle, has
    then a posterior distribution. The excess is half what the hit shows and half what is usual,
    because the hit alone is too small to say.

    Args:
        scores: ``(n,)``.
        hit: See `scan`.
        mean: Expected score of a token without the mark.

    Returns:
        Start and stop, places among the scored tokens.
    """
    deviation = float(scores.std())
    if not deviation:
        return hit.start, hit.stop
    # Single tokens with very high scores say less than the normal distribution thinks.
    capped = np.minimum(scores, mean + _CAP * deviation)
    found = (hit.start, hit.stop)
    for _ in range(_REFINEMENTS):
        shown = max(0.0, float(capped[slice(*found)].mean()) - mean)
        excess = (shown + _USUAL_EXCESS * deviation) / 2
        ratios = excess / deviation**2 * (capped - mean - excess / 2)
        before, middle = found, sum(found) // 2
        found = (
            middle - _end(ratios[:middle][::-1]),
            middle + max(1, _end(ratios[middle:])),
        )
        if found == before:
            break
    return found


def _end(ratios: Scores) -> int:
    """How many tokens belong to a passage that begins in front of them.

    The place with the most posterior probability within `_TOLERANCE` of it; of places that are
    nearly as good the most probable one.

    Args:
        ratios: ``(n,)``, logarithms of likelihood ratios.
    """
    sums = np.concatenate([[0.0], np.cumsum(ratios)])
    likelihood = np.exp(sums - sums.max())
    below = np.concatenate([[0.0], np.cumsum(likelihood)])
    places = np.arange(len(sums))
    near = below[np.minimum(places + _TOLERANCE + 1, len(sums))]
    near -= below[np.maximum(places - _TOLERANCE, 0)]
    return int(np.argmax(np.where(near >= _NEARLY * near.max(), likelihood, -1.0)))


def _lengths(count: int) -> Iterator[int]:
    """Lengths of windows, up to where the whole text does as well."""
    step = 0
    while (length := round(LEAST_WINDOW * 2 ** (step / 2))) < count / math.sqrt(math.sqrt(2)):
        yield length
        step += 1
