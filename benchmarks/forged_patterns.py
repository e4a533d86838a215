"""What an attacker makes of marked pictures: estimates of their pattern, added or taken away.

The period of the tile can be seen without any key, so that whatever a filter takes away from a
picture can be folded over it: the picture averages out, the pattern stays. Who also has the code
knows which values the pattern can have, and how it follows a picture; who knows what many files say
learns the key's signs from them. For measuring alone: nothing that ships imports this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_attacks import Pixels
from benchmarks.image_edits import as_pixels
from labeler.codec import error_correction
from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.lattice import BAND, CARRIERS, TILT, data_chips
from labeler.codec.payload import Payload
from labeler.codec.residual import grain
from labeler.marks.similarity import CONTRAST_FLOOR

__all__ = [
    "Learnt",
    "Plane",
    "added",
    "amplitude",
    "carriers_of",
    "estimate",
    "folded",
    "gain_for",
    "gain_in",
    "ghost_of",
    "learn",
    "repeated",
    "signs",
    "tile_of",
]

Plane: TypeAlias = NDArray[np.float64]
"""``(height, width)`` grey levels: of a whole picture or of one tile."""
Values: TypeAlias = NDArray[np.complex64]
"""``(len(CARRIERS),)`` one complex number for each carrier."""

_MOST_REST: Final = 8.0
"""Grey levels beyond which what a filter takes away is the picture's, not the pattern's."""
_MOST_VARIANCE: Final = 400.0
_SKETCH_CELLS: Final = 9900
"""Cells of the sketches that are to agree."""
_FAINT: Final = 0.5
"""Grey levels: what varies less is not blown up to more."""


# ---------------------------------------------------------------- with an editor


def folded(pixels: Pixels, period: int) -> NDArray[np.float64]:
    """``(2, period, period)`` sums of what a bilateral filter takes away, and their counts."""
    rest = _rest(pixels)
    sums = np.zeros((2, period, period))
    for top in range(0, rest.shape[0], period):
        for left in range(0, rest.shape[1], period):
            block = rest[top : top + period, left : left + period]
            sums[0, : block.shape[0], : block.shape[1]] += block
            sums[1, : block.shape[0], : block.shape[1]] += 1
    return sums


def estimate(sums: NDArray[np.float64]) -> Plane:
    """``(period, period)`` the pattern that the sums of `folded` show, of one picture or more."""
    pattern = sums[0] / np.maximum(sums[1], 1)
    return np.asarray(pattern - pattern.mean())


def repeated(pattern: Plane, pixels: Pixels) -> Plane:
    """The pattern over the whole picture, from the top left corner on."""
    height, width = pixels.shape[:2]
    period = len(pattern)
    return pattern[np.ix_(np.arange(height) % period, np.arange(width) % period)]


def added(pixels: Pixels, plane: Plane, gain: float) -> Pixels:
    """The picture with ``gain`` times the plane on all its channels."""
    return as_pixels(pixels + gain * plane[..., None])


def gain_for(plane: Plane, psnr_db: float) -> float:
    """How many times the plane makes this noise, but for rounding."""
    return float(255 * 10 ** (-psnr_db / 20) / np.sqrt(np.mean(plane**2)))


def ghost_of(pixels: Pixels, like: Pixels) -> Plane:
    """What sketches are made of, of one picture, evenly strong, in the size of another.

    What lies beside the picture is 0, and of a larger one the top left part is taken.
    """
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
    cell = math.sqrt(luma.size / _SKETCH_CELLS)
    fine, coarse = (cv2.GaussianBlur(luma, (0, 0), share * cell) for share in (0.5, 1.2))
    differs = fine - coarse
    variation = np.sqrt(cv2.GaussianBlur(differs * differs, (0, 0), 3 * cell))
    even = differs / (variation + _FAINT)
    height, width = (min(even.shape[side], like.shape[side]) for side in (0, 1))
    ghost = np.zeros(like.shape[:2])
    ghost[:height, :width] = even[:height, :width]
    return ghost


def _rest(pixels: Pixels) -> NDArray[np.float32]:
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grain(luma)


# ---------------------------------------------------------------- with the code


def carriers_of(pattern: Plane) -> Values:
    """The values of a tile's carriers, on average over the tile of unit mean square."""
    values = np.fft.rfft2(pattern)[CARRIERS.ky % len(pattern), CARRIERS.kx]
    return (values / np.sqrt(np.mean(np.abs(values) ** 2))).astype(np.complex64)


