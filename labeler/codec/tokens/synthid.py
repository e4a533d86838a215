"""SynthID's tournament watermark as transformers writes it: g-values and an exact test.

Dathathri and others, "Scalable watermarking for identifying large language model outputs", Nature
634 (2024); ``SynthIDTextWatermarkLogitsProcessor`` of transformers. An n-gram's hash h is a linear
congruential generator run over its tokens; layer l of the tournament runs it over that layer's
secret too and looks a bit up in a public table of seeded random bits: that layer's g-value. The
model's choice leans to tokens with g-values of 1, to the first layers most.

The generator's last step leaves all layers functions of h alone: with the usual table of 65536
bits, of its last 16 bits. So the distribution of a token's score over all h is enumerated, with
this key's and this table's own chances (the table's share of ones is not exactly one half, two
secrets can fall together, layers can be correlated by chance), instead of taking fair and
independent coins. What the test supposes of text without the mark is that h is as good as uniform.
Hash and table are public: whoever makes up n-grams to suit them, and guesses one layer's secret
modulo the table's size (15 chances in 65536 for one of the first layers), can write a text that
looks marked without knowing the key.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.lattice_tail import Masses, log_lattice_tail
from labeler.codec.tokens.schemes import SynthId
from labeler.codec.tokens.statistic import Scores, TokenIds
from labeler.codec.tokens.torch_random import TorchRandom
from labeler.errors import WatermarkKeyError

__all__ = ["SynthIdStatistic", "depth_weights", "g_values"]

_MULTIPLIER: Final = np.uint64(6364136223846793005)
_ONE: Final = np.uint64(1)
_SIGN: Final = np.uint64(1 << 63)
_HASH_RANGE: Final = 1 << 64
_LARGEST_TABLE: Final = 1 << 22
_MOST_LAYERS: Final = 256
_FIRST_WEIGHT: Final = 10
_BLOCK: Final = 1 << 16
"""N-grams whose layers are looked up at a time."""


def depth_weights(layers: int) -> NDArray[np.int64]:
    """Weights of the layers in a token's score: evenly from 10 for the first to 1 for the last.

    The tournament's first layers see the most candidates and leave the strongest trace (the
    paper's weighted mean); whole numbers keep the test exact.
    """
    return np.rint(np.linspace(_FIRST_WEIGHT, 1, layers)).astype(np.int64)


def g_values(scheme: SynthId, ngrams: TokenIds) -> NDArray[np.uint8]:
    """The bits that each layer of the tournament gives to n-grams.

    Args:
        scheme: The key.
        ngrams: ``(n, ngram_length)`` int64, the oldest token first, the sampled one last.

    Returns:
        ``(n, layers)`` of 0 or 1.

    Raises:
        WatermarkKeyError: The key's parameters are out of range.
    """
    _check(scheme)
    table = TorchRandom().bits(scheme.sampling_table_seed, scheme.sampling_table_size)
    return table[_places(scheme, _hashes(ngrams))]


class SynthIdStatistic:
    """The weighted sum of g-values; see the module for the null hypothesis."""

    __slots__ = ("_divides", "_masses", "_mean", "_scheme", "_sums", "_table", "_weights")

    def __init__(self, scheme: SynthId) -> None:
        """Prepare the test of one key.

        Raises:
            WatermarkKeyError: The key's parameters are out of range.
        """
        _check(scheme)
        self._scheme = scheme
        self._weights = depth_weights(len(scheme.secrets))
        self._table = TorchRandom().bits(scheme.sampling_table_seed, scheme.sampling_table_size)
        self._sums = self._unwrapped()
        self._divides = _HASH_RANGE % scheme.sampling_table_size == 0
        self._masses = self._shares(self._sums) if self._divides else self._enumerated()
        self._mean = float(np.arange(len(self._masses)) @ self._masses)

    @property
    def context_width(self) -> int:
        """Tokens before each scored one that its score depends on."""
        return self._scheme.context_width

    @property
    def counts_ngrams(self) -> bool:
        """False: the writer leaves tokens behind contexts that it has had before to chance."""
        return False

    @property
    def mean(self) -> float:
        """Expected score of a token without the mark."""
        return self._mean

    def evidence(self, contexts: TokenIds, tokens: TokenIds) -> TokenIds:
        """Where in the table a layer without secret looks, ``(n, 1)``; see `EvidentStatistic`.

        With a table whose size does not divide the range of the hash, scores of one place differ a
        little by where sums wrap round. They count once even so: anybody can choose n-grams of few
        places, for the hash needs no key.
        """
        starts = _hashes(np.column_stack([contexts, tokens])) * _MULTIPLIER + _ONE
        starts += _SIGN  # signed numbers, counted from the least one
        return (starts % np.uint64(self._scheme.sampling_table_size)).view(np.int64)[:, None]

    def scores(self, contexts: TokenIds, tokens: TokenIds) -> Scores:
        """The weighted sums of the g-values, ``(n,)`` whole numbers; see `Statistic`."""
        hashes = _hashes(np.column_stack([contexts, tokens]))
        if not self._divides:
            return self._weighted(hashes)
        places = (hashes * _MULTIPLIER + _ONE) % np.uint64(self._scheme.sampling_table_size)
        scores: Scores = self._sums[places].astype(np.float64)
        return scores

    def log_tail(self, total: float, count: int) -> float:
        """``ln P(sum of count scores >= total)`` without the mark: exact, 0 up to the mean."""
        return log_lattice_tail(total, count, self._masses)

    def _weighted(self, hashes: NDArray[np.uint64]) -> Scores:
        found = np.empty(len(hashes), dtype=np.float64)
        for at in range(0, len(hashes), _BLOCK):
            block = slice(at, at + _BLOCK)
            bits = self._table[_places(self._scheme, hashes[block])]
            found[block] = bits @ self._weights
        return found

    def _unwrapped(self) -> NDArray[np.int64]:
        """The score by where a hash without a secret looks, ``(size,)``, if no sum wraps round."""
        size = self._scheme.sampling_table_size
        sums = np.zeros(size, dtype=np.int64)
        for edge, weight in self._layers():
            sums += np.roll(self._table, (edge - _HASH_RANGE) % size) * weight
        return sums

    def _layers(self) -> list[tuple[int, int]]:
        """``2**64 - d`` for the distance d that each layer's secret adds; and its weight."""
        return sorted(
            (_HASH_RANGE - int(_MULTIPLIER) * secret % _HASH_RANGE, int(weight))
            for secret, weight in zip(self._scheme.secrets, self._weights, strict=True)
        )

    def _enumerated(self) -> Masses:
        """The masses for a table whose size does not divide the range of the hash.

        A layer looks at ``(x + d) mod 2**64 mod size`` with x uniform. In which layers the sum
        wraps round depends on where x stands among the edges ``2**64 - d``; given that, all
        residues of x are equally likely.
        """
        size = self._scheme.sampling_table_size
        totals = self._sums.copy()
        masses, low = np.zeros(int(self._weights.sum()) + 1), 0
        for edge, weight in self._layers():
            masses += (edge - low) / _HASH_RANGE * self._shares(totals)
            low = edge
            # From here on this layer's sum is less by 2**64.
            totals -= np.roll(self._table, (edge - _HASH_RANGE) % size) * weight
            totals += np.roll(self._table, edge % size) * weight
        return masses + (_HASH_RANGE - low) / _HASH_RANGE * self._shares(totals)

    def _shares(self, totals: NDArray[np.int64]) -> Masses:
        return np.bincount(totals, minlength=int(self._weights.sum()) + 1) / len(totals)


