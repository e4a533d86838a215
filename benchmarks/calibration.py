"""p-values of unmarked media with random keys, held against uniform ones.

For unmarked media, a p-value at most ``a`` must not come up more often than ``a``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from benchmarks.binomial import at_least, interval
from benchmarks.tables import markdown_table
from benchmarks.workers import as_measured

__all__ = [
    "LEVELS",
    "REJECTION_LEVEL",
    "Case",
    "KeyTrials",
    "calibration",
    "cases_of",
    "measured",
    "p_values",
    "smallest",
    "summary",
]

LEVELS: Final = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
REJECTION_LEVEL: Final = 1e-3
"""A count this improbable under uniform p-values says that they are too small."""


_Trials = TypeVar("_Trials", bound="KeyTrials")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One unmarked medium after one damage, to be tried with many keys."""

    kind: str
    label: str
    """What its source is called; results depend on this, and not on where a folder lies."""
    source: str
    """Path of a file, or name of what makes the medium."""
    damage: str
    keys: int
    seed: int

    @property
    def name(self) -> str:
        """What the case is called in tables."""
        return f"{self.label}, {self.damage}"


def cases_of(
    sources: Mapping[str, Mapping[str, str]],
    variants: Mapping[str, Sequence[str]],
    *,
    keys: int,
    seed: int,
) -> list[Case]:
    """Every source after every damage.

    Args:
        sources: By kind and label.
        variants: The damages of each kind.
        keys: How many keys each case is tried with.
        seed: What they follow from, with the case's name.
    """
    return [
        Case(kind=kind, label=label, source=source, damage=damage, keys=keys, seed=seed)
        for kind, labelled in sources.items()
        for label, source in labelled.items()
        for damage in variants[kind]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTrials:
    """What the detector said about one medium without a mark, key by key."""

    kind: str
    name: str
    p_values: tuple[float, ...]
    accepted: int
    """Keys whose mark was called present, or for which a payload was given."""
    inconclusive: int
    """Keys for which the detector would not say whether there is a mark."""

    @property
    def pairs(self) -> int:
        """How many keys were tried."""
        return len(self.p_values)


def measured(
    measure: Callable[[Case], _Trials], cases: Sequence[Case], *, jobs: int
) -> list[_Trials]:
    """What ``measure`` finds in each case, by kind and name; progress goes to standard error."""
    trials: list[_Trials] = []
    for trial in as_measured(measure, cases, jobs=jobs):
        trials.append(trial)
        if len(trials) % 20 == 0 or len(trials) == len(cases):
            accepted = sum(each.accepted for each in trials)
            done = f"[{len(trials)}/{len(cases)}] accepted {accepted}"
            print(done, file=sys.stderr, flush=True)
    return sorted(trials, key=lambda trial: (trial.kind, trial.name))


def p_values(trials: Sequence[KeyTrials], kind: str | None = None) -> list[float]:
    """All p-values, or those of one kind."""
    return [p for trial in trials if kind in {None, trial.kind} for p in trial.p_values]


def summary(trials: Sequence[KeyTrials], kinds: Sequence[str]) -> str:
    """Counts by kind."""
    rows = []
    for kind in kinds:
        those = [trial for trial in trials if trial.kind == kind]
        accepted = sum(trial.accepted for trial in those)
        inconclusive = sum(trial.inconclusive for trial in those)
        values = p_values(those)
        least = f"{min(values, default=1.0):.1e}"
        pairs = sum(trial.pairs for trial in those)
        rows.append((kind, len(those), pairs, accepted, inconclusive, least))
    header = ("kind", "cases", "pairs", "accepted", "inconclusive", "least p")
    return markdown_table(header, rows)


def calibration(
    samples: Mapping[str, Sequence[float]], *, untested: Sequence[str] = ()
) -> tuple[str, bool]:
    """Counts of small p-values against uniform ones, and whether no count is too high.

    Args:
        samples: p-values by kind.
        untested: Kinds that only the table shows.
    """
    rows = []
    calibrated = True
    for kind, values in samples.items():
        for level in LEVELS:
            count, trials = sum(value <= level for value in values), len(values)
            probability = at_least(count, trials, level)
            if kind not in untested:
                calibrated &= probability >= REJECTION_LEVEL
            low, high = interval(count, trials)
            span = f"{low:.1e} to {high:.1e}"
            expected = f"{trials * level:.2f}"
            rows.append((kind, f"{level:.0e}", count, expected, span, f"{probability:.3g}"))
    header = ("kind", "p at most", "count", "if uniform", "rate, 95 %", "P(count)")
    return markdown_table(header, rows), calibrated


def smallest(trials: Sequence[KeyTrials], count: int = 8) -> str:
    """The smallest p-values of all, and where they came from."""
    ranked = sorted(
        ((value, trial) for trial in trials for value in trial.p_values), key=lambda pair: pair[0]
    )
    rows = [(f"{trial.kind}: {trial.name}", f"{value:.2e}") for value, trial in ranked[:count]]
    return markdown_table(("smallest p-values", "p"), rows)
