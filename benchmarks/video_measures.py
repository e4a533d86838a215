"""How close marked frames are to their originals, as eyes judge it, and how still the mark is.

Frames go through no encoder: the numbers are of the mark alone.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.ffmpeg import quality_ffmpeg, run_ffmpeg
from benchmarks.quality import luma_ssim

__all__ = ["Plane", "Quality", "measure"]

Plane = NDArray[np.uint8]
"""Luma, ``(H, W)``."""

_PEAK: Final = 255.0
_SSIM_EVERY: Final = 5
"""Frames; SSIM hardly changes from one to the next."""
_STATIC_LEVELS: Final = 1.5
"""Where neighbouring frames differ by less on the mean over a neighbourhood, nothing moves."""
_NEIGHBOURHOOD_PX: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Measures of one marked clip; NaN where one could not be taken."""

    psnr_db: float
    """Luma, of the squared error over all frames."""
    ssim: float
    """Luma, mean of every fifth frame."""
    vmaf: float
    """Mean over frames, 0..100, of libvmaf's standard model."""
    vmaf_least: float
    """Of the worst frame."""
    xpsnr_db: float
    """XPSNR, luma."""
    strength: float
    """Root mean square of the mark, grey levels."""
    flicker: float
    """Root mean square of the mark's change from frame to frame, grey levels."""
    flicker_static: float
    """Likewise, of places where nothing moves; NaN where everything does."""
    motion: float
    """Root mean square of the film's own change from frame to frame, grey levels."""


def measure(
    originals: Iterable[Plane], mark: Callable[[Plane], Plane], rate_hz: Fraction
) -> Quality:
    """Mark the frames one after the other, and measure what that changed.

    Args:
        originals: uint8, all of the same shape.
        mark: Gives the marked frame; called once for each, in order.
        rate_hz: Frames a second.
    """
    still = _Stillness()
    similarity = []
    with (
        tempfile.TemporaryDirectory(prefix="video-quality-") as name,
        closing(_Y4m(Path(name, "original.y4m"), rate_hz)) as before,
        closing(_Y4m(Path(name, "marked.y4m"), rate_hz)) as after,
    ):
        for index, original in enumerate(originals):
            marked = mark(original)
            still.add(original, marked)
            if index % _SSIM_EVERY == 0:
                pair = (original.astype(np.float64), marked.astype(np.float64))
                similarity.append(luma_ssim(*pair))
            before.add(original)
            after.add(marked)
        before.close()
        after.close()
        vmaf, vmaf_least = _vmaf(after.path, before.path)
        xpsnr_db = _xpsnr_db(after.path, before.path)
    strength = still.strength()
    return Quality(
        psnr_db=20 * math.log10(_PEAK / strength) if strength else math.inf,
        ssim=statistics.mean(similarity),
        vmaf=vmaf,
        vmaf_least=vmaf_least,
        xpsnr_db=xpsnr_db,
        strength=strength,
        flicker=still.flicker(),
        flicker_static=still.flicker_static(),
        motion=still.motion(),
    )


# ---------------------------------------------------------------- the mark over time


class _Stillness:
    """Sums of squares of the mark, of its changes, and of the film's."""

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._sums = dict.fromkeys(("mark", "change", "static", "motion"), (0.0, 0))

    def add(self, original: Plane, marked: Plane) -> None:
        film = original.astype(np.float32)
        mark = marked.astype(np.float32) - film
        self._count("mark", mark)
        if self._last is not None:
            motion, change = film - self._last[0], mark - self._last[1]
            size = (_NEIGHBOURHOOD_PX, _NEIGHBOURHOOD_PX)
            static = cv2.blur(np.abs(motion), size) < _STATIC_LEVELS
            self._count("motion", motion)
            self._count("change", change)
            self._count("static", change[static])
        self._last = film, mark

    def _count(self, name: str, values: NDArray[np.float32]) -> None:
        total, count = self._sums[name]
        power = float(np.sum(np.square(values, dtype=np.float64)))
        self._sums[name] = total + power, count + values.size

    def _rms(self, name: str) -> float:
        total, count = self._sums[name]
        return math.sqrt(total / count) if count else math.nan

    def strength(self) -> float:
        return self._rms("mark")

    def flicker(self) -> float:
        return self._rms("change")

    def flicker_static(self) -> float:
        return self._rms("static")

    def motion(self) -> float:
        return self._rms("motion")


# ---------------------------------------------------------------- FFmpeg's measures


class _Y4m:
    """Writes luma planes as an uncompressed film without colour.

    Two such files have the same times, so that FFmpeg compares each frame with its own original.
    """

    def __init__(self, path: Path, rate_hz: Fraction) -> None:
        self.path = path
        self._rate_hz = rate_hz
        self._file = path.open("wb")

    def add(self, luma: Plane) -> None:
        height, width = luma.shape
        if not self._file.tell():
            rate = f"F{self._rate_hz.numerator}:{self._rate_hz.denominator}"
            header = f"YUV4MPEG2 W{width} H{height} {rate} Ip A1:1 C420jpeg\n"
            self._file.write(header.encode())
        grey = b"\x80" * (2 * (-(-height // 2) * -(-width // 2)))
        self._file.write(b"FRAME\n" + luma.tobytes() + grey)

    def close(self) -> None:
        self._file.close()


def _vmaf(marked: Path, original: Path) -> tuple[float, float]:
    log = marked.with_suffix(".json")
    if not _compare(f"libvmaf=log_fmt=json:log_path={log}:n_threads=1", marked, original):
        return math.nan, math.nan
    pooled = json.loads(log.read_text())["pooled_metrics"]["vmaf"]
    return float(pooled["mean"]), float(pooled["min"])


def _xpsnr_db(marked: Path, original: Path) -> float:
    log = marked.with_suffix(".log")
    if not _compare(f"xpsnr=stats_file={log}", marked, original):
        return math.nan
    average = re.search(r"average.* y: *([\d.]+|inf)", log.read_text())
    return float(average[1]) if average else math.nan


def _compare(description: str, marked: Path, original: Path) -> bool:
    """Whether there is an FFmpeg that can; it writes what it finds where the filter says."""
    program = quality_ffmpeg()
    if program is None:
        return False
    comparison = ("-lavfi", f"[0:v][1:v]{description}", "-f", "null", "-")
    run_ffmpeg(["-i", marked, "-i", original, *comparison], program=program)
    return True
