"""What a rule is, and how facts decide about it.

A rule is written the way its article is: whom it binds and when (triggers), what relieves of it
(reliefs, in the order in which they are tried), since when it applies. The same few lines decide
about every rule, in this order: out of scope, a trigger that is not met, a relief that is known to
hold, a trigger that is not known, and what is left is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from labeler.policy.assessment import Basis, LegalLayer, Obligation, Status
from labeler.policy.conditions import NEVER, Condition
from labeler.policy.facts import Facts

__all__ = ["Deadline", "Relief", "Rule", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """What takes the duty away, or makes it lighter, where it is known to hold."""

    when: Condition
    status: Status
    basis: Basis
    says: str
    """Why, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a duty becomes due for one set of facts."""

    due: date
    """The first day on which it is."""
    basis: Basis | None = None
    """What moved that day, where something did."""
    missing: tuple[str, ...] = ()
    """Facts on which it depends whether the duty is due before: the sources diverge."""
    is_disputed: bool = False
    """Whether it cannot be said, on the day of the assessment, that the duty is due."""
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One obligation, as data."""

    id: str
    duty: str
    """What is to be done, as an infinitive: ``"disclose the deep fake"``."""
    addressee: str
    layer: LegalLayer
    basis: tuple[Basis, ...]
    applies_from: date
    trigger: Condition
    says: str
    """When the duty is there, as a clause after "because"."""
    untriggered: str
    """Why it is not, where a trigger is known not to be met; a sentence."""
    reliefs: tuple[Relief, ...] = ()
    out_of_scope: Condition = NEVER
    """What takes everything out of the law it belongs to."""
    status: Status = Status.REQUIRED
    deadline: Callable[[Facts], Deadline] | None = None
    """Gives another first day for some facts; None: always `applies_from`."""


def decide(rule: Rule, facts: Facts) -> Obligation:
    """What the facts make of one rule; its marks and labels are still empty."""
    if rule.out_of_scope.holds(facts):
        return _settled(rule, Status.OUT_OF_SCOPE, "Outside the reach of the law it belongs to.")
    triggered = rule.trigger.holds(facts)
    if triggered is False:
        return _settled(rule, Status.NOT_REQUIRED, rule.untriggered)
    relief = next((each for each in rule.reliefs if each.when.holds(facts)), None)
    if relief is not None:
        return _relieved(rule, relief, facts)
    deadline = _deadline(rule, facts)
    if triggered is None:
        missing = (*rule.trigger.unknown(facts), *deadline.missing)
        return _undecided(rule, missing, "It is not known whether the duty is there")
    if deadline.is_disputed:
        return _undecided(rule, deadline.missing, deadline.says)
    return _due(rule, rule.status, deadline, facts)


def _deadline(rule: Rule, facts: Facts) -> Deadline:
    return Deadline(due=rule.applies_from) if rule.deadline is None else rule.deadline(facts)


def _settled(rule: Rule, status: Status, says: str) -> Obligation:
    return _obligation(rule, status, says)


def _relieved(rule: Rule, relief: Relief, facts: Facts) -> Obligation:
    if relief.status.is_due:
        return _due(rule, relief.status, _deadline(rule, facts), facts, relief)
    return _obligation(rule, relief.status, relief.says, basis=(*rule.basis, relief.basis))


def _undecided(rule: Rule, missing: tuple[str, ...], says: str) -> Obligation:
    keys = tuple(dict.fromkeys(missing))
    told = f"{says}; it depends on {', '.join(keys)}." if keys else f"{says}."
    return _obligation(rule, Status.NEEDS_JUDGEMENT, told, missing=keys)


def _due(
    rule: Rule, status: Status, deadline: Deadline, facts: Facts, relief: Relief | None = None
) -> Obligation:
    reason = f"Due, because {rule.says}." if relief is None else relief.says
    parts = [reason, deadline.says, _what_would_relieve(rule, facts, relief)]
    basis = (*rule.basis, *_given(None if relief is None else relief.basis, deadline.basis))
    if facts.assessment_date < deadline.due:
        parts.insert(0, f"Due from {deadline.due.isoformat()}.")
        return _obligation(
            rule, Status.DEFERRED, _joined(parts), basis=basis, due=deadline.due, deferred=True
        )
    return _obligation(rule, status, _joined(parts), basis=basis, due=deadline.due)


def _what_would_relieve(rule: Rule, facts: Facts, chosen: Relief | None) -> str:
    """Which unknown facts would change the answer."""
    if chosen is not None:
        return ""
    keys = (
        key
        for relief in rule.reliefs
        if relief.when.holds(facts) is None
        for key in relief.when.unknown(facts)
    )
    missing = list(dict.fromkeys(keys))
    return f"Not known, and able to change the answer: {', '.join(missing)}." if missing else ""


def _given(*bases: Basis | None) -> tuple[Basis, ...]:
    return tuple(basis for basis in bases if basis is not None)


def _joined(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)


def _obligation(
    rule: Rule,
    status: Status,
    says: str,
    *,
    basis: tuple[Basis, ...] | None = None,
    due: date | None = None,
    deferred: bool = False,
    missing: tuple[str, ...] = (),
) -> Obligation:
    return Obligation(
        id=rule.id,
        status=status,
        addressee=rule.addressee,
        basis=rule.basis if basis is None else tuple(dict.fromkeys(basis)),
        layer=rule.layer,
        applies_from=rule.applies_from if due is None else due,
        deferred_until=due if deferred else None,
        missing_facts=missing,
        explanation=f"To {rule.duty}. {says}",
    )
