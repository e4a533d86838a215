"""Look for marks that are not there: much unmarked sound, each with many random keys.

    python -m benchmarks.sound_false_positives SOUNDS_DIR --jobs 2

The clips of the folder, loops made of them, and generated sounds (noise, tones, clicks, and loops,
which look most like a mark that repeats) go through everyday damage and then through the whole
blind search. Each is tried with many keys; each key's p-value is the one it would have had alone.
A fourth kind of sound carries the mark of *another* key: everything is then right but the key.

The detector's p-values are bounds: they may be larger than uniform ones, but not smaller. For
unmarked sound, a p-value at most ``a`` must not come up more often than ``a``: the counts are held
against the binomial distribution of a uniform p-value. Ends with exit code 1 if a pair was
accepted, or if p-values are smaller than uniform ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import sound_clips
from benchmarks.calibration import (
    Case,
    KeyTrials,
    calibration,
    cases_of,
    measured,
    p_values,
    smallest,
    summary,
)
from benchmarks.command import benchmark_parser, publish
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.outcomes import evidence
from benchmarks.sound_attacks import ATTACKS
from benchmarks.sound_edits import Attack, Clip, looped
from benchmarks.sound_marking import mark
from benchmarks.synthetic_sounds import LOOP_FACTORS, SYNTHETIC
from detectors.audio import detect
from detectors.report import Presence
from labeler.codec.patchwork import PERIOD_S
from labeler.errors import CapacityError

WANTED_PAIRS: Final = 5_000

UNMARKED: Final = "clips"
LOOPED: Final = "loops of clips"
GENERATED: Final = "generated"
OTHER_KEY: Final = "marked with another key"
_LOOPS: Final[dict[str, Attack]] = {
    f"loop of {factor:g} periods": looped(factor * PERIOD_S, whole_s=15.0)
    for factor in LOOP_FACTORS
}
_DAMAGE: Final[dict[str, Attack]] = ATTACKS | _LOOPS
VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    UNMARKED: (
        *("unchanged", "mp3-64", "opus-32", "telephone", "white-20", "reverb", "crop-5", "crop-3"),
        *("shuffle-3", "tempo-1.05"),
    ),
    LOOPED: tuple(_LOOPS),
    GENERATED: ("unchanged", "mp3-64", "speed-1.05"),
    OTHER_KEY: ("unchanged", "mp3-64", "speed-1.05", "crop-5"),
}
_LEGEND: Final = (
    "P(count) is the probability of at least so many if p-values were uniform; the interval "
    "(Clopper and Pearson, 95 %) is that of the true rate. Keys are random and independent; the "
    "variants of one clip resemble each other."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether all is well."""
    options = _parser().parse_args(arguments)
    found = sound_clips.find(options.folder, options.sounds)
    clips = {path.stem: str(path) for path in found}
    sources = dict.fromkeys(VARIANTS, clips) | {GENERATED: {maker: maker for maker in SYNTHETIC}}
    cases = cases_of(sources, VARIANTS, keys=options.keys, seed=options.seed)
    trials = measured(_measure, cases, jobs=options.jobs)
    report, passed = _report(trials)
    publish(options, report, [asdict(trial) for trial in trials])
    sys.exit(0 if passed else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_false_positives", __doc__, media="sounds")
    parser.add_argument("--keys", type=int, default=12, help="random keys a case (default: 12)")
    return parser


# ---------------------------------------------------------------- measuring


def _measure(case: Case) -> KeyTrials:
    # The kind and the clip's name, not its path: results must not depend on where a folder lies.
    label = f"{case.kind}, {case.name}"
    random = random_for(case.seed, label)
    samples, rate_hz = _DAMAGE[case.damage](*_undamaged(case, random))
    keys = [random_key(random) for _ in range(case.keys)]
    try:
        # One key at a time: with more, a p-value would be that of the best of them.
        detections = [detect(samples, rate_hz, [key]) for key in keys]
    except Exception as error:
        error.add_note(f"while looking for marks in {label}")
        raise
    accepted = [
        detection.presence is Presence.PRESENT or detection.payload is not None
        for detection in detections
    ]
    undecided = [detection.presence is Presence.INCONCLUSIVE for detection in detections]
    return KeyTrials(
        kind=case.kind,
        name=case.name,
        p_values=tuple(float(detection.p_value) for detection in detections),
        accepted=sum(accepted),
        inconclusive=sum(undecided),
    )


def _undamaged(case: Case, random: np.random.Generator) -> Clip:
    if case.kind == GENERATED:
        return SYNTHETIC[case.source](random)
    samples, rate_hz = sound_clips.load(Path(case.source))
    if case.kind != OTHER_KEY:
        return samples, rate_hz
    try:
        return mark(samples, rate_hz, random_payload(random), random_key(random)), rate_hz
    except CapacityError:  # a clip that cannot be marked is tried as it is
        return samples, rate_hz


# ---------------------------------------------------------------- reporting


def _report(trials: Sequence[KeyTrials]) -> tuple[str, bool]:
    """The tables, and whether nothing was accepted and no p-values are too small."""
    pairs = sum(len(trial.p_values) for trial in trials if trial.kind != OTHER_KEY)
    accepted = sum(trial.accepted for trial in trials)
    table, calibrated = calibration({kind: p_values(trials, kind) for kind in VARIANTS})
    shortfall = f" (fewer than the {WANTED_PAIRS} asked for)" if pairs < WANTED_PAIRS else ""
    least = min(p_values(trials), default=1.0)
    verdict = f"Accepted: {accepted}. Largest score, -lg p: {evidence(least):.2f}."
    verdict += f" p-values are {'not ' if calibrated else ''}smaller than uniform."
    head = f"{pairs} pairs of unmarked sound and random key{shortfall}"
    parts = [head, summary(trials, list(VARIANTS)), table, _LEGEND, smallest(trials), verdict]
    return "\n\n".join(parts), calibrated and not accepted


if __name__ == "__main__":
    main()
