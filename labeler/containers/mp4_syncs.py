"""Which samples of an MP4 track decoding can begin with. Source: ISO/IEC 14496-12, 8.6.2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeler.containers.bmff import Fields, make_full_box
from labeler.containers.bmff_tree import Node

__all__ = ["read_syncs", "write_syncs"]


def read_syncs(stbl: Node, count: int) -> NDArray[np.bool_]:
    """Whether each of ``count`` samples is one.

    Raises:
        UnreadableMediaError: The table is truncated.
    """
    box = stbl.find(b"stss")
    if box is None:
        return np.ones(count, np.bool_)
    fields = Fields(box.body)
    fields.version_and_flags()
    numbers = np.frombuffer(fields.take(4 * fields.number(4)), ">u4").astype(np.int64)
    syncs = np.zeros(count, np.bool_)
    syncs[numbers[(numbers >= 1) & (numbers <= count)] - 1] = True
    return syncs


def write_syncs(stbl: Node, syncs: NDArray[np.bool_]) -> None:
    """Put them into a sample table box; no table where decoding can begin with every sample."""
    stbl.drop(b"stss", b"stps")
    if syncs.all():
        return
    numbers = (np.flatnonzero(syncs) + 1).astype(">u4")
    full = make_full_box(b"stss", 0, 0, [len(numbers).to_bytes(4, "big"), numbers.tobytes()])
    stbl.put(Node(b"stss", full[8:]), behind=b"stts")
