"""What would be left of a mark after hard treatment, tried out before a picture is marked.

Some tiles of the picture are marked, compressed or scaled down, and listened to where the mark is
known to be. Two things then stand in the way of reading it: the picture, which differs from tile to
tile, so that the whole picture's many tiles average it out; and what a codec makes of the mark
itself, which is the same in every tile of a flat picture, and stays. Both are measured, and so it
can be told how many bits the carriers of the whole picture would still convey, by Shannon's
formula (C. Shannon, "A mathematical theory of communication", 1948), ring by ring of frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.lattice import CARRIERS, Tile
from labeler.codec.pixels import levels
from labeler.codec.residual import without_edges

__all__ = ["CASES", "SampledTiles", "legible", "sample_tiles"]

_Plane: TypeAlias = NDArray[np.uint8]


def _compressed(luma: _Plane) -> _Plane:
    _, data = cv2.imencode(".jpg", luma, (cv2.IMWRITE_JPEG_QUALITY, 30))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _quarter(luma: _Plane) -> _Plane:
    return np.asarray(cv2.resize(luma, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA))


CASES: Final[Mapping[str, Callable[[_Plane], _Plane]]] = {
    "jpeg_30": _compressed,
    "quarter_size": _quarter,
}
"""What is tried out. WebP 50 was, too: it took three times as long as JPEG 30, and told no more."""
_NEEDED_BITS: Final[Mapping[str, float]] = {"jpeg_30": 210.0, "quarter_size": 55.0}
"""Bits that have to be conveyed so that the 80 of a frame are read, as a rule. Measured on pictures
whose marks were just, and just not, read again: what codecs leave is estimated too generously, and
what scaling leaves too sparingly."""
_TRIED_PIXELS: Final = 82_000
_TRIED_TILES: Final = (2, 9)
"""Tiles that are tried: at least, and at most; between them, as many as make so many pixels."""
_GOLDEN: Final = (5**0.5 - 1) / 2
_RINGS: Final = 8
_RING: Final = np.arange(len(CARRIERS)) * _RINGS // len(CARRIERS)
_DATA: Final = np.isin(np.arange(len(CARRIERS)), CARRIERS.data)


@dataclass(frozen=True, slots=True)
class SampledTiles:
    """Parts of a picture, one tile large each."""

    luma: NDArray[np.float32]
    """``(n, period, period)`` 0 to 255."""
    change: NDArray[np.float32]
    """Likewise, what the mark adds at unit gain, grey levels."""
    wanted: NDArray[np.complex64]
    """``(len(CARRIERS),)`` the mark's own spectrum at the carriers."""
    pixels: int
    """How many the whole picture has."""


def sample_tiles(
    luma: NDArray[Any], shaped: NDArray[np.float32], pattern: Tile
) -> SampledTiles | None:
    """Whole tiles from all over a picture; None where it has none.

    Args:
        luma: ``(H, W)`` uint8 or uint16 luma of the unmarked picture.
        shaped: ``(H, W)`` what the mark adds at unit gain, grey levels.
        pattern: The tile that is repeated from the top left corner.
    """
    period = len(pattern.low)
    down, across = (side // period for side in shaped.shape)
    if not (down and across):
        return None
    parts = [
        np.s_[y * period : (y + 1) * period, x * period : (x + 1) * period]
        for y, x in _places(down, across, _TRIED_PIXELS // period**2)
    ]
    return SampledTiles(
        luma=np.array([levels(luma[part]) for part in parts]),
        change=np.array([shaped[part] for part in parts]),
        wanted=_at_carriers(pattern.low + pattern.high),
        pixels=shaped.size,
    )


def legible(sampled: SampledTiles, gain: float, case: str, *, share: float = 1.0) -> float:
    """How legible the mark would be after ``case``: 1 is just enough, 2 is twice the bits needed.

    Args:
        sampled: Tiles of the picture.
        gain: Of the mark.
        case: A key of `CASES`.
        share: Of the mark's energy, what the layer has that is to be read.
    """
    marked = np.concatenate(sampled.luma + np.float32(gain) * sampled.change)
    again = CASES[case](np.clip(np.rint(marked), 0, 255).astype(np.uint8))
    tiles = np.split(again.astype(np.float32), len(sampled.luma))
    heard = np.stack([_at_carriers(without_edges(tile)) for tile in tiles])
    return _bits(heard, sampled, len(tiles[0]), share) / _NEEDED_BITS[case]


def _bits(heard: NDArray[np.complex64], sampled: SampledTiles, period: int, share: float) -> float:
    """What the data chips of the whole picture convey, from ``(n, len(CARRIERS))`` values."""
    audible = _audible(period)
    members = np.bincount(_RING[audible], minlength=_RINGS)

    def by_ring(values: NDArray[np.floating]) -> NDArray[np.float64]:
        sums = np.bincount(_RING[audible], values[audible], _RINGS)
        return np.asarray(sums / np.maximum(members, 1))

    count, tiles = len(heard), sampled.pixels / sampled.luma.shape[-1] ** 2
    mean = heard.mean(axis=0)
    varies = by_ring(np.sum(np.abs(heard - mean) ** 2, axis=0)) / max(1, count - 1)
    wanted = np.maximum(by_ring(np.abs(sampled.wanted) ** 2), 1e-9)
    agreement = by_ring(np.real(mean * np.conj(sampled.wanted))) / wanted
    power = agreement**2 * wanted
    # What stays although it is not the mark: the same distortion in every tile.
    stays = np.maximum(by_ring(np.abs(mean) ** 2) - power - varies / count, 0)
    # As far as the agreement may be chance, it does not count.
    chance = np.sqrt(varies / count / np.maximum(2 * members, 1))
    sure = np.maximum(np.sqrt(power) * np.sign(agreement) - chance / 2, 0) ** 2
    others = (1 - share) * sure
    ratio = share * sure / (stays + varies / tiles + others + 1e-9)
    chips = 2 * np.bincount(_RING[audible & _DATA], minlength=_RINGS)
    return float(np.sum(chips * np.log2(1 + ratio)) / 2)


def _audible(period: int) -> NDArray[np.bool_]:
    """``(len(CARRIERS),)`` which carriers a tile of so many pixels holds."""
    return np.asarray(np.maximum(CARRIERS.kx, np.abs(CARRIERS.ky)) < period // 2)


def _at_carriers(tile: NDArray[np.float32]) -> NDArray[np.complex64]:
    """The carriers' values in a tile's transform, 0 beyond its Nyquist frequency."""
    audible = _audible(len(tile))
    spectrum = cv2.dft(tile, flags=cv2.DFT_COMPLEX_OUTPUT).view(np.complex64)[..., 0]
    values = np.zeros(len(CARRIERS), np.complex64)
    values[audible] = spectrum[CARRIERS.ky[audible] % len(spectrum), CARRIERS.kx[audible]]
    return values


def _places(down: int, across: int, count: int) -> list[tuple[int, int]]:
    """Rows and columns of about ``count`` tiles, spread over all of them."""
    least, most = _TRIED_TILES
    count = min(max(count, least), most, down * across)
    rows = (int((number + 0.5) / count * down) for number in range(count))
    columns = (int((number + 1) * _GOLDEN % 1 * across) for number in range(count))
    return sorted(set(zip(rows, columns, strict=True)))
