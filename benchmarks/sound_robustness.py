"""Mark clips of sound, put each through the attacks, and read the mark back blindly.

    python -m benchmarks.sound_robustness SOUNDS_DIR --jobs 2
    python -m benchmarks.sound_robustness SOUNDS_DIR --attacks core,mp3-32 --forms standard

Each clip is marked once with the standard payload, and rounded to 16 bits. For the short form,
passages of 3 and 2 seconds are tried in two ways: cut out of the source and marked as clips of
their own, and cut out of a clip that was marked in the short form. Payload and key are random
(unless ``--key public``); both follow from ``--seed`` and the clip's name. *Exact* is the whole
payload back and accepted by the detector's own rule; *present* is a p-value of at most 1e-6. A
payload that came back wrong would be listed as such. The search is the usual one, but for the
attack in ``joint``, which changes tempo and pitch apart: that is what the patient search is for.

Clips whose names begin with ``sp_`` hold speech, with ``mu_`` music.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks import sound_clips
from benchmarks.command import (
    add_marking_options,
    attack_chooser,
    benchmark_parser,
    names,
    publish,
)
from benchmarks.outcomes import (
    attack_table,
    failures,
    interval_text,
    outcomes_of,
    rate_target,
    rates,
    target,
)
from benchmarks.sound_attacks import GROUPS, NAMES, OTHERS
from benchmarks.sound_quality import Quality
from benchmarks.sound_trials import ALONE, CROPPED, SHORT_LENGTHS_S, STANDARD, Task, Trial, run
from benchmarks.tables import markdown_table, percent
from benchmarks.workers import as_measured

_WANTED_EXACT: Final = {"core": 0.97, "codecs": 0.95, "hard": 0.88, "extreme": 0.60}
_WANTED_PRESENT: Final = {"presence-3": 0.95, "presence-2": 0.80, "joint": 1.0}
_WANTED_SHORT: Final = {3.0: 0.95, 2.0: 0.85}
_FORMS: Final = ("standard", "short")
_KINDS: Final = {"sp_": "speech", "mu_": "music", "": "mixed"}
_SHORT_ATTACKS: Final = ("unchanged", "mp3-64", "opus-32")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    tasks = [
        Task(
            path=path,
            backgrounds=options.backgrounds or options.folder,
            standard_attacks=options.attacks if "standard" in options.forms else (),
            short_attacks=options.short_attacks if "short" in options.forms else (),
            passages=options.passages,
            strength=options.strength,
            secret_key=options.key == "secret",
            seed=options.seed,
        )
        for path in sound_clips.find(options.folder, options.sounds)
    ]
    trials = _run(tasks, options.jobs)
    report = _report(trials, options.strength, options.key)
    publish(options, report, [_as_json(trial) for trial in trials])


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_robustness", __doc__, media="sounds")
    groups = {**GROUPS, "others": OTHERS, "all": NAMES}
    chooser = attack_chooser(NAMES, groups)
    parser.add_argument(
        "--attacks",
        type=chooser,
        default=NAMES,
        metavar=f"{'|'.join(groups)}|NAME,…",
        help="groups and names, separated by commas (default: all)",
    )
    parser.add_argument(
        "--short-attacks",
        type=chooser,
        default=_SHORT_ATTACKS,
        metavar="NAME,…",
        help="of passages marked alone in the short form (default: "
        + ",".join(_SHORT_ATTACKS)
        + ")",
    )
    parser.add_argument("--forms", type=names, default=_FORMS, metavar="standard,short")
    parser.add_argument(
        "--passages", type=int, default=3, help="of each clip and length, short form (default: 3)"
    )
    parser.add_argument(
        "--backgrounds",
        type=Path,
        metavar="FOLDER",
        help="clips for attacks with other sound (default: the same folder)",
    )
    add_marking_options(parser, each="clip")
    return parser


def _run(tasks: Sequence[Task], jobs: int) -> list[Trial]:
    """The trials in alphabetical order of the clips; progress goes to standard error."""
    trials: list[Trial] = []
    for count, of_clip in enumerate(as_measured(run, tasks, jobs=jobs), 1):
        trials += of_clip
        outcomes = outcomes_of(of_clip)
        exact = f"exact {sum(outcome.exact for outcome in outcomes)} of {len(outcomes)}"
        print(f"[{count}/{len(tasks)}] {of_clip[0].clip}: {exact}", file=sys.stderr, flush=True)
    return sorted(trials, key=lambda trial: trial.clip)


def _as_json(trial: Trial) -> dict[str, object]:
    document = asdict(trial)
    if trial.quality is not None:
        values = asdict(trial.quality).items()
        document["quality"] = {
            name: value if math.isfinite(value) else None for name, value in values
        }
    return document


# ---------------------------------------------------------------- reporting


def _report(trials: Sequence[Trial], strength: str, key: str) -> str:
    standard = [trial for trial in trials if trial.form == STANDARD]
    marked = [trial for trial in standard if trial.refusal is None]
    clips = len({trial.clip for trial in trials})
    parts = [f"{clips} clips, strength {strength}, {key} key, blind detection"]
    if len(marked) < len(standard):
        refused = [f"{each.clip} ({each.refusal})" for each in standard if each.refusal]
        parts.append(f"Not marked, and not counted below: {'; '.join(refused)}")
    targets = _quality_targets(marked) + _attack_targets(marked) + _short_targets(trials)
    parts.append(markdown_table(("target", "measured", "95 %", "wanted", "met"), targets))
    if marked:
        parts += [_kind_table(marked), attack_table(marked, GROUPS), _clip_table(marked)]
    if len(trials) > len(standard):
        parts.append(_short_table(trials))
    parts.append(failures((trial.clip, trial.outcomes) for trial in marked))
    return "\n\n".join(parts)


def _quality_targets(marked: Sequence[Trial]) -> list[tuple[str, ...]]:
    everything = [trial.quality for trial in marked if trial.quality]
    if not everything:
        return []
    speech = [each.quality for each in marked if each.quality and sound_clips.is_speech(each.clip)]
    snr, zimtohrli = _mean(everything, "snr_db"), _mean(everything, "zimtohrli")
    pesq = [quality.pesq for quality in speech if math.isfinite(quality.pesq)]
    rows = [
        target("SNR, mean", f"{snr:.2f} dB", "≥ 20", met=snr >= 20),
        target("Zimtohrli, mean", f"{zimtohrli:.3f}", "≥ 4.88", met=zimtohrli >= 4.88),
    ]
    if pesq:
        mean, least = statistics.mean(pesq), min(pesq)
        rows.append(target("PESQ-WB of speech, mean", f"{mean:.3f}", "≥ 4.45", met=mean >= 4.45))
        rows.append(target("PESQ-WB of speech, least", f"{least:.3f}", "≥ 4.2", met=least >= 4.2))
    return [(name, measured, "", *rest) for name, measured, *rest in rows]


def _attack_targets(marked: Sequence[Trial]) -> list[tuple[str, ...]]:
    rows = []
    for group, wanted in (_WANTED_EXACT | _WANTED_PRESENT).items():
        outcomes = outcomes_of(marked, GROUPS[group])
        presence = group in _WANTED_PRESENT
        hits = [outcome.present if presence else outcome.exact for outcome in outcomes]
        rows += rate_target(f"{'present' if presence else 'exact'}, {group}", hits, wanted)
    return rows


def _short_targets(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    rows = []
    for form in (ALONE, CROPPED):
        for length_s, wanted in _WANTED_SHORT.items():
            those = [each for each in trials if each.form == form and each.length_s == length_s]
            hits = [outcome.exact for outcome in outcomes_of(those, ("unchanged",))]
            hits += [False] * sum(trial.refusal is not None for trial in those)
            rows += rate_target(f"exact, {form}, {length_s:g} s", hits, wanted)
    return rows


def _kind_table(marked: Sequence[Trial]) -> str:
    rows = []
    kinds = {_kind(trial.clip) for trial in marked}
    for kind in [name for name in _KINDS.values() if name in kinds]:
        those = [trial for trial in marked if _kind(trial.clip) == kind]
        qualities = [trial.quality for trial in those if trial.quality]
        groups = [outcomes_of(those, GROUPS[group]) for group in _WANTED_EXACT]
        cells = (percent(sum(each.exact for each in group), len(group)) for group in groups)
        rows.append((kind, len(those), *_quality_cells(qualities), *cells))
    header = ("kind", "clips", "SNR dB", "PESQ", "least", "Zimtohrli", "STOI", *_WANTED_EXACT)
    return markdown_table(header, rows)


def _quality_cells(qualities: Sequence[Quality]) -> tuple[str, ...]:
    pesq = [quality.pesq for quality in qualities if math.isfinite(quality.pesq)]
    return (
        f"{_mean(qualities, 'snr_db'):.2f}",
        f"{_mean(qualities, 'pesq'):.3f}",
        f"{min(pesq, default=math.nan):.3f}",
        f"{_mean(qualities, 'zimtohrli'):.3f}",
        f"{_mean(qualities, 'stoi'):.3f}",
    )


def _clip_table(marked: Sequence[Trial]) -> str:
    rows = []
    for trial in marked:
        quality = trial.quality
        if quality is None:
            continue
        measures = (quality.snr_db, quality.pesq, quality.zimtohrli, quality.stoi)
        form = f"{trial.length_s:.1f} s, {trial.rate_hz / 1000:g} kHz, {trial.channels} ch"
        speed = f"{trial.length_s / max(trial.embed_cpu_s, 1e-9):.0f}"
        cells = (f"{value:.2f}" for value in measures)
        rows.append((trial.clip, form, *cells, *rates(trial.outcomes), speed))
    header = ("clip", "form", "SNR dB", "PESQ", "Zimtohrli", "STOI", "exact", "exact %")
    return markdown_table((*header, "present %", "embed, x real time"), rows)


def _short_table(trials: Sequence[Trial]) -> str:
    rows = []
    for form in (ALONE, CROPPED):
        for length_s in SHORT_LENGTHS_S:
            those = [each for each in trials if each.form == form and each.length_s == length_s]
            refused = sum(trial.refusal is not None for trial in those)
            attacks = dict.fromkeys(outcome.attack for outcome in outcomes_of(those))
            pesq = _mean([trial.quality for trial in those if trial.quality], "pesq")
            pesq_text = f"{pesq:.3f}" if math.isfinite(pesq) else "-"
            for name in attacks:
                outcomes = outcomes_of(those, (name,))
                count, exact_percent, present_percent = rates(outcomes)
                wrong = sum(outcome.wrong for outcome in outcomes)
                span = interval_text(sum(each.exact for each in outcomes), len(outcomes))
                cells = (count, exact_percent, span, present_percent, wrong, refused)
                rows.append((f"{form}, {length_s:g} s", name, *cells, pesq_text))
    header = ("form", "attack", "exact", "exact %", "95 %", "present %", "wrong", "refused", "PESQ")
    return markdown_table(header, rows)


def _kind(clip: str) -> str:
    return next(name for prefix, name in _KINDS.items() if clip.startswith(prefix))


def _mean(qualities: Iterable[Quality], measure: str) -> float:
    values = [float(getattr(quality, measure)) for quality in qualities]
    finite = [value for value in values if math.isfinite(value)]
    return statistics.mean(finite) if finite else math.nan


if __name__ == "__main__":
    main()
