"""A picture in the geometry of its tile: brought there along a map, and heard there.

Canonical samples are those of the tile: `labeler.codec.lattice.TILE` on a side, wherever and at
whatever size the tile lies in the picture. A raster is a grid of them that covers the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.reading import Heard
from detectors.spectrum import Residual, transform
from detectors.synchronisation import ORIENTATIONS, Place, hear
from labeler.codec.lattice import CARRIERS, TILE

__all__ = ["Homography", "TileRaster", "closeness", "map_of", "raster_of", "variance"]

Homography: TypeAlias = NDArray[np.float64]
"""``(3, 3)`` from canonical samples to pixels of the analysed picture, x first."""

_SIZES: Final = (64, 96)
"""Raster samples on a side of a tile: enough for the highest carrier (at least 48), and about as
many as the picture has."""
_MOST_SAMPLES: Final = 1_600_000
"""Largest raster: small tiles in a large picture are not followed."""
_MARGIN: Final = 0.08
"""What is looked at around the picture as the first map has it, in sides of it."""
_ANY_GRID: Final = 0.5
"""Scale that a raster is said to have: a codec's grid, bent with the picture, is none in it."""
_WEIGHTS: Final = np.asarray(
    np.conj(CARRIERS.sync_signs) / CARRIERS.frequency[CARRIERS.sync], np.complex64
)
"""Low frequencies count more, as in `detectors.synchronisation.synchronise`."""


