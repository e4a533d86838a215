"""How loud sound is: the integrated loudness of Recommendation ITU-R BS.1770-5, annex 1.

The filters are applied to the spectrum of each 0.1 s and the one before it, in which they settle:
both forget what was longer ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.sound import Samples

__all__ = ["LoudnessMeter", "loudness"]

# Gating blocks of 0.4 s begin every 0.1 s.
_STEPS_PER_S: Final = 10
_STEPS_PER_BLOCK: Final = 4
_OFFSET_DB: Final = -0.691
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0
_RUMBLE: Final = frozenset({"LFE", "LFE2"})
_AROUND: Final = frozenset({"SL", "SR", "BL", "BR"})
_AROUND_GAIN: Final = 1.41
# The analogue filters whose digital forms at 48 kHz the tables 1 and 2 of the Recommendation give
# (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2018).
_SHELF_HZ, _SHELF_DB, _SHELF_Q, _SHELF_BAND = 1681.9744510, 3.9998438540, 0.7071752370, 0.4996667742
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.1354708760, 0.5003270373


class LoudnessMeter:
    """Measures sound that comes in blocks; memory: 8 bytes for each 0.1 s.

    Args:
        sample_rate_hz: Samples a second in each channel.
        channels: How many there are.
        names: What they are (see `Sound.channel_names`): low frequencies do not count, and what
            comes from behind counts for more.
    """

    def __init__(self, sample_rate_hz: int, channels: int, names: tuple[str, ...] = ()) -> None:
        self._step = max(1, sample_rate_hz // _STEPS_PER_S)
        self._response = _response(2 * self._step, sample_rate_hz)
        self._gains = _channel_weights(names, channels)
        # The step before the next one, in which the filters start, and what came behind it.
        self._held = np.zeros((self._step, channels), np.float32)
        self._powers: list[float] = []

    def push(self, block: Samples) -> None:
        """Hear ``(n, channels)`` float32 or float64."""
        size = self._step
        held = np.concatenate([self._held, block.astype(np.float32)])
        count = len(held) // size - 1
        for at in range(0, count * size, size):
            spectra = np.fft.rfft(held[at : at + 2 * size], axis=0)
            weighted = np.fft.irfft(spectra * self._response, 2 * size, axis=0)[size:]
            self._powers.append(float(np.mean(weighted**2, axis=0) @ self._gains))
        self._held = held[count * size :]

    def finish(self) -> float | None:
        """The integrated loudness, LUFS; None of silence and of what is shorter than 0.4 s."""
        steps = np.array(self._powers)
        if len(steps) < _STEPS_PER_BLOCK:
            return None
        powers = np.convolve(steps, np.full(_STEPS_PER_BLOCK, 1 / _STEPS_PER_BLOCK), "valid")
        heard = powers[powers > _power(_ABSOLUTE_GATE_LUFS)]
        if not len(heard):
            return None
        gate = heard.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
        return float(_OFFSET_DB + 10 * np.log10(heard[heard > gate].mean()))


def loudness(
    blocks: Iterable[Samples], sample_rate_hz: int, channels: int, names: tuple[str, ...] = ()
) -> float | None:
    """The integrated loudness of ``(n, channels)`` blocks, LUFS: see `LoudnessMeter`."""
    meter = LoudnessMeter(sample_rate_hz, channels, names)
    for block in blocks:
        meter.push(block)
    return meter.finish()


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))


def _channel_weights(names: tuple[str, ...], channels: int) -> NDArray[np.float64]:
    known = names if len(names) == channels else ("FC",) * channels
    return np.array([_AROUND_GAIN if n in _AROUND else float(n not in _RUMBLE) for n in known])


def _response(size: int, rate_hz: int) -> NDArray[np.complex128]:
    """What both filters do to each line of a spectrum of ``size`` samples, ``(lines, 1)``."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    return (_shelf(z, rate_hz) * _high_pass(z, rate_hz))[:, None]


def _shelf(z: NDArray[np.complex128], rate_hz: int) -> NDArray[np.complex128]:
    """``z`` is z to the power of -1. Low rates do not reach the shelf's edge."""
    k = np.tan(np.pi * min(_SHELF_HZ / rate_hz, 0.49))
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_BAND
    top = (high + band * k / _SHELF_Q + k * k) + 2 * (k * k - high) * z
    top = top + (high - band * k / _SHELF_Q + k * k) * z * z
    low = (1 + k / _SHELF_Q + k * k) + 2 * (k * k - 1) * z + (1 - k / _SHELF_Q + k * k) * z * z
    return np.asarray(top / low)


def _high_pass(z: NDArray[np.complex128], rate_hz: int) -> NDArray[np.complex128]:
    k = np.tan(np.pi * _HIGH_PASS_HZ / rate_hz)
    scale = 1 + k / _HIGH_PASS_Q + k * k
    # The Recommendation's numerator is 1, -2, 1 without the scale that makes the top 0 dB.
    top = 1 - 2 * z + z * z
    low = scale + 2 * (k * k - 1) * z + (1 - k / _HIGH_PASS_Q + k * k) * z * z
    return np.asarray(scale * top / low)
