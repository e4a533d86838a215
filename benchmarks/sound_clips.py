"""Clips of sound from a folder, for the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from benchmarks.folders import find_media
from benchmarks.sound_edits import Clip, Sound

__all__ = ["MUSIC", "SPEECH", "find", "is_speech", "load", "rounded"]

SPEECH: Final = "sp_"
MUSIC: Final = "mu_"
"""How names of clips with speech alone, or music alone, begin."""

_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff"})


def find(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The clips in ``folder``, or those named; see `find_media`."""
    return find_media(folder, names, suffixes=_SUFFIXES, medium="clip")


def is_speech(name: str) -> bool:
    """Whether the clip of this name holds speech alone."""
    return name.startswith(SPEECH)


@lru_cache(maxsize=4)
def load(path: Path) -> Clip:
    """The clip as float32 ``(n, channels)``, read-only, and its rate in Hz."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    samples.flags.writeable = False
    return samples, rate_hz


def rounded(samples: Sound) -> Sound:
    """The samples as a 16-bit file would hold them."""
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.float32) / np.float32(32768)
