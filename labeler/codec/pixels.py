"""Pictures as arrays: which formats are taken, and their luma."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Pixels", "check_pixels", "grey", "level_step", "levels", "on_white"]

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGB and alpha, sRGB; uint8 or uint16, the
type's whole range is used."""


def check_pixels(pixels: NDArray[Any]) -> None:
    """See that an array is a picture.

    Raises:
        TypeError: Its dtype is neither uint8 nor uint16.
        ValueError: Its shape is none of those of `Pixels`, or it is empty.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"pixels are uint8 or uint16, not {pixels.dtype}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(f"pixels have shape (H, W), (H, W, 3) or (H, W, 4), not {pixels.shape}")
    if not pixels.size:
        raise ValueError(f"there are no pixels in an array of shape {pixels.shape}")


def grey(pixels: Pixels) -> NDArray[Any]:
    """``(H, W)`` the luma (ITU-R BT.601) in the array's own dtype; alpha is ignored."""
    if pixels.ndim == 2:
        return pixels
    return cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY)


def level_step(pixels: NDArray[Any]) -> float:
    """How many of the array's steps make one of 256 grey levels: 1 or 257."""
    return 1.0 if pixels.dtype == np.uint8 else 257.0


def levels(values: NDArray[Any]) -> NDArray[np.float32]:
    """uint8 or uint16 values as float32 grey levels, 0 to 255."""
    exact = values.astype(np.float32)
    if values.dtype != np.uint8:
        exact /= np.float32(level_step(values))
    return exact


def on_white(pixels: Pixels) -> NDArray[Any]:
    """``(H, W)`` or ``(H, W, 3)`` as seen on a white page, in the array's own dtype."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    alpha, white = pixels[..., 3:], np.iinfo(pixels.dtype).max
    if alpha.min() == white:
        return pixels[..., :3]
    share = alpha.astype(np.float32) / np.float32(white)
    seen = white + (pixels[..., :3].astype(np.float32) - white) * share
    return np.asarray(np.rint(seen), pixels.dtype)
