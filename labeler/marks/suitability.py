"""What is known of a mark in a picture before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Suitability"]


@dataclass(frozen=True, slots=True)
class Suitability:
    """How a picture takes a mark, known before it is made."""

    psnr_db: float
    """Peak signal-to-noise ratio over RGB that is to be expected."""
    raised_db: float
    """By how much the mark is stronger than similarity alone would have it, so that it lasts."""
    legibility: Mapping[str, float]
    """How legible it is expected to be after each treatment that was tried out
    (`labeler.marks.rehearsal.CASES`), bits that are conveyed for each bit that is needed: from 1 on
    it should read, below that is not to be relied on. Empty where the picture is too narrow for a
    whole tile."""

    @property
    def lasts(self) -> bool:
        """Whether the mark is expected to be read after all that was tried out."""
        return bool(self.legibility) and min(self.legibility.values()) >= 1
