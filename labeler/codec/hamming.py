"""Search of 256-bit words that differ from one in few bits: exact, in memory, with numpy alone.

    >>> import numpy as np
    >>> words = np.random.default_rng(1).integers(0, 2**64, (1000, 4), np.uint64)
    >>> index = HammingIndex(words, np.arange(1000) + 70)
    >>> found = index.search(words[5] ^ np.uint64(7))
    >>> found.ids.tolist(), found.distances.tolist()
    ([75], [12])

A word has 16 bands of 16 bits. Words that differ in at most 31 bits differ in at most one of them
in some band (the pigeonhole principle: twice 16 are 32). So for each band and each of its 17 values
within one bit the entries that have it are looked up and compared: multi-index hashing (M. Norouzi,
A. Punjani, D. Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012). Nothing
within the distance is missed, whatever the words are.

How many have to be compared depends on the words. Where that would cost more than to compare with
all, all are compared: two of the four 64-bit parts first, which rules out nearly every entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PDQ_DISTANCE", "WORD_BYTES", "Found", "HammingIndex", "to_words"]

PDQ_DISTANCE: Final = 31
"""Most bits in which PDQ hashes of one picture differ (``PDQ_CONFIDENT_MATCH_THRESHOLD`` of Meta's
python-threatexchange)."""
WORD_BYTES: Final = 32
_PARTS: Final = 4
_BANDS: Final = 16
_VALUES: Final = 1 << 16
_NEAR: Final = np.concatenate([[0], 1 << np.arange(16)])
"""What a band's value may differ by: nothing, or one bit."""
_COMPARED_ALL: Final = 24
"""Comparing one entry that was looked up costs about as much as this many one after the other."""
_BLOCK: Final = 1 << 14
"""Entries that are compared at a time: what they need stays in the processor's cache."""
_TAIL: Final = 4096
_TAIL_SHARE: Final = 16
"""Entries that were added are sorted in when they are more than `_TAIL` and than one in so many."""

