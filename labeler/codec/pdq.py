"""PDQ: 256 bits that two copies of a picture have nearly in common.

    >>> import numpy as np
    >>> rows, columns = np.mgrid[:300, :400]
    >>> picture = (128 + 90 * np.sin(rows / 40) * np.cos(columns**1.3 / 90)).astype(np.uint8)
    >>> hashed, mirrored = pdq(picture), pdq(picture[:, ::-1])
    >>> distances = [distance(mirrored.value, value) for value in hashed.turned()]
    >>> ORIENTATIONS[int(np.argmin(distances))], min(distances) <= 31
    ('flip-horizontal', True)

The algorithm is Meta's ("The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm",
2019, in the ThreatExchange repository): the luma is smoothed by two passes of box filters, sampled
down to 64 x 64, and of its cosine transform the 16 x 16 lowest frequencies without the constant
ones are each compared with their median. Bits agree with those of Meta's own program, but for
coefficients that lie on the median.

All but the last step is linear. So each of the 64 rows, then each of the 64 columns, is one
weighted sum of those that both passes of its filter reach, and no copy of the picture is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.pixels import Pixels, check_pixels, level_step, on_white

__all__ = ["BITS", "LEAST_QUALITY", "ORIENTATIONS", "Pdq", "distance", "pdq"]

BITS: Final = 256
LEAST_QUALITY: Final = 50
"""Of pictures of lower quality the hash says little, and they should not be looked for by it
(Meta's recommendation)."""
ORIENTATIONS: Final = (
    *("original", "rotate-90", "rotate-180", "rotate-270"),
    *("flip-vertical", "flip-horizontal", "transpose", "transverse"),
)
"""What `Pdq.turned` gives, in the order of Meta's program; turns are anticlockwise."""
_SIDE: Final = 64
_FREQUENCIES: Final = 16
_LEAST_SIDE: Final = 5
"""Smaller pictures have no hash: Meta's program gives zero bits and quality 0."""
_BOXES: Final = 2 * _SIDE
"""The box filter's window is one of so many parts of a side, rounded up."""
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_GRADIENTS: Final = 90
"""Sum of gradients, in percent of the range, that is one percent of quality."""


def _cosines() -> NDArray[np.float32]:
    """``(16, 64)`` rows 1 to 16 of the cosine transform."""
    angle = np.outer(np.arange(1, _FREQUENCIES + 1), 2 * np.arange(_SIDE) + 1)
    values = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * angle)
    return np.asarray(values, np.float32)


_COSINES: Final = _cosines()
_ODD: Final = np.where(np.arange(_FREQUENCIES) % 2, 1, -1).astype(np.float32)
"""Sign that a flip gives to each frequency: those with an odd number, the first of all, change."""


@dataclass(frozen=True, slots=True, eq=False)
class Pdq:
    """The hash of a picture, and of the same picture turned and flipped."""

    quality: int
    """How much there is to see, 0 to 100; see `LEAST_QUALITY`."""
    coefficients: NDArray[np.float32] = field(repr=False)
    """``(16, 16)`` of the cosine transform, vertical frequency first."""

    @property
    def value(self) -> bytes:
        """The 32 bytes of the hash, as Meta's program writes them in hexadecimal."""
        return _bits(self.coefficients)

    def turned(self) -> tuple[bytes, ...]:
        """The hashes of the picture in all `ORIENTATIONS`, its own first."""
        upright = self.coefficients
        down, across = _ODD[:, None], _ODD[None, :]
        across_turned = upright.T
        variants = (
            *(upright, across_turned * down, upright * down * across, across_turned * across),
            *(upright * down, upright * across, across_turned, across_turned * down * across),
        )
        return tuple(_bits(variant) for variant in variants)


def pdq(pixels: Pixels) -> Pdq:
    """Hash a picture.

    Transparent parts are seen on white, as on most pages; Meta's program looks at the colours that
    alpha hides.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16.

    Returns:
        Zero bits of quality 0 where a side has fewer than 5 pixels.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape or is empty.
    """
    check_pixels(pixels)
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        return Pdq(0, np.zeros((_FREQUENCIES, _FREQUENCIES), np.float32))
    small = _small_luma(on_white(pixels))
    coefficients = np.asarray(_COSINES @ small @ _COSINES.T, np.float32)
    return Pdq(_quality(small), coefficients)


def distance(one: bytes, other: bytes) -> int:
    """In how many bits two hashes of 32 bytes differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _small_luma(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """``(64, 64)`` the smoothed luma, in grey levels from 0 to 255."""
    height, width = pixels.shape[:2]
    rows = _sampled(pixels.reshape(height, -1)).reshape(_SIDE, width, -1)
    columns = _sampled(rows.transpose(1, 0, 2).reshape(width, -1)).reshape(_SIDE, _SIDE, -1)
    luma = columns @ _LUMA if columns.shape[2] == 3 else columns[..., 0]
    return np.asarray(luma.T / np.float32(level_step(pixels)), np.float32)


def _sampled(lines: NDArray[Any]) -> NDArray[np.float32]:
    """``(64, m)`` smoothed and sampled from ``(n, m)``."""
    sums = [
        weights @ lines[first : first + len(weights)].astype(np.float32)
        for first, weights in _windows(len(lines))
    ]
    return np.stack(sums)


@lru_cache(maxsize=64)
def _windows(length: int) -> tuple[tuple[int, NDArray[np.float32]], ...]:
    """For each of 64 samples of a side: the first pixel that counts, and the weights from there.

    A window reaches one pixel further ahead than back where its size is even, and is cut off at the
    picture's edges.
    """
    size = -(-length // _BOXES)
    back, ahead = (size - 1) // 2, size // 2
    windows = []
    for number in range(_SIDE):
        centre = int((number + 0.5) * length / _SIDE)
        low, high = max(0, centre - back), min(length, centre + ahead + 1)
        first = max(0, low - back)
        weights = np.zeros(min(length, high + ahead) - first, np.float64)
        for inner in range(low, high):
            begin, end = max(0, inner - back), min(length, inner + ahead + 1)
            weights[begin - first : end - first] += 1 / ((end - begin) * (high - low))
        windows.append((first, weights.astype(np.float32)))
    return tuple(windows)


def _quality(luma: NDArray[np.float32]) -> int:
    """Sum of the gradients, each in whole percent of the range, so that faint ones do not count."""
    total = sum(
        float(np.abs(np.trunc(np.diff(luma, axis=axis) * np.float32(100 / 255))).sum())
        for axis in (0, 1)
    )
    return min(100, int(total) // _GRADIENTS)


def _bits(coefficients: NDArray[np.float32]) -> bytes:
    """Which coefficients are above the median (the smaller of the two in the middle).

    The first one, the lowest frequency, is the last bit.
    """
    median = np.partition(coefficients.ravel(), BITS // 2 - 1)[BITS // 2 - 1]
    return np.packbits((coefficients > median).ravel()[::-1]).tobytes()
