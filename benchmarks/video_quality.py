"""How visible the mark is: of the marked frames themselves, before any encoder.

    python -m benchmarks.video_quality CLIPS_DIR --pictures sheets

Each clip's seconds from the middle are decoded, marked frame after frame, and compared. VMAF and
XPSNR want an FFmpeg with libvmaf: install imageio-ffmpeg. With ``--pictures``, one sheet a clip is
written for people to look at: three frames as they were, marked, and the difference enlarged
twentyfold, each beside a window of it at twice the size, and the change of the mark to the next
frame enlarged hundredfold.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import video_clips
from benchmarks.command import add_marking_options, benchmark_parser, publish
from benchmarks.image_attacks import Pixels
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.outcomes import target
from benchmarks.tables import markdown_table
from benchmarks.video_clips import CORPORA, Kind
from benchmarks.video_marking import choose_marker
from benchmarks.video_measures import Plane, Quality, measure
from benchmarks.workers import as_measured
from labeler.codec.keys import PUBLIC_KEY
from labeler.errors import CapacityError
from labeler.strength import Strength

_LEAST_PSNR_DB: Final = 44.0
_LEAST_VMAF: Final = 94.5
_MOST_FLICKER: Final = 0.35
_SHEET_FRAMES: Final = (0.2, 0.5, 0.8)
_WINDOW_PX: Final = 180
_GAIN: Final = 20
_FLICKER_GAIN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know about one clip."""

    path: Path
    length_s: float
    strength: Strength
    secret_key: bool
    seed: int
    sheets: Path | None
    """Folder for pictures, if they are wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One clip."""

    clip: str
    kind: Kind
    width: int
    height: int
    refusal: str | None
    """Why it could not be marked; None where it could."""
    quality: Quality | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    tasks = [
        Task(
            path=path,
            length_s=options.seconds,
            strength=options.strength,
            secret_key=options.key == "secret",
            seed=options.seed,
            sheets=options.pictures,
        )
        for path in video_clips.find(options.folder, options.clips)
    ]
    results = []
    for result in as_measured(_measure, tasks, jobs=options.jobs):
        results.append(result)
        print(f"[{len(results)}/{len(tasks)}] {result.clip}", file=sys.stderr, flush=True)
    results.sort(key=lambda result: result.clip)
    publish(options, _report(results, options.strength), list(map(_as_json, results)))


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("video_quality", __doc__, media="clips")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each clip (default: 3)")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write sheets here")
    add_marking_options(parser, each="clip")
    return parser


def _as_json(result: Result) -> dict[str, object]:
    document = asdict(result)
    if result.quality is not None:
        values = asdict(result.quality).items()
        finite = {name: value if math.isfinite(value) else None for name, value in values}
        document["quality"] = finite
    return document


# ---------------------------------------------------------------- measuring


def _measure(task: Task) -> Result:
    random = random_for(task.seed, task.path.stem)
    payload = random_payload(random)
    key = random_key(random) if task.secret_key else PUBLIC_KEY
    form = video_clips.form(task.path)

    def marker() -> Callable[[Plane], Plane]:
        mark = choose_marker(task.path, payload, key, strength=task.strength).mark
        return lambda luma: np.asarray(mark(luma), np.uint8)

    quality, refusal = None, None
    try:
        lumas = (_luma(frame) for frame in _frames(task.path, task.length_s))
        quality = measure(lumas, marker(), Fraction(form.rate_hz).limit_denominator(1001))
        if task.sheets:
            sheet = _sheet(_frames(task.path, task.length_s), marker(), form.rate_hz, task.length_s)
            Image.fromarray(sheet).save(task.sheets / f"{task.path.stem}.png")
    except CapacityError as error:
        refusal = str(error)
    return Result(
        clip=task.path.stem,
        kind=video_clips.kind(task.path),
        width=form.width,
        height=form.height,
        refusal=refusal,
        quality=quality,
    )


def _frames(path: Path, length_s: float) -> Iterator[Plane]:
    """Frames from the middle, uint8 ``(1.5 H, W)``: luma above both chroma planes."""
    form = video_clips.form(path)
    count = max(2, round(form.rate_hz * length_s))
    first = max(0, round(form.rate_hz * form.duration_s) - count) // 2
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[0])
        for frame in itertools.islice(frames, first, first + count):
            yield np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)


