"""The whitened spectrum of a picture, readable at any frequency.

A lattice mark shows as energy at the frequencies of a lattice. To test a lattice, the picture's
Fourier transform is wanted at some hundred frequencies that lie between the bins of a fast Fourier
transform. That is a non-uniform FFT of type 2: the picture is divided by the interpolation kernel's
transform, padded, transformed once, and each frequency is then read from 2 x 2 neighbouring bins
with a Kaiser-Bessel kernel (Fessler and Sutton, "Nonuniform fast Fourier transforms using min-max
interpolation", 2003; Beatty et al., 2005, for the kernel's width). One more test costs little.

Before that, what the picture itself shows is held down: a bilateral filter (Tomasi and Manduchi,
1998) keeps its edges and shades, which are taken away; the rest is divided by its local deviation
and clipped; and the spectrum is divided by its own local mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.pixels import Pixels, check_pixels, grey, level_step

__all__ = [
    "DETECTION_PIXELS",
    "Residual",
    "Spectrum",
    "analyse",
    "residual_of",
    "transform",
    "whitened",
    "without_edges",
    "without_shades",
]

DETECTION_PIXELS: Final = 400_000
"""Larger pictures are scaled down to this many pixels: more buys little and costs much."""
_OVERSAMPLING: Final = 1.3
_REACH: Final = 2
"""Bins on a side of the interpolation kernel: those before and after a frequency."""
_BETA: Final = 3.5
"""Shape of the kernel: its error is 1.5 % of the energy, far below what the picture adds, and the
compensation stays mild (at most 1.9), so that the autocorrelation uses the whole picture."""
_STEPS: Final = 1024
"""Table entries of the kernel between two bins."""
_MARGIN: Final = 2
_LEAST_SIDE: Final = 12
"""Pictures smaller than that are padded to it: nothing is found in them, and nothing breaks."""
_EDGE_WINDOW, _EDGE_CONTRAST, _EDGE_SIGMA = 5, 15.0, 2.0
"""Bilateral filter: pixels on a side, grey levels, pixels."""
_SHADE_SIGMA: Final = 4.0
_LOCAL_BOX: Final = 7
_QUIET: Final = 0.6
"""Grey levels added to the local deviation, so that flat areas do not shout."""
_CLIP: Final = 3.0


def _kernel_table() -> NDArray[np.float32]:
    """``(_STEPS + 1,)`` the kernel's weight of a bin, by its distance from the frequency."""
    distance = np.linspace(0, 1, _STEPS + 1)
    return (np.i0(_BETA * np.sqrt(1 - distance**2)) / np.i0(_BETA)).astype(np.float32)


_KERNEL: Final = _kernel_table()


