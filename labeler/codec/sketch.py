"""Sketches: what a marked picture looked like, in two kilobytes, for finding a part of it again.

A watermark can be copied into another picture. So a registry keeps a `Sketch` of each picture that
is marked, and what carries its mark is compared with that (`labeler.codec.content`). It is taken
before the picture is marked: small and smooth pictures show the mark's own pattern, which would
agree with itself wherever it is copied to. Of a found picture only a small upright view is needed,
`Taken`: the mark tells how the picture was turned, flipped and scaled, and the size of its tile
says how much of the original one pixel is.

A sketch is no small copy: it tells where the picture is lighter or darker than its surroundings,
as measured by how much they vary, and nothing where there is nothing to see. Changes of brightness,
contrast and colours leave that; and unrelated pictures, however alike their skies and shades, do
not have it in common.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.pixels import Pixels, check_pixels, grey, levels, on_white

__all__ = [
    "Sketch",
    "Taken",
    "lattice_directions",
    "local_contrast",
    "sketch",
    "take",
    "ternary",
]

# What a sketch is: another value here is another version of its format.
_VERSION: Final = 2
_FIRST_VERSION: Final = 1
"""Of pictures whose tiles all began in the corner."""
_CELLS: Final = 9900
"""Most cells of a sketch: with five in a byte it fits into two kilobytes."""
_SURROUNDINGS: Final = 1.0
_VARIATION: Final = 3.0
"""Deviations of the Gaussian windows for the surroundings and for how much they vary, cells."""
_FAINT: Final = 1.5
"""Grey levels: what varies less is not blown up to more. It is mostly noise, and where there is
little else to see, noise that an edit adds must not look like another picture."""
_CLIP: Final = 2.5
_THRESHOLD: Final = 0.6
"""From which local contrast on a cell is light or dark: so three levels keep most of the detail."""
_HEAD: Final = struct.Struct(">BIIfff")
_FIRST_HEAD: Final = struct.Struct(">BHII")
_TRITS: Final = 5
"""Cells in a byte: 3 to the fifth power is 243."""
_POWERS: Final = 3 ** np.arange(_TRITS)[::-1]

_TAKEN_VERSION: Final = 2
_TAKEN_HEAD: Final = struct.Struct(">BHHfff")
_TAKEN_PIXELS: Final = 19_600
"""Pixels of a view, where that is fine enough."""
_FINE_TILE: Final = 13
"""Least pixels on a side of a tile: a sketch has 8 to 26 cells there, and what is half as fine can
be compared. Where a small picture lies in a large one, the view has more pixels for that."""
_MOST_TAKEN_PIXELS: Final = 160_000
_OVERSAMPLING: Final = 2
_INSIDE: Final = 250
"""Of 255: how much of a pixel has to lie inside the found picture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketch:
    """What is kept of a marked picture, or of a frame of a film."""

    width: int
    """Of the picture, pixels."""
    height: int
    """Of the picture, pixels."""
    period: float | None
    """Size of the mark's tile in it, pixels; None where it was not marked, or where it is not known
    how the tile lies."""
    corner: tuple[float, float] = (0.0, 0.0)
    """The upper left corner of a tile: x, y, pixels, 0 to the period; 0 without one."""
    cells: NDArray[np.int8] = field(repr=False)
    """``(h, w)`` 1 light, -1 dark, 0 neither; the size follows from the picture's."""

    @property
    def cells_per_pixel(self) -> tuple[float, float]:
        """Across and down."""
        height, width = self.cells.shape
        return width / self.width, height / self.height

    def to_bytes(self) -> bytes:
        """At most 2001 bytes: see ``docs/wire-format.md``."""
        trits = np.zeros(-(-self.cells.size // _TRITS) * _TRITS, np.intp)
        trits[: self.cells.size] = self.cells.ravel() + 1
        packed = (trits.reshape(-1, _TRITS) @ _POWERS).astype(np.uint8)
        head = _HEAD.pack(_VERSION, self.width, self.height, self.period or 0.0, *self.corner)
        return head + packed.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Sketch:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: ``data`` is something else, or of a version that is not known.
        """
        version = data[0] if data else 0
        if version == _VERSION and len(data) > _HEAD.size:
            _, width, height, period, x, y = _HEAD.unpack_from(data)
            packed = data[_HEAD.size :]
        elif version == _FIRST_VERSION and len(data) > _FIRST_HEAD.size:
            _, period, width, height = _FIRST_HEAD.unpack_from(data)
            x = y = 0.0
            packed = data[_FIRST_HEAD.size :]
        else:
            raise ValueError("not a sketch of a known version")
        if not (width and height and math.copysign(1, period) > 0 and period < math.inf):
            raise ValueError(f"no picture has {width} x {height} pixels and tiles of {period}")
        if not all(math.copysign(1, each) > 0 and each <= period for each in (x, y)):
            raise ValueError(f"a tile of {period} pixels has no corner at {x}, {y}")
        cells = _unpacked(packed, _shape_of(height, width))
        return cls(width=width, height=height, period=period or None, corner=(x, y), cells=cells)


def _unpacked(data: bytes, shape: tuple[int, int]) -> NDArray[np.int8]:
    """The cells of a sketch.

    Raises:
        ValueError: They are no cells, or not so many.
    """
    rows, columns = shape
    packed = np.frombuffer(data, np.uint8).astype(np.intp)
    if len(packed) != -(-rows * columns // _TRITS) or packed.max() >= 3**_TRITS:
        raise ValueError(f"{len(data)} bytes cannot be a sketch of {rows} x {columns} cells")
    trits = (packed[:, None] // _POWERS % 3).ravel()
    if trits[rows * columns :].any():
        raise ValueError("a sketch is filled up with zeros")
    return (trits[: rows * columns] - 1).astype(np.int8).reshape(rows, columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taken:
    """A small upright view of a found picture, to be compared with sketches."""

    luma: NDArray[np.uint8] = field(repr=False)
    """``(h, w)`` 1 to 255; 0 where the found picture, turned upright, has nothing."""
    tile_px: float | None
    """Size of the mark's tile in it, pixels; None where no mark was read, and the whole of the one
    picture is taken for the whole of the other."""
    corner: tuple[float, float] | None
    """The upper left corner of a tile, as it was embedded, pixels of the view: x, y. None where no
    mark was read, or the picture is bent."""

    def to_bytes(self) -> bytes:
        """At most 160 017 bytes: version, width, height, tile, corner, luma; big-endian."""
        height, width = self.luma.shape
        x, y = self.corner or (math.nan, math.nan)
        head = _TAKEN_HEAD.pack(_TAKEN_VERSION, width, height, self.tile_px or 0.0, x, y)
        return head + self.luma.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Taken:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: ``data`` is something else, or of a version that is not known.
        """
        if len(data) < _TAKEN_HEAD.size or data[0] != _TAKEN_VERSION:
            raise ValueError("not a view of a picture of a known version")
        _, width, height, tile_px, *corner = _TAKEN_HEAD.unpack_from(data)
        size = len(data) - _TAKEN_HEAD.size
        if not 0 < width * height <= _MOST_TAKEN_PIXELS or size != width * height:
            raise ValueError(f"{size} bytes cannot be a view of {width} x {height} pixels")
        if not 0 <= tile_px < math.inf or math.copysign(1, tile_px) < 0:
            raise ValueError(f"a tile cannot be {tile_px} pixels large")
        luma = np.frombuffer(data, np.uint8, offset=_TAKEN_HEAD.size).reshape(height, width)
        known = tile_px > 0 and all(map(math.isfinite, corner))
        taken = cls(luma=luma, tile_px=tile_px or None, corner=tuple(corner) if known else None)
        if taken.to_bytes() != data:
            raise ValueError(f"a tile has no corner at {corner}")
        return taken


def sketch(
    pixels: Pixels, *, period: float | None, corner: tuple[float, float] = (0.0, 0.0)
) -> Sketch:
    """The sketch of a picture, taken before it is marked.

    Args:
        pixels: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16, on white where
            transparent.
        period: See `Sketch.period`.
        corner: See `Sketch.corner`.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape or is empty.
    """
    luma = _luma(pixels)
    height, width = luma.shape
    rows, columns = _shape_of(height, width)
    small = cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA)
    contrast = local_contrast(np.asarray(small), np.ones((rows, columns), np.float32))
    return Sketch(width=width, height=height, period=period, corner=corner, cells=ternary(contrast))


def take(
    pixels: Pixels,
    *,
    period: float | None = None,
    rotation_deg: float = 0.0,
    mirrored: bool = False,
    aspect: float = 1.0,
    origin: tuple[float, float] | None = None,
) -> Taken:
    """An upright view of a found picture, made for comparing.

    The arguments are what a detector says about how the marked picture lies in the found one
    (``detectors.image.Geometry``). Without a mark, turn the picture upright and leave them out.

    Args:
        pixels: As for `sketch`.
        period: Size of the tile, pixels of the found picture: the root of its area.
        rotation_deg: Anticlockwise turn of the picture, after any flip.
        mirrored: Whether the picture was flipped.
        aspect: Width of the tile over its height, as embedded.
        origin: The upper left corner of a tile, as embedded, pixels of the found picture: x, y.
            None where it is not known, or the picture is bent.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape or is empty, or a size is not positive.
    """
    if not (aspect > 0 and (period is None or period > 0)):
        raise ValueError(f"a tile of {period} pixels and an aspect of {aspect} cannot be")
    luma = _luma(pixels)
    height, width = luma.shape
    lies = lattice_directions(rotation_deg, mirrored, aspect)
    upright = np.linalg.inv(lies)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ upright.T
    start = corners.min(axis=0)
    across, down = corners.max(axis=0) - start
    scale = _scale(across, down, period)
    size = max(1, int(across * scale + 1e-6)), max(1, int(down * scale + 1e-6))
    # Area averages before and after turning: what lies between does not fold into the view.
    fine = min(1.0, _OVERSAMPLING * scale)
    near = max(1, round(width * fine)), max(1, round(height * fine))
    found = np.asarray(cv2.resize(luma, near, interpolation=cv2.INTER_AREA), np.float32)
    shrunk = np.diag([near[0] / width, near[1] / height])
    linear = shrunk @ lies / (_OVERSAMPLING * scale)
    offset = shrunk @ lies @ start + linear @ [0.5, 0.5] - 0.5
    turned = np.hstack([linear, offset[:, None]])
    seen = _turned(found, turned, size, border=cv2.BORDER_REPLICATE)
    inside = _turned(np.full_like(found, 255), turned, size, border=cv2.BORDER_CONSTANT)
    shades = np.clip(np.rint(seen), 1, 255)
    return Taken(
        luma=np.where(inside >= _INSIDE, shades, 0).astype(np.uint8),
        tile_px=None if period is None else period * scale,
        corner=None if origin is None or period is None else _point(upright @ origin, start, scale),
    )


def local_contrast(luma: NDArray[Any], inside: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(h, w)`` how much lighter each cell is than its surroundings, in units of their variation.

    Args:
        luma: ``(h, w)`` grey levels.
        inside: ``(h, w)`` 1 where there is a picture, else 0; the result is 0 there.
    """
    known = luma.astype(np.float32) * inside
    differs = (known - _mean_around(known, inside, _SURROUNDINGS)) * inside
    variance = _mean_around(differs * differs, inside, _VARIATION)
    contrast = differs / np.sqrt(variance + np.float32(_FAINT**2))
    return np.asarray(np.clip(contrast, -_CLIP, _CLIP), np.float32)


def ternary(contrast: NDArray[np.float32]) -> NDArray[np.int8]:
    """``(h, w)`` 1 where it is light, -1 where dark, 0 where neither."""
    return np.asarray(np.where(np.abs(contrast) > _THRESHOLD, np.sign(contrast), 0), np.int8)


def _luma(pixels: Pixels) -> NDArray[np.float32]:
    """``(H, W)`` grey levels from 0 to 255."""
    check_pixels(pixels)
    return levels(grey(on_white(pixels)))


def _shape_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of a sketch, in whole numbers so that everybody gets the same."""
    rows = min(height, max(1, math.isqrt(_CELLS * height // width)))
    columns = min(width, max(1, math.isqrt(_CELLS * width // height)))
    return min(rows, _CELLS), min(columns, _CELLS)


def _scale(across: float, down: float, period: float | None) -> float:
    """Pixels of the view for each of the found picture, at most 1."""
    scale = math.sqrt(_TAKEN_PIXELS / (across * down))
    if period is not None and period * scale < _FINE_TILE:
        scale = min(_FINE_TILE / period, math.sqrt(_MOST_TAKEN_PIXELS / (across * down)))
    # A very long picture would round up to more than there is room for.
    return min(1.0, scale, _TAKEN_PIXELS / max(across, down))


def _point(
    point: NDArray[np.float64], start: NDArray[np.float64], scale: float
) -> tuple[float, float]:
    """Where a point of the picture, upright, lies in the view."""
    x, y = ((point - start) * scale).tolist()
    return x, y


def lattice_directions(rotation_deg: float, mirrored: bool, aspect: float) -> NDArray[np.float64]:
    """``(2, 2)`` the sides of a tile in a found picture as columns, x first, of unit area.

    They bring upright coordinates to the found picture's. Arguments are those of `take`.
    """
    angle = math.radians(rotation_deg)
    across, down = math.sqrt(aspect), (-1 if mirrored else 1) / math.sqrt(aspect)
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine * across, sine * down], [-sine * across, cosine * down]])


def _turned(
    found: NDArray[np.float32], turned: NDArray[np.float64], size: tuple[int, int], *, border: int
) -> NDArray[np.float32]:
    """``(h, w)`` the found picture seen upright."""
    fine = _OVERSAMPLING * size[0], _OVERSAMPLING * size[1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(found, turned, fine, flags=flags, borderMode=border)
    return np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.float32)


def _mean_around(
    values: NDArray[np.float32], inside: NDArray[np.float32], deviation: float
) -> NDArray[np.float32]:
    """``(h, w)`` the mean in a Gaussian window, of what is inside."""
    sums, weights = (
        cv2.GaussianBlur(each, (0, 0), deviation, borderType=cv2.BORDER_CONSTANT)
        for each in (values, inside)
    )
    return np.asarray(sums / np.maximum(weights, 1e-3), np.float32)
