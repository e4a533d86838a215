"""Searching sounds by what they sound like: which of many a sound is, if any.

    >>> import numpy as np
    >>> from labeler.codec.acoustic import fingerprint
    >>> known = {
    ...     seed: fingerprint(np.random.default_rng(seed).uniform(-0.5, 0.5, 160_000), 16_000)
    ...     for seed in range(20)
    ... }
    >>> heard = np.random.default_rng(7).uniform(-0.5, 0.5, 160_000)[20_000:]
    >>> [hit] = search(AcousticIndex(known.items()), fingerprint(heard, 16_000), known.get)
    >>> hit.entry, round(hit.match.offset_s, 1), hit.match.p_value < 1e-6
    (7, 1.2, True)

The index (`labeler.codec.acoustic_index`) proposes some sounds and places in them; only those are
compared. How fast what was heard plays is tried from 2 % slower to 2 % faster: the words of its
fingerprint are taken at another pace, which is all that so small a change needs.

A p-value counts every place in every sound of the index, every pace and every stretch that was
looked up, whether the index proposed it or not. Beyond that a match has to go through the whole
stretch: two sounds that share a jingle or a bar of drums agree there, perfectly, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from labeler.codec.acoustic import HOP_S, Fingerprint, Match, compare
from labeler.codec.acoustic_index import AcousticIndex, Candidate

__all__ = ["Hit", "search"]

Entry = TypeVar("Entry", bound=Hashable)

_STRETCH: Final = 1000
"""Sub-fingerprints that are looked up at a time: 16 s. Each eight seconds another one begins."""
_STRETCHES: Final = 64
"""Stretches that are looked up of one sound: all of the first eight minutes or, of longer ones,
as many evenly from all over it."""
_TEMPI: Final = np.linspace(0.98, 1.02, 21)
"""Steps of 0.2 %: at the ends of a stretch, a pace between two of them is off by one."""
_SHIFTS: Final = np.arange(-24, 25, 3)
"""Sub-fingerprints that a candidate's offset may be off by."""
_STEP: Final = 2
"""Every how manieth sub-fingerprint is looked at to find them."""
_NEAR_SHIFTS: Final = np.arange(-2, 3)
_NEAR_TEMPI: Final = 0.005
"""What is tried again around the best of these, with every sub-fingerprint."""
_MARGIN: Final = 64
"""Sub-fingerprints of the known sound around what is compared: a second."""
_MOST_ERRORS: Final = 0.35
"""Bit error rate that a match may have: the threshold of Haitsma and Kalker. Copies have up to 0.3
after noise, unrelated outputs of one generator 0.36 and more."""
_SECOND: Final = 62
_AGREEING: Final = 0.42
"""Bit error rate below which a second of two sounds agrees."""
_LEAST_AGREEING: Final = 0.6
"""Share of the seconds that have to agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Generic[Entry]):
    """A sound that another matches."""

    entry: Entry
    """What the sound was entered as."""
    match: Match
    """How well the best stretch of what was heard agrees with it. ``offset_s`` is where all that
    was heard begins in it, in its time; ``p_value`` counts all that was searched."""
    tempo: float
    """How much faster it was heard than it is known: 1.01 is one percent."""
    heard_s: tuple[float, float]
    """From when to when the best stretch was heard, seconds."""
    agreement: float
    """Share of the seconds of the stretch that agree, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aligned:
    """Where a stretch agrees best with a known sound."""

    offset: int
    """Where it begins in the known sound, sub-fingerprints."""
    tempo: float
    errors: float
    """Bit error rate there."""


def search(
    index: AcousticIndex[Entry],
    heard: Fingerprint,
    fetch: Callable[[Entry], Fingerprint | None],
    *,
    most: int = 16,
) -> tuple[Hit[Entry], ...]:
    """Find the sounds that a sound is, or is a part of, or that are parts of it.

    Args:
        index: Of all sounds that are known.
        heard: Eight seconds are enough to find a sound after usual changes, mostly five.
        fetch: Gives the fingerprint of an entry, the one that was indexed; None where it is not
            there any more.
        most: How many candidates of each stretch are compared.

    Returns:
        The best of each entry that comes into question, the smallest p-value first. What p-value
        makes it a match is for the caller to say.
    """
    begins = _stretches(len(heard))
    found: dict[Entry, Hit[Entry]] = {}
    for begin in begins:
        stretch = _part(heard, begin, begin + _STRETCH)
        others = index.offsets(stretch) * len(_TEMPI) * len(begins)
        for candidate in index.candidates(stretch, most=most):
            known = fetch(candidate.entry)
            hit = _judge(candidate, known, stretch, others) if known else None
            if hit is not None:
                best = found.get(hit.entry)
                if best is None or hit.match.p_value < best.match.p_value:
                    found[hit.entry] = _moved(hit, begin)
    return tuple(sorted(found.values(), key=lambda each: each.match.p_value))


