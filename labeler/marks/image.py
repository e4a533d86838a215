"""The image mark: the lattice pattern, shaped so that nobody sees it, added to a picture's luma.

    >>> import numpy as np
    >>> from labeler.codec.payload import Handle, Origin, Payload
    >>> picture = np.random.default_rng(1).integers(60, 190, (256, 384, 3), np.uint8)
    >>> payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    >>> marked = embed(picture, payload)
    >>> marked.shape, marked.dtype
    ((256, 384, 3), dtype('uint8'))

The pattern is shaped to the picture (`labeler.marks.masks`), its gain is set by what structural
similarity and noise allow, and it is raised where it would not last (`labeler.marks.rehearsal`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import Tile, layered_tile, tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.codec.pixels import Pixels, check_pixels, grey, level_step, levels
from labeler.errors import CapacityError
from labeler.marks.masks import shaped_by
from labeler.marks.rehearsal import CASES, SampledTiles, legible, sample_tiles
from labeler.marks.signpost import Signpost, picture_layers
from labeler.marks.similarity import structural_similarity
from labeler.marks.suitability import Suitability
from labeler.strength import Strength

__all__ = ["MINIMUM_SIDE", "Prepared", "Suitability", "embed", "prepare", "suitability"]

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
    textured_floor_db: float
    """Likewise, of a texture that hides more."""
    raises: Mapping[float, float]
    """Factors by which the gain may be raised where the mark would not last, and the least peak
    signal-to-noise ratio over RGB, as written, dB, for each."""


_PRESETS: Final = {
    "quality": _Preset(0.070, 0.0055, 45.0, 45.0, {}),
    "balanced": _Preset(0.089, 0.0080, 43.7, 41.2, {1.15: 42.0, 1.3: 42.0, 1.6: 46.0}),
    "robust": _Preset(0.132, 0.0190, 40.3, 40.3, {1.15: 42.3, 1.3: 42.3}),
}
_TEXTURED: Final = 1.3
"""How many times as large as the noise floor allows the gain may be by similarity, from which on a
picture counts as a texture: grass and gravel, which hide a mark from eyes and detectors alike."""
_HOPEFUL: Final = 0.45
"""Legibility from which on a mark may be read, though not as a rule."""
_GAIN_LIMITS: Final = (0.8, 1.6)
"""Shares of a preset's gain that are used: very smooth pictures, which lose similarity first and
the mark last, are at the lower end, graphics at the upper."""
_COMMON_AREA: Final = 450_000
_AREA_EXPONENT: Final = -0.3
_AREA_LIMITS: Final = (0.5, 1.7)
"""What similarity a mark may cost is multiplied by ``(area / _COMMON_AREA) ** _AREA_EXPONENT``, and
so is the noise that large pictures may get, within limits: the more often a picture repeats the
tile, the less each repetition has to show."""
_LARGE: Final = 700_000
"""Pixels from which on only compression is tried out."""
_PATCH: Final = (64, 192)
"""Rows and columns of the patches on which similarity is measured."""
_PATCHES: Final = 3
"""Most patches along a side."""
_SAMPLED_ROWS: Final = 8
"""Every so many rows are looked at to tell how much is clipped."""

_LUMA: Final = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
# The colour change of least energy for a given change of luma.
_COLOUR: Final = _LUMA / np.sum(_LUMA**2)
_STRIP_ROWS: Final = 128


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
        strength: ``"quality"`` (about 48 dB PSNR), ``"balanced"`` (about 46 dB, in dense textures
            41) or ``"robust"`` (about 43 dB). The latter two are raised by up to 2.3 dB where
            strong compression or scaling would take the mark, quiet ones by up to 4.1 dB; `prepare`
            and `suitability` tell by how much.
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
    return prepare(pixels, payload, key, strength=strength, signpost=signpost).embed()


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A mark that is ready to be added to its picture."""

    suitability: Suitability
    """How the picture takes it."""
    period: int
    """Size of the tile, pixels; one begins in the picture's upper left corner."""
    _pixels: Pixels
    _shaped: NDArray[np.float32]
    _gain: float

    def embed(self) -> Pixels:
        """The marked picture: a new array of the same shape and dtype."""
        return _add(self._pixels, self._shaped, self._gain)


