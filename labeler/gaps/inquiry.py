"""From answers to facts, one question at a time, and only those questions that still matter.

A question matters if two answers to it lead to different outcomes, whatever the answers to the
questions that decide together with it. So reliefs that hold only together are asked until one is
denied, and nobody is asked about the text of a picture.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any, Final

from labeler.errors import PolicyError
from labeler.gaps.question import Question, Value
from labeler.gaps.questions import QUESTIONS
from labeler.policy import Assessment, Facts, assess, parse_facts

__all__ = ["Answers"]

_KEYS: Final = tuple(question.key for question in QUESTIONS)
_MODALITIES: Final = ("audio", "image", "text", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered so far."""

    assessment_date: date
    """As of which day."""
    given: tuple[tuple[str, Value], ...] = ()
    """Key and answer, in the order in which they were asked; None: don't know."""

    def answer(self, question: Question, value: Value) -> Answers:
        """With one more answer; an earlier one to the same question is replaced.

        Raises:
            PolicyError: The answer cannot be one, or contradicts another.
        """
        kept = tuple(each for each in self.given if each[0] != question.key)
        answers = replace(self, given=(*kept, (question.key, value)))
        answers.facts()
        return answers

    def next_question(self) -> Question | None:
        """The next question that matters, in their order; None: there is none."""
        asked = {key for key, _ in self.given}
        last = _KEYS.index(self.given[-1][0]) + 1 if self.given else 0
        # What is prohibited stays so, whatever else holds, but for what the ban itself rests on.
        banned_by = QUESTIONS[last - 1].group if assess(self.facts()).prohibited else None
        decided: dict[str, frozenset[str]] = {}
        # Behind the last one first; then what only matters through later answers.
        for question in (*QUESTIONS[last:], *QUESTIONS[:last]):
            if question.key in asked or banned_by not in {None, question.group}:
                continue
            if question.group not in decided:
                decided[question.group] = self.deciding(question.group)
            if question.key in decided[question.group]:
                return question
        return None

    def deciding(self, group: str) -> frozenset[str]:
        """Keys of this group's open questions whose answers can change the outcome."""
        asked = {key for key, _ in self.given}
        members = [each for each in QUESTIONS if each.group == group and each.key not in asked]
        outcomes = self._outcomes(members)
        # Outcomes by the answers to all the others: two different ones, and this one decides.
        by_others: dict[tuple[str, tuple[Value, ...]], Hashable] = {}
        found: set[str] = set()
        for values, outcome in outcomes:
            for place, member in enumerate(members):
                others = (member.key, (*values[:place], *values[place + 1 :]))
                if by_others.setdefault(others, outcome) != outcome:
                    found.add(member.key)
        return frozenset(found)

    def facts(self) -> Facts:
        """The facts that the answers give.

        Raises:
            PolicyError: They contradict each other.
        """
        return parse_facts(_nested(self.assessment_date, dict(self.given)))

    def to_toml(self) -> str:
        """The facts as a TOML file."""
        lines: list[str] = []
        members = _nested(self.assessment_date, dict(self.given))
        tables = {name: table for name, table in members.items() if isinstance(table, dict)}
        lines += [f"{key} = {_toml(members[key])}" for key in members if key not in tables]
        for name, table in tables.items():
            lines += ["", f"[{name}]", *(f"{key} = {_toml(table[key])}" for key in table)]
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """The facts as a JSON file."""
        members = _nested(self.assessment_date, dict(self.given))
        return json.dumps(members, ensure_ascii=False, indent=1) + "\n"

    def _presumed(self) -> dict[str, Value]:
        """The answers, and what is taken for granted where there is none."""
        known: dict[str, Value] = {key: value for key, value in self.given if value is not None}
        for question in QUESTIONS:
            if question.presumed is not None:
                known.setdefault(question.key, question.presumed)
        if "output.modality" not in known:
            known["system.generates"] = _MODALITIES
        return known

    def _outcomes(
        self, members: Sequence[Question]
    ) -> Iterator[tuple[tuple[Value, ...], Hashable]]:
        """Answers to these questions, and what they lead to; but for contradictory ones."""
        known = self._presumed()
        in_words = any(each.in_words for each in members)
        for values in product(*(each.trials for each in members)):
            tried = dict(zip((each.key for each in members), values, strict=True))
            try:
                facts = parse_facts(_nested(self.assessment_date, known | tried))
            except PolicyError:
                continue
            yield values, _outcome(assess(facts), in_words=in_words)


def _outcome(assessment: Assessment, *, in_words: bool) -> Hashable:
    """What two answers have to differ in."""
    if in_words:
        return assessment.to_json()
    obligations = tuple(
        (each.id, each.status, each.deferred_until, each.marks, each.labels)
        for each in assessment.obligations
    )
    gaps = tuple((gap.id, gap.status) for gap in assessment.gaps)
    return obligations, gaps, assessment.warnings


def _nested(assessment_date: date, known: dict[str, Value]) -> dict[str, Any]:
    """Facts as the nested mappings that `parse_facts` takes; what is not known is left out."""
    members: dict[str, Any] = {"assessment_date": assessment_date.isoformat()}
    for key, value in known.items():
        if value is None:
            continue
        table, _, name = key.rpartition(".")
        place = members.setdefault(table, {}) if table else members
        place[name] = list(value) if isinstance(value, tuple) else value
    return members


def _toml(value: object) -> str:
    """A value as TOML; its strings are JSON's, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