def _check(scheme: SynthId) -> None:
    if not (
        scheme.ngram_length >= 2
        and 2 <= scheme.sampling_table_size <= _LARGEST_TABLE
        and 1 <= len(scheme.secrets) <= _MOST_LAYERS
    ):
        raise WatermarkKeyError(
            "a SynthID key whose parameters are out of range",
            hint="Give n-grams of at least 2 tokens, a table of 2 to 4194304 bits "
            "and 1 to 256 secrets",
        )


def _hashes(ngrams: TokenIds) -> NDArray[np.uint64]:
    """The n-grams' hashes before the layers' secrets, ``(n,)``."""
    hashes = np.ones(len(ngrams), dtype=np.uint64)
    for token in np.ascontiguousarray(ngrams.T).view(np.uint64):
        hashes += token
        hashes *= _MULTIPLIER
        hashes += _ONE
    return hashes


def _places(scheme: SynthId, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where in the table each layer looks, ``(n, layers)``."""
    secrets = np.array([each % _HASH_RANGE for each in scheme.secrets], dtype=np.uint64)
    keys = (hashes[:, None] + secrets) * _MULTIPLIER + _ONE
    # Signed, and the remainder of a negative number counts from the table's end, as in PyTorch.
    return keys.view(np.int64) % scheme.sampling_table_size
