"""The gap report: every measure of the Code, what Labeler does for it, and what is still to do."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from labeler.errors import PolicyError
from labeler.policy import Assessment, Facts, GapStatus, Status, assess
from labeler.policy.facts import CodeSection, Role
from labeler.policy.measures import Measure, measures_of

__all__ = ["DISCLAIMER", "SCHEMA", "GapDocument", "Item", "Standing", "make_document"]

SCHEMA: Final = 1
"""Version of the report's JSON."""

DISCLAIMER: Final = (
    "This report is an aid to your own work. It is no claim of conformity and no legal advice. "
    "Holding to the Code is no conclusive evidence of compliance with the AI Act. What the report "
    "says of your organisation rests on the facts that it was given, unchecked."
)

_STRICTEST: Final = (
    Status.PROHIBITED,
    Status.REQUIRED,
    Status.LIMITED_FORM,
    Status.NEEDS_JUDGEMENT,
    Status.DEFERRED,
    Status.EXEMPT,
    Status.NOT_REQUIRED,
    Status.OUT_OF_SCOPE,
)


class Standing(StrEnum):
    """Where one measure stands."""

    MET = "met"
    """What the facts say is there answers it."""
    NOT_MET = "not-met"
    """It is due, and the facts do not say that it is there."""
    TO_SHOW = "to-show"
    """It is due, and no fact can show whether it is done: the organisation keeps the evidence."""
    LATER = "later"
    """It will be due, from a day that is still to come."""
    UNDECIDED = "undecided"
    """A fact that decides is not known."""
    NOT_DUE = "not-due"
    """It does not matter for these facts."""
    VOLUNTARY = "voluntary"
    """Nobody has to do it."""
    NOT_ASSESSED = "not-assessed"
    """No facts were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One measure, and where it stands."""

    measure: Measure
    """The measure."""
    standing: Standing
    """Where it stands."""
    reasons: tuple[str, ...]
    """Why, in sentences; of the assessment, whose ids they begin with."""
    due_from: date | None = None
    """With LATER: the day from which it is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDocument:
    """The gap report of an organisation."""

    organisation: str | None
    """Whose report it is."""
    as_of: date | None
    """The day that the assessment goes by; None: no facts were given."""
    assessment: Assessment | None
    """What the facts lead to; None: no facts were given."""
    signed: frozenset[CodeSection] | None
    """Sections of the Code that the organisation has signed; None: not known."""
    items: tuple[Item, ...]
    """Every measure of the sections asked for, in the Code's order."""

    def count(self, standing: Standing) -> int:
        """How many measures stand so."""
        return sum(item.standing is standing for item in self.items)

    @property
    def sections(self) -> tuple[CodeSection, ...]:
        """The sections that the report covers."""
        return tuple(sorted({item.measure.section for item in self.items}))

    def binds(self, section: CodeSection) -> bool | None:
        """Whether the organisation has signed the section; None: not known."""
        return None if self.signed is None else section in self.signed

    def to_json(self) -> str:
        """The report as JSON, indented, with a line's end at its end."""
        assessment = self.assessment
        members = {
            "schema": SCHEMA,
            "disclaimer": DISCLAIMER,
            "organisation": self.organisation,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "sections": [
                {"section": int(each), "signed": self.binds(each)} for each in self.sections
            ],
            "counts": {standing.value: self.count(standing) for standing in Standing},
            "measures": [_members(item) for item in self.items],
            "assessment": None if assessment is None else json.loads(assessment.to_json()),
        }
        return json.dumps(members, ensure_ascii=False, indent=1) + "\n"

    def to_html(self) -> str:
        """The report as one HTML page that needs nothing else: no scripts, no network."""
        from labeler.gaps.page import render  # noqa: PLC0415 - it shows what this module defines

        return render(self)


def make_document(
    facts: Facts | None,
    *,
    sections: Collection[CodeSection] = tuple(CodeSection),
    organisation: str | None = None,
) -> GapDocument:
    """The gap report for these facts, or, without facts, of what there is to do at all.

    Args:
        facts: What is known; None for a report that judges nothing.
        sections: Sections of the Code to report on.
        organisation: The name that the report bears.

    Raises:
        PolicyError: ``sections`` is empty.
    """
    measures = measures_of(sections)
    if not measures:
        raise PolicyError("a gap report needs a section", hint="Ask for section 1, 2 or both")
    assessment = None if facts is None else assess(facts)
    return GapDocument(
        organisation=organisation,
        as_of=None if facts is None else facts.assessment_date,
        assessment=assessment,
        signed=None if facts is None else facts.actor.code_sections_signed,
        items=tuple(_judge(measure, facts, assessment) for measure in measures),
    )


