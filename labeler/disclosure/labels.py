"""What a label says, where and when: plain values, which the modules beside this one carry out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = [
    "Corner",
    "Extent",
    "Language",
    "Schedule",
    "Scheme",
    "SpokenLabel",
    "TextLabel",
    "VisibleLabel",
]


class Extent(StrEnum):
    """How much of the content came from AI: the three icons of the Code of Practice, Annex 1."""

    BASIC = "basic"
    """The letters "AI" alone."""
    GENERATED = "generated"
    """The letters "AI", and GENERATED as a second layer."""
    MODIFIED = "modified"
    """The letters "AI", and MODIFIED as a second layer."""


class Scheme(StrEnum):
    """Whose rules a label follows."""

    EU = "eu"
    """Code of Practice on Transparency of AI-Generated Content, Section 2."""
    CHINA = "cn"
    """GB 45438-2025, explicit labels."""


class Language(StrEnum):
    """The 24 official languages of the European Union (Regulation No 1/1958), by ISO 639-1."""

    BULGARIAN = "bg"
    CZECH = "cs"
    DANISH = "da"
    GERMAN = "de"
    GREEK = "el"
    ENGLISH = "en"
    SPANISH = "es"
    ESTONIAN = "et"
    FINNISH = "fi"
    FRENCH = "fr"
    IRISH = "ga"
    CROATIAN = "hr"
    HUNGARIAN = "hu"
    ITALIAN = "it"
    LITHUANIAN = "lt"
    LATVIAN = "lv"
    MALTESE = "mt"
    DUTCH = "nl"
    POLISH = "pl"
    PORTUGUESE = "pt"
    ROMANIAN = "ro"
    SLOVAK = "sk"
    SLOVENE = "sl"
    SWEDISH = "sv"


class Corner(StrEnum):
    """Where on a picture, as people see it, a label is laid."""

    TOP_RIGHT = "top-right"
    TOP_LEFT = "top-left"
    BOTTOM_RIGHT = "bottom-right"
    BOTTOM_LEFT = "bottom-left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a label is shown or spoken, beside the start, where it always is."""

    throughout: bool = False
    """Show it all the time; spoken labels are repeated at intervals all the same."""
    lasts_s: float = 5.0
    """How long a visible label is shown each time, seconds."""
    every_s: float = 60.0
    """From the start of one to the start of the next, seconds."""
    breaks_s: tuple[float, ...] = ()
    """Times at which content goes on after an interruption, seconds: the label is repeated."""

    def __post_init__(self) -> None:
        """Refuse what is no time.

        Raises:
            ValueError: A duration is not positive, or a break lies before the start.
        """
        if not (self.lasts_s > 0 and self.every_s > 0):
            raise ValueError("a label lasts for some time, and intervals are longer than 0")
        if any(moment < 0 for moment in self.breaks_s):
            raise ValueError("a break comes after the start")

    def shows(self, time_s: float) -> bool:
        """Whether a visible label is there ``time_s`` seconds after the first frame."""
        if self.throughout or time_s % self.every_s < self.lasts_s:
            return True
        return any(0 <= time_s - moment < self.lasts_s for moment in self.breaks_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleLabel:
    """A label on pictures."""

    extent: Extent = Extent.BASIC
    language: Language = Language.ENGLISH
    """Of the second layer; "AI" is the same in all of them (Code of Practice, S2 1.1)."""
    scheme: Scheme = Scheme.EU
    corner: Corner = Corner.TOP_RIGHT
    schedule: Schedule = Schedule()
    """For films and animations."""
    icon: Path | None = None
    """A picture file (PNG with transparency) to lay in place of our own shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenLabel:
    """A disclaimer in sound."""

    extent: Extent = Extent.GENERATED
    language: Language = Language.ENGLISH
    scheme: Scheme = Scheme.EU
    """China: the rhythm "short long, short short", which GB 45438-2025 takes for spoken words."""
    schedule: Schedule = Schedule(every_s=300.0)
    recording: Path | None = None
    """A sound file of the user's own; None: the one that ships for the language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLabel:
    """A label in words: at the top of text, in credits, descriptions and captions."""

    extent: Extent = Extent.GENERATED
    language: Language = Language.ENGLISH
    scheme: Scheme = Scheme.EU
