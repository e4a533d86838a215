"""What there is to see in a sketch or in a view, made ready for comparing the two.

Products of local contrasts say most where neighbouring ones are independent. So the spectrum is
levelled: each frequency is divided by the root of the mean power around it. Lines of text, fences
and long edges, which look alike in unrelated pictures, then count no more than anything else. What
hardly varies along a row or a column is left out: horizons and borders are everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.sketch import Sketch, local_contrast, ternary

__all__ = ["PARTS", "Detail", "Plane"]

Plane: TypeAlias = NDArray[np.float32]

PARTS: Final = 9
"""How many `Detail.parts` there are."""
_MARGIN: Final = 16
"""Cells of nothing beside a plane before it is transformed."""
_AROUND: Final = 5
"""Frequencies on a side of the window in which the mean power is taken."""
_FLOOR: Final = 0.1
"""Share of the mean power of all frequencies that is added: what is hardly there stays so."""
_AXES: Final = 1.5
"""Deviation of the Gaussian notch along both axes of the spectrum, frequencies."""
_CLIP: Final = 3.0
"""Deviations."""
_BLOCK: Final = 8
_HIDDEN: Final = 0.4
"""Share of the area, that with the most detail, that does not count as spread: labels, logos."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detail:
    """What there is to see, on the cells of a sketch."""

    contrast: Plane
    """``(h, w)`` levelled local contrast of about unit variance; 0 outside."""
    inside: Plane
    """``(h, w)`` 1 or 0."""
    spread: Plane
    """``(h, w)`` 1 where it is light or dark, but for the blocks with the most of that; else 0."""
    amount: float
    """How many cells are light or dark."""

    @classmethod
    def of_sketch(cls, record: Sketch) -> Detail:
        """All of a sketch."""
        inside = np.ones(record.cells.shape, np.float32)
        return cls(
            contrast=_levelled(record.cells.astype(np.float32), inside),
            inside=inside,
            spread=_spread(record.cells, inside),
            amount=float(np.count_nonzero(record.cells)),
        )

    @classmethod
    def of_view(cls, luma: Plane, inside: Plane) -> Detail:
        """All of a view.

        Args:
            luma: ``(h, w)`` grey levels on the cells of a sketch.
            inside: ``(h, w)`` 1 where there is something, else 0.
        """
        contrast = local_contrast(luma, inside)
        cells = ternary(contrast)
        return cls(
            contrast=_levelled(contrast, inside),
            inside=inside,
            spread=_spread(cells, inside),
            amount=float(np.count_nonzero(cells)),
        )

    def parts(self) -> Iterator[Detail]:
        """`PARTS` parts of a quarter each, which overlap by half."""
        height, width = self.inside.shape
        for row, column in product(range(3), repeat=2):
            top, left = row * height // 4, column * width // 4
            kept = np.zeros_like(self.inside)
            kept[top : top + -(-height // 2), left : left + -(-width // 2)] = 1
            yield Detail(
                contrast=self.contrast * kept,
                inside=self.inside * kept,
                spread=self.spread * kept,
                amount=float((self.contrast * kept != 0).sum()),
            )


def _levelled(contrast: Plane, inside: Plane) -> Plane:
    """``(h, w)`` with a level spectrum, and without what hardly varies along rows or columns."""
    height, width = contrast.shape
    size = cv2.getOptimalDFTSize(height + _MARGIN), cv2.getOptimalDFTSize(width + _MARGIN)
    values = np.fft.fft2(contrast, size)
    power = np.square(np.abs(values)).astype(np.float32)
    wrapped = np.pad(power, _AROUND, mode="wrap")
    around = cv2.blur(wrapped, (_AROUND, _AROUND))[_AROUND:-_AROUND, _AROUND:-_AROUND]
    gain = 1 / np.sqrt(around + _FLOOR * float(around.mean()) + 1e-9)
    for axis, count in enumerate(size):
        frequency = np.fft.fftfreq(count, 1 / count)
        notch = 1 - np.exp(-np.square(frequency / _AXES) / 2)
        gain *= notch[:, None] if axis == 0 else notch[None, :]
    levelled = np.fft.ifft2(values * gain).real[:height, :width] * inside
    deviation = float(np.sqrt(np.square(levelled).sum() / max(1.0, float(inside.sum()))))
    return np.clip(levelled / (deviation + 1e-9), -_CLIP, _CLIP).astype(np.float32)


def _spread(cells: NDArray[np.int8], inside: Plane) -> Plane:
    """``(h, w)`` the detail, without the blocks that have the most of it."""
    height, width = cells.shape
    detail = (cells != 0) * inside
    shares = _sums(detail) / np.maximum(_sums(inside), 1)
    order = np.argsort(-shares, axis=None, kind="stable")
    area = np.cumsum(_sums(inside).ravel()[order])
    kept = np.zeros(shares.size, np.float32)
    kept[order] = area > _HIDDEN * area[-1]
    kept = kept.reshape(shares.shape).repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)
    return np.asarray(detail * kept[:height, :width], np.float32)


def _sums(plane: Plane) -> Plane:
    """The sum in each block of 8 x 8 cells; at the right and the bottom they may be smaller."""
    height, width = plane.shape
    rows, columns = -(-height // _BLOCK), -(-width // _BLOCK)
    filled = np.zeros((rows * _BLOCK, columns * _BLOCK), np.float32)
    filled[:height, :width] = plane
    return np.asarray(filled.reshape(rows, _BLOCK, columns, _BLOCK).sum(axis=(1, 3)))
