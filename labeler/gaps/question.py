"""What a question about a fact is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

__all__ = ["ANY_TRI", "Choice", "Kind", "Question", "Value"]

Value: TypeAlias = bool | int | str | tuple[str | int, ...] | None
"""What a question is answered with: dates as ISO 8601 text, None for "don't know"."""

ANY_TRI: Final[tuple[Value, ...]] = (True, False)


class Kind(StrEnum):
    """What an answer looks like."""

    TRI = "yes, no or don't know"
    DATE = "a date"
    CHOICE = "one of several"
    CHOICES = "some of several"
    NUMBER = "a whole number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers."""

    value: str | int
    """As the facts hold it."""
    says: str
    """In plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, for one fact."""

    key: str
    """The fact, such as ``deepfake.resembles``."""
    asks: str
    """The question, in plain words."""
    group: str
    """Questions of a group decide together: each matters while some answers to the others let it
    change the outcome."""
    kind: Kind = Kind.TRI
    choices: tuple[Choice, ...] = ()
    """With CHOICE and CHOICES: what there is to choose from."""
    trials: tuple[Value, ...] = ANY_TRI
    """Answers that stand for all: the question matters if some of these lead to other outcomes."""
    presumed: Value = None
    """What is taken for granted while it is not known, to see whether others matter."""
    in_words: bool = False
    """Whether it matters also where only the explanation changes."""
