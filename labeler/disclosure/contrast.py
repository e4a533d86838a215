"""How well a badge stands out from what is around it, measured on pixels as people see them.

Source: WCAG 2.1, "relative luminance" and "contrast ratio"; the Code of Practice asks for high
contrast and for labels that are clear against any background (S2 1.1, 1.2.1).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.disclosure.badge import Badge, Variant

__all__ = ["LEAST_CONTRAST", "best_variant", "contrast", "luminance", "ratio"]

LEAST_CONTRAST: Final = 4.5
"""What text needs (WCAG 2.1, success criterion 1.4.3, level AA)."""

_WEIGHTS: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_NEARLY: Final = 0.99
"""Coverage from which a pixel is counted as covered."""


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """``(...)`` the relative luminance, 0 to 1, of ``(..., 3)`` sRGB in uint8."""
    levels = np.arange(256, dtype=np.float32) / 255
    # WCAG prints 0.03928; the sRGB standard has 0.04045, and no 8-bit level lies between them.
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear.astype(np.float32)[rgb] @ _WEIGHTS, np.float32)


def ratio(first: Any, second: Any) -> NDArray[np.float32]:
    """The contrast ratio, 1 to 21, of relative luminances."""
    lighter, darker = np.maximum(first, second), np.minimum(first, second)
    return np.asarray((lighter + 0.05) / (darker + 0.05), np.float32)


def best_variant(behind: NDArray[np.uint8]) -> Variant:
    """The variant whose plate has most contrast to what lies behind it.

    Args:
        behind: ``(h, w, 3)`` sRGB in uint8: what the badge will cover, and some of what is around.
    """
    mean = luminance(behind).mean()
    plates = luminance(np.array([each.plate for each in Variant], np.uint8))
    return tuple(Variant)[int(np.argmax(ratio(plates, mean)))]


def contrast(seen: NDArray[np.uint8], badge: Badge) -> float:
    """The least contrast of a badge that has been laid: of its letters, and along its edge.

    Letters are compared with their plate: the least distinct pixel of theirs with the least
    distinct one of the plate. Along the edge, every pixel just outside is compared, with its
    neighbours, to the tone of the badge's border that stands out more from it.

    Args:
        seen: ``(H, W, 3)`` sRGB in uint8: the canvas after the badge was laid.
        badge: Where it was laid, and what it looks like.

    Raises:
        ValueError: The badge does not lie on the canvas.
    """
    reach = max(2, badge.border_px)
    height, width = seen.shape[:2]
    if badge.top < 0 or badge.left < 0:
        raise ValueError("the badge lies beside the canvas")
    if badge.top + badge.height > height or badge.left + badge.width > width:
        raise ValueError("the badge lies beside the canvas")
    top, left = max(0, badge.top - reach), max(0, badge.left - reach)
    bottom = min(height, badge.top + badge.height + reach)
    right = min(width, badge.left + badge.width + reach)
    light = luminance(seen[top:bottom, left:right])
    inner = np.s_[
        badge.top - top : badge.top - top + badge.height,
        badge.left - left : badge.left - left + badge.width,
    ]
    coverage = np.zeros(light.shape, np.float32)
    coverage[inner] = badge.coverage
    covered = coverage > _NEARLY
    if not covered.any():
        return 1.0
    return min(_of_letters(light[inner], badge), _of_edge(light, coverage, covered, reach))


def _of_letters(light: NDArray[np.float32], badge: Badge) -> float:
    inside = badge.coverage > _NEARLY
    if badge.letters is None:
        darkest, lightest = np.percentile(light[inside], (5, 95))
        return float(ratio(darkest, lightest))
    letters = badge.letters > _NEARLY
    border = np.ones_like(inside)
    width = badge.border_px
    border[width:-width, width:-width] = False
    # The plate next to the letters; the corners of the inner ring are round.
    box = np.argwhere(badge.letters > 0)
    (first_row, first_column), (last_row, last_column) = box.min(axis=0), box.max(axis=0)
    around = np.zeros_like(inside)
    around[first_row : last_row + 1, first_column : last_column + 1] = True
    plate = around & inside & ~border & (badge.letters <= 0)
    if not letters.any() or not plate.any():
        return 1.0
    if light[letters].mean() > light[plate].mean():
        dimmest, brightest = light[letters].min(), light[plate].max()
        return float(ratio(dimmest, brightest)) if dimmest > brightest else 1.0
    brightest, dimmest = light[letters].max(), light[plate].min()
    return float(ratio(brightest, dimmest)) if dimmest > brightest else 1.0


def _of_edge(
    light: NDArray[np.float32],
    coverage: NDArray[np.float32],
    covered: NDArray[np.bool_],
    reach: int,
) -> float:
    outside = coverage <= 0
    near = _spread(covered.astype(np.float32), reach) > 0
    rim = outside & near
    border = covered & (_spread((~covered).astype(np.float32), reach) > 0)
    if not rim.any() or not border.any():
        return 21.0  # the badge fills the canvas: nothing is around it
    # The mean of what is around a pixel, of the pixels outside only.
    weight = _spread(outside.astype(np.float32), 1)
    around = _spread(np.where(outside, light, 0), 1) / np.maximum(weight, 1)
    dark, bright = np.percentile(light[border], (20, 80))
    best = np.maximum(ratio(around, dark), ratio(around, bright))
    return float(best[rim].min())


def _spread(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Sums over squares of ``2 * reach + 1`` pixels a side."""
    side = 2 * reach + 1
    padded = np.pad(values, ((reach + 1, reach), (reach + 1, reach)))
    sums = padded.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(np.round(total, 9), np.float32)
