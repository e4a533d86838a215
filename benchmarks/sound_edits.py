"""Single edits of sound, and chains of them: what the attacks are made of.

Every edit is a pure function of samples, float32 ``(n, channels)``, and their rate in Hz; it gives
both anew. Random choices depend on the edit's name, the number of samples and the rate only, so
that a clip meets the same ones however it was marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from benchmarks.ffmpeg import run_ffmpeg

__all__ = [
    "Attack",
    "Clip",
    "Sound",
    "add_pink_noise",
    "add_sound",
    "add_white_noise",
    "band",
    "chain",
    "clip_peaks",
    "crop",
    "cut_regularly",
    "drop_samples",
    "echo",
    "embed_in",
    "equalise",
    "filtered",
    "gain",
    "invert",
    "looped",
    "median",
    "mono",
    "quantise",
    "recode",
    "resample",
    "resampled",
    "reverberate",
    "shuffle",
    "speed",
    "telephone",
    "unchanged",
]

Sound: TypeAlias = NDArray[np.float32]
"""``(n, channels)``, full scale from -1 to 1."""

Clip: TypeAlias = tuple[Sound, int]
"""Samples and their rate in Hz."""

Attack: TypeAlias = Callable[[Sound, int], Clip]

_EQUALISER_HZ: Final = (0, 60, 125, 250, 500, 1000, 2000, 4000, 8000, 24000)


def _sound(values: ArrayLike) -> Sound:
    return np.ascontiguousarray(values, np.float32)


def _random(label: str, samples: Sound, rate_hz: int) -> np.random.Generator:
    seed = f"{label}, {len(samples)} samples, {rate_hz} Hz"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))


def unchanged(samples: Sound, rate_hz: int) -> Clip:
    """The same samples."""
    return samples.copy(), rate_hz


def chain(*attacks: Attack) -> Attack:
    """One attack after the other."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        for each in attacks:
            samples, rate_hz = each(samples, rate_hz)
        return samples, rate_hz

    return attack


# ---------------------------------------------------------------- codecs and filters of FFmpeg


def _raw(rate_hz: int, channels: int) -> list[str]:
    return ["-f", "f32le", "-ar", str(rate_hz), "-ac", str(channels)]


def _from_raw(data: bytes, channels: int) -> Sound:
    return np.frombuffer(data, "<f4").reshape(-1, channels).astype(np.float32)


def recode(encoder: str, container: str, *options: str) -> Attack:
    """Encode and decode; the rate and the number of channels stay, the length may grow a little."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        raw = _raw(rate_hz, samples.shape[1])
        encoding = ["-c:a", encoder, *options, "-f", container, "-"]
        encoded = run_ffmpeg([*raw, "-i", "-", *encoding], data=samples.astype("<f4").tobytes())
        decoded = run_ffmpeg(["-i", "-", *raw, "-"], data=encoded)
        return _from_raw(decoded, samples.shape[1]), rate_hz

    return attack


def filtered(description: str) -> Attack:
    """One of FFmpeg's audio filters."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        raw = _raw(rate_hz, samples.shape[1])
        arguments = [*raw, "-i", "-", "-af", description, *raw, "-"]
        changed = run_ffmpeg(arguments, data=samples.astype("<f4").tobytes())
        return _from_raw(changed, samples.shape[1]), rate_hz

    return attack


# ---------------------------------------------------------------- rate and band


def resampled(samples: Sound, rate_hz: float, new_rate_hz: float) -> Sound:
    """The same sound at another rate."""
    return _sound(soxr.resample(samples, rate_hz, new_rate_hz))


