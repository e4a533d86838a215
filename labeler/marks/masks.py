"""How much of the mark each place of a picture takes, so that nobody sees it.

Amplitude follows the local standard deviation of the luma, which costs the same structural
similarity everywhere; the low band may be stronger in flat areas, where codecs would drop it.
Masks are smooth: they are made at half the size, of the means of the luma and of its square. The
picture is worked through in strips, so that memory stays small and what is at hand in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.lattice import Tile
from labeler.codec.pixels import levels
from labeler.marks.similarity import CONTRAST_FLOOR

__all__ = ["shaped_by"]

_Plane: TypeAlias = NDArray[np.float32]

_MASKED_ROWS: Final = 256
"""Rows whose masks are made at once."""
_HALO_ROWS: Final = 20  # even, and more than the reach of the filters in `_amplitudes`
_STRIP_ROWS: Final = 64
"""Rows that are halved, or shaped, at once."""
_DEVIATION_CAP: Final = 20.0
_LOW_FLOOR: Final = 320.0
# Amplitude with sqrt(2 s^2 + C2) costs the same structural similarity everywhere.
_HIGH_FLOOR: Final = CONTRAST_FLOOR
_QUIET_SIDE: Final = np.ones((3, 3), np.uint8)
_PLAIN_VARIANCE: Final = (0.05, 0.4)
"""Variance, squared grey levels: below the first an area is a plain fill, above the second not."""
_PLAIN_WINDOW: Final = 11
"""Samples at half the size on a side over which that is looked at."""
_PLAIN_SHARE: Final = 0.8
"""Of the amplitude that a plain fill gets: nothing there hides the mark."""


def shaped_by(luma: NDArray[Any], pattern: Tile) -> _Plane:
    """The pattern with the amplitude that each place takes.

    Args:
        luma: ``(H, W)`` uint8 or uint16 luma of the picture, 2 pixels or more on a side.
        pattern: The tile that is repeated from the top left corner.

    Returns:
        ``(H, W)`` float32, grey levels (of 256) at unit gain.
    """
    height, width = luma.shape
    period = len(pattern.low)
    # Strips that divide the period never reach over its end.
    rows = period if period % _STRIP_ROWS == 0 else period + _STRIP_ROWS
    repeats = (-(-rows // period), -(-width // period))
    low = np.tile(pattern.low, repeats)[:, :width]
    high = np.tile(pattern.high, repeats)[:, :width]
    shaped = np.empty((height, width), np.float32)
    for first, last in _strips(0, height, _MASKED_ROWS):
        above, below = max(0, first - _HALO_ROWS), min(height, last + _HALO_ROWS)
        amplitudes = _amplitudes(luma[above:below])
        for top, bottom in _strips(first, last, _STRIP_ROWS):
            phase = slice(top % period, top % period + bottom - top)
            strip = shaped[top:bottom]
            of_low, of_high = (
                _enlarged(each, top - above, bottom - above, width) for each in amplitudes
            )
            np.multiply(of_low, low[phase], out=strip)
            strip += np.multiply(of_high, high[phase], out=of_high)
    return shaped


def _strips(first: int, last: int, rows: int) -> Iterator[tuple[int, int]]:
    for top in range(first, last, rows):
        yield top, min(last, top + rows)


def _amplitudes(luma: NDArray[Any]) -> tuple[_Plane, _Plane]:
    """``(H // 2, W // 2)`` the amplitude of the low and of the high band, before the gain."""
    mean, variance = _halved(luma)
    mean *= mean
    variance -= mean
    np.maximum(variance, 0, out=variance)
    guard = _guard(variance)
    deviation = cv2.sqrt(variance)
    # The quiet side of an edge stays quiet.
    deviation = cv2.blur(cv2.erode(deviation, _QUIET_SIDE), (3, 3))
    energy = np.minimum(deviation, np.float32(_DEVIATION_CAP))
    energy *= energy
    energy *= 2
    low, high = (
        np.multiply(cv2.sqrt(energy + np.float32(floor)), guard, dtype=np.float32)
        for floor in (_LOW_FLOOR, _HIGH_FLOOR)
    )
    return low, high


def _halved(luma: NDArray[Any]) -> tuple[_Plane, _Plane]:
    """``(H // 2, W // 2)`` the means around of the luma and of its square, grey levels."""
    height, width = luma.shape[0] // 2, luma.shape[1] // 2
    mean, square = np.empty((2, height, width), np.float32)
    for top, bottom in _strips(0, height, _STRIP_ROWS // 2):
        values = levels(luma[2 * top : 2 * bottom, : 2 * width])
        size = (width, bottom - top)
        cv2.resize(values, size, dst=mean[top:bottom], interpolation=cv2.INTER_AREA)
        values *= values
        cv2.resize(values, size, dst=square[top:bottom], interpolation=cv2.INTER_AREA)
    for each in (mean, square):
        cv2.GaussianBlur(each, (5, 5), 0.75, dst=each)
    return mean, square


def _guard(variance: _Plane) -> _Plane:
    """The share of the amplitude that is used, by the local variance around."""
    around = np.asarray(cv2.blur(variance, (_PLAIN_WINDOW, _PLAIN_WINDOW)), np.float32)
    plain, busy = _PLAIN_VARIANCE
    around -= np.float32(plain)
    around *= np.float32((1 - _PLAIN_SHARE) / (busy - plain))
    around += np.float32(_PLAIN_SHARE)
    return np.clip(around, np.float32(_PLAIN_SHARE), np.float32(1), out=around)


def _enlarged(amplitude: _Plane, top: int, bottom: int, width: int) -> _Plane:
    """``(bottom - top, width)`` rows of an amplitude at twice its size.

    An odd last row or column has the amplitude of the one before.
    """
    first, last = max(0, top // 2 - 1), min(len(amplitude), -(-bottom // 2) + 1)
    size = (2 * amplitude.shape[1], 2 * (last - first))
    larger = cv2.resize(amplitude[first:last], size, interpolation=cv2.INTER_LINEAR)
    lacking = max(0, bottom - 2 * last), width - size[0]
    if any(lacking):
        larger = cv2.copyMakeBorder(larger, 0, lacking[0], 0, lacking[1], cv2.BORDER_REPLICATE)
    return np.asarray(larger[top - 2 * first : bottom - 2 * first], np.float32)
