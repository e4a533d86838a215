"""Open a film, hand out the luma of its frames, and write it again with another luma.

video = open_video(Path("film.mp4"), name="film.mp4")
video.encode(lambda luma: luma // 2, Path("dark.mp4"))
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

from labeler.codec.luma import Luma, LumaFrame, Transfer
from labeler.containers.damage import damaged
from labeler.containers.wholeness import (
    is_avi_cut,
    is_matroska_cut,
    is_mp4_cut,
    mp4_has_tracks,
)
from labeler.errors import UnsupportedMediaError
from labeler.media.content import open_regular
from labeler.media.guards import naming, not_written, reading
from labeler.media.media_type import MediaKind, MediaType, sniff_file
from labeler.media.overlay import Overlays
from labeler.media.video_interface import PictureTrack, VideoLimits

__all__ = ["Luma", "LumaFrame", "Video", "VideoLimits", "open_video"]

# As errors call it.
_WHAT: Final = "the video"
_CUT: Final = {
    MediaType.MP4: is_mp4_cut,
    MediaType.MOV: is_mp4_cut,
    MediaType.MKV: is_matroska_cut,
    MediaType.WEBM_VIDEO: is_matroska_cut,
    MediaType.AVI: is_avi_cut,
}


def open_video(path: Path, *, name: str, limits: VideoLimits | None = None) -> Video:
    """Open a film: its headers are read, and its first frame.

    Args:
        path: The file; it is read again for every pass over the frames.
        name: The name that errors give to the file.
        limits: How large it may be; None: the defaults of `VideoLimits`.

    Raises:
        UnreadableMediaError: The file cannot be read, or is empty, truncated or damaged, or has no
            pictures.
        UnsupportedMediaError: Labeler does not handle the format or this variant of it, or it
            is no film.
        MediaTooLargeError: The film is larger than allowed.
    """
    from labeler.media.video_opening import read_track  # noqa: PLC0415  it loads FFmpeg

    limits = limits or VideoLimits()
    with reading(_WHAT, name):
        with open_regular(path) as file:
            media_type = sniff_file(file, name=name)
            if media_type.kind is not MediaKind.VIDEO:
                raise UnsupportedMediaError(
                    f"the file is {media_type.label}, and a film is expected",
                    hint="Open it as sound"
                    if media_type.kind is MediaKind.AUDIO
                    else "Open it as a picture",
                    file=name,
                )
            if media_type in {MediaType.MP4, MediaType.MOV} and not mp4_has_tracks(file):
                raise damaged(
                    "the list of tracks (moov) is missing: the file was cut off, or its "
                    "recording was never finished"
                )
        return Video(path, read_track(path, media_type, limits), limits, name=name)


class Video:
    """A film that has been opened.

    Args:
        path: The file.
        track: What was found out about its pictures.
        limits: How large it may be.
        name: The name that errors give to the file.
    """

    def __init__(self, path: Path, track: PictureTrack, limits: VideoLimits, *, name: str) -> None:
        self._path = path
        self._track = track
        self._limits = limits
        self._name = name

    @property
    def media_type(self) -> MediaType:
        """The format."""
        return self._track.media_type

    @property
    def width(self) -> int:
        """Pixels of a frame as it is coded."""
        return self._track.width

    @property
    def height(self) -> int:
        """Pixels of a frame as it is coded."""
        return self._track.height

    @property
    def duration_s(self) -> float | None:
        """How long it plays, seconds, as far as the header tells."""
        return self._track.duration_s

    @property
    def frame_rate(self) -> float | None:
        """Frames a second on the whole, as far as the header tells."""
        return None if self._track.rate is None else float(self._track.rate)

    @property
    def depth(self) -> int:
        """Bits of a luma value, 8 to 16."""
        return self._track.depth

    @property
    def transfer(self) -> Transfer:
        """How code values become light."""
        return self._track.transfer

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec: ``"h264"``."""
        return self._track.codec

    @property
    def rotation_deg(self) -> int:
        """How far players turn the frames, degrees counter-clockwise, -180 to 180."""
        return self._track.rotation_deg

    @property
    def orientation(self) -> int:
        """How players turn and mirror frames: 1 to 8; see `PictureTrack.orientation`."""
        return self._track.orientation

    @property
    def sample_aspect(self) -> Fraction:
        """Width to height of a pixel; 1 where the file does not say."""
        return self._track.sample_aspect or Fraction(1)

    @property
    def is_interlaced(self) -> bool:
        """Whether a frame is made of two fields, taken at different times."""
        return self._track.is_interlaced

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound track."""
        return self.sound_tracks > 0

    @property
    def picture_tracks(self) -> int:
        """How many tracks of moving pictures there are; this is the first."""
        return self._track.picture_tracks

    @property
    def sound_tracks(self) -> int:
        """How many sound tracks there are, in whatever codec; one of them plays by default."""
        return self._track.sound_tracks

    def frames(
        self,
        *,
        every_s: float = 0.0,
        start_s: float = 0.0,
        end_s: float | None = None,
        skip: bool = False,
    ) -> Iterator[LumaFrame]:
        """The frames in the order in which they are shown; each call is a new pass over the file.

        Args:
            every_s: At most one frame in so many seconds, and key frames (`LumaFrame.is_key`)
                between others too; 0: all.
            start_s: Seconds from the first frame; what comes before is not decoded, but for what
                those behind it need.
            end_s: None that is shown then or later.
            skip: Leave frames out that no others need, which saves decoding half of a film.

        Yields:
            Frames, one in memory at a time.

        Raises:
            UnreadableMediaError: Behind the last frame: the file is truncated, or a part of it
                cannot be decoded.
            UnsupportedMediaError: The frames change their size or format in the middle.
            MediaTooLargeError: The film is longer than its header said and than allowed.
        """
        from labeler.media.video_frames import Selection, luma_frames  # noqa: PLC0415  FFmpeg

        wanted = Selection(every_s=every_s, start_s=start_s, end_s=end_s, skip=skip)
        with reading(_WHAT, self._name):
            yield from luma_frames(self._path, self._track, self._limits, wanted)
            if end_s is None:
                self._check_whole()

    def encode(
        self,
        mark: Callable[[Luma], Luma],
        target: Path,
        *,
        overlay: Overlays | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Write the film with another luma, and labels, in its pictures; all else is kept.

        Container, codec, and depth and sampling of the pixels stay; kept are the time of each
        frame, sound, subtitles, chapters, metadata, rotation, colours and their range, what is
        said about high dynamic range, the aspect of pixels, interlacing and transparency. A C2PA
        manifest is dropped: it does not hold for other pictures. Decoding, marking and encoding go
        on at the same time, on two cores. ``target`` appears whole or not at all.

        Args:
            mark: Is called once for each frame, in the order in which they are shown, all in the
                calling thread. It gets `Luma` that is valid during the call, and gives a new array
                of the same shape and dtype.
            target: A file that does not exist yet; temporary files lie beside it.
            overlay: Says what is laid on the frame of a time, seconds from the first one that is
                shown, before ``mark`` gets its luma; it is called as ``mark`` is. A frame that an
                edit list shows several times, or that stands still for seconds, gets what it says
                for the first of its times at which it says anything. None: nothing is laid.
            progress: Is told how much is done, from 0 to 1.

        Raises:
            ValueError: ``mark`` gives another shape or dtype, or an `Overlay` goes beyond the
                frame.
            UnreadableMediaError: The film is truncated, or a part of it cannot be decoded.
            UnsupportedMediaError: It cannot be written without loss, or its colours are coded in
                a way in which nothing can be laid on it.
            MediaTooLargeError: It is longer than its header said and than allowed.
            OutputError: ``target`` exists already or cannot be written.
        """
        from labeler.media.video_writing import encode_film  # noqa: PLC0415  it loads FFmpeg

        told = progress or (lambda _: None)
        with naming(self._name):
            with reading(_WHAT, self._name):
                self._check_whole()
            if target.exists():
                taken = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                raise not_written(_WHAT, taken, target)
            encode_film(
                self._path,
                self._track,
                self._limits,
                mark,
                target,
                overlay=overlay,
                progress=told,
            )

    def _check_whole(self) -> None:
        """Refuse a file that was cut off.

        Raises:
            UnreadableMediaError: It was.
        """
        with open_regular(self._path) as file:
            if _CUT[self.media_type](file):
                raise damaged("the file ends in the middle of its content")
