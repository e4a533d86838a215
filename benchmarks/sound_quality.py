"""How close marked sound is to its original, as ears would judge it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import zimtohrli
from numpy.typing import NDArray
from pesq import NoUtterancesError, pesq
from pystoi import stoi

from benchmarks.sound_edits import Sound, resampled

__all__ = ["Quality", "measure", "mos_zimtohrli", "pesq_wideband", "snr_db", "stoi_index"]

_PESQ_HZ: Final = 16_000
_ZIMTOHRLI_HZ: Final = 48_000
_STOI_HZ: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One pair of original and marked sound."""

    snr_db: float
    """Power of the original against that of the change; infinite where nothing changed."""
    pesq: float
    """PESQ, wide band (ITU-T P.862.2), -0.5..4.64; NaN where there is nothing to listen to."""
    zimtohrli: float
    """Mean opinion score, 1..5, by Zimtohrli."""
    stoi: float
    """Short-time objective intelligibility, up to 1."""


def measure(original: Sound, changed: Sound, rate_hz: int) -> Quality:
    """All measures of a pair of the same shape, float32 ``(n, channels)``."""
    return Quality(
        snr_db=snr_db(original, changed),
        pesq=pesq_wideband(original, changed, rate_hz),
        zimtohrli=mos_zimtohrli(original, changed, rate_hz),
        stoi=stoi_index(original, changed, rate_hz),
    )


def snr_db(original: Sound, changed: Sound) -> float:
    """Signal-to-noise ratio over all samples of all channels, in dB."""
    _require_same_shape(original, changed)
    noise = float(np.sum(np.square(changed - original, dtype=np.float64)))
    power = float(np.sum(np.square(original, dtype=np.float64)))
    return float("inf") if noise == 0 else float(10 * np.log10(max(power, 1e-20) / noise))


def pesq_wideband(original: Sound, changed: Sound, rate_hz: int) -> float:
    """PESQ of the mean of the channels."""
    _require_same_shape(original, changed)
    try:
        reference, degraded = (_mono(sound, rate_hz, _PESQ_HZ) for sound in (original, changed))
        return float(pesq(_PESQ_HZ, reference, degraded, "wb"))
    except NoUtterancesError:
        return float("nan")


def mos_zimtohrli(original: Sound, changed: Sound, rate_hz: int) -> float:
    """Zimtohrli's score, the mean over the channels."""
    _require_same_shape(original, changed)
    pair = [resampled(sound, rate_hz, _ZIMTOHRLI_HZ) for sound in (original, changed)]
    scores = [
        zimtohrli.mos_from_signals(np.ascontiguousarray(one), np.ascontiguousarray(other))
        for one, other in zip(pair[0].T, pair[1].T, strict=True)
    ]
    return float(np.mean(scores))


def stoi_index(original: Sound, changed: Sound, rate_hz: int) -> float:
    """STOI of the mean of the channels; NaN where too little is loud enough."""
    _require_same_shape(original, changed)
    reference, degraded = (_mono(sound, rate_hz, _STOI_HZ) for sound in (original, changed))
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        index = float(stoi(reference, degraded, _STOI_HZ))
    return float("nan") if complaints else index


def _mono(sound: Sound, rate_hz: int, new_rate_hz: int) -> NDArray[np.float32]:
    return resampled(sound.mean(axis=1, keepdims=True), rate_hz, new_rate_hz)[:, 0]


def _require_same_shape(first: Sound, second: Sound) -> None:
    if first.shape != second.shape:
        raise ValueError(f"sounds of shapes {first.shape} and {second.shape} cannot be compared")
