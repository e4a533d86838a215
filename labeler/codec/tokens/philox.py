"""The pseudo-random function ``philox4x32-10-v1`` of vLLM's Gumbel watermark, on numpy.

A context of tokens is absorbed, four tokens at a time, into 128 bits of state; state, secret and
candidate token then give one 32-bit word. One block yields the words of four neighbouring tokens.
Philox4x32-10 is from J. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
It mixes well, and is not cryptographic.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labeler.codec.tokens.statistic import TokenIds

__all__ = ["State", "Words", "all_words", "context_states", "dual_secrets", "uniforms", "words"]

Words: TypeAlias = NDArray[np.uint32]
_Blocks: TypeAlias = NDArray[np.uint64]
"""32-bit words in 64-bit cells, in which a product of two has room."""

_ROUNDS: Final = 10
_MASK: Final = 0xFFFFFFFF
_MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_CONTEXT_DOMAIN: Final = 0x574D4358
_TOKEN_DOMAIN: Final = 0x574D544B
_SECRET_BITS: Final = 64
_CELLS: Final = 1 << 12
"""Words worked on at once, so that they stay in the processor's cache."""

_MASK_64: Final = np.uint64(_MASK)
_HALF: Final = np.uint64(32)
# Each row's product goes to the other row: the multipliers stand in the order of their results.
_CROSSED: Final = np.array(_MULTIPLIERS[::-1], np.uint64)
_STEPS: Final = np.array(_WEYL, np.uint64)
_SCHEDULE: Final = np.arange(_ROUNDS, dtype=np.uint64)[:, None] * _STEPS


@dataclass(frozen=True, slots=True)
class State:
    """What contexts leave behind: four words for each."""

    words: _Blocks
    """``(4, n)`` uint64 below 2**32."""


def context_states(secret: int, contexts: TokenIds) -> State:
    """The states after contexts.

    Args:
        secret: 0 to 2**64 - 1.
        contexts: ``(n, h)`` int64, the oldest token first; -1 where there is no token yet.

    Raises:
        ValueError: The secret is out of range, or the contexts are no table of at least a column.
    """
    _check(secret, contexts)
    if len(contexts) == 1:
        row = _single_state(secret, contexts[0].tolist())
        return State(np.array(row, np.uint64)[:, None])
    count, width = contexts.shape
    absorbed = contexts.astype(np.uint64).T & _MASK_64
    cells = np.zeros((4, count), np.uint64)
    cells[0], cells[1] = _CONTEXT_DOMAIN, width
    for offset in range(0, width, 4):
        for index in range(4):
            at = offset + index
            cells[index] ^= absorbed[at] if at < width else np.uint64(_MASK - index)
        _permute(cells, np.array([(secret & _MASK) ^ offset, secret >> 32], np.uint64)[:, None])
    return State(cells)


