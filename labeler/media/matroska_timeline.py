"""The times of a film's pictures in Matroska, and what lies beside them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers import matroska
from labeler.containers.damage import damaged
from labeler.containers.matroska_blocks import Block
from labeler.containers.splice import Span

__all__ = ["Timeline"]

_WANTED: Final = frozenset({matroska.BLOCK_DURATION, matroska.BLOCK_ADDITIONS})
_MAX_NS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the blocks of a track begin, sorted."""

    times: array[int]
    """In units of the file's time."""
    groups: NDArray[np.int64]
    """``(n, 2)``: where the content of a block's group begins and ends; the same twice where there
    is nothing in it that is wanted."""
    scale_ns: int
    """Nanoseconds of a unit."""

    @classmethod
    def read(cls, blocks: Iterable[Block], scale_ns: int) -> Timeline:
        """Of the blocks of a track.

        Raises:
            UnreadableMediaError: There are none, or one is later than can be counted.
        """
        rows = array("q")
        for block in blocks:
            if abs(block.time) * scale_ns > _MAX_NS:
                raise damaged("a picture of the film is later than anything can be")
            body = block.element.body
            is_wanted = any(field.id in _WANTED for field in block.fields)
            rows.extend((block.time, body.start, body.end if is_wanted else body.start))
        if not rows:
            raise damaged("the picture track of the Matroska file has no pictures")
        table = np.frombuffer(rows, np.int64).reshape(-1, 3)
        order = np.argsort(table[:, 0], kind="stable")
        times = array("q", table[order, 0].tobytes())
        return cls(times, table[order, 1:], scale_ns)

    def match(self, time_ns: int, *, tolerance_ns: int) -> tuple[int, Span | None]:
        """The block that begins at a time.

        Args:
            time_ns: When that is.
            tolerance_ns: How much it may have been rounded.

        Returns:
            When it begins exactly, and where the content of its group lies if that holds a
            duration or additions. Where none begins then, the time in the file's units.
        """
        place = time_ns / self.scale_ns
        after = bisect_left(self.times, place)
        near = [index for index in (after - 1, after) if 0 <= index < len(self.times)]
        best = min(near, key=lambda index: abs(self.times[index] - place))
        if abs(self.times[best] - place) * self.scale_ns > tolerance_ns:
            return round(place), None
        start, end = map(int, self.groups[best])
        return self.times[best], Span(start, end) if end > start else None
