"""Draw the sample pictures: scenes from noise and geometry, in the formats that people use most.

    python samples/make_samples.py [folder]

The files beside this script are its output; nothing needs it at run time. Each scene comes from its
own seeded random generator, so that it looks the same everywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]
Picture = NDArray[np.float64]
"""``(H, W, 3)`` linear mixtures of colours, 0 to 1."""

WIDTH, HEIGHT = 1280, 960
SEED = 50


def main() -> None:
    """Write every sample."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    _image(dawn(np.random.default_rng(SEED))).save(
        folder / "dawn.jpg", quality=90, optimize=True, dpi=(300, 300)
    )
    _image(planet(np.random.default_rng(SEED + 1))).save(folder / "planet.png", optimize=True)
    _image(marble(np.random.default_rng(SEED + 2))).save(
        folder / "marble.webp", quality=88, method=6
    )
    _image(harbour(np.random.default_rng(SEED + 3))).save(folder / "harbour.jpg", quality=92)


def dawn(random: np.random.Generator) -> Picture:
    """Ridges behind ridges, wooded, under a rising sun."""
    y, x = _grid()
    sky = _mix(_colour(0x2C4A7C), _colour(0xF7C58B), y**0.9)
    sun = np.exp(-((x - 0.62) ** 2 + (y - 0.42) ** 2 * 0.6) / 0.03)
    clouds = np.clip(_noise(random, 1.9, stretch=4) * 1.6 - 0.5, 0, 1) * (1 - y)
    picture = _mix(sky, _colour(0xFFF1D0), np.clip(0.9 * sun + 0.7 * clouds, 0, 1))
    for depth in range(6):
        near = (depth + 1) / 6
        ridge = 0.42 + 0.09 * depth + (_line(random, 1.5) - 0.5) * (0.10 + 0.16 * near)
        woods = _noise(random, 1.1 + 0.3 * (1 - near)) - 0.5
        ground = y > ridge[None, :] + woods * 0.03 * near
        land = _mix(_colour(0x9AA7BF), _colour(0x16301F), near)
        shade = 1 + woods * (0.35 + 0.9 * near)
        haze = np.clip((y - ridge[None, :]) * 2.2, 0, 0.5) * (1 - near)
        lit = _mix(land * shade[..., None], _colour(0xE7CDB5), haze)
        picture = np.where(ground[..., None], lit, picture)
    return picture


def planet(random: np.random.Generator) -> Picture:
    """A world of its own, lit from the left, before stars."""
    y, x = _grid()
    stars = np.clip((random.random((HEIGHT, WIDTH)) - 0.9985) * 600, 0, 1)
    nebula = np.clip(_noise(random, 1.6) * 1.5 - 0.35, 0, 1)
    space = _mix(_colour(0x0E1430), _colour(0x6A3B74), nebula) + stars[..., None]
    space += (_noise(random, 0.7)[..., None] - 0.5) * 0.05
    u, v = (x - 0.52) * WIDTH / HEIGHT / 0.40, (y - 0.5) / 0.40
    inside = u**2 + v**2 < 1
    z = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    relief = _noise(random, 1.7)
    surface = np.where(
        (relief > 0.52)[..., None],
        _mix(_colour(0x6F8B3E), _colour(0xC9B58A), np.clip((relief - 0.52) * 4, 0, 1)),
        _mix(_colour(0x0B2A55), _colour(0x2E7FA8), np.clip(relief * 1.8, 0, 1)),
    )
    clouds = np.clip(_noise(random, 1.6, stretch=3) * 2.4 - 1.15, 0, 1)
    surface = _mix(surface, np.ones(3), clouds)
    light = np.clip(-0.55 * u - 0.35 * v + 0.75 * z, 0.02, 1)
    rim = np.exp(-np.abs(np.sqrt(u**2 + v**2) - 1) * 22) * 0.55
    body = surface * light[..., None]
    return _mix(np.where(inside[..., None], body, space), _colour(0x8FC7FF), rim)