def words(secret: int, contexts: TokenIds, tokens: TokenIds) -> Words:
    """The words of tokens behind contexts.

    Args:
        secret: 0 to 2**64 - 1.
        contexts: ``(n, h)`` int64, the oldest token first; -1 where there is no token yet.
        tokens: ``(n, k)`` int64, candidates of each context; or ``(k,)``, the same for each.

    Returns:
        ``(n, k)`` uint32.

    Raises:
        ValueError: The secret is out of range, or shapes do not fit.
    """
    _check(secret, contexts)
    candidates = tokens[None] if tokens.ndim == 1 else tokens
    count, choices = len(contexts), candidates.shape[-1]
    if candidates.ndim != 2 or candidates.shape[0] not in (1, count):
        raise ValueError("tokens do not fit the contexts")
    if count == 1:
        return _candidate_words(secret, context_states(secret, contexts), candidates)
    candidates = np.broadcast_to(candidates, (count, choices))
    result = np.empty((count, choices), np.uint32)
    step = max(1, _CELLS // max(1, choices))
    for start in range(0, count, step):
        part = slice(start, start + step)
        states = context_states(secret, contexts[part])
        result[part] = _candidate_words(secret, states, candidates[part])
    return result


def all_words(secret: int, context: TokenIds, vocabulary_size: int) -> Words:
    """The words of a whole vocabulary behind one context.

    Args:
        secret: 0 to 2**64 - 1.
        context: ``(h,)`` int64.
        vocabulary_size: Number of tokens, at least 0.

    Returns:
        ``(vocabulary_size,)`` uint32.

    Raises:
        ValueError: The secret or the size is out of range, or the context is empty.
    """
    if vocabulary_size < 0:
        raise ValueError("a vocabulary of negative size")
    state = context_states(secret, context[None])
    keys = _token_keys(secret, state)
    blocks = -(-vocabulary_size // 4)
    result = np.empty((blocks, 4), np.uint32)
    for start in range(0, blocks, _CELLS):
        part = result[start : start + _CELLS]
        cells = np.empty((4, len(part)), np.uint64)
        cells[0] = np.arange(start, start + len(part), dtype=np.uint64)
        cells[1:] = state.words[:3]
        _permute(cells, keys)
        part[:] = cells.T
    return result.reshape(-1)[:vocabulary_size]


def uniforms(words: Words) -> NDArray[np.float64]:
    """The numbers in (0, 1) that vLLM makes of words: their upper 24 bits.

    Args:
        words: Any shape, uint32.

    Returns:
        Float64 of the same shape, strictly between 0 and 1.
    """
    return ((words >> np.uint32(8)) + 1.0) / ((1 << 24) + 1)


def dual_secrets(secret: int) -> tuple[int, int]:
    """The two secrets that vLLM derives of one: for draft tokens (A), and for target tokens (B).

    Raises:
        ValueError: The secret is out of range.
    """
    _check_secret(secret)
    told = secret.to_bytes(_SECRET_BITS // 8, "big")
    first, second = (hashlib.sha256(each + told).digest()[:8] for each in (b"key_a", b"key_b"))
    return int.from_bytes(first, "big"), int.from_bytes(second, "big")


def _check(secret: int, contexts: TokenIds) -> None:
    _check_secret(secret)
    if contexts.ndim != 2 or not contexts.shape[1]:
        raise ValueError("contexts are a table of at least a column")


def _check_secret(secret: int) -> None:
    if not 0 <= secret < 1 << _SECRET_BITS:
        raise ValueError("a secret out of range")


def _token_keys(secret: int, states: State) -> _Blocks:
    """``(2, n)`` keys under which the tokens behind contexts are enciphered."""
    keys = np.empty((2, states.words.shape[1]), np.uint64)
    keys[0] = states.words[3] ^ np.uint64(secret & _MASK)
    keys[1] = (secret >> 32) ^ _TOKEN_DOMAIN
    return keys


def _candidate_words(secret: int, states: State, tokens: TokenIds) -> Words:
    named = tokens.astype(np.uint64)
    named &= _MASK_64
    cells = np.empty((4, *named.shape), np.uint64)
    cells[0] = named >> np.uint64(2)
    cells[1:] = states.words[:3, :, None]
    _permute(cells, _token_keys(secret, states)[:, :, None])
    named &= np.uint64(3)
    return np.choose(named.astype(np.intp), tuple(cells)).astype(np.uint32)


def _permute(cells: _Blocks, keys: _Blocks) -> None:
    """Philox4x32-10 in place.

    Args:
        cells: ``(4, …)`` counters.
        keys: ``(2, …)``, of as many axes, and of one length with the cells or of length 1.
    """
    single = (1,) * (cells.ndim - 1)
    even, odd = np.ascontiguousarray(cells[0::2]), np.ascontiguousarray(cells[1::2])
    crossed, products = even[::-1], np.empty_like(even)
    # Written out in full: short rows are faster than numpy's broadcasting of shorter ones.
    factors = np.empty_like(even)
    factors[:] = _CROSSED.reshape(2, *single)
    schedule = np.empty((_ROUNDS, *even.shape), np.uint64)
    np.add(keys, _SCHEDULE.reshape(_ROUNDS, 2, *single), out=schedule)
    np.bitwise_and(schedule, _MASK_64, out=schedule)
    for round_keys in schedule:
        np.multiply(crossed, factors, out=products)
        np.right_shift(products, _HALF, out=even)
        np.bitwise_xor(even, odd, out=even)
        np.bitwise_xor(even, round_keys, out=even)
        np.bitwise_and(products, _MASK_64, out=odd)
    cells[0::2], cells[1::2] = even, odd


def _single_state(secret: int, context: list[int]) -> tuple[int, int, int, int]:
    """`context_states` of one context on Python's integers, which are faster for so few."""
    state = (_CONTEXT_DOMAIN, len(context), 0, 0)
    for offset in range(0, len(context), 4):
        block = [each & _MASK for each in context[offset : offset + 4]]
        block += [_MASK - index for index in range(len(block), 4)]
        first, second, third, fourth = (one ^ two for one, two in zip(state, block, strict=True))
        low, high = (secret & _MASK) ^ offset, secret >> 32
        for _ in range(_ROUNDS):
            left, right = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]
            first, second = (right >> 32) ^ second ^ low, right & _MASK
            third, fourth = (left >> 32) ^ fourth ^ high, left & _MASK
            low, high = (low + _WEYL[0]) & _MASK, (high + _WEYL[1]) & _MASK
        state = (first, second, third, fourth)
    return state
