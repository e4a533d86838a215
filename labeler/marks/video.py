"""The video mark: the image mark's lattice, still over all frames, added to the luma.

    marker = Marker(720, 1280, payload)
    marked = [marker.mark(luma) for luma in lumas]

    embed_file(Path("film.mp4"), Path("marked.mp4"), payload)

It is one carrier with the image mark (`labeler.codec.lattice`): the same tile, carriers, roles and
code. A film differs in what codecs and eyes do to it, and so in how strong which carrier is: they
rise with frequency, because an added coarse pattern costs visual fidelity at every scale, and tiles
are larger, so that what rises stays where strong compression leaves something.

The pattern does not move. Its amplitude follows the texture, and changes slowly, so that it does
not flicker: it falls at once where texture vanishes, and rises over many frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import FILM_PERIODS, layered_tile, tile_period
from labeler.codec.luma import Luma, Transfer
from labeler.codec.payload import Payload
from labeler.errors import CapacityError
from labeler.marks.signpost import Signpost, film_layers
from labeler.media.video import open_video
from labeler.strength import Strength

__all__ = ["MINIMUM_SIDE", "Grain", "Marker", "embed_file"]

MINIMUM_SIDE: Final = 128
"""Fewest pixels on the short side."""
_PSNR_DB: Final = {"quality": 46.1, "balanced": 44.25, "robust": 42.6}
"""Peak signal-to-noise ratio of the luma that each strength aims at."""
_SMALL_PIXELS: Final = (150_000, 330_000)
_SMALL_DB: Final = 1.2
"""By so much films get stronger marks, dB, that have no more than the first number of pixels: they
repeat the tile less often. From the second on none do."""
_TRANSFER_GAIN: Final = {Transfer.SDR: 1.0, Transfer.PQ: 0.6, Transfer.HLG: 0.8}
"""What amplitudes are multiplied by. PQ covers 10,000 cd/m2 in steps of about one just noticeable
difference (ITU-R BT.2390), so that the same share of its range shows more than in SDR."""
_TILT: Final = {"fine": 0.6, "coarse": -0.4}
"""For each grain, amplitudes are as ``frequency ** tilt``."""
_MASK_LINES: Final = 360
"""Texture is measured on frames of about so many lines."""
_DEVIATION_CAP: Final = 20.0
_LOW_FLOOR, _HIGH_FLOOR = 320.0, 250.0
"""What is added to the local variance, for the low and the high band."""
_BLACK: Final = (20.0, 32.0)
"""Luma, of 8 bits and limited range, up to which a picture is black, and from which it is not."""
_IN_BLACK: Final = 0.3
"""What is left of the amplitude in black, where nothing hides it."""
_PERSISTENCE: Final = 0.9
"""Share of the frame before in what the amplitude rises to."""
_MOST_GAIN: Final = 0.8
"""Grey levels of amplitude for each of the mask: more would make flat black frames noisy."""
_ROUNDING: Final = 1 / 12
"""Mean square of what rounding to whole code values adds, in squared code values."""
_ERODE: Final = np.ones((3, 3), np.uint8)


Grain: TypeAlias = Literal["fine", "coarse"]
"""Where the strength of the mark lies: ``"fine"`` costs the pictures' fidelity least, ``"coarse"``
is what strong compression leaves of films with little texture."""


class _Bands(NamedTuple):
    """Something for the low band, and the same for the high one."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]


