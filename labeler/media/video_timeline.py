"""When the frames of a film are shown: what its edit list makes of the times that are coded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from labeler.containers import mp4_headers
from labeler.containers.mp4_tables import read_edits
from labeler.containers.picture_tracks import mp4_picture_tracks
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.mpeg4_movie import read_movie
from labeler.media.video_interface import PictureTrack
from labeler.media.video_start import composition_time

__all__ = ["Timeline", "read_timeline"]

# Of an edit: nothing is shown.
_PAUSE: Final = -1
# Less than any film's unit of time, seconds.
_MOMENT: Final = Fraction(1, 10**9)
# Of a frame that stands still, seconds that are looked at.
_MOST_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a track that is played."""

    start: Fraction
    """Of it, as frames are coded, seconds."""
    end: Fraction | None
    """None: up to the last frame."""
    shown: Fraction
    """When its start is shown, seconds."""


class Timeline:
    """When frames are shown.

    Args:
        pieces: What of the track is played, in this order; empty: all of it.
        first: When the first frame is shown, as it is coded, seconds.
    """

    def __init__(self, pieces: tuple[_Piece, ...], first: Fraction) -> None:
        self._pieces = pieces or (_Piece(first, None, Fraction(0)),)
        self._origin = min(
            piece.shown + max(Fraction(0), first - piece.start) for piece in self._pieces
        )

    def shown_s(self, coded: Fraction, lasts: Fraction = Fraction(0)) -> tuple[float, ...]:
        """When a frame is shown, seconds from the first one that is; of a frame that is not, 0.

        Args:
            coded: When it is shown, as it is coded, seconds.
            lasts: For how long, seconds; 0 where nobody knows. Of one that stands still for longer
                than a second, a time in each of them is given.
        """
        starts = [
            piece.shown + max(Fraction(0), coded - piece.start) - self._origin
            for piece in self._pieces
            if piece.start < max(coded + lasts, coded + _MOMENT)
            and (piece.end is None or coded < piece.end)
        ]
        seconds = range(min(max(1, math.ceil(lasts)), _MOST_SECONDS))
        return tuple(max(0.0, float(start + second)) for start in starts for second in seconds) or (
            0.0,
        )


def read_timeline(path: Path, track: PictureTrack, first_stamp: int) -> Timeline:
    """What the edit list of a film says, where it has one.

    Args:
        path: The film.
        track: What is known of its pictures.
        first_stamp: FFmpeg's timestamp of the first frame, without edit lists, in units of the
            track's time base; times of frames are counted from 0 in the same way.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
    """
    first = first_stamp * track.time_base
    if track.media_type not in {MediaType.MP4, MediaType.MOV}:
        return Timeline((), first)
    with open_regular(path) as file:
        movie = read_movie(file)
    trak = mp4_picture_tracks(movie.moov)[0]
    unit = Fraction(1, mp4_headers.time_scale(trak.need(b"mdia", b"mdhd")))
    movie_unit = Fraction(1, mp4_headers.time_scale(movie.moov.need(b"mvhd")))
    # What FFmpeg's times are late, against those that edits name.
    late = first - unit * (composition_time(path, track, first_stamp) - movie.origin(trak))
    pieces, shown = [], Fraction(0)
    for edit in read_edits(trak):
        lasts = edit.duration * movie_unit
        if edit.start != _PAUSE:
            start = edit.start * unit + late
            pieces.append(_Piece(start, start + lasts if lasts else None, shown))
        shown += lasts
    return Timeline(tuple(pieces), first)