def suitability(pixels: Pixels, *, strength: Strength = "balanced") -> Suitability:
    """How a picture would take a mark.

    It is that of one mark. Another, under another key, is about as legible; where a raise is a near
    thing, one is raised and the other is not.

    Args:
        pixels: See `embed`.
        strength: See `embed`.

    Raises:
        CapacityError: See `embed`.
        TypeError: See `embed`.
        ValueError: See `embed`.
    """
    some = Payload(origin=Origin.UNKNOWN, handle=Handle(0, 0))
    return prepare(pixels, some, strength=strength).suitability


def prepare(
    pixels: Pixels,
    payload: Payload,
    key: Key = PUBLIC_KEY,
    *,
    strength: Strength = "balanced",
    signpost: Signpost | None = None,
) -> Prepared:
    """Make a mark to measure, without adding it yet; arguments and errors are those of `embed`."""
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
    luma = grey(pixels)
    pattern = layered_tile(layers, tile_period(height, width))
    shaped = _shaped(pixels, luma, pattern)
    energy = float(np.vdot(shaped, shaped)) / shaped.size
    preset = _PRESETS[strength]
    noise = energy * float(np.mean(_COLOUR**2)) if pixels.ndim == 3 else energy
    usual = _gain(shaped, noise, luma, preset)
    sampled = sample_tiles(luma, shaped, pattern)
    written = noise * _kept(luma, shaped)
    raised = [
        usual * factor
        for factor, floor_db in preset.raises.items()
        if usual * factor <= _gain_at(floor_db, written)
    ]
    gain, legibility = _raised(sampled, usual, raised)
    share = min(layer.share for layer in layers)
    if sampled is not None and share < 1:
        # Two layers are as strong together as one is alone, so each of them is less legible.
        legibility = _rehearsed(sampled, gain, share=share)
    expected = Suitability(
        psnr_db=20 * math.log10(255 / gain) - 10 * math.log10(written),
        raised_db=20 * math.log10(gain / usual),
        legibility=legibility,
    )
    return Prepared(expected, len(pattern.low), pixels, shaped, gain)


def _shaped(pixels: Pixels, luma: NDArray[Any], pattern: Tile) -> NDArray[np.float32]:
    """``(H, W)`` the pattern at unit gain, grey levels; none where nothing is seen.

    Raises:
        CapacityError: Nothing is seen anywhere.
    """
    shaped = shaped_by(luma, pattern)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        shaped[pixels[..., 3] == 0] = 0
        if not shaped.any():
            raise CapacityError(
                "every pixel is transparent, so that there is nothing to carry a watermark",
                hint="Stamp it without a watermark, or flatten it onto a background",
            )
    return shaped


def _raised(
    sampled: SampledTiles | None, usual: float, raised: Sequence[float]
) -> tuple[float, Mapping[str, float]]:
    """The least gain with which the mark lasts, and how legible it is with it.

    What no gain helps is left out of account: a mark that is lost anyway need not be seen. Where
    compression takes it whatever the gain, and it may yet be read then, or after scaling, the gain
    is the greatest.
    """
    if sampled is None:
        return usual, {}
    as_usual = _rehearsed(sampled, usual)
    if min(as_usual.values()) >= 1 or not raised:
        return usual, as_usual
    best = _rehearsed(sampled, raised[-1])
    if best["jpeg_30"] < 1 and any(_HOPEFUL <= value < 1 for value in best.values()):
        return raised[-1], best
    within_reach = [case for case, value in best.items() if value >= 1]
    if all(as_usual[case] >= 1 for case in within_reach):
        return usual, as_usual
    for gain in raised[:-1]:
        found = _rehearsed(sampled, gain)
        if all(found[case] >= 1 for case in within_reach):
            return gain, found
    return raised[-1], best


def _rehearsed(sampled: SampledTiles, gain: float, share: float = 1.0) -> Mapping[str, float]:
    """How legible the mark is in each case that is tried out on a picture of this size."""
    # Of large pictures, enough is left at a quarter of their size.
    cases = CASES if sampled.pixels < _LARGE else ("jpeg_30",)
    return {case: legible(sampled, gain, case, share=share) for case in cases}


