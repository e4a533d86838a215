"""What a label in words says, and whether a line of text is such a label."""

from __future__ import annotations

import re
from itertools import product
from typing import Final

from labeler.disclosure.labels import Extent, Language, Scheme, TextLabel
from labeler.disclosure.words import LETTERS, Kind, chinese, sentence

__all__ = ["CHINESE", "is_label", "language_tag", "says"]

CHINESE: Final = "zh-Hans"
"""Language of the labels of GB 45438-2025 (BCP 47)."""

# Everything that formats a label: emphasis, brackets, white space.
_FORMATTING: Final = re.compile(r"[*_>\[\]\s]+")
_LONGEST: Final = 300


def says(label: TextLabel, kind: Kind) -> str:
    """The label's words: a sentence, or what GB 45438-2025 prescribes.

    Args:
        label: The label.
        kind: What it speaks of.
    """
    if label.scheme is Scheme.CHINA:
        return chinese(label.extent)
    return sentence(label.extent, label.language, kind)


def language_tag(label: TextLabel) -> str:
    """The language of the label's words (BCP 47)."""
    return CHINESE if label.scheme is Scheme.CHINA else label.language.value


def is_label(line: str, scheme: Scheme | None) -> bool:
    """Whether ``line`` is nothing but a label that `says` gives for text, in whichever language.

    Args:
        line: A line of text; emphasis and brackets do not matter.
        scheme: The scheme that the label follows; None: any.
    """
    if len(line) > _LONGEST:
        return False
    bare = _bare(line)
    return any(bare == _bare(words) for words in _known(scheme))


def _known(scheme: Scheme | None) -> tuple[str, ...]:
    """All labels, as they may stand behind the letters."""
    every = []
    if scheme is not Scheme.EU:
        every += [chinese(extent) for extent in Extent]
    if scheme is not Scheme.CHINA:
        every += [
            sentence(extent, language, Kind.TEXT) for extent, language in product(Extent, Language)
        ]
    return tuple(every)


def _bare(words: str) -> str:
    return _FORMATTING.sub(" ", words).strip().removeprefix(f"{LETTERS} ")
