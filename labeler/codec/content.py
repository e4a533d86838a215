"""Whether a found picture shows what a sketch was made of: content binding.

    >>> import cv2, numpy as np
    >>> from labeler.codec.sketch import sketch, take
    >>> noise = np.random.default_rng(1).normal(0, 60, (400, 600)).astype(np.float32)
    >>> picture = np.clip(cv2.GaussianBlur(noise, (0, 0), 4) * 8 + 128, 0, 255).astype(np.uint8)
    >>> record = sketch(picture, period=96)
    >>> part = take(picture[100:300, 200:500], period=96, origin=(-8, -4))
    >>> match = compare(record, part)
    >>> match.verdict.value, tuple(round(side, 1) for side in match.box)
    ('match', (0.3, 0.2, 0.8, 0.7))
    >>> compare(record, take(picture.T[::-1], period=96, origin=(0, 0))).verdict.value
    'mismatch'

**Match.** The view is laid on the sketch at every place, at the scale that the tile gives, and the
local contrasts are multiplied. Where the two are unrelated, the sum has a variance that the
products themselves tell, as far as neighbouring ones are independent; how far they are not, both
autocorrelations tell (M. S. Bartlett, "Some aspects of the time-correlation problem in regard to
tests of significance", Journal of the Royal Statistical Society 98, 1935). All places and parts are
counted. Pictures of which the original is but a part, or that have a part of it, are found too:
what does not belong there adds noise, not bias. Quarters of the sketch are looked for where the
whole is not found.

**Mismatch** is an accusation, and needs more than that nothing was found. At each place the detail
of the sketch, and that of the view, say what sum a perfect copy would have there; edits leave
more than `_LEFT` of it. Only where much less is left at every place, the mark was copied into
another picture. Places are few: in a copy the mark moved with the picture, so that its tiles lie on
those of the sketch. Detail counts only as far as it is spread over the picture: labels and logos
may hide a part of it, or be all that there is to see. Flat content, small parts, and pictures that
are bent, are undecided.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from labeler.codec.correlation import Spectra, correlate, dependence
from labeler.codec.detail import PARTS, Detail, Plane
from labeler.codec.significance import p_value
from labeler.codec.sketch import Sketch, Taken

__all__ = [
    "LEAST_CORRELATION",
    "MATCHES_AT",
    "MISMATCHES_AT",
    "ContentMatch",
    "Verdict",
    "compare",
]

MATCHES_AT: Final = 1e-6
"""Most that the p-value of a match may be."""
LEAST_CORRELATION: Final = 0.22
"""Least correlation of a match: pages of one layout, and charts of one program, have less."""
MISMATCHES_AT: Final = 1e-2
"""Most that the p-value of a mismatch may be."""
_NOTHING_ALIKE: Final = 1e-2
"""Least that the p-value of a match may be then."""
_LEAST_DETAIL: Final = 12.0
"""Deviations that a perfect copy has, below which the original is flat: noise, or a label, would be
all that there is to see in a copy of it."""
_LEFT: Final = 0.45
"""Share of that sum that edits leave: 0.53 or more in 99 of 100. Where they left less, it was still
so much that unrelated pictures do not have it (``benchmarks.content_binding``)."""
_OVERLAP: Final = 0.4
"""Share of the smaller of sketch and view that has to overlap: a picture that was turned within its
frame has half of it left."""
_REGULAR: Final = 0.1
"""Local contrast that is added to every cell's, so that flat places do not agree by accident."""
_LEAST_SIDE: Final = 8
"""Cells; smaller views say nothing."""
_INSIDE: Final = 0.98
"""How much of a cell has to lie inside the view."""
_MOST_CELLS: Final = 640_000
"""A view is not enlarged to more cells: the original would be a speck in it."""
_MOST_BENT_CELLS: Final = 40_000
"""Likewise, for many sizes of a bent one, which takes about a second: the original fills it."""
_ALIKE: Final = 1000
"""How many times as often as by chance parts of unrelated pictures are taken to agree at some size:
the rim of a cup is found in a colour wheel. Without it one of 1565 pairs had a p-value of 2e-7."""
_COARSEST: Final = 2.1
"""Cells of the sketch on a side of a pixel of the view, at most, for a mismatch: in a coarser one
an edited copy may have less left than `_LEFT`."""
_ASTRAY: Final = 0.75
"""Cells by which a tile may lie beside those of the sketch: half of one, as places are whole cells,
and what a detector is wrong by. It was more in 3 of 1225 edited pictures, all of them bent."""
_FREE_SIZES: Final = (1.0, 0.98, 1.02, 0.96, 1.04, 0.94, 1.06, 0.92, 1.08, 0.9, 1.1)
"""Sizes of the view, relative to the sketch, that are tried without a mark, or where it is bent."""

