"""Where picture tracks begin, and what of those in MP4 FFmpeg does not tell."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from labeler.containers.bmff_file import top_boxes
from labeler.containers.bmff_tree import read_node
from labeler.containers.damage import damaged
from labeler.containers.mp4_shifts import read_shifts
from labeler.containers.mp4_tables import read_samples
from labeler.containers.picture_tracks import mp4_picture_tracks
from labeler.media.content import open_regular
from labeler.media.mpeg4_movie import read_movie
from labeler.media.video_interface import PictureTrack
from labeler.media.video_opening import open_film

__all__ = ["composition_time", "frame_numbers", "layers"]

# Boxes of a sample entry that announce more than one picture for each frame.
_LAYERS: Final = {
    b"lhvC": "a second view or another layer (MV-HEVC, SHVC)",
    b"mvcC": "a second view (MVC)",
    b"svcC": "further layers (SVC)",
    b"dvcC": "Dolby Vision",
    b"dvvC": "Dolby Vision",
    b"dvwC": "Dolby Vision",
}


def layers(path: Path) -> str | None:
    """What the pictures of an MP4 or QuickTime film hold beside those that are decoded.

    Args:
        path: The film.

    Raises:
        UnreadableMediaError: It is truncated or damaged.
    """
    with open_regular(path) as file:
        moov = next(box for box in top_boxes(file) if box.type == b"moov")
        found = mp4_picture_tracks(read_node(file, moov))
    entries = found[0].need(b"mdia", b"minf", b"stbl", b"stsd").body if found else b""
    return next((name for kind, name in _LAYERS.items() if kind in entries), None)


def frame_numbers(path: Path, track: PictureTrack) -> Sequence[int]:
    """The number that each frame has in an AVI film, which is when it is shown.

    There only the order of packets counts, empty ones among them; that frames are coded in another
    order than shown, the format does not know, and what FFmpeg makes of it has other gaps.

    Args:
        path: The film.
        track: What is known of its pictures.
    """
    with open_film(path, track.media_type) as container:
        packets: Any = container.demux(container.streams[track.index])
        return array("q", (each.dts for each in packets if each.size and each.dts is not None))


def composition_time(path: Path, track: PictureTrack, stamp: int) -> int:
    """The composition time that the file itself gives to a frame.

    FFmpeg counts from later than the file does where that is in fragments and shows frames before
    it decodes them (negative offsets in ``trun``): how much, its first packet tells.

    Args:
        path: The film, MP4 or QuickTime.
        track: What is known of its pictures.
        stamp: FFmpeg's timestamp of the frame, without edit lists.

    Returns:
        Units of the track's time scale, before any edit list.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
    """
    with open_film(path, track.media_type, as_coded=True) as container:
        packets: Any = container.demux(container.streams[track.index])
        shown = next(packets).pts
    if shown is None:
        raise damaged("the MP4 file does not say when its pictures are shown")
    with open_regular(path) as file:
        movie = read_movie(file)
        trak = mp4_picture_tracks(movie.moov)[0]
        stbl = trak.need(b"mdia", b"minf", b"stbl")
        shifts = read_shifts(stbl, len(read_samples(stbl).sizes))
        # Both are about the sample that is decoded first.
        first = movie.origin(trak) + int(shifts[0])
    return int(stamp - shown + first)
