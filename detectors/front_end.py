"""The learned front end: a small convolutional network that lays the mark bare.

It takes the place of `labeler.codec.residual.without_edges` where that finds nothing: after strong
compression, which leaves the mark in some places and not in others, it knows better where to
listen. It was trained with random keys and payloads (``benchmarks/front_end_training.py``), and
nothing of any key is in it: what `labeler.codec.significance` says of any picture holds for any
function of a picture.

The network sees four planes at half the resolution, four neighbours as four channels, and gives
four channels that are neighbours again.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import resources
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.residual import flattened, grain, local_deviation, without_shades

__all__ = ["PLANES", "estimate", "folded", "planes", "unfolded"]

PLANES: Final = 4
"""Planes that the network sees."""
_FOLD: Final = 2
"""Pixels on a side that become channels."""
_MODEL: Final = "data/image_front_end.onnx"


def planes(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network sees of a picture.

    Args:
        luma: ``(H, W)`` float32, 0 to 255.

    Returns:
        ``(PLANES, H, W)``: what is left without edges, and without shades, both in local
        deviations; the logarithm of the local deviation of the grain; the luma, about -2 to 2.
    """
    fine = grain(luma)
    deviation = local_deviation(fine)
    return np.stack(
        [flattened(fine, deviation), without_shades(luma), np.log(deviation), (luma - 128) / 64]
    ).astype(np.float32, copy=False)


def folded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(C, H, W)`` with even sides as ``(4 C, H / 2, W / 2)``."""
    count, height, width = values.shape
    cells = values.reshape(count, height // _FOLD, _FOLD, width // _FOLD, _FOLD)
    return np.ascontiguousarray(
        cells.transpose(0, 2, 4, 1, 3).reshape(-1, height // _FOLD, width // _FOLD)
    )


def unfolded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(4, H / 2, W / 2)`` as ``(H, W)``."""
    _, height, width = values.shape
    cells = values.reshape(_FOLD, _FOLD, height, width).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(cells.reshape(_FOLD * height, _FOLD * width))


class _Networks(threading.local):
    """The network, once for each thread: OpenCV's networks keep what they compute."""

    def __init__(self) -> None:
        model = resources.files("detectors").joinpath(_MODEL).read_bytes()
        self.network = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))


@cache
def _networks() -> _Networks:
    return _Networks()


def estimate(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where the mark is, as far as the network can tell.

    Args:
        luma: ``(H, W)`` float32, 0 to 255.

    Returns:
        ``(H, W)`` float32, of any scale.
    """
    height, width = luma.shape
    odd = ((0, height % _FOLD), (0, width % _FOLD))
    seen = folded(planes(np.pad(luma, odd, mode="edge")))
    network = _networks().network
    network.setInput(seen[None])
    return unfolded(np.asarray(network.forward())[0])[:height, :width]
