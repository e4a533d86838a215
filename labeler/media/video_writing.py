"""A film written again with another luma and labels in its pictures, and all else as it was.

First the pictures alone go into a file of their own, which is thrown away at the end; then what
writes the film's container puts them in the place of the old ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import av

from labeler.codec.luma import Luma
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media import matroska_pictures, mpeg4_pictures, video_avi
from labeler.media.guards import not_written, reason
from labeler.media.media_type import MediaType
from labeler.media.overlay import Overlays
from labeler.media.pipeline import pipeline
from labeler.media.scheduling import ordinary_priority
from labeler.media.video_encoder import Encoding, encoding_for
from labeler.media.video_frames import check_frame, decoded
from labeler.media.video_interface import PictureTrack, VideoLimits
from labeler.media.video_luma import luma_access
from labeler.media.video_opening import decoder_for, open_film, stamp_of
from labeler.media.video_painting import Painter
from labeler.media.video_start import composition_time, frame_numbers, layers
from labeler.media.video_timeline import Timeline, read_timeline

__all__ = ["Mark", "encode_film"]

Mark: TypeAlias = Callable[[Luma], Luma]
"""Gives a new array for the luma of a frame."""

_MP4: Final = frozenset({MediaType.MP4, MediaType.MOV})
# Containers for the pictures alone, the one that is tried first in front.
_MUXERS: Final = {
    MediaType.MP4: ("mp4", "mov"),
    MediaType.MOV: ("mov", "mp4"),
    MediaType.MKV: ("matroska",),
    MediaType.WEBM_VIDEO: ("matroska",),
    MediaType.AVI: ("avi",),
}
# Most of the time goes into the pictures; what is left is for putting the film together.
_PICTURES_SHARE: Final = 0.97
# A film with fewer key frames has them where its encoder saw fit, not in a rhythm.
_LONGEST_KEY_DISTANCE: Final = 600


def encode_film(
    path: Path,
    track: PictureTrack,
    limits: VideoLimits,
    mark: Mark,
    target: Path,
    *,
    overlay: Overlays | None,
    progress: Callable[[float], None],
) -> None:
    """Write the film at ``path`` with marked pictures to ``target``.

    Args:
        path: The film.
        track: What is known of its pictures.
        limits: How large it may be.
        mark: Is called for the luma of each frame, in the order in which they are shown.
        target: A file that does not exist yet.
        overlay: Says what is laid on a frame before that; None: nothing.
        progress: Is told how much is done, from 0 to 1.

    Raises:
        UnreadableMediaError: The film is truncated or damaged.
        UnsupportedMediaError: It cannot be written without loss, or nothing be laid on it.
        OutputError: ``target`` cannot be written.
    """
    beyond = track.beyond or (layers(path) if track.media_type in _MP4 else None)
    if beyond is not None:
        raise UnsupportedMediaError(
            f"the video holds {beyond}, which would be lost",
            hint="Export it without first",
        )
    pictures = target.with_name(f"{target.name}.pictures")
    try:
        job = _Pictures(path, track, limits, mark, overlay=overlay, progress=progress)
        job.write(pictures)
        _put_together(path, track, pictures, target, job.first_stamp)
    finally:
        pictures.unlink(missing_ok=True)
    progress(1.0)


def _put_together(
    path: Path, track: PictureTrack, pictures: Path, target: Path, first_stamp: int
) -> None:
    try:
        if track.media_type in _MP4:
            start = composition_time(path, track, first_stamp)
            mpeg4_pictures.replace_pictures(path, pictures, target, start=start)
        elif track.media_type is MediaType.AVI:
            video_avi.replace_pictures(path, pictures, target, track=track)
        else:
            matroska_pictures.replace_pictures(path, pictures, target)
    except OSError as error:
        raise not_written("the video", error, target) from error
    except av.FFmpegError as error:
        raise damaged(f"the film cannot be put together ({reason(error)})") from error


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame on its way."""

    frame: av.VideoFrame
    stamp: int
    """When it is shown, in units of the track's time base."""
    lasts: int = 0
    """For how long, in the same units."""


