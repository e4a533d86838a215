"""What an assessment answers: obligations with their legal basis, gaps and warnings.

As JSON (`Assessment.to_json`)::

    {"assessment_date", "obligations": [{"id", "status", "addressee", "basis": [{"ref", "grade"}],
     "layer", "applies_from", "deferred_until", "marks", "labels", "missing_facts",
     "explanation"}], "gaps": [{"id", "status", "explanation"}], "warnings": [...]}
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

__all__ = ["Assessment", "Basis", "Gap", "GapStatus", "Grade", "LegalLayer", "Obligation", "Status"]


class Grade(StrEnum):
    """How well a rule's source is known."""

    PRIMARY = "P"
    """Taken from the primary text."""
    QUOTED = "Q"
    """A verbatim quotation of it, found in more than one place."""
    SECONDARY = "S"
    """A secondary summary."""
    BACKGROUND = "B"
    """General background."""
    INFERENCE = "I"
    """An inference: a choice of this toolkit, and not law."""
    UNCONFIRMED = "U"
    """Not confirmed."""


class LegalLayer(StrEnum):
    """What kind of rule asks: statutes bind, the others interpret them or are signed up to."""

    STATUTE = "statute"
    GUIDELINES = "guidelines"
    CODE = "code"


class Status(StrEnum):
    """What becomes of an obligation."""

    REQUIRED = "REQUIRED"
    LIMITED_FORM = "LIMITED_FORM"
    """Due, in a manner that does not hamper the work (Art. 50(4))."""
    EXEMPT = "EXEMPT"
    """An exception that the law words as one holds."""
    NOT_REQUIRED = "NOT_REQUIRED"
    DEFERRED = "DEFERRED"
    NEEDS_JUDGEMENT = "NEEDS_JUDGEMENT"
    """A fact that decides is not known."""
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    PROHIBITED = "PROHIBITED"

    @property
    def is_due(self) -> bool:
        """Whether something has to be done now."""
        return self in {Status.REQUIRED, Status.LIMITED_FORM}


class GapStatus(StrEnum):
    """Whether what is due is there."""

    MET = "MET"
    NOT_MET = "NOT_MET"


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a rule comes from."""

    ref: str
    """The provision: ``"Art. 50(2) AI Act"``."""
    grade: Grade
    """How well its text is known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """One obligation and what the facts make of it."""

    id: str
    status: Status
    addressee: str
    """Whose it is: ``"provider"``."""
    basis: tuple[Basis, ...]
    """The rule first, then what decided."""
    layer: LegalLayer
    applies_from: date
    """From when it binds, in this case."""
    deferred_until: date | None = None
    """With DEFERRED: the day from which it is due."""
    marks: tuple[str, ...] = ()
    """Marks that carry it out: see `labeler.policy.measures_due`."""
    labels: tuple[str, ...] = ()
    """Labels that carry it out."""
    missing_facts: tuple[str, ...] = ()
    """Keys of facts that would decide."""
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What is due, held against what is there."""

    id: str
    """Of the obligation."""
    status: GapStatus
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The answer to a set of facts. It is no legal advice: each obligation names its basis."""

    assessment_date: date
    obligations: tuple[Obligation, ...]
    """All that are known, in a fixed order, whatever their status."""
    gaps: tuple[Gap, ...]
    warnings: tuple[str, ...]

    @property
    def decision_id(self) -> str:
        """Names this answer: the first 32 hexadecimal digits of the SHA-256 of its JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:32]

    @property
    def prohibited(self) -> tuple[Obligation, ...]:
        """What forbids the output."""
        return tuple(each for each in self.obligations if each.status is Status.PROHIBITED)

    def obligation(self, obligation_id: str) -> Obligation:
        """The obligation of that id.

        Raises:
            KeyError: There is none.
        """
        for each in self.obligations:
            if each.id == obligation_id:
                return each
        raise KeyError(obligation_id)

    def to_json(self) -> str:
        """The answer as one line of JSON, in the form that the module describes."""
        members = {
            "assessment_date": self.assessment_date.isoformat(),
            "obligations": [_members(each) for each in self.obligations],
            "gaps": [
                {"id": gap.id, "status": gap.status.value, "explanation": gap.explanation}
                for gap in self.gaps
            ],
            "warnings": list(self.warnings),
        }
        return json.dumps(members, ensure_ascii=False)


def _members(obligation: Obligation) -> dict[str, object]:
    until = obligation.deferred_until
    return {
        "id": obligation.id,
        "status": obligation.status.value,
        "addressee": obligation.addressee,
        "basis": [{"ref": basis.ref, "grade": basis.grade.value} for basis in obligation.basis],
        "layer": obligation.layer.value,
        "applies_from": obligation.applies_from.isoformat(),
        "deferred_until": None if until is None else until.isoformat(),
        "marks": list(obligation.marks),
        "labels": list(obligation.labels),
        "missing_facts": list(obligation.missing_facts),
        "explanation": obligation.explanation,
    }