def _gain(shaped: NDArray[np.float32], noise: float, luma: NDArray[Any], preset: _Preset) -> float:
    """The gain that costs the preset's share of similarity, within what noise allows.

    Args:
        shaped: ``(H, W)`` the pattern at unit gain.
        noise: Mean square error over all colours that it makes.
        luma: ``(H, W)`` of the picture.
        preset: What may be lost.
    """
    by_area = float(np.clip((shaped.size / _COMMON_AREA) ** _AREA_EXPONENT, *_AREA_LIMITS))
    allowance = preset.dissimilarity * by_area
    lost = _sampled_dissimilarity(shaped, luma, preset.gain)
    hidden = (allowance / lost) ** 0.5
    by_similarity = preset.gain * float(np.clip(hidden, *_GAIN_LIMITS))
    usual, most = (
        _gain_at(floor_db, noise) * math.sqrt(min(1.0, by_area))
        for floor_db in (preset.psnr_floor_db, preset.textured_floor_db)
    )
    by_noise = float(np.clip(preset.gain * hidden / _TEXTURED, usual, most))
    return min(by_similarity, by_noise)


def _kept(luma: NDArray[Any], shaped: NDArray[np.float32]) -> float:
    """The share of the pattern's energy that is left once it is clipped: half in black and white.

    Only a raise counts on it: what is clipped is no less to be seen, but so much weaker, too.
    """
    luma, shaped = luma[::_SAMPLED_ROWS], shaped[::_SAMPLED_ROWS]
    margin = int(level_step(luma))
    is_full = (luma <= margin) | (luma >= np.iinfo(luma.dtype).max - margin)
    energy = np.square(shaped)
    return 1 - float(np.sum(energy, where=is_full) / max(float(np.sum(energy)), 1e-9)) / 2


def _gain_at(psnr_db: float, noise: float) -> float:
    """The gain that makes a pattern whose mean square error is ``noise`` so loud."""
    return 255 * math.pow(10, -psnr_db / 20) / math.sqrt(max(noise, 1e-9))


def _sampled_dissimilarity(shaped: NDArray[np.float32], luma: NDArray[Any], gain: float) -> float:
    """One minus the similarity that the pattern leaves at ``gain``, on patches of the picture."""
    lost = []
    for top in _spread(shaped.shape[0], _PATCH[0]):
        for left in _spread(shaped.shape[1], _PATCH[1]):
            patch = np.s_[top : top + _PATCH[0], left : left + _PATCH[1]]
            before = levels(luma[patch])
            marked = np.rint(np.clip(before + np.float32(gain) * shaped[patch], 0, 255))
            lost.append(1 - structural_similarity(before, marked))
    return max(float(np.mean(lost)), 1e-6)


def _spread(side: int, patch: int) -> list[int]:
    """Where up to `_PATCHES` patches begin along a side, evenly apart."""
    count = min(_PATCHES, -(-side // patch))
    return [int(place) for place in np.linspace(0, max(0, side - patch), count)]


def _add(pixels: Pixels, pattern: NDArray[np.float32], gain: float) -> Pixels:
    marked: NDArray[Any] = np.empty(pixels.shape, pixels.dtype)
    depth = cv2.CV_8U if pixels.dtype == np.uint8 else cv2.CV_16U
    step = gain * level_step(pixels)
    for top in range(0, len(pixels), _STRIP_ROWS):
        bottom = top + _STRIP_ROWS
        strip = pattern[top:bottom] * np.float32(step)
        if pixels.ndim == 2:
            cv2.add(pixels[top:bottom], strip, dst=marked[top:bottom], dtype=depth)
            continue
        # Plane by plane, in place: float changes of three channels would not fit the cache.
        planes = cv2.split(pixels[top:bottom])
        change = np.empty_like(strip)
        for plane, weight in zip(planes[:3], _COLOUR, strict=True):
            np.multiply(strip, np.float32(weight), out=change)
            cv2.add(plane, change, dst=plane, dtype=depth)
        cv2.merge(planes, dst=marked[top:bottom])
    return marked