def resample(through_hz: int) -> Attack:
    """Resample to ``through_hz`` and back."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        there = resampled(samples, rate_hz, through_hz)
        return resampled(there, through_hz, rate_hz)[: len(samples)], rate_hz

    return attack


def speed(factor: float) -> Attack:
    """Play ``factor`` times as fast, and as much higher."""
    return lambda samples, rate_hz: (resampled(samples, rate_hz * factor, rate_hz), rate_hz)


def band(low_hz: float | None, high_hz: float | None) -> Attack:
    """Keep what is above ``low_hz`` and below ``high_hz`` (Butterworth filter of order 6)."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        high = None if high_hz is None else min(high_hz, 0.45 * rate_hz)
        if low_hz is None:
            sections = signal.butter(6, high, "lowpass", fs=rate_hz, output="sos")
        elif high is None:
            sections = signal.butter(6, low_hz, "highpass", fs=rate_hz, output="sos")
        else:
            sections = signal.butter(6, (low_hz, high), "bandpass", fs=rate_hz, output="sos")
        return _sound(signal.sosfilt(sections, samples, axis=0)), rate_hz

    return attack


def telephone(samples: Sound, rate_hz: int) -> Clip:
    """A narrow-band call: mono, 300 to 3400 Hz, 8 kHz, 8-bit mu-law."""
    narrow, _ = band(300, 3400)(*mono(samples, rate_hz))
    call = resampled(narrow, rate_hz, 8000)
    call = np.clip(call * 0.9 / max(float(np.abs(call).max(initial=0)), 1e-9), -1, 1)
    code = np.round(127 * np.sign(call) * np.log1p(255 * np.abs(call)) / np.log1p(255)) / 127
    return _sound(np.sign(code) * np.expm1(np.abs(code) * np.log1p(255)) / 255), 8000


# ---------------------------------------------------------------- added sound


def _power(samples: Sound) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def _added(samples: Sound, other: NDArray[np.float64] | Sound, ratio_db: float) -> Sound:
    """The sum, with ``other`` so much weaker than ``samples`` as ``ratio_db`` says."""
    power = max(float(np.mean(np.square(other, dtype=np.float64))), 1e-20)
    return _sound(samples + other * (np.sqrt(_power(samples) / power) * 10 ** (-ratio_db / 20)))


def add_white_noise(ratio_db: float) -> Attack:
    """White noise at a signal-to-noise ratio."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        noise = _random(f"white {ratio_db:g}", samples, rate_hz).standard_normal(samples.shape)
        return _added(samples, noise, ratio_db), rate_hz

    return attack


def add_pink_noise(ratio_db: float) -> Attack:
    """Noise whose power falls as 1/f above 20 Hz, at a signal-to-noise ratio."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        white = _random(f"pink {ratio_db:g}", samples, rate_hz).standard_normal(samples.shape)
        spectrum = np.fft.rfft(white, axis=0)
        bins = np.maximum(np.arange(len(spectrum)), 20 * len(samples) / rate_hz)
        pink = np.fft.irfft(spectrum / np.sqrt(bins)[:, None], len(samples), axis=0)
        return _added(samples, pink, ratio_db), rate_hz

    return attack


def add_sound(load: Callable[[], Clip], ratio_db: float) -> Attack:
    """Another clip, mono and repeated as needed, so much weaker than this one."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        other = resampled(mono(*load())[0], load()[1], rate_hz)
        return _added(samples, np.resize(other, (len(samples), 1)), ratio_db), rate_hz

    return attack


def embed_in(load: Callable[[], Clip], *, kept_s: float, at_s: float, whole_s: float) -> Attack:
    """A passage of ``kept_s``, laid over another clip from ``at_s``; ``whole_s`` in all."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        passage, _ = crop(kept_s)(samples, rate_hz)
        other = resampled(mono(*load())[0], load()[1], rate_hz)
        whole = np.resize(other, (int(whole_s * rate_hz), 1)).repeat(samples.shape[1], axis=1)
        start = int(at_s * rate_hz)
        whole[start : start + len(passage)] = passage
        return _sound(whole), rate_hz

    return attack


def echo(delay_s: float, gain: float) -> Attack:
    """One repetition."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        result, delay = samples.copy(), int(delay_s * rate_hz)
        result[delay:] += np.float32(gain) * samples[: max(0, len(samples) - delay)]
        return result, rate_hz

    return attack


def reverberate(decay_s: float) -> Attack:
    """A room that falls silent (-60 dB) in ``decay_s``: decaying noise after the direct sound."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        times_s = np.arange(int(1.2 * decay_s * rate_hz)) / rate_hz
        room = _random("reverb", samples, rate_hz).standard_normal(len(times_s))
        room *= 10 ** (-3 * times_s / decay_s)
        room *= 0.35 / np.sqrt(np.sum(room * room))
        room[0] += 1
        return _sound(signal.fftconvolve(samples, room[:, None], axes=0)[: len(samples)]), rate_hz

    return attack


