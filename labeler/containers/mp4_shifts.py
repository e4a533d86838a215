"""By how much the samples of an MP4 track are shown later than they are decoded.

Source: ISO/IEC 14496-12, 8.6.1.3. Both versions of the box are read with signs, as all players do:
QuickTime wrote negative numbers before there was a version for them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers.bmff import Fields, make_full_box
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged

__all__ = ["read_shifts", "runs", "write_shifts"]

_MOST: Final = 1 << 31


def read_shifts(stbl: Node, count: int) -> NDArray[np.int64]:
    """The shift of each of ``count`` samples, in units of the track's time scale.

    Raises:
        UnreadableMediaError: The table is truncated.
    """
    shifts = np.zeros(count, np.int64)
    box = stbl.find(b"ctts")
    if box is None:
        return shifts
    fields = Fields(box.body)
    fields.version_and_flags()
    found = np.frombuffer(fields.take(8 * fields.number(4)), ">u4").reshape(-1, 2)
    behind = 0
    for length, shift in zip(found[:, 0], found[:, 1].astype(">u4").view(">i4"), strict=True):
        if behind >= count:
            break
        shifts[behind : behind + int(length)] = int(shift)
        behind += int(length)
    return shifts


def write_shifts(stbl: Node, shifts: NDArray[np.int64]) -> None:
    """Put shifts into a sample table box; none where nothing is shifted.

    Raises:
        UnreadableMediaError: One is larger than 32 bits can say.
    """
    stbl.drop(b"ctts", b"cslg")
    if not shifts.any():
        return
    if int(shifts.max()) >= _MOST or int(shifts.min()) < -_MOST:
        raise damaged("the MP4 file shows samples long after it decodes them")
    table = runs(shifts)
    data = np.array(table, np.int64).astype(">i4").tobytes()
    is_signed = int(shifts.min() < 0)
    full = make_full_box(b"ctts", is_signed, 0, [len(table).to_bytes(4, "big"), data])
    stbl.put(Node(b"ctts", full[8:]), behind=b"stts")


def runs(values: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Runs of (how many, which value)."""
    if not len(values):
        return ()
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(values) != 0]))
    lengths = np.diff(np.append(firsts, len(values)))
    return tuple(
        (int(length), int(value)) for length, value in zip(lengths, values[firsts], strict=True)
    )
