"""A report as the page shows it: a box for each technique, in one language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from detectors.conclusion import NOT_HUMAN
from detectors.report import Finding, Presence, Report, Technique
from detectors.service.facts import Fact, clean, facts_of
from detectors.service.words import Words

__all__ = ["Answer", "Box", "answer_of"]

_BOXES: Final = (Technique.CREDENTIAL, Technique.WATERMARK, Technique.FINGERPRINT)
NOT_RUN: Final = "not-run"
_STRONGEST: Final = (Presence.PRESENT, Presence.INCONCLUSIVE, Presence.ABSENT)
_WARNING: Final = 1000
"""Longest warning on the page, characters."""


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
    warnings: tuple[str, ...]
    """Sentences in English, but for the one that every answer has."""
    json: str
    """The whole report, to be read by programs."""


def answer_of(report: Report, *, size: int, words: Words) -> Answer:
    """The page's answer from a report.

    Args:
        report: What was found.
        size: Bytes of the file.
        words: The language to say it in.
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


def _warning(text: str) -> str:
    short = text if len(text) <= _WARNING else text[:_WARNING] + "…"
    return "".join(each if each.isprintable() else " " for each in short)
