"""Other packets in the tables of a sound track of an MP4 file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers import mp4_headers
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_shifts import runs
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    write_edits,
    write_samples,
)
from labeler.media import mpeg4_writer
from labeler.media.content import open_regular
from labeler.media.mpeg4_chunks import recut
from labeler.media.mpeg4_movie import Movie, read_movie
from labeler.media.mpeg4_track import find_track

__all__ = ["NewTrack", "recode", "rewrite"]

_LONG: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrack:
    """What a sound track becomes."""

    stsd: bytes
    """Body of the box that says how it is coded."""
    sample_rate_hz: int
    """Also the units of its time in a second."""
    sizes: NDArray[np.int64]
    """Bytes of each packet; they lie one behind the other."""
    durations: NDArray[np.int64]
    """Of each packet."""
    delay: int
    """Where what is played begins in the track."""
    length: int
    """For how long it is played."""
    pre_roll: int
    """How many packets in front of one that is jumped to have to be decoded."""


def rewrite(
    path: Path, target: Path, fill: Callable[[BinaryIO, BinaryIO, Movie, Node], None]
) -> None:
    """Write the file at ``path`` with other packets in the sound track that plays by default.

    Args:
        path: The file.
        target: Where to; what it had is lost. A further file lies beside it meanwhile.
        fill: Is given the opened file, an empty file for packets, what was read of the file, and
            the track; it writes the packets and changes the track to fit them.

    Raises:
        UnsupportedMediaError: Something in the file would be lost.
    """
    spool = target.with_name(target.name + ".packets")
    try:
        with (
            open_regular(path) as source,
            spool.open("w+b") as packets,
            target.open("wb") as output,
        ):
            movie = read_movie(source)
            movie.require_movable(source)
            trak = find_track(movie.moov).trak
            fill(source, packets, movie, trak)
            packets.flush()
            mpeg4_writer.write(source, output, movie, trak=trak, packets=packets)
    finally:
        spool.unlink(missing_ok=True)


def recode(movie: Movie, trak: Node, new: NewTrack) -> None:
    """Put ``new`` into a track; its positions are those in the file of new packets."""
    media = trak.need(b"mdia", b"mdhd")
    mp4_headers.set_scale(media, new.sample_rate_hz)
    mp4_headers.set_duration(media, int(new.durations.sum()))
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    stbl.put(Node(b"stsd", new.stsd))
    # Tables about the old packets; groups of packets are written anew.
    stbl.drop(b"ctts", b"cslg", b"stss", b"stps", b"sdtp", b"subs", b"saiz", b"saio")
    stbl.drop(b"sbgp", b"sgpd")
    table = SampleTable(
        sizes=new.sizes,
        chunk_starts=np.zeros(1, np.int64),
        chunk_counts=np.array([len(new.sizes)]),
        durations=runs(new.durations),
    )
    write_samples(stbl, recut(table, new.sample_rate_hz))
    if new.pre_roll:
        stbl.children += _pre_roll(new)
    _play(movie, trak, new)


def _pre_roll(new: NewTrack) -> list[Node]:
    """One group of all packets, which need those before them (ISO/IEC 14496-12, 10.1)."""
    description = bytes([1, 0, 0, 0]) + b"roll" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    description += (-new.pre_roll).to_bytes(2, "big", signed=True)
    members = bytes(4) + b"roll" + (1).to_bytes(4, "big")
    members += len(new.sizes).to_bytes(4, "big") + (1).to_bytes(4, "big")
    return [Node(b"sgpd", description), Node(b"sbgp", members)]


def _play(movie: Movie, trak: Node, new: NewTrack) -> None:
    """Say what of the track is played."""
    if movie.is_film:
        _play_in_film(movie.moov, trak, new)
    else:
        _play_to_the_sample(movie.moov, trak, new)


def _play_in_film(moov: Node, trak: Node, new: NewTrack) -> None:
    """Play it for as long as before, counted in the film's units, which are those of all tracks."""
    scale = mp4_headers.time_scale(moov.need(b"mvhd"))
    shown = -(-new.length * scale // new.sample_rate_hz)
    edits = [
        edit
        if edit.start == -1
        else replace(edit, start=new.delay, duration=edit.duration or shown)
        for edit in read_edits(trak)
    ]
    if all(edit.start == -1 for edit in edits):
        edits.append(Edit(shown, new.delay))
    if read_edits(trak) or new.delay:
        write_edits(trak, edits)
    movie, end = moov.need(b"mvhd"), sum(edit.duration for edit in edits)
    mp4_headers.set_duration(trak.need(b"tkhd"), end)
    mp4_headers.set_duration(movie, max(mp4_headers.duration(movie), end))


def _play_to_the_sample(moov: Node, trak: Node, new: NewTrack) -> None:
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