def marble(random: np.random.Generator) -> Picture:
    """Polished tiles of veined stone."""
    y, x = _grid()
    tile = np.floor(x * 4) + 4 * np.floor(y * 3)
    warp = _noise(random, 1.9) * 5 + _noise(random, 1.4)
    turn = np.where(tile % 2 == 0, 1.0, -1.0)
    veins = np.abs(np.sin((x * 4 * turn + y * 3) * 3 + warp * 2.2 + tile)) ** 0.35
    tint = np.where((tile % 3 == 0)[..., None], _colour(0xE8E0D4), _colour(0xB9C6C3))
    stone = _mix(_colour(0x39424A), tint, np.clip(veins * 0.95, 0, 1))
    stone *= 0.94 + 0.12 * _noise(random, 0.9)[..., None]
    edge = np.minimum(np.abs((x * 4) % 1 - 0.5), np.abs((y * 3) % 1 - 0.5))
    near_joint = np.maximum(np.abs((x * 4) % 1 - 0.5), np.abs((y * 3) % 1 - 0.5)) > 0.492
    gloss = np.exp(-((x - 0.3) ** 2 + (y - 0.25) ** 2) / 0.08) * 0.25 * (0.5 + edge)
    return _mix(np.where(near_joint[..., None], stone * 0.35, stone), np.ones(3), gloss)


def harbour(random: np.random.Generator) -> Picture:
    """A town at dusk, its windows, and both once more in the water."""
    y, _ = _grid()
    sky = _mix(_colour(0x1B2550), _colour(0xE58A6B), np.clip(y * 1.9, 0, 1) ** 1.6)
    sky = _mix(sky, _colour(0x2A2F55), np.clip(_noise(random, 1.8, stretch=6) * 1.8 - 0.8, 0, 1))
    picture = sky
    horizon = int(HEIGHT * 0.58)
    left = 0
    while left < WIDTH:
        width = int(random.integers(50, 120))
        top = horizon - int(random.integers(90, 330))
        house = np.s_[top:horizon, left : left + width]
        wall = _colour(0x24263A) * random.uniform(0.8, 1.9)
        picture[house] = wall * (0.85 + 0.3 * _noise(random, 1.0)[house][..., None])
        for row in range(top + 12, horizon - 14, 22):
            for column in range(left + 8, min(left + width - 12, WIDTH - 8), 18):
                if random.random() < 0.55:
                    glow = _mix(_colour(0xFFC870), _colour(0xFFF3C9), random.random())
                    picture[row : row + 11, column : column + 8] = glow * random.uniform(0.6, 1)
        left += width + int(random.integers(0, 8))
    waves = _noise(random, 1.2, stretch=8) - 0.5
    for row in range(horizon, HEIGHT):
        deep = (row - horizon) / (HEIGHT - horizon)
        source = np.clip(2 * horizon - row + waves[row] * 60 * deep, 0, horizon - 1).astype(int)
        shift = np.clip(np.arange(WIDTH) + waves[row] * 30, 0, WIDTH - 1).astype(int)
        water = _mix(picture[source, shift], _colour(0x14233F), 0.35 + 0.25 * deep)
        picture[row] = water * (1 + 0.5 * waves[row])[:, None]
    return picture


def _grid() -> tuple[Plane, Plane]:
    """Row and column of every pixel, 0 to 1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return y / HEIGHT, x / WIDTH


def _noise(random: np.random.Generator, steepness: float, *, stretch: float = 1) -> Plane:
    """``(HEIGHT, WIDTH)`` noise, 0 to 1, whose amplitude falls with frequency ** -steepness.

    ``stretch`` draws it out sideways.
    """
    spectrum = np.fft.rfft2(random.standard_normal((HEIGHT, WIDTH)))
    rows = np.fft.fftfreq(HEIGHT)[:, None] * HEIGHT / stretch
    frequency = np.hypot(rows, np.fft.rfftfreq(WIDTH)[None, :] * HEIGHT)
    plane = np.fft.irfft2(spectrum / np.maximum(frequency, 1.0) ** steepness, (HEIGHT, WIDTH))
    return _stretched(plane)


def _line(random: np.random.Generator, steepness: float) -> Plane:
    """``(WIDTH,)`` noise, 0 to 1: a skyline."""
    spectrum = np.fft.rfft(random.standard_normal(WIDTH))
    frequency = np.fft.rfftfreq(WIDTH) * WIDTH
    return _stretched(np.fft.irfft(spectrum / np.maximum(frequency, 1.0) ** steepness, WIDTH))


def _stretched(values: Plane) -> Plane:
    low, high = np.percentile(values, (0.5, 99.5))
    stretched: Plane = np.clip((values - low) / (high - low), 0, 1)
    return stretched


def _colour(code: int) -> Plane:
    return np.array([code >> 16, code >> 8 & 255, code & 255]) / 255


def _mix(one: Plane, other: Plane, share: Plane | float) -> Picture:
    """``one`` where ``share`` is 0, ``other`` where it is 1."""
    weight = np.asarray(share)[..., None]
    return one * (1 - weight) + other * weight


def _image(picture: Picture) -> Image.Image:
    return Image.fromarray(np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8))


if __name__ == "__main__":
    main()
