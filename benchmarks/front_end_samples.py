"""What the learned front end is trained on: marked pictures after everyday damage, and the mark.

Pictures are marked as they always are, with random keys, payloads and strengths, damaged, and
brought to the size at which the detector looks at them. Whatever moves the pixels moves a plane
that holds the bare pattern, too: that is what the network has to find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks import pictures
from benchmarks.image_attacks import Pixels
from benchmarks.image_edits import (
    bilateral,
    blur,
    brightness,
    contrast,
    gamma,
    jpeg,
    median,
    noise,
    webp,
)
from benchmarks.marking import mark, random_key, random_payload
from detectors.front_end import planes
from detectors.spectrum import DETECTION_PIXELS
from labeler.codec.lattice import tile, tile_period
from labeler.codec.pixels import grey
from labeler.errors import CapacityError

__all__ = ["SIDE", "Sample", "graphic", "samples"]

SIDE: Final = 256
"""Pixels on a side of a sample."""
_PER_PICTURE: Final = 2
"""Samples that are cut from one marked and damaged picture."""
_Plane: TypeAlias = NDArray[np.float32]
_Random: TypeAlias = np.random.Generator


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of a damaged picture as the network sees it."""

    seen: NDArray[np.float16]
    """``(PLANES, SIDE, SIDE)``."""
    pattern: NDArray[np.float16]
    """``(SIDE, SIDE)`` the bare mark, of unit mean square before it was scaled."""
    period: float
    """Size of the tile, pixels."""


@dataclass(frozen=True, slots=True)
class _Marked:
    pixels: Pixels
    pattern: _Plane
    period: float


# ------------------------------------------------------------------------------------- pictures


def _photograph(photographs: Sequence[Pixels], random: _Random) -> Pixels:
    """A part of a photograph, scaled, turned, and in another light."""
    pixels = photographs[int(random.integers(len(photographs)))]
    if random.random() < 0.5:
        share = random.uniform(0.55, 1.0)
        size = [max(300, round(side * share)) for side in pixels.shape[:2]]
        top, left = (
            int(random.integers(max(1, full - part + 1)))
            for full, part in zip(pixels.shape[:2], size, strict=True)
        )
        pixels = pixels[top : top + size[0], left : left + size[1]]
    if random.random() < 0.4:
        megapixels = random.uniform(0.12, 0.45)
        pixels = pictures.at_size(pixels, min(megapixels, pixels[..., 0].size / 1e6))
    if random.random() < 0.25:
        pixels = pictures.at_size(pixels, random.uniform(0.5, 1.3))
    pixels = np.rot90(pixels, int(random.integers(4)))
    if random.random() < 0.3:
        lit = pixels * random.uniform(0.5, 1.25) + random.uniform(-20, 20)
        pixels = np.clip(lit, 0, 255).astype(np.uint8)
    if random.random() < 0.25:
        pixels = cv2.GaussianBlur(np.ascontiguousarray(pixels), (0, 0), random.uniform(0.6, 2.5))
    return np.ascontiguousarray(pixels)


def _colour(random: _Random) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3)
    return int(red), int(green), int(blue)


def _gradient(height: int, width: int, random: _Random) -> Pixels:
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    shade = np.empty((height, width, 3))
    for channel in range(3):
        wave = np.sin(columns * random.uniform(0, 9) + rows * random.uniform(0, 9))
        slopes = random.uniform(-130, 130, 2)
        shade[..., channel] = random.uniform(20, 235) + slopes[0] * columns + slopes[1] * rows
        shade[..., channel] += random.uniform(-40, 40) * wave
    if random.random() < 0.6:
        shade += random.normal(0, random.uniform(0.2, 2.5), (height, width, 1))
    return np.clip(np.round(shade), 0, 255).astype(np.uint8)


def _shapes(draw: ImageDraw.ImageDraw, size: tuple[int, int], random: _Random) -> None:
    for _ in range(int(random.integers(4, 50))):
        x, y = (int(random.integers(side)) for side in size)
        across, down = (int(extent) for extent in random.integers(5, 220, 2))
        box = (x - across, y - down, x + across, y + down)
        match int(random.integers(4)):
            case 0:
                draw.ellipse(box, fill=_colour(random))
            case 1:
                draw.rectangle(box, fill=_colour(random))
            case 2:
                corners = random.integers(0, max(size), (int(random.integers(3, 6)), 2))
                draw.polygon([(int(a), int(b)) for a, b in corners], fill=_colour(random))
            case _:
                draw.line(box, fill=_colour(random), width=int(random.integers(1, 5)))


