"""Other pictures for an MP4 or QuickTime film, and everything else as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers import mp4_headers
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged
from labeler.containers.mp4_shifts import read_shifts, runs, write_shifts
from labeler.containers.mp4_tables import (
    Edit,
    SampleTable,
    read_edits,
    read_samples,
    write_edits,
    write_samples,
)
from labeler.containers.picture_tracks import mp4_picture_tracks
from labeler.containers.splice import new_file
from labeler.errors import UnsupportedMediaError
from labeler.media import mpeg4_writer
from labeler.media.content import open_regular
from labeler.media.guards import decoding
from labeler.media.mpeg4_chunks import recut
from labeler.media.mpeg4_entry import merged_entry
from labeler.media.mpeg4_movie import Movie, read_movie

__all__ = ["replace_pictures"]

# Tables about the old packets.
_STALE: Final = (
    b"ctts", b"cslg", b"stss", b"stps", b"stsh", b"sdtp", b"subs", b"padb", b"stdp",
    b"saiz", b"saio", b"sbgp", b"sgpd", b"csgp", b"stz2",
)  # fmt: skip
_LONG: Final = 1 << 32
# Layers above those of another track.
_LAYERS: Final = (b"vdep", b"sbas", b"scal")


def replace_pictures(source: Path, pictures: Path, target: Path, *, start: int) -> None:
    """Write a film with other pictures in its first picture track.

    Every picture is shown exactly when it was. Edit lists, sizes and rotation, colours, the other
    tracks packet for packet, chapters, tags and the boxes that nobody knows are kept; the packets
    of all tracks lie in turns, behind the box that says where. A file in fragments becomes one
    without. A C2PA manifest is dropped.

    Args:
        source: The film.
        pictures: An MP4 or QuickTime file whose first picture track has the new pictures, each as
            much later than the first as it is in the film. Its own edit list does not matter.
        target: A file that does not exist yet; it appears whole or not at all.
        start: When the film's track shows the first of them: its composition time in units of that
            track's time scale, before any edit list.

    Raises:
        UnreadableMediaError: The film is truncated or damaged, or has no picture track.
        UnsupportedMediaError: Its pictures are protected, change their coding or come in layers, or
            something in it would be lost.
        MediaTooLargeError: There is not enough memory for its tables.
        OutputError: ``target`` exists already or cannot be written.
    """
    with (
        decoding("the video", make_smaller="Cut it"),
        open_regular(source) as film,
        open_regular(pictures) as coded,
    ):
        movie = read_movie(film)
        trak = _first_pictures(movie)
        movie.require_movable(film)
        _require_alone(movie, trak)
        _replace(movie, trak, _first_pictures(read_movie(coded)), start - movie.origin(trak))
        with new_file(target) as output:
            mpeg4_writer.write(film, output, movie, trak=trak, packets=coded)


def _first_pictures(movie: Movie) -> Node:
    found = mp4_picture_tracks(movie.moov)
    if not found:
        raise damaged("the file has no picture track")
    return found[0]


def _require_alone(movie: Movie, trak: Node) -> None:
    number = mp4_headers.track_id(trak)
    for other in movie.moov.all(b"trak"):
        if any(number in mp4_headers.tracks_for(other, purpose) for purpose in _LAYERS):
            raise UnsupportedMediaError(
                "the pictures come in layers, in several tracks that depend on one another",
                hint="Export the video with all of its pictures in one track",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """The samples of a track, and when they are shown."""

    table: SampleTable
    scale: int
    """Units of time in a second."""
    shifts: NDArray[np.int64]
    """How much later each sample is shown than it is decoded."""

    @classmethod
    def read(cls, trak: Node) -> _Timed:
        stbl = trak.need(b"mdia", b"minf", b"stbl")
        table = read_samples(stbl)
        scale = mp4_headers.time_scale(trak.need(b"mdia", b"mdhd"))
        return cls(table=table, scale=scale, shifts=read_shifts(stbl, len(table.sizes)))

    @property
    def first(self) -> int:
        """When the first sample is shown."""
        times = self.table.times(np.arange(len(self.shifts)))
        return int((times + self.shifts).min(initial=1 << 62)) if len(times) else 0

    @property
    def durations(self) -> NDArray[np.int64]:
        """Of each sample."""
        counts = [count for count, _ in self.table.durations]
        values = np.repeat([value for _, value in self.table.durations], counts)
        return np.resize(values, len(self.shifts)).astype(np.int64)

    def counted_in(self, scale: int) -> _Timed:
        """The same with ``scale`` units in a second; unchanged where that is not exact."""
        factor = Fraction(scale, self.scale)
        values = np.concatenate([self.durations, self.shifts])
        if (values % factor.denominator).any():
            return self

        def scaled(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
            return numbers // factor.denominator * factor.numerator

        table = replace(self.table, durations=runs(scaled(self.durations)))
        return _Timed(table=table, scale=scale, shifts=scaled(self.shifts))

    def lasting(self, total: int) -> _Timed:
        """The same with the last sample ending at ``total``, where it begins before that."""
        durations = self.durations
        rest = total - int(durations[:-1].sum())
        if not 1 <= rest < _LONG:
            return self
        durations[-1] = rest
        return replace(self, table=replace(self.table, durations=runs(durations)))


def _replace(movie: Movie, trak: Node, coded: Node, start: int) -> None:
    """Put the samples of ``coded`` into ``trak``, whose own begin to be shown at ``start``."""
    old, new = _Timed.read(trak), _Timed.read(coded)
    if not len(new.shifts):
        raise damaged("the file has no pictures")
    new = new.counted_in(old.scale)
    new = replace(new, shifts=new.shifts - min(0, int(new.shifts.min())))
    unit = Fraction(new.scale, old.scale)
    new = new.lasting(round((old.table.total - (start - old.first)) * unit))
    new = _play(movie.moov, trak, old, new, start)
    media = trak.need(b"mdia", b"mdhd")
    mp4_headers.set_scale(media, new.scale)
    mp4_headers.set_duration(media, new.table.total)
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    described = coded.need(b"mdia", b"minf", b"stbl")
    entry = merged_entry(stbl.need(b"stsd").body, described.need(b"stsd").body)
    stbl.drop(*_STALE)
    stbl.put(Node(b"stsd", entry))
    write_samples(stbl, recut(new.table, new.scale))
    write_shifts(stbl, new.shifts)
    for kind in (b"stps", b"stss"):
        for box in described.all(kind):
            stbl.put(box, behind=b"stts")


def _play(moov: Node, trak: Node, old: _Timed, new: _Timed, start: int) -> _Timed:
    """Say what of a track with new samples is played, so that all is shown when it was.

    Args:
        moov: What the track is in.
        trak: The track.
        old: The samples that it had.
        new: Those that it gets.
        start: When it showed what is now shown first, in units of the old.

    Returns:
        The new samples, shown later in the track where nothing else can say that.
    """
    unit = Fraction(new.scale, old.scale)
    late = new.first - round(start * unit)
    edits = _without_gap(moov, trak, old, start)
    if not edits and (late < 0 or (late and start)):
        # Players make nothing of it that an edit begins before the first sample.
        return replace(new, shifts=new.shifts - late)
    if not edits:
        if late:
            _play_from(moov, trak, new, late)
        return new
    starts = [round(edit.start * unit) + late for edit in edits if edit.start != -1]
    early = -min([0, *starts])
    late += early
    moved = [
        edit if edit.start == -1 else replace(edit, start=round(edit.start * unit) + late)
        for edit in edits
    ]
    if moved != list(read_edits(trak)):
        write_edits(trak, moved)
    return replace(new, shifts=new.shifts + early)


def _without_gap(moov: Node, trak: Node, old: _Timed, start: int) -> list[Edit]:
    """The edits with pauses for samples in front of ``start`` that are there no more.

    Players leave out pauses that nothing but the times of samples tells.
    """
    edits: list[Edit] = []
    ticks = Fraction(mp4_headers.time_scale(moov.need(b"mvhd")), old.scale)
    for edit in read_edits(trak):
        gone = start - max(edit.start, old.first)
        pause = min(round(gone * ticks), edit.duration) if edit.start != -1 else 0
        if pause <= 0:
            edits.append(edit)
            continue
        edits.append(Edit(pause, -1))
        if edit.duration > pause:
            rest = edit.duration - pause
            edits.append(replace(edit, duration=rest, start=edit.start + gone))
    return edits


def _play_from(moov: Node, trak: Node, new: _Timed, start: int) -> None:
    """Say that a track is played from ``start`` to its end."""
    movie, header = moov.need(b"mvhd"), trak.need(b"tkhd")
    end = new.first + new.table.total
    duration = -(-(end - start) * mp4_headers.time_scale(movie) // new.scale)
    write_edits(trak, [Edit(duration, start)])
    mp4_headers.set_duration(header, max(mp4_headers.duration(header), duration))
    mp4_headers.set_duration(movie, max(mp4_headers.duration(movie), duration))
