"""How far the level of a sound may change in each band before anyone hears it.

A simple model of simultaneous masking on the Bark scale (H. Traunmüller, 1990, and E. Zwicker and
H. Fastl, "Psychoacoustics", for the slopes): each band hides changes in itself and, less and less,
in its neighbours; noise hides better than tones do. Bands that are louder than the others may
change less: they are what is listened to, and where a change costs most energy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.log_spectrum import band_energies, cumulative
from labeler.codec.patchwork import BAND_EDGES_HZ, FRAME, RATE_HZ

__all__ = ["allowed_change"]

_NOISE_OFFSET_DB: Final = 5.5
_TONE_OFFSET_DB: Final = 9.0
"""How much less a tone hides than noise does."""
_TONAL_FLATNESS_DB: Final = -14.0
"""Spectral flatness from which on a band counts as a tone."""
_SLOPES_DB_PER_BARK: Final = (27.0, 12.0)
"""How masking falls off towards lower and higher bands."""
_NEIGHBOUR_SHARE: Final = 0.25
_AMPLITUDE: Final = 0.56
"""Change of amplitude at unit strength, as a share of what is hidden."""
_LEAST_DB, _MOST_DB = 0.6, 4.4
_LOUDNESS_EXPONENT: Final = -0.08
_LOUDNESS_LIMITS: Final = (1e-3, 1e2)
_FLATNESS_BINS: Final = 4
"""Bins on either side of a band that its flatness is measured on too."""


def _bark(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 13 * np.arctan(0.00076 * frequency_hz) + 3.5 * np.arctan((frequency_hz / 7500) ** 2)


def _spreading() -> NDArray[np.float32]:
    bark = _bark((BAND_EDGES_HZ[1:] + BAND_EDGES_HZ[:-1]) / 2)
    distance = bark[None, :] - bark[:, None]
    down, up = _SLOPES_DB_PER_BARK
    loss = np.where(distance >= 0, -up * distance, down * distance)
    return np.asarray(_NEIGHBOUR_SHARE * 10 ** (loss / 10), np.float32)


_SPREADING: Final = _spreading()
"""``(BANDS, BANDS)`` how much of each row's band hides in each column's."""
_FIRST_BIN: Final = np.maximum(
    (BAND_EDGES_HZ[:-1] * FRAME / RATE_HZ + 0.5).astype(np.intp) - _FLATNESS_BINS, 0
)
_LAST_BIN: Final = np.minimum(
    (BAND_EDGES_HZ[1:] * FRAME / RATE_HZ + 0.5).astype(np.intp) + _FLATNESS_BINS + 1, FRAME // 2
)


def allowed_change(
    spectrum: NDArray[np.complex64], sums: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """The change of level that each band of each frame may bear at unit strength, dB.

    Args:
        spectrum: ``(frames, FRAME // 2 + 1)``.
        sums: What `cumulative` says of it, where that is known already.

    Returns:
        ``(frames, BANDS)``.
    """
    sums = cumulative(spectrum) if sums is None else sums
    energies = np.maximum(band_energies(sums), np.float32(1e-12))
    offset_db = _NOISE_OFFSET_DB + _TONE_OFFSET_DB * _tonality(spectrum, sums)
    own = energies * 10 ** (-offset_db / 10)
    hidden = np.maximum(own @ _SPREADING, own)
    change = 20 * np.log10(1 + np.float32(_AMPLITUDE) * np.sqrt(hidden / energies))
    loudness = energies / (energies.mean(axis=1, keepdims=True) + np.float32(1e-20))
    change *= np.clip(loudness, *_LOUDNESS_LIMITS) ** np.float32(_LOUDNESS_EXPONENT)
    return np.asarray(np.clip(change, _LEAST_DB, _MOST_DB), np.float32)


def _tonality(spectrum: NDArray[np.complex64], sums: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(frames, BANDS)`` from 0 for noise to 1 for a tone, by spectral flatness."""
    power = spectrum.real**2 + spectrum.imag**2
    logs = np.zeros(sums.shape, np.float32)
    np.cumsum(np.log(power + np.float32(1e-12)), axis=1, out=logs[:, 1:])
    bins = (_LAST_BIN - _FIRST_BIN).astype(np.float32)
    geometric = np.exp((logs[:, _LAST_BIN] - logs[:, _FIRST_BIN]) / bins)
    arithmetic = (sums[:, _LAST_BIN] - sums[:, _FIRST_BIN]) / bins
    flatness_db = 10 * np.log10(geometric / (arithmetic + np.float32(1e-12)) + np.float32(1e-9))
    return np.asarray(np.clip(flatness_db / _TONAL_FLATNESS_DB, 0, 1), np.float32)
