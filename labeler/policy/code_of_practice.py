"""What the Code of Practice asks of providers (Section 1), following the duty to mark.

Adherence is voluntary: it binds signatories, and is a gap analysis for others (Guidelines). Numbers
are those of the final Code of 10 June 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from labeler.policy.assessment import Basis, Grade, LegalLayer, Obligation, Status
from labeler.policy.facts import (
    CodeSection,
    Facts,
    Modality,
    SyntheticTrack,
    TextForm,
    Tri,
)

__all__ = ["VERY_SHORT_TEXT", "code_obligations", "synthetic_tracks"]

VERY_SHORT_TEXT: Final = 200
"""Text with fewer tokens is "very short" (Code, glossary)."""
_INTEROPERABILITY: Final = date(2027, 2, 2)
_MARKING: Final = "eu-50-2-mark"


def code_obligations(marking: Obligation, facts: Facts) -> tuple[Obligation, ...]:
    """The Code's measures, given what became of ``eu-50-2-mark``."""
    metadata, watermark = _layers(facts)
    return (
        _narrowed(
            _measure(marking, facts, "code-1-1-signed-metadata", "S1 1.1.1",
                     "record in signed metadata that the output is from AI"),
            metadata, ("output.text_form",),
            "Free-form text has no room for metadata.",
        ),
        _narrowed(
            _measure(marking, facts, "code-1-1-watermark", "S1 1.1.2",
                     "mark the output with an imperceptible watermark"),
            watermark, _watermark_facts(facts),
            "Very short text (fewer than 200 tokens), or a closed product without export, goes "
            "without a watermark.",
        ),
        _measure(marking, facts, "code-1-2-preserve", "S1 1.2",
                 "keep the marks that are found on inputs"),
        _measure(marking, facts, "code-2-1-detector", "S1 2.1",
                 "offer a free detector for each marking technique"),
        _interoperability(marking, facts),
    )  # fmt: skip


def synthetic_tracks(facts: Facts) -> frozenset[SyntheticTrack]:
    """What of a video is synthetic: pictures and sound where nothing is known."""
    both = frozenset({SyntheticTrack.VISUAL, SyntheticTrack.AUDIO})
    return facts.subject.synthetic_tracks or both


def _measure(
    marking: Obligation, facts: Facts, obligation_id: str, measure: str, duty: str
) -> Obligation:
    basis = (Basis(f"Code of Practice {measure}", Grade.PRIMARY), *marking.basis)
    return replace(
        marking,
        id=obligation_id,
        layer=LegalLayer.CODE,
        basis=basis,
        explanation=f"To {duty}. {_binding(facts)} As for {_MARKING}: {_reason(marking)}",
    )


def _reason(marking: Obligation) -> str:
    return marking.explanation.partition(". ")[2]


def _binding(facts: Facts) -> str:
    signed = facts.actor.code_sections_signed
    if signed is None:
        return "Binding on signatories of Section 1, a gap analysis for others."
    if CodeSection.PROVIDERS in signed:
        return "Binding: Section 1 was signed."
    return "Not binding, but a gap analysis: Section 1 was not signed."


def _narrowed(
    measure: Obligation, asked: Tri, missing: tuple[str, ...], why_not: str
) -> Obligation:
    """The measure for one layer: only some content has to carry it."""
    if measure.status not in {Status.REQUIRED, Status.DEFERRED} or asked:
        return measure
    if asked is None:
        return replace(
            measure,
            status=Status.NEEDS_JUDGEMENT,
            deferred_until=None,
            missing_facts=missing,
            explanation=f"{measure.explanation} Whether the layer is asked depends on "
            f"{', '.join(missing)}.",
        )
    return replace(
        measure,
        status=Status.NOT_REQUIRED,
        deferred_until=None,
        explanation=f"{measure.explanation} The layer is not asked: {why_not}",
    )


def _interoperability(marking: Obligation, facts: Facts) -> Obligation:
    measure = _measure(
        marking, facts, "code-3-4-interoperability", "S1 3.4(c)",
        "make watermark detection interoperable",
    )  # fmt: skip
    if marking.status not in {Status.REQUIRED, Status.DEFERRED}:
        return replace(measure, applies_from=_INTEROPERABILITY)
    is_due = facts.assessment_date >= _INTEROPERABILITY
    return replace(
        measure,
        status=Status.REQUIRED if is_due else Status.DEFERRED,
        applies_from=_INTEROPERABILITY,
        deferred_until=None if is_due else _INTEROPERABILITY,
        explanation=f"{measure.explanation} The measure is staged: from 2 February 2027.",
    )


def _layers(facts: Facts) -> tuple[Tri, Tri]:
    """Whether signed metadata and a watermark are asked: for any of the kinds of content."""
    layers = [_layers_of(each, facts) for each in _kinds(facts)]
    return _any(metadata for metadata, _ in layers), _any(watermark for _, watermark in layers)


def _kinds(facts: Facts) -> frozenset[Modality]:
    tracks = synthetic_tracks(facts)
    if facts.modalities == {Modality.VIDEO} and tracks == {SyntheticTrack.TEXT}:
        return frozenset({Modality.TEXT})
    return facts.modalities


def _any(values: Iterable[Tri]) -> Tri:
    found = list(values)
    if True in found:
        return True
    return None if None in found or not found else False


def _layers_of(modality: Modality, facts: Facts) -> tuple[Tri, Tri]:
    is_closed = facts.system.closed_physical_no_export is True
    if modality is not Modality.TEXT:
        return True, not is_closed
    form, tokens = facts.subject.text_form, facts.subject.tokens
    in_container = None if form is None else form is TextForm.CONTAINERISED
    is_long = None if tokens is None else tokens >= VERY_SHORT_TEXT
    if is_closed and in_container is not False:
        # Free-form text is marked as elsewhere: it has no room for the other layer.
        return in_container, False if in_container or is_long is False else None
    return in_container, is_long


def _watermark_facts(facts: Facts) -> tuple[str, ...]:
    keys = ["output.tokens"] if facts.subject.tokens is None else []
    if facts.system.closed_physical_no_export and facts.subject.text_form is None:
        keys.append("output.text_form")
    return tuple(keys)
