"""The tables of a track in an MP4 file: where its samples lie, and when they play.

A "sample" here is what the standard calls so: a packet of the codec. Source: ISO/IEC 14496-12, 8.6
to 8.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers.bmff import Fields, make_full_box
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged
from labeler.containers.splice import Span

__all__ = [
    "Edit",
    "SampleTable",
    "read_edits",
    "read_samples",
    "write_chunk_starts",
    "write_chunks",
    "write_edits",
    "write_samples",
]

_LONG: Final = 1 << 32
_SIGN: Final = {4: 1 << 31, 8: 1 << 63}
# A day of AAC at 96 kHz has half as many.
_MAX_SAMPLES: Final = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTable:
    """Where the samples of a track lie, and for how long each plays."""

    sizes: NDArray[np.int64]
    """Bytes of each sample."""
    chunk_starts: NDArray[np.int64]
    """Where each chunk begins in the file."""
    chunk_counts: NDArray[np.int64]
    """How many samples each chunk has."""
    durations: tuple[tuple[int, int], ...]
    """Runs of (number of samples, duration of each in units of the track's time scale)."""
    descriptions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Which sample entry holds for each chunk, from 1; empty where all have the first."""

    @property
    def total(self) -> int:
        """Duration of all samples together, in units of the track's time scale."""
        return sum(count * duration for count, duration in self.durations)

    @property
    def chunk_sizes(self) -> NDArray[np.int64]:
        """Bytes of each chunk."""
        behind = np.cumsum(self.chunk_counts)
        return self.bytes_before(behind) - self.bytes_before(behind - self.chunk_counts)

    def bytes_before(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bytes of all samples in front of some, by their numbers from 0."""
        if self.is_even:
            return samples * (self.sizes[0] if len(self.sizes) else np.int64(0))
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.sizes)])
        return np.asarray(ends[samples])

    @property
    def is_even(self) -> bool:
        """Whether all samples are known to be of one size; there may be very many of them."""
        return self.sizes.strides == (0,)

    def times(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """When samples are decoded, by their numbers from 0, in units of the track's time scale."""
        runs = np.array(self.durations, np.int64).reshape(-1, 2)
        if not len(runs):
            return np.zeros(len(samples), np.int64)
        firsts = np.cumsum(runs[:, 0]) - runs[:, 0]
        begins = np.cumsum(runs[:, 0] * runs[:, 1]) - runs[:, 0] * runs[:, 1]
        at = np.searchsorted(firsts, samples, side="right") - 1
        return np.asarray(begins[at] + (samples - firsts[at]) * runs[at, 1])

    def chunks(self) -> Iterator[tuple[Span, NDArray[np.int64]]]:
        """Where each chunk lies, and the sizes of its samples."""
        first = 0
        for start, count in zip(self.chunk_starts, self.chunk_counts, strict=True):
            sizes = self.sizes[first : first + count]
            yield Span(int(start), int(start + sizes.sum())), sizes
            first += int(count)

    def samples(self) -> Iterator[Span]:
        """Where each sample lies."""
        for span, sizes in self.chunks():
            position = span.start
            for size in sizes:
                yield Span(position, position + int(size))
                position += int(size)


@dataclass(frozen=True, slots=True)
class Edit:
    """One part of what is played."""

    duration: int
    """In units of the movie's time scale."""
    start: int
    """Where it begins in the track, in units of the track's time scale; -1: nothing is played."""
    rate: bytes = b"\0\1\0\0"


def read_samples(stbl: Node) -> SampleTable:
    """The tables in a sample table box.

    Raises:
        UnreadableMediaError: They are missing, damaged, or contradict one another.
    """
    sizes = _sizes(stbl)
    starts = _chunk_starts(stbl)
    counts, descriptions = _chunk_counts(stbl.need(b"stsc").body, len(starts))
    if counts.sum() != len(sizes):
        raise damaged("the MP4 file's tables of chunks and sizes contradict each other")
    runs = _array(stbl.need(b"stts").body, ">u4", columns=2)
    return SampleTable(
        sizes=sizes,
        chunk_starts=starts,
        chunk_counts=counts,
        durations=tuple((int(count), int(duration)) for count, duration in runs),
        descriptions=descriptions,
    )


def _sizes(stbl: Node) -> NDArray[np.int64]:
    box = stbl.find(b"stsz")
    if box is None:
        return _compact_sizes(stbl.need(b"stz2").body)
    fields = Fields(box.body)
    fields.version_and_flags()
    size, count = fields.number(4), fields.number(4)
    if size * count >> 62:
        raise damaged("the MP4 file claims more bytes than any has")
    if size:  # Of uncompressed sound there may be very many; they take no room here.
        return np.broadcast_to(np.int64(size), count)
    if count > _MAX_SAMPLES:
        raise damaged("the MP4 file claims more samples than any has")
    return np.frombuffer(fields.take(4 * count), ">u4").astype(np.int64)


def _compact_sizes(body: bytes) -> NDArray[np.int64]:
    fields = Fields(body)
    fields.take(7)
    bits, count = fields.number(1), fields.number(4)
    if bits not in {4, 8, 16}:
        raise damaged("the MP4 file's table of sizes is damaged")
    packed = np.frombuffer(fields.take((bits * count + 7) // 8), ">u2" if bits == 16 else "u1")
    if bits == 4:
        packed = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[:count]
    return packed.astype(np.int64)


def _chunk_starts(stbl: Node) -> NDArray[np.int64]:
    long = stbl.find(b"co64")
    box = long or stbl.need(b"stco")
    starts = _array(box.body, ">u4" if long is None else ">u8", columns=1)[:, 0]
    return starts.astype(np.uint64).clip(0, (1 << 62)).astype(np.int64)


def _chunk_counts(body: bytes, chunks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many samples each of ``chunks`` has, and their entry, from runs at the chunks named."""
    runs = _array(body, ">u4", columns=3).astype(np.int64)
    firsts = np.append(runs[:, 0], chunks + 1)
    lengths = np.diff(firsts)
    if chunks and (not len(runs) or firsts[0] != 1 or (lengths < 0).any()):
        raise damaged("the MP4 file's table of chunks is damaged")
    if not chunks:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.repeat(runs[:, 1], lengths), np.repeat(runs[:, 2], lengths)


def _array(body: bytes, dtype: str, *, columns: int) -> NDArray[np.unsignedinteger]:
    """The numbers of a full box behind their count."""
    fields = Fields(body)
    fields.version_and_flags()
    count = fields.number(4)
    data = fields.take(count * columns * np.dtype(dtype).itemsize)
    return np.frombuffer(data, dtype).reshape(-1, columns)


def write_samples(stbl: Node, table: SampleTable) -> None:
    """Put ``table`` into a sample table box; the number of chunks decides how large it becomes."""
    runs = [value for run in table.durations for value in run]
    stbl.put(_counted(b"stts", len(table.durations), _packed(runs)))
    stbl.drop(b"stz2")
    sizes = bytes(4) + len(table.sizes).to_bytes(4, "big") + _packed(table.sizes)
    stbl.put(_full(b"stsz", sizes), behind=b"stsc")
    write_chunks(stbl, table)


def write_chunks(stbl: Node, table: SampleTable) -> None:
    """Put into a sample table box how ``table`` groups its samples, and where these groups lie."""
    entries = table.descriptions
    entries = entries if len(entries) else np.ones(len(table.chunk_counts), np.int64)
    changed = np.diff(table.chunk_counts, prepend=-1) != 0
    changes = np.flatnonzero(changed | (np.diff(entries, prepend=-1) != 0))
    chunks = np.stack([changes + 1, table.chunk_counts[changes], entries[changes]], axis=1)
    stbl.put(_counted(b"stsc", len(chunks), _packed(chunks.reshape(-1))), behind=b"stts")
    write_chunk_starts(stbl, table.chunk_starts)


def write_chunk_starts(stbl: Node, starts: NDArray[np.int64], *, wide: bool | None = None) -> None:
    """Put the positions of chunks into a sample table box.

    Args:
        stbl: The box.
        starts: In bytes from the file's beginning.
        wide: Whether each takes 8 bytes; None: where one needs that.
    """
    if wide is None:
        wide = bool(len(starts)) and int(starts.max()) >= _LONG
    kind, other = (b"co64", b"stco") if wide else (b"stco", b"co64")
    new = _counted(kind, len(starts), starts.astype(">u8" if wide else ">u4").tobytes())
    for child in stbl.children:
        if child.type == other:
            child.type = kind
    stbl.put(new, behind=b"stsz")


def _packed(numbers: Iterable[int] | NDArray[np.int64]) -> bytes:
    return np.asarray(numbers, ">u4").tobytes()


def _counted(kind: bytes, count: int, data: bytes) -> Node:
    return _full(kind, count.to_bytes(4, "big") + data)


def _full(kind: bytes, data: bytes, version: int = 0) -> Node:
    return Node(kind, make_full_box(kind, version, 0, [data])[8:])


def read_edits(trak: Node) -> tuple[Edit, ...]:
    """What of a track is played; empty where it does not say, and all is.

    Raises:
        UnreadableMediaError: The list is truncated.
    """
    box = trak.find(b"edts", b"elst")
    if box is None:
        return ()
    fields = Fields(box.body)
    size = 8 if fields.version_and_flags()[0] else 4
    edits = []
    for _ in range(fields.number(4)):
        duration, start = fields.number(size), fields.number(size)
        start -= 2 * _SIGN[size] if start >= _SIGN[size] else 0
        edits.append(Edit(duration, start, fields.take(4)))
    return tuple(edits)


def write_edits(trak: Node, edits: Iterable[Edit]) -> None:
    """Put what is played into a track, whose header comes first."""
    entries = tuple(edits)
    wide = any(edit.duration >= _LONG or edit.start >= _SIGN[4] for edit in entries)
    size = 8 if wide else 4
    data = b"".join(
        edit.duration.to_bytes(size, "big")
        + edit.start.to_bytes(size, "big", signed=True)
        + edit.rate
        for edit in entries
    )
    new = _full(b"elst", len(entries).to_bytes(4, "big") + data, version=int(wide))
    old = trak.find(b"edts")
    if old is None:
        trak.put(Node(b"edts", children=[new]), behind=b"tkhd")
    else:
        old.put(new)
