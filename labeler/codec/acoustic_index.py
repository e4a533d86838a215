"""Which of many sounds a sound may be: an inverted index of acoustic fingerprints, in memory.

    >>> from labeler.codec.acoustic import fingerprint
    >>> def noise(seed):
    ...     return np.random.default_rng(seed).uniform(-0.5, 0.5, 8 * 16_000).astype(np.float32)
    >>> index = AcousticIndex((seed, fingerprint(noise(seed), 16_000)) for seed in range(20))
    >>> best = index.candidates(fingerprint(noise(7)[32_000:], 16_000))[0]
    >>> best.entry, round(best.offset * 0.016)
    (7, 2)

Two recordings of one sound have few sub-fingerprints in common bit by bit, but some are more often
right than others: where the sound changes least, no band is about to turn. Of each quarter of a
second the index keeps only the steadiest sub-fingerprint, a *landmark*: 32 bytes a second, whatever
the length of the sound. Looked up are all sub-fingerprints of what was heard and, for its steadiest
ones, all that differ in one or two bits. (J. Haitsma and T. Kalker, "A highly robust audio
fingerprinting system", ISMIR 2002, flip the bits that were least certain when they were taken; a
fingerprint that was stored or sent does not say which.)

Each hit votes for a sound and an offset, with as many bits as it tells: the logarithm of how much
more probable it is there than anywhere. What many sounds have, steady tones and the like, tells
little; the rarest are looked up first, and no more than a fixed number, so that common ones cost
nothing.

Candidates are no more than that: `labeler.codec.acoustic_search` says which of them match.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from labeler.codec.acoustic import Fingerprint

__all__ = ["AcousticIndex", "Candidate"]

Entry = TypeVar("Entry", bound=Hashable)

_WINDOW: Final = 16
"""Sub-fingerprints of which one is a landmark: 256 ms."""
_PROBED_WINDOW: Final = 8
"""Sub-fingerprints of what was heard of which one is also looked up with bits flipped."""
_FLIPS: Final = np.array(
    [sum(1 << bit for bit in bits) for n in (1, 2) for bits in combinations(range(32), n)],
    np.uint32,
)
"""``(528,)`` each bit, then each pair of bits."""
_REACH: Final = 2
"""Neighbours on either side that a steady sub-fingerprint resembles."""
_UNFIT: Final = np.uint8(255)
"""Steadiness of what is not audible, or has no neighbours: less than any other."""
_GRAIN: Final = 4
"""Sub-fingerprints that a stored place is rounded to, so that 32 bits are 76,000 hours."""
_GRAINS: Final = 1 << 32
_BIN: Final = 4
"""Grains of offset that are one for voting, with the bin after it: a quarter to half a second."""
_MOST_HITS: Final = 400_000
"""Landmarks that one look-up takes in; the rarest sub-fingerprints come first."""
_LOST_BITS: Final = (2.0, 7.0, 10.0)
"""What a hit tells less, with no, one and two bits flipped, because the same sound does not always
give it: one landmark in four is found as it was, one in 128 with a given bit flipped."""
_LEAST_BITS: Final = 2.0
"""A hit that tells less is not looked up."""
_FEWEST: Final = 1 << 17
"""Landmarks that a word's rareness is told by where there are fewer: one that is there once is not
common because there is little else."""
_SCALE: Final = 16
"""Steps of a bit that votes are counted in."""
_WEIGHTS: Final = 1 << 10
"""More than any hit's vote, in steps."""
_BATCH: Final = 1 << 20
"""Sub-fingerprints that are taken in at a time, or a few more."""
_RECENT: Final = 1 << 16
"""Landmarks that may be appended before they are merged with the others; or an eighth of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[Entry]):
    """A sound that another may be, and where."""

    entry: Entry
    """What the sound was entered as."""
    offset: int
    """Where what was heard begins in it, sub-fingerprints, give or take half a second; negative:
    before it."""
    score: float
    """What the hits tell together, in bits. Not a probability: hits depend on each other."""


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Landmarks, sorted by their words."""

    words: NDArray[np.uint32]
    places: NDArray[np.uint32]
    """Grains from the beginning of the first entry, all of them on one line."""

    def with_(self, other: _Run) -> _Run:
        words = np.concatenate([self.words, other.words])
        places = np.concatenate([self.places, other.places])
        return _sorted(words, places)


