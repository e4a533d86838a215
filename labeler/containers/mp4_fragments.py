"""MP4 files whose tables are spread over fragments. Source: ISO/IEC 14496-12, 8.8."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import BinaryIO, Final

import numpy as np

from labeler.containers.bmff import Fields
from labeler.containers.bmff_file import TopBox
from labeler.containers.bmff_tree import Node, read_node
from labeler.containers.damage import damaged
from labeler.containers.mp4_tables import SampleTable

__all__ = ["FRAGMENTS", "read_fragments"]

FRAGMENTS: Final = frozenset({b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"prft"})
"""Boxes at the top level that are about fragments, and have no place in a file without any."""

# Flags of tfhd and trun.
_BASE, _DESCRIPTION, _DURATION, _SIZE = 1, 2, 8, 0x10
_OFFSET, _FIRST_FLAGS = 1, 4
_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_SHIFT = 0x100, 0x200, 0x400, 0x800
_MAX_SAMPLES: Final = 1 << 26


@dataclass(slots=True)
class _Collected:
    """What the fragments tell, in their order."""

    sizes: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What holds for samples that say nothing else."""

    duration: int
    size: int


def read_fragments(file: BinaryIO, boxes: Iterable[TopBox], moov: Node, track: int) -> SampleTable:
    """The samples of the track with this number in all fragments.

    Raises:
        UnreadableMediaError: A table is damaged.
    """
    defaults = _Defaults(0, 0)
    for box in moov.all(b"mvex", b"trex"):
        fields = Fields(box.body)
        fields.version_and_flags()
        if fields.number(4) == track:
            fields.take(4)
            defaults = _Defaults(fields.number(4), fields.number(4))
    found = _Collected()
    for top in boxes:
        if top.type == b"moof":
            for traf in read_node(file, top).all(b"traf"):
                _read_traf(traf, top.span.start, track, defaults, found)
    runs = ((len(list(group)), value) for value, group in groupby(found.durations))
    return SampleTable(
        sizes=np.array(found.sizes, np.int64),
        chunk_starts=np.array(found.starts, np.int64),
        chunk_counts=np.array(found.counts, np.int64),
        durations=tuple(runs),
    )


def _read_traf(
    traf: Node, moof_start: int, track: int, defaults: _Defaults, found: _Collected
) -> None:
    fields = Fields(traf.need(b"tfhd").body)
    _, flags = fields.version_and_flags()
    if fields.number(4) != track:
        return
    base = fields.number(8) if flags & _BASE else moof_start
    fields.take(4 if flags & _DESCRIPTION else 0)
    duration = fields.number(4) if flags & _DURATION else defaults.duration
    size = fields.number(4) if flags & _SIZE else defaults.size
    position = base
    for trun in traf.all(b"trun"):
        position = _read_trun(trun, base, position, _Defaults(duration, size), found)


def _read_trun(trun: Node, base: int, position: int, defaults: _Defaults, found: _Collected) -> int:
    """Collect a run of samples; the position behind the last."""
    fields = Fields(trun.body)
    _, flags = fields.version_and_flags()
    count = fields.number(4)
    if count + len(found.sizes) > _MAX_SAMPLES:
        raise damaged("the MP4 file claims more samples than any has")
    if flags & _OFFSET:
        position = base + int.from_bytes(fields.take(4), "big", signed=True)
    fields.take(4 if flags & _FIRST_FLAGS else 0)
    found.starts.append(max(position, 0))
    found.counts.append(count)
    if not flags & (_RUN_DURATION | _RUN_SIZE | _RUN_FLAGS | _RUN_SHIFT):
        found.sizes += [defaults.size] * count
        found.durations += [defaults.duration] * count
        return position + defaults.size * count
    for _ in range(count):
        duration = fields.number(4) if flags & _RUN_DURATION else defaults.duration
        size = fields.number(4) if flags & _RUN_SIZE else defaults.size
        fields.take(4 * bool(flags & _RUN_FLAGS) + 4 * bool(flags & _RUN_SHIFT))
        found.sizes.append(size)
        found.durations.append(duration)
        position += size
    return position
