"""The words of the page, in every language that there is a table for (``words/*.json``).

A new language is a new table, with the same names as ``en.json``; a test holds them together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

__all__ = ["LANGUAGES", "Words", "choose_language", "words_in"]

LANGUAGES: Final = ("en", "nl", "de", "fr")
"""Languages of the page (BCP 47), the first for whoever asks for none of them."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words in one language."""

    language: str
    """BCP 47 tag."""
    table: Mapping[str, str]
    """What is said, by name."""

    def __call__(self, name: str, **values: object) -> str:
        """What is said under ``name``, with ``values`` in their places.

        Raises:
            KeyError: There is no such name, or a value is missing.
        """
        text = self.table[name]
        return text.format(**values) if values else text

    def get(self, name: str, otherwise: str) -> str:
        """What is said under ``name``; ``otherwise`` where nothing is."""
        return self.table.get(name, otherwise)


@cache
def words_in(language: str) -> Words:
    """The words in ``language``.

    Raises:
        ValueError: It is none of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise ValueError(f"there are no words in {language!r}")
    table = json.loads((files(__package__) / "words" / f"{language}.json").read_text("utf-8"))
    return Words(language, MappingProxyType(table))


def choose_language(asked: str | None, accepted: str) -> str:
    """The language to speak.

    Args:
        asked: What a link asks for.
        accepted: The field ``Accept-Language`` (RFC 9110, 12.5.4).
    """
    if asked in LANGUAGES:
        return asked
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:1000].split(",")):
        tag, _, weight = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if primary in LANGUAGES and quality > 0:
            ranked.append((-quality, place, primary))
    return min(ranked)[2] if ranked else LANGUAGES[0]


def _quality(weight: str) -> float:
    """The weight in ``q=0.8``; 1 without one, 0 where it cannot be read."""
    name, _, value = weight.partition("=")
    if not name.strip():
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if name.strip() == "q" and 0 <= quality <= 1 else 0.0
