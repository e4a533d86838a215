"""How close a marked picture is to its original: PSNR and SSIM; and the same change, scaled."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_attacks import Pixels

__all__ = ["amplified", "at_psnr", "luma_ssim", "psnr_db", "ssim"]

_PEAK = 255.0
_BISECTIONS = 16


def psnr_db(original: Pixels, changed: Pixels) -> float:
    """Peak signal-to-noise ratio over all RGB samples, in dB; infinite where nothing differs."""
    _require_same_shape(original, changed)
    difference = original.astype(np.float64) - changed
    mean_square = float(np.mean(difference * difference))
    return float("inf") if mean_square == 0 else float(10 * np.log10(_PEAK**2 / mean_square))


def ssim(original: Pixels, changed: Pixels) -> float:
    """`luma_ssim` of the luma of two RGB pictures."""
    _require_same_shape(original, changed)
    return luma_ssim(_luma(original), _luma(changed))


def luma_ssim(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Mean structural similarity of two luma planes ``(H, W)``, 0..255; -1..1.

    Gaussian window of 11 x 11 and standard deviation 1.5, K1 = 0.01, K2 = 0.03 (Wang, Bovik, Sheikh
    and Simoncelli, "Image quality assessment", 2004); borders are mirrored.
    """
    mean_1, mean_2 = _window(first), _window(second)
    variance_1 = _window(first * first) - mean_1 * mean_1
    variance_2 = _window(second * second) - mean_2 * mean_2
    covariance = _window(first * second) - mean_1 * mean_2
    c1, c2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
    likeness = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    scale = (mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2)
    return float(np.mean(likeness / scale))


def amplified(original: Pixels, marked: Pixels, gain_db: float) -> Pixels:
    """The same change, before rounding by so many dB larger; smaller if negative.

    The PSNR that there is, less the PSNR that is wanted, is the gain that gives the latter but for
    rounding and clipping. An infinite gain changes nothing.
    """
    if not math.isfinite(gain_db) or not gain_db:
        return marked
    factor = np.float32(10 ** (gain_db / 20))
    change = marked.astype(np.float32) - original
    return np.asarray(np.clip(np.round(original + factor * change), 0, 255), np.uint8)


def at_psnr(original: Pixels, marked: Pixels, wanted_db: float) -> Pixels:
    """The same change, scaled until the PSNR of the rounded picture is ``wanted_db``.

    The gain is found by bisection, in 3 dB about the one that would do without rounding. A change
    of whole numbers is rounded in jumps (at a gain of one half all odd ones at once): so samples
    from both sides of the jump are mixed, each at random, but repeatably.
    """
    least_db = psnr_db(original, marked) - wanted_db - 3
    most_db = least_db + 6
    if not math.isfinite(least_db):
        return marked
    for _ in range(_BISECTIONS):
        gain_db = (least_db + most_db) / 2
        over = psnr_db(original, amplified(original, marked, gain_db)) > wanted_db
        least_db, most_db = (gain_db, most_db) if over else (least_db, gain_db)
    sides = [amplified(original, marked, gain_db) for gain_db in (least_db, most_db)]
    small, large = (10 ** (-psnr_db(original, side) / 10) for side in sides)
    share = (10 ** (-wanted_db / 10) - small) / (large - small) if large > small else 0.0
    random = np.random.default_rng(0).random(original.shape)
    return np.where(random < share, sides[1], sides[0])


def _luma(pixels: Pixels) -> NDArray[np.float64]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float64)


def _window(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float64)


def _require_same_shape(first: Pixels, second: Pixels) -> None:
    if first.shape != second.shape:
        raise ValueError(f"pictures of shapes {first.shape} and {second.shape} cannot be compared")