@dataclass(frozen=True, slots=True, eq=False)
class _State(Generic[Entry]):
    """All that a look-up reads: replaced as a whole, so that it may happen in another thread."""

    entries: tuple[Entry, ...]
    starts: NDArray[np.int64]
    """``(n + 1,)`` where each entry begins on the line, grains; ascending."""
    lengths: NDArray[np.int64]
    """``(n,)`` of each entry, sub-fingerprints."""
    settled: _Run = field(repr=False)
    recent: _Run = field(repr=False)


_NO_RUN: Final = _Run(np.empty(0, np.uint32), np.empty(0, np.uint32))


class AcousticIndex(Generic[Entry]):
    """An index of fingerprints, without the fingerprints themselves.

    It needs at most 32 bytes for each second of sound, and 24 for each entry beside what stands for
    it. Looking up is safe while another thread appends; appending is for one thread at a time.

    Args:
        sounds: What each sound is entered as, and its fingerprint; see `append`.
    """

    def __init__(self, sounds: Iterable[tuple[Entry, Fingerprint]] = ()) -> None:
        self._state: _State[Entry] = _State(
            (), np.zeros(1, np.int64), np.empty(0, np.int64), _NO_RUN, _NO_RUN
        )
        self.append(sounds)

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._state.entries)

    @property
    def nbytes(self) -> int:
        """Memory of the index, bytes; what the entries themselves take comes on top."""
        state = self._state
        parts = (*_arrays(state.settled), *_arrays(state.recent), state.starts, state.lengths)
        return sum(each.nbytes for each in parts)

    def offsets(self, heard: Fingerprint) -> int:
        """How many places ``heard`` could begin at, in all entries together."""
        state = self._state
        return int(state.lengths.sum()) + len(heard) * len(state.entries)

    def append(self, sounds: Iterable[tuple[Entry, Fingerprint]]) -> None:
        """Enter more sounds, of any length; many at once are faster.

        Args:
            sounds: What each one is entered as, and its fingerprint. An entry that is there
                already is there twice.

        Raises:
            OverflowError: More than 76,000 hours of sound.
        """
        state = self._state
        entries: list[Entry] = []
        starts, lengths = [state.starts], [state.lengths]
        words, places = [np.empty(0, np.uint32)], [np.empty(0, np.uint32)]
        for batch in _batches(sounds):
            entries += [entry for entry, _ in batch]
            taken = [each for _, each in batch]
            begin = int(starts[-1][-1])
            some_words, frames, ends = _landmarks(taken)
            if begin + int(ends[-1]) // _GRAIN >= _GRAINS:
                raise OverflowError("one acoustic index holds up to 76,000 hours of sound")
            words.append(some_words)
            places.append((begin + frames // _GRAIN).astype(np.uint32))
            starts.append(begin + ends // _GRAIN)
            lengths.append(np.array([len(each) for each in taken], np.int64))
        new = _sorted(np.concatenate(words), np.concatenate(places))
        recent, settled = state.recent.with_(new), state.settled
        if len(recent.words) > max(_RECENT, len(settled.words) // 8):
            settled, recent = settled.with_(recent), _NO_RUN
        self._state = _State(
            (*state.entries, *entries),
            np.concatenate(starts),
            np.concatenate(lengths),
            settled,
            recent,
        )

    def candidates(self, heard: Fingerprint, *, most: int = 16) -> tuple[Candidate[Entry], ...]:
        """The sounds, and places in them, that share most with what was heard, the best first.

        One sound may come up in several places.

        Args:
            heard: Best some ten seconds: of a longer one, look up stretches. Its tempo may differ
                by two percent.
            most: How many to give.
        """
        state = self._state
        hits = _look_up(state, _probes(heard))
        if not len(hits.bins):
            return ()
        bins, scores = _count(hits)
        # Of neighbouring bins, which share votes, the better one is enough.
        best = bins[np.argsort(-scores, kind="stable")[: 3 * most]]
        found: list[Candidate[Entry]] = []
        for each in _located(state, hits, np.sort(best)):
            same = (near for near in found if near.entry == each.entry)
            if all(abs(near.offset - each.offset) > _GRAIN * _BIN for near in same):
                found.append(each)
        return tuple(found[:most])


def _batches(
    sounds: Iterable[tuple[Entry, Fingerprint]],
) -> Iterator[list[tuple[Entry, Fingerprint]]]:
    batch: list[tuple[Entry, Fingerprint]] = []
    size = 0
    for each in sounds:
        batch.append(each)
        size += len(each[1])
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _arrays(run: _Run) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    return run.words, run.places


def _sorted(words: NDArray[np.uint32], places: NDArray[np.uint32]) -> _Run:
    pairs = np.sort((words.astype(np.uint64) << np.uint64(32)) | places)
    return _Run((pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32))


# ---------------------------------------------------------------- landmarks


def _landmarks(
    taken: Sequence[Fingerprint],
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """The landmarks of fingerprints that are laid behind each other.

    Returns:
        ``(n,)`` the words, ``(n,)`` their places, and where each fingerprint ends, padding
        included: a multiple of `_WINDOW`.
    """
    # A window more between two of them: no offset into one is one into the other.
    ends = np.cumsum([-(-len(each) // _WINDOW) * _WINDOW + _WINDOW for each in taken])
    words = np.zeros(int(ends[-1]), np.uint32)
    fit = np.zeros(len(words), np.bool_)
    for each, end in zip(taken, [0, *ends[:-1].tolist()], strict=True):
        words[end : end + len(each)] = each.words
        inner = slice(end + _REACH, end + max(_REACH, len(each) - _REACH))
        fit[inner] = each.audible[_REACH : len(each) - _REACH]
    frames = _steadiest(words, fit, _WINDOW)
    # A tone that lasts is one landmark. (Equal words of two sounds are not worth telling apart.)
    changed = np.ones(len(frames), np.bool_)
    changed[1:] = words[frames[1:]] != words[frames[:-1]]
    frames = frames[changed]
    return words[frames], frames, ends.astype(np.int64)


def _steadiest(words: NDArray[np.uint32], fit: NDArray[np.bool_], window: int) -> NDArray[np.int64]:
    """Where in each window the word is that differs least from its neighbours, if one is fit.

    Args:
        words: ``(n,)``; what is left after the last whole window does not count.
        fit: ``(n,)``.
        window: A power of two, at most 16.
    """
    count = len(words) // window * window
    changes = np.zeros(len(words), np.uint8)
    for lag in range(1, _REACH + 1):
        different = np.bitwise_count(words[lag:] ^ words[:-lag])
        changes[lag:] += different
        changes[:-lag] += different
    changes[~fit] = _UNFIT
    ranks = (changes[:count].astype(np.uint16) << np.uint16(4)).reshape(-1, window)
    ranks |= np.arange(window, dtype=np.uint16)
    while (half := ranks.shape[1] // 2) > 0:
        ranks = np.minimum(ranks[:, :half], ranks[:, half:])
    ranked = ranks[:, 0]
    frames = np.arange(0, count, window) + (ranked & np.uint16(15))
    return np.asarray(frames[ranked >> np.uint16(4) < _UNFIT], np.int64)


# ---------------------------------------------------------------- looking up


@dataclass(frozen=True, slots=True, eq=False)
class _Probes:
    """What is looked up, sorted by its words."""

    words: NDArray[np.uint32]
    frames: NDArray[np.int64]
    """Where in what was heard."""
    lost_bits: NDArray[np.float64]
    """What a hit tells less because it need not come up where the sounds are the same."""


def _probes(heard: Fingerprint) -> _Probes:
    """The audible words of what was heard, and the steadiest ones with bits flipped."""
    words = heard.words
    inner = heard.audible.copy()
    inner[:_REACH] = inner[len(inner) - min(_REACH, len(inner)) :] = False
    steady = _steadiest(words, inner, _PROBED_WINDOW)
    flipped = words[steady][:, None] ^ _FLIPS
    # Of equal words in a row the first one will do.
    first = heard.audible.copy()
    first[1:] &= words[1:] != words[:-1]
    exact = np.flatnonzero(first)
    none, one, two = _LOST_BITS
    lost = np.repeat([one, two], [32, len(_FLIPS) - 32])
    all_words = np.concatenate([words[exact], flipped.reshape(-1)])
    # In order, the searches below go through the index once; the steps are then in the cache.
    order = np.argsort(all_words)
    return _Probes(
        all_words[order],
        np.concatenate([exact, np.repeat(steady, len(_FLIPS))])[order],
        np.concatenate([np.full(len(exact), none), np.tile(lost, len(steady))])[order],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """Landmarks that were looked up and found."""

    bins: NDArray[np.int64]
    """Of the offset on the line, where what was heard begins."""
    votes: NDArray[np.int64]
    """Steps of a bit, less than `_WEIGHTS`."""
    places: NDArray[np.uint32]
    """Of the landmark, grains on the line."""


def _look_up(state: _State[Entry], probes: _Probes) -> _Hits:
    """The landmarks with the words that are looked up, those of the rarest ones."""
    runs = (state.settled, state.recent)
    lefts = [np.searchsorted(run.words, probes.words, "left") for run in runs]
    rights = [np.searchsorted(run.words, probes.words, "right") for run in runs]
    counts = np.sum(rights, axis=0) - np.sum(lefts, axis=0)
    landmarks = max(_FEWEST, sum(len(run.words) for run in runs))
    bits = np.log2(landmarks / np.maximum(counts, 1)) - probes.lost_bits
    order = np.argsort(counts, kind="stable")
    order = order[(counts[order] > 0) & (bits[order] >= _LEAST_BITS)]
    order = order[np.cumsum(counts[order]) <= _MOST_HITS]
    votes = np.minimum(bits[order] * _SCALE, _WEIGHTS - 1).astype(np.int64)
    found = []
    for run, left, right in zip(runs, lefts, rights, strict=True):
        many = (right - left)[order]
        first = np.cumsum(many) - many
        hits = np.arange(int(many.sum())) - np.repeat(first - left[order], many)
        places = run.places[hits]
        begins = places.astype(np.int64) - np.repeat(probes.frames[order] // _GRAIN, many)
        found.append((begins // _BIN, np.repeat(votes, many), places))
    return _Hits(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _count(hits: _Hits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The votes of each bin together with the one after it; only bins with votes."""
    # One number for each hit: sorting those is the fastest way to bring bins together.
    keys = np.sort(hits.bins * _WEIGHTS + hits.votes)
    bins = keys // _WEIGHTS
    first = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    totals, bins = np.add.reduceat(keys % _WEIGHTS, first), bins[first]
    scores, follows = totals.copy(), np.flatnonzero(np.diff(bins) == 1)
    scores[follows] += totals[follows + 1]
    return bins, scores


def _located(
    state: _State[Entry], hits: _Hits, bins: NDArray[np.int64]
) -> Iterator[Candidate[Entry]]:
    """What entries the hits of some bins, and of those after them, are in: the best ones first.

    What was heard may begin before an entry, where another one lies on the line.
    """
    nearest = np.searchsorted(bins, hits.bins, "right") - 1
    kept = np.flatnonzero((nearest >= 0) & (hits.bins - bins[nearest] <= 1))
    numbers = np.searchsorted(state.starts, hits.places[kept], "right") - 1
    near, votes = hits.bins[kept], hits.votes[kept]
    found = []
    for each in bins.tolist():
        inside = (near == each) | (near == each + 1)
        which, counted = np.unique(numbers[inside], return_inverse=True)
        sums = np.bincount(counted, votes[inside])
        for number, total in zip(which.tolist(), sums.tolist(), strict=True):
            offset = ((each + 1) * _BIN - int(state.starts[number])) * _GRAIN
            found.append((total, number, offset))
    for score, number, offset in sorted(found, reverse=True):
        yield Candidate(entry=state.entries[number], offset=offset, score=score / _SCALE)
