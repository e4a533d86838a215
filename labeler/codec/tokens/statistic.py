"""What a detector needs of a scheme: scores of tokens, and the tail of their sum by chance."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scores", "Statistic", "TokenIds"]

TokenIds: TypeAlias = NDArray[np.int64]
Scores: TypeAlias = NDArray[np.float64]


class Statistic(Protocol):
    """A test of one key: independent, identically distributed scores on text without the mark."""

    @property
    def context_width(self) -> int:
        """Tokens before each scored one that its score depends on."""
        ...

    @property
    def counts_ngrams(self) -> bool:
        """Whether tokens behind the same context are evidence of their own.

        False: of each context only the first occurrence counts, as the writer masks repetitions.
        """
        ...

    @property
    def mean(self) -> float:
        """Expected score of a token without the mark."""
        ...

    def scores(self, contexts: TokenIds, tokens: TokenIds) -> Scores:
        """The scores of tokens behind contexts.

        Args:
            contexts: ``(n, context_width)`` int64, the oldest token first.
            tokens: ``(n,)`` int64.

        Returns:
            ``(n,)`` float64.
        """
        ...

    def log_tail(self, total: float, count: int) -> float:
        """``ln P(sum of count scores >= total)`` on text without the mark; at most 0, finite.

        Exact or an upper bound, never less than the truth; 0 for no scores at all.
        """
        ...