def _compensation(size: int, padded: int) -> NDArray[np.float32]:
    """``(size,)`` the reciprocal of the kernel's transform, centred, about 1 in the middle."""
    position = (np.arange(size) - size // 2) / padded
    argument = np.emath.sqrt(_BETA**2 - (np.pi * _REACH * position) ** 2)
    transform = np.real(np.sinh(argument) / argument)
    return np.asarray(np.sinh(_BETA) / _BETA / transform, np.float32)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The whitened spectrum of a picture, with the phase origin in the picture's middle."""

    height: int
    """Rows of the picture that was analysed, after scaling down."""
    width: int
    """Columns of it."""
    scale: float
    """Its pixels for each pixel of the original, at most 1."""
    padded_height: int
    """Rows of the Fourier transform."""
    padded_width: int
    """Columns of the Fourier transform, before folding to the half plane."""
    grid: NDArray[np.complex64]
    """Bins of the half plane ``fx >= 0``, with margins that repeat what lies across each border:
    ``(padded_height + 2 margin, padded_width / 2 + 1 + 2 margin)``."""

    @property
    def bins(self) -> NDArray[np.complex64]:
        """``(padded_height, padded_width / 2 + 1)`` the bins without margins."""
        return self.grid[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]

    def sample(
        self, frequency_x: NDArray[np.floating], frequency_y: NDArray[np.floating]
    ) -> NDArray[np.complex64]:
        """The spectrum at any frequencies.

        Args:
            frequency_x: Cycles per analysed pixel, any shape, in (-0.5, 0.5); beyond gives 0.
            frequency_y: Likewise, same shape.

        Returns:
            Values of the same shape.
        """
        mirrored = frequency_x < 0
        column = np.abs(frequency_x) * self.padded_width
        row = np.where(mirrored, -frequency_y, frequency_y) * self.padded_height
        inside = (column < self.padded_width / 2) & (np.abs(frequency_y) < 0.5)
        column, row = column * inside, row * inside
        left, top = column.astype(np.intp), np.floor(row).astype(np.intp)
        right_weight = _KERNEL[((1 - (column - left)) * _STEPS).astype(np.intp)]
        left_weight = _KERNEL[((column - left) * _STEPS).astype(np.intp)] * inside
        right_weight *= inside
        top_weight = _KERNEL[((row - top) * _STEPS).astype(np.intp)]
        bottom_weight = _KERNEL[((1 - (row - top)) * _STEPS).astype(np.intp)]
        flat = self.grid.reshape(-1)
        stride = self.grid.shape[1]
        first = (top % self.padded_height + _MARGIN) * stride + left + _MARGIN
        upper = flat[first] * left_weight + flat[first + 1] * right_weight
        first += stride
        lower = flat[first] * left_weight + flat[first + 1] * right_weight
        values = upper * top_weight + lower * bottom_weight
        return np.asarray(np.where(mirrored, np.conj(values), values), np.complex64)


def without_edges(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a bilateral filter leaves out: fine grain, but no edges. Best for most pictures."""
    return luma - cv2.bilateralFilter(luma, _EDGE_WINDOW, _EDGE_CONTRAST, _EDGE_SIGMA)


def without_shades(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a Gaussian filter leaves out: for blurred pictures, which have lost the fine grain."""
    return luma - cv2.GaussianBlur(luma, (0, 0), _SHADE_SIGMA)


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left of a picture when the picture itself is held down."""

    values: NDArray[np.float32]
    """``(H, W)`` in local deviations, after scaling down."""
    scale: float
    """Its pixels for each pixel of the original, at most 1."""


def residual_of(
    pixels: Pixels,
    *,
    most_pixels: int = DETECTION_PIXELS,
    depth: int | None = None,
    taking_away: Callable[[NDArray[np.float32]], NDArray[np.float32]] = without_edges,
) -> Residual:
    """Take a picture away from itself.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16; alpha is ignored.
        most_pixels: Larger pictures are scaled down to that many.
        depth: Bits of a code value; None: all of the type's.
        taking_away: What is left of ``(H, W)`` float32 luma, 0 to 255: `without_edges` or
            `without_shades`.
    """
    luma = grey(pixels)
    step = np.float32(level_step(pixels) if depth is None else 1 << (depth - 8))
    height, width = luma.shape
    scale = min(1.0, (most_pixels / (height * width)) ** 0.5)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Down to half the size, four neighbours hold all that area averaging would use.
        luma = cv2.resize(
            luma, size, interpolation=cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
        )
    return Residual(_flatten(taking_away(luma.astype(np.float32) / step)), scale)


def analyse(
    pixels: Pixels,
    taking_away: Callable[[NDArray[np.float32]], NDArray[np.float32]] = without_edges,
) -> Spectrum:
    """The whitened spectrum of a picture.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16; alpha is ignored.
        taking_away: See `residual_of`.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape, or is empty.
    """
    check_pixels(pixels)
    return transform(residual_of(pixels, taking_away=taking_away))


def transform(residual: Residual) -> Spectrum:
    """The whitened spectrum of a residual, or of the sum of several of the same size."""
    values, scale = residual.values, residual.scale
    height, width = values.shape
    padded_height, padded_width = (_padded(side) for side in (height, width))
    compensated = values * _compensation(height, padded_height)[:, None]
    compensated *= _compensation(width, padded_width)
    bins = _centred_transform(compensated, padded_height, padded_width)
    bins /= _local_amplitude(bins, min(height, width))
    _notch(bins, aligned=scale == 1)
    return Spectrum(height, width, scale, padded_height, padded_width, _with_margins(bins))


def whitened(spectrum: Spectrum) -> NDArray[np.float32]:
    """``(height, width)`` the residual from which a spectrum came, as far as it was levelled."""
    shape = (spectrum.padded_height, spectrum.padded_width)
    values = np.roll(
        np.fft.irfft2(spectrum.bins, s=shape).astype(np.float32),
        (spectrum.height // 2, spectrum.width // 2),
        axis=(0, 1),
    )[: spectrum.height, : spectrum.width]
    values /= _compensation(spectrum.height, spectrum.padded_height)[:, None]
    return np.asarray(values / _compensation(spectrum.width, spectrum.padded_width), np.float32)


def _flatten(residual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide by the local deviation and clip, in place."""
    variance = cv2.blur(residual * residual, (_LOCAL_BOX, _LOCAL_BOX))
    # The running sums of the box filter may leave a rounding error below zero.
    deviation = cv2.sqrt(np.maximum(variance, 0))
    residual /= deviation + np.float32(_QUIET)
    return np.clip(residual, -_CLIP, _CLIP, out=residual)


def _padded(side: int) -> int:
    """An even size that transforms fast, at least `_OVERSAMPLING` times ``side``."""
    return 2 * cv2.getOptimalDFTSize(int(np.ceil(max(side, _LEAST_SIDE) * _OVERSAMPLING / 2)))


def _centred_transform(
    residual: NDArray[np.float32], padded_height: int, padded_width: int
) -> NDArray[np.complex64]:
    """Half-plane transform with the picture's middle at the origin."""
    height, width = residual.shape
    middle_y, middle_x = height // 2, width // 2
    padded = np.zeros((padded_height, padded_width), np.float32)
    for rows, target_rows in (
        (slice(middle_y, height), slice(0, height - middle_y)),
        (slice(0, middle_y), slice(padded_height - middle_y, padded_height)),
    ):
        padded[target_rows, : width - middle_x] = residual[rows, middle_x:]
        padded[target_rows, padded_width - middle_x :] = residual[rows, :middle_x]
    packed = cv2.dft(padded)
    # OpenCV packs the half plane into real numbers. Its first and last columns, packed in a way of
    # their own, lie on the lines that are silenced anyway.
    bins = np.zeros((padded_height, padded_width // 2 + 1), np.complex64)
    bins.view(np.float32)[:, 2:-2] = packed[:, 1:-1]
    bins[:, 0], bins[:, -1] = bins[:, 1], bins[:, -2]
    return bins


def _local_amplitude(bins: NDArray[np.complex64], short_side: int) -> NDArray[np.float32]:
    power = bins.real**2 + bins.imag**2
    box = max(5, int(short_side * _OVERSAMPLING / 64) | 1)
    smooth = cv2.blur(power, (box, box), borderType=cv2.BORDER_REFLECT)
    floor = np.float32(1e-3 * float(smooth.mean()) + 1e-20)
    return np.asarray(cv2.sqrt(np.maximum(smooth, floor)), np.float32)


def _notch(bins: NDArray[np.complex64], *, aligned: bool) -> None:
    """Silence what is not the mark's: horizontal and vertical edges, and the JPEG grid.

    Args:
        bins: Half-plane spectrum, changed in place.
        aligned: Whether the picture was not scaled, so that a codec's 8 x 8 grid is periodic in it.
    """
    lines = [0.0, *([0.125, 0.25, 0.375, 0.5] if aligned else [])]
    rows, columns = bins.shape
    frequency_y = np.abs(np.fft.fftfreq(rows))
    frequency_x = np.arange(columns) / (2 * (columns - 1))
    half_width = 1.5 * _OVERSAMPLING
    bins[:, -1] = 0
    for line in lines:
        bins[np.abs(frequency_y - line) < half_width / rows] = 0
        bins[:, np.abs(frequency_x - line) < half_width / (2 * (columns - 1))] = 0


def _with_margins(bins: NDArray[np.complex64]) -> NDArray[np.complex64]:
    rows, columns = bins.shape
    grid = np.empty((rows + 2 * _MARGIN, columns + 2 * _MARGIN), np.complex64)
    grid[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = bins
    # Across fx = 0 and fx = 0.5 the half plane goes on as the conjugate of the opposite frequency.
    opposite = -np.arange(rows) % rows
    left = bins[opposite, 1 : _MARGIN + 1][:, ::-1]
    right = bins[opposite, columns - 1 - _MARGIN : columns - 1][:, ::-1]
    grid[_MARGIN:-_MARGIN, :_MARGIN] = np.conj(left)
    grid[_MARGIN:-_MARGIN, -_MARGIN:] = np.conj(right)
    grid[:_MARGIN] = grid[rows : rows + _MARGIN]
    grid[-_MARGIN:] = grid[_MARGIN : 2 * _MARGIN]
    return grid