class _Pictures:
    """Decodes, marks and encodes the pictures of a film.

    Args:
        path: The film.
        track: What is known of its pictures.
        limits: How large it may be.
        mark: Gives another luma for that of a frame.
        overlay: Says what is laid on a frame before that.
        progress: Is told how much is done.
    """

    def __init__(
        self,
        path: Path,
        track: PictureTrack,
        limits: VideoLimits,
        mark: Mark,
        *,
        overlay: Overlays | None,
        progress: Callable[[float], None],
    ) -> None:
        self._path = path
        self._track = _as_decoded(track)
        self._limits = limits
        self._mark = mark
        self._progress = progress
        self._access = luma_access(track.pixel_format)
        self._overlay = overlay
        self._painter = Painter(self._track) if overlay is not None else None
        self._timeline: Timeline | None = None
        self.first_stamp = 0
        """When the first frame is shown, in units of the track's time base."""

    def write(self, target: Path) -> None:
        """Write them into a file of their own."""
        with open_film(self._path, self._track.media_type, as_coded=True) as container:
            stream = container.streams[self._track.index]
            encoding = encoding_for(self._track, key_distance=_key_distance(stream))
        if self._track.media_type is MediaType.AVI:
            # Its packets have no times of their own: they are shown as they are decoded.
            encoding = replace(encoding, options=encoding.options | {"bf": "0"})
        pipeline(self._frames, self._marked, lambda frames: self._encode(frames, encoding, target))

    # ------------------------------------------------------------------------- first thread: decode

    def _frames(self) -> Iterator[_Frame]:
        track = self._track
        with open_film(self._path, track.media_type, as_coded=True) as container:
            stream: Any = container.streams[track.index]
            decoder = decoder_for(stream, max_pixels=self._limits.max_pixels, alpha=True)
            is_avi = track.media_type is MediaType.AVI
            numbers = frame_numbers(self._path, track) if is_avi else ()
            last: int | None = None
            held: _Frame | None = None
            for number, frame in enumerate(decoded(container, stream, decoder, _raise)):
                known = numbers[number] if number < len(numbers) else stamp_of(frame)
                stamp = self._stamp(known, last)
                if last is None:
                    self.first_stamp = stamp
                last = stamp
                time_s = self._time_s(stamp)
                self._limits.check_duration(time_s)
                check_frame(frame, track, time_s)
                if frame.is_corrupt:
                    raise damaged(f"the video is damaged at {time_s:.2f} s")
                # The decoder needs its own copy as it is, for frames that depend on it.
                frame.make_writable()
                if held is not None:
                    yield replace(held, lasts=stamp - held.stamp)
                held = _Frame(frame, stamp, frame.duration or 0)
        if held is None:
            raise damaged("the video has no frames")
        yield held

    def _stamp(self, stamp: int | None, last: int | None) -> int:
        """When a frame is shown; of frames that are said to come at once, one after the other.

        Raises:
            UnreadableMediaError: It is shown before the one before.
        """
        if stamp is None:
            step = 1 / (self._track.rate * self._track.time_base) if self._track.rate else 1
            stamp = 0 if last is None else last + round(step)
        if last is None:
            return stamp
        if stamp < last:
            raise damaged(
                f"the video stands still, or goes back in time, at {self._time_s(last):.2f} s"
            )
        return max(stamp, last + 1)

    def _time_s(self, stamp: int) -> float:
        """Seconds from the first frame."""
        return float((stamp - self.first_stamp) * self._track.time_base)

    # -------------------------------------------------------------------- the caller's thread: mark

    def _marked(self, item: _Frame) -> _Frame:
        source = self._overlaid(item)
        old = self._access.read(source)
        new = self._mark(old)
        if new.shape != old.shape or new.dtype != old.dtype:
            raise ValueError(
                f"a mark gives luma of {old.shape} {old.dtype} again, not {new.shape} {new.dtype}"
            )
        frame = self._access.write(source, old, new)
        if self._track.duration_s:
            done = self._time_s(item.stamp) / self._track.duration_s
            self._progress(_PICTURES_SHARE * min(1.0, done))
        return _Frame(frame, item.stamp)

    def _overlaid(self, item: _Frame) -> av.VideoFrame:
        """The frame with what is laid on it whenever it is shown."""
        if self._overlay is None or self._painter is None:
            return item.frame
        if self._timeline is None:
            self._timeline = read_timeline(self._path, self._track, item.stamp)
        # Frames that are shown more than once, or stand still, show the same all the time.
        unit = self._track.time_base
        shown_s = self._timeline.shown_s(item.stamp * unit, item.lasts * unit)
        laid = next(filter(None, map(self._overlay, shown_s)), ())
        return self._painter.lay(item.frame, laid)

    # ------------------------------------------------------------------------- third thread: encode

    def _encode(self, frames: Iterable[_Frame], encoding: Encoding, target: Path) -> None:
        try:
            with _muxer(target, self._track, encoding) as (container, stream):
                for packet in self._packets(frames, encoding, stream):
                    container.mux(packet)
        except OSError as error:
            raise not_written("the video", error, target) from error
        except (av.FFmpegError, ValueError) as error:
            raise UnsupportedMediaError(
                f"the video cannot be encoded as {self._track.codec} ({reason(error)})",
                hint="Convert it to H.264 or H.265 first",
            ) from error

    def _packets(
        self, frames: Iterable[_Frame], encoding: Encoding, stream: av.VideoStream
    ) -> Iterator[av.Packet[Any]]:
        """What the encoder gives, with the times of the source."""
        times: list[int] = []
        by_number = bool(encoding.recipe.rates)
        with ordinary_priority():
            stream.codec_context.open()
        for count, item in enumerate(frames):
            frame = _converted(item.frame, encoding.pixel_format)
            stamp = item.stamp - (self.first_stamp if self._track.media_type in _MP4 else 0)
            # Which kind of frame it becomes is the encoder's choice.
            frame.pict_type = 0
            frame.pts, frame.time_base = stamp, self._track.time_base
            if by_number:
                frame.pts, frame.time_base = count, encoding.time_base
                times.append(stamp)
            yield from _timed(stream.encode(frame), times, self._track)
        yield from _timed(stream.encode(None), times, self._track)


