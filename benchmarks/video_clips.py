"""Films from a folder, for the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import av

from benchmarks.ffmpeg import run_ffmpeg
from benchmarks.folders import find_media

__all__ = ["CORPORA", "LARGE_LINES", "Form", "Kind", "excerpt", "find", "form", "kind"]

_SUFFIXES: Final = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
_FLAT: Final = "flat"
LARGE_LINES: Final = 480
_SMALL_LINES: Final = 300
_NEAR_LOSSLESS_CRF: Final = "10"


class Kind(StrEnum):
    """What may be expected of a clip."""

    LARGE = "480 lines and more"
    MEDIUM = "300 to 479 lines"
    SMALL = "below 300 lines"
    FLAT = "flat graphics"
    """Clips whose names begin with ``flat``, of any size."""


CORPORA: Final[dict[str, tuple[Kind, ...]]] = {
    "480 lines and more": (Kind.LARGE,),
    "300 lines and more": (Kind.LARGE, Kind.MEDIUM),
}
"""Kinds of clips that targets are set for; the first is the one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a film is."""

    width: int
    """Pixels."""
    height: int
    rate_hz: float
    """Frames a second, on the whole."""
    duration_s: float

    @property
    def lines(self) -> int:
        """The short side, pixels."""
        return min(self.width, self.height)


def find(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The clips in ``folder``, or those named; see `find_media`."""
    return find_media(folder, names, suffixes=_SUFFIXES, medium="clip")


def form(path: Path) -> Form:
    """The form of the film's first picture track."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        duration_s = float((container.duration or 0) / av.time_base)
        return Form(
            width=stream.width,
            height=stream.height,
            rate_hz=float(stream.average_rate or stream.guessed_rate or 0),
            duration_s=duration_s,
        )


def kind(path: Path) -> Kind:
    """What may be expected of the clip."""
    if path.stem.startswith(_FLAT):
        return Kind.FLAT
    lines = form(path).lines
    if lines >= LARGE_LINES:
        return Kind.LARGE
    return Kind.SMALL if lines < _SMALL_LINES else Kind.MEDIUM


def excerpt(source: Path, target: Path, *, length_s: float) -> None:
    """Write so many seconds from the middle of ``source``, or all of it, without sound.

    The excerpt is H.264, near lossless, whatever the source is.
    """
    start_s = max(0.0, (form(source).duration_s - length_s) / 2)
    seek = ["-ss", f"{start_s:.3f}", "-t", f"{length_s:.3f}"]
    quality = ["-preset", "veryfast", "-crf", _NEAR_LOSSLESS_CRF]
    encoder = ["-map", "0:v:0", "-c:v", "libx264", *quality, "-threads", "1"]
    run_ffmpeg([*seek, "-i", source, *encoder, target])
