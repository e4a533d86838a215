"""MP4 files whose tables are spread over fragments. Source: ISO/IEC 14496-12, 8.8."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers import mp4_headers
from labeler.containers.bmff import Fields
from labeler.containers.bmff_file import TopBox
from labeler.containers.bmff_tree import Node, read_node
from labeler.containers.damage import damaged
from labeler.containers.mp4_shifts import read_shifts, runs, write_shifts
from labeler.containers.mp4_syncs import read_syncs, write_syncs
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    read_samples,
    write_edits,
    write_samples,
)

__all__ = ["FRAGMENTS", "fold_fragments"]

FRAGMENTS: Final = frozenset({b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"prft"})
"""Boxes at the top level that are about fragments, and have no place in a file without any."""

# Flags of tfhd and trun.
_BASE, _DESCRIPTION, _DURATION, _SIZE, _FLAGS, _FROM_MOOF = 1, 2, 8, 0x10, 0x20, 0x20000
_OFFSET, _FIRST_FLAGS = 1, 4
_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_SHIFT = 0x100, 0x200, 0x400, 0x800
_LONG: Final = 1 << 32
_NOT_SYNC: Final = 0x10000
# A day of AAC at 96 kHz has half as many.
_MAX_SAMPLES: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What holds for samples that say nothing else."""

    description: int
    duration: int
    size: int
    flags: int


