"""A report as the page shows it: a box for each technique, in one language."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.conclusion import NOT_HUMAN
from detectors.likeness import Pictured
from detectors.report import Finding, Presence, Report, Technique
from detectors.service.facts import Fact, clean, facts_of
from detectors.service.history import Step, history_of
from detectors.service.timelines import Timeline, timelines_of
from detectors.service.words import Words

__all__ = ["Answer", "Box", "Comparison", "answer_of"]

_BOXES: Final = (Technique.CREDENTIAL, Technique.WATERMARK, Technique.FINGERPRINT)
NOT_RUN: Final = "not-run"
_STRONGEST: Final = (Presence.PRESENT, Presence.INCONCLUSIVE, Presence.ABSENT)
_WARNING: Final = 1000
"""Longest warning on the page, characters."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PICTURE: Final = 256 * 1024
"""Largest picture that stands in a page, bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What one technique found."""

    technique: str
    """Its name in tables of words."""
    presence: str
    """``present``, ``absent``, ``inconclusive``, or ``not-run``."""
    facts: tuple[tuple[Fact, ...], ...]
    """What is known beyond that; of a film's watermark, for each of its tracks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two small pictures to be looked at side by side, as PNG files that this process wrote.

    Bytes that strangers wrote have no place here: a browser would decode them.

    Raises:
        ValueError: One of them is no PNG file, or larger than 256 KiB.
    """

    upload: bytes = field(repr=False)
    """The content that was verified, made small."""
    record: bytes = field(repr=False)
    """What the registry keeps of the output that it was recognised as."""

    @classmethod
    def of(cls, pictured: Pictured) -> Self:
        """Of small pictures, grey; what the file has nothing of is transparent."""
        transparent = np.where(pictured.upload == 0, 0, 255).astype(np.uint8)
        return cls(
            upload=_png(np.dstack([pictured.upload, transparent])), record=_png(pictured.record)
        )

    def __post_init__(self) -> None:
        """Look at what they begin with."""
        for each in (self.upload, self.record):
            if not each.startswith(_PNG) or len(each) > _PICTURE:
                raise ValueError("a picture on the page has to be a small PNG file")

    @property
    def upload_address(self) -> str:
        """`upload` as an address that holds it (RFC 2397)."""
        return _address(self.upload)

    @property
    def record_address(self) -> str:
        """`record` likewise."""
        return _address(self.record)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", optimize=True)
    return target.getvalue()


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the page says of one file."""

    name: str
    """What the file is called."""
    media_type: str
    """IANA media type, or ""."""
    size: str
    """Bytes, in groups of three digits."""
    sha256: str
    """Hexadecimal, or ""."""
    conclusion: str
    """Its name in tables of words."""
    origin: str | None
    """Likewise; None where no mark says any."""
    boxes: tuple[Box, ...]
    """Signed metadata, watermark, fingerprint."""
    others: tuple[Box, ...]
    """What else was looked at: unsigned metadata."""
    timelines: tuple[Timeline, ...]
    """Where in a sound, a film or a text marks are."""
    history: Step | None
    """What the file was made from; None where no credential says it."""
    comparison: Comparison | None
    """The upload beside what it was recognised as; None where there is nothing to look at."""
    warnings: tuple[str, ...]
    """Sentences in English, but for the one that every answer has."""
    json: str
    """The whole report, to be read by programs."""


def answer_of(
    report: Report, *, size: int, words: Words, comparison: Comparison | None = None
) -> Answer:
    """The page's answer from a report.

    Args:
        report: What was found.
        size: Bytes of the file.
        words: The language to say it in.
        comparison: The upload beside what it was recognised as, where there are pictures of both.
    """
    members = json.loads(report.to_json())
    return Answer(
        name=clean(report.file),
        media_type=clean(report.media_type),
        size=f"{size:,}".replace(",", "\N{NO-BREAK SPACE}"),
        sha256=clean(report.sha256),
        conclusion=report.conclusion.value,
        origin=None if report.origin is None else report.origin.name.lower(),
        boxes=tuple(_box(each, report, words) for each in _BOXES),
        others=tuple(_others(report, words)),
        timelines=timelines_of(report.findings, words),
        history=_history(report, words),
        comparison=comparison,
        warnings=tuple(_warning(each) for each in report.warnings if each != NOT_HUMAN),
        json=json.dumps(members, indent=2, allow_nan=False),
    )


def _box(technique: Technique, report: Report, words: Words) -> Box:
    findings = [each for each in report.findings if each.technique is technique]
    found = (facts_of(each, words) for each in findings)
    return Box(
        technique=technique.value,
        presence=_presence(findings),
        facts=tuple(each for each in found if each),
    )


def _presence(findings: list[Finding]) -> str:
    """The strongest of what was found: one marked track makes a film marked."""
    presences = {each.presence for each in findings}
    return next((each.value for each in _STRONGEST if each in presences), NOT_RUN)


def _others(report: Report, words: Words) -> list[Box]:
    box = _box(Technique.METADATA, report, words)
    return [] if box.presence == NOT_RUN else [box]


def _history(report: Report, words: Words) -> Step | None:
    """That of the first credential that can be read: one may have been lost and recovered."""
    found = (each for each in report.findings if each.technique is Technique.CREDENTIAL)
    return next(filter(None, (history_of(each, words) for each in found)), None)


def _warning(text: str) -> str:
    short = text if len(text) <= _WARNING else text[:_WARNING] + "…"
    return "".join(each if each.isprintable() else " " for each in short)
