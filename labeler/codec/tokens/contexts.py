"""Tokens and the tokens before them, and which of those are new."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeler.codec.tokens.statistic import TokenIds

__all__ = ["NO_TOKEN", "first_occurrences", "windows"]

NO_TOKEN: Final = -1
"""Stands in a context where the text had no token yet."""

_Hashes: TypeAlias = NDArray[np.uint64]
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)


def windows(
    token_ids: ArrayLike, width: int, *, prompt: ArrayLike = (), pad: int | None = None
) -> tuple[TokenIds, TokenIds, TokenIds]:
    """Contexts, tokens and positions of a text.

    Args:
        token_ids: ``(n,)`` the text's tokens.
        width: Tokens of a context, at least 1.
        prompt: ``(m,)`` tokens before the text, whose last ones its first contexts begin with.
        pad: What stands in a context for tokens before everything (`NO_TOKEN`); None leaves out
            the tokens whose context is not complete.

    Returns:
        Contexts ``(k, width)``, the oldest token first; tokens ``(k,)``; and where each token
        stands in the text ``(k,)``; all int64. The contexts are read-only.

    Raises:
        TypeError: Tokens that are no integers.
        ValueError: A width below 1, or tokens that are no sequence.
    """
    if width < 1:
        raise ValueError("a context of no tokens")
    text, before = _tokens(token_ids), _tokens(prompt)[-width:]
    missing = width - len(before)
    start = 0
    if missing and pad is None:
        start = min(missing, len(text))
    elif missing and pad is not None:
        before = np.concatenate((np.full(missing, pad, np.int64), before))
    everything = np.concatenate((before, text))
    count = len(text) - start
    if not count:
        nothing = np.zeros(0, np.int64)
        return nothing.reshape(0, width), nothing, nothing
    contexts = np.lib.stride_tricks.sliding_window_view(everything, width)[:count]
    return contexts, text[start:], np.arange(start, len(text), dtype=np.int64)


def first_occurrences(contexts: TokenIds, tokens: TokenIds | None = None) -> NDArray[np.bool]:
    """Which rows are the first of their kind.

    Rows are the same only if all their tokens are: hashes sort them, and are checked.

    Args:
        contexts: ``(n, h)`` int64.
        tokens: ``(n,)`` int64, part of the row; None where rows are contexts alone.

    Returns:
        ``(n,)``.

    Raises:
        ValueError: Tokens and contexts of different number.
    """
    count = len(contexts)
    columns = list(contexts.T)
    if tokens is not None:
        if tokens.shape != (count,):
            raise ValueError("tokens do not fit the contexts")
        columns.append(tokens)
    hashes = _hashes(columns, count)
    order = np.argsort(hashes, kind="stable")
    same_hash = _repeats([hashes], order)
    repeats = _repeats(columns, order)
    if not np.array_equal(repeats, same_hash):
        # Different rows of one hash may stand between equal ones.
        order = np.lexsort(columns)
        repeats = _repeats(columns, order)
    mask = np.ones(count, np.bool)
    mask[order[1:][repeats]] = False
    return mask


def _tokens(values: ArrayLike) -> TokenIds:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError("tokens are a sequence")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError("tokens are integers")
    return array.astype(np.int64)


def _hashes(columns: list[TokenIds], count: int) -> _Hashes:
    state = np.zeros(count, np.uint64)
    for column in columns:
        state ^= column.astype(np.uint64)
        state *= _ODD
        state ^= state >> _SHIFT
    return state


def _repeats(columns: list[TokenIds] | list[_Hashes], order: NDArray[np.intp]) -> NDArray[np.bool]:
    """Which rows, in order, equal the one before; one shorter than ``order``."""
    equal = np.ones(max(0, len(order) - 1), np.bool)
    for column in columns:
        ordered = column[order]
        equal &= ordered[1:] == ordered[:-1]
    return equal