def _judge(measure: Measure, facts: Facts | None, assessment: Assessment | None) -> Item:
    if facts is None or assessment is None:
        unjudged = Standing.NOT_ASSESSED if measure.force.binds else Standing.VOLUNTARY
        return Item(measure=measure, standing=unjudged, reasons=())
    if not measure.force.binds:
        return Item(measure=measure, standing=Standing.VOLUNTARY, reasons=())
    if not measure.obligations:
        return _judge_organisation(measure, facts, assessment)
    if facts.modalities and not facts.modalities & measure.modalities:
        names = " or ".join(sorted(each.value for each in measure.modalities))
        reason = f"It speaks of {names}, and the output is another kind of content."
        return Item(measure=measure, standing=Standing.NOT_DUE, reasons=(reason,))
    item = _judge_output(measure, assessment)
    if measure.condition is None or item.standing is Standing.NOT_DUE:
        return item
    return _judge_condition(item, measure.condition, facts)


def _judge_output(measure: Measure, assessment: Assessment) -> Item:
    deciding = tuple(assessment.obligation(each) for each in measure.obligations)
    strictest = min(deciding, key=lambda each: _STRICTEST.index(each.status))
    reasons = tuple(f"{each.id}: {each.explanation}" for each in deciding)
    standing = _standing(measure, strictest.status)
    answers = tuple(gap for gap in assessment.gaps if gap.id in measure.gaps)
    if standing is Standing.TO_SHOW and answers:
        reasons = tuple(f"{gap.id}: {gap.explanation}" for gap in answers)
        if any(gap.status is GapStatus.NOT_MET for gap in answers):
            standing = Standing.NOT_MET
        elif measure.gaps_suffice:
            standing = Standing.MET
    return Item(
        measure=measure,
        standing=standing,
        reasons=reasons,
        due_from=strictest.deferred_until if standing is Standing.LATER else None,
    )


def _standing(measure: Measure, status: Status) -> Standing:
    if status not in measure.applies_when:
        return Standing.NOT_DUE
    if status is Status.NEEDS_JUDGEMENT:
        return Standing.UNDECIDED
    return Standing.LATER if status is Status.DEFERRED else Standing.TO_SHOW


def _judge_condition(item: Item, key: str, facts: Facts) -> Item:
    """``item``, unless a fact without which its measure does not matter is false or not known."""
    table, _, name = key.partition(".")
    holds = getattr(getattr(facts, table), name)
    if holds:
        return item
    standing = Standing.UNDECIDED if holds is None else Standing.NOT_DUE
    known = "not known" if holds is None else "false"
    return replace(item, standing=standing, reasons=(f"It rests on {key}, which is {known}.",))


_ROLES: Final = {CodeSection.PROVIDERS: Role.PROVIDER, CodeSection.DEPLOYERS: Role.DEPLOYER}
_GATES: Final = {
    CodeSection.PROVIDERS: "eu-50-2-mark",
    CodeSection.DEPLOYERS: "eu-50-4-deepfake",
}


def _judge_organisation(measure: Measure, facts: Facts, assessment: Assessment) -> Item:
    """A measure for the whole organisation: that one output is exempt does not relieve it."""
    role, roles = _ROLES[measure.section], facts.actor.roles
    standing = Standing.NOT_DUE
    if assessment.obligation(_GATES[measure.section]).status is Status.OUT_OF_SCOPE:
        reason = "The AI Act does not reach what the facts describe."
    elif roles is None:
        standing, reason = Standing.UNDECIDED, "It rests on actor.roles, which is not known."
    elif role not in roles:
        reason = f"It is for a {role.value}."
    else:
        standing, reason = Standing.TO_SHOW, "It concerns the organisation, not one output."
    return Item(measure=measure, standing=standing, reasons=(reason,))


def _members(item: Item) -> dict[str, object]:
    measure = item.measure
    return {
        "id": measure.id,
        "section": int(measure.section),
        "force": measure.force.value,
        "title": measure.title,
        "asks": measure.asks,
        "labeler": {"help": measure.help.value, "does": measure.labeler},
        "organisation": measure.organisation,
        "evidence": list(measure.evidence),
        "standing": item.standing.value,
        "due_from": None if item.due_from is None else item.due_from.isoformat(),
        "reasons": list(item.reasons),
    }
