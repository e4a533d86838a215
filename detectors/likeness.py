"""Whether a file is the output that its watermark says, and which output a file without marks is.

This is the caller's side of `detectors.looks`: the registry is never opened in the sandbox, and
nothing of what comes from there is relied on.

A fingerprint that matches is no mark: what looks the same may have been there before. A picture
that AI changed a little looks like the photograph that it was made from. So a match alone changes
no conclusion. But where a watermark leads to an output that looks different from the file, somebody
has most likely copied the mark: that is what `Verdict.MISMATCH` says.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors.known_looks import KnownLooks, LooksAlike
from detectors.looks import PictureLooks, picture_looks
from detectors.report import Finding, Presence, Technique
from labeler.codec.content import ContentMatch, Verdict, compare
from labeler.codec.hamming import PDQ_DISTANCE, to_words
from labeler.codec.sketch import Sketch
from labeler.receipt import Receipt
from labeler.registry import RegistryReader
from labeler.registry.fingerprints import PDQ, SKETCH

__all__ = [
    "Likeness",
    "Pictured",
    "compare_picture",
    "compare_with_manifest",
    "find_picture",
    "is_of_picture",
    "outline_of",
    "resolved",
]

COPIED: Final = (
    "The watermark is that of an output which looks different. Most likely it was copied from "
    "there into this content, to make it pass for that provider's."
)
_KNOWN: Final = (
    "The content looks like an output that the registry on this machine knows, and carries no mark "
    "that says so. That alone does not mean that it came from AI: an output may look like what it "
    "was made from."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictured:
    """Two small pictures for people to look at side by side."""

    upload: NDArray[np.uint8] = field(repr=False)
    """``(h, w)`` grey levels of the file, upright; 0 where it has nothing."""
    record: NDArray[np.uint8] = field(repr=False)
    """``(h, w)`` what is on record: 255 lighter than its surroundings, 0 darker, 128 neither."""

    @classmethod
    def of(cls, looks: PictureLooks, sketch: Sketch) -> Self:
        """What was compared."""
        levels = np.array([0, 128, 255], np.uint8)
        return cls(upload=looks.view.luma, record=levels[sketch.cells + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What comparing fingerprints gave."""

    finding: Finding
    """PRESENT: the content is that of an output on record. ABSENT: it is not. INCONCLUSIVE: there
    is nothing to compare, or too little to see."""
    verdict: Verdict = Verdict.UNDECIDED
    """Whether it is the content of the output that a watermark leads to."""
    warning: str | None = None
    """What the reader should know, a sentence."""
    pictured: Pictured | None = None
    """What was compared, where that can be looked at."""


def compare_picture(
    finding: Finding, receipts: Sequence[Receipt], registry: RegistryReader
) -> Likeness:
    """Whether a picture is one of the outputs that its watermark leads to.

    Args:
        finding: What `detectors.looks.take_picture` found.
        receipts: Of all outputs with the watermark's handle.
        registry: Where their fingerprints are.

    Raises:
        RegistryError: The registry cannot be read.
    """
    looks = picture_looks(finding.detail)
    if looks is None:
        return Likeness(finding=resolved(finding, Presence.INCONCLUSIVE, {}))
    compared = [
        compared
        for receipt in receipts
        if (compared := _compare(looks, receipt, registry)) is not None
    ]
    if not compared:
        return Likeness(finding=resolved(finding, Presence.INCONCLUSIVE, {}))
    receipt, match, sketch = min(compared, key=lambda each: each[1].p_value)
    verdict = match.verdict
    if any(each.verdict is not Verdict.MISMATCH for _, each, _ in compared):
        verdict = match.verdict if match.verdict is Verdict.MATCH else Verdict.UNDECIDED
    return Likeness(
        finding=resolved(
            finding,
            _PRESENCES[verdict],
            {"content": verdict.value, "receipt_id": receipt.receipt_id, **_outline(match)},
            p_value=min(1.0, len(compared) * match.p_value),
        ),
        verdict=verdict,
        warning=COPIED if verdict is Verdict.MISMATCH else None,
        pictured=Pictured.of(looks, sketch),
    )


def compare_with_manifest(finding: Finding, soft_bindings: object) -> Likeness | None:
    """Whether a picture is the one that a manifest was signed for, by the sketch that it holds.

    Args:
        finding: What `detectors.looks.take_picture` found.
        soft_bindings: What the manifest names, as a report has it.

    Returns:
        None where it holds no sketch, or nothing can be compared.
    """
    looks = picture_looks(finding.detail)
    sketch = _sketch_in(soft_bindings)
    if looks is None or sketch is None:
        return None
    match = compare(sketch, looks.view)
    return Likeness(
        finding=resolved(
            finding,
            _PRESENCES[match.verdict],
            {"content": match.verdict.value, "receipt_id": None, **_outline(match)},
            p_value=match.p_value,
        ),
        verdict=match.verdict,
        warning=COPIED if match.verdict is Verdict.MISMATCH else None,
        pictured=Pictured.of(looks, sketch),
    )


