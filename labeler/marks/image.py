"""The image mark: the lattice pattern, shaped so that nobody sees it, added to a picture's luma.

    >>> import numpy as np
    >>> from labeler.codec.payload import Handle, Origin, Payload
    >>> picture = np.random.default_rng(1).integers(60, 190, (256, 384, 3), np.uint8)
    >>> payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    >>> marked = embed(picture, payload)
    >>> marked.shape, marked.dtype
    ((256, 384, 3), dtype('uint8'))

Amplitude follows the local standard deviation of the luma, which costs the same structural
similarity everywhere; the low band may be stronger in flat areas, where codecs would drop it.
The picture is worked through in strips, so that memory stays small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import Tile, layered_tile, tile_period
from labeler.codec.payload import Payload
from labeler.codec.pixels import Pixels, check_pixels, grey, level_step
from labeler.errors import CapacityError
from labeler.marks.signpost import Signpost, picture_layers
from labeler.marks.similarity import CONTRAST_FLOOR, structural_similarity
from labeler.strength import Strength

__all__ = ["MINIMUM_SIDE", "embed"]

MINIMUM_SIDE: Final = 128
"""Fewest pixels on the short side: two of the smallest tiles."""


@dataclass(frozen=True, slots=True)
class _Preset:
    gain: float
    """Grey levels of the pattern's local amplitude for each grey level of the mask, at first."""
    dissimilarity: float
    """One minus the structural similarity that the mark may cost: the gain is set by it."""
    psnr_floor_db: float
    """Least peak signal-to-noise ratio over RGB."""


_PRESETS: Final = {
    "quality": _Preset(0.070, 0.0055, 45.0),
    "balanced": _Preset(0.089, 0.0087, 43.7),
    "robust": _Preset(0.132, 0.0190, 40.3),
}
_GAIN_LIMITS: Final = (0.8, 1.6)
"""Shares of a preset's gain that are used: very smooth pictures, which lose similarity first and
the mark last, are at the lower end, graphics at the upper."""
_COMMON_AREA: Final = 450_000
_AREA_EXPONENT: Final = -0.3
_AREA_LIMITS: Final = (0.5, 1.7)
"""What similarity a mark may cost is multiplied by ``(area / _COMMON_AREA) ** _AREA_EXPONENT``, and
so is the noise that large pictures may get, within limits: the more often a picture repeats the
tile, the less each repetition has to show."""
_PATCH: Final = (64, 192)
"""Rows and columns of the patches on which similarity is measured."""
_PATCHES: Final = 3
"""Most patches along a side."""

_LUMA: Final = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
# The colour change of least energy for a given change of luma.
_COLOUR: Final = _LUMA / np.sum(_LUMA**2)
_STRIP_ROWS: Final = 64
_HALO_ROWS: Final = 12  # even, and more than the reach of the filters in `_masks`
_DEVIATION_CAP: Final = 20.0
_LOW_FLOOR: Final = 320.0
# Amplitude with sqrt(2 s^2 + C2) costs the same structural similarity everywhere.
_HIGH_FLOOR: Final = CONTRAST_FLOOR


def embed(
    pixels: Pixels,
    payload: Payload,
    key: Key = PUBLIC_KEY,
    *,
    strength: Strength = "balanced",
    signpost: Signpost | None = None,
) -> Pixels:
    """Mark a picture.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16, as stored; alpha is left
            alone, and so are the colours of fully transparent pixels.
        payload: What the mark says.
        key: Under which key it can be found.
        strength: ``"quality"`` (about 48 dB PSNR), ``"balanced"`` (about 46 dB) or ``"robust"``
            (about 43 dB).
        signpost: A second layer, whose payload is no short one; None: none. The noise of both
            together is that of a single mark.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        CapacityError: The picture is smaller than `MINIMUM_SIDE` pixels on a side, or fully
            transparent.
        TypeError: The array has another dtype.
        ValueError: The array has another shape or is empty, ``strength`` is unknown, or the
            signpost has the mark's own key.
    """
    check_pixels(pixels)
    if strength not in _PRESETS:
        raise ValueError(f"strength is one of {', '.join(_PRESETS)}, not {strength!r}")
    height, width = pixels.shape[:2]
    if min(height, width) < MINIMUM_SIDE:
        raise CapacityError(
            f"{width} x {height} pixels are too few to carry a watermark",
            hint=f"It takes at least {MINIMUM_SIDE} pixels on each side",
        )
    layers = picture_layers(payload, key, signpost)
    shaped = _shape(pixels, layered_tile(layers, tile_period(height, width)))
    if not shaped.any():
        raise CapacityError(
            "every pixel is transparent, so that there is nothing to carry a watermark",
            hint="Stamp it without a watermark, or flatten it onto a background",
        )
    return _add(pixels, shaped, _gain(shaped, pixels, _PRESETS[strength]))


def _strips(height: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, _STRIP_ROWS):
        yield top, min(height, top + _STRIP_ROWS)


