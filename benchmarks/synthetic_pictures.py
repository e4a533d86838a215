"""Pictures that no camera took: noise, gradients and, above all, periodic patterns.

A detector that looks for a repeated tile must not take a wallpaper, a fence or a halftone screen
for one. Each maker gets a random generator and gives uint8 ``(H, W, 3)`` RGB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.image_attacks import Pixels

__all__ = ["SYNTHETIC", "Maker"]

Maker: TypeAlias = Callable[[np.random.Generator], Pixels]
_Plane: TypeAlias = NDArray[np.floating]

_HEIGHT: Final = 600
_WIDTH: Final = 800


def _rgb(plane: ArrayLike) -> Pixels:
    """A plane of values, or ``(H, W, 3)``, as pixels: rounded, clipped to 0..255, grey if flat."""
    values = np.clip(np.round(np.asarray(plane)), 0, 255).astype(np.uint8)
    return values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)


def _grid() -> tuple[_Plane, _Plane]:
    """Row and column of every pixel."""
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH]
    return rows.astype(np.float64), columns.astype(np.float64)


def _turned(degrees: float) -> tuple[_Plane, _Plane]:
    """The grid's two coordinates, turned."""
    rows, columns = _grid()
    angle = np.deg2rad(degrees)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    return along, rows * np.cos(angle) - columns * np.sin(angle)


def flat(_random: np.random.Generator) -> Pixels:
    """One colour."""
    return np.full((_HEIGHT, _WIDTH, 3), (120, 150, 180), np.uint8)


def linear_gradient(_random: np.random.Generator) -> Pixels:
    """From dark to light along the diagonal, with the steps of eight bits."""
    rows, columns = _grid()
    return _rgb(20 + 200 * (rows / _HEIGHT + columns / _WIDTH) / 2)


def radial_gradient(random: np.random.Generator) -> Pixels:
    """A vignette with faint noise."""
    rows, columns = _grid()
    radius = np.hypot(rows - _HEIGHT / 2, columns - _WIDTH / 2) / (_WIDTH / 2)
    return _rgb(230 - 150 * radius + random.normal(0, 0.6, radius.shape))


def white_noise(random: np.random.Generator) -> Pixels:
    """Independent Gaussian noise in each channel."""
    return _rgb(128 + random.normal(0, 40, (_HEIGHT, _WIDTH, 3)))


def pink_noise(random: np.random.Generator) -> Pixels:
    """Noise with the 1/f amplitudes of natural pictures."""
    spectrum = np.fft.rfft2(random.normal(size=(_HEIGHT, _WIDTH)))
    frequency = np.hypot(np.fft.fftfreq(_HEIGHT)[:, None], np.fft.rfftfreq(_WIDTH)[None])
    plane = np.fft.irfft2(spectrum / np.maximum(frequency, 1 / _WIDTH), s=(_HEIGHT, _WIDTH))
    return _rgb(128 + 45 * plane / plane.std())


def salt_and_pepper(random: np.random.Generator) -> Pixels:
    """Black and white dots at random on grey."""
    return _rgb(random.choice([0.0, 128.0, 255.0], size=(_HEIGHT, _WIDTH), p=[0.1, 0.8, 0.1]))


def stripes(period_px: float, degrees: float = 0) -> Maker:
    """Square-wave stripes."""

    def make(_random: np.random.Generator) -> Pixels:
        along, _ = _turned(degrees)
        return _rgb(np.where(along / period_px % 1 < 0.5, 60.0, 190.0))

    return make


def gratings(period_px: float, degrees: float = 0) -> Maker:
    """Two crossed sine gratings of slightly different periods: a moiré."""

    def make(_random: np.random.Generator) -> Pixels:
        along, across = _turned(degrees)
        first = np.sin(2 * np.pi * along / period_px)
        return _rgb(128 + 50 * first + 50 * np.sin(2 * np.pi * across / (1.07 * period_px)))

    return make


