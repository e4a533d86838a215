"""Whether a mark lies evenly all over a picture: on one lattice, and everywhere at once.

A lattice that reads may fit only a part of a picture: of a bent one, or of a page on which the
marked picture is a part. What follows from where the tiles lie then holds for that part alone. So
the picture is brought to the geometry of the tile and cut into blocks of two by two tiles, and the
mark, which is known by now, is listened to in each of them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.image import Geometry
from detectors.spectrum import residual_of
from detectors.tile_raster import Homography, TileRaster, raster_of, variance
from labeler.codec.keys import Key
from labeler.codec.lattice import CARRIERS, PICTURE_PATTERN, TILE, pattern_of, spectrum
from labeler.codec.payload import Payload
from labeler.codec.pixels import Pixels
from labeler.codec.sketch import lattice_directions

__all__ = ["confirmed", "heard_share"]

_MOST_SAMPLES: Final = 4_500_000
"""Largest raster: about a thousand tiles."""
_SMOOTHING: Final = 0.8
"""Tiles over which neighbouring blocks are heard together."""
_HEARD: Final = 2.5
"""Deviations from which on a block is taken to carry the mark."""
_EVERYWHERE: Final = 0.75
"""Least share of the blocks for that. 301 of 305 copies of marks into other pictures have more, and
nine of 78 pictures that are bent, all of them so little that they match their sketches."""


def confirmed(pixels: Pixels, geometry: Geometry, payload: Payload, key: Key) -> Geometry:
    """The geometry, without its ``origin`` unless the mark lies all over the picture as it says.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16.
        geometry: As `detectors.image.detect` gave it.
        payload: What the mark says.
        key: Under which it was read.
    """
    if heard_share(pixels, geometry, payload, key) >= _EVERYWHERE:
        return geometry
    return replace(geometry, origin=None)


def heard_share(pixels: Pixels, geometry: Geometry, payload: Payload, key: Key) -> float:
    """The share of a picture's blocks in which its mark is heard, 0 to 1.

    0 where it is not known where the tiles lie, or where there are too many of them. Arguments are
    those of `confirmed`.
    """
    if geometry.origin is None:
        return 0.0
    residual = residual_of(pixels)
    homography = np.eye(3)
    homography[:2, :2] = lattice_directions(
        geometry.rotation_deg, geometry.mirrored, geometry.aspect
    ) * (geometry.period * residual.scale / TILE)
    homography[:2, 2] = np.array(geometry.origin) * residual.scale
    raster = raster_of(homography, *residual.values.shape, most_samples=_MOST_SAMPLES)
    if raster is None:
        return 0.0
    is_inside = _inside(raster, homography, residual.values.shape)
    if not is_inside.any():
        return 0.0
    heard = raster.carriers(raster.sample(residual.values, homography), np.arange(len(CARRIERS)))
    # A frame of a film that was saved as a picture has the film's pattern.
    shares = [
        float(np.mean(_carrying(raster, heard, spectrum(payload, key, pattern))[is_inside]))
        for pattern in {PICTURE_PATTERN, pattern_of(payload, key)}
    ]
    return max(shares)


def _carrying(
    raster: TileRaster, heard: NDArray[np.complex64], signs: NDArray[np.complex64]
) -> NDArray[np.bool_]:
    """``(blocks,)`` which blocks carry the mark."""
    chips = heard * (np.conj(signs) / CARRIERS.frequency)
    agreement = raster.smoothed(np.sum(chips.real, axis=1), _SMOOTHING)
    # Of a sum's variance the weights are squared: a Gaussian again, narrower.
    power = raster.smoothed(variance(chips), _SMOOTHING / math.sqrt(2))
    return np.asarray(agreement >= _HEARD * np.sqrt(power + 1e-9))


def _inside(
    raster: TileRaster, homography: Homography, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """``(blocks,)`` which blocks have their middle in the picture."""
    middles = raster.centres.reshape(-1, 2) @ homography[:2, :2].T + homography[:2, 2]
    return np.asarray(np.all((middles >= 0) & (middles < shape[::-1]), axis=1))
