"""Green lists as transformers' `WatermarkingConfig` writes them: membership and a test.

Kirchenbauer and others, "A Watermark for Large Language Models" (2023), algorithms 2 and 3;
``WatermarkLogitsProcessor`` of transformers. A seed taken from neighbouring tokens shuffles the
vocabulary; its first part is green, and green tokens were made likelier. One token is followed
through the shuffle instead of shuffling the vocabulary.

The test: different seeds give independent lists. Behind one seed the tokens are drawn without
replacement, so their greens are hypergeometric, which like every sum of hypergeometric numbers is
a sum of independent unequal trials (Vatutin and Mikhailov 1982), and of such a sum the binomial
tail with the mean probability is an upper bound from one above the mean on (Hoeffding 1956,
theorem 4). Below that nothing is claimed.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.schemes import Kgw, Seeding
from labeler.codec.tokens.statistic import Scores, TokenIds
from labeler.codec.tokens.tails import log_binomial_tail
from labeler.codec.tokens.torch_random import TorchRandom, is_among_first
from labeler.errors import WatermarkKeyError

__all__ = ["KgwStatistic"]

_HASH_TABLE_SIZE: Final = 1_000_003
_SEED_MODULUS: Final = (1 << 64) - 1
_WORD_RANGE: Final = 1 << 32
_TOKEN_BITS: Final = 25
_TOKEN_MASK: Final = (1 << _TOKEN_BITS) - 1
_LARGEST_VOCABULARY: Final = 1 << 24


class KgwStatistic:
    """The number of green tokens; see the module for the null hypothesis."""

    __slots__ = ("_greens", "_hash_table", "_scheme")

    def __init__(self, scheme: Kgw) -> None:
        """Prepare the test of one key.

        Raises:
            WatermarkKeyError: The key's parameters are not ones that transformers takes.
        """
        self._scheme = scheme
        self._greens = int(scheme.vocabulary_size * scheme.greenlist_ratio)
        self._check()
        self._hash_table: NDArray[np.int64] | None = None
        if scheme.seeding is Seeding.SELFHASH:
            # Only tokens of the vocabulary are looked up.
            self._hash_table = TorchRandom().permutation_head(
                scheme.secret,
                _HASH_TABLE_SIZE,
                min(scheme.vocabulary_size, _HASH_TABLE_SIZE),
            )

    @property
    def context_width(self) -> int:
        """Tokens before each scored one that its colour depends on.

        1 for left hashing, which only ever uses the last one; for self-hashing one less than the
        scheme's, which counts the token itself, but never 0: such a context is left unused.
        """
        return 1 if self._hash_table is None else max(1, self._scheme.context_width - 1)

    @property
    def counts_ngrams(self) -> bool:
        """True: a list behind a known context judges another token anew."""
        return True

    @property
    def mean(self) -> float:
        """Expected score of a token without the mark."""
        return self._greens / self._scheme.vocabulary_size

    def evidence(self, contexts: TokenIds, tokens: TokenIds) -> TokenIds:
        """The 32 bits that the list is drawn from, and the token; see `EvidentStatistic`."""
        return np.column_stack([self._seeds(contexts, tokens), tokens])

    def scores(self, contexts: TokenIds, tokens: TokenIds) -> Scores:
        """1 for each green token, else 0; see `Statistic`.

        Foreign tokens are never green, nor are those behind a seed of 0: left hashing gives that to
        token 0 under every key, so that anybody can write what is green there.
        """
        vocabulary = self._scheme.vocabulary_size
        seeded = self._seeds(contexts, tokens)
        own = np.where((tokens >= 0) & (tokens < vocabulary) & (seeded != 0), tokens, -1)
        codes = seeded << _TOKEN_BITS | (own + 1)
        distinct, back = np.unique(codes, return_inverse=True)
        seeds, judged = distinct >> _TOKEN_BITS, (distinct & _TOKEN_MASK) - 1
        starts = np.flatnonzero(np.diff(seeds, prepend=-1))
        greens = np.zeros(len(distinct))
        generator = TorchRandom()
        for start, stop in pairwise([*starts.tolist(), len(distinct)]):
            swaps = generator.swaps(int(seeds[start]), vocabulary, self._greens)
            for row in range(start, stop):
                greens[row] = judged[row] >= 0 and is_among_first(swaps, int(judged[row]))
        return greens[back]

    def log_tail(self, total: float, count: int) -> float:
        """``ln P(sum of count scores >= total)`` without the mark, or a bound above it."""
        # PyTorch reduces 32-bit words by a remainder, which favours small numbers by so much.
        probability = min(1.0, self.mean + self._greens / _WORD_RANGE)
        if count <= 0 or total < count * probability + 1:
            return 0.0
        return log_binomial_tail(math.ceil(total), count, probability)

    def _seeds(self, contexts: TokenIds, tokens: TokenIds) -> TokenIds:
        """The low half of what transformers seeds its generator with: PyTorch uses no more."""
        secret = self._scheme.secret
        if self._hash_table is None:
            return np.array(
                [secret * last % _SEED_MODULUS % _WORD_RANGE for last in contexts[:, -1].tolist()],
                dtype=np.int64,
            )
        seen = contexts[:, contexts.shape[1] - (self._scheme.context_width - 1) :]
        hashed = np.column_stack([seen, tokens]) % _HASH_TABLE_SIZE % len(self._hash_table)
        factors = self._hash_table[hashed] + 1
        # Products wrap around as PyTorch's do; the least is that of signed numbers.
        least = (np.int64(secret) * factors * factors[:, -1:]).min(axis=1)
        return np.array(
            [each % _SEED_MODULUS % _WORD_RANGE for each in least.tolist()], dtype=np.int64
        )

    def _check(self) -> None:
        scheme = self._scheme
        limit = 1 << (63 if scheme.seeding is Seeding.SELFHASH else 64)
        if not (
            2 <= scheme.vocabulary_size <= _LARGEST_VOCABULARY
            and 0 < scheme.greenlist_ratio < 1
            and self._greens > 0
            and 0 <= scheme.secret < limit
            and scheme.context_width >= 1
        ):
            raise WatermarkKeyError(
                "a green-list key whose parameters are out of range",
                hint="Give the model's vocabulary size, a ratio strictly between 0 and 1, a "
                "context of at least 1 token and a key below 2**63",
            )
