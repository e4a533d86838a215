"""What is laid over the frames of a film: pixels with their coverage, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Overlay", "Overlays"]


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Pixels that are laid over frames as they are coded: not turned, with pixels of any aspect."""

    coverage: NDArray[np.float32]
    """``(h, w)``, 0 to 1: how much of what is below a pixel hides."""
    rgb: NDArray[np.uint8]
    """``(h, w, 3)`` sRGB (IEC 61966-2-1), not multiplied by the coverage."""
    top: int
    """Row of the frame in which the first row lies."""
    left: int
    """Column of the frame in which the first column lies."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit each other.

        Raises:
            ValueError: A shape, dtype or value is wrong, or the place lies outside of all frames.
        """
        if self.coverage.ndim != 2 or self.rgb.shape != (*self.coverage.shape, 3):
            raise ValueError("an overlay has coverage (h, w) and sRGB (h, w, 3)")
        if self.coverage.dtype != np.float32 or self.rgb.dtype != np.uint8:
            raise ValueError("the coverage of an overlay is float32, its sRGB uint8")
        if not self.coverage.size or self.top < 0 or self.left < 0:
            raise ValueError("an overlay has pixels, and lies within the frame")
        if not (self.coverage.min() >= 0 and self.coverage.max() <= 1):
            raise ValueError("the coverage of an overlay goes from 0 to 1")


Overlays: TypeAlias = Callable[[float], Sequence[Overlay]]
"""What is laid on the frame that is shown so many seconds after the first, the last on top. Give
the same objects again where they stay the same: what is computed from them is kept."""
