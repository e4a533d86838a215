"""Look for marks that are not there: many unmarked pictures, each with many random keys.

    python -m benchmarks.image_false_positives PICTURES_DIR --jobs 2

The pictures of the folder and generated ones (noise, gradients, and periodic patterns, which look
most like a mark's tiles) go through everyday damage and then through the whole blind search, the
patient one, which tries most. The search for geometry does not depend on the key, so each picture
is tried with many keys at a time; each key's p-value is the one it would have had alone. A third
kind of picture carries the mark of *another* key: the geometry is then exactly right, and only the
key is wrong.

For unmarked media, a p-value at most ``a`` must not come up more often than ``a``: the counts are
held against the binomial distribution of a uniform p-value. Ends with exit code 1 if a pair was
accepted, or if p-values are smaller than uniform ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import pictures
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
from benchmarks.image_attacks import ATTACKS, Attack, Pixels, generator
from benchmarks.image_edits import chain, jpeg, resize
from benchmarks.marking import mark, random_for, random_key, random_payload
from benchmarks.synthetic_pictures import SYNTHETIC
from detectors.image import detect_each
from detectors.report import Presence
from labeler.errors import CapacityError

WANTED_PAIRS: Final = 20_000
_SYNCHRONISATION: Final = "synchronisation, unmarked"
_LEGEND: Final = (
    "P(count) is the probability of at least so many if p-values were uniform; the interval "
    "(Clopper and Pearson, 95 %) is that of the true rate. The synchronisation knows no key: it "
    "has one p-value for each case, and the variants of one picture resemble each other."
)

# JPEG's 8-pixel grid, enlarged to 12 pixels, is a lattice that no notch at 1/8 removes.
_DAMAGE: Final[dict[str, Attack]] = {
    **ATTACKS,
    "jpeg-30+resize-1.5": chain(jpeg(30), resize(1.5)),
}
UNMARKED: Final = "pictures"
GENERATED: Final = "generated"
OTHER_KEY: Final = "marked with another key"
VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    UNMARKED: (
        "unchanged",
        "jpeg-70",
        "jpeg-30",
        "jpeg-30+resize-1.5",
        "webp-50",
        "crop-50",
        "resize-0.75",
        "aspect-0.8",
        "rotate-5",
        "rotate-45",
        "blur-2",
        "grey",
        "noise-15",
        "screenshot",
    ),
    GENERATED: ("unchanged", "jpeg-70", "crop-50", "resize-0.75", "rotate-5"),
    OTHER_KEY: ("unchanged", "jpeg-70", "resize-0.75", "rotate-5"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult(KeyTrials):
    """What the detector said about one case, key by key and before any key."""

    synchronisation_p_value: float
    """The p-value of the part of the search that knows no key."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether all is well."""
    options = _parser().parse_args(arguments)
    found = pictures.find(options.folder, options.pictures)
    clean = {path.stem: str(path) for path in found}
    # The labels are what keys follow from: they stay as they always were.
    generated = {Path(maker).stem: maker for maker in SYNTHETIC}
    sources = {UNMARKED: clean, GENERATED: generated, OTHER_KEY: clean}
    cases = cases_of(sources, VARIANTS, keys=options.keys, seed=options.seed)
    results = measured(_measure, cases, jobs=options.jobs)
    report, passed = _report(results)
    publish(options, report, [asdict(result) for result in results])
    sys.exit(0 if passed else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("image_false_positives", __doc__, media="pictures")
    parser.add_argument("--keys", type=int, default=100, help="random keys a case (default: 100)")
    return parser


# ---------------------------------------------------------------- measuring


def _measure(case: Case) -> CaseResult:
    # The kind and the file's stem, not its path: results must not depend on where a folder lies.
    label = f"{case.kind}, {case.name}"
    random = random_for(case.seed, label)
    pixels = _DAMAGE[case.damage](_undamaged(case, random), generator())
    keys = [random_key(random) for _ in range(case.keys)]
    try:
        detections = detect_each(pixels, keys, patient=True)
    except Exception as error:
        error.add_note(f"while looking for marks in {label}")
        raise
    accepted = [
        detection.presence is Presence.PRESENT or detection.payload is not None
        for detection in detections
    ]
    undecided = [detection.presence is Presence.INCONCLUSIVE for detection in detections]
    return CaseResult(
        kind=case.kind,
        name=case.name,
        p_values=tuple(float(detection.p_value) for detection in detections),
        accepted=sum(accepted),
        inconclusive=sum(undecided),
        synchronisation_p_value=float(detections[0].synchronisation_p_value),
    )


def _undamaged(case: Case, random: np.random.Generator) -> Pixels:
    if case.kind == GENERATED:
        return SYNTHETIC[case.source](random)
    pixels = pictures.load(Path(case.source))
    if case.kind == UNMARKED:
        return pixels
    try:
        return mark(pixels, random_payload(random), random_key(random))
    except CapacityError:  # a picture that cannot be marked is tried as it is
        return pixels


# ---------------------------------------------------------------- reporting


def _report(results: Sequence[CaseResult]) -> tuple[str, bool]:
    """The tables, and whether nothing was accepted and no p-values are too small."""
    pairs = sum(len(result.p_values) for result in results if result.kind != OTHER_KEY)
    accepted = sum(result.accepted for result in results)
    samples = {kind: p_values(results, kind) for kind in VARIANTS}
    samples[_SYNCHRONISATION] = [
        result.synchronisation_p_value for result in results if result.kind != OTHER_KEY
    ]
    table, calibrated = calibration(samples, untested=(_SYNCHRONISATION,))
    shortfall = f" (fewer than the {WANTED_PAIRS} asked for)" if pairs < WANTED_PAIRS else ""
    parts = [
        f"{pairs} pairs of unmarked picture and random key{shortfall}",
        summary(results, list(VARIANTS)),
        table,
        _LEGEND,
        smallest(results),
        f"Accepted: {accepted}. p-values are {'not ' if calibrated else ''}smaller than uniform.",
    ]
    return "\n\n".join(parts), calibrated and not accepted


if __name__ == "__main__":
    main()
