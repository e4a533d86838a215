"""What a detector said after an attack, and how such outcomes are counted."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from benchmarks.binomial import interval
from benchmarks.tables import markdown_table, percent, yes_or_no

__all__ = [
    "PRESENT_P_VALUE",
    "Outcome",
    "Tried",
    "attack_table",
    "counted",
    "evidence",
    "failures",
    "interval_text",
    "outcomes_of",
    "rate_target",
    "rates",
    "target",
]

PRESENT_P_VALUE: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the detector said after one attack."""

    attack: str
    exact: bool
    """The payload came back as it was."""
    wrong: bool
    """A payload came back, and it was another one."""
    p_value: float
    found: str
    """What else the search found, for looking into failures."""
    detect_cpu_s: float

    @property
    def present(self) -> bool:
        """Whether the mark counts as found."""
        return self.p_value <= PRESENT_P_VALUE


class Tried(Protocol):
    """Something that was marked once and went through attacks."""

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """One for each attack."""


def outcomes_of(tried: Iterable[Tried], attacks: Sequence[str] | None = None) -> list[Outcome]:
    """The outcomes of all, or of these attacks only."""
    return [
        outcome
        for each in tried
        for outcome in each.outcomes
        if attacks is None or outcome.attack in attacks
    ]


def rates(outcomes: Sequence[Outcome]) -> tuple[str, str, str]:
    """Exact as a count, exact in percent, present in percent."""
    exact = sum(outcome.exact for outcome in outcomes)
    present = sum(outcome.present for outcome in outcomes)
    count = len(outcomes)
    return f"{exact}/{count}", percent(exact, count), percent(present, count)


def counted(part: int, whole: int) -> str:
    """``part`` of ``whole``, in percent too."""
    return f"{part} of {whole} ({percent(part, whole)})"


def interval_text(part: int, whole: int) -> str:
    """The 95 % interval (Clopper and Pearson) of the rate behind ``part`` of ``whole``."""
    if not whole:
        return "-"
    low, high = interval(part, whole)
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def evidence(p_value: float) -> float:
    """-log10 of a p-value; one that underflowed counts as the smallest number there is."""
    return abs(math.log10(max(p_value, sys.float_info.min)))


def target(name: str, measured: str, wanted: str, *, met: bool) -> tuple[str, str, str, str]:
    """A row of a table of targets."""
    return name, measured, wanted, yes_or_no(met=met)


def rate_target(name: str, hits: Sequence[bool], wanted: float) -> list[tuple[str, ...]]:
    """A row like `target`'s for a rate that must reach ``wanted`` (0 to 1); none without hits.

    The second cell holds the interval of the rate.
    """
    if not hits:
        return []
    count, whole = sum(hits), len(hits)
    met = count >= wanted * whole
    row = target(name, counted(count, whole), f"≥ {100 * wanted:.0f} %", met=met)
    return [(row[0], row[1], interval_text(count, whole), *row[2:])]


def attack_table(tried: Sequence[Tried], groups: Mapping[str, Sequence[str]]) -> str:
    """What came back after each attack, in the order of the first one's outcomes."""
    rows = []
    for name in dict.fromkeys(outcome.attack for outcome in outcomes_of(tried)):
        outcomes = outcomes_of(tried, (name,))
        exact = sum(outcome.exact for outcome in outcomes)
        lg_p = statistics.median(evidence(outcome.p_value) for outcome in outcomes)
        cpu_ms = statistics.median(1000 * outcome.detect_cpu_s for outcome in outcomes)
        count, exact_percent, present_percent = rates(outcomes)
        span = interval_text(exact, len(outcomes))
        cells = (count, exact_percent, span, present_percent, f"{lg_p:.0f}", f"{cpu_ms:.0f}")
        within = [group for group, members in groups.items() if name in members]
        rows.append((name, *cells, ", ".join(within)))
    header = ("attack", "exact", "exact %", "95 %", "present %", "median -lg p", "detect, CPU ms")
    return markdown_table((*header, "group"), rows)


def failures(
    outcomes_of: Iterable[tuple[str, Sequence[Outcome]]], *, noted: Sequence[str] = ()
) -> str:
    """The failures of each medium; attacks in ``noted`` are called guaranteed."""
    lines = []
    for name, outcomes in outcomes_of:
        failed = [_described(outcome, noted) for outcome in outcomes if not outcome.exact]
        if failed:
            lines.append(f"- {name}: {', '.join(failed)}")
    if not lines:
        return "Failures: none."
    head = "Failures (payload not exact; with its p-value where the mark was found):"
    return head + "\n\n" + "\n".join(lines)


def _described(outcome: Outcome, noted: Sequence[str]) -> str:
    notes = []
    if outcome.wrong:
        notes.append("WRONG PAYLOAD")
    if outcome.present:
        notes.append(f"present, p = {outcome.p_value:.0e}")
    if outcome.attack in noted:
        notes.append("guaranteed")
    return f"{outcome.attack} ({'; '.join(notes)})" if notes else outcome.attack
