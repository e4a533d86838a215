"""The packets of a track in pieces that can lie between those of other tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers import mp4_headers
from labeler.containers.bmff import boxes
from labeler.containers.bmff_tree import Node
from labeler.containers.chunks import file_size
from labeler.containers.damage import damaged
from labeler.containers.mp4_tables import SampleTable, read_edits, read_samples, write_chunks

__all__ = ["ROUND_S", "Chunks", "read_chunks", "recut"]

ROUND_S: Final = 0.5
"""For how long the packets last that lie together before those of the next track come, seconds."""
_LONGEST_ROUNDS: Final = 2
# Players take uncompressed sound in packets of so many samples: cut elsewhere, they would differ.
_UNCOMPRESSED_STEP: Final = 1024
# A clock that hardly moves must not make a chunk of every sample.
_LEAST_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """The chunks of one track, and where they are copied from."""

    stbl: Node
    file: BinaryIO
    """Where they lie now."""
    starts: NDArray[np.int64]
    """Where in it."""
    sizes: NDArray[np.int64]
    """Bytes of each."""
    times_s: NDArray[np.float64]
    """When each begins to be played, about."""


def read_chunks(moov: Node, trak: Node, file: BinaryIO) -> Chunks:
    """The chunks of a track, whose tables are changed so that none is very long.

    Args:
        moov: What the track is in.
        trak: The track.
        file: Where its tables say that its packets lie.

    Raises:
        UnreadableMediaError: A table is damaged, or ``file`` ends before it says.
    """
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    table = read_samples(stbl)
    scale = mp4_headers.time_scale(trak.need(b"mdia", b"mdhd"))
    sizes = _constant_rate_sizes(trak, table)
    _check(table.chunk_starts, table.chunk_sizes if sizes is None else sizes, file_size(file))
    if sizes is None:
        cut = _cut(table, scale)
        if cut is not table:
            table = cut
            write_chunks(stbl, table)
        sizes = table.chunk_sizes
    firsts = np.cumsum(table.chunk_counts) - table.chunk_counts
    return Chunks(
        stbl=stbl,
        file=file,
        starts=table.chunk_starts,
        sizes=sizes,
        times_s=table.times(firsts) / scale + _offset_s(moov, trak, scale),
    )


def _check(starts: NDArray[np.int64], sizes: NDArray[np.int64], end: int) -> None:
    """Refuse chunks that a file of ``end`` bytes cannot have."""
    if len(starts) and int((starts + sizes).max()) > end:
        raise damaged("the file ends before its own tables say")
    # More bytes than the file has, from chunks that overlap, would be a bomb.
    if sizes.astype(np.float64).sum() > end:
        raise damaged("the MP4 file's tables name the same bytes again and again")


def recut(table: SampleTable, scale: int) -> SampleTable:
    """The same samples in new chunks, of `ROUND_S` where they lie one behind the other."""
    count = len(table.sizes)
    if not count:
        return table
    samples = np.arange(count)
    rounds = np.floor(table.times(samples) / (ROUND_S * scale)).astype(np.int64)
    firsts = np.cumsum(table.chunk_counts) - table.chunk_counts
    chunk = np.searchsorted(firsts, samples, side="right") - 1
    before = table.bytes_before(samples)
    starts = table.chunk_starts[chunk] + before - table.bytes_before(firsts[chunk])
    ends = starts + table.bytes_before(samples + 1) - before
    is_apart = np.append(True, starts[1:] != ends[:-1])
    begins = np.flatnonzero(is_apart | (np.diff(rounds, prepend=-1) != 0))
    return replace(
        table,
        chunk_starts=starts[begins],
        chunk_counts=np.diff(np.append(begins, count)),
        descriptions=np.zeros(0, np.int64),
    )


def _cut(table: SampleTable, scale: int) -> SampleTable:
    """The table with chunks of more than `_LONGEST_ROUNDS` cut into pieces; itself where none is.

    Some files have all packets of a track in one chunk.
    """
    behind = np.cumsum(table.chunk_counts)
    firsts = behind - table.chunk_counts
    lasting = table.times(behind) - table.times(firsts)
    long = (lasting > _LONGEST_ROUNDS * ROUND_S * scale) & (table.chunk_counts > 1)
    if not long.any():
        return table
    step = round(ROUND_S * scale)
    edges = [_edges(table, int(firsts[n]), int(behind[n]), step) for n in np.flatnonzero(long)]
    begins = np.unique(np.concatenate([firsts, *edges]))
    begins = begins[begins < len(table.sizes)]
    chunk = np.searchsorted(firsts, begins, side="right") - 1
    inside = table.bytes_before(begins) - table.bytes_before(firsts[chunk])
    return replace(
        table,
        chunk_starts=table.chunk_starts[chunk] + inside,
        chunk_counts=np.diff(np.append(begins, len(table.sizes))),
        descriptions=table.descriptions[chunk] if len(table.descriptions) else table.descriptions,
    )


def _edges(table: SampleTable, first: int, last: int, step: int) -> NDArray[np.int64]:
    """The numbers of the samples that the pieces of a chunk begin with."""
    if table.is_even and len(table.durations) == 1:
        size, lasts = int(table.sizes[0]), table.durations[0][1]
        each = max(1, step // max(1, lasts), _LEAST_BYTES // max(1, size))
        if lasts == 1:
            each = -(-each // _UNCOMPRESSED_STEP) * _UNCOMPRESSED_STEP
        return np.arange(first, last, each)
    times = table.times(np.arange(first, last))
    changes = np.flatnonzero(np.diff((times - times[0]) // max(1, step))) + 1
    return np.concatenate([[first], first + changes])


def _constant_rate_sizes(trak: Node, table: SampleTable) -> NDArray[np.int64] | None:
    """The bytes of each chunk of QuickTime's sound of constant rate; None for all other tracks.

    There the table of sizes counts samples of one channel, or says 1, and the sample entry tells
    how many bytes so many samples take (QuickTime File Format, "Sound sample descriptions").
    """
    if mp4_headers.handler(trak) != b"soun" or not table.is_even:
        return None
    if len(table.durations) != 1 or table.durations[0][1] != 1:
        return None
    entries = boxes(trak.need(b"mdia", b"minf", b"stbl", b"stsd").body[8:])
    if len(entries) != 1 or len(entries[0].body) < 28:
        return None
    body = entries[0].body
    samples, frame = 1, 0
    if int.from_bytes(body[8:10], "big") == 1 and len(body) >= 44:
        samples = int.from_bytes(body[28:32], "big")
        frame = int.from_bytes(body[36:40], "big")
    elif int.from_bytes(body[8:10], "big") == 0 and entries[0].type in _PLAIN:
        frame = int.from_bytes(body[16:18], "big") * int.from_bytes(body[18:20], "big") // 8
    if not samples or not frame or (samples == 1 and len(table.sizes) and table.sizes[0] == frame):
        return None
    return table.chunk_counts * frame // samples


_PLAIN: Final = frozenset({b"raw ", b"twos", b"sowt", b"NONE"})


def _offset_s(moov: Node, trak: Node, scale: int) -> float:
    """By how much a track plays later than its own clock says."""
    pause = 0.0
    for edit in read_edits(trak):
        if edit.start >= 0:
            return pause - edit.start / scale
        pause += edit.duration / mp4_headers.time_scale(moov.need(b"mvhd"))
    return pause
