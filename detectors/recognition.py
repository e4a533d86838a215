"""Which output a sound with a short mark is: its fingerprint, compared with those of a registry.

This is the caller's side of `detectors.fingerprint`: the registry is never opened in the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from detectors.fingerprint import from_text
from detectors.report import Finding, Presence, Technique
from labeler.codec.payload import ShortPayload
from labeler.receipt import Receipt
from labeler.registry import Recognition, RegistryReader, recognise

__all__ = ["Resolution", "resolve"]

_NO_REGISTRY: Final = (
    "The watermark is in its short form, which only the registry of its issuer can resolve; there "
    "is none on this machine."
)
_UNKNOWN: Final = "The registry on this machine knows no output with the short watermark {tag:04x}."
_NONE_ALIKE: Final = (
    "Of outputs with the short watermark {tag:04x}, the registry on this machine knows "
    "{candidates}: this sounds like none of them."
)
_SEVERAL: Final = (
    "This sounds like {matches} different outputs with the short watermark {tag:04x}: which one it "
    "is cannot be said."
)
_UNREADABLE: Final = (
    "The sound's fingerprint cannot be read, or there is too little of it to compare."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Which output a sound with a short mark is."""

    finding: Finding
    """PRESENT: it matches one output. ABSENT: it matches none. INCONCLUSIVE: there is no registry,
    or it matches several, or cannot be compared."""
    receipt: Receipt | None
    """The output's receipt; only where the finding is PRESENT."""
    warning: str | None
    """What the reader should know, a sentence; None where there is a receipt."""


def resolve(finding: Finding, short: ShortPayload, registry: RegistryReader | None) -> Resolution:
    """Find the output that a sound with a short mark is.

    Args:
        finding: What `detectors.fingerprint.take` found. It may come from a process that a
            stranger's file has taken over: nothing in it is relied on.
        short: What the mark says.
        registry: Where the outputs are known; None: nowhere.

    Raises:
        RegistryError: The registry cannot be read.
    """
    heard = from_text(finding.detail.get("fingerprint"))
    if heard is None:
        unread = _finding(Presence.INCONCLUSIVE, {})
        return Resolution(finding=unread, receipt=None, warning=_UNREADABLE)
    if registry is None:
        unresolved = _finding(Presence.INCONCLUSIVE, finding.detail)
        return Resolution(finding=unresolved, receipt=None, warning=_NO_REGISTRY)
    found = recognise(registry.find_by_tag(short), heard)
    presence, warning = _judge(found, short)
    return Resolution(
        finding=replace(
            _finding(presence, {**finding.detail, **_outline(found)}),
            p_value=None if found.match is None else found.match.p_value,
        ),
        receipt=found.receipt,
        warning=warning,
    )


def _judge(found: Recognition, short: ShortPayload) -> tuple[Presence, str | None]:
    if found.receipt is not None:
        return Presence.PRESENT, None
    if found.match is None:
        return Presence.ABSENT, _UNKNOWN.format(tag=short.tag)
    if found.matches:
        return Presence.INCONCLUSIVE, _SEVERAL.format(matches=found.matches, tag=short.tag)
    if not found.match.overlap_s:
        return Presence.INCONCLUSIVE, _UNREADABLE
    return Presence.ABSENT, _NONE_ALIKE.format(candidates=found.candidates, tag=short.tag)


def _outline(found: Recognition) -> Mapping[str, object]:
    match = found.match
    return {
        "candidates": found.candidates,
        "matches": found.matches,
        "bit_error_rate": None if match is None else round(match.bit_error_rate, 4),
        "offset_s": None if match is None else round(match.offset_s, 3),
        "overlap_s": None if match is None else round(match.overlap_s, 3),
    }


def _finding(presence: Presence, detail: Mapping[str, object]) -> Finding:
    return Finding(technique=Technique.FINGERPRINT, presence=presence, detail=detail)
