"""Which output on record a film looks like: moments in common, in the same order and pace.

The caller's side of `detectors.looks` for films. One moment in common may be stock footage or a
title; several at the same distances in time are the same film, or cut from it. A film that was
cropped, or has another frame around it, is not recognised by its moments, so that no film is ever
said to be another by them: a watermark in it is never taken for a copy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from detectors.known_looks import KnownLooks, LooksAlike
from detectors.likeness import Likeness, outline_of, resolved
from detectors.looks import FilmLooks, film_looks
from detectors.report import Finding, Presence, Technique
from labeler.receipt import Receipt
from labeler.registry import RegistryReader

__all__ = ["find_film", "is_of_film"]

_KNOWN: Final = (
    "The film shares {moments} moments with an output that the registry on this machine knows. "
    "That alone does not mean that it came from AI: an output may hold what it was made from."
)
_LEAST: Final = 3
"""Moments in common from which on a film is recognised."""
_WITHIN_MS: Final = 1500
"""How far the distances in time may differ: both films are sampled once a second."""
_MATCHES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What a film has in common with one output."""

    receipt: Receipt
    moments: int
    offset_ms: int
    """Where the film begins in the output."""
    log_chance: float
    """Natural logarithm of the p-value."""


def is_of_film(finding: Finding) -> bool:
    """Whether `detectors.looks.take_film` made it, and it is not resolved yet."""
    detail = finding.detail
    return finding.technique is Technique.FINGERPRINT and "moments" in detail


def find_film(finding: Finding, known: KnownLooks, registry: RegistryReader) -> Likeness:
    """Which output on record a film looks like.

    Args:
        finding: What `detectors.looks.take_film` found.
        known: The index of the registry's pictures and moments.
        registry: Where the outputs are known.

    Raises:
        RegistryError: The registry cannot be read.
    """
    looks = film_looks(finding.detail)
    if looks is None:
        return Likeness(finding=resolved(finding, Presence.INCONCLUSIVE, {}))
    shared = sorted(_shared(known.find(looks.hashes, registry), looks), key=_chance)
    if not shared:
        return Likeness(finding=resolved(finding, Presence.ABSENT, {"matches": []}))
    best = shared[0]
    return Likeness(
        finding=resolved(
            finding,
            Presence.PRESENT,
            {"matches": [_listed(each, looks) for each in shared[:_MATCHES]]},
            p_value=max(1e-300, math.exp(max(-690.0, best.log_chance))),
        ),
        warning=_KNOWN.format(moments=best.moments),
    )


def _chance(shared: _Shared) -> float:
    return shared.log_chance


def _shared(alike: Iterable[LooksAlike], looks: FilmLooks) -> Iterable[_Shared]:
    """Each output with enough moments in common at one offset."""
    by_output: dict[str, list[LooksAlike]] = defaultdict(list)
    for each in alike:
        by_output[each.receipt.receipt_id].append(each)
    for found in by_output.values():
        offsets = [each.offset_ms - int(looks.offsets_ms[each.query]) for each in found]
        best = max(
            (
                {
                    each.query: each
                    for each, offset in zip(found, offsets, strict=True)
                    if abs(offset - middle) <= _WITHIN_MS
                }
                for middle in offsets
            ),
            key=len,
        )
        if len(best) >= min(_LEAST, len(looks.hashes)):
            matched = list(best.values())
            # The moments of one film depend on each other: only the likeliest counts.
            chance = max(each.p_value for each in matched)
            first = matched[0]
            yield _Shared(
                receipt=first.receipt,
                moments=len(matched),
                offset_ms=first.offset_ms - int(looks.offsets_ms[first.query]),
                log_chance=math.log(max(chance, 1e-300)),
            )


def _listed(shared: _Shared, looks: FilmLooks) -> Mapping[str, object]:
    return {
        **outline_of(shared.receipt),
        "moments": shared.moments,
        "of": len(looks.hashes),
        "offset_s": round(shared.offset_ms / 1000, 3),
    }
