"""Long films made of short clips, with sound."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.ffmpeg import run_ffmpeg
from benchmarks.video_edits import SHORT_SIDE

__all__ = ["make_film"]

_CRF: Final = 20


def make_film(clip: Path, target: Path, *, lines: int, length_s: float) -> None:
    """Repeat the clip, H.264 of so many lines, over pink noise in AAC.

    The clip is encoded once; its packets are repeated.

    Args:
        clip: Any film.
        target: The new file, MP4.
        lines: Pixels of its short side.
        length_s: Of the whole.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        once = Path(folder, "once.mp4")
        scaled = ("-vf", SHORT_SIDE.format(lines), "-pix_fmt", "yuv420p")
        encoder = ("-c:v", "libx264", "-preset", "veryfast", "-crf", str(_CRF))
        run_ffmpeg(["-i", clip, "-map", "0:v:0", *scaled, *encoder, once])
        noise = f"anoisesrc=color=pink:amplitude=0.2:sample_rate=48000:duration={length_s}"
        sources = ("-stream_loop", "-1", "-i", once, "-f", "lavfi", "-i", noise)
        mapped = ("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "128k")
        run_ffmpeg([*sources, *mapped, "-t", f"{length_s}", target])
