"""What a detector said after an attack, and how such outcomes are counted."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.binomial import interval
from benchmarks.tables import percent

__all__ = ["Outcome", "counted", "evidence", "failures", "interval_text", "rates", "target"]

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
    return name, measured, wanted, "yes" if met else "NO"


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
