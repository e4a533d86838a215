"""Laying two planes on each other at every place, by Fourier transforms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labeler.codec.detail import Detail, Plane

__all__ = ["Spectra", "Spectrum", "correlate", "dependence"]

Spectrum: TypeAlias = NDArray[np.complexfloating[Any]]
"""Half of a plane's transform."""
_NOISE: Final = 3.0
"""Standard deviations below which an autocorrelation is taken for zero."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectra:
    """Of the planes of a `Detail`."""

    contrast: Spectrum
    energy: Spectrum
    inside: Spectrum
    spread: Spectrum
    amount: float
    """Cells that are light or dark."""

    @classmethod
    def of(cls, detail: Detail, size: tuple[int, int]) -> Spectra:
        """The transforms of all planes, padded to ``size``."""
        planes = {
            "contrast": detail.contrast,
            "energy": np.square(detail.contrast),
            "inside": detail.inside,
            "spread": detail.spread,
        }
        spectra = {name: np.fft.rfft2(plane, size) for name, plane in planes.items()}
        return cls(**spectra, amount=detail.amount)


def correlate(one: Spectrum, other: Spectrum, size: tuple[int, int]) -> Plane:
    """``size`` the sum of products, by how far the second plane begins in the first."""
    return np.asarray(np.fft.irfft2(one * other.conj(), size), np.float32)


def dependence(one: Spectrum, other: Spectrum, size: tuple[int, int]) -> float:
    """How many products count as one: the sum over all lags of both autocorrelations' product.

    What lies below the noise of their estimates is left out.
    """
    pair = [correlate(each, each, size) for each in (one, other)]
    noise = [_NOISE / math.sqrt(max(1.0, float(np.max(each)))) for each in pair]
    rates = [each / max(float(each[0, 0]), 1e-6) for each in pair]
    counts = (np.abs(rates[0]) > max(noise)) & (np.abs(rates[1]) > max(noise))
    return max(1.0, float(np.sum(rates[0][counts] * rates[1][counts])))
