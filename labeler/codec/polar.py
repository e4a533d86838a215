"""Polar codes: encoding, and list decoding.

A code word is ``u F`` modulo 2, where ``F`` is the Kronecker power of ``[[1, 0], [1, 1]]``, and
``u`` holds the data at the information positions, in rising order, and zeros elsewhere (the frozen
bits). Bits are in natural order, without the bit reversal of the first papers.

Sources: E. Arıkan, "Channel Polarization", IEEE Trans. Inf. Theory 55 (2009), for the code; I. Tal
and A. Vardy, "List Decoding of Polar Codes", IEEE Trans. Inf. Theory 61 (2015), for the decoder;
A. Balatsoukas-Stimming et al., "LLR-Based Successive Cancellation List Decoding of Polar Codes",
IEEE Trans. Signal Process. 63 (2015), for its min-sum metric, which makes it indifferent to scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PolarCode", "reliable_positions"]

_ENUMERATED_BITS: Final = 6
"""Subtrees with at most this many data bits are decoded in one step, by trying all their words."""
_FRACTION_BITS: Final = 128
"""Binary places to which capacities are computed."""
_PATHS_AT_ONCE: Final = 256
"""Paths that are worked on together, so that they stay in the processor's cache."""

_Bits = NDArray[np.uint8]
_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Words:
    """A subtree with so few data bits that all its words can be tried."""

    data: _Bits
    """``(2 ** k, k)``: all data."""
    signs: _Floats
    """``(2 ** k, n)``: their words, +1 for bit 0 and -1 for bit 1."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """A subtree that is decoded half by half."""

    left: _Words | _Branch | None
    """The half that is decoded first; None where it is frozen."""
    right: _Words | _Branch


class PolarCode:
    """The polar code with these information positions.

    Args:
        length: Bits N of a code word, a power of two.
        information: Positions of the data bits in 0 to N - 1, rising. Where a left half of a
            subtree carries data its right half, which is more reliable, must carry some too.

    Raises:
        ValueError: The length or the positions are not such.
    """

    def __init__(self, length: int, information: Sequence[int]) -> None:
        if length < 1 or length & (length - 1):
            raise ValueError(f"the length of a polar code is a power of two, not {length}")
        if not information or list(information) != sorted(set(information)):
            raise ValueError("there must be information positions, and they must rise")
        if information[0] < 0 or information[-1] >= length:
            raise ValueError(f"information positions lie in 0 to {length - 1}")
        self.length = length
        self.information = np.array(information, np.intp)
        carries_data = np.zeros(length, bool)
        carries_data[self.information] = True
        self._root = _grow(carries_data)

    def encode(self, data: _Bits) -> _Bits:
        """The ``(..., N)`` uint8 code words of ``(..., k)`` uint8 data bits."""
        word = np.zeros((*data.shape[:-1], self.length), np.uint8)
        word[..., self.information] = data
        return _transform(word)

    def decode(self, llrs: _Floats, *, list_size: int) -> _Bits:
        """The likeliest data for received words, by successive cancellation list decoding.

        Args:
            llrs: ``(n, N)`` float32 log-likelihood ratios, finite, positive where bit 0 is
                likelier; only their proportions within a word matter.
            list_size: Paths that are kept for each word, at least 1.

        Returns:
            ``(n, m, k)`` uint8 data: for each word m different candidates, best first;
            m = min(``list_size``, 2 ** k).

        Raises:
            ValueError: ``llrs`` has another shape, or ``list_size`` is not positive.
        """
        if llrs.ndim != 2 or llrs.shape[1] != self.length:
            raise ValueError(f"received words have the shape (n, {self.length}), not {llrs.shape}")
        if list_size < 1:
            raise ValueError(f"a list has at least one candidate, not {list_size}")
        step = max(1, _PATHS_AT_ONCE // list_size)
        groups = [llrs[start : start + step] for start in range(0, max(len(llrs), 1), step)]
        return np.concatenate(
            [_Search(len(group), list_size).candidates(self._root, group) for group in groups]
        )


def reliable_positions(length: int, count: int, *, inverse_capacity: int) -> tuple[int, ...]:
    """The ``count`` most reliable of ``length`` positions, in rising order.

    Each halving step makes, from two uses of a channel of capacity ``c``, a worse one of ``c ** 2``
    and a better one of ``2 c - c ** 2``: exact for the erasure channel (Arıkan, equation 6), which
    stands for all others here. In whole numbers, so that it rounds alike on every machine.

    Args:
        length: A power of two.
        count: Positions that are wanted.
        inverse_capacity: 1 / capacity, in bits, of the channel to design for.
    """
    capacity = [(1 << _FRACTION_BITS) // inverse_capacity]
    while len(capacity) < length:
        worse = [c * c >> _FRACTION_BITS for c in capacity]
        capacity = [
            half
            for c, square in zip(capacity, worse, strict=True)
            for half in (square, 2 * c - square)
        ]
    ranked = sorted(range(length), key=capacity.__getitem__)
    return tuple(sorted(ranked[length - count :]))


def _grow(carries_data: NDArray[np.bool_]) -> _Words | _Branch:
    """The decoding tree of a code, or of the part of it whose positions are given."""
    count = int(carries_data.sum())
    if not count:
        raise ValueError("a right half is frozen, but its left half is not")
    if count <= _ENUMERATED_BITS:
        data = (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(np.uint8)
        word = np.zeros((1 << count, carries_data.size), np.uint8)
        word[:, carries_data] = data
        return _Words(data, 1 - 2 * _transform(word).astype(np.float32))
    left, right = np.split(carries_data, 2)
    return _Branch(_grow(left) if left.any() else None, _grow(right))


def _transform(bits: _Bits) -> _Bits:
    """``bits`` times the Kronecker power of ``[[1, 0], [1, 1]]`` along the last axis: a copy."""
    result = bits.copy()
    half = 1
    while half < bits.shape[-1]:
        pairs = result.reshape(*bits.shape[:-1], -1, 2, half)
        pairs[..., 0, :] ^= pairs[..., 1, :]
        half *= 2
    return result


class _Search:
    """One list decoding of a few words at once.

    A row is a path: one choice of the data bits so far. The paths of a word lie together, and all
    words have equally many, for how many there are depends on the tree alone.

    The score of a path is the correlation of the best completion with the received word, less the
    sum of its absolute values: 0 while nothing contradicts. Where a left half is frozen its
    penalty is the absolute sum that is lost when the two halves are added.
    """

    def __init__(self, words: int, list_size: int) -> None:
        self._words = words
        self._list_size = list_size
        self._paths = 1
        self._score: _Floats = np.zeros(words, np.float32)
        self._data: _Bits = np.zeros((words, 0), np.uint8)

    def candidates(self, root: _Words | _Branch, llrs: _Floats) -> _Bits:
        """``(words, m, k)`` the data of the surviving paths, best first."""
        self._visit(root, llrs)
        score = self._score.reshape(self._words, self._paths)
        order = np.argsort(-score, axis=1, kind="stable")
        data = self._data.reshape(*order.shape, self._data.shape[1])
        return np.take_along_axis(data, order[..., None], axis=1)

    def _visit(self, node: _Words | _Branch, llrs: _Floats) -> tuple[_Floats, NDArray[np.intp]]:
        """Decode a subtree on all paths.

        Args:
            node: The subtree.
            llrs: ``(paths, n)`` log-likelihood ratios of its bits.

        Returns:
            ``(paths', n)`` signs of its word on each path that survives, and ``(paths',)`` the row
            of ``llrs`` that each of them comes from.
        """
        if isinstance(node, _Words):
            return self._choose(node, llrs)
        half = llrs.shape[1] // 2
        first, second = llrs[:, :half], llrs[:, half:]
        if node.left is None:
            both = first + second
            self._score = self._score - np.abs(llrs).sum(axis=1) + np.abs(both).sum(axis=1)
            right, row = self._visit(node.right, both)
            return np.concatenate((right, right), axis=1), row
        left, row = self._visit(node.left, _sum_modulo_2(first, second))
        known = llrs.take(row, axis=0)
        known[:, :half] *= left
        known[:, half:] += known[:, :half]
        right, later = self._visit(node.right, known[:, half:])
        word = np.empty((len(later), 2 * half), np.float32)
        np.multiply(left.take(later, axis=0), right, out=word[:, :half])
        word[:, half:] = right
        return word, row[later]

    def _choose(self, node: _Words, llrs: _Floats) -> tuple[_Floats, NDArray[np.intp]]:
        """Extend each path by each word, and keep the best for each received word."""
        choices = len(node.signs)
        base = self._score - np.abs(llrs).sum(axis=1)
        score = llrs @ node.signs.T + base[:, None]
        extended = self._paths * choices
        self._paths = min(extended, self._list_size)
        if extended > self._paths:
            ranked = np.argpartition(
                score.reshape(self._words, extended), extended - self._paths, axis=1
            )
            of_word = np.arange(self._words)[:, None] * extended
            chosen = (ranked[:, extended - self._paths :] + of_word).ravel()
        else:
            chosen = np.arange(score.size)
        row, word = np.divmod(chosen, choices)
        self._score = score.ravel()[chosen]
        self._data = np.concatenate((self._data[row], node.data[word]), axis=1)
        return node.signs[word], row


def _sum_modulo_2(first: _Floats, second: _Floats) -> _Floats:
    """Log-likelihood ratios of the sums of two bits, in the min-sum approximation."""
    ratios, others = np.abs(first), np.abs(second)
    np.minimum(ratios, others, out=ratios)
    np.multiply(first, second, out=others)
    return np.copysign(ratios, others, out=ratios)
