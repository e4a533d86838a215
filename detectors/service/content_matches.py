"""From what verifying a file found to the manifests that it may have lost.

A report names outputs in two ways: by what a watermark says, which is a soft binding, and by
receipts of this machine's registry that a watermark or a fingerprint led to. Everything here is
pure; `detectors.service.repository` knows the manifests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from detectors.report import Finding, Presence, Report, Technique
from detectors.reported import bindings_of
from labeler.codec.pdq import BITS
from labeler.credentials import SHORT_SOUND_BINDING_ALGORITHM, SoftBinding

__all__ = ["FINGERPRINTS", "KnownOutput", "fingerprint_matches", "watermark_matches"]

FINGERPRINTS: Final[tuple[str, ...]] = ()
"""Algorithms that `fingerprint_matches` knows; C2PA's list may have names for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOutput:
    """An output of this registry that a file is, or is a part of."""

    receipt_id: str
    """Of its stamping."""
    algorithm: str | None = None
    """What led to it, as C2PA's list calls that; None: it has no name there."""
    similarity: int | None = None
    """How alike they are, 0 to 100; None: it is that output, or it is not."""


def watermark_matches(report: Report) -> tuple[tuple[SoftBinding, ...], tuple[KnownOutput, ...]]:
    """What the watermarks of a file lead to.

    Returns:
        The bindings that they are, and the outputs that the registry resolved them to. A short
        payload, which many outputs share, is only the latter where the registry told them apart,
        and neither where it knows that the sound is none of them.
    """
    resolved = tuple(_resolved(report))
    is_told_apart = bool(resolved) or _is_of_none(report)
    bindings = tuple(
        each
        for each in dict.fromkeys(bindings_of(report))
        if each.algorithm != SHORT_SOUND_BINDING_ALGORITHM or not is_told_apart
    )
    return bindings, resolved


def fingerprint_matches(report: Report) -> tuple[KnownOutput, ...]:
    """The outputs that a file looks, sounds or reads like, the most alike first.

    A text's words may have come out often: each match is the latest output of these words.
    """
    return tuple(
        KnownOutput(receipt_id=receipt_id, similarity=_similarity(match))
        for found in report.findings
        if found.technique is Technique.FINGERPRINT and found.presence is Presence.PRESENT
        for match in _objects(found.detail.get("matches"))
        if isinstance(receipt_id := match.get("receipt_id"), str)
    )


def _resolved(report: Report) -> Iterator[KnownOutput]:
    for found in report.findings:
        receipt = found.detail.get("receipt")
        if found.technique is Technique.WATERMARK and isinstance(receipt, Mapping):
            receipt_id = receipt.get("receipt_id")
            if isinstance(receipt_id, str):
                yield KnownOutput(receipt_id=receipt_id)


def _is_of_none(report: Report) -> bool:
    """Whether the sound was compared with all that share its tag, and is none of them."""
    found = report.finding(Technique.FINGERPRINT)
    return _is_heard(found) and found is not None and found.presence is Presence.ABSENT


def _is_heard(found: Finding | None) -> bool:
    return found is not None and "candidates" in found.detail


def _similarity(match: Mapping[str, Any]) -> int | None:
    """How much of what was compared agrees, in percent; unrelated hashes agree on half their bits.

    A picture's hash has so many bits that differ, a sound's such a share of them; a film shares so
    many of its moments, a text so many of its words.
    """
    agreeing, whole = 0.0, 0.0
    if "distance" in match:
        agreeing, whole = BITS - _number(match["distance"]), float(BITS)
    elif "bit_error_rate" in match:
        agreeing, whole = 1.0 - _number(match["bit_error_rate"]), 1.0
    elif "moments" in match:
        agreeing, whole = _number(match["moments"]), _number(match.get("of"))
    elif "shared" in match:
        agreeing, whole = _number(match["shared"]), _number(match.get("stored"))
    return round(100 * min(1.0, max(0.0, agreeing / whole))) if whole > 0 else None


def _number(value: object) -> float:
    """The number, or one that leads to no score."""
    return float(value) if isinstance(value, int | float) else float("-inf")


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, Mapping))