class Marker:
    """Marks one film, frame after frame.

    Args:
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        payload: What the mark says.
        key: Under which key it can be found.
        strength: ``"quality"`` (46 dB), ``"balanced"`` (44 dB) or ``"robust"`` (42.5 dB).
        grain: Where that strength lies.
        depth: Bits of a code value: 8 for uint8 frames, 9 to 16 for uint16.
        transfer: What code values stand for.
        signpost: A second layer, whose payload is no short one; None: none. The noise of both
            together is that of a single mark.

    Raises:
        CapacityError: The frames are smaller than `MINIMUM_SIDE` pixels on a side.
        ValueError: ``strength`` or ``grain`` is unknown, ``depth`` is not 8 to 16, or the signpost
            has the mark's own key.
    """

    def __init__(
        self,
        height: int,
        width: int,
        payload: Payload,
        key: Key = PUBLIC_KEY,
        *,
        strength: Strength = "balanced",
        grain: Grain = "fine",
        depth: int = 8,
        transfer: Transfer = Transfer.SDR,
        signpost: Signpost | None = None,
    ) -> None:
        if strength not in _PSNR_DB:
            raise ValueError(f"strength is one of {', '.join(_PSNR_DB)}, not {strength!r}")
        if grain not in _TILT:
            raise ValueError(f"grain is one of {', '.join(_TILT)}, not {grain!r}")
        if not 8 <= depth <= 16:
            raise ValueError(f"code values have 8 to 16 bits, not {depth}")
        if min(height, width) < MINIMUM_SIDE:
            raise CapacityError(
                f"frames of {width} x {height} pixels are too small to carry a watermark",
                hint=f"It takes at least {MINIMUM_SIDE} pixels on each side",
            )
        self._shape = (height, width)
        self._depth = depth
        period = tile_period(height, width, FILM_PERIODS)
        pattern = layered_tile(film_layers(payload, key, signpost), period, tilt=_TILT[grain])
        self._power = (float(np.mean(pattern.low**2)), float(np.mean(pattern.high**2)))
        self._pattern = _Bands(
            *(_spread(band, self._shape) for band in (pattern.low, pattern.high))
        )
        self._rounding = _ROUNDING / 4.0 ** (depth - 8)
        self._amplitude = _TRANSFER_GAIN[transfer] * math.sqrt(
            _mean_square(strength, height * width) - self._rounding
        )
        factor = max(1, round(min(height, width) / _MASK_LINES))
        self._reduced = (max(2, width // factor), max(2, height // factor))
        self._deviation: NDArray[np.float32] | None = None
        self._gain = math.inf
        self._changed = 0.0
        self._frames = 0

    @property
    def psnr_db(self) -> float | None:
        """Peak signal-to-noise ratio of the luma so far; None before anything was changed."""
        if not self._changed:
            return None
        return 10 * math.log10(255**2 * self._frames / self._changed)

    def mark(self, luma: Luma) -> Luma:
        """Mark the next frame.

        Args:
            luma: ``(H, W)`` uint8, or uint16 where there are more than 8 bits.

        Returns:
            A new array of the same shape and dtype.

        Raises:
            ValueError: Shape or dtype are not those that were announced.
        """
        dtype = np.uint8 if self._depth == 8 else np.uint16
        if luma.shape != self._shape or luma.dtype != dtype:
            raise ValueError(
                f"a frame of shape {self._shape} and type {np.dtype(dtype)} is expected, "
                f"not {luma.shape} and {luma.dtype}"
            )
        masks = self._masks(luma)
        gain = self._next_gain(masks)
        shaped = self._shaped(masks, gain * (1 << (self._depth - 8)))
        if self._depth == 8:
            return np.asarray(cv2.add(luma, shaped, dtype=cv2.CV_8U), np.uint8)
        marked = np.asarray(cv2.add(luma, shaped, dtype=cv2.CV_16U), np.uint16)
        return np.minimum(marked, np.uint16((1 << self._depth) - 1), out=marked)

    def _masks(self, luma: Luma) -> _Bands:
        """The amplitude that texture hides, at half the reduced size, before the gain."""
        reduced = cv2.resize(luma, self._reduced, interpolation=cv2.INTER_AREA)
        grey = reduced.astype(np.float32)
        if self._depth > 8:
            grey *= np.float32(1 / (1 << (self._depth - 8)))
        half = (self._reduced[0] // 2, self._reduced[1] // 2)
        mean, square = (
            cv2.blur(cv2.resize(each, half, interpolation=cv2.INTER_AREA), (3, 3))
            for each in (grey, grey * grey)
        )
        deviation = cv2.sqrt(np.maximum(square - mean * mean, 0))
        # The quiet side of an edge stays quiet.
        deviation = cv2.blur(cv2.erode(deviation, _ERODE), (3, 3))
        if self._deviation is not None:
            slow = _PERSISTENCE * self._deviation + (1 - _PERSISTENCE) * deviation
            deviation = np.minimum(deviation, slow)
        self._deviation = np.asarray(deviation, np.float32)
        energy = 2 * np.minimum(self._deviation, _DEVIATION_CAP) ** 2
        lit = np.clip((mean - _BLACK[0]) * (1 / (_BLACK[1] - _BLACK[0])), _IN_BLACK, 1)
        low, high = (np.sqrt(energy + floor) * lit for floor in (_LOW_FLOOR, _HIGH_FLOOR))
        return _Bands(np.asarray(low, np.float32), np.asarray(high, np.float32))

    def _next_gain(self, masks: _Bands) -> float:
        """Grey levels for each of the masks: what the strength allows, rising slowly."""
        energy = sum(
            power * float(np.vdot(mask, mask)) / mask.size
            for power, mask in zip(self._power, masks, strict=True)
        )
        gain = min(self._amplitude / math.sqrt(energy), _MOST_GAIN)
        if not math.isinf(self._gain):
            gain = min(gain, _PERSISTENCE * self._gain + (1 - _PERSISTENCE) * gain)
        self._gain = gain
        self._changed += gain**2 * energy + self._rounding
        self._frames += 1
        return gain

    def _shaped(self, masks: _Bands, gain: float) -> NDArray[np.float32]:
        """``(H, W)`` what is added to the frame, code values."""
        size = self._shape[::-1]
        low, high = (
            np.asarray(
                cv2.resize(mask * np.float32(gain), size, interpolation=cv2.INTER_LINEAR),
                np.float32,
            )
            for mask in masks
        )
        low *= self._pattern.low
        high *= self._pattern.high
        low += high
        return low


def embed_file(
    source: Path | str,
    target: Path | str,
    payload: Payload,
    key: Key = PUBLIC_KEY,
    *,
    strength: Strength = "balanced",
    signpost: Signpost | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Mark the pictures of a film; sound, subtitles and all else stay as they are.

    Args:
        source: The film; it is not changed.
        target: A new file of the same format.
        payload: What the mark says.
        key: Under which key it can be found.
        strength: See `Marker`.
        signpost: See `Marker`.
        progress: Is told from time to time how much is done, 0 to 1.

    Raises:
        CapacityError: The film is too small.
        MediaError: It cannot be read, or not be written again without loss.
        OutputError: ``target`` exists already, or cannot be written.
    """
    video = open_video(Path(source), name=str(source))
    marker = Marker(
        video.height,
        video.width,
        payload,
        key,
        strength=strength,
        depth=video.depth,
        transfer=video.transfer,
        signpost=signpost,
    )
    video.encode(marker.mark, Path(target), progress=progress)


def _mean_square(strength: Strength, pixels: int) -> float:
    """Of the change of the luma, squared grey levels."""
    few, many = _SMALL_PIXELS
    smallness = min(1.0, max(0.0, (many - pixels) / (many - few)))
    return float(255**2 * 10.0 ** ((_SMALL_DB * smallness - _PSNR_DB[strength]) / 10))


def _spread(band: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The tile, repeated over so many rows and columns."""
    repeats = tuple(-(-side // len(band)) for side in shape)
    return np.ascontiguousarray(np.tile(band, repeats)[: shape[0], : shape[1]])