def _as_decoded(track: PictureTrack) -> PictureTrack:
    """The track as it is decoded here, with its transparency."""
    form = track.pixel_format
    if track.has_alpha and not form.startswith("yuva"):
        return replace(track, pixel_format=form.replace("yuv", "yuva", 1))
    return track


def _raise(error: Exception) -> None:
    raise damaged(f"a part of the video cannot be decoded ({reason(error)})") from error


def _timed(
    packets: list[av.Packet[Any]], times: list[int], track: PictureTrack
) -> Iterator[av.Packet[Any]]:
    """Packets whose times are numbers of frames get those of the frames."""
    for packet in packets:
        if times and packet.pts is not None:
            packet.pts = packet.dts = times[packet.pts]
            packet.duration = 0
            packet.time_base = track.time_base
        yield packet


def _converted(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """The frame in the encoder's format, which is another name for its own, or holds as much."""
    if frame.format.name == pixel_format:
        return frame
    value_range = frame.color_range
    made = frame.reformat(
        format=pixel_format, src_color_range=value_range, dst_color_range=value_range
    )
    made.color_range = value_range
    return made


@contextmanager
def _muxer(
    target: Path, track: PictureTrack, encoding: Encoding
) -> Iterator[tuple[av.container.OutputContainer, av.VideoStream]]:
    """A new file for the pictures alone, in the first container that can hold them."""
    options = {"avoid_negative_ts": "disabled"}
    if track.media_type in _MP4 and track.time_base.numerator == 1:
        options["video_track_timescale"] = str(track.time_base.denominator)
    url = f"file:{target.absolute()}"
    problem: Exception | None = None
    for form in _MUXERS[track.media_type]:
        with av.open(url, "w", format=form, options=options) as container:
            try:
                stream = encoding.add_stream(container, track)
            except ValueError as error:
                problem = problem or error
                continue
            yield container, stream
            return
    raise ValueError(f"its container cannot hold it: {problem}") from problem


def _key_distance(stream: av.stream.Stream) -> int | None:
    """Most frames from one key frame to the next, where the file lists all of its frames."""
    keys = [at for at, entry in enumerate(stream.index_entries) if entry.is_keyframe]
    if len(keys) < 2 or len(stream.index_entries) < stream.frames:
        return None
    longest = max(after - before for before, after in itertools.pairwise(keys))
    return longest if longest <= _LONGEST_KEY_DISTANCE else None
