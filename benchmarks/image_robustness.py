"""Mark pictures, put each through the attacks, and read the mark back blindly.

    python -m benchmarks.image_robustness PICTURES_DIR --jobs 2
    python -m benchmarks.image_robustness PICTURES_DIR --attacks guaranteed,jpeg-10

Each picture is marked once, with a random payload and (unless ``--key public``) a random key; both
follow from ``--seed`` and the picture's name. *Exact* is the whole payload back and accepted by the
detector's own rule; *present* is a p-value of at most 1e-6. A payload that came back wrong would be
listed as such. After the attacks in ``warps``, which bend the picture, the search is the patient
one.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks import pictures
from benchmarks.command import add_marking_options, attack_chooser, benchmark_parser, publish
from benchmarks.image_attacks import ATTACKS, CORE, GUARANTEED, WARPS, Pixels, attacked
from benchmarks.marking import mark, random_for, random_key, random_payload
from benchmarks.outcomes import (
    Outcome,
    attack_table,
    failures,
    outcomes_of,
    rate_target,
    rates,
)
from benchmarks.quality import psnr_db, ssim
from benchmarks.tables import markdown_table, yes_or_no
from benchmarks.workers import as_measured
from detectors.image import detect
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload
from labeler.errors import CapacityError
from labeler.strength import Strength

_TARGETED: Final = {"core": CORE, "guaranteed": GUARANTEED, "warps": WARPS}
_GROUPS: Final = {"all": tuple(ATTACKS), **_TARGETED}
_SIZE_CLASSES_MP: Final = {(0.7, math.inf): 0.98, (0.1, 0.7): 0.96, (0.0, 0.1): 0.88}
"""Sizes, and what share of the core cases has to come back exact."""
_WANTED: Final = {
    "jpeg-30": 0.95,
    "webp-50": 0.93,
    "resize-0.25": 0.80,
    "crop-10": 0.80,
    "screenshot": 0.95,
    "print-scan": 0.98,
}
"""Attacks, and what share has to come back exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureResult:
    """One picture: how the mark changed it, and what was left of the mark."""

    picture: str
    width: int
    height: int
    refusal: str | None
    """Why the picture could not be marked; None where it could."""
    psnr_db: float
    ssim: float
    embed_cpu_s: float
    outcomes: tuple[Outcome, ...]

    @property
    def megapixels(self) -> float:
        """Size in millions of pixels."""
        return self.width * self.height / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know about one picture."""

    path: Path
    attacks: tuple[str, ...]
    strength: Strength
    secret_key: bool
    seed: int
    patient: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    tasks = [
        Task(
            path=path,
            attacks=options.attacks,
            strength=options.strength,
            secret_key=options.key == "secret",
            seed=options.seed,
            patient=options.patient,
        )
        for path in pictures.find(options.folder, options.pictures)
    ]
    results = _run(tasks, options.jobs)
    report = _report(results, options.strength, options.key)
    publish(options, report, [asdict(result) for result in results])


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("image_robustness", __doc__, media="pictures")
    parser.add_argument(
        "--attacks",
        type=attack_chooser(tuple(ATTACKS), _GROUPS),
        default=CORE,
        metavar="core|guaranteed|warps|all|NAME,…",
        help="groups and names, separated by commas (default: core)",
    )
    add_marking_options(parser, each="picture")
    parser.add_argument(
        "--patient", action="store_true", help="search as `labeler verify` does, not quickly"
    )
    return parser


# ---------------------------------------------------------------- measuring


def _run(tasks: Sequence[Task], jobs: int) -> list[PictureResult]:
    """The results in alphabetical order of the pictures; progress goes to standard error."""
    results = []
    for result in as_measured(_measure, tasks, jobs=jobs):
        results.append(result)
        exact = sum(outcome.exact for outcome in result.outcomes)
        done = f"[{len(results)}/{len(tasks)}] {result.picture}"
        print(f"{done}: exact {exact} of {len(result.outcomes)}", file=sys.stderr, flush=True)
    return sorted(results, key=lambda result: result.picture)


def _measure(task: Task) -> PictureResult:
    """Mark one picture and put it through the attacks."""
    original = pictures.load(task.path)
    random = random_for(task.seed, task.path.stem)
    payload = random_payload(random)
    key = random_key(random) if task.secret_key else PUBLIC_KEY
    start = time.process_time()
    refusal = None
    try:
        marked = mark(original, payload, key, strength=task.strength)
    except CapacityError as error:
        refusal, marked = str(error), original
    embed_cpu_s = time.process_time() - start
    attacks = () if refusal else task.attacks
    return PictureResult(
        picture=task.path.stem,
        width=original.shape[1],
        height=original.shape[0],
        refusal=refusal,
        psnr_db=0.0 if refusal else psnr_db(original, marked),
        ssim=0.0 if refusal else ssim(original, marked),
        embed_cpu_s=embed_cpu_s,
        outcomes=tuple(
            _attack_and_detect(name, marked, payload, key, patient=task.patient or name in WARPS)
            for name in attacks
        ),
    )


def _attack_and_detect(
    name: str, marked: Pixels, payload: Payload, key: Key, *, patient: bool
) -> Outcome:
    damaged = attacked(name, marked)
    start = time.process_time()
    try:
        detection = detect(damaged, [key], patient=patient)
    except Exception as error:
        error.add_note(f"while reading the mark after {name}")
        raise
    return Outcome(
        attack=name,
        exact=detection.payload == payload,
        wrong=detection.payload not in {None, payload},
        p_value=detection.p_value,
        found=str(detection.geometry),
        detect_cpu_s=time.process_time() - start,
    )


# ---------------------------------------------------------------- reporting


def _report(results: Sequence[PictureResult], strength: str, key: str) -> str:
    marked = [result for result in results if result.refusal is None]
    refused = [f"{result.picture} ({result.refusal})" for result in results if result.refusal]
    parts = [f"{len(marked)} pictures, strength {strength}, {key} key, blind detection"]
    if refused:
        parts.append(f"Not marked, and not counted below: {'; '.join(refused)}")
    if marked:
        parts += [_targets(marked), _size_table(marked), attack_table(marked, _TARGETED)]
        by_picture = [(result.picture, result.outcomes) for result in marked]
        parts += [_picture_table(marked), failures(by_picture, noted=GUARANTEED)]
    return "\n\n".join(parts)


def _targets(marked: Sequence[PictureResult]) -> str:
    psnr = [result.psnr_db for result in marked]
    mean_psnr = statistics.mean(psnr)
    similarity = statistics.mean(result.ssim for result in marked)
    rows: list[tuple[str, ...]] = [
        ("PSNR, mean", f"{mean_psnr:.2f} dB", "", "≥ 45", yes_or_no(met=mean_psnr >= 45)),
        ("PSNR, least", f"{min(psnr):.2f} dB", "", "≥ 41", yes_or_no(met=min(psnr) >= 41)),
        ("SSIM, mean", f"{similarity:.4f}", "", "≥ 0.99", yes_or_no(met=similarity >= 0.99)),
    ]
    for (low, high), wanted in _SIZE_CLASSES_MP.items():
        exact = _exact([each for each in marked if low <= each.megapixels < high], CORE)
        rows += rate_target(f"exact, core, {_size_name(low, high)}", exact, wanted)
    for attack, wanted in _WANTED.items():
        rows += rate_target(f"exact, {attack}", _exact(marked, (attack,)), wanted)
    rows += rate_target("exact, guaranteed", _exact(marked, GUARANTEED), 1.0)
    return markdown_table(("target", "measured", "95 %", "wanted", "met"), rows)


def _exact(marked: Sequence[PictureResult], attacks: Sequence[str]) -> list[bool]:
    return [outcome.exact for outcome in outcomes_of(marked, attacks)]


def _size_name(low: float, high: float) -> str:
    return f"at least {low} MP" if math.isinf(high) else f"{low} to {high} MP"


def _size_table(marked: Sequence[PictureResult]) -> str:
    rows = []
    for low, high in _SIZE_CLASSES_MP:
        those = [result for result in marked if low <= result.megapixels < high]
        rows.append((_size_name(low, high), len(those), *rates(outcomes_of(those))))
    rows.append(("all", len(marked), *rates(outcomes_of(marked))))
    return markdown_table(("size", "pictures", "exact", "exact %", "present %"), rows)


def _picture_table(marked: Sequence[PictureResult]) -> str:
    rows = [
        (
            result.picture,
            f"{result.width} x {result.height}",
            f"{result.psnr_db:.2f}",
            f"{result.ssim:.4f}",
            *rates(result.outcomes),
            f"{1000 * result.embed_cpu_s / result.megapixels:.0f}",
        )
        for result in marked
    ]
    header = ("picture", "size", "PSNR dB", "SSIM", "exact", "exact %", "present %")
    return markdown_table((*header, "embed, CPU ms/MP"), rows)


if __name__ == "__main__":
    main()