def _luma(frame: Plane) -> Plane:
    return np.ascontiguousarray(frame[: frame.shape[0] * 2 // 3])


# ---------------------------------------------------------------- pictures for people


def _sheet(
    frames: Iterator[Plane], mark: Callable[[Plane], Plane], rate_hz: float, length_s: float
) -> Pixels:
    """Rows of original, marked, difference, and change of the difference; whole and enlarged."""
    wanted = [round(part * rate_hz * length_s) for part in _SHEET_FRAMES]
    rows: list[Pixels] = []
    last: NDArray[Any] | None = None
    for index, frame in enumerate(frames):
        luma = _luma(frame)
        marked = mark(luma)
        difference = marked.astype(np.int16) - luma
        if index in wanted and last is not None:
            coloured = frame.copy()
            coloured[: len(luma)] = marked
            pictures = (
                cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420),
                cv2.cvtColor(coloured, cv2.COLOR_YUV2RGB_I420),
                _enlarged(difference, _GAIN),
                _enlarged(difference - last, _FLICKER_GAIN),
            )
            rows.append(_row([np.asarray(picture, np.uint8) for picture in pictures]))
        last = difference
    return np.vstack(rows)


def _enlarged(difference: NDArray[Any], gain: int) -> Pixels:
    grey = np.clip(128 + gain * difference.astype(np.int32), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _row(pictures: Sequence[Pixels]) -> Pixels:
    """The pictures at the windows' height, each with a window from its middle at twice the size."""
    height = 2 * _WINDOW_PX
    cells = []
    for picture in pictures:
        top = (picture.shape[0] - _WINDOW_PX) // 2
        left = (picture.shape[1] - _WINDOW_PX) // 2
        window = picture[max(0, top) :, max(0, left) :][:_WINDOW_PX, :_WINDOW_PX]
        width = round(picture.shape[1] * height / picture.shape[0])
        whole = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        doubled = cv2.resize(window, (height, height), interpolation=cv2.INTER_NEAREST)
        cells += [np.asarray(whole, np.uint8), np.asarray(doubled, np.uint8)]
    return np.hstack(cells)


# ---------------------------------------------------------------- reporting


def _report(results: Sequence[Result], strength: str) -> str:
    marked = [(result, result.quality) for result in results if result.quality is not None]
    parts = [f"{len(marked)} clips, strength {strength}, the mark alone"]
    if refused := [f"{each.clip} ({each.refusal})" for each in results if each.refusal]:
        parts.append(f"Not marked: {'; '.join(refused)}")
    if marked:
        parts += [_target_table(marked), _clip_table(marked)]
    return "\n\n".join(parts)


def _target_table(marked: Sequence[tuple[Result, Quality]]) -> str:
    rows: list[tuple[str, ...]] = []
    for corpus, kinds in CORPORA.items():
        qualities = [quality for result, quality in marked if result.kind in kinds]
        if qualities:
            rows += _target_rows(f"mean, {corpus}", qualities, statistics.mean, statistics.mean)
            rows += _target_rows(f"worst, {corpus}", qualities, min, max)
    return markdown_table(("target", "measured", "wanted", "met"), rows)


def _target_rows(
    which: str,
    qualities: Sequence[Quality],
    low: Callable[[Iterable[float]], float],
    high: Callable[[Iterable[float]], float],
) -> Iterator[tuple[str, ...]]:
    psnr = round(low(quality.psnr_db for quality in qualities), 2)
    met = psnr >= _LEAST_PSNR_DB
    yield target(f"luma PSNR, {which}", f"{psnr:.2f} dB", f"≥ {_LEAST_PSNR_DB:g}", met=met)
    known = [quality.vmaf for quality in qualities if math.isfinite(quality.vmaf)]
    if known:
        vmaf = low(known)
        met = vmaf >= _LEAST_VMAF
        yield target(f"VMAF, {which}", f"{vmaf:.1f}", f"≥ {_LEAST_VMAF}", met=met)
    flicker = high(quality.flicker for quality in qualities)
    met = flicker <= _MOST_FLICKER
    yield target(f"flicker, {which}", f"{flicker:.2f}", f"≤ {_MOST_FLICKER}", met=met)


def _clip_table(marked: Sequence[tuple[Result, Quality]]) -> str:
    rows = []
    for result, quality in marked:
        cells = (
            f"{result.width} x {result.height}",
            f"{quality.psnr_db:.2f}",
            f"{quality.ssim:.4f}",
            f"{quality.vmaf:.1f}",
            f"{quality.vmaf_least:.1f}",
            f"{quality.xpsnr_db:.1f}",
            f"{quality.strength:.2f}",
            f"{quality.flicker:.2f}",
            f"{quality.flicker_static:.2f}",
            f"{quality.motion:.1f}",
        )
        rows.append((result.clip, *cells))
    header = ("clip", "size", "PSNR dB", "SSIM", "VMAF", "least", "XPSNR dB", "rms")
    return markdown_table((*header, "flicker", "where static", "film's own change"), rows)


if __name__ == "__main__":
    main()
