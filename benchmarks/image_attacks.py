"""What happens to pictures on their way: recompression, scaling, cropping, turning, editing.

A detector gets the result as it is: nothing is scaled or turned back. The numbers in the names are
JPEG/WebP/AVIF qualities, scale factors, percent of the *area* that a crop keeps, degrees
(counter-clockwise), standard deviations (noise in grey levels, blur in pixels), percent of the
sides by which corners move (perspective, lenses), and pixels (local warps).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.image_edits import (
    Attack,
    Pixels,
    avif,
    bilateral,
    blur,
    brightness,
    canvas,
    chain,
    contrast,
    crop,
    flip_horizontal,
    flip_vertical,
    gamma,
    grey,
    hue,
    jpeg,
    limit_long_edge,
    median,
    noise,
    overlay,
    print_scan,
    resize,
    rotate,
    rotate_inscribed,
    saturation,
    sharpen,
    unchanged,
    webp,
)
from benchmarks.image_warps import (
    lens,
    local_warp,
    perspective,
    print_scan_warped,
    screen_photograph,
)

__all__ = ["ATTACKS", "CORE", "GUARANTEED", "WARPS", "Attack", "Pixels", "attacked", "generator"]

_RANDOM_SEED: Final = 7


def generator() -> np.random.Generator:
    """The generator that each attack starts from, so that runs can be compared."""
    return np.random.default_rng(_RANDOM_SEED)


def attacked(name: str, pixels: Pixels) -> Pixels:
    """``pixels`` after the attack ``name``, with `generator`'s random numbers."""
    return ATTACKS[name](pixels, generator())


ATTACKS: Final[dict[str, Attack]] = {
    "unchanged": unchanged,
    # Recompression
    "jpeg-90": jpeg(90),
    "jpeg-70": jpeg(70),
    "jpeg-50": jpeg(50),
    "jpeg-30": jpeg(30),
    "jpeg-10": jpeg(10),
    "webp-80": webp(80),
    "webp-50": webp(50),
    "webp-20": webp(20),
    "avif-50": avif(50),
    "avif-30": avif(30),
    # Scaling
    "resize-1.5": resize(1.5),
    "resize-0.75": resize(0.75),
    "resize-0.5": resize(0.5),
    "resize-0.25": resize(0.25),
    "aspect-0.8": resize(1, 0.8),
    "aspect-1.25": resize(1.25, 1),
    # Cropping
    "crop-90-centre": crop(0.9, centred=True),
    "crop-70": crop(0.7),
    "crop-50": crop(0.5),
    "crop-25": crop(0.25),
    "crop-25-centre": crop(0.25, centred=True),
    "crop-10": crop(0.1),
    # Turning and mirroring
    "rotate-1": rotate(1),
    "rotate-2": rotate(2),
    "rotate-5": rotate(5),
    "rotate-5-inscribed": rotate_inscribed(5),
    "rotate-7": rotate(7),
    "rotate-10": rotate(10),
    "rotate-17-expanded": rotate(17, expand=True),
    "rotate-33": rotate(33),
    "rotate-45": rotate(45),
    "rotate-61": rotate(61),
    "rotate-90": rotate(90),
    "rotate-123.4-expanded": rotate(123.4, expand=True),
    "rotate-180": rotate(180),
    "rotate-270": rotate(270),
    "flip-horizontal": flip_horizontal,
    "flip-vertical": flip_vertical,
    # Tone and colour
    "brightness-1.5": brightness(1.5),
    "brightness-0.5": brightness(0.5),
    "contrast-1.5": contrast(1.5),
    "contrast-0.5": contrast(0.5),
    "saturation-0.3": saturation(0.3),
    "hue-30": hue(30),
    "grey": grey,
    "gamma-1.6": gamma(1.6),
    # Noise and filters
    "noise-5": noise(5),
    "noise-15": noise(15),
    "blur-1": blur(1),
    "blur-2": blur(2),
    "median-3": median(3),
    "median-5": median(5),
    "bilateral": bilateral,
    "sharpen-1.5": sharpen(1.5),
    # Composition and whole journeys
    "overlay": overlay,
    "canvas": canvas,
    "screenshot": chain(resize(0.7), crop(0.7), jpeg(60)),
    "social-1080": chain(limit_long_edge(1080), jpeg(75)),
    "messenger-800": chain(limit_long_edge(800), jpeg(70), jpeg(60)),
    "print-scan": print_scan,
    "rotate-3+jpeg-70": chain(rotate_inscribed(3), jpeg(70)),
    "crop-50+resize-0.7+jpeg-70": chain(crop(0.5), resize(0.7), jpeg(70)),
    "rotate-7+crop-50+jpeg-60": chain(rotate_inscribed(7), crop(0.5), jpeg(60)),
    # Bending
    "perspective-2": perspective(0.02),
    "perspective-5": perspective(0.05),
    "perspective-10": perspective(0.1),
    "barrel-1": lens(-0.01),
    "barrel-3": lens(-0.03),
    "pincushion-1": lens(0.01),
    "pincushion-3": lens(0.03),
    "local-warp-2": local_warp(2),
    "local-warp-4": local_warp(4),
    "screen-photograph": screen_photograph,
    "print-scan-warped": print_scan_warped,
}
"""Every attack by name."""

CORE: Final[tuple[str, ...]] = (
    "unchanged",
    "jpeg-50",
    "jpeg-30",
    "webp-50",
    "resize-0.5",
    "resize-0.25",
    "resize-1.5",
    "aspect-0.8",
    "crop-50",
    "crop-25",
    "crop-10",
    "rotate-2",
    "rotate-10",
    "rotate-45",
    "rotate-90",
    "flip-horizontal",
    "screenshot",
    "social-1080",
    "messenger-800",
    "rotate-3+jpeg-70",
    "crop-50+resize-0.7+jpeg-70",
    "noise-15",
    "blur-2",
    "overlay",
    "canvas",
    "print-scan",
)
"""The 26 attacks over which the headline rate is counted: everyday ones and hard ones."""

GUARANTEED: Final[tuple[str, ...]] = (
    "unchanged",
    "resize-0.5",
    "resize-0.75",
    "resize-1.5",
    "crop-50",
    "crop-70",
    "crop-90-centre",
    "rotate-1",
    "rotate-2",
    "rotate-5",
    "rotate-7",
    "rotate-10",
    "rotate-17-expanded",
    "rotate-33",
    "rotate-45",
    "rotate-61",
    "rotate-90",
    "rotate-123.4-expanded",
    "rotate-180",
    "rotate-270",
    "flip-horizontal",
    "flip-vertical",
    "brightness-1.5",
    "brightness-0.5",
    "hue-30",
    "grey",
    "blur-2",
    "noise-15",
    "overlay",
    "social-1080",
)
"""The attacks after which the exact payload must come back from every picture."""

WARPS: Final[tuple[str, ...]] = (
    "perspective-2",
    "perspective-5",
    "perspective-10",
    "barrel-1",
    "barrel-3",
    "pincushion-1",
    "pincushion-3",
    "local-warp-2",
    "local-warp-4",
    "screen-photograph",
    "print-scan-warped",
)
"""The attacks that bend the picture, so that no one lattice fits all of it."""
