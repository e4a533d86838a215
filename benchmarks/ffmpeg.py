"""Running FFmpeg, on one thread, so that two workers fit on two cores."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

__all__ = ["quality_ffmpeg", "run_ffmpeg"]


def run_ffmpeg(
    arguments: Sequence[str | Path], *, data: bytes = b"", program: str | Path = "ffmpeg"
) -> bytes:
    """What FFmpeg writes to standard output.

    Args:
        arguments: All but the program's name.
        data: For standard input.
        program: Which FFmpeg.

    Raises:
        RuntimeError: It failed; with its own words.
    """
    options = ("-v", "error", "-y", "-nostdin", "-threads", "1", "-filter_threads", "1")
    command = [str(program), *options, *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


@cache
def quality_ffmpeg() -> Path | None:
    """An FFmpeg with libvmaf: that of the package imageio-ffmpeg, or the one on the path.

    Debian's has no libvmaf.
    """
    candidates = [shutil.which("ffmpeg")]
    with contextlib.suppress(ImportError):
        candidates.insert(0, importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    for program in filter(None, candidates):
        if b" libvmaf " in run_ffmpeg(["-filters"], program=program):
            return Path(program)
    return None
