"""Make the sample sounds: a voice, a tune, and both together, in the formats that people use most.

    python samples/make_sounds.py [folder]

Nothing needs the script at run time. The voice says nothing: syllables of pulses and noise through
the resonances of vowels. Everything comes from seeded random generators.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]
"""``(n,)`` or ``(n, channels)`` samples, -1 to 1."""

RATE_HZ = 48_000
LENGTH_S = 14.0
SEED = 50

# Resonances of a, e, i, o, u and of an unstressed vowel, Hz.
VOWELS_HZ = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (500, 1500, 2500),
)
SCALE = (0, 2, 4, 7, 9)
CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))


def main() -> None:
    """Write every sample."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    spoken = voice(np.random.default_rng(SEED))
    played = tune(np.random.default_rng(SEED + 1))
    save(folder / "voice.flac", spoken[::2], RATE_HZ // 2, "flac")
    save(folder / "tune.mp3", played, RATE_HZ, "libmp3lame", bit_rate=128_000)
    both = 0.9 * spoken[:, None] + 0.25 * played
    save(folder / "announcement.ogg", both, RATE_HZ, "libopus", bit_rate=64_000)


def voice(random: np.random.Generator) -> Wave:
    """``(n,)`` syllables in phrases, with a breath between them."""
    sound = np.zeros(int(LENGTH_S * RATE_HZ))
    at_s = 0.15
    while at_s < LENGTH_S - 1.0:
        syllables = int(random.integers(5, 10))
        for index in range(syllables):
            length_s = float(random.uniform(0.13, 0.26)) * (1.5 if index == syllables - 1 else 1)
            start_hz = 165 - 45 * index / syllables + random.normal(0, 6)
            _add(sound, _syllable(random, length_s, start_hz), at_s)
            at_s += 0.92 * length_s
        at_s += float(random.uniform(0.25, 0.5))
    # What lies above the voice's own band is left out, so that half the rate holds all of it.
    return _normalised(_filtered(sound, [(11_000, 0.0)]), 0.6)


def _syllable(random: np.random.Generator, length_s: float, pitch_hz: float) -> Wave:
    count = int(length_s * RATE_HZ)
    time_s = np.arange(count) / RATE_HZ
    glide = pitch_hz * (1 + 0.06 * np.sin(np.pi * time_s / length_s) - 0.08 * time_s / length_s)
    phase = np.cumsum(glide + random.normal(0, 8, count)) / RATE_HZ
    pulses = np.diff(np.floor(phase), prepend=0.0)
    vowel = np.zeros(count)
    for resonance_hz, level in zip(
        VOWELS_HZ[random.integers(len(VOWELS_HZ))], (1, 0.6, 0.3), strict=True
    ):
        # A pulse rings at each resonance, and dies away in a few milliseconds.
        ring_s = np.arange(int(0.03 * RATE_HZ)) / RATE_HZ
        ring = np.sin(2 * np.pi * resonance_hz * ring_s) * np.exp(-2 * np.pi * 55 * ring_s)
        vowel += level * np.convolve(pulses, ring)[:count]
    vowel *= np.sin(np.pi * np.clip(time_s / length_s, 0, 1)) ** 0.5
    vowel += 0.01 * random.standard_normal(count) * np.abs(vowel)
    onset = random.standard_normal(count) * np.exp(-(((time_s - 0.02) / 0.015) ** 2))
    return vowel + 0.25 * random.uniform(0.2, 1) * np.diff(onset, prepend=0.0)


def tune(random: np.random.Generator) -> Wave:
    """``(n, 2)`` plucked strings over chords, and a soft drum."""
    sound = np.zeros((int(LENGTH_S * RATE_HZ), 2))
    beat_s = 60 / 104
    for beat in range(int(LENGTH_S / beat_s)):
        at_s = beat * beat_s
        chord = CHORDS[beat // 4 % len(CHORDS)]
        if beat % 4 == 0:
            for note in chord:
                _add(sound, 0.35 * _string(random, note - 12, 2.4), at_s, side=0.3)
        for half in range(2):
            if random.random() < (0.95, 0.6)[half]:
                note = int(random.choice(SCALE)) + 12 * int(random.integers(2))
                pluck = _string(random, note, 1.2) * random.uniform(0.5, 1)
                _add(sound, pluck, at_s + half * beat_s / 2, side=0.5 + 0.2 * (note % 5) / 5)
        _add(sound, _drum(random) * (1.0, 0.4, 0.7, 0.4)[beat % 4], at_s, side=0.5)
    return _normalised(sound, 0.7)


def _string(random: np.random.Generator, note: int, length_s: float) -> Wave:
    """A plucked string: harmonics that die away, the high ones sooner."""
    time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    pitch_hz = 220 * 2 ** (note / 12)
    sound = np.zeros(len(time_s))
    for harmonic in range(1, 16):
        stretched_hz = pitch_hz * harmonic * (1 + 1e-4 * harmonic**2)
        level = random.uniform(0.6, 1) / harmonic**1.2
        decay = np.exp(-time_s * (1.6 + 0.5 * harmonic))
        sound += level * decay * np.sin(2 * np.pi * (stretched_hz * time_s + random.random()))
    return sound * np.clip(time_s / 0.003, 0, 1)


def _drum(random: np.random.Generator) -> Wave:
    time_s = np.arange(int(0.25 * RATE_HZ)) / RATE_HZ
    skin = np.sin(2 * np.pi * (90 * time_s - 60 * time_s**2)) * np.exp(-18 * time_s)
    return skin + 0.2 * random.standard_normal(len(time_s)) * np.exp(-70 * time_s)


def _add(sound: Wave, part: Wave, at_s: float, *, side: float | None = None) -> None:
    """Mix ``part`` in, in stereo between left (0) and right (1)."""
    start = int(at_s * RATE_HZ)
    part = part[: max(0, len(sound) - start)]
    if side is not None:
        part = part[:, None] * np.sqrt([1 - side, side])
    sound[start : start + len(part)] += part


def _filtered(sound: Wave, cuts: list[tuple[float, float]]) -> Wave:
    spectrum = np.fft.rfft(sound)
    at_hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    for above_hz, gain in cuts:
        spectrum[at_hz > above_hz] *= gain
    return np.fft.irfft(spectrum, len(sound))


def _normalised(sound: Wave, peak: float) -> Wave:
    return sound * (peak / np.abs(sound).max())


def save(path: Path, sound: Wave, rate_hz: int, codec: str, *, bit_rate: int | None = None) -> None:
    """Encode with the library that Labeler reads sound with."""
    channels = sound.reshape(len(sound), -1).T
    layout = "mono" if len(channels) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        planes = np.ascontiguousarray(np.clip(channels, -1, 1), np.float32)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate_hz
        for packet in stream.encode(frame):
            container.mux(packet)
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
