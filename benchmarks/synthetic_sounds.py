"""Sounds that nobody recorded: noise, tones, clicks and, above all, loops.

A detector that looks for a repeated pattern must not take a drum machine, a ring tone or a siren
for one. Each maker gets a random generator and gives samples, float32 ``(n, channels)``, and rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.sound_edits import Clip
from labeler.codec.patchwork import CELL_S, PERIOD_S

__all__ = ["LOOP_FACTORS", "SYNTHETIC", "Maker"]

Maker: TypeAlias = Callable[[np.random.Generator], Clip]
_Wave: TypeAlias = NDArray[np.floating]

LOOP_FACTORS: Final = (0.125, 0.25, 0.5, 0.9, 0.95, 1.0, 1.05, 1.1, 1.5, 2.0, 3.0)
"""Lengths of loops in periods of the mark."""

_LENGTH_S: Final = 15.0
_RATE_HZ: Final = 22_050


def _times_s(length_s: float = _LENGTH_S) -> _Wave:
    return np.arange(int(length_s * _RATE_HZ)) / _RATE_HZ


def _clip(wave: _Wave, peak: float = 0.5) -> Clip:
    """A wave, or columns of waves, at a peak level."""
    columns = wave[:, None] if wave.ndim == 1 else wave
    largest = max(float(np.abs(columns).max()), 1e-12)
    return np.ascontiguousarray(columns * (peak / largest), np.float32), _RATE_HZ


def _coloured(random: np.random.Generator, exponent: float, length_s: float = _LENGTH_S) -> _Wave:
    """Noise whose power falls with this power of the frequency, above 20 Hz."""
    spectrum = np.fft.rfft(random.standard_normal(int(length_s * _RATE_HZ)))
    at_hz = np.maximum(np.arange(len(spectrum)) / length_s, 20)
    return np.fft.irfft(spectrum / at_hz ** (exponent / 2), int(length_s * _RATE_HZ))


def _noise(random: np.random.Generator, *, exponent: float) -> Clip:
    return _clip(_coloured(random, exponent))


def _stereo_noise(random: np.random.Generator) -> Clip:
    return _clip(random.standard_normal((int(_LENGTH_S * _RATE_HZ), 2)))


def _dither(random: np.random.Generator) -> Clip:
    return _clip(random.integers(-1, 2, int(_LENGTH_S * _RATE_HZ)).astype(np.float64), 1 / 32768)


def _silence(_random: np.random.Generator) -> Clip:
    return _clip(np.zeros(int(_LENGTH_S * _RATE_HZ)))


def _direct_current(random: np.random.Generator) -> Clip:
    return _clip(1 + 1e-4 * random.standard_normal(int(_LENGTH_S * _RATE_HZ)))


def _tones(random: np.random.Generator, *, frequencies_hz: Sequence[float]) -> Clip:
    phases = random.uniform(0, 2 * np.pi, len(frequencies_hz))
    waves = zip(frequencies_hz, phases, strict=True)
    return _clip(sum((np.sin(2 * np.pi * f * _times_s() + p) for f, p in waves), np.zeros(1)))


def _square(_random: np.random.Generator) -> Clip:
    return _clip(np.sign(np.sin(2 * np.pi * 110 * _times_s())))


def _sweep(_random: np.random.Generator) -> Clip:
    octaves = np.log2(8000 / 100) / _LENGTH_S
    return _clip(np.sin(2 * np.pi * 100 * np.exp2(octaves * _times_s()) / (octaves * np.log(2))))


def _siren(_random: np.random.Generator) -> Clip:
    times_s = _times_s()
    return _clip(np.sin(2 * np.pi * 900 * times_s + 300 * np.sin(2 * np.pi * times_s / PERIOD_S)))


def _clicks(random: np.random.Generator, *, every_s: float, jitter_s: float = 0.0) -> Clip:
    wave = 1e-4 * random.standard_normal(len(_times_s()))
    places_s = np.arange(0, _LENGTH_S, every_s)
    places_s = places_s + random.uniform(0, jitter_s, len(places_s)) if jitter_s else places_s
    wave[(places_s * _RATE_HZ).astype(int).clip(max=len(wave) - 1)] += 1
    return _clip(wave)


def _gated(random: np.random.Generator) -> Clip:
    """Noise that is switched on and off at random, on the grid of the mark's cells."""
    gates = random.integers(0, 2, int(_LENGTH_S / CELL_S) + 1)[(_times_s() / CELL_S).astype(int)]
    return _clip(_coloured(random, 1) * gates)


def _babble(random: np.random.Generator) -> Clip:
    """Pink noise with the slow modulation of speech."""
    return _clip(_coloured(random, 1) * np.maximum(0, 1 + 40 * _coloured(random, 4)))


def _melody(random: np.random.Generator, length_s: float) -> _Wave:
    """Plucked notes, eight a period."""
    wave = np.zeros(int(length_s * _RATE_HZ))
    step_s = PERIOD_S / 8
    for start_s in np.arange(0, length_s, step_s):
        times_s = _times_s(min(step_s, length_s - start_s))
        pitch_hz = 220 * 2 ** (random.integers(0, 25) / 12)
        tone = sum(np.sin(2 * np.pi * pitch_hz * n * times_s) / n for n in range(1, 9))
        start = int(start_s * _RATE_HZ)
        wave[start : start + len(times_s)] += (tone * np.exp(-6 * times_s))[: len(wave) - start]
    return wave


def _melody_clip(random: np.random.Generator) -> Clip:
    return _clip(_melody(random, _LENGTH_S))


def _loop(random: np.random.Generator, *, factor: float, melodic: bool) -> Clip:
    length_s = factor * PERIOD_S
    once = _melody(random, length_s) if melodic else _coloured(random, 0.5, length_s)
    return _clip(np.resize(once, int(max(_LENGTH_S, 4 * length_s) * _RATE_HZ)))


SYNTHETIC: Final[dict[str, Maker]] = {
    "white noise": partial(_noise, exponent=0),
    "pink noise": partial(_noise, exponent=1),
    "brown noise": partial(_noise, exponent=2),
    "stereo noise": _stereo_noise,
    "dither": _dither,
    "silence": _silence,
    "direct current": _direct_current,
    "tone": partial(_tones, frequencies_hz=(440,)),
    "chord": partial(_tones, frequencies_hz=(220, 277.2, 329.6, 440)),
    "dial tone": partial(_tones, frequencies_hz=(350, 440)),
    "hum": partial(_tones, frequencies_hz=tuple(range(50, 4000, 100))),
    "square wave": _square,
    "sweep": _sweep,
    "siren": _siren,
    "clicks, 0.5 s": partial(_clicks, every_s=0.5),
    "clicks, one a cell": partial(_clicks, every_s=CELL_S),
    "clicks, 24 a period": partial(_clicks, every_s=PERIOD_S / 24),
    "clicks, irregular": partial(_clicks, every_s=0.15, jitter_s=0.14),
    "gated noise": _gated,
    "babble": _babble,
    "melody": _melody_clip,
    **{f"noise loop, {f:g} periods": partial(_loop, factor=f, melodic=False) for f in LOOP_FACTORS},
    **{f"melody loop, {f:g} periods": partial(_loop, factor=f, melodic=True) for f in LOOP_FACTORS},
}
"""Every maker by name."""
