"""The pseudo-random function of SGLang's Gumbel watermark, on numpy.

MurmurHash3 (x86, 32 bits, A. Appleby) over 32-bit words: of a context's tokens without a secret
first, then of secret, context hash and candidate token. It is not cryptographic, and whoever wants
to can find contexts of the same hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.statistic import TokenIds

__all__ = ["Words", "chooses_first", "context_hashes", "words"]

Words: TypeAlias = NDArray[np.uint32]

_MASK: Final = 0xFFFFFFFF
_SECRET_BITS: Final = 64


def context_hashes(contexts: TokenIds) -> Words:
    """The hashes of contexts, which need no secret.

    Args:
        contexts: ``(n, h)`` int64, the oldest token first; negative in front where the text and
            its prompt had fewer than ``h`` tokens yet, which makes a shorter context.

    Returns:
        ``(n,)`` uint32.

    Raises:
        ValueError: The contexts are no table.
    """
    if contexts.ndim != 2:
        raise ValueError("contexts are a table")
    state = np.zeros(len(contexts), np.uint32)
    for column in contexts.T:
        # A 64-bit comparison: the word of a missing token is that of the largest one.
        state = np.where(column < 0, state, _absorb(state, column.astype(np.uint32)))
    lengths = np.count_nonzero(contexts >= 0, axis=1).astype(np.uint32)
    return _finish(state, lengths * np.uint32(4))


def words(secret: int, hashes: Words, tokens: TokenIds) -> Words:
    """The words of tokens behind contexts.

    Args:
        secret: 0 to 2**64 - 1.
        hashes: Of the contexts, uint32, of at least one axis.
        tokens: Int64, of a shape that fits.

    Returns:
        Uint32 of the common shape.

    Raises:
        ValueError: The secret is out of range.
    """
    state = _absorb(_of_secrets([secret]), hashes)
    return _finish(_absorb(state, tokens.astype(np.uint32)), np.uint32(16))


def chooses_first(
    secret: int, secret_b: int, hashes: Words, probability: float
) -> NDArray[np.bool]:
    """Which contexts choose the first of two secrets.

    Args:
        secret: Key A, 0 to 2**64 - 1.
        secret_b: Key B, likewise.
        hashes: Of the contexts, uint32, of at least one axis.
        probability: Of key A, 0 to 1.

    Raises:
        ValueError: A secret or the probability is out of range.
    """
    if not 0 <= probability <= 1:
        raise ValueError("a probability out of range")
    coins = _finish(_absorb(_of_secrets([secret, secret_b]), hashes), np.uint32(20))
    return coins < np.uint64(int(probability * (1 << 32)))


def _of_secrets(secrets: Sequence[int]) -> Words:
    state = np.zeros(1, np.uint32)
    for secret in secrets:
        if not 0 <= secret < 1 << _SECRET_BITS:
            raise ValueError("a secret out of range")
        for half in (secret & _MASK, secret >> 32):
            state = _absorb(state, np.array([half], np.uint32))
    return state


def _absorb(state: Words, word: Words) -> Words:
    mixed = _rotated(word * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    return _rotated(state ^ mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _finish(state: Words, length: Words | np.uint32) -> Words:
    state = state ^ length
    state = (state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    state = (state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return state ^ (state >> np.uint32(16))


def _rotated(word: Words, bits: int) -> Words:
    return (word << np.uint32(bits)) | (word >> np.uint32(32 - bits))