def _stretches(length: int) -> list[int]:
    """Where the stretches begin that are looked up."""
    last = max(0, length - _STRETCH)
    count = min(_STRETCHES, 1 + -(-last * 2 // _STRETCH))
    return [round(each) for each in np.linspace(0, last, count)]


def _part(taken: Fingerprint, begin: int, end: int) -> Fingerprint:
    return Fingerprint(taken.words[begin:end], taken.audible[begin:end])


def _moved(hit: Hit[Entry], begin: int) -> Hit[Entry]:
    """The hit of a stretch, told of the whole that it begins in."""
    begin_s = begin * HOP_S
    match = replace(hit.match, offset_s=hit.match.offset_s - begin_s * hit.tempo)
    return replace(hit, match=match, heard_s=(hit.heard_s[0] + begin_s, hit.heard_s[1] + begin_s))


def _judge(
    candidate: Candidate[Entry], known: Fingerprint, stretch: Fingerprint, others: int
) -> Hit[Entry] | None:
    """Whether a stretch is a part of a known sound; None: not there."""
    aligned = _align(known, stretch, candidate.offset)
    if aligned.errors > _AGREEING:
        return None
    paced = _paced(stretch, aligned.tempo)
    begin = max(0, aligned.offset - _MARGIN)
    near = _part(known, begin, max(begin, aligned.offset + len(paced) + _MARGIN))
    match = compare(near, paced, others=others)
    offset = begin + round(match.offset_s / HOP_S)
    agreement = _agreement(known, paced, offset)
    if match.bit_error_rate > _MOST_ERRORS or agreement < _LEAST_AGREEING:
        return None
    first, last = max(0, -offset), min(len(paced), len(known) - offset)
    to_heard_s = HOP_S / aligned.tempo
    return Hit(
        entry=candidate.entry,
        match=replace(match, offset_s=offset * HOP_S),
        tempo=aligned.tempo,
        heard_s=(first * to_heard_s, last * to_heard_s),
        agreement=agreement,
    )


def _align(known: Fingerprint, stretch: Fingerprint, offset: int) -> _Aligned:
    """Pace and offset near ``offset`` with the fewest errors: roughly, then in steps of one."""
    # What is known about the offset is true in the middle, whatever the pace.
    middle = len(stretch) // 2
    rough = _best(known, stretch, middle, offset + middle + _SHIFTS, _TEMPI, step=_STEP)
    if rough.errors > _AGREEING:
        return rough
    centre = rough.offset + round(middle * rough.tempo)
    near = _TEMPI[np.abs(_TEMPI - rough.tempo) < _NEAR_TEMPI]
    return _best(known, stretch, middle, centre + _NEAR_SHIFTS, near, step=1)


def _best(
    known: Fingerprint,
    stretch: Fingerprint,
    middle: int,
    centres: NDArray[np.int64],
    tempi: NDArray[np.float64],
    *,
    step: int,
) -> _Aligned:
    """The pace, and the place in the known sound of the stretch's middle, with the fewest errors.

    Args:
        known: The known sound.
        stretch: What was heard.
        middle: A place in it.
        centres: ``(n,)`` places in the known sound to try.
        tempi: ``(m,)`` paces to try.
        step: Every how manieth sub-fingerprint is compared.
    """
    frames = np.arange(0, len(stretch), step)
    paces = np.rint((frames - middle) * tempi[:, None]).astype(np.int64)
    errors, counts = _errors(known, stretch, centres[:, None, None] + paces, frames)
    rates = np.where(counts * step >= _SECOND, errors / np.maximum(1, 32 * counts), 0.5)
    centre, pace = np.unravel_index(int(np.argmin(rates)), rates.shape)
    tempo = float(tempi[pace])
    return _Aligned(
        offset=int(centres[centre]) - round(middle * tempo),
        tempo=tempo,
        errors=float(rates[centre, pace]),
    )


def _errors(
    known: Fingerprint,
    heard: Fingerprint,
    places: NDArray[np.int64],
    frames: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Different bits, and sub-fingerprints that are audible in both.

    Args:
        known: A sound.
        heard: Another.
        places: ``(..., n)`` in the first one; those outside of it do not count.
        frames: ``(n,)`` in the second one.
    """
    inside = np.clip(places, 0, len(known) - 1)
    both = known.audible[inside] & heard.audible[frames] & (inside == places)
    different = np.bitwise_count(known.words[inside] ^ heard.words[frames]) * both
    return different.sum(axis=-1, dtype=np.int64), both.sum(axis=-1, dtype=np.int64)


def _paced(stretch: Fingerprint, tempo: float) -> Fingerprint:
    """The stretch in the time of the known sound."""
    frames = np.rint(np.arange(round(len(stretch) * tempo)) / tempo).astype(np.intp)
    frames = frames[frames < len(stretch)]
    return Fingerprint(stretch.words[frames], stretch.audible[frames])


def _agreement(known: Fingerprint, heard: Fingerprint, offset: int) -> float:
    """Share of the seconds that agree, of those in which there is enough to compare."""
    seconds = _whole_seconds(max(0, -offset), min(len(heard), len(known) - offset))
    rates = []
    for frames in seconds:
        errors, counts = _errors(known, heard, offset + frames, frames)
        if counts >= _SECOND // 4:
            rates.append(float(errors) / (32 * int(counts)))
    return float(np.mean(np.array(rates) < _AGREEING)) if rates else 0.0


def _whole_seconds(begin: int, end: int) -> Iterator[NDArray[np.int64]]:
    for first in range(begin, end - _SECOND + 1, _SECOND):
        yield np.arange(first, first + _SECOND)
