"""Structural similarity (SSIM), the measure that sets how strong an image mark may be.

Source: Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image quality assessment: from error
visibility to structural similarity", IEEE Transactions on Image Processing 13(4), 2004.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTRAST_FLOOR", "structural_similarity"]

_LUMINANCE_FLOOR: Final = (0.01 * 255) ** 2
CONTRAST_FLOOR: Final = (0.03 * 255) ** 2
"""C2 of the paper: variance, squared grey levels, below which structure counts for nothing."""


def structural_similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean structural similarity of two luma planes.

    Args:
        one: ``(H, W)`` float32 luma, 0 to 255.
        other: Likewise, same shape.

    Returns:
        At most 1, which means equal.
    """

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float32)

    mean_one, mean_other = mean(one), mean(other)
    product, squares = mean_one * mean_other, mean_one**2 + mean_other**2
    covariance = mean(one * other) - product
    variances = mean(one * one + other * other) - squares
    luminance = (2 * product + _LUMINANCE_FLOOR) / (squares + _LUMINANCE_FLOOR)
    structure = (2 * covariance + CONTRAST_FLOOR) / (variances + CONTRAST_FLOOR)
    return float(np.mean(luminance * structure))
