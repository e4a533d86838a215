"""Pictures, a mark and its tiles, for tests of what is known of a mark before it is made."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.lattice import TileLayer, layered_tile, tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.pixels import grey
from labeler.marks import image
from labeler.marks.rehearsal import SampledTiles, sample_tiles
from labeler.marks.signpost import Signpost
from labeler.strength import Strength
from tests.scenes import chart, photograph

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
SIGNPOST = Signpost(payload=PAYLOAD)
STRENGTHS: tuple[Strength, ...] = ("quality", "balanced", "robust")
WHOLE_RAISE_DB = 20 * math.log10(1.3)
"""By how much the balanced and the robust preset raise a mark at most."""
QUIET_RAISE_DB = 20 * math.log10(1.6)
"""By how much the balanced one raises a mark that is quiet even then."""


def smooth(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return cv2.GaussianBlur(photograph(height, width, seed=seed), (0, 0), 1.0)


def flat(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def silhouette(height: int, width: int) -> np.ndarray:
    pixels = np.full((height, width, 3), 255, np.uint8)
    middle, axes = (width // 2, height // 2), (width // 3, height // 4)
    cv2.ellipse(pixels, middle, axes, 20, 0, 360, (0, 0, 0), -1)
    cv2.rectangle(pixels, (width // 5, height // 8), (width // 4, height - 20), (0, 0, 0), -1)
    return pixels


def noise(height: int, width: int, deviation: float, *, blur: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(1).normal(0, deviation, (height, width, 1))
    values = cv2.GaussianBlur(values, (0, 0), blur)[..., None] if blur else values
    return np.repeat(np.clip(np.rint(128 + values), 0, 255).astype(np.uint8), 3, axis=2)


PICTURES = {
    "photograph": photograph(300, 400),
    "large photograph": photograph(480, 640, seed=1),
    "small photograph": photograph(256, 256),
    "smooth": smooth(256, 256),
    "large and smooth": smooth(480, 640, seed=2),
    "flat": flat(480, 640),
    "chart": chart(700, 560),
    "silhouette": silhouette(400, 400),
    "fine noise": noise(300, 400, 3),
    "noise": noise(300, 400, 10),
    "loud noise": noise(300, 400, 40),
    "grain": noise(256, 256, 60, blur=1.0),
}


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def tiles_of(pixels: np.ndarray) -> SampledTiles:
    """Tiles to which a mark of unit deviation is added, alike everywhere."""
    height, width = pixels.shape[:2]
    period = tile_period(height, width)
    pattern = layered_tile([TileLayer(PAYLOAD, KEY)], period)
    repeats = (-(-height // period), -(-width // period))
    shaped = np.tile(pattern.low + pattern.high, repeats)[:height, :width]
    sampled = sample_tiles(grey(pixels), shaped, pattern)
    assert sampled is not None
    return sampled


def set_preset(monkeypatch: pytest.MonkeyPatch, strength: Strength, **changes: object) -> None:
    preset = replace(image._PRESETS[strength], **changes)
    monkeypatch.setitem(image._PRESETS, strength, preset)
