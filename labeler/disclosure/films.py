"""Visible labels on films: badges as people see them, laid on frames as they are coded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.disclosure.badge import arrange, as_stored
from labeler.disclosure.labels import VisibleLabel
from labeler.media.overlay import Overlay, Overlays

if TYPE_CHECKING:
    from labeler.media.video import Video

__all__ = ["film_overlay"]

# Orientations in which rows stay rows.
_UPRIGHT: Final = range(1, 5)
# Pixels of a stranger shape are taken for these, so that a header cannot ask for any canvas.
_LONGEST_PIXEL: Final = Fraction(8)


def film_overlay(video: Video, labels: Sequence[VisibleLabel]) -> Overlays:
    """What is laid on the frames of a film, for `Video.encode`.

    A label is upright, in its corner, and of its right shape in the film as players show it: turned
    and mirrored as it says, with pixels of the aspect that it says.

    Args:
        video: The film.
        labels: Each is shown when its schedule says so, times counted from the first frame that is
            shown; those that share a corner stand beside each other.

    Raises:
        MediaError: A label's own icon cannot be used.
    """
    stretch = min(max(video.sample_aspect, 1 / _LONGEST_PIXEL), _LONGEST_PIXEL)
    # Pixels are only made longer: so nothing of the film's resolution is lost.
    across, down = max(stretch, Fraction(1)), max(1 / stretch, Fraction(1))
    canvas = (round(video.height * down), round(video.width * across))
    seen = canvas if video.orientation in _UPRIGHT else canvas[::-1]
    laid = []
    badges = arrange(labels, width=seen[1], height=seen[0])
    for label, badge in zip(labels, badges, strict=True):
        stored = as_stored(badge, video.orientation, width=seen[1], height=seen[0])
        whole = Overlay(stored.coverage, stored.rgb, stored.top, stored.left)
        laid.append((label.schedule, _squeezed(whole, canvas, (video.height, video.width))))

    def overlay(time_s: float) -> tuple[Overlay, ...]:
        return tuple(each for schedule, each in laid if schedule.shows(time_s))

    return overlay


def _squeezed(overlay: Overlay, canvas: tuple[int, int], coded: tuple[int, int]) -> Overlay:
    """The overlay on a canvas of fewer rows or columns, each pixel the mean of what it covers."""
    if canvas == coded:
        return overlay
    height, width = overlay.coverage.shape
    first_row, rows = _shares(overlay.top, height, coded[0] / canvas[0], coded[0])
    first_column, columns = _shares(overlay.left, width, coded[1] / canvas[1], coded[1])
    weighted = overlay.rgb * overlay.coverage[..., None]
    coverage = rows @ overlay.coverage @ columns.T
    colours = np.stack([rows @ weighted[..., at] @ columns.T for at in range(3)], axis=-1)
    colours /= np.maximum(coverage, np.float32(1e-6))[..., None]
    return Overlay(
        np.clip(coverage, 0.0, 1.0).astype(np.float32),
        np.rint(colours).clip(0, 255).astype(np.uint8),
        first_row,
        first_column,
    )


def _shares(start: int, length: int, scale: float, end: int) -> tuple[int, NDArray[Any]]:
    """Where a side of an overlay begins on a shorter canvas, and what makes up each pixel there.

    Args:
        start: Of the overlay, on the longer canvas.
        length: Of the overlay.
        scale: Of the shorter canvas to the longer one, at most 1.
        end: Of the shorter canvas.

    Returns:
        The first pixel; and ``(pixels, length)``, the part of it that each old pixel fills.
    """
    edges = (start + np.arange(length + 1)) * scale
    first, last = math.floor(edges[0]), min(math.ceil(edges[-1] - 1e-9), end)
    pixels = np.arange(first, last)[:, None]
    shared = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return first, shared.clip(0.0, 1.0).astype(np.float32)
