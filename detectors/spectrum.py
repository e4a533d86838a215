"""The whitened spectrum of a picture, readable at any frequency.

A lattice mark shows as energy at the frequencies of a lattice. To test a lattice, the picture's
Fourier transform is wanted at some hundred frequencies that lie between the bins of a fast Fourier
transform. That is a non-uniform FFT of type 2: the picture is divided by the interpolation kernel's
transform, padded, transformed once, and each frequency is then read from 2 x 2 neighbouring bins
with a Kaiser-Bessel kernel (Fessler and Sutton, "Nonuniform fast Fourier transforms using min-max
interpolation", 2003; Beatty et al., 2005, for the kernel's width). One more test costs little.

Before that, what the picture itself shows is held down (`labeler.codec.residual`): a bilateral
filter keeps its edges and shades, which are taken away; the rest is divided by its local deviation
and clipped; and the spectrum is divided by its own local mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.pixels import Pixels, check_pixels, grey, level_step
from labeler.codec.residual import without_edges

__all__ = [
    "DETECTION_PIXELS",
    "HoldingDown",
    "Residual",
    "Spectrum",
    "analyse",
    "residual_of",
    "transform",
    "whitened",
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
_BLOCK_ROWS: Final = 64
_LEAST_SIDE: Final = 12
"""Pictures smaller than that are padded to it: nothing is found in them, and nothing breaks."""


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
    """Its pixels for each pixel of the original along a side; above 1 where it was enlarged."""
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
        left, top = column.astype(np.int32), np.floor(row).astype(np.int32)
        left_weight, right_weight = _weights(column - left)
        top_weight, bottom_weight = _weights(row - top)
        flat, stride = self.grid.reshape(-1), self.grid.shape[1]
        first = (top % self.padded_height + _MARGIN) * stride + left + _MARGIN
        upper = flat.take(first) * left_weight + flat.take(first + 1) * right_weight
        first += stride
        lower = flat.take(first) * left_weight + flat.take(first + 1) * right_weight
        values = (upper * top_weight + lower * bottom_weight) * inside
        np.negative(values.imag, out=values.imag, where=mirrored)
        return np.asarray(values, np.complex64)


def _weights(distance: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights of the bins before and after a frequency, by its distance from the former."""
    steps = distance * _STEPS
    before, after = steps.astype(np.int32), (_STEPS - steps).astype(np.int32)
    return _KERNEL.take(before), _KERNEL.take(after)


HoldingDown: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Gives what is left of ``(H, W)`` float32 luma, 0 to 255, in local deviations."""


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left of a picture when the picture itself is held down."""

    values: NDArray[np.float32]
    """``(H, W)`` in local deviations, after scaling down."""
    scale: float
    """Its pixels for each pixel of the original along a side; above 1 where it was enlarged."""


def residual_of(
    pixels: Pixels,
    *,
    most_pixels: int = DETECTION_PIXELS,
    depth: int | None = None,
    holding_down: HoldingDown = without_edges,
    enlarged: int = 1,
) -> Residual:
    """Take a picture away from itself.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16; alpha is ignored.
        most_pixels: Larger pictures are scaled down to that many.
        depth: Bits of a code value; None: all of the type's.
        holding_down: How.
        enlarged: How many times as wide and high smaller ones are looked at.
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
    shades = luma.astype(np.float32) / step
    if scale == 1 and enlarged > 1:
        size = (enlarged * width, enlarged * height)
        shades = np.asarray(cv2.resize(shades, size, interpolation=cv2.INTER_CUBIC), np.float32)
        scale = float(enlarged)
    return Residual(holding_down(shades), scale)


def analyse(
    pixels: Pixels, holding_down: HoldingDown = without_edges, *, enlarged: int = 1
) -> Spectrum:
    """The whitened spectrum of a picture.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16; alpha is ignored.
        holding_down: See `residual_of`.
        enlarged: See `residual_of`.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape, or is empty.
    """
    check_pixels(pixels)
    return transform(residual_of(pixels, holding_down=holding_down, enlarged=enlarged))


def transform(residual: Residual) -> Spectrum:
    """The whitened spectrum of a residual, or of the sum of several of the same size."""
    values, scale = residual.values, residual.scale
    height, width = values.shape
    padded_height, padded_width = (_padded(side) for side in (height, width))
    # One piece of memory is in turn the padded residual, its transform, and the whitened bins.
    shape = (padded_height + 2 * _MARGIN, padded_width // 2 + 1 + 2 * _MARGIN)
    grid = np.empty(shape, np.complex64)
    packed = _packed(grid)
    _compensate(values, packed)
    cv2.dft(packed, dst=packed)
    _whiten(packed, min(height, width))
    _notch(grid[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN], aligned=scale == 1)
    _fill_margins(grid)
    return Spectrum(height, width, scale, padded_height, padded_width, grid)


def whitened(spectrum: Spectrum) -> NDArray[np.float32]:
    """``(height, width)`` the residual from which a spectrum came, as far as it was levelled."""
    height, width = spectrum.height, spectrum.width
    flags = cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT
    padded = np.asarray(cv2.dft(_packed(spectrum.grid), flags=flags))
    down = _compensation(height, spectrum.padded_height)[:, None]
    across = _compensation(width, spectrum.padded_width)
    values = np.empty((height, width), np.float32)
    for rows, source_rows in _halves(height, spectrum.padded_height):
        for columns, source in _halves(width, spectrum.padded_width):
            np.divide(padded[source_rows, source], across[columns], out=values[rows, columns])
    values /= down
    return values


def _packed(grid: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The memory of the bins, as OpenCV packs a half plane into real numbers.

    Its first and last columns, packed in a way of their own, lie on the lines that are silenced
    anyway; pairs of the others are bins.
    """
    numbers = grid.view(np.float32)[_MARGIN:-_MARGIN]
    return numbers[:, 2 * _MARGIN + 1 : -2 * _MARGIN - 1]


