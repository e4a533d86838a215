"""The tables of ``image_peers``."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from benchmarks.image_attacks import CORE
from benchmarks.image_peer_outcomes import MATCHED, NATIVE, SystemOutcome
from benchmarks.image_peer_systems import PictureReading, rule
from benchmarks.tables import markdown_table, percent

__all__ = ["attack_names", "columns", "exact_percent", "report"]

_COSTS: Final = ("embed", "read, marked", "read, unmarked")


def report(outcomes: Sequence[SystemOutcome], failures: Mapping[str, str]) -> str:
    """Tables of quality, cost, and what each attack left; and who did not run, and why."""
    settings = outcomes[0].settings
    pictures = [picture.name for picture in outcomes[0].pictures]
    form = f"{len(pictures)} pictures ({', '.join(pictures)}), {len(settings.attacks)} attacks"
    parts = [
        f"{form}. Exact: the whole payload.",
        _quality_table(outcomes),
        _cost_table(outcomes, failures),
    ]
    for visible, head in columns(settings.matched_db).items():
        parts += [
            f"**{head}**: exact / found, and the share of right bits (0.5 where nothing was read).",
            _attack_table(outcomes, visible),
        ]
    for outcome in outcomes:
        refused = [picture.name for picture in outcome.pictures if picture.refused]
        parts += [f"{outcome.system} does not mark {', '.join(refused)}."] if refused else []
    return "\n\n".join(parts)


def columns(matched_db: float) -> dict[str, str]:
    """How strong the mark is, in words."""
    return {MATCHED: f"Every mark at {matched_db:g} dB", NATIVE: "Each mark as its makers set it"}


def attack_names(outcomes: Sequence[SystemOutcome]) -> tuple[str, ...]:
    """The attacks of all outcomes."""
    return outcomes[0].settings.attacks


def exact_percent(
    outcome: SystemOutcome, visible: str, attacks: Iterable[str] | None = None
) -> float:
    """How often the whole payload came back, in percent."""
    return 100 * _share(_readings(outcome, visible, attacks), lambda one: one.exact)


# ---------------------------------------------------------------- tables


def _quality_table(outcomes: Sequence[SystemOutcome]) -> str:
    rows = []
    for visible, head in columns(outcomes[0].settings.matched_db).items():
        for outcome in outcomes:
            readings = _readings(outcome, visible)
            core = _readings(outcome, visible, CORE)
            psnr = [picture.psnr_db[visible] for picture in outcome.marked]
            rows.append(
                (
                    f"{outcome.system}: {head.split(' ', maxsplit=2)[2]}",
                    f"{statistics.mean(psnr):.1f}",
                    f"{min(psnr):.1f}",
                    f"{statistics.mean(each.ssim[visible] for each in outcome.marked):.4f}",
                    percent(sum(one.exact for one in core), len(core)),
                    percent(sum(one.exact for one in readings), len(readings)),
                    percent(sum(one.found for one in readings), len(readings)),
                    f"{_share(readings, lambda one: one.bit_accuracy):.3f}",
                )
            )
    header = ("system: its mark", "PSNR dB", "least", "SSIM", "exact, core", "exact, all")
    return markdown_table((*header, "found, all", "right bits"), rows)


def _cost_table(outcomes: Sequence[SystemOutcome], failures: Mapping[str, str]) -> str:
    rows = []
    for outcome in outcomes:
        costs = [_median(each.cost[name] for each in outcome.marked) for name in _COSTS]
        alarms = [alarm for each in outcome.marked for alarm in each.false_alarms.values()]
        found = (f"{sum(alarms)} of {len(alarms)}", rule(outcome.system, outcome.bits))
        rows.append((outcome.system, str(outcome.bits), *costs, *found))
    rows += [(name, *"-" * 5, f"not run: {why}") for name, why in failures.items()]
    header = ("system", "payload, bits", *(f"{name}, x JPEG" for name in _COSTS))
    return markdown_table((*header, "false alarms", "counts as found"), rows)


def _attack_table(outcomes: Sequence[SystemOutcome], visible: str) -> str:
    rows = []
    for attack in attack_names(outcomes):
        cells = []
        for outcome in outcomes:
            readings = _readings(outcome, visible, (attack,))
            exact = sum(one.exact for one in readings)
            found = sum(one.found for one in readings)
            right = _share(readings, lambda one: one.bit_accuracy)
            cells.append(f"{exact}/{found} {right:.2f}")
        rows.append((attack, *cells))
    return markdown_table(("attack", *(outcome.system for outcome in outcomes)), rows)


def _readings(
    outcome: SystemOutcome, visible: str, attacks: Iterable[str] | None = None
) -> list[PictureReading]:
    wanted = None if attacks is None else set(attacks)
    return [
        reading
        for picture in outcome.marked
        for attack, reading in picture.readings[visible].items()
        if wanted is None or attack in wanted
    ]


def _share(readings: Sequence[PictureReading], value: Callable[[PictureReading], float]) -> float:
    return statistics.mean(value(one) for one in readings) if readings else 0.0


def _median(values: Iterable[float]) -> str:
    return f"{statistics.median(values):.1f}"