def _letters(draw: ImageDraw.ImageDraw, size: tuple[int, int], random: _Random) -> None:
    alphabet = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIKLMNOPRSTW      0123456789.,-"))
    top = 6
    while top < size[1]:
        height = int(random.integers(9, 30))
        line = "".join(random.choice(alphabet, int(random.integers(10, 100))))
        place = (int(random.integers(0, 60)), top)
        draw.text(place, line, font=ImageFont.load_default(height), fill=_colour(random))
        top += round(height * random.uniform(1.2, 3))


def _bars(draw: ImageDraw.ImageDraw, size: tuple[int, int], random: _Random) -> None:
    width, height = size
    for place in range(0, max(size), int(random.integers(30, 120))):
        draw.line((place, 0, place, height), fill=(205, 205, 205))
        draw.line((0, place, width, place), fill=(205, 205, 205))
    for _ in range(int(random.integers(1, 7))):
        walk = height / 2 + np.cumsum(random.normal(0, 14, 80))
        points = [(index * width / 79, float(level)) for index, level in enumerate(walk)]
        draw.line(points, fill=_colour(random), width=int(random.integers(1, 4)))
    for index in range(int(random.integers(0, 15))):
        left = index * width // 16
        draw.rectangle(
            (left, int(random.integers(height)), left + width // 24, height), fill=_colour(random)
        )


def graphic(random: _Random) -> Pixels:
    """A made-up graphic: shades, shapes, lines of text, charts, on plain or shaded ground."""
    height, width = (int(side) for side in random.integers(330, 760, 2))
    ground = _gradient(height, width, random)
    if random.random() < 0.6:
        light = random.random() < 0.6
        level = random.integers(225, 256, 3) if light else random.integers(0, 70, 3)
        ground[:] = 255 if random.random() < 0.3 else level
    image = Image.fromarray(ground)
    draw = ImageDraw.Draw(image)
    for drawn, chance in ((_shapes, 0.45), (_bars, 0.2), (_letters, 0.35)):
        if random.random() < chance:
            drawn(draw, (width, height), random)
    pixels = np.asarray(image)
    if random.random() < 0.3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.2))
    return np.asarray(pixels, np.uint8)


# ------------------------------------------------------------------------------------- damage


