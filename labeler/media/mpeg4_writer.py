"""An MP4 file with other packets in its first sound track, and everything else as it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers import mp4_headers
from labeler.containers.bmff_file import TopBox
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    read_samples,
    write_chunk_starts,
    write_edits,
    write_samples,
)
from labeler.containers.splice import Span, copy

__all__ = ["NewTrack", "recode", "write"]

MANIFEST: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""User type of the ``uuid`` box that holds a C2PA manifest (C2PA 2.2, A.5)."""
_PACKETS_IN_CHUNK: Final = 32
_LONG: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrack:
    """What a sound track becomes."""

    stsd: bytes
    """Body of the box that says how it is coded."""
    sample_rate_hz: int
    """Also the units of its time in a second."""
    sizes: NDArray[np.int64]
    """Bytes of each packet."""
    durations: tuple[int, ...]
    """Of each packet."""
    delay: int
    """Where what is played begins in the track."""
    length: int
    """For how long it is played."""
    pre_roll: int
    """How many packets in front of one that is jumped to have to be decoded."""


def recode(moov: Node, trak: Node, new: NewTrack) -> None:
    """Put ``new`` into a track, but for the positions of its chunks."""
    media = trak.need(b"mdia", b"mdhd")
    mp4_headers.set_scale(media, new.sample_rate_hz)
    mp4_headers.set_duration(media, sum(new.durations))
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    stbl.put(Node(b"stsd", new.stsd))
    # Tables about the old packets; groups of packets are written anew.
    stbl.drop(b"ctts", b"cslg", b"stss", b"stps", b"sdtp", b"subs", b"saiz", b"saio")
    stbl.drop(b"sbgp", b"sgpd")
    write_samples(stbl, _table(new))
    if new.pre_roll:
        stbl.children += _pre_roll(new)
    _play(moov, trak, new)


