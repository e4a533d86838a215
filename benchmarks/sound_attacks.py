"""What happens to sound on its way: codecs, filters, noise, other sound, cuts, other speeds.

A detector gets the result as it is: nothing is aligned or played back at its former speed. The
numbers in the names are bit rates in kbit/s, signal-to-noise ratios in dB, seconds, Hz, and factors
(above 1 is faster or higher).

    damaged, rate_hz = ATTACKS["mp3-64"](samples, rate_hz)
    damaged, rate_hz = attacks(folder)["music-10"](samples, rate_hz)
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import sound_clips
from benchmarks.sound_clips import MUSIC, SPEECH
from benchmarks.sound_edits import (
    Attack,
    Clip,
    Sound,
    add_pink_noise,
    add_sound,
    add_white_noise,
    band,
    clip_peaks,
    crop,
    cut_regularly,
    drop_samples,
    echo,
    embed_in,
    equalise,
    filtered,
    gain,
    invert,
    median,
    mono,
    quantise,
    recode,
    resample,
    reverberate,
    shuffle,
    speed,
    telephone,
    unchanged,
)

__all__ = ["ATTACKS", "GROUPS", "NAMES", "OTHERS", "Attack", "Clip", "Sound", "attacks"]

_COMPRESSOR: Final = "acompressor=threshold=-24dB:ratio=6:attack=5:release=80:makeup=2"


def _mp3(kilobits: int) -> Attack:
    return recode("libmp3lame", "mp3", "-b:a", f"{kilobits}k")


def _aac(kilobits: int) -> Attack:
    return recode("aac", "adts", "-b:a", f"{kilobits}k")


def _opus(kilobits: int) -> Attack:
    return recode("libopus", "ogg", "-b:a", f"{kilobits}k", "-ar", "48000")


ATTACKS: Final[dict[str, Attack]] = {
    "unchanged": unchanged,
    # Recompression
    "mp3-320": _mp3(320),
    "mp3-128": _mp3(128),
    "mp3-64": _mp3(64),
    "mp3-32": _mp3(32),
    "aac-128": _aac(128),
    "aac-64": _aac(64),
    "opus-64": _opus(64),
    "opus-32": _opus(32),
    "opus-16": _opus(16),
    "vorbis-q1": recode("libvorbis", "ogg", "-q:a", "1"),
    # Rate and band
    "resample-16000": resample(16000),
    "resample-8000": resample(8000),
    "telephone": telephone,
    "low-pass-4000": band(None, 4000),
    "high-pass-500": band(500, None),
    # Noise
    "white-40": add_white_noise(40),
    "white-30": add_white_noise(30),
    "white-20": add_white_noise(20),
    "white-10": add_white_noise(10),
    "pink-20": add_pink_noise(20),
    "pink-10": add_pink_noise(10),
    # Level, colour, room
    "gain-minus-12": gain(-12),
    "gain-plus-6": gain(6),
    "clip-0.3": clip_peaks(0.3),
    "compressor": filtered(_COMPRESSOR),
    "equaliser-6": equalise(6),
    "echo": echo(0.15, 0.4),
    "reverb": reverberate(0.5),
    # Cropping
    "crop-10": crop(10),
    "crop-5": crop(5),
    "crop-3": crop(3),
    "crop-2": crop(2),
    "crop-1": crop(1),
    # Speed (resampling), tempo (pitch kept), pitch (tempo kept)
    **{f"tempo-{factor}": filtered(f"atempo={factor}") for factor in (0.98, 1.02)},
    **{f"tempo-{factor}": filtered(f"atempo={factor}") for factor in (0.95, 1.05, 0.9, 1.1)},
    **{f"speed-{factor}": speed(factor) for factor in (0.98, 1.02, 0.95, 1.05, 0.9, 1.1)},
    **{f"pitch-{f}": filtered(f"rubberband=pitch={f}") for f in (0.98, 1.02, 0.95, 1.05)},
    "pitch-1.03+tempo-0.97": filtered("rubberband=pitch=1.03:tempo=0.97"),
    # Editing
    "drop-samples": drop_samples(0.01),
    "cut-40-ms": cut_regularly(0.04, 1.0),
    "8-bit": quantise(127),
    "median-3": median(3),
    "denoise": filtered("afftdn=nr=12:nf=-40"),
    "shuffle-3": shuffle(3),
    "mono": mono,
    "invert": invert,
}
"""Every attack by name that needs no other sound."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "core": (
        *("unchanged", "mp3-320", "mp3-128", "mp3-64", "aac-128", "opus-64"),
        *("resample-16000", "resample-8000", "telephone", "low-pass-4000", "high-pass-500"),
        *("white-40", "white-30", "gain-minus-12", "gain-plus-6", "clip-0.3", "compressor"),
        *("equaliser-6", "reverb", "crop-10"),
        *(name for name in ATTACKS if name.startswith(("tempo-", "speed-"))),
        *("pitch-0.98", "pitch-1.02", "pitch-0.95", "pitch-1.05"),
        *("drop-samples", "cut-40-ms", "8-bit", "median-3", "denoise", "shuffle-3", "mono"),
        "invert",
    ),
    "codecs": ("aac-64", "opus-32"),
    "hard": ("white-20", "crop-5", "music-10", "echo"),
    "extreme": ("mp3-32", "opus-16", "white-10", "6-in-30"),
    "presence-3": ("crop-3",),
    "presence-2": ("crop-2",),
    "joint": ("pitch-1.03+tempo-0.97",),
}
"""The attacks that targets are set for, by target."""


def attacks(folder: Path, *, besides: str = "") -> dict[str, Attack]:
    """All attacks, those with other sound included.

    Args:
        folder: Clips; names that begin with ``mu_`` hold music, with ``sp_`` speech.
        besides: The name of the clip under attack: it does not serve as its own background.

    Raises:
        SystemExit: The folder holds no other clip with music, or none with speech.
    """
    other = partial(_other_clip, folder, besides)
    return ATTACKS | {
        "music-10": add_sound(other(MUSIC, "mu_demucs"), 10),
        "speech-10": add_sound(other(SPEECH, "sp_librivox"), 10),
        "music-0": add_sound(other(MUSIC, "mu_strauss"), 0),
        "6-in-30": embed_in(other(MUSIC, "mu_steely"), kept_s=6, at_s=12.3, whole_s=30),
    }


NAMES: Final = (*ATTACKS, "music-10", "speech-10", "music-0", "6-in-30")
"""The names of all attacks."""

OTHERS: Final = tuple(name for name in NAMES if name not in sum(GROUPS.values(), ()))
"""The attacks that no target is set for."""


def _other_clip(folder: Path, besides: str, kind: str, preferred: str) -> partial[Clip]:
    """A loader of ``preferred``, or of the clip of its kind that follows in the alphabet."""
    names = {path.stem: path for path in sound_clips.find(folder)}
    fitting = sorted(name for name in names if name.startswith(kind) and name != besides)
    if not fitting:
        raise SystemExit(f"{folder}: no clip but {besides} has a name that begins with {kind}")
    chosen = next((name for name in fitting if name >= preferred), fitting[0])
    return partial(sound_clips.load, names[chosen])
