"""From facts to an assessment: every rule in turn, what follows from them, gaps and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from labeler.policy.assessment import (
    Assessment,
    Basis,
    Grade,
    LegalLayer,
    Obligation,
    Status,
)
from labeler.policy.carrying_out import labels_for, marks_for
from labeler.policy.code_of_practice import code_obligations
from labeler.policy.elsewhere import OTHER_RULES
from labeler.policy.facts import Facts, Role, Size
from labeler.policy.gaps import MANNER, MANNER_SOURCES, find_gaps
from labeler.policy.reading import parse_facts
from labeler.policy.rule import decide
from labeler.policy.source_types import declaration_warnings
from labeler.policy.triggers import APPLICATION
from labeler.policy.union import EU_RULES

__all__ = ["assess"]

_LAYERS: Final = frozenset({"code-1-1-signed-metadata", "code-1-1-watermark"})
_FINES: Final = {
    Size.LARGE: "up to EUR 15 million or 3 % of worldwide annual turnover, whichever is higher",
    Size.SMC: "up to EUR 15 million or 3 % of worldwide annual turnover, whichever is lower",
    Size.SME: "up to EUR 15 million or 3 % of worldwide annual turnover, whichever is lower",
}
"""Art. 99(4)(g), (6) and (6a)."""


def assess(facts: Mapping[str, Any] | Facts) -> Assessment:
    """What the law asks, given ``facts``.

    It reads no clock, no file and no content: the same facts have the same answer.

    Args:
        facts: Parsed facts, or nested mappings with the keys of a facts file.

    Raises:
        PolicyError: A key or value is misspelt, or facts contradict each other.
    """
    known = facts if isinstance(facts, Facts) else parse_facts(facts)
    union = {rule.id: decide(rule, known) for rule in EU_RULES}
    manner = _manner(union)
    code = code_obligations(union["eu-50-2-mark"], known)
    others = (decide(rule, known) for rule in OTHER_RULES)
    every = {each.id: each for each in (*union.values(), manner, *code, *others)}
    gaps = find_gaps(every, known)
    return Assessment(
        assessment_date=known.assessment_date,
        obligations=_equipped(every, known),
        gaps=gaps,
        warnings=_warnings(every, known),
    )


def _manner(union: Mapping[str, Obligation]) -> Obligation:
    """Art. 50(5), which follows the duties whose manner it is about."""
    sources = [union[each] for each in MANNER_SOURCES]
    status = next(
        (
            result
            for result, found in (
                (Status.OUT_OF_SCOPE, {Status.OUT_OF_SCOPE}),
                (Status.REQUIRED, {Status.REQUIRED, Status.LIMITED_FORM}),
                (Status.NEEDS_JUDGEMENT, {Status.NEEDS_JUDGEMENT}),
                (Status.DEFERRED, {Status.DEFERRED}),
            )
            if any(each.status in found for each in sources)
        ),
        Status.NOT_REQUIRED,
    )
    deciding = [each for each in sources if _follows(each.status, status)]
    named = " and ".join(each.id for each in deciding)
    missing = tuple(dict.fromkeys(key for each in deciding for key in each.missing_facts))
    return Obligation(
        id=MANNER,
        status=status,
        addressee=", ".join(dict.fromkeys(each.addressee for each in deciding)) or "as its source",
        basis=(
            Basis("Art. 50(5) AI Act", Grade.PRIMARY),
            Basis("Guidelines 142-144", Grade.SECONDARY),
        ),
        layer=LegalLayer.STATUTE,
        applies_from=APPLICATION,
        deferred_until=APPLICATION if status is Status.DEFERRED else None,
        missing_facts=missing if status is Status.NEEDS_JUDGEMENT else (),
        explanation="To inform in a clear and distinguishable manner, at the latest at first "
        "interaction or exposure, accessibly. "
        + (f"Follows {named}." if named else "No duty that it is about is there."),
    )


def _follows(source: Status, status: Status) -> bool:
    if status is Status.REQUIRED:
        return source.is_due
    return source is status and status in {Status.NEEDS_JUDGEMENT, Status.DEFERRED}


def _equipped(every: Mapping[str, Obligation], facts: Facts) -> tuple[Obligation, ...]:
    """The obligations with what carries them out, and what breaking them may cost."""
    if any(each.status is Status.PROHIBITED for each in every.values()):
        # No mark or label cures a prohibition.
        return tuple(every.values())
    layers = frozenset(each for each in _LAYERS if every[each].status.is_due)
    return tuple(
        replace(
            each,
            marks=marks_for(each, facts, layers),
            labels=labels_for(each, facts),
            explanation=each.explanation + _fine(each, facts),
        )
        for each in every.values()
    )


def _fine(obligation: Obligation, facts: Facts) -> str:
    size = facts.actor.size
    if size is None or not obligation.status.is_due or not obligation.id.startswith("eu-50"):
        return ""
    return f" A breach may be fined with {_FINES[size]} (Art. 99)."


def _warnings(every: Mapping[str, Obligation], facts: Facts) -> tuple[str, ...]:
    ban, text = every["eu-5-1-prohibited"], every["eu-50-4-text"]
    content = facts.prohibited_content
    warnings = list(declaration_warnings(facts))
    if ban.status is Status.DEFERRED:
        warnings.append(
            "The ban of Art. 5(1)(ba), (bb) applies from 2 December 2026; other law, criminal law "
            "above all, forbids such content already."
        )
    asked = (content.intimate_without_consent, content.csam)
    if ban.status is Status.NOT_REQUIRED and None in asked:
        warnings.append(
            "It was not asked whether the content is an intimate deep fake without consent or "
            "child sexual abuse material (prohibited_content); nothing was asserted."
        )
    is_reviewed = text.status is Status.EXEMPT and facts.law_enforcement.authorised is not True
    if is_reviewed and facts.review.contact_public is not True:
        warnings.append(
            "review.contact_public: identity and contact of who holds editorial responsibility "
            "should be easy to find (Guidelines 137, Code S2 C4)."
        )
    if facts.actor.roles == frozenset({Role.PLATFORM}):
        warnings.append(
            "Article 50 binds providers and deployers, no mere platform; to keep marks and labels "
            "on what passes through is recommended (Guidelines 16)."
        )
    return tuple(warnings)