def signs(values: Values) -> Values:
    """The nearest of the values that carriers may have, ±1 ±1j."""
    known = np.where(values.real < 0, -1, 1) + 1j * np.where(values.imag < 0, -1, 1)
    known[CARRIERS.sync] = CARRIERS.sync_signs
    return known.astype(np.complex64)


def tile_of(values: Values, period: int) -> Plane:
    """``(period, period)`` the tile of these carriers, of unit mean square."""
    grid = np.zeros((period, period // 2 + 1), np.complex64)
    grid[CARRIERS.ky % period, CARRIERS.kx] = values * (CARRIERS.frequency / BAND[0]) ** TILT
    pattern = np.fft.irfft2(grid, s=(period, period))
    return np.asarray(pattern / np.sqrt(np.mean(pattern**2)), np.float64)


def amplitude(pixels: Pixels) -> Plane:
    """``(H, W)`` how far the picture hides a pattern: simpler than how marks are made."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
    mean, square = (cv2.GaussianBlur(plane, (11, 11), 1.5) for plane in (luma, luma * luma))
    variance = np.clip(square - mean**2, 0, _MOST_VARIANCE)
    return np.asarray(np.sqrt(2 * variance + CONTRAST_FLOOR), np.float64)


def gain_in(pixels: Pixels, plane: Plane) -> float:
    """How many times the plane is in the picture: least squares of what a filter takes away."""
    rest = np.clip(_rest(pixels), -_MOST_REST, _MOST_REST)
    own = grain(plane.astype(np.float32)).astype(np.float64)
    return float(np.vdot(rest, own) / np.vdot(own, own))


# ---------------------------------------------------------------- with the code and known payloads


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt of a key by who does not have it: enough to write any payload under it."""

    pilots: Values
    """``(len(CARRIERS.pilot),)`` their signs."""
    chip_signs: NDArray[np.float64]
    """``(2 len(CARRIERS.data),)`` the signs of the data chips."""
    code_bit: NDArray[np.intp]
    """``(2 len(CARRIERS.data),)`` which bit of the code word each of them carries."""

    def write(self, payload: Payload) -> Values:
        """The carriers that say ``payload``."""
        chips = self.chip_signs * _code_word(payload)[self.code_bit]
        values = np.empty(len(CARRIERS), np.complex64)
        values[CARRIERS.sync] = CARRIERS.sync_signs
        values[CARRIERS.pilot] = self.pilots
        values[CARRIERS.data] = chips[0::2] + 1j * chips[1::2]
        return values


def learn(values: Sequence[Values], payloads: Sequence[Payload]) -> Learnt:
    """Learn a key from the carriers of files of which it is known what they say.

    Each chip is the product of its sign and one bit of the code word: of all of them, that bit is
    taken which agrees best over the files. What the public layer says is known, and left out.
    """
    said = np.stack([_code_word(payload) for payload in payloads])
    seen = np.stack(values)
    data = seen[:, CARRIERS.data]
    chips = np.stack([data.real, data.imag], axis=2).reshape(len(seen), -1)
    fits = np.asarray(chips.T @ said)
    each = np.arange(len(fits))
    fits[each, data_chips(PUBLIC_KEY).code_bit] = 0
    code_bit = np.abs(fits).argmax(axis=1)
    return Learnt(
        pilots=signs(seen.sum(axis=0))[CARRIERS.pilot],
        chip_signs=np.where(fits[each, code_bit] < 0, -1.0, 1.0),
        code_bit=code_bit,
    )


def _code_word(payload: Payload) -> NDArray[np.float64]:
    """``(CODE_BITS,)`` the code word's bits as signs."""
    return 1 - 2 * error_correction.encode(payload.to_frame()).astype(np.float64)
