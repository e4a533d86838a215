"""What a report says, read again with care: it may come from a worker that was taken over.

Any member of a finding's detail may be anything; nothing here raises for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from detectors.report import Finding, Presence, Report, Technique
from labeler.codec.payload import Payload, ShortPayload
from labeler.credentials import Integrity, SoftBinding
from labeler.media.media_type import MediaKind, MediaType
from labeler.provenance import Track
from labeler.receipt import read_payload, read_short_payload

__all__ = [
    "bindings_of",
    "is_bound",
    "is_of_short_sound",
    "most_alike",
    "named_resolvers",
    "parsed",
    "payload_beside",
    "payload_of",
    "shortened",
    "watermarks_of",
]

_Parsed = TypeVar("_Parsed")


def bindings_of(report: Report) -> Iterator[SoftBinding]:
    """What the manifests of a report's watermarks would say of them."""
    for found in report.findings:
        if found.technique is not Technique.WATERMARK or found.presence is not Presence.PRESENT:
            continue
        payload = parsed(found.detail.get("payload"), read_payload)
        short = parsed(found.detail.get("short_payload"), read_short_payload)
        if short is not None:
            yield SoftBinding.for_sound(short)
        elif payload is not None:
            yield (SoftBinding.for_sound if _is_heard(report, found) else SoftBinding.for_payload)(
                payload
            )


def _is_heard(report: Report, found: Finding) -> bool:
    """Whether a watermark is in sound."""
    if found.detail.get("track") == Track.AUDIO.value:
        return True
    with suppress(ValueError):
        return MediaType(report.media_type or "").kind is MediaKind.AUDIO
    return False


def is_of_short_sound(finding: Finding) -> bool:
    """Whether it is the fingerprint of a sound whose mark is in its short form."""
    return finding.technique is Technique.FINGERPRINT and "fingerprint" in finding.detail


def parsed(members: object, read: Callable[[Any], _Parsed]) -> _Parsed | None:
    """What a member of a detail is, read; None where it is something else."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        return None if members is None else read(members)
    return None


def payload_beside(report: Report, fingerprint: Finding) -> Payload | None:
    """What the watermark says in what a fingerprint is of: a picture, a sound, a film's track."""
    track = fingerprint.detail.get("track")
    for found in report.findings:
        if found.technique is Technique.WATERMARK and found.detail.get("track") == track:
            return payload_of(found)
    return None


def payload_of(watermark: Finding) -> Payload | None:
    """What a watermark says in full; None where it is not present, or says less."""
    if watermark.presence is not Presence.PRESENT:
        return None
    return parsed(watermark.detail.get("payload"), read_payload)


def is_bound(report: Report, payload: Payload | None) -> bool:
    """Whether the file's own credential holds and names the watermark: then no other is needed."""
    credential = report.finding(Technique.CREDENTIAL)
    if credential is None or payload is None:
        return False
    named = credential.detail.get("soft_bindings")
    said = [
        {"algorithm": binding.algorithm, "value": binding.value}
        for binding in (SoftBinding.for_payload(payload), SoftBinding.for_sound(payload))
    ]
    is_intact = credential.detail.get("integrity") == Integrity.INTACT.value
    return is_intact and isinstance(named, list) and any(each in named for each in said)


def shortened(report: Report) -> set[ShortPayload]:
    """The short forms of what is read in full: a film's pictures may say what its sound means."""
    details = (each.detail for each in report.findings if each.technique is Technique.WATERMARK)
    payloads = (parsed(detail.get("payload"), read_payload) for detail in details)
    return {ShortPayload.of(payload) for payload in payloads if payload is not None}


def watermarks_of(report: Report) -> Iterator[Finding]:
    """What was found of watermarks: of a film, in each of its tracks."""
    return (each for each in report.findings if each.technique is Technique.WATERMARK)


def most_alike(report: Report) -> str | None:
    """The receipt of the output that content is most like; None where it is like none."""
    for found in report.findings:
        if found.technique is not Technique.FINGERPRINT or found.presence is not Presence.PRESENT:
            continue
        matches = found.detail.get("matches")
        for match in matches if isinstance(matches, list) else ():
            if isinstance(match, Mapping) and isinstance(match.get("receipt_id"), str):
                return str(match["receipt_id"])
    return None


def named_resolvers(credential: Finding) -> Iterator[str]:
    """Those that a manifest names which the file refers to, or still holds."""
    directions = credential.detail.get("signpost")
    if isinstance(directions, Mapping) and isinstance(url := directions.get("resolver_url"), str):
        yield url
