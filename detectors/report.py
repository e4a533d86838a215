"""What verifying found: findings by technique, merged into one conclusion.

A conclusion is never "human": no mark found means only that none was found.

As JSON (``Report.to_json``), one object a line in ``labeler verify --json``::

    {"schema": 1, "file", "sha256", "media_type", "conclusion", "origin",
     "findings": [{"technique", "presence", "p_value", "detail": {…}}], "warnings": […]}

What is not known is null. Readers ignore members that they do not know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from labeler.codec.payload import Origin

__all__ = ["Conclusion", "Finding", "Presence", "Report", "Technique"]

REPORT_SCHEMA: Final = 1

_T = TypeVar("_T")


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
    COPIED_MARK_SUSPECTED = "copied-mark-suspected"
    """The watermark is that of an output which looks or sounds different: most likely it was
    copied from there."""
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

    def finding(self, technique: Technique) -> Finding | None:
        """The finding of ``technique``; None where it was not run."""
        return next((each for each in self.findings if each.technique is technique), None)

    def to_json(self) -> str:
        """The report as one line of JSON, in the form that the module describes."""
        members = {
            "schema": REPORT_SCHEMA,
            "file": self.file,
            "sha256": self.sha256,
            "media_type": self.media_type,
            "conclusion": self.conclusion.value,
            "origin": None if self.origin is None else self.origin.name.lower(),
            "findings": [_write_finding(finding) for finding in self.findings],
            "warnings": list(self.warnings),
        }
        return json.dumps(members, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote, in this version or a later one of the same schema.

        Every member is checked: the text may come from a process that a stranger's file has taken
        over.

        Raises:
            ValueError: ``text`` is not a report, or one of another schema.
        """
        try:
            members = _typed(
                json.loads(text, parse_constant=_refuse_constant, parse_float=_finite), dict
            )
            if members["schema"] != REPORT_SCHEMA:
                raise ValueError(f"report schema {members['schema']!r} is unknown")
            return _read_report(members)
        except (KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a report: {error!r}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits} is beyond any number that can be written")
    return value


def _write_finding(finding: Finding) -> dict[str, object]:
    return {
        "technique": finding.technique.value,
        "presence": finding.presence.value,
        "p_value": finding.p_value,
        "detail": dict(finding.detail),
    }


def _read_report(members: Mapping[str, Any]) -> Report:
    origin = _optional(members["origin"], str)
    if origin is not None and origin.upper() not in Origin.__members__:
        raise ValueError(f"origin {origin!r} is unknown")
    return Report(
        file=_typed(members["file"], str),
        sha256=_optional(members["sha256"], str),
        media_type=_optional(members["media_type"], str),
        conclusion=Conclusion(members["conclusion"]),
        origin=None if origin is None else Origin[origin.upper()],
        findings=tuple(_read_finding(each) for each in _typed(members["findings"], list)),
        warnings=tuple(_typed(each, str) for each in _typed(members["warnings"], list)),
    )


def _read_finding(value: object) -> Finding:
    members = _typed(value, dict)
    p_value = _optional(members["p_value"], float)
    if p_value is not None and not 0 <= p_value <= 1:
        raise ValueError(f"p-value {p_value} is not in 0 to 1")
    return Finding(
        technique=Technique(members["technique"]),
        presence=Presence(members["presence"]),
        p_value=p_value,
        detail=_typed(members["detail"], dict),
    )


def _typed(value: object, kind: type[_T]) -> _T:
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind):
        raise ValueError(f"{value!r:.80} is no {kind.__name__}")  # noqa: TRY004  bad data, not a bad call
    return value


def _optional(value: object, kind: type[_T]) -> _T | None:
    return None if value is None else _typed(value, kind)
