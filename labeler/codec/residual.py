"""What is left of a picture when the picture itself is held down: where its mark shows.

Both sides look at it: detectors search there, and embedders try out what they would find. The
filter that keeps edges is bilateral (C. Tomasi, R. Manduchi, "Bilateral filtering for gray and
color images", 1998).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["flattened", "grain", "local_deviation", "without_edges", "without_shades"]

_EDGE_WINDOW, _EDGE_CONTRAST, _EDGE_SIGMA = 5, 15.0, 2.0
"""Bilateral filter: pixels on a side, grey levels, pixels."""
_SHADE_SIGMA: Final = 4.0
_LOCAL_BOX: Final = 7
_QUIET: Final = 0.6
"""Grey levels added to the local deviation, so that flat areas do not shout."""
_CLIP: Final = 3.0


def without_edges(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a bilateral filter leaves out: fine grain, but no edges. Best for most pictures.

    Args:
        luma: ``(H, W)`` float32, 0 to 255.

    Returns:
        ``(H, W)`` float32 in local deviations.
    """
    values = grain(luma)
    return flattened(values, local_deviation(values))


def without_shades(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a Gaussian filter leaves out: for blurred pictures, which have lost the fine grain.

    Arguments and result are those of `without_edges`.
    """
    values = luma - cv2.GaussianBlur(luma, (0, 0), _SHADE_SIGMA)
    return flattened(values, local_deviation(values))


def grain(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(H, W)`` the fine grain of luma, grey levels: without edges and shades."""
    return luma - cv2.bilateralFilter(luma, _EDGE_WINDOW, _EDGE_CONTRAST, _EDGE_SIGMA)


def local_deviation(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(H, W)`` root of the mean square around each value, and a little for quiet places."""
    deviation = np.asarray(cv2.blur(values * values, (_LOCAL_BOX, _LOCAL_BOX)), np.float32)
    # The running sums of the box filter may leave a rounding error below zero.
    np.maximum(deviation, 0, out=deviation)
    np.sqrt(deviation, out=deviation)
    return np.add(deviation, np.float32(_QUIET), out=deviation)


def flattened(values: NDArray[np.float32], deviation: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values divided by their local deviation and clipped, in place."""
    values /= deviation
    return np.clip(values, -_CLIP, _CLIP, out=values)