def _table(new: NewTrack) -> SampleTable:
    count = len(new.sizes)
    chunks = -(-count // _PACKETS_IN_CHUNK)
    counts = np.full(chunks, _PACKETS_IN_CHUNK, np.int64)
    if chunks:
        counts[-1] = count - _PACKETS_IN_CHUNK * (chunks - 1)
    runs = ((len(list(group)), value) for value, group in groupby(new.durations))
    return SampleTable(
        sizes=new.sizes,
        chunk_starts=np.zeros(chunks, np.int64),
        chunk_counts=counts,
        durations=tuple(runs),
    )


def _pre_roll(new: NewTrack) -> list[Node]:
    """One group of all packets, which need those before them (ISO/IEC 14496-12, 10.1)."""
    description = bytes([1, 0, 0, 0]) + b"roll" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    description += (-new.pre_roll).to_bytes(2, "big", signed=True)
    members = bytes(4) + b"roll" + (1).to_bytes(4, "big")
    members += len(new.sizes).to_bytes(4, "big") + (1).to_bytes(4, "big")
    return [Node(b"sgpd", description), Node(b"sbgp", members)]


def _play(moov: Node, trak: Node, new: NewTrack) -> None:
    """Say what of the track is played, to the sample."""
    movie = moov.need(b"mvhd")
    scale = mp4_headers.time_scale(movie)
    longest = max(mp4_headers.duration(movie), 1)
    if new.length * scale % new.sample_rate_hz and longest * new.sample_rate_hz // scale < _LONG:
        _rescale(moov, new.sample_rate_hz)
        scale = new.sample_rate_hz
    shown = round(new.length * scale / new.sample_rate_hz)
    edits = read_edits(trak)
    pauses = [edit for edit in edits[:1] if edit.start == -1]
    if edits or new.delay:
        write_edits(trak, [*pauses, Edit(shown, new.delay)])
    mp4_headers.set_duration(trak.need(b"tkhd"), shown + sum(edit.duration for edit in pauses))
    ends = (mp4_headers.duration(each.need(b"tkhd")) for each in moov.all(b"trak"))
    mp4_headers.set_duration(movie, max(ends))


def _rescale(moov: Node, scale: int) -> None:
    """Count the movie's time in other units."""
    movie = moov.need(b"mvhd")
    old = mp4_headers.time_scale(movie)

    def scaled(value: int) -> int:
        return round(value * scale / old)

    for trak in moov.all(b"trak"):
        header = trak.need(b"tkhd")
        mp4_headers.set_duration(header, scaled(mp4_headers.duration(header)))
        edits = read_edits(trak)
        if edits:
            write_edits(
                trak, [Edit(scaled(edit.duration), edit.start, edit.rate) for edit in edits]
            )
    mp4_headers.set_duration(movie, scaled(mp4_headers.duration(movie)))
    mp4_headers.set_scale(movie, scale)


def write(
    source: BinaryIO,
    output: BinaryIO,
    packets: BinaryIO,
    *,
    boxes: Iterable[TopBox],
    moov: Node,
    trak: Node,
) -> None:
    """Write the new file: the boxes of the source in their order, without a C2PA manifest.

    Args:
        source: The file that is copied from.
        output: Where to, from its beginning.
        packets: The new packets, one behind the other.
        boxes: The boxes at the top level of the source.
        moov: The one with the tracks, already changed but for the positions of chunks.
        trak: The track with the new packets.
    """
    tables = [_Table.read(each, is_new=each is trak) for each in moov.all(b"trak")]
    tables.sort(key=lambda table: not table.is_new)
    size = sum(table.size for table in tables)
    top = [box for box in boxes if box.user_type != MANIFEST]
    # 16 MiB are more than the header and new tables take.
    wide = size + sum(len(box.span) for box in top if box.type != b"mdat") + (1 << 24) >= _LONG
    for table in tables:
        table.place(0, wide=wide)
    header = _media_header(size)
    end = 0
    for box in _in_order(top):
        if box.type == b"mdat":
            start = end + len(header)
            for table in tables:
                table.place(start, wide=wide)
                start += table.size
        end += _new_size(box, moov, len(header) + size)
    for box in _in_order(top):
        if box.type == b"mdat":
            output.write(header)
            shutil.copyfileobj(packets, output, 1 << 20)
            copy(source, output, [span for table in tables for span in table.copied])
        else:
            copy(source, output, [moov.to_bytes() if box.type == b"moov" else box.span])


def _in_order(boxes: Iterable[TopBox]) -> Iterator[TopBox]:
    """One box of media data, where the first was."""
    seen = False
    for box in boxes:
        if box.type != b"mdat" or not seen:
            yield box
        seen |= box.type == b"mdat"


def _new_size(box: TopBox, moov: Node, media: int) -> int:
    if box.type == b"mdat":
        return media
    return len(moov.to_bytes()) if box.type == b"moov" else len(box.span)


def _media_header(size: int) -> bytes:
    if size + 8 < _LONG:
        return (size + 8).to_bytes(4, "big") + b"mdat"
    return b"\0\0\0\1mdat" + (size + 16).to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the chunks of one track come to lie."""

    stbl: Node
    is_new: bool
    copied: tuple[Span, ...]
    """What is copied from the source."""
    sizes: NDArray[np.int64]
    """Bytes of each chunk."""

    @classmethod
    def read(cls, trak: Node, *, is_new: bool) -> _Table:
        """Of a track."""
        stbl = trak.need(b"mdia", b"minf", b"stbl")
        spans = tuple(span for span, _ in read_samples(stbl).chunks())
        sizes = np.array([len(span) for span in spans], np.int64)
        return cls(stbl, is_new, () if is_new else spans, sizes)

    @property
    def size(self) -> int:
        """Bytes of all chunks together."""
        return int(self.sizes.sum())

    def place(self, start: int, *, wide: bool) -> None:
        """Say that the first chunk begins at ``start`` and the others follow."""
        starts = start + np.cumsum(self.sizes) - self.sizes
        write_chunk_starts(self.stbl, starts, wide=wide)
