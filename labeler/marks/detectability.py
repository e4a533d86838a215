"""How well the mark in a text will be found: known while it is written, for the log of requests."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Detectability", "expected_score"]

_FOUND: Final = 1e-6
"""P-value from which on a text counts as marked."""
_LIKELY: Final = 0.01
"""Probability from which on an expected score is worth computing exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectability:
    """What a detector that has the key and the unchanged text is to expect."""

    key_id: str
    """Of the watermark's key."""
    scheme: str
    """Name of the watermark's scheme."""
    tokens: int
    """Tokens so far."""
    marked: int
    """Those that the key chose; the others were drawn as ever."""
    scored: int
    """Those that a detector without the prompt counts."""
    expected_score: float
    """Sum of their expected scores; a text without the mark is expected to reach ``scored``."""
    expected_log_p_value: float
    """Natural logarithm of the p-value that belongs to the expected score, for one key and the
    whole text; half of such texts come out lower, half higher."""

    @property
    def is_markable(self) -> bool:
        """Whether the expected p-value is at most one in a million.

        False for short texts, and for those that the model had no choice in: at temperature 0,
        code, JSON, quotations. A log and metadata have to tell of them.
        """
        return self.expected_log_p_value <= math.log(_FOUND)

    def as_record(self) -> dict[str, str | int | float | bool]:
        """The same for a structured log: neither secrets nor text, only numbers and names."""
        return {**asdict(self), "is_markable": self.is_markable}


def expected_score(log_probabilities: NDArray[np.floating[Any]]) -> float:
    """What the score ``-ln(1 - u)`` of a token that keyed Gumbel sampling chooses is on average.

    The winner's ``u`` follows Beta(1/p, 1) where its probability is p, and the mean of its score is
    the harmonic number of 1/p: the sum is p H(1/p) over the candidates. It is 1, that of any token,
    where there is one candidate only.

    Args:
        log_probabilities: ``(k,)``, finite, of probabilities that add up to 1.
    """
    chances = np.exp(log_probabilities)
    is_likely = chances > _LIKELY
    likely = chances[is_likely].astype(np.float64)
    gain = float((likely * _harmonic(1 / likely)).sum())
    # The others may be a whole vocabulary: H(1/p) = -ln p + gamma + p/2 - …, in three sums.
    chances[is_likely] = 0.0
    gain += float(np.euler_gamma * chances.sum() + 0.5 * (chances @ chances))
    return gain - float(chances @ log_probabilities)


def _harmonic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Harmonic numbers of reals from 1 up, by the asymptotic series; exact to 1e-7."""
    # Two steps up the recurrence, where the series is good enough.
    square = 1 / np.square(values + 2)
    series = np.log(values + 2) + 0.5 / (values + 2)
    series -= square * (1 / 12 - square * (1 / 120 - square / 252))
    result: NDArray[np.float64] = series + np.euler_gamma - 1 / (values + 1) - 1 / (values + 2)
    return result
