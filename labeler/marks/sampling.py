"""From a language model's logits to the candidates that a token is drawn from.

Temperature first, then top-k, top-p and min-p, as transformers has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.statistic import TokenIds

__all__ = ["Candidates", "Sampling", "candidates"]

_BLOCK: Final = 64
"""Logits of which only the greatest is looked at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn.

    Raises:
        ValueError: A value is out of range.
    """

    temperature: float = 1.0
    """At least 0, which takes the likeliest token and leaves nothing to mark."""
    top_k: int | None = None
    """Number of likeliest tokens to choose from, at least 1; ties with the last of them stay. None
    for the whole vocabulary."""
    top_p: float = 1.0
    """The fewest likeliest tokens that have this probability together, above 0 to 1."""
    min_p: float = 0.0
    """Least probability, as a share of the likeliest token's, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"a temperature is at least 0, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is at least 1, or None for no limit, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is above 0 and at most 1, not {self.top_p}")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p is 0 to 1, not {self.min_p}")


@dataclass(frozen=True, slots=True)
class Candidates:
    """The tokens that one is drawn from."""

    tokens: TokenIds
    """``(k,)`` int64, ascending."""
    log_probabilities: NDArray[np.floating[Any]]
    """``(k,)`` float32 or float64: natural logarithms of probabilities that add up to 1."""


def candidates(logits: NDArray[np.floating[Any]], sampling: Sampling) -> Candidates:
    """What is left of a vocabulary, and how likely each token is.

    Args:
        logits: ``(V,)`` floats, natural-log scale; -inf for tokens that are ruled out.
        sampling: How to draw.

    Raises:
        ValueError: The logits are no vector of floats, one is NaN or +inf, or every one is -inf.
    """
    values = np.asarray(logits)
    if values.ndim != 1 or not values.size or values.dtype.kind != "f":
        raise ValueError("logits are a vector of floats, one for each token")
    if values.dtype.itemsize < np.dtype(np.float32).itemsize:
        values = values.astype(np.float32)
    greatest = values.max()
    if not math.isfinite(greatest):
        raise ValueError("logits are finite, or -inf for tokens that are ruled out")
    if sampling.temperature == 0:
        return Candidates(np.array([values.argmax()], np.int64), np.zeros(1))
    if sampling.top_k is None and values.min() > -np.inf:
        tokens = np.arange(values.size)
    else:
        tokens = _likeliest(values, sampling.top_k or values.size)
        values = values[tokens]
    scaled = (values - greatest) / values.dtype.type(sampling.temperature)
    chances = np.exp(scaled)
    if sampling.top_p < 1:
        nucleus = _nucleus(chances, sampling.top_p)
        tokens, scaled, chances = tokens[nucleus], scaled[nucleus], chances[nucleus]
    if sampling.min_p > 0:
        # The likeliest token stays, its own chance being 1 on this scale.
        kept = chances >= sampling.min_p
        tokens, scaled, chances = tokens[kept], scaled[kept], chances[kept]
    return Candidates(tokens, scaled - np.log(chances.sum()))


def _likeliest(values: NDArray[np.floating[Any]], count: int) -> TokenIds:
    """Places of the ``count`` greatest numbers, ties with the least of them included, but -inf."""
    if count >= values.size:
        return np.flatnonzero(values > -np.inf)
    near = np.arange(values.size)
    blocks = values.size // _BLOCK
    if blocks > count:
        # Of so many blocks each has a logit as great as the bound: so have at least as many tokens.
        greatest = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        near = np.flatnonzero(values >= _nth_greatest(greatest, count))
    nearby = values[near]
    return near[(nearby >= _nth_greatest(nearby, count)) & (nearby > -np.inf)]


def _nth_greatest(values: NDArray[np.floating[Any]], nth: int) -> np.floating[Any]:
    at = values.size - nth
    least: np.floating[Any] = np.partition(values, at)[at]
    return least


def _nucleus(chances: NDArray[np.floating[Any]], share: float) -> NDArray[np.intp]:
    """Places of the fewest greatest numbers that have a share of the sum, ascending."""
    wanted = share * float(chances.sum(dtype=np.float64))
    count = min(chances.size, 256)
    while True:
        places = _likeliest(chances, count)
        places = places[np.argsort(-chances[places], kind="stable")]
        sums = np.cumsum(chances[places], dtype=np.float64)
        if sums[-1] >= wanted or count == chances.size:
            needed = int(np.searchsorted(sums, wanted)) + 1
            return np.sort(places[:needed])
        count = min(chances.size, 8 * count)
