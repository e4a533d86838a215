"""The lattice mark: a keyed pattern of spatial-frequency carriers, periodic on a square tile.

One tile repeats over the whole picture, so that its carriers sit on a lattice of frequencies. Each
carrier is one complex Fourier coefficient of the tile, i.e. two real *chips*. A carrier has one
of three roles:

- *synchronisation*: signs that are the same for every key. They tell where the tile lies (scale,
  rotation, flip, shift) once, whatever the number of keys that are asked for.
- *pilot*: signs drawn from the key. They tell which key it is.
- *data*: signs drawn from the key, times a bit of the error-correcting code.

A tile may carry two marks, of two keys, as *layers*: the synchronisation carriers, which are the
same for both, are there once and in full; pilots and data of the layers are added, each with its
share of the energy. Who reads one of them sees the other as noise.

A key has eight *patterns*, sets of signs for pilots and data. Pictures use the first. Which of them
a film uses is drawn from key and payload, so that what averaging many films of one key lays bare
is of little use on the next.

What is said here is a wire format: constants and streams may only change under a new version.
Written description: ``docs/wire-format.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec import error_correction
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload

__all__ = [
    "BAND_SPLIT",
    "CARRIERS",
    "FILM_PERIODS",
    "NATIVE_PERIODS",
    "PATTERNS",
    "PERIODS",
    "PICTURE_PATTERN",
    "TILE",
    "TILT",
    "Carriers",
    "DataChips",
    "Tile",
    "TileLayer",
    "data_chips",
    "layered_tile",
    "pattern_of",
    "pilot_signs",
    "spectrum",
    "tile",
    "tile_period",
]

TILE: Final = 96
"""Samples on a side of the canonical tile: carrier ``(kx, ky)`` has ``kx / TILE`` cycles each."""
BAND: Final = (0.045, 0.24)
"""Lowest and highest carrier frequency, cycles per canonical sample."""
BAND_SPLIT: Final = 0.125
"""Boundary of the low and the high band, which are masked differently when embedding."""
TILT: Final = -0.7
"""In pictures, amplitude falls with frequency as ``frequency ** TILT``: pictures and their codecs
do the same. Who reads a mark need not know it."""
PATTERNS: Final = 8
"""Sets of pilot and data signs that a key has."""
PICTURE_PATTERN: Final = 0
"""The one that still pictures use."""
PERIODS: Final[tuple[tuple[float, int], ...]] = (
    (300, 64),
    (420, 80),
    (900, 96),
    (1500, 128),
    (2600, 192),
    (math.inf, 256),
)
"""Tile size in pixels, by the square root of the picture's area up to which it is used."""
FILM_PERIODS: Final[tuple[tuple[float, int], ...]] = (
    (330, 80),
    (480, 96),
    (800, 128),
    (1200, 160),
    (1700, 224),
    (2400, 320),
    (math.inf, 448),
)
"""Likewise for films, which are scaled down further than pictures."""
NATIVE_PERIODS: Final = tuple(sorted({period for _, period in (*PERIODS, *FILM_PERIODS)}))
"""Every tile size in use."""
_BLOCK: Final = 18
"""Carriers of neighbouring frequency that share out the roles."""
_SYNC_PER_BLOCK: Final = 4
_PILOT_PER_BLOCK: Final = 1
_VERSION: Final = "lattice.v1"


@dataclass(frozen=True)
class Carriers:
    """The carriers and their roles, the same for every key, in order of rising frequency."""

    kx: NDArray[np.intp]
    """``(n,)`` horizontal index, 1 to TILE / 2."""
    ky: NDArray[np.intp]
    """``(n,)`` vertical index, -TILE / 2 to TILE / 2, never 0."""
    sync: NDArray[np.intp]
    """Positions of the synchronisation carriers."""
    pilot: NDArray[np.intp]
    """Positions of the pilot carriers."""
    data: NDArray[np.intp]
    """Positions of the data carriers."""
    sync_signs: NDArray[np.complex64]
    """``(len(sync),)`` the synchronisation carriers' signs, ±1 ±1j."""

    @cached_property
    def frequency(self) -> NDArray[np.float32]:
        """``(n,)`` cycles per canonical sample."""
        return (np.hypot(self.kx, self.ky) / TILE).astype(np.float32)

    def __len__(self) -> int:
        return len(self.kx)