def find_picture(finding: Finding, known: KnownLooks, registry: RegistryReader) -> Likeness:
    """Which output on record a picture without a readable watermark looks like.

    Args:
        finding: What `detectors.looks.take_picture` found.
        known: The index of the registry's pictures.
        registry: Where the outputs are known.

    Raises:
        RegistryError: The registry cannot be read.
    """
    looks = picture_looks(finding.detail)
    if looks is None or looks.hashes is None:
        return Likeness(finding=resolved(finding, Presence.INCONCLUSIVE, {}))
    alike = known.find(looks.hashes, registry)
    if not alike:
        return Likeness(finding=resolved(finding, Presence.ABSENT, {"matches": []}))
    matches = list({each.receipt.receipt_id: each for each in reversed(alike)}.values())
    matches.sort(key=lambda each: each.distance)
    kept = registry.fingerprints_of(matches[0].receipt.receipt_id, SKETCH)
    pictured = None
    with suppress(IndexError, ValueError):  # none is kept, or one of a later version
        pictured = Pictured.of(looks, Sketch.from_bytes(kept[0].value))
    return Likeness(
        finding=resolved(
            finding,
            Presence.PRESENT,
            {"matches": [_listed(each) for each in matches[:_MATCHES]]},
            p_value=matches[0].p_value,
        ),
        warning=_KNOWN,
        pictured=pictured,
    )


_MATCHES: Final = 10
_PRESENCES: Final = {
    Verdict.MATCH: Presence.PRESENT,
    Verdict.MISMATCH: Presence.ABSENT,
    Verdict.UNDECIDED: Presence.INCONCLUSIVE,
}


def _compare(
    looks: PictureLooks, receipt: Receipt, registry: RegistryReader
) -> tuple[Receipt, ContentMatch, Sketch] | None:
    """The best match among an output's frames; None where nothing is on record."""
    found: list[tuple[ContentMatch, Sketch]] = []
    for each in registry.fingerprints_of(receipt.receipt_id, SKETCH):
        with suppress(ValueError):  # of a later version
            sketch = Sketch.from_bytes(each.value)
            found.append((compare(sketch, looks.view), sketch))
    if not found:
        return None
    best, sketch = min(found, key=lambda pair: pair[0].p_value)
    if best.verdict is not Verdict.MATCH and _looks_whole(looks, receipt, registry):
        # The whole of it is the whole of the output, by another measure.
        best = replace(best, verdict=Verdict.MATCH)
    elif best.verdict is Verdict.MISMATCH and len(found) > 1:
        # Of an animation not every frame is on record.
        best = replace(best, verdict=Verdict.UNDECIDED)
    return receipt, best, sketch


def _sketch_in(soft_bindings: object) -> Sketch | None:
    """The first sketch that a manifest names."""
    for each in soft_bindings if isinstance(soft_bindings, list) else ():
        if isinstance(each, Mapping) and each.get("algorithm") == SKETCH:
            with suppress(TypeError, ValueError):
                return Sketch.from_bytes(base64.b64decode(each.get("value", ""), validate=True))
    return None


def _looks_whole(looks: PictureLooks, receipt: Receipt, registry: RegistryReader) -> bool:
    if looks.hashes is None:
        return False
    for each in registry.fingerprints_of(receipt.receipt_id, PDQ):
        with suppress(ValueError):
            distances = [
                sum(int(part).bit_count() for part in row)
                for row in looks.hashes ^ to_words([each.value])
            ]
            if min(distances) <= PDQ_DISTANCE:
                return True
    return False


def _outline(match: ContentMatch) -> Mapping[str, object]:
    return {
        "correlation": round(match.correlation, 3),
        "place": [round(side, 3) for side in match.box],
        "mismatch_p_value": match.mismatch_p_value,
    }


def outline_of(receipt: Receipt) -> Mapping[str, object]:
    """What a report shows of an output that content is like."""
    return {
        "receipt_id": receipt.receipt_id,
        "created_at": receipt.created_at.isoformat(),
        "media_type": receipt.media_type,
        "source_type": receipt.source_type.value,
        "manifest_id": receipt.manifest_id,
    }


def _listed(alike: LooksAlike) -> Mapping[str, object]:
    return {**outline_of(alike.receipt), "distance": alike.distance}


def is_of_picture(finding: Finding) -> bool:
    """Whether `detectors.looks.take_picture` made it, and it is not resolved yet."""
    return finding.technique is Technique.FINGERPRINT and "view" in finding.detail


def resolved(
    finding: Finding,
    presence: Presence,
    detail: Mapping[str, object],
    *,
    p_value: float | None = None,
) -> Finding:
    """The finding without what was only taken to be compared."""
    track = finding.detail.get("track")
    told = detail if track is None else {"track": track, **detail}
    return replace(
        finding,
        technique=Technique.FINGERPRINT,
        presence=presence,
        p_value=p_value,
        detail=told,
    )