def checkerboard(cell_px: int) -> Maker:
    """Squares of two greys."""

    def make(_random: np.random.Generator) -> Pixels:
        rows, columns = _grid()
        return _rgb(np.where((rows // cell_px + columns // cell_px) % 2 == 0, 50.0, 200.0))

    return make


def halftone(period_px: float, degrees: float = 45) -> Maker:
    """A 1/f picture printed as dots of varying size on a turned screen."""

    def make(random: np.random.Generator) -> Pixels:
        along, across = _turned(degrees)
        screen = np.cos(2 * np.pi * along / period_px) + np.cos(2 * np.pi * across / period_px)
        tone = pink_noise(random)[..., 0] / 64.0 - 2
        return _rgb(np.where(screen < tone, 245.0, 15.0))

    return make


def bricks(_random: np.random.Generator) -> Pixels:
    """A wall of equal bricks, each row shifted by half a brick."""
    rows, columns = _grid()
    course = rows // 32
    joint = (rows % 32 < 3) | ((columns + 32 * (course % 2)) % 64 < 3)
    return _rgb(np.where(joint, 210.0, 110.0))


def dots(period_px: int) -> Maker:
    """Small blurred dots on a square grid."""

    def make(_random: np.random.Generator) -> Pixels:
        plane = np.full((_HEIGHT, _WIDTH), 230.0)
        plane[::period_px, ::period_px] = -2000
        return _rgb(cv2.GaussianBlur(plane, (0, 0), 2))

    return make


def wallpaper(period_px: int) -> Maker:
    """The hardest kind: one random texture repeated, exactly as a mark's tile would be."""

    def make(random: np.random.Generator) -> Pixels:
        texture = random.normal(0, 1, (period_px, period_px))
        smooth = cv2.GaussianBlur(np.tile(texture, (3, 3)), (0, 0), 1.5)
        tile = smooth[period_px : 2 * period_px, period_px : 2 * period_px]
        repeats = (-(-_HEIGHT // period_px), -(-_WIDTH // period_px))
        plane = np.tile(tile / tile.std(), repeats)[:_HEIGHT, :_WIDTH]
        return _rgb(128 + 30 * plane)

    return make


def text_page(random: np.random.Generator) -> Pixels:
    """Lines of dark marks of random width at a fixed distance, like print."""
    page = np.full((_HEIGHT, _WIDTH), 250.0)
    for top in range(24, _HEIGHT - 24, 18):
        left = 24
        while left < _WIDTH - 60:
            width = int(random.integers(4, 12))
            page[top : top + int(random.integers(6, 11)), left : left + width] = 25
            left += width + int(random.choice([2, 2, 2, 9]))
    return _rgb(page)


SYNTHETIC: Final[dict[str, Maker]] = {
    "flat": flat,
    "linear-gradient": linear_gradient,
    "radial-gradient": radial_gradient,
    "white-noise": white_noise,
    "pink-noise": pink_noise,
    "salt-and-pepper": salt_and_pepper,
    "stripes-8": stripes(8),
    "stripes-96": stripes(96),
    "stripes-21.3-turned-12": stripes(21.3, 12),
    "gratings-12": gratings(12),
    "gratings-64-turned-30": gratings(64, 30),
    "checkerboard-8": checkerboard(8),
    "checkerboard-32": checkerboard(32),
    "checkerboard-48": checkerboard(48),
    "halftone-6": halftone(6),
    "halftone-11-turned-15": halftone(11, 15),
    "bricks": bricks,
    "dots-24": dots(24),
    "wallpaper-64": wallpaper(64),
    "wallpaper-80": wallpaper(80),
    "wallpaper-96": wallpaper(96),
    "wallpaper-128": wallpaper(128),
    "wallpaper-150": wallpaper(150),
    "wallpaper-192": wallpaper(192),
    "text-page": text_page,
}
"""Every maker by name."""
