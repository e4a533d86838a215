"""Single edits of pictures, and chains of them: what the attacks are made of.

Every edit is a pure function of the pixels, uint8 ``(H, W, 3)`` RGB, and a random generator; it
gives uint8 ``(H', W', 3)`` RGB.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

__all__ = [
    "Attack",
    "Pixels",
    "as_pixels",
    "avif",
    "bilateral",
    "blur",
    "brightness",
    "canvas",
    "chain",
    "contrast",
    "crop",
    "flip_horizontal",
    "flip_vertical",
    "gamma",
    "grey",
    "hue",
    "jpeg",
    "limit_long_edge",
    "median",
    "noise",
    "overlay",
    "print_scan",
    "resize",
    "rotate",
    "rotate_inscribed",
    "saturation",
    "sharpen",
    "unchanged",
    "webp",
]

Pixels: TypeAlias = NDArray[np.uint8]
Attack: TypeAlias = Callable[[Pixels, np.random.Generator], Pixels]

_MIN_RESIZED_PX: Final = 8
_MIN_CROPPED_PX: Final = 16


# ---------------------------------------------------------------- the basic edits


def as_pixels(values: ArrayLike) -> Pixels:
    """Values as pixels, rounded and clipped to 0..255."""
    numbers = np.asarray(values)
    if numbers.dtype == np.uint8:
        return numbers
    return np.asarray(np.clip(np.round(numbers), 0, 255), np.uint8)


def unchanged(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """The same pixels."""
    return pixels.copy()


def _recompress(pixels: Pixels, file_format: str, quality: int) -> Pixels:
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if file_format == "AVIF":
        image.save(file, "AVIF", quality=quality, speed=8, max_threads=1)
    else:  # JPEG is 4:2:0 unless told otherwise, WebP always
        image.save(file, file_format, quality=quality)
    file.seek(0)
    with Image.open(file) as again:
        return np.asarray(again.convert("RGB")).copy()


def jpeg(quality: int) -> Attack:
    """JPEG, 4:2:0."""
    return lambda pixels, _random: _recompress(pixels, "JPEG", quality)


def webp(quality: int) -> Attack:
    """Lossy WebP."""
    return lambda pixels, _random: _recompress(pixels, "WEBP", quality)


def avif(quality: int) -> Attack:
    """AVIF, 4:2:0, encoder speed 8."""
    return lambda pixels, _random: _recompress(pixels, "AVIF", quality)


def _resized(pixels: Pixels, width: int, height: int, interpolation: int) -> Pixels:
    size = (max(_MIN_RESIZED_PX, width), max(_MIN_RESIZED_PX, height))
    return as_pixels(cv2.resize(pixels, size, interpolation=interpolation))


def resize(factor_x: float, factor_y: float | None = None) -> Attack:
    """Scale; area average when the width shrinks, cubic otherwise."""
    interpolation = cv2.INTER_AREA if factor_x < 1 else cv2.INTER_CUBIC

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        new_height = round(height * (factor_x if factor_y is None else factor_y))
        return _resized(pixels, round(width * factor_x), new_height, interpolation)

    return attack


def limit_long_edge(limit_px: int) -> Attack:
    """Scale down so that the long edge has at most ``limit_px`` pixels (area average)."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        factor = limit_px / max(pixels.shape[:2])
        return resize(factor)(pixels, random) if factor < 1 else pixels

    return attack


def crop(area: float, *, centred: bool = False) -> Attack:
    """Keep a window with the picture's aspect and ``area`` (0..1) of its area."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        new_height = min(height, max(_MIN_CROPPED_PX, int(height * area**0.5)))
        new_width = min(width, max(_MIN_CROPPED_PX, int(width * area**0.5)))
        free_y, free_x = height - new_height, width - new_width
        top = free_y // 2 if centred else int(random.integers(0, free_y + 1))
        left = free_x // 2 if centred else int(random.integers(0, free_x + 1))
        return pixels[top : top + new_height, left : left + new_width].copy()

    return attack


def rotate(degrees: float, *, expand: bool = False) -> Attack:
    """Turn; multiples of 90° exactly, others bicubic on the same canvas with black corners."""

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        if degrees % 90 == 0:
            return np.ascontiguousarray(np.rot90(pixels, int(degrees // 90)))
        turned = Image.fromarray(pixels).rotate(
            degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=(0, 0, 0)
        )
        return np.asarray(turned).copy()

    return attack


def rotate_inscribed(degrees: float) -> Attack:
    """Turn, then keep the largest centred window of the same aspect without black corners."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        angle = np.deg2rad(abs(degrees))
        aspect = max(height, width) / min(height, width)
        factor = 1 / (np.cos(angle) + aspect * np.sin(angle))
        new_height, new_width = int(height * factor), int(width * factor)
        top, left = (height - new_height) // 2, (width - new_width) // 2
        turned = rotate(degrees)(pixels, random)
        return turned[top : top + new_height, left : left + new_width].copy()

    return attack