def _marked(pixels: Pixels, random: _Random) -> _Marked:
    payload, key = random_payload(random), random_key(random)
    strength = random.choice(["quality", "balanced", "balanced", "robust"])
    marked = mark(pixels, payload, key, strength=strength)
    height, width = pixels.shape[:2]
    period = tile_period(height, width)
    bands = tile(payload, key, period)
    repeats = (-(-height // period), -(-width // period))
    pattern = np.tile(bands.low + bands.high, repeats)[:height, :width]
    return _Marked(marked, np.ascontiguousarray(pattern), float(period))


def _scaled(marked: _Marked, factor: float) -> _Marked:
    height, width = marked.pattern.shape
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return _Marked(
        np.asarray(cv2.resize(marked.pixels, size, interpolation=how), np.uint8),
        np.asarray(cv2.resize(marked.pattern, size, interpolation=how), np.float32),
        marked.period * factor,
    )


def _shifted(marked: _Marked, random: _Random) -> _Marked:
    """Without a few rows and columns, so that a codec's blocks lie elsewhere."""
    top, left = (int(offset) for offset in random.integers(0, 16, 2))
    return _Marked(
        np.ascontiguousarray(marked.pixels[top:, left:]),
        np.ascontiguousarray(marked.pattern[top:, left:]),
        marked.period,
    )


def _turned(marked: _Marked, random: _Random) -> _Marked:
    height, width = marked.pattern.shape
    angle = float(random.uniform(-15, 15))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)

    def warped(plane: NDArray[np.generic], border: int) -> NDArray[np.generic]:
        return np.asarray(
            cv2.warpAffine(plane, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=border)
        )

    return _Marked(
        warped(marked.pixels, cv2.BORDER_REFLECT).astype(np.uint8, copy=False),
        warped(marked.pattern, cv2.BORDER_CONSTANT).astype(np.float32, copy=False),
        marked.period,
    )


def _codec(low: int, high: int, random: _Random) -> Callable[[Pixels, _Random], Pixels]:
    quality = int(random.integers(low, high + 1))
    return webp(quality) if random.random() < 0.35 else jpeg(quality)


def _edited(marked: _Marked, edit: Callable[[Pixels, _Random], Pixels], random: _Random) -> _Marked:
    return _Marked(edit(marked.pixels, random), marked.pattern, marked.period)


def _compressed(marked: _Marked, random: _Random) -> _Marked:
    return _edited(marked, _codec(15, 70, random), random)


def _compressed_twice(marked: _Marked, random: _Random) -> _Marked:
    first = _edited(marked, _codec(50, 95, random), random)
    return _edited(_shifted(first, random), _codec(30, 85, random), random)


def _resized(marked: _Marked, random: _Random) -> _Marked:
    return _scaled(marked, float(random.choice([0.25, 0.5, random.uniform(0.25, 1.4)])))


def _sent_on(marked: _Marked, random: _Random) -> _Marked:
    scaled = _scaled(marked, float(random.choice([0.5, 0.7, random.uniform(0.4, 1.2)])))
    return _edited(_shifted(scaled, random), _codec(35, 85, random), random)


def _turned_and_compressed(marked: _Marked, random: _Random) -> _Marked:
    return _edited(_turned(marked, random), _codec(40, 90, random), random)


def _retouched(marked: _Marked, random: _Random) -> _Marked:
    edits = (
        blur(float(random.uniform(0.5, 2.2))),
        noise(float(random.uniform(2, 18))),
        contrast(float(random.uniform(0.5, 1.6))),
        brightness(float(random.uniform(0.5, 1.5))),
        gamma(float(random.uniform(0.6, 1.7))),
        median(int(random.choice([3, 5]))),
        bilateral,
    )
    edited = _edited(marked, edits[int(random.integers(len(edits)))], random)
    return _edited(edited, _codec(45, 95, random), random) if random.random() < 0.5 else edited


_DAMAGE: Final = (
    (_compressed, 0.38),
    (_sent_on, 0.2),
    (_compressed_twice, 0.1),
    (_retouched, 0.1),
    (_resized, 0.12),
    (_turned_and_compressed, 0.06),
    (_shifted, 0.04),
)
"""What is done to a marked picture, and how often."""


def _as_detected(marked: _Marked) -> _Marked:
    """At the size at which the detector looks at it, as `detectors.spectrum.residual_of` does."""
    height, width = marked.pattern.shape
    factor = min(1.0, (DETECTION_PIXELS / (height * width)) ** 0.5)
    if factor == 1:
        return marked
    size = (round(width * factor), round(height * factor))
    scale = partial(cv2.resize, dsize=size, interpolation=cv2.INTER_LINEAR)
    return _Marked(
        np.asarray(scale(marked.pixels), np.uint8),
        np.asarray(scale(marked.pattern), np.float32),
        marked.period * factor,
    )


def samples(photographs: Sequence[Pixels], random: _Random) -> list[Sample]:
    """A few samples of one picture; none where it is too small after what was done to it.

    Args:
        photographs: ``(H, W, 3)`` uint8 each, at least 300 pixels on a side.
        random: Where everything random comes from.
    """
    pixels = graphic(random) if random.random() < 0.25 else _photograph(photographs, random)
    try:
        marked = _marked(pixels, random)
    except CapacityError:
        return []
    chances = np.array([chance for _, chance in _DAMAGE])
    damage = _DAMAGE[int(random.choice(len(_DAMAGE), p=chances / chances.sum()))][0]
    damaged = _as_detected(damage(marked, random))
    height, width = damaged.pattern.shape
    margins = ((0, max(0, SIDE - height)), (0, max(0, SIDE - width)))
    if margins[0][1] > SIDE // 2 or margins[1][1] > SIDE // 2:
        return []
    seen = planes(np.asarray(grey(damaged.pixels), np.float32))
    seen = np.pad(seen, ((0, 0), *margins))
    pattern = np.pad(damaged.pattern, margins)
    cut = []
    for _ in range(_PER_PICTURE if min(height, width) > SIDE else 1):
        top, left = (int(random.integers(side - SIDE + 1)) for side in pattern.shape)
        part = np.s_[top : top + SIDE, left : left + SIDE]
        cut.append(
            Sample(
                seen[:, *part].astype(np.float16), pattern[part].astype(np.float16), damaged.period
            )
        )
    return cut
