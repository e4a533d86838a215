"""Single edits of films, and chains of them: what the attacks are made of.

Every edit reads a file, makes a new one in a folder with FFmpeg, and gives its path. Pictures alone
are kept. Where nothing else is said, the result is H.264 at CRF 23, preset veryfast.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.ffmpeg import run_ffmpeg
from benchmarks.video_clips import form

__all__ = [
    "AVERAGE",
    "SHORT_SIDE",
    "Attack",
    "av1",
    "chain",
    "crop",
    "excerpt",
    "filtered",
    "gif",
    "h264",
    "h264_capped",
    "h265",
    "screenshot",
    "unchanged",
    "vp9",
]

Attack: TypeAlias = Callable[[Path, Path], Path]
"""From a file, and a folder for the new one, to the new one."""

SHORT_SIDE: Final = "scale='if(lt(iw,ih),{0},-2)':'if(lt(iw,ih),-2,{0})'"
"""Filter that gives the short side so many pixels."""
AVERAGE: Final = "tmix=frames={0}"
"""Filter that averages so many frames."""

_PLAIN_CRF: Final = 23


def unchanged(source: Path, _folder: Path) -> Path:
    """The same file."""
    return source


def chain(*attacks: Attack) -> Attack:
    """One attack after the other."""

    def attack(source: Path, folder: Path) -> Path:
        for each in attacks:
            source = each(source, folder)
        return source

    return attack


# ---------------------------------------------------------------- recompression


def _recode(*options: str, suffix: str = ".mp4") -> Attack:
    def attack(source: Path, folder: Path) -> Path:
        return _encode(source, folder, options, suffix=suffix)

    return attack


def _encode(
    source: Path,
    folder: Path,
    options: tuple[str, ...],
    *,
    seek: tuple[str, ...] = (),
    suffix: str = ".mp4",
) -> Path:
    target = folder / f"{len(list(folder.iterdir()))}{suffix}"
    run_ffmpeg([*seek, "-i", source, "-map", "0:v:0", *options, "-threads", "1", target])
    return target


def _h264_options(crf: int) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "veryfast", "-crf", str(crf), "-pix_fmt", "yuv420p")


def h264(crf: int) -> Attack:
    """H.264 by x264, preset veryfast."""
    return _recode(*_h264_options(crf))


def h264_capped(kilobits: int) -> Attack:
    """H.264 at no more than so many kbit/s."""
    rates = ("-b:v", f"{kilobits}k", "-maxrate", f"{kilobits}k", "-bufsize", f"{2 * kilobits}k")
    return _recode("-c:v", "libx264", "-preset", "veryfast", *rates, "-pix_fmt", "yuv420p")


def h265(crf: int) -> Attack:
    """H.265 by x265, preset veryfast."""
    parameters = "log-level=error:pools=1:frame-threads=1"
    return _recode("-c:v", "libx265", "-preset", "veryfast", "-x265-params", parameters,
                   "-crf", str(crf), "-pix_fmt", "yuv420p")  # fmt: skip


def vp9(crf: int) -> Attack:
    """VP9 by libvpx at its fastest but one, constant quality."""
    speed = ("-deadline", "realtime", "-cpu-used", "7")
    return _recode("-c:v", "libvpx-vp9", "-crf", str(crf), "-b:v", "0", *speed, suffix=".webm")


def av1(crf: int) -> Attack:
    """AV1 by SVT-AV1, preset 10."""
    return _recode("-c:v", "libsvtav1", "-preset", "10", "-crf", str(crf),
                   "-svtav1-params", "lp=1", "-pix_fmt", "yuv420p")  # fmt: skip


# ---------------------------------------------------------------- geometry, tone, time


def filtered(description: str, *, crf: int = _PLAIN_CRF, own_times: bool = False) -> Attack:
    """FFmpeg's video filters, and H.264.

    Args:
        description: The chain of filters.
        crf: Of the encoder.
        own_times: Whether frames keep their times where some are gone; if not, FFmpeg repeats
            frames to keep the rate.
    """
    passthrough = ("-fps_mode", "vfr") if own_times else ()
    return _recode("-vf", description, *passthrough, *_h264_options(crf))


def crop(area: float, x: float, y: float) -> str:
    """A filter that keeps a window with the picture's aspect and ``area`` (0 to 1) of its area.

    Args:
        area: Share that is kept.
        x: Where the window lies: 0 at the left, 1 at the right.
        y: Likewise, 0 at the top.
    """
    side = area**0.5
    size = f"trunc(iw*{side:.4f}/2)*2:trunc(ih*{side:.4f}/2)*2"
    return f"crop={size}:(iw-ow)*{x}:(ih-oh)*{y}"


def excerpt(length_s: float, *, crf: int) -> Attack:
    """So many seconds from the middle."""

    def attack(source: Path, folder: Path) -> Path:
        start_s = max(0.0, (form(source).duration_s - length_s) / 2)
        seek = ("-ss", f"{start_s:.3f}", "-t", f"{length_s:.3f}")
        return _encode(source, folder, _h264_options(crf), seek=seek)

    return attack


def screenshot(suffix: str, *options: str) -> Attack:
    """One frame from the middle, as a picture."""

    def attack(source: Path, folder: Path) -> Path:
        seek = ("-ss", f"{form(source).duration_s / 2:.3f}")
        return _encode(source, folder, ("-frames:v", "1", *options), seek=seek, suffix=suffix)

    return attack


def gif(width: int, rate_hz: int) -> Attack:
    """An animated GIF with a palette of its own."""
    scaled = f"fps={rate_hz},scale={width}:-2:flags=lanczos,split[a][b]"
    return _recode("-vf", f"{scaled};[a]palettegen[p];[b][p]paletteuse", suffix=".gif")