def flip_horizontal(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """Left and right change places."""
    return np.ascontiguousarray(pixels[:, ::-1])


def flip_vertical(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """Top and bottom change places."""
    return np.ascontiguousarray(pixels[::-1])


# ---------------------------------------------------------------- tone and colour


def brightness(factor: float) -> Attack:
    """Multiply all channels."""
    return lambda pixels, _random: as_pixels(pixels.astype(np.float32) * factor)


def contrast(factor: float) -> Attack:
    """Pillow's contrast: away from the mean grey."""

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        return np.asarray(ImageEnhance.Contrast(Image.fromarray(pixels)).enhance(factor)).copy()

    return attack


def saturation(factor: float) -> Attack:
    """Pillow's colour enhancement: away from grey."""

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        return np.asarray(ImageEnhance.Color(Image.fromarray(pixels)).enhance(factor)).copy()

    return attack


def hue(degrees: int) -> Attack:
    """Turn the hue circle; OpenCV counts hue in steps of two degrees."""

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + degrees // 2) % 180
        return as_pixels(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))

    return attack


def grey(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """BT.601 luma in all three channels."""
    return np.repeat(as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[..., None], 3, axis=2)


def gamma(exponent: float) -> Attack:
    """Raise values, scaled to 0..1, to a power."""
    return lambda pixels, _random: as_pixels(255 * (pixels / 255.0) ** exponent)


# ---------------------------------------------------------------- noise and filters


def noise(deviation: float) -> Attack:
    """Add Gaussian noise, independent in each channel."""
    return lambda pixels, random: as_pixels(pixels + random.normal(0, deviation, pixels.shape))


def blur(deviation_px: float) -> Attack:
    """Gaussian blur."""
    return lambda pixels, _random: as_pixels(cv2.GaussianBlur(pixels, (0, 0), deviation_px))


def median(size_px: int) -> Attack:
    """Median filter on each channel."""
    return lambda pixels, _random: as_pixels(cv2.medianBlur(pixels, size_px))


def bilateral(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """An edge-keeping smoother, as phones use against noise."""
    return as_pixels(cv2.bilateralFilter(pixels, 7, 25, 5))


def sharpen(amount: float) -> Attack:
    """Unsharp mask over a blur of 1.5 pixels."""

    def attack(pixels: Pixels, _random: np.random.Generator) -> Pixels:
        smooth = cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.float32)
        return as_pixels(pixels + amount * (pixels.astype(np.float32) - smooth))

    return attack


# ---------------------------------------------------------------- composition and whole journeys


def overlay(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """Large text, a disc and a box on top."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    height, width = pixels.shape[:2]
    draw.text(
        (width * 0.05, height * 0.1),
        "SAMPLE TEXT",
        font=ImageFont.load_default(max(10, width // 10)),
        fill=(255, 255, 255),
        stroke_width=2,
        stroke_fill=(0, 0, 0),
    )
    disc_top = height * 0.65
    draw.ellipse((width * 0.7, disc_top, width * 0.95, disc_top + width * 0.25), fill=(220, 30, 40))
    draw.rectangle((width * 0.1, height * 0.6, width * 0.35, height * 0.75), fill=(250, 220, 40))
    return np.asarray(image).copy()


def canvas(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A collage: scaled by 0.8 and pasted at random into a canvas 1.5 times as large."""
    pasted = resize(0.8)(pixels, random)
    height, width = int(pixels.shape[0] * 1.5), int(pixels.shape[1] * 1.5)
    canvas = np.full((height, width, 3), (235, 235, 240), np.uint8)
    canvas[:, : width // 3] = (40, 60, 90)
    band_colour = random.integers(0, 255, 3)
    band_top = int(random.integers(0, height))
    canvas[band_top : band_top + height // 5] = band_colour
    top = int(random.integers(0, height - pasted.shape[0]))
    left = int(random.integers(0, width - pasted.shape[1]))
    canvas[top : top + pasted.shape[0], left : left + pasted.shape[1]] = pasted
    return canvas


def _perspective(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Move each corner by up to 1 % of the sides, on white."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moves = random.uniform(-0.01, 0.01, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + moves).astype(np.float32))
    return as_pixels(
        cv2.warpPerspective(
            pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255)
        )
    )


def print_scan(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A simulation of printing and scanning: perspective, turn, blur, tone, noise, JPEG 80."""
    scanned = blur(0.8)(rotate(1.3)(_perspective(pixels, random), random), random)
    toned = 255 * (scanned / 255.0) ** 1.15 * 0.9 + 12
    return _recompress(as_pixels(toned + random.normal(0, 3, toned.shape)), "JPEG", 80)


def chain(*attacks: Attack) -> Attack:
    """One attack after the other, on one stream of random numbers."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        for step in attacks:
            pixels = step(pixels, random)
        return pixels

    return attack