def _make_carriers() -> Carriers:
    ky, kx = np.mgrid[-TILE // 2 : TILE // 2 + 1, 1 : TILE // 2 + 1]
    squared = kx * kx + ky * ky
    # Integer comparisons: a carrier is in the band or not on every machine alike.
    inside = (ky != 0) & (squared >= 19) & (squared <= 529)
    kx, ky, squared = kx[inside], ky[inside], squared[inside]
    order = np.lexsort((kx, ky, squared))
    kx, ky = kx[order], ky[order]
    stream = PUBLIC_KEY.stream(f"{_VERSION}/roles")
    roles = np.zeros(len(kx), np.uint8)
    for start in range(0, len(kx), _BLOCK):
        members = start + stream.permutation(min(_BLOCK, len(kx) - start))
        roles[members[:_SYNC_PER_BLOCK]] = 1
        roles[members[_SYNC_PER_BLOCK : _SYNC_PER_BLOCK + _PILOT_PER_BLOCK]] = 2
    sync = np.flatnonzero(roles == 1)
    return Carriers(
        kx=kx,
        ky=ky,
        sync=sync,
        pilot=np.flatnonzero(roles == 2),
        data=np.flatnonzero(roles == 0),
        sync_signs=_complex_signs(PUBLIC_KEY.stream(f"{_VERSION}/sync").signs(2 * len(sync))),
    )


def _complex_signs(signs: NDArray[np.float32]) -> NDArray[np.complex64]:
    return (signs[0::2] + 1j * signs[1::2]).astype(np.complex64)


CARRIERS: Final = _make_carriers()


@dataclass(frozen=True, slots=True)
class DataChips:
    """How a key spreads the code word over the data carriers."""

    signs: NDArray[np.float32]
    """``(2 len(data),)`` signs of the data chips: real part, imaginary part of each carrier."""
    code_bit: NDArray[np.intp]
    """``(2 len(data),)`` which bit of the code word a data chip carries."""


def pattern_of(payload: Payload, key: Key) -> int:
    """Which pattern of ``key`` a film with this payload uses, 0 to `PATTERNS` - 1."""
    return key.stream(f"{_VERSION}/pattern/{payload.to_int():014x}").bytes(1)[0] % PATTERNS


@lru_cache(maxsize=4096)
def pilot_signs(key: Key) -> NDArray[np.complex64]:
    """``(PATTERNS, len(CARRIERS.pilot))`` the pilot carriers' signs under ``key``, ±1 ±1j."""
    count = 2 * len(CARRIERS.pilot)
    first = key.stream(f"{_VERSION}/pilot").signs(count)
    others = key.stream(f"{_VERSION}/pilots").signs((PATTERNS - 1) * count)
    return _complex_signs(np.concatenate([first, others])).reshape(PATTERNS, -1)


@lru_cache(maxsize=256)
def data_chips(key: Key, pattern: int = PICTURE_PATTERN) -> DataChips:
    """The data chips of ``key`` in one of its patterns.

    Code bits are dealt to the data chips in order of rising frequency, each pass over the code word
    in a fresh permutation: whatever part of the band is lost, no bit is lost more than others.
    """
    chips = 2 * len(CARRIERS.data)
    name = "data" if pattern == PICTURE_PATTERN else f"data/{pattern}"
    dealing = key.stream(f"{_VERSION}/code-bits")
    passes = -(-chips // error_correction.CODE_BITS)
    dealt = [dealing.permutation(error_correction.CODE_BITS) for _ in range(passes)]
    return DataChips(
        signs=key.stream(f"{_VERSION}/{name}").signs(chips),
        code_bit=np.concatenate(dealt)[:chips],
    )


def spectrum(payload: Payload, key: Key, pattern: int = PICTURE_PATTERN) -> NDArray[np.complex64]:
    """``(len(CARRIERS),)`` the carriers' values for ``payload`` under ``key``, ±1 ±1j each."""
    chips = data_chips(key, pattern)
    code = 1 - 2 * error_correction.encode(payload.to_frame()).astype(np.float32)
    values = np.empty(len(CARRIERS), np.complex64)
    values[CARRIERS.sync] = CARRIERS.sync_signs
    values[CARRIERS.pilot] = pilot_signs(key)[pattern]
    values[CARRIERS.data] = _complex_signs(chips.signs * code[chips.code_bit])
    return values


@dataclass(frozen=True, slots=True)
class Tile:
    """One period of the pattern; both bands together have unit mean square."""

    low: NDArray[np.float32]
    """``(period, period)`` the carriers up to `BAND_SPLIT`."""
    high: NDArray[np.float32]
    """``(period, period)`` the carriers above it."""


def tile(
    payload: Payload,
    key: Key,
    period: int,
    *,
    pattern: int = PICTURE_PATTERN,
    tilt: float = TILT,
) -> Tile:
    """The pattern for ``payload`` under ``key``, ``period`` pixels on a side.

    Args:
        payload: What the mark says.
        key: Under which key.
        period: Size of the tile, pixels, at least 48 (the highest carrier needs the room).
        pattern: Which of the key's patterns.
        tilt: Amplitudes are as ``frequency ** tilt``.
    """
    return layered_tile([TileLayer(payload, key, pattern)], period, tilt=tilt)


@dataclass(frozen=True, slots=True)
class TileLayer:
    """One of the marks that share a tile."""

    payload: Payload
    """What it says."""
    key: Key
    """Under which key."""
    pattern: int = PICTURE_PATTERN
    """Which of the key's patterns."""
    share: float = 1.0
    """Of the energy of pilots and data, above 0 and at most 1; those of all layers add up to 1."""


def layered_tile(layers: Sequence[TileLayer], period: int, *, tilt: float = TILT) -> Tile:
    """The pattern of marks under several keys on one lattice, ``period`` pixels on a side.

    The energy is that of a single mark, and so is what the synchronisation carriers have of it.

    Args:
        layers: The marks, at least one.
        period: See `tile`.
        tilt: See `tile`.
    """
    amplitude = (CARRIERS.frequency / BAND[0]) ** np.float32(tilt)
    values = np.zeros(len(CARRIERS), np.complex64)
    for layer in layers:
        own = spectrum(layer.payload, layer.key, layer.pattern)
        values += own * np.float32(math.sqrt(layer.share))
    values[CARRIERS.sync] = CARRIERS.sync_signs
    values *= amplitude
    low = CARRIERS.frequency <= BAND_SPLIT
    bands = []
    for band in (low, ~low):
        grid = np.zeros((period, period // 2 + 1), np.complex64)
        grid[CARRIERS.ky[band] % period, CARRIERS.kx[band]] = values[band]
        bands.append(np.fft.irfft2(grid, s=(period, period)))
    scale = 1 / np.sqrt(np.mean((bands[0] + bands[1]) ** 2))
    return Tile(*((band * scale).astype(np.float32) for band in bands))


def tile_period(height: int, width: int, periods: tuple[tuple[float, int], ...] = PERIODS) -> int:
    """Size of the tile, pixels, for a picture of this size."""
    size = (height * width) ** 0.5
    return next(period for limit, period in periods if size <= limit)