def _luma(pixels: Pixels) -> NDArray[np.float32]:
    """``(H, W)`` luma, 0 to 255."""
    return np.asarray(grey(pixels), np.float32) / np.float32(level_step(pixels))


def _masks(luma: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local amplitude allowed to the low and to the high band, before the gain.

    Masks are smooth: half the size is enough, with means of the luma and of its square.
    """
    height, width = luma.shape
    half = (width // 2, height // 2)
    luma = luma[: 2 * half[1], : 2 * half[0]]

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        smaller = cv2.resize(values, half, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(smaller, (5, 5), 0.75), np.float32)

    variance = mean(luma * luma) - mean(luma) ** 2
    deviation = cv2.sqrt(np.maximum(variance, 0))
    # The quiet side of an edge stays quiet.
    deviation = cv2.blur(cv2.erode(deviation, np.ones((3, 3), np.uint8)), (3, 3))
    energy = 2 * np.minimum(deviation, _DEVIATION_CAP) ** 2
    low, high = (
        cv2.resize(cv2.sqrt(energy + floor), (width, height), interpolation=cv2.INTER_LINEAR)
        for floor in (_LOW_FLOOR, _HIGH_FLOOR)
    )
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def _shape(pixels: Pixels, pattern: Tile) -> NDArray[np.float32]:
    """``(H, W)`` the pattern with the masks' amplitude, grey levels at unit gain."""
    height, width = pixels.shape[:2]
    period = len(pattern.low)
    repeats = (-(-_STRIP_ROWS // period) + 1, -(-width // period))
    low = np.tile(pattern.low, repeats)[:, :width]
    high = np.tile(pattern.high, repeats)[:, :width]
    shaped = np.empty((height, width), np.float32)
    for top, bottom in _strips(height):
        above, below = max(0, top - _HALO_ROWS), min(height, bottom + _HALO_ROWS)
        masks = _masks(_luma(pixels[above:below]))
        inner = slice(top - above, bottom - above)
        phase = slice(top % period, top % period + bottom - top)
        strip = shaped[top:bottom]
        np.multiply(masks[0][inner], low[phase], out=strip)
        strip += masks[1][inner] * high[phase]
        if pixels.ndim == 3 and pixels.shape[2] == 4:
            strip[pixels[top:bottom, :, 3] == 0] = 0
    return shaped


def _gain(shaped: NDArray[np.float32], pixels: Pixels, preset: _Preset) -> float:
    """The gain that costs the preset's share of similarity, within what noise allows."""
    by_area = float(np.clip((shaped.size / _COMMON_AREA) ** _AREA_EXPONENT, *_AREA_LIMITS))
    allowance = preset.dissimilarity * by_area
    lost = _sampled_dissimilarity(shaped, pixels, preset.gain)
    gain = preset.gain * float(np.clip((allowance / lost) ** 0.5, *_GAIN_LIMITS))
    energy = float(np.vdot(shaped, shaped)) / shaped.size
    if pixels.ndim == 3:
        energy *= float(np.mean(_COLOUR**2))
    allowed = 255 * 10.0 ** (-preset.psnr_floor_db / 20) * math.sqrt(min(1.0, by_area))
    return float(min(gain, allowed / math.sqrt(max(energy, 1e-9))))


def _sampled_dissimilarity(shaped: NDArray[np.float32], pixels: Pixels, gain: float) -> float:
    """One minus the similarity that the pattern leaves at ``gain``, on patches of the picture."""
    lost = []
    for top in _spread(shaped.shape[0], _PATCH[0]):
        for left in _spread(shaped.shape[1], _PATCH[1]):
            patch = np.s_[top : top + _PATCH[0], left : left + _PATCH[1]]
            luma = _luma(pixels[patch])
            marked = np.rint(np.clip(luma + np.float32(gain) * shaped[patch], 0, 255))
            lost.append(1 - structural_similarity(luma, marked))
    return max(float(np.mean(lost)), 1e-6)


def _spread(side: int, patch: int) -> list[int]:
    """Where up to `_PATCHES` patches begin along a side, evenly apart."""
    count = min(_PATCHES, -(-side // patch))
    return [int(place) for place in np.linspace(0, max(0, side - patch), count)]


def _add(pixels: Pixels, pattern: NDArray[np.float32], gain: float) -> Pixels:
    marked: NDArray[Any] = pixels.copy()
    depth = cv2.CV_8U if pixels.dtype == np.uint8 else cv2.CV_16U
    step = gain * level_step(pixels)
    for top, bottom in _strips(len(pixels)):
        strip = pattern[top:bottom] * np.float32(step)
        rows = marked[top:bottom]
        if pixels.ndim == 2:
            rows[:] = cv2.add(rows, strip, dtype=depth)
        else:
            change = cv2.merge([strip * np.float32(weight) for weight in _COLOUR])
            rows[..., :3] = cv2.add(np.ascontiguousarray(rows[..., :3]), change, dtype=depth)
    return marked
