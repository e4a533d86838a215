"""An assessment in words, for people."""

from __future__ import annotations

from labeler.policy.assessment import Assessment, Obligation, Status

__all__ = ["explain"]

_ORDER = (
    Status.PROHIBITED,
    Status.REQUIRED,
    Status.LIMITED_FORM,
    Status.NEEDS_JUDGEMENT,
    Status.DEFERRED,
    Status.EXEMPT,
    Status.NOT_REQUIRED,
    Status.OUT_OF_SCOPE,
)
_HEADINGS = {
    Status.PROHIBITED: "Prohibited",
    Status.REQUIRED: "Required",
    Status.LIMITED_FORM: "Required in a limited form",
    Status.NEEDS_JUDGEMENT: "Undecided, because facts are missing",
    Status.DEFERRED: "Not yet due",
    Status.EXEMPT: "Exempt",
    Status.NOT_REQUIRED: "Not required",
    Status.OUT_OF_SCOPE: "Out of scope",
}


def explain(assessment: Assessment) -> str:
    """The assessment as text, what is due first, each obligation with its basis.

    Grades behind a basis: P primary text, Q quoted, S summary, B background, I inference, U
    unconfirmed.
    """
    lines = [f"As of {assessment.assessment_date.isoformat()}. This is no legal advice."]
    for status in _ORDER:
        found = [each for each in assessment.obligations if each.status is status]
        if found:
            lines += ["", f"{_HEADINGS[status]}:"]
            lines += [line for each in found for line in _lines(each)]
    if assessment.gaps:
        lines += ["", "What is there, against what is due:"]
        lines += [f"  {gap.id}: {gap.status.value}. {gap.explanation}" for gap in assessment.gaps]
    if assessment.warnings:
        lines += ["", "Warnings:", *(f"  {warning}" for warning in assessment.warnings)]
    return "\n".join(lines)


def _lines(obligation: Obligation) -> list[str]:
    basis = "; ".join(f"{each.ref} [{each.grade.value}]" for each in obligation.basis)
    lines = [
        f"  {obligation.id} ({obligation.addressee})",
        f"    {obligation.explanation}",
        f"    Basis: {basis}.",
    ]
    done_by = (*obligation.marks, *obligation.labels)
    return [*lines, f"    Carried out by: {', '.join(done_by)}."] if done_by else lines