@dataclass(slots=True)
class _Collected:
    """What the fragments tell about one track, in their order."""

    defaults: _Defaults
    origin: int = 0
    """When the first sample is decoded."""
    end: int = 0
    """When what comes next is decoded."""
    count: int = 0
    sizes: list[NDArray[np.int64]] = field(default_factory=list)
    durations: list[NDArray[np.int64]] = field(default_factory=list)
    shifts: list[NDArray[np.int64]] = field(default_factory=list)
    syncs: list[NDArray[np.bool_]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    descriptions: list[int] = field(default_factory=list)

    def begin_at(self, time: int) -> None:
        """Note when the next sample is decoded; what was before it lasts until then.

        Raises:
            UnreadableMediaError: That is longer than anything lasts.
        """
        if not self.count:
            self.origin = time
        else:
            last = self.durations[-1]
            lasts = int(last[-1]) + time - self.end
            if lasts >= _LONG:
                raise damaged("a fragment of the MP4 file is shown after an endless pause")
            last[-1] = max(0, lasts)
        self.end = time


def fold_fragments(file: BinaryIO, boxes: Iterable[TopBox], moov: Node) -> tuple[int, ...]:
    """Put what all fragments tell into the tables of ``moov``, as if there had never been any.

    What a track shows when stays the same: one that does not begin at once gets a pause in front.

    Returns:
        When the first sample of each track was decoded, in units of its time scale; from there on
        its tables count.

    Raises:
        UnreadableMediaError: A table is damaged.
    """
    traks = moov.all(b"trak")
    found = {mp4_headers.track_id(trak): _collected(moov, trak) for trak in traks}
    for top in boxes:
        if top.type == b"moof":
            end = None
            for traf in read_node(file, top).all(b"traf"):
                end = _read_traf(traf, top.span.start, end, found)
    moov.drop(b"mvex")
    for trak in traks:
        _fold(moov, trak, found[mp4_headers.track_id(trak)])
    movie = moov.need(b"mvhd")
    ends = (mp4_headers.duration(trak.need(b"tkhd")) for trak in traks)
    mp4_headers.set_duration(movie, max(ends, default=0))
    return tuple(found[mp4_headers.track_id(trak)].origin for trak in traks)


def _collected(moov: Node, trak: Node) -> _Collected:
    """What ``moov`` itself has of a track."""
    number = mp4_headers.track_id(trak)
    found = _Collected(_Defaults(1, 0, 0, 0))
    for box in moov.all(b"mvex", b"trex"):
        fields = Fields(box.body)
        fields.version_and_flags()
        if fields.number(4) == number:
            found.defaults = _Defaults(*(fields.number(4) for _ in range(4)))
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    table = read_samples(stbl)
    found.count = len(table.sizes)
    if found.count > _MAX_SAMPLES:
        raise damaged("the MP4 file claims more samples than any has")
    if found.count:
        found.sizes.append(np.array(table.sizes))
        found.durations.append(_each_duration(table))
        found.shifts.append(read_shifts(stbl, found.count))
        found.syncs.append(read_syncs(stbl, found.count))
        found.starts += table.chunk_starts.tolist()
        found.counts += table.chunk_counts.tolist()
        found.descriptions += table.descriptions.tolist()
        found.end = table.total
    return found


def _each_duration(table: SampleTable) -> NDArray[np.int64]:
    times = table.times(np.arange(len(table.sizes) + 1))
    times[-1] = max(table.total, times[-2])
    return np.diff(times)


def _read_traf(traf: Node, moof_start: int, end: int | None, found: dict[int, _Collected]) -> int:
    """Collect the samples of a track in one fragment.

    Args:
        traf: The box.
        moof_start: Where the fragment's header begins.
        end: Where the samples of the track in front of this one end; None for the first track.
        found: By the numbers of the tracks.

    Returns:
        Where the samples end.
    """
    fields = Fields(traf.need(b"tfhd").body)
    _, flags = fields.version_and_flags()
    number = fields.number(4)
    if number not in found:
        raise damaged("a fragment of the MP4 file belongs to a track that is not there")
    into = found[number]
    base = moof_start if end is None or flags & _FROM_MOOF else end
    base = fields.number(8) if flags & _BASE else base
    usual = into.defaults
    told = (
        fields.number(4) if flags & flag else value
        for flag, value in (
            (_DESCRIPTION, usual.description),
            (_DURATION, usual.duration),
            (_SIZE, usual.size),
            (_FLAGS, usual.flags),
        )
    )
    defaults = _Defaults(*told)
    decode_time = traf.find(b"tfdt")
    if decode_time is not None:
        times = Fields(decode_time.body)
        into.begin_at(times.number(8 if times.version_and_flags()[0] else 4))
    position = base
    for trun in traf.all(b"trun"):
        position = _read_trun(trun, base, position, defaults, into)
    return position


def _read_trun(trun: Node, base: int, position: int, defaults: _Defaults, into: _Collected) -> int:
    """Collect a run of samples; the position behind the last."""
    fields = Fields(trun.body)
    _, flags = fields.version_and_flags()
    count = fields.number(4)
    into.count += count
    if into.count > _MAX_SAMPLES:
        raise damaged("the MP4 file claims more samples than any has")
    if flags & _OFFSET:
        position = base + int.from_bytes(fields.take(4), "big", signed=True)
    first_flags = fields.number(4) if flags & _FIRST_FLAGS else None
    if not count:
        return position
    kinds = [kind for kind in (_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_SHIFT) if flags & kind]
    rows = np.frombuffer(fields.take(4 * len(kinds) * count), ">u4").reshape(count, len(kinds))

    def column(kind: int, default: int) -> NDArray[np.int64]:
        if kind not in kinds:
            return np.full(count, default, np.int64)
        return rows[:, kinds.index(kind)].astype(np.int64)

    sizes, durations = column(_RUN_SIZE, defaults.size), column(_RUN_DURATION, defaults.duration)
    marks = column(_RUN_FLAGS, defaults.flags)
    marks[0] = marks[0] if first_flags is None else first_flags
    into.sizes.append(sizes)
    into.durations.append(durations)
    into.shifts.append(column(_RUN_SHIFT, 0).astype(np.uint32).view(np.int32).astype(np.int64))
    into.syncs.append(marks & _NOT_SYNC == 0)
    into.starts.append(min(max(position, 0), 1 << 62))
    into.counts.append(count)
    into.descriptions.append(defaults.description)
    into.end += int(durations.sum())
    return position + int(sizes.sum())


def _fold(moov: Node, trak: Node, found: _Collected) -> None:
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    durations = np.concatenate([np.zeros(0, np.int64), *found.durations])
    shifts = np.concatenate([np.zeros(0, np.int64), *found.shifts])
    table = SampleTable(
        sizes=np.concatenate([np.zeros(0, np.int64), *found.sizes]),
        chunk_starts=np.array(found.starts, np.int64),
        chunk_counts=np.array(found.counts, np.int64),
        durations=runs(durations),
        descriptions=np.array(found.descriptions, np.int64),
    )
    # Groups of packets would have to be collected too; they help to jump, and nothing else.
    stbl.drop(b"sbgp", b"sgpd", b"sdtp", b"subs", b"stsh", b"stdp", b"padb")
    write_samples(stbl, table)
    write_shifts(stbl, shifts)
    write_syncs(stbl, np.concatenate([np.zeros(0, np.bool_), *found.syncs]))
    mp4_headers.set_duration(trak.need(b"mdia", b"mdhd"), table.total)
    ends = table.times(np.arange(len(durations))) + shifts + durations
    _fold_edits(moov, trak, origin=found.origin, end=int(ends.max(initial=0)))


def _fold_edits(moov: Node, trak: Node, *, origin: int, end: int) -> None:
    """Say what is played, counted from the first sample; ``end``: so counted, of the last."""
    scale = mp4_headers.time_scale(trak.need(b"mdia", b"mdhd"))
    movie_scale = mp4_headers.time_scale(moov.need(b"mvhd"))

    def ticks(time: int) -> int:
        return -(-time * movie_scale // scale)

    old = read_edits(trak)
    new: list[Edit] = []
    for edit in old or (Edit(0, 0),):
        start = edit.start - origin
        if edit.start == -1 or start >= 0:
            duration = edit.duration or (0 if edit.start == -1 else ticks(max(0, end - start)))
            new.append(Edit(duration, edit.start if edit.start == -1 else start, edit.rate))
            continue
        # What it plays first lies before the first sample: nothing.
        pause = min(round(-start * movie_scale / scale), edit.duration or 1 << 62)
        new.append(Edit(pause, -1))
        if not edit.duration or edit.duration > pause:
            new.append(Edit(edit.duration - pause if edit.duration else ticks(end), 0, edit.rate))
    if old or origin:
        write_edits(trak, new)
    mp4_headers.set_duration(trak.need(b"tkhd"), sum(edit.duration for edit in new))
