"""Look for marks that are not there: many unmarked films, each with many random keys.

    python -m benchmarks.video_false_positives CLIPS_DIR --jobs 2

The clips of the folder and generated films (noise, gradients, and periodic patterns, which look
most like a mark's tiles, at rest and panning) go through everyday damage and then through the whole
blind search, each with many keys at a time. A third kind of film carries the mark of *another* key:
the geometry is then exactly right, and only the key is wrong.

For unmarked media, a p-value at most ``a`` must not come up more often than ``a``: the counts are
held against the binomial distribution of a uniform p-value. Ends with exit code 1 if a pair was
accepted, or if p-values are smaller than uniform ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks import video_clips
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
from benchmarks.ffmpeg import run_ffmpeg
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.synthetic_pictures import SYNTHETIC
from benchmarks.video_attacks import ATTACKS
from benchmarks.video_reading import detect_all
from detectors.report import Presence
from labeler.errors import CapacityError
from labeler.marks.video import embed_file

WANTED_PAIRS: Final = 2_000
_SYNCHRONISATION: Final = "synchronisation, unmarked"
_LEGEND: Final = (
    "P(count) is the probability of at least so many if p-values were uniform; the interval "
    "(Clopper and Pearson, 95 %) is that of the true rate. The synchronisation knows no "
    "key: it has one p-value for each case, and the variants of one film resemble each other."
)
_EXCERPT_S: Final = 4.0
_RATE_HZ: Final = 10
_FRAMES: Final = 20
_PAN_PX: Final = (3, 2)
"""Right and down, from frame to frame."""
_STILL: Final = "still"

UNMARKED: Final = "clips"
GENERATED: Final = "generated"
OTHER_KEY: Final = "marked with another key"
VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    UNMARKED: (
        *("unchanged", "h264-32", "h264-40", "h264-400k", "resize-360", "resize-240", "crop-50"),
        *("crop-25", "crop-25-zoomed", "vertical-9x16", "squeeze-4x3", "letterbox", "rotate-3"),
        *("average-9", "excerpt-1", "denoise", "noise-12", "overlay", "screenshot-jpeg"),
        *("screen-recording", "messenger"),
    ),
    GENERATED: ("still, h264-28", "still, h264-40", "panning, h264-28", "panning, h264-40"),
    OTHER_KEY: ("unchanged", "h264-32", "resize-360", "rotate-3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult(KeyTrials):
    """What the detector said about one case, with all keys and before any."""

    synchronisation_p_value: float
    """The p-value of the part of the search that knows no key."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether all is well."""
    options = _parser().parse_args(arguments)
    found = video_clips.find(options.folder, options.clips)
    clips = {path.stem: str(path) for path in found}
    sources = dict.fromkeys(VARIANTS, clips) | {GENERATED: {maker: maker for maker in SYNTHETIC}}
    chosen = {kind: sources[kind] for kind in options.kinds}
    cases = cases_of(chosen, VARIANTS, keys=options.keys, seed=options.seed)
    results = measured(_measure, cases, jobs=options.jobs)
    report, passed = _report(results)
    publish(options, report, [asdict(result) for result in results])
    sys.exit(0 if passed else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("video_false_positives", __doc__, media="clips")
    parser.add_argument("--keys", type=int, default=20, help="random keys a case (default: 20)")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=tuple(VARIANTS),
        default=tuple(VARIANTS),
        help="default: all",
    )
    return parser


# ---------------------------------------------------------------- measuring


def _measure(case: Case) -> CaseResult:
    # The kind and the clip's name, not its path: results must not depend on where a folder lies.
    label = f"{case.kind}, {case.name}"
    random = random_for(case.seed, label)
    keys = [random_key(random) for _ in range(case.keys)]
    with tempfile.TemporaryDirectory(prefix="video-false-positives-") as folder:
        try:
            detections = detect_all(_film(case, random, Path(folder)), keys)
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


def _film(case: Case, random: np.random.Generator, folder: Path) -> Path:
    """The film of the case, after its damage."""
    source = folder / "source.mp4"
    if case.kind == GENERATED:
        motion, damage = case.damage.split(", ")
        _generate(case.source, source, random, still=motion == _STILL)
    else:
        damage = case.damage
        video_clips.excerpt(Path(case.source), source, length_s=_EXCERPT_S)
    if case.kind == OTHER_KEY:
        source = _marked(source, random)
    (folder / "damaged").mkdir()
    return ATTACKS[damage](source, folder / "damaged")


def _generate(maker: str, target: Path, random: np.random.Generator, *, still: bool) -> None:
    """Film a generated picture, at rest or panning over it and its repetitions."""
    luma = cv2.cvtColor(SYNTHETIC[maker](random), cv2.COLOR_RGB2GRAY)
    right, down = (0, 0) if still else _PAN_PX
    frames = [np.roll(luma, (down * at, right * at), axis=(0, 1)) for at in range(_FRAMES)]
    height, width = luma.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", str(_RATE_HZ)]
    encoder = ["-c:v", "libx264", "-crf", "10", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    run_ffmpeg([*raw, "-i", "-", *encoder, target], data=np.stack(frames).tobytes())


def _marked(source: Path, random: np.random.Generator) -> Path:
    target = source.with_name("marked.mp4")
    try:
        embed_file(source, target, random_payload(random), random_key(random))
    except CapacityError:  # a clip that cannot be marked is tried as it is
        return source
    return target


# ---------------------------------------------------------------- reporting


def _report(results: Sequence[CaseResult]) -> tuple[str, bool]:
    """The tables, and whether nothing was accepted and no p-values are too small."""
    pairs = sum(result.pairs for result in results if result.kind != OTHER_KEY)
    accepted = sum(result.accepted for result in results)
    kinds = list(dict.fromkeys(result.kind for result in results))
    samples = {kind: p_values(results, kind) for kind in kinds}
    samples[_SYNCHRONISATION] = [
        result.synchronisation_p_value for result in results if result.kind != OTHER_KEY
    ]
    table, calibrated = calibration(samples, untested=(_SYNCHRONISATION,))
    shortfall = f" (fewer than the {WANTED_PAIRS} asked for)" if pairs < WANTED_PAIRS else ""
    parts = [
        f"{pairs} pairs of unmarked film and random key{shortfall}",
        summary(results, kinds),
        table,
        _LEGEND,
        smallest(results),
        f"Accepted: {accepted}. p-values are {'not ' if calibrated else ''}smaller than uniform.",
    ]
    return "\n\n".join(parts), calibrated and not accepted


if __name__ == "__main__":
    main()
