"""Statistics whose scores depend on less than the whole n-gram, and say on what."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from labeler.codec.tokens.statistic import Statistic, TokenIds

__all__ = ["EvidentStatistic"]


@runtime_checkable
class EvidentStatistic(Statistic, Protocol):
    """A statistic under which different n-grams can be one and the same observation.

    To count such n-grams twice would make p-values too small: a detector keeps only the first
    token of each row of `evidence`.
    """

    def evidence(self, contexts: TokenIds, tokens: TokenIds) -> TokenIds:
        """All that the scores of tokens depend on; tokens whose rows agree are one observation.

        Args:
            contexts: ``(n, context_width)`` int64, the oldest token first.
            tokens: ``(n,)`` int64.

        Returns:
            ``(n, m)`` int64.
        """
        ...
