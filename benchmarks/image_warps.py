"""Bending pictures: perspective, lenses, paper, and photographs of screens.

As in `benchmarks.image_edits`, every edit is a pure function of the pixels, uint8 ``(H, W, 3)``
RGB, and a random generator; it gives a picture of the same size. What a picture does not fill is
white, as paper is.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.image_edits import Attack, Pixels, blur, chain, gamma, jpeg, noise, rotate

__all__ = ["lens", "local_warp", "perspective", "print_scan_warped", "screen_photograph"]

_Field: TypeAlias = NDArray[np.float32]
_WHITE: Final = (255, 255, 255)
_CORRELATION: Final = 0.25
"""Distance at which the displacements of a local warp have lost most of their correlation (1/e),
as a share of the root of the picture's area."""
_FIELD_CELLS: Final = 16
"""Cells along each side on which displacements are drawn before they are smoothed."""
_MOIRE: Final = 6.0
"""Amplitude of the bands that a screen's grid leaves, grey levels."""


def perspective(share: float) -> Attack:
    """Move every corner by ``share`` of the sides, each in a direction of its own."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        direction = random.uniform(0, 2 * np.pi, 4)
        moves = share * np.stack([np.cos(direction), np.sin(direction)], axis=1) * (width, height)
        matrix = cv2.getPerspectiveTransform(corners, (corners + moves).astype(np.float32))
        bent = cv2.warpPerspective(
            pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=_WHITE
        )
        return _pixels(bent)

    return attack


def lens(share: float) -> Attack:
    """Radial distortion, growing with the cube of the distance from the middle.

    Args:
        share: How far the corners move outwards, of half the diagonal: below 0 a barrel, above 0
            a pincushion.
    """

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        y, x = np.mgrid[:height, :width].astype(np.float32)
        squared = ((x - middle_x) ** 2 + (y - middle_y) ** 2) / (middle_x**2 + middle_y**2)
        # To the first order, what moves outwards by so much came from as far inside.
        factor = 1 - share * squared
        return _sampled(
            pixels, middle_x + (x - middle_x) * factor, middle_y + (y - middle_y) * factor
        )

    return attack


def local_warp(displacement_px: float) -> Attack:
    """Smooth random displacements.

    Args:
        displacement_px: Root of the mean square of each coordinate's displacement.
    """

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        across, down = (_smooth_field(height, width, random) for _ in range(2))
        return _sampled(pixels, x + displacement_px * across, y + displacement_px * down)

    return attack


def _moire(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Bands of the three colours, as a camera's grid of pixels and a screen's make together."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bands = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        wavelength_px, direction = random.uniform(6, 24), random.uniform(0, np.pi)
        along = (x * np.cos(direction) + y * np.sin(direction)) / wavelength_px
        # The bands of a picture that lies askew are bent.
        bend = random.uniform(-4, 4) * (x / width) * (y / height)
        bands[..., channel] = np.sin(2 * np.pi * (along + bend + random.uniform()))
    return _pixels(pixels + _MOIRE * bands)


def _smooth_field(height: int, width: int, random: np.random.Generator) -> _Field:
    """``(height, width)`` smooth noise of unit mean square."""
    root = (height * width) ** 0.5
    cell = root / _FIELD_CELLS
    margin = _FIELD_CELLS
    rows, columns = (int(np.ceil(side / cell)) + 2 * margin for side in (height, width))
    white = random.normal(size=(rows, columns)).astype(np.float32)
    # Noise smoothed with a deviation s is correlated as exp(-(r / 2 s)^2).
    coarse = cv2.GaussianBlur(white, (0, 0), _CORRELATION * root / cell / 2)
    coarse = coarse[margin:-margin, margin:-margin]
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field / np.sqrt(np.mean(field**2)), np.float32)


def _sampled(pixels: Pixels, x: _Field, y: _Field) -> Pixels:
    """The picture read at these places."""
    return _pixels(
        cv2.remap(
            pixels,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=_WHITE,
        )
    )


def _fade(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """Ink and paper: less contrast, on a lighter black."""
    return _pixels(0.9 * pixels.astype(np.float32) + 12)


def _pixels(values: ArrayLike) -> Pixels:
    return np.asarray(np.clip(np.round(np.asarray(values)), 0, 255), np.uint8)


screen_photograph: Final[Attack] = chain(
    perspective(0.05), _moire, blur(0.8), gamma(1.15), noise(3), jpeg(80)
)
"""A hand-held photograph of a screen."""
print_scan_warped: Final[Attack] = chain(
    local_warp(2), perspective(0.01), rotate(1.3), blur(0.8), gamma(1.15), _fade, noise(3), jpeg(80)
)
"""Printing and scanning paper that does not lie flat."""
