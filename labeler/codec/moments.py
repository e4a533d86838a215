"""The fingerprints of a film: what its pictures look like, once a second where they change.

A PDQ hash of every sampled frame, but for those with too little to see and those that look like the
one before: a title that stands for a minute is one moment. Two films that share many moments in
their order are the same or cut from the same; one moment in common may be stock footage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from labeler.codec.luma import LumaFrame
from labeler.codec.pdq import LEAST_QUALITY, distance, pdq

__all__ = ["Moment", "moments"]

_SAME_WITHIN: Final = 16
"""Bits in which a frame may differ from the last moment and still be the same: half of those that
copies differ in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One frame of a film."""

    value: bytes = field(repr=False)
    """Its PDQ hash, 32 bytes."""
    offset_ms: int
    """When it is shown, milliseconds from the first frame."""


def moments(frames: Iterable[LumaFrame]) -> Iterator[Moment]:
    """The moments of a film.

    Args:
        frames: About one a second, as they are shown.
    """
    last: bytes | None = None
    for frame in frames:
        luma = frame.luma
        eight = luma if luma.dtype == np.uint8 else (luma >> (frame.depth - 8)).astype(np.uint8)
        hashed = pdq(eight)
        if hashed.quality < LEAST_QUALITY:
            continue
        if last is None or distance(last, hashed.value) > _SAME_WITHIN:
            last = hashed.value
            yield Moment(value=last, offset_ms=round(1000 * frame.time_s))