def _padded(side: int) -> int:
    """An even size that transforms fast, at least `_OVERSAMPLING` times ``side``."""
    return 2 * cv2.getOptimalDFTSize(int(np.ceil(max(side, _LEAST_SIDE) * _OVERSAMPLING / 2)))


def _compensate(residual: NDArray[np.float32], padded: NDArray[np.float32]) -> None:
    """Fill ``padded`` with what is to be transformed, its middle at the origin."""
    (height, width), (padded_height, padded_width) = residual.shape, padded.shape
    down, across = _compensation(height, padded_height)[:, None], _compensation(width, padded_width)
    padded[height - height // 2 : padded_height - height // 2] = 0
    padded[:, width - width // 2 : padded_width - width // 2] = 0
    for rows, target_rows in _halves(height, padded_height):
        for columns, target in _halves(width, padded_width):
            quarter = padded[target_rows, target]
            np.multiply(residual[rows, columns], across[columns], out=quarter)
            quarter *= down[rows]


def _halves(side: int, padded: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Which part of a side lies where, once its middle is at the origin of the padded side."""
    middle = side // 2
    return (
        (slice(middle, side), slice(0, side - middle)),
        (slice(0, middle), slice(padded - middle, padded)),
    )


def _whiten(packed: NDArray[np.float32], short_side: int) -> None:
    """Divide by the local amplitude, in place."""
    amplitude = _local_amplitude(packed, short_side)[:, 1:-1]
    for some in _row_blocks(len(packed)):
        # Real numbers divide pairs of real numbers several times as fast as they do complex ones.
        pairs = cv2.merge([amplitude[some], amplitude[some]])
        packed[some, 1:-1] /= pairs.reshape(len(pairs), -1)


def _row_blocks(rows: int) -> Iterator[slice]:
    """Blocks of rows that stay in the processor's cache while they are worked on."""
    for top in range(0, rows, _BLOCK_ROWS):
        yield slice(top, min(rows, top + _BLOCK_ROWS))


def _local_amplitude(packed: NDArray[np.float32], short_side: int) -> NDArray[np.float32]:
    """``(padded_height, padded_width / 2 + 1)`` root of the local mean of the power."""
    power = np.empty((len(packed), packed.shape[1] // 2 + 1), np.float32)
    for some in _row_blocks(len(packed)):
        squares = np.square(packed[some])
        np.add(squares[:, 1:-1:2], squares[:, 2::2], out=power[some, 1:-1])
    power[:, 0], power[:, -1] = power[:, 1], power[:, -2]
    box = max(5, int(short_side * _OVERSAMPLING / 64) | 1)
    smooth = cv2.blur(power, (box, box), borderType=cv2.BORDER_REFLECT)
    floor = np.float32(1e-3 * float(smooth.mean()) + 1e-20)
    np.maximum(smooth, floor, out=smooth)
    return np.asarray(np.sqrt(smooth, out=smooth), np.float32)


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


def _fill_margins(grid: NDArray[np.complex64]) -> None:
    """Repeat around the bins what lies across each border, in place."""
    bins = grid[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    rows, columns = bins.shape
    # Across fx = 0 and fx = 0.5 the half plane goes on as the conjugate of the opposite frequency.
    opposite = -np.arange(rows) % rows
    left = bins[opposite, 1 : _MARGIN + 1][:, ::-1]
    right = bins[opposite, columns - 1 - _MARGIN : columns - 1][:, ::-1]
    grid[_MARGIN:-_MARGIN, :_MARGIN] = np.conj(left)
    grid[_MARGIN:-_MARGIN, -_MARGIN:] = np.conj(right)
    grid[:_MARGIN] = grid[rows : rows + _MARGIN]
    grid[-_MARGIN:] = grid[_MARGIN : 2 * _MARGIN]
