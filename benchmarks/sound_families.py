"""Sounds of one family: sentences by one synthetic voice, tunes of one drum kit in one tempo.

They are unrelated, and yet have more in common than other sounds: what tells sounds apart has to
tell these apart.
"""

from __future__ import annotations

import io
import subprocess
from typing import Final

import numpy as np
import soundfile

from benchmarks.sound_edits import Clip

__all__ = ["sentence", "tune"]

_WORDS: Final = (
    "the of and to in is you that it he was for on are as with his they at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him"
)
_WORDS_A_SECOND: Final = 3.25
"""A few more than the voice says."""


def sentence(random: np.random.Generator, length_s: float) -> Clip:
    """Everyday words by one voice of espeak-ng; not shorter than ``length_s``, or hardly."""
    text = " ".join(random.choice(_WORDS.split(), round(length_s * _WORDS_A_SECOND)))
    command = ["espeak-ng", "-v", "en", "--stdout", text]
    done = subprocess.run(command, capture_output=True, check=True)
    samples, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float32", always_2d=True)
    return samples, rate_hz


def tune(random: np.random.Generator, length_s: float) -> Clip:
    """Notes of one scale, plucked on each beat of a drum, 120 a minute."""
    rate_hz, beat_s = 16_000, 0.5
    sound = np.zeros(int(length_s * rate_hz))
    for beat in range(int(length_s / beat_s)):
        start = int(beat * beat_s * rate_hz)
        time_s = np.arange(min(int(beat_s * rate_hz), len(sound) - start)) / rate_hz
        note_hz = 220 * 2 ** (random.choice([0, 2, 4, 5, 7, 9, 11]) / 12)
        part = 0.5 * np.sin(2 * np.pi * 60 * time_s) * np.exp(-20 * time_s)
        part += 0.2 * random.standard_normal(len(time_s)) * np.exp(-60 * time_s)
        for harmonic in range(1, 8):
            tone = np.sin(2 * np.pi * note_hz * harmonic * time_s)
            part += 0.15 / harmonic * tone * np.exp(-4 * time_s)
        sound[start : start + len(time_s)] += part
    return (0.5 * sound[:, None]).astype(np.float32), rate_hz
