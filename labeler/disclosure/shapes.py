"""The shapes that badges are made of, as anti-aliased coverage: letters and rounded plates.

The letters "AI" are polygons of our own. Other capitals and Chinese characters are the outlines of
two small fonts that ship with the package (``letters``, with their licences).
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from importlib import resources
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = [
    "Coverage",
    "Typeface",
    "ai_letters",
    "ai_width",
    "glyph_height",
    "rounded_plate",
    "stack",
    "words",
]

Coverage: TypeAlias = NDArray[np.float32]
"""``(h, w)``: how much of each pixel a shape covers, 0 to 1."""

_OVERSAMPLING: Final = 8
# The letter A as high as 1, x to the right and y downwards: outline and counter.
_A_OUTLINE: Final = (
    (0.0, 1.0), (0.355, 0.0), (0.645, 0.0), (1.0, 1.0),
    (0.745, 1.0), (0.675, 0.79), (0.325, 0.79), (0.255, 1.0),
)  # fmt: skip
_A_COUNTER: Final = ((0.5, 0.235), (0.62, 0.605), (0.38, 0.605))
_I_LEFT: Final = 1.12
_I_RIGHT: Final = 1.36


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font that ships with the package."""

    file: str
    """Its name in ``letters``."""
    capital: str
    """A letter whose height stands for all."""

    @classmethod
    def capitals(cls) -> Typeface:
        """Capitals of the Latin, Greek and Cyrillic alphabets."""
        return cls("capitals.ttf", "H")

    @classmethod
    def han(cls) -> Typeface:
        """The characters of Chinese labels; its lowest ones are the Latin letters."""
        return cls("han.otf", "A")

    def sized(self, size_px: float) -> ImageFont.FreeTypeFont:
        """The font with an em of ``size_px`` pixels."""
        data = io.BytesIO(_font_data(self.file))
        return ImageFont.truetype(data, size_px, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def _font_data(file: str) -> bytes:
    return (resources.files("labeler.disclosure") / "letters" / file).read_bytes()


def ai_width(height: int) -> int:
    """The width of the letters "AI" that are ``height`` pixels high."""
    return max(2, round(height * _I_RIGHT))


def ai_letters(height: int) -> Coverage:
    """The letters "AI", both ``height`` pixels high."""
    scale = height * _OVERSAMPLING
    size = (ai_width(height) * _OVERSAMPLING, scale)
    large = Image.new("L", size)
    draw = ImageDraw.Draw(large)
    draw.polygon([(x * scale, y * scale) for x, y in _A_OUTLINE], fill=255)
    draw.polygon([(x * scale, y * scale) for x, y in _A_COUNTER], fill=0)
    draw.rectangle((round(_I_LEFT * scale), 0, size[0] - 1, scale - 1), fill=255)
    return _coverage(large.reduce(_OVERSAMPLING))


def glyph_height(face: Typeface) -> float:
    """The height of the face's reference letter, of one em."""
    left_top_right_bottom = face.sized(1000).getbbox(face.capital, anchor="ls")
    return -left_top_right_bottom[1] / 1000


def words(text: str, face: Typeface, size_px: float) -> Coverage:
    """A line of text, cut to its ink, with an em of ``size_px`` pixels."""
    font = face.sized(size_px)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text, anchor="ls"))
    page = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(page).text((1 - left, 1 - top), text, fill=255, font=font, anchor="ls")
    return _coverage(page.crop(page.getbbox()))


def stack(lines: list[Coverage], *, gap: int) -> Coverage:
    """Lines below each other, centred."""
    width = max(line.shape[1] for line in lines)
    height = sum(line.shape[0] for line in lines) + gap * (len(lines) - 1)
    page = np.zeros((height, width), np.float32)
    top = 0
    for line in lines:
        left = (width - line.shape[1]) // 2
        page[top : top + line.shape[0], left : left + line.shape[1]] = line
        top += line.shape[0] + gap
    return page


def rounded_plate(height: int, width: int, *, inset: int, radius: float) -> Coverage:
    """A rectangle with round corners, ``inset`` pixels inside an area of ``height`` x ``width``.

    Args:
        height: Of the area, pixels.
        width: Of the area, pixels.
        inset: From the area's edge to the shape's, pixels.
        radius: Of the area's corners, pixels; the shape's are rounder by less.
    """
    radius = max(0.0, radius - inset)
    y = np.abs(np.arange(height, dtype=np.float32) - (height - 1) / 2)[:, None]
    x = np.abs(np.arange(width, dtype=np.float32) - (width - 1) / 2)[None, :]
    beyond_y = y - (height / 2 - inset - radius)
    beyond_x = x - (width / 2 - inset - radius)
    # Signed distance to the shape's edge, negative inside.
    corner = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    distance = corner + np.minimum(np.maximum(beyond_x, beyond_y), 0) - radius
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)


def _coverage(image: Image.Image) -> Coverage:
    return np.asarray(image, np.float32) / np.float32(255)
