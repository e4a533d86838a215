"""Mark films, put each through the attacks, and read the mark back blindly.

    python -m benchmarks.video_robustness CLIPS_DIR --jobs 2
    python -m benchmarks.video_robustness CLIPS_DIR --attacks core,social --strength robust

A few seconds from the middle of each clip, near lossless, are marked once as `labeler stamp` marks
them, and the attacks get that file. Payload and key are random (unless ``--key public``); both
follow from ``--seed`` and the clip's name. *Exact* is the whole payload back, and a p-value of at
most 1e-6; of a screenshot, the detectors for pictures and for films must both say so. A payload
that came back wrong would be listed as such. FFmpeg is needed.

Clips whose names begin with ``flat`` hold flat graphics; they and those of few lines are counted
apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks import video_clips
from benchmarks.command import add_marking_options, attack_chooser, benchmark_parser, publish
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.outcomes import (
    Outcome,
    attack_table,
    counted,
    failures,
    outcomes_of,
    rate_target,
    rates,
)
from benchmarks.tables import markdown_table
from benchmarks.video_attacks import ATTACKS, GROUPS, OTHERS
from benchmarks.video_clips import CORPORA, Form, Kind
from benchmarks.video_marking import mark_pictures
from benchmarks.video_reading import read
from benchmarks.workers import as_measured
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload
from labeler.errors import CapacityError
from labeler.strength import Strength

_WANTED: Final = {"core": 0.97, "chains": 0.80, "hard": 0.50}
"""Least rates of clips that are neither small nor flat."""
_WANTED_FEW: Final = ((Kind.FLAT, "h264-28", 0.75), (Kind.SMALL, "h264-32", 0.75))
_LARGE_S: Final = 3.0
_SMALL_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know about one clip."""

    path: Path
    attacks: tuple[str, ...]
    length_s: float
    """Of the excerpt; 0: 3 s of a large clip, 5 s of others."""
    strength: Strength
    secret_key: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One clip that was marked once."""

    clip: str
    kind: Kind
    form: Form
    """Of the excerpt."""
    refusal: str | None
    """Why it could not be marked; None where it could."""
    mark_cpu_s: float
    file_bytes: int
    """Of the marked excerpt."""
    outcomes: tuple[Outcome, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    tasks = [
        Task(
            path=path,
            attacks=options.attacks,
            length_s=options.seconds,
            strength=options.strength,
            secret_key=options.key == "secret",
            seed=options.seed,
        )
        for path in video_clips.find(options.folder, options.clips)
    ]
    trials = _run(tasks, options.jobs)
    report = _report(trials, options.strength, options.key)
    publish(options, report, [asdict(trial) for trial in trials])


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("video_robustness", __doc__, media="clips")
    groups = {**GROUPS, "others": OTHERS, "all": tuple(ATTACKS)}
    parser.add_argument(
        "--attacks",
        type=attack_chooser(tuple(ATTACKS), groups),
        default=tuple(ATTACKS),
        metavar=f"{'|'.join(groups)}|NAME,…",
        help="groups and names, separated by commas (default: all)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.0,
        help=f"of each clip (default: {_LARGE_S:g}, below 480 lines {_SMALL_S:g})",
    )
    add_marking_options(parser, each="clip")
    return parser


# ---------------------------------------------------------------- measuring


def _run(tasks: Sequence[Task], jobs: int) -> list[Trial]:
    """The trials in alphabetical order of the clips; progress goes to standard error."""
    trials: list[Trial] = []
    for trial in as_measured(_measure, tasks, jobs=jobs):
        trials.append(trial)
        exact = counted(sum(each.exact for each in trial.outcomes), len(trial.outcomes))
        done = f"[{len(trials)}/{len(tasks)}] {trial.clip}: exact {exact}"
        print(done, file=sys.stderr, flush=True)
    return sorted(trials, key=lambda trial: trial.clip)


def _measure(task: Task) -> Trial:
    """Mark one clip and put it through the attacks."""
    random = random_for(task.seed, task.path.stem)
    payload = random_payload(random)
    key = random_key(random) if task.secret_key else PUBLIC_KEY
    kind = video_clips.kind(task.path)
    lines = video_clips.form(task.path).lines
    length_s = task.length_s or (_LARGE_S if lines >= video_clips.LARGE_LINES else _SMALL_S)
    with tempfile.TemporaryDirectory(prefix="video-robustness-") as name:
        folder = Path(name)
        source, marked = folder / "source.mp4", folder / "marked.mp4"
        video_clips.excerpt(task.path, source, length_s=length_s)
        start, refusal = time.process_time(), None
        try:
            mark_pictures(source, marked, payload, key, strength=task.strength)
        except CapacityError as error:
            refusal = str(error)
        mark_cpu_s = time.process_time() - start
        attacks = () if refusal else task.attacks
        return Trial(
            clip=task.path.stem,
            kind=kind,
            form=video_clips.form(source),
            refusal=refusal,
            mark_cpu_s=mark_cpu_s,
            file_bytes=0 if refusal else marked.stat().st_size,
            outcomes=tuple(_attack_and_read(each, marked, payload, key) for each in attacks),
        )


def _attack_and_read(attack: str, marked: Path, payload: Payload, key: Key) -> Outcome:
    with tempfile.TemporaryDirectory(dir=marked.parent, prefix=attack) as folder:
        damaged = ATTACKS[attack](marked, Path(folder))
        return read(damaged, payload, key, attack=attack)


# ---------------------------------------------------------------- reporting


def _report(trials: Sequence[Trial], strength: str, key: str) -> str:
    marked = [trial for trial in trials if trial.refusal is None]
    parts = [f"{len(trials)} clips, strength {strength}, {key} key, blind detection"]
    if len(marked) < len(trials):
        refused = [f"{trial.clip} ({trial.refusal})" for trial in trials if trial.refusal]
        parts.append(f"Not marked, and not counted below: {'; '.join(refused)}")
    if marked:
        parts += [_target_table(marked), _kind_table(marked), attack_table(marked, GROUPS)]
        parts.append(_clip_table(marked))
    parts.append(failures((trial.clip, trial.outcomes) for trial in marked))
    return "\n\n".join(parts)


def _target_table(marked: Sequence[Trial]) -> str:
    rows = []
    for group, wanted in _WANTED.items():
        for corpus, kinds in CORPORA.items():
            hits = _exact(marked, kinds, GROUPS[group])
            rows += rate_target(f"exact, {group}, {corpus}", hits, wanted)
    for kind, attack, wanted in _WANTED_FEW:
        rows += rate_target(f"exact, {attack}, {kind}", _exact(marked, (kind,), (attack,)), wanted)
    return markdown_table(("target", "measured", "95 %", "wanted", "met"), rows)


def _exact(marked: Sequence[Trial], kinds: Collection[Kind], attacks: Sequence[str]) -> list[bool]:
    those = [trial for trial in marked if trial.kind in kinds]
    return [outcome.exact for outcome in outcomes_of(those, attacks)]


def _kind_table(marked: Sequence[Trial]) -> str:
    rows = []
    groups = {**GROUPS, "others": OTHERS}
    for kind in Kind:
        those = [trial for trial in marked if trial.kind is kind]
        if not those:
            continue
        cells = (rates(outcomes_of(those, attacks))[0] for attacks in groups.values())
        rows.append((kind.value, len(those), *cells))
    return markdown_table(("exact by kind of clip", "clips", *groups), rows)


def _clip_table(marked: Sequence[Trial]) -> str:
    rows = []
    for trial in marked:
        form = trial.form
        frames = form.rate_hz * form.duration_s
        core = rates(outcomes_of([trial], GROUPS["core"]))[0]
        cells = (
            f"{form.width} x {form.height}, {form.rate_hz:.3g} Hz, {form.duration_s:.1f} s",
            f"{8e-6 * trial.file_bytes / form.duration_s:.1f}",
            f"{1000 * trial.mark_cpu_s / frames:.0f}",
        )
        rows.append((trial.clip, *cells, core, *rates(trial.outcomes)))
    header = ("clip", "form", "marked, Mbit/s", "mark, CPU ms/frame", "core", "exact", "exact %")
    return markdown_table((*header, "present %"), rows)


if __name__ == "__main__":
    main()
