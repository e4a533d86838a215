"""What verifying found: findings by technique, merged into one conclusion.

A conclusion is never "human": no mark found means only that none was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labeler.codec.payload import Origin

__all__ = ["Conclusion", "Finding", "Presence", "Report", "Technique"]


class Presence(StrEnum):
    """Whether a mark is there."""

    PRESENT = "present"
    ABSENT = "absent"
    INCONCLUSIVE = "inconclusive"
    """Something is there, but not enough to say so at the asked level of significance."""


class Technique(StrEnum):
    """How a mark was looked for."""

    CREDENTIAL = "credential"
    WATERMARK = "watermark"
    FINGERPRINT = "fingerprint"
    METADATA = "metadata"


class Conclusion(StrEnum):
    """What all findings together say."""

    MARKED = "marked"
    NO_MARK_FOUND = "no-mark-found"
    CONFLICTING = "conflicting"
    """Techniques contradict each other."""
    TAMPERED = "tampered"
    """A credential does not match the content, or its history contains one that did not."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one technique found."""

    technique: Technique
    presence: Presence
    p_value: float | None = None
    """Probability of so strong a result on unmarked media, all searched hypotheses counted; None
    for techniques that compare bytes or signatures."""
    detail: Mapping[str, object] = field(default_factory=dict)
    """What else is known, as JSON values; the keys of each technique are in ``docs/json.md``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What verifying one file found."""

    file: str
    """Name of the file as the caller gave it."""
    sha256: str | None
    """SHA-256 of its bytes, hexadecimal; None where it could not be read."""
    media_type: str | None
    """IANA media type; None where it is unknown."""
    conclusion: Conclusion
    origin: Origin | None
    """How the content came about, where a mark says so."""
    findings: tuple[Finding, ...]
    """One finding for each technique that was run."""
    warnings: tuple[str, ...] = ()
    """What the reader should know: sentences."""