Box = tuple[float, float, float, float]


class Verdict(StrEnum):
    """Whether two pictures show the same."""

    MATCH = "match"
    """The file shows the picture, or a part of it."""
    MISMATCH = "mismatch"
    """It shows something else."""
    UNDECIDED = "undecided"
    """There is too little to see in what is left, or in the picture, to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentMatch:
    """How a found picture agrees with a sketch."""

    verdict: Verdict
    correlation: float
    """Of the local contrasts, at the best place, -1 to 1; copies have 0.25 to 0.8."""
    box: Box
    """That place: left, top, right, bottom of what is left of the original, as shares of its width
    and height, 0 to 1. Means nothing unless it is a match."""
    p_value: float
    """Probability of so good an agreement of unrelated pictures, at any place. Pages of one layout
    are not unrelated."""
    mismatch_p_value: float
    """Bound on the probability of so poor an agreement, everywhere, of a copy that was edited."""


def compare(record: Sketch, taken: Taken) -> ContentMatch:
    """Whether what was taken of a found picture shows what the sketch was made of, or a part of it.

    Args:
        record: Kept of the picture that was marked.
        taken: Of the found picture.
    """
    sketched = Detail.of_sketch(record)
    whole_sizes, part_sizes = _sizes(record, taken)
    found: list[_Laid] = []
    for size in dict.fromkeys((*whole_sizes, *part_sizes)):
        seen = _seen(record, taken, size)
        if seen is None:
            continue
        ground = _Ground.of(sketched, seen)
        if size in whole_sizes:
            may_lie = _may_lie(record, taken, ground)
            found.append(ground.lay(sketched, tries=len(whole_sizes), may_lie=may_lie))
            if found[-1].is_match:
                break
        if size in part_sizes:
            tries = PARTS * len(part_sizes) * (_ALIKE if len(part_sizes) > 1 else 1)
            found.extend(ground.lay(part, tries=tries) for part in sketched.parts())
            if any(laid.is_match for laid in found):
                break
    mismatches = [each.mismatch_p_value for each in found if each.mismatch_p_value is not None]
    if not mismatches:
        return _NOTHING
    best = min(found, key=lambda laid: (not laid.is_match, laid.p_value))
    return _told(best, record, mismatch_p_value=max(mismatches))


def _sizes(record: Sketch, taken: Taken) -> tuple[Sequence[float], Sequence[float]]:
    """The sizes at which a view is laid on the whole of a sketch, and on parts of it."""
    scales = _scales(record, taken)
    if scales is None:
        return _FREE_SIZES, (1.0,)
    if taken.corner or taken.luma.size * math.prod(scales) > _MOST_BENT_CELLS:
        return (1.0,), (1.0,)
    # A bent picture is larger in one place than in another.
    return (1.0,), _FREE_SIZES


def _scales(record: Sketch, taken: Taken) -> tuple[float, float] | None:
    """Cells of the sketch for each pixel of the view, across and down, as the tiles tell.

    None where the two are not known to have the same tile, and the whole of the one is taken for
    the whole of the other.
    """
    if record.period is None or taken.tile_px is None:
        return None
    across, down = record.cells_per_pixel
    return across * record.period / taken.tile_px, down * record.period / taken.tile_px


_NOTHING: Final = ContentMatch(
    verdict=Verdict.UNDECIDED,
    correlation=0.0,
    box=(0.0, 0.0, 1.0, 1.0),
    p_value=1.0,
    mismatch_p_value=1.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A view, laid on a sketch where it fits best."""

    top: int
    """Of the view, cells of the sketch; negative: above it."""
    left: int
    shape: tuple[int, int]
    """Of the view, cells."""
    correlation: float
    p_value: float
    mismatch_p_value: float | None
    """None for parts."""

    @property
    def is_match(self) -> bool:
        """Whether the two show the same here."""
        return self.p_value <= MATCHES_AT and self.correlation >= LEAST_CORRELATION


