"""How much of a stored text another text has: from the shingles that they share.

Unrelated texts share phrases, and where they are in the one says nothing about where they are in
the other. A copy, edited or cut, keeps their order. So shared shingles count where they are
*aligned*: their places in both texts differ by about the same number of words.

A *run* is a passage with nothing changed as far as the stored shingles tell: one after the other,
all of them there, at one distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.shingles import SHINGLE_WORDS, Selection, Shingles

__all__ = ["LEAST_HITS", "Overlap", "overlap"]

LEAST_HITS: Final = 4
"""With fewer shared shingles no text is taken for another."""
_ALIGNED: Final = 8
_RUN_HITS: Final = 4
_RUN_WORDS: Final = 14
_DRIFT_WORDS: Final = 32
"""By how many words insertions and deletions may shift the aligned ones against each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What a text has of a stored one."""

    hits: int
    """Stored shingles that it has, without common phrases."""
    stored: int
    """How many are stored, without common phrases that it has."""
    aligned: int
    """Most of these hits that are aligned within 32 words."""
    run: int
    """Hits in the longest run."""
    run_words: int
    """Words from the first to the last of these; 0 where there is no hit."""
    start: int
    """The first word of the part of the text where the aligned hits are, counted from 0."""
    stop: int
    """The word after that part."""

    @property
    def is_match(self) -> bool:
        """Whether the text is a copy of the stored one, or has a passage of it.

        Eight aligned hits, or a run of four over at least 14 words: more than unrelated texts were
        ever found to share (``benchmarks.text_fingerprints``).
        """
        return self.aligned >= _ALIGNED or (self.run >= _RUN_HITS and self.run_words >= _RUN_WORDS)


def overlap(
    stored: Selection, text: Shingles, *, common: NDArray[np.uint64] | None = None
) -> Overlap:
    """Compare a text with a stored one.

    Args:
        stored: What is stored of the one.
        text: All of the other, made with the same key.
        common: ``(n,)`` shingles that count for nothing: too many texts have them.
    """
    values, places = stored.values, stored.places
    if common is not None and len(common):
        rare = ~np.isin(values, common)
        values, places = values[rare], places[rare]
    order = np.argsort(text.values)
    found = np.searchsorted(text.values, values, sorter=order)
    at = order[np.minimum(found, len(order) - 1)]
    is_hit = text.values[at] == values
    numbers = np.flatnonzero(is_hit)
    here, there = text.places[at[is_hit]], places[is_hit]
    run, run_words = _longest_run(numbers, here, there)
    aligned, start, stop = _aligned(here, there)
    return Overlap(
        hits=len(numbers),
        stored=len(values),
        aligned=aligned,
        run=run,
        run_words=run_words,
        start=start,
        stop=stop,
    )


def _longest_run(
    numbers: NDArray[np.intp], here: NDArray[np.int64], there: NDArray[np.int64]
) -> tuple[int, int]:
    """Hits and words of the run with the most words."""
    if not len(numbers):
        return 0, 0
    broken = (np.diff(numbers) != 1) | (np.diff(here) != np.diff(there))
    first = np.concatenate([[0], np.flatnonzero(broken) + 1])
    last = np.concatenate([first[1:], [len(numbers)]]) - 1
    lengths = there[last] - there[first] + SHINGLE_WORDS
    best = int(np.argmax(lengths))
    return int(last[best] - first[best] + 1), int(lengths[best])


def _aligned(here: NDArray[np.int64], there: NDArray[np.int64]) -> tuple[int, int, int]:
    """The most hits within the drift, and the part of the text that they cover."""
    if not len(here):
        return 0, 0, 0
    order = np.argsort(here - there, kind="stable")
    distances = (here - there)[order]
    counts = np.searchsorted(distances, distances + _DRIFT_WORDS, side="right") - np.arange(
        len(distances)
    )
    best = int(np.argmax(counts))
    part = here[order[best : best + counts[best]]]
    return int(counts[best]), int(part.min()), int(part.max()) + SHINGLE_WORDS