# ---------------------------------------------------------------- level and values


def gain(decibels: float) -> Attack:
    """Louder or softer; what exceeds full scale is clipped."""
    factor = 10 ** (decibels / 20)
    return lambda samples, rate_hz: (_sound(np.clip(samples * factor, -1, 1)), rate_hz)


def clip_peaks(fraction: float) -> Attack:
    """Cut everything off above ``fraction`` of the peak."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        limit = fraction * float(np.abs(samples).max(initial=0))
        return np.clip(samples, -limit, limit), rate_hz

    return attack


def equalise(limit_db: float) -> Attack:
    """Random gains of at most ``limit_db`` at ten frequencies, interpolated between."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        random = _random("equaliser", samples, rate_hz)
        gains_db = random.uniform(-limit_db, limit_db, len(_EQUALISER_HZ))
        at_hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
        places = np.log2(np.asarray(_EQUALISER_HZ) + 30)
        curve = 10 ** (np.interp(np.log2(at_hz + 30), places, gains_db) / 20)
        spectrum = np.fft.rfft(samples, axis=0) * curve[:, None]
        return _sound(np.fft.irfft(spectrum, len(samples), axis=0)), rate_hz

    return attack


def quantise(steps: int) -> Attack:
    """Round to multiples of 1/``steps``."""
    return lambda samples, rate_hz: (_sound(np.round(samples * steps) / steps), rate_hz)


def median(width: int) -> Attack:
    """The median of every ``width`` samples."""
    return lambda samples, rate_hz: (
        _sound(signal.medfilt2d(samples.astype(np.float64), (width, 1))),
        rate_hz,
    )


def drop_samples(share: float) -> Attack:
    """Single samples at random set to zero."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        kept = _random("drop", samples, rate_hz).random(len(samples)) > share
        return samples * kept[:, None], rate_hz

    return attack


def mono(samples: Sound, rate_hz: int) -> Clip:
    """The mean of the channels."""
    return _sound(samples.mean(axis=1, keepdims=True, dtype=np.float64)), rate_hz


def invert(samples: Sound, rate_hz: int) -> Clip:
    """The other polarity."""
    return -samples, rate_hz


# ---------------------------------------------------------------- time


def crop(length_s: float) -> Attack:
    """A passage from anywhere; a clip that is not longer stays whole."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        length = int(length_s * rate_hz)
        if length >= len(samples):
            return samples.copy(), rate_hz
        random = _random(f"crop {length_s:g}", samples, rate_hz)
        start = int(random.integers(0, len(samples) - length))
        return samples[start : start + length].copy(), rate_hz

    return attack


def cut_regularly(lost_s: float, every_s: float) -> Attack:
    """Take ``lost_s`` out at the end of every ``every_s``."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        places = np.arange(len(samples)) % int(every_s * rate_hz)
        return samples[places < int((every_s - lost_s) * rate_hz)], rate_hz

    return attack


def shuffle(length_s: float) -> Attack:
    """Pieces of ``length_s`` in another order."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        step = int(length_s * rate_hz)
        pieces = [samples[start : start + step] for start in range(0, len(samples), step)]
        order = _random("shuffle", samples, rate_hz).permutation(len(pieces))
        return np.concatenate([pieces[place] for place in order]), rate_hz

    return attack


def looped(length_s: float, *, whole_s: float) -> Attack:
    """The first ``length_s``, again and again until ``whole_s`` are full, or four rounds."""

    def attack(samples: Sound, rate_hz: int) -> Clip:
        once = samples[: int(length_s * rate_hz)]
        length = max(int(whole_s * rate_hz), 4 * len(once))
        return np.resize(once, (length, samples.shape[1])), rate_hz

    return attack