def _seen(record: Sketch, taken: Taken, size: float) -> Detail | None:
    """The view on cells as large as the sketch's; None where it is too small or far too large."""
    height, width = taken.luma.shape
    rows, columns = record.cells.shape
    across, down = _scales(record, taken) or (columns / width, rows / height)
    new_width, new_height = size * width * across, size * height * down
    if min(new_width, new_height) < _LEAST_SIDE or new_width * new_height > _MOST_CELLS:
        return None
    how = cv2.INTER_AREA if size * across < 1 else cv2.INTER_LINEAR
    luma, inside = (
        np.asarray(
            cv2.resize(plane, (round(new_width), round(new_height)), interpolation=how), plane.dtype
        )
        for plane in (taken.luma.astype(np.float32), (taken.luma > 0).astype(np.float32))
    )
    return Detail.of_view(luma, (inside > _INSIDE).astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """A view, and room to lay it on a sketch at every place."""

    view: Spectra
    area: float
    """Cells that lie inside the view."""
    shape: tuple[int, int]
    """Of the view, cells."""
    size: tuple[int, int]
    """Of all Fourier transforms."""

    @classmethod
    def of(cls, sketched: Detail, seen: Detail) -> _Ground:
        height, width = seen.inside.shape
        size = (
            cv2.getOptimalDFTSize(sketched.inside.shape[0] + height - 1),
            cv2.getOptimalDFTSize(sketched.inside.shape[1] + width - 1),
        )
        view, area = Spectra.of(seen, size), float(seen.inside.sum())
        return cls(view=view, area=area, shape=(height, width), size=size)

    def lay(
        self, sketched: Detail, *, tries: int, may_lie: NDArray[np.bool_] | None = None
    ) -> _Laid:
        """Lay the view on a sketch, or a part of one, at every place.

        Args:
            sketched: What it is laid on.
            tries: How many of them there are.
            may_lie: ``size`` the places of a copy, for a mismatch; None: nothing is said of one.
        """
        size, view, own = self.size, self.view, Spectra.of(sketched, self.size)
        count = np.maximum(correlate(own.inside, view.inside, size), 0)
        is_place = count >= _OVERLAP * min(float(sketched.inside.sum()), self.area)
        energy = correlate(own.energy, view.inside, size) + _REGULAR * count
        view_energy = correlate(own.inside, view.energy, size) + _REGULAR * count
        # The sum of (a² + r) (b² + r) over all that overlap.
        squares = correlate(own.energy, view.energy, size)
        squares += _REGULAR * (energy + view_energy - _REGULAR * count)
        products = correlate(own.contrast, view.contrast, size)
        alike = dependence(own.contrast, view.contrast, size)
        anywhere = products / np.sqrt(alike * np.maximum(squares, 1e-6))
        deviations = np.where(is_place, anywhere, np.float32(-np.inf)).astype(np.float32)
        best = np.unravel_index(int(np.argmax(deviations)), size)
        below, right = _offsets(sketched.inside.shape, size)
        norm = math.sqrt(max(1e-6, float(energy[best] * view_energy[best])))
        places = max(1, int(np.count_nonzero(is_place)))
        return _Laid(
            top=int(below[best[0]]),
            left=int(right[best[1]]),
            shape=self.shape,
            correlation=float(products[best]) / norm,
            p_value=p_value(float(deviations[best]), log_hypotheses=math.log(places * tries)),
            mismatch_p_value=(
                None if may_lie is None else self._mismatch(own, deviations, may_lie & is_place)
            ),
        )

    def _mismatch(self, own: Spectra, deviations: Plane, may_lie: NDArray[np.bool_]) -> float:
        """Bound on the probability of so few deviations at any place where a copy may lie."""
        if not may_lie.any():
            return 1.0
        alike = dependence(own.contrast, own.contrast, self.size)
        if own.amount < _LEAST_DETAIL**2 * alike:
            return 1.0
        detail = (
            correlate(own.spread, self.view.inside, self.size) / alike,
            correlate(own.inside, self.view.spread, self.size)
            / dependence(self.view.contrast, self.view.contrast, self.size),
        )
        expected = np.sqrt(np.maximum(0, np.maximum(*detail)))
        excess = float(np.max((deviations - _LEFT * expected)[may_lie]))
        return math.erfc(-excess / math.sqrt(2)) / 2


def _may_lie(record: Sketch, taken: Taken, ground: _Ground) -> NDArray[np.bool_]:
    """``ground.size`` where the view may lie if it is a copy: its tiles on those of the sketch.

    Nowhere in bent pictures, where the view is too coarse, or where the tiles of the sketch are not
    known.
    """
    if taken.tile_px is None:
        return np.ones(ground.size, np.bool_)
    scales = [cells / side for cells, side in zip(ground.shape, taken.luma.shape, strict=True)]
    if record.period is None or taken.corner is None or max(scales) > _COARSEST:
        return np.zeros(ground.size, np.bool_)
    down, across = (
        _is_on_grid(begins + scale * at - cells * own, cells * record.period)
        for begins, scale, at, cells, own in zip(
            _offsets(record.cells.shape, ground.size),
            scales,
            reversed(taken.corner),
            reversed(record.cells_per_pixel),
            reversed(record.corner),
            strict=True,
        )
    )
    return np.asarray(down[:, None] & across)


def _offsets(sketched: tuple[int, ...], size: tuple[int, int]) -> Iterator[NDArray[np.int64]]:
    """By how many cells a view begins below, and right of, a sketch; negative: above, left."""
    for own, count in zip(sketched, size, strict=True):
        index = np.arange(count)
        yield np.where(index < own, index, index - count)


def _is_on_grid(cells: NDArray[np.float64], tile: float) -> NDArray[np.bool_]:
    """Whether each is a whole number of tiles, but for `_ASTRAY`."""
    return np.asarray(np.abs((cells + tile / 2) % tile - tile / 2) <= _ASTRAY)


def _told(laid: _Laid, record: Sketch, *, mismatch_p_value: float = 1.0) -> ContentMatch:
    """What follows from the best place."""
    rows, columns = record.cells.shape
    verdict = Verdict.UNDECIDED
    if laid.is_match:
        verdict, mismatch_p_value = Verdict.MATCH, 1.0
    elif mismatch_p_value <= MISMATCHES_AT and laid.p_value >= _NOTHING_ALIKE:
        verdict = Verdict.MISMATCH
    return ContentMatch(
        verdict=verdict,
        correlation=laid.correlation,
        box=(
            max(0, laid.left) / columns,
            max(0, laid.top) / rows,
            min(columns, laid.left + laid.shape[1]) / columns,
            min(rows, laid.top + laid.shape[0]) / rows,
        ),
        p_value=laid.p_value,
        mismatch_p_value=mismatch_p_value,
    )
