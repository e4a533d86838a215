"""Tests for keyed Gumbel sampling, in the four forms in which engines write it.

A token that was sampled as ``argmax ln p - ln(-ln u)`` has a large ``u``; its score is
``-ln(1 - u)``. Without the mark, u is uniform, scores are exponential variables of mean 1, and
their sum is a Gamma variable (S. Aaronson 2022; J. Kirchenbauer and others 2023).

Engines make ``u`` of a word in slightly different ways, the largest words of which score a little
more than an exponential variable may. Here ``u`` is the word's lower edge, ``word / 2**32``: each
score is then at most that of a uniform number, for every word, and the tail holds exactly. The
sum over a text loses some millionths by it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens import murmur3, philox
from labeler.codec.tokens.schemes import (
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
)
from labeler.codec.tokens.statistic import Scores, TokenIds
from labeler.codec.tokens.tails import log_gamma_tail, log_two_gamma_tail

__all__ = ["MurmurStatistic", "PhiloxDualStatistic", "PhiloxStatistic"]

_WORDS: Final = 1 << 32


class _GumbelStatistic:
    """What the four have in common; see `Statistic`."""

    def __init__(self, context_width: int) -> None:
        self._context_width = context_width

    @property
    def context_width(self) -> int:
        """See `Statistic`."""
        return self._context_width

    @property
    def counts_ngrams(self) -> bool:
        """False: the writer marks a context once."""
        return False

    @property
    def mean(self) -> float:
        """Of an exponential variable, and of a mean of two."""
        return 1.0

    def log_tail(self, total: float, count: int) -> float:
        """See `Statistic`."""
        return log_gamma_tail(total, count)


class PhiloxStatistic(_GumbelStatistic):
    """`Statistic` of `PhiloxGumbel`."""

    def __init__(self, scheme: PhiloxGumbel) -> None:
        super().__init__(scheme.context_width)
        self._secret = scheme.secret

    def scores(self, contexts: TokenIds, tokens: TokenIds) -> Scores:
        """See `Statistic`."""
        _check(contexts, tokens, self.context_width)
        return _scores(philox.words(self._secret, contexts, tokens[:, None])[:, 0])


class PhiloxDualStatistic(_GumbelStatistic):
    """`Statistic` of `PhiloxDualGumbel`: scores under both keys, weighted by their frequency."""

    def __init__(self, scheme: PhiloxDualGumbel) -> None:
        super().__init__(scheme.context_width)
        self._secrets = philox.dual_secrets(scheme.secret)
        self._weights = (1 - scheme.alpha, scheme.alpha)

    def scores(self, contexts: TokenIds, tokens: TokenIds) -> Scores:
        """See `Statistic`."""
        _check(contexts, tokens, self.context_width)
        total = np.zeros(len(tokens))
        for secret, weight in zip(self._secrets, self._weights, strict=True):
            total += weight * _scores(philox.words(secret, contexts, tokens[:, None])[:, 0])
        return total

    def log_tail(self, total: float, count: int) -> float:
        """See `Statistic`."""
        return log_two_gamma_tail(total, count, *self._weights)


class MurmurStatistic(_GumbelStatistic):
    """`Statistic` of `MurmurGumbel` and `MurmurDualGumbel`.

    Anybody can make contexts of one hash, and pairs of hash and token that have one word under
    every secret: the function turns a difference in the highest bit into one that a token undoes.
    Such tokens are one observation, so all but the first of a word in a call score 0. (By chance
    one in 2**32 pairs of tokens has one, too.)
    """

    def __init__(self, scheme: MurmurGumbel | MurmurDualGumbel) -> None:
        super().__init__(scheme.context_width)
        self._scheme = scheme

    def scores(self, contexts: TokenIds, tokens: TokenIds) -> Scores:
        """See `Statistic`; of rows that repeat a word all but the first score 0."""
        _check(contexts, tokens, self.context_width)
        words = self._words(murmur3.context_hashes(contexts), tokens)
        scores = _scores(words)
        _, first = np.unique(words, return_index=True)
        result = np.zeros(len(tokens))
        result[first] = scores[first]
        return result

    def _words(self, hashes: murmur3.Words, tokens: TokenIds) -> murmur3.Words:
        scheme = self._scheme
        words = murmur3.words(scheme.secret, hashes, tokens)
        if isinstance(scheme, MurmurGumbel):
            return words
        first = murmur3.chooses_first(
            scheme.secret, scheme.secret_b, hashes, scheme.mixing_probability
        )
        return np.where(first, words, murmur3.words(scheme.secret_b, hashes, tokens))


def _scores(words: NDArray[np.uint32]) -> Scores:
    return -np.log1p(words / -float(_WORDS))


def _check(contexts: TokenIds, tokens: TokenIds, width: int) -> None:
    if contexts.ndim != 2 or contexts.shape[1] != width or tokens.shape != contexts.shape[:1]:
        raise ValueError("contexts of another width, or tokens that do not fit them")