_Words = NDArray[np.uint64]
_Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Entries within the distance, the nearest first, then by query and id."""

    queries: NDArray[np.int64]
    """``(n,)`` the number of the query that each is near to."""
    ids: _Ids
    """``(n,)`` their ids."""
    distances: NDArray[np.int64]
    """``(n,)`` in how many bits they differ from the query."""

    def __len__(self) -> int:
        return len(self.ids)


def to_words(values: Sequence[bytes]) -> _Words:
    """``(n, 4)`` uint64 from values of 32 bytes.

    Raises:
        ValueError: A value has another length.
    """
    if any(len(value) != WORD_BYTES for value in values):
        raise ValueError(f"a word of {8 * WORD_BYTES} bits has {WORD_BYTES} bytes")
    return np.frombuffer(b"".join(values), ">u8").astype(np.uint64).reshape(-1, _PARTS)


class HammingIndex:
    """Words of 256 bits and their ids, to which more can be added.

    One thread may add while others search: a search sees what was there when it began.

    Args:
        words: ``(n, 4)`` uint64, for instance from `to_words`; copied.
        ids: ``(n,)`` integers; need not be unique.

    Raises:
        ValueError: The arrays have other shapes or types.
    """

    def __init__(self, words: _Words | None = None, ids: NDArray[Any] | None = None) -> None:
        none = np.empty((0, _PARTS), np.uint64), np.empty(0, np.int64)
        words = none[0] if words is None else words
        words, ids = _checked(words, none[1] if ids is None else ids)
        self._state = _State(_Sorted.of(words, ids), *none, 0)

    def __len__(self) -> int:
        return len(self._state.sorted.ids) + self._state.added

    def add(self, words: _Words, ids: NDArray[Any]) -> None:
        """Add entries: see the class.

        Takes a moment of about half a second for each million entries once in so often, when what
        was added is sorted in.

        Raises:
            ValueError: The arrays have other shapes or types.
        """
        state = self._state.with_more(*_checked(words, ids))
        if state.added > max(_TAIL, len(state.sorted.ids) // _TAIL_SHARE):
            tail = state.tail
            merged = _Sorted.of(
                np.concatenate([state.sorted.words, tail[0]]),
                np.concatenate([state.sorted.ids, tail[1]]),
            )
            state = _State(merged, tail[0][:0].copy(), tail[1][:0].copy(), 0)
        self._state = state

    def search(self, words: _Words, *, distance: int = PDQ_DISTANCE) -> Found:
        """All entries near to any of some words.

        Args:
            words: ``(4,)`` or ``(m, 4)`` uint64; for a picture that may be turned or flipped, its
                hash in each orientation.
            distance: Most bits in which an entry may differ, 0 to 256; beyond 31 all are compared.

        Raises:
            ValueError: The array has another shape or type, or the distance is out of range.
        """
        queries = np.atleast_2d(words)
        _checked(queries, np.zeros(len(queries), np.int64))
        if not 0 <= distance <= 8 * WORD_BYTES:
            raise ValueError(f"words of 256 bits cannot be {distance} bits apart")
        state = self._state
        near = state.sorted.search(queries, distance)
        far = _compare_all(*state.tail, queries, distance)
        numbers, ids, distances = (np.concatenate(pair) for pair in zip(near, far, strict=True))
        order = np.lexsort((ids, numbers, distances))
        return Found(queries=numbers[order], ids=ids[order], distances=distances[order])


_Hits = tuple[NDArray[np.int64], _Ids, NDArray[np.int64]]
"""Number of the query, id, distance."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sorted:
    """Entries, and where to find those with a given value in a given band."""

    words: _Words
    ids: _Ids
    order: NDArray[np.int32]
    """``(16, n)`` entries by rising value of each band."""
    starts: NDArray[np.int64]
    """``(16, 65537)`` where in ``order`` those of each value begin."""

    @classmethod
    def of(cls, words: _Words, ids: _Ids) -> _Sorted:
        bands = np.ascontiguousarray(_bands(words).T)
        order = np.empty(bands.shape, np.int32)
        starts = np.zeros((_BANDS, _VALUES + 1), np.int64)
        for number, band in enumerate(bands):
            # A stable sort of 16-bit numbers is a radix sort: linear in time.
            order[number] = np.argsort(band, kind="stable")
            np.cumsum(np.bincount(band, minlength=_VALUES), out=starts[number, 1:])
        return cls(words, ids, order, starts)

    def search(self, queries: _Words, distance: int) -> _Hits:
        if distance >= 2 * _BANDS:
            return _compare_all(self.words, self.ids, queries, distance)
        near = _NEAR if distance >= _BANDS else _NEAR[:1]
        values = _bands(queries).astype(np.int64)[:, :, None] ^ near
        band = np.arange(_BANDS)[:, None]
        shape = len(queries), _BANDS * len(near)
        first = self.starts[band, values].reshape(shape)
        counts = self.starts[band, values + 1].reshape(shape) - first
        first += np.repeat(np.arange(_BANDS) * len(self.ids), len(near))
        costly = counts.sum(axis=1) * _COMPARED_ALL > len(self.ids)
        hits = [self._looked_up(queries, first, counts, ~costly, distance)]
        numbers = np.flatnonzero(costly)
        if len(numbers):
            which, ids, distances = _compare_all(self.words, self.ids, queries[costly], distance)
            hits.append((numbers[which], ids, distances))
        return _joined(hits)

    def _looked_up(
        self,
        queries: _Words,
        first: NDArray[np.int64],
        counts: NDArray[np.int64],
        wanted: NDArray[np.bool_],
        distance: int,
    ) -> _Hits:
        """Compare each query with the entries whose places in ``order`` its rows give."""
        hits = []
        for number in np.flatnonzero(wanted):
            lengths = counts[number]
            ends = np.cumsum(lengths)
            places = np.arange(ends[-1]) + np.repeat(first[number] - ends + lengths, lengths)
            entries = self.order.ravel()[places]
            difference = self.words[entries] ^ queries[number]
            distances = np.bitwise_count(difference).sum(axis=1, dtype=np.int64)
            is_hit = distances <= distance
            entries, at = np.unique(entries[is_hit], return_index=True)
            hits.append((np.full(len(entries), number), self.ids[entries], distances[is_hit][at]))
        return _joined(hits)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What a search looks at; replaced as a whole."""

    sorted: _Sorted
    words: _Words
    """Room for entries that are not sorted in yet; only the first are filled."""
    ids: _Ids
    added: int
    """How many are."""

    @property
    def tail(self) -> tuple[_Words, _Ids]:
        """What is not sorted in yet."""
        return self.words[: self.added], self.ids[: self.added]

    def with_more(self, words: _Words, ids: _Ids) -> _State:
        """This and more entries, which are written behind those that others may be reading."""
        added = self.added + len(ids)
        room = self.words, self.ids
        if added > len(self.ids):
            room = np.empty((2 * added, _PARTS), np.uint64), np.empty(2 * added, np.int64)
            room[0][: self.added], room[1][: self.added] = self.tail
        room[0][self.added : added], room[1][self.added : added] = words, ids
        return _State(self.sorted, *room, added)


def _compare_all(words: _Words, ids: _Ids, queries: _Words, distance: int) -> _Hits:
    """Compare each query with every entry."""
    hits = []
    for start in range(0, len(ids), _BLOCK):
        block = words[start : start + _BLOCK]
        first, second = np.ascontiguousarray(block[:, 0]), np.ascontiguousarray(block[:, 1])
        for number, query in enumerate(queries):
            half = np.bitwise_count(first ^ query[0]) + np.bitwise_count(second ^ query[1])
            left = np.flatnonzero(half <= distance)
            if len(left):
                distances = np.bitwise_count(block[left] ^ query).sum(axis=1, dtype=np.int64)
                left, distances = left[distances <= distance], distances[distances <= distance]
                hits.append((np.full(len(left), number), ids[start + left], distances))
    return _joined(hits)


def _joined(hits: Sequence[_Hits]) -> _Hits:
    none = np.empty(0, np.int64)
    numbers, ids, distances = zip((none, none, none), *hits, strict=True)
    return np.concatenate(numbers), np.concatenate(ids), np.concatenate(distances)


def _bands(words: _Words) -> NDArray[np.uint16]:
    """``(n, 16)`` the bands of ``(n, 4)`` words."""
    return np.ascontiguousarray(words).view(np.uint16)


def _checked(words: NDArray[Any], ids: NDArray[Any]) -> tuple[_Words, _Ids]:
    if words.ndim != 2 or words.shape[1] != _PARTS or words.dtype != np.uint64:
        raise ValueError(
            f"words are (n, {_PARTS}) uint64, not {words.shape} {words.dtype}: see to_words"
        )
    if ids.shape != words.shape[:1] or ids.dtype.kind not in "iu":
        raise ValueError(f"{len(words)} words need as many whole numbers as ids")
    return words.copy(), ids.astype(np.int64)
