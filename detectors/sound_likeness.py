"""Whether a sound is the output that its mark says, and which output a sound without marks is.

The caller's side of `detectors.fingerprint`, as `detectors.likeness` is for pictures; sounds with a
short mark are the business of `detectors.recognition`.

A sound is never said to be another by its fingerprint: voices under louder music leave as little of
it as a mark that was carried over into other sound. Where nothing of the output is recognised, that
stays undecided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from detectors.fingerprint import from_chunks
from detectors.known_looks import KnownSounds
from detectors.likeness import Likeness, outline_of, resolved
from detectors.report import Finding, Presence, Technique
from labeler.codec.acoustic import Fingerprint, Match, compare
from labeler.codec.content import Verdict
from labeler.receipt import Receipt
from labeler.registry import RegistryReader
from labeler.registry.fingerprints import ACOUSTIC
from labeler.registry.sounds import MATCHES_AT

__all__ = ["compare_sound", "find_sound", "is_of_sound", "judge"]

_KNOWN: Final = (
    "The sound is, or has a part of, an output that the registry on this machine knows, and "
    "carries no mark that says so. That alone does not mean that it came from AI: an output may "
    "hold what it was made from."
)
_MATCHES: Final = 10


def is_of_sound(finding: Finding) -> bool:
    """Whether `detectors.fingerprint.take_for_registry` made it, and it is not resolved yet."""
    return finding.technique is Technique.FINGERPRINT and "heard" in finding.detail


def compare_sound(
    finding: Finding, receipts: Sequence[Receipt], registry: RegistryReader
) -> Likeness:
    """Whether a sound is one of the outputs that its watermark leads to.

    Args:
        finding: What `detectors.fingerprint.take_for_registry` found.
        receipts: Of all outputs with the watermark's handle.
        registry: Where their fingerprints are.

    Raises:
        RegistryError: The registry cannot be read.
    """
    heard = from_chunks(finding.detail.get("heard"))
    compared = [] if heard is None else list(_matches(heard, receipts, registry))
    if not compared:
        return Likeness(finding=resolved(finding, Presence.INCONCLUSIVE, {}))
    receipt, match = min(compared, key=lambda pair: pair[1].p_value)
    p_value = min(1.0, len(compared) * match.p_value)
    verdict = judge(p_value)
    presence = Presence.PRESENT if verdict is Verdict.MATCH else Presence.INCONCLUSIVE
    detail = {
        "content": verdict.value,
        "receipt_id": receipt.receipt_id,
        "bit_error_rate": round(match.bit_error_rate, 4),
        "offset_s": round(match.offset_s, 3),
        "overlap_s": round(match.overlap_s, 3),
    }
    return Likeness(
        finding=resolved(finding, presence, detail, p_value=p_value),
        verdict=verdict,
    )


def find_sound(finding: Finding, known: KnownSounds, registry: RegistryReader) -> Likeness:
    """Which output on record a sound without a readable watermark is, or is a part of.

    Args:
        finding: What `detectors.fingerprint.take_for_registry` found.
        known: The index of the registry's sounds.
        registry: Where the outputs are known.

    Raises:
        RegistryError: The registry cannot be read.
    """
    heard = from_chunks(finding.detail.get("heard"))
    if heard is None or not heard.audible.any():
        return Likeness(finding=resolved(finding, Presence.INCONCLUSIVE, {}))
    hits = [hit for hit in known.find(heard, registry) if hit.match.p_value <= MATCHES_AT]
    matches: list[dict[str, object]] = []
    for hit in hits[:_MATCHES]:
        entry = registry.find_fingerprinted(hit.entry)
        if entry is None:
            continue
        matches.append(
            {
                **outline_of(entry[0]),
                "bit_error_rate": round(hit.match.bit_error_rate, 4),
                "offset_s": round(hit.match.offset_s, 3),
                "heard_s": [round(each, 3) for each in hit.heard_s],
                "tempo": round(hit.tempo, 4),
            }
        )
    presence = Presence.PRESENT if matches else Presence.ABSENT
    p_value = hits[0].match.p_value if matches else None
    return Likeness(
        finding=resolved(finding, presence, {"matches": matches}, p_value=p_value),
        warning=_KNOWN if matches else None,
    )


def _matches(
    heard: Fingerprint, receipts: Sequence[Receipt], registry: RegistryReader
) -> Iterator[tuple[Receipt, Match]]:
    for receipt in receipts:
        for each in registry.fingerprints_of(receipt.receipt_id, ACOUSTIC):
            with suppress(ValueError):  # of a later version
                yield receipt, compare(Fingerprint.from_bytes(each.value), heard)


def judge(p_value: float) -> Verdict:
    """Whether a sound that carries an output's mark is that output."""
    return Verdict.MATCH if p_value <= MATCHES_AT else Verdict.UNDECIDED