@dataclass(frozen=True, slots=True)
class TileRaster:
    """A grid of canonical samples, whole tiles in each direction."""

    left: int
    """Tile at its left border."""
    top: int
    """Tile at its upper border."""
    columns: int
    """Tiles from left to right, at least 2."""
    rows: int
    """Tiles from top to bottom, at least 2."""
    size: int
    """Raster samples on a side of a tile."""

    @property
    def centres(self) -> NDArray[np.float64]:
        """``(rows - 1, columns - 1, 2)`` middles of the blocks, canonical samples: x, y.

        Blocks are two by two tiles, and overlap by half.
        """
        x = (self.left + 1 + np.arange(self.columns - 1)) * float(TILE)
        y = (self.top + 1 + np.arange(self.rows - 1)) * float(TILE)
        return np.stack(np.meshgrid(x, y), axis=2)

    def sample(self, picture: NDArray[np.float32], homography: Homography) -> NDArray[np.float32]:
        """``(rows size, columns size)`` the picture along a homography, 0 beyond it."""
        step = TILE / self.size
        onto = np.array([[step, 0, self.left * TILE], [0, step, self.top * TILE], [0, 0, 1]])
        shape = (self.columns * self.size, self.rows * self.size)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpPerspective(picture, homography @ onto, shape, flags=flags), np.float32
        )

    def sample_moved(
        self,
        picture: NDArray[np.float32],
        homography: Homography,
        moves: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Likewise, with every block moved before.

        Args:
            picture: The whitened picture.
            homography: Applied after the displacements.
            moves: ``(rows - 1, columns - 1, 2)`` displacements of the blocks' middles, canonical
                samples: x, y. Between them they are interpolated.
        """
        step = np.float32(1 / self.size)
        x = np.arange(self.columns * self.size, dtype=np.float32) * step
        y = np.arange(self.rows * self.size, dtype=np.float32) * step
        tiles_x, tiles_y = np.meshgrid(x, y)
        dense = cv2.remap(
            moves.astype(np.float32),
            tiles_x - 1,
            tiles_y - 1,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        dense[..., 0] += (tiles_x + self.left) * TILE
        dense[..., 1] += (tiles_y + self.top) * TILE
        pixels = cv2.perspectiveTransform(dense, homography)
        return np.asarray(
            cv2.remap(picture, pixels[..., 0], pixels[..., 1], cv2.INTER_CUBIC), np.float32
        )

    def chips(self, values: NDArray[np.float32]) -> NDArray[np.complex64]:
        """``(blocks, len(CARRIERS.sync))`` chips times signs, for no displacement, of each block.

        Args:
            values: As `sample` gives them.
        """
        return np.asarray(self.carriers(values, CARRIERS.sync) * _WEIGHTS, np.complex64)

    def carriers(
        self, values: NDArray[np.float32], which: NDArray[np.intp]
    ) -> NDArray[np.complex64]:
        """``(blocks, len(which))`` what carriers say in each block, by their numbers.

        Args:
            values: As `sample` gives them.
            which: ``(n,)`` numbers of carriers.
        """
        size, rows, columns = self.size, self.rows, self.columns
        fade = np.sin(np.pi * (np.arange(2 * size) + 0.5) / (2 * size)).astype(np.float32) ** 2
        fade = fade.reshape(2, size)
        tiles = values.reshape(rows, size, columns, size).swapaxes(1, 2)
        folded = np.zeros((rows - 1, columns - 1, size, size), np.float32)
        for i in range(2):
            for j in range(2):
                part = tiles[i : rows - 1 + i, j : columns - 1 + j]
                folded += part * (fade[i][:, None] * fade[j])
        bins = np.fft.rfft2(folded.reshape(-1, size, size))
        return np.asarray(bins[:, CARRIERS.ky[which] % size, CARRIERS.kx[which]], np.complex64)

    def smoothed(self, of_blocks: NDArray[np.floating], tiles: float) -> NDArray[np.float64]:
        """``(blocks,)`` sums over the blocks around each, with Gaussian weights, 1 in the middle.

        Args:
            of_blocks: ``(blocks,)`` a number for each.
            tiles: Deviation of the weights.
        """
        down, across = (closeness(count - 1, tiles) for count in (self.rows, self.columns))
        plane = of_blocks.reshape(len(down), len(across))
        return np.asarray(down @ plane @ across).ravel()

    def hear(self, values: NDArray[np.float32]) -> Heard:
        """What the carriers say all over the raster.

        Args:
            values: As `sample` gives them.
        """
        height, width = values.shape
        shift = (-(width // 2) * TILE / self.size, -(height // 2) * TILE / self.size)
        place = Place(0.0, self.size * np.eye(2), 0, shift)
        heard = hear(transform(Residual(values, scale=_ANY_GRID)), place)
        chips = heard[CARRIERS.sync] * _WEIGHTS
        return Heard(float(np.sum(chips.real) / np.sqrt(variance(chips) + 1e-9)), heard)


def closeness(count: int, tiles: float) -> NDArray[np.float64]:
    """``(count, count)`` how far blocks in a line belong together: 1 on the diagonal.

    Args:
        count: Blocks.
        tiles: Deviation of the Gaussian.
    """
    apart = np.arange(count)[:, None] - np.arange(count)
    return np.asarray(np.exp(-(apart**2) / (2 * tiles**2)))


def variance(chips: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Of the sum of chips times signs, over the draw of the signs.

    Args:
        chips: ``(..., n)`` as `TileRaster.chips` gives them; the result has one dimension less.
    """
    # A sign is ±1 ±1j: it doubles the square of what it multiplies.
    return np.asarray(np.sum(chips.real**2 + chips.imag**2, axis=-1) / 2, np.float32)


def map_of(place: Place, origin: tuple[float, float]) -> Homography:
    """The map of a place that was found in a window.

    Args:
        place: Where the tile lies.
        origin: The window's middle, analysed pixels: x, y.
    """
    linear = place.lattice @ ORIENTATIONS[place.orientation] / TILE
    homography = np.eye(3)
    homography[:2, :2] = linear
    homography[:2, 2] = linear @ place.shift + origin
    return homography


def raster_of(
    homography: Homography, height: int, width: int, *, most_samples: int = _MOST_SAMPLES
) -> TileRaster | None:
    """The raster that covers a picture; None where it would be too large.

    Args:
        homography: An affine map.
        height: Rows of the picture.
        width: Columns of it.
        most_samples: Which is too large.
    """
    period = TILE * abs(float(np.linalg.det(homography[:2, :2]))) ** 0.5
    size = _SIZES[0] if period < sum(_SIZES) / 2 else _SIZES[1]
    x, y = np.array([-_MARGIN, 1 + _MARGIN]) * width, np.array([-_MARGIN, 1 + _MARGIN]) * height
    corners = np.array([[a, b, 1.0] for a in x for b in y])
    tiles = (corners @ np.linalg.inv(homography).T)[:, :2] / TILE
    low, high = np.floor(tiles.min(axis=0)), np.ceil(tiles.max(axis=0))
    columns, rows = (max(2, int(each)) for each in high - low)
    if columns * rows * size**2 > most_samples:
        return None
    return TileRaster(int(low[0]), int(low[1]), columns, rows, size)
