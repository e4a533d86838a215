"""Undoing what happens to text on its way, before it is turned into tokens again.

A mark sits in tokens, and a mail program that wraps lines or an editor that curls quotes changes
many of them. Each normalisation here restores the characters that a model most likely wrote; which
of them is right nobody knows, so all are tried, and counted as hypotheses. What holds for every
one: ends of lines are line feeds, and invisible wrappers (C2PA 2.4, A.8), which no model writes,
are gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Normalisation", "Normalised", "Shifts", "normalised"]

# A zero-width no-break space or byte order mark, and runs of variation selectors: emoji have one.
_INVISIBLE: Final = re.compile("\ufeff|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_CARRIAGE_RETURN: Final = re.compile(r"\r\n?")
# The end of a line within a paragraph: no blank line beside it, and what follows is neither an
# item of a list, a heading, a quotation, a row of a table nor a fence.
_WRAP: Final = re.compile(
    r"(?<=\S)[ \t]*\n[ \t]*(?![\s>|#`~=]|[-*+\u2022][ \t]|\d{1,3}[.)][ \t]|-{3}|\*{3})(?=\S)"
)
_FOLDED: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u00a0\u202f", " "),
        **dict.fromkeys("\u2010\u2011", "-"),
    }
)


class Normalisation(StrEnum):
    """What is undone."""

    RAW = "raw"
    UNWRAPPED = "unwrapped"
    """Lines of a paragraph are one."""
    FOLDED = "quote-folded"
    """Typographic quotation marks, hyphens and spaces are those of ASCII."""
    UNWRAPPED_FOLDED = "unwrapped, quote-folded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifts:
    """How much further the characters of a text are in the one that it was made from."""

    starts: NDArray[np.int64]
    """``(k,)``, ascending from 0: places in the new text where the shift changes."""
    shifts: NDArray[np.int64]
    """``(k,)``, characters: the shift from there on."""

    def back(self, place: int) -> int:
        """The place in the text that this one was made from."""
        return place + int(self.shifts[np.searchsorted(self.starts, place, side="right") - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """A text after some normalisation, and where its characters come from."""

    normalisation: Normalisation
    """The first that gave this text."""
    text: str = field(repr=False)
    steps: tuple[Shifts, ...] = field(default=(), repr=False)
    """The changes of length that it went through, the first one first."""

    def original(self, place: int) -> int:
        """Where in the original text the character at ``place`` is, in characters."""
        for step in reversed(self.steps):
            place = step.back(place)
        return place


def normalised(text: str) -> tuple[Normalised, ...]:
    """``text`` after each normalisation; only the first of several that come out the same."""
    plain = Normalised(normalisation=Normalisation.RAW, text=text)
    plain = _replaced(plain, _INVISIBLE, "")
    plain = _replaced(plain, _CARRIAGE_RETURN, "\n")
    unwrapped = _named(_replaced(plain, _WRAP, " "), Normalisation.UNWRAPPED)
    candidates = (
        plain,
        unwrapped,
        _named(plain, Normalisation.FOLDED, _fold),
        _named(unwrapped, Normalisation.UNWRAPPED_FOLDED, _fold),
    )
    distinct: dict[str, Normalised] = {}
    for each in candidates:
        distinct.setdefault(each.text, each)
    return tuple(distinct.values())


def _fold(text: str) -> str:
    """One character for one: the places stay."""
    return text.translate(_FOLDED)


def _named(
    source: Normalised, normalisation: Normalisation, change: Callable[[str], str] = str
) -> Normalised:
    return replace(source, normalisation=normalisation, text=change(source.text))


def _replaced(source: Normalised, pattern: re.Pattern[str], by: str) -> Normalised:
    """``source`` with every match replaced."""
    spans = [match.span() for match in pattern.finditer(source.text)]
    if not spans:
        return source
    matches = np.array(spans, np.int64)
    shifts = np.cumsum(matches[:, 1] - matches[:, 0] - len(by))
    step = Shifts(
        starts=np.concatenate([[0], matches[:, 1] - shifts]), shifts=np.concatenate([[0], shifts])
    )
    return replace(source, text=pattern.sub(by, source.text), steps=(*source.steps, step))
