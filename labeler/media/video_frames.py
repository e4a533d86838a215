"""The luma of a film, frame after frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from labeler.codec.luma import LumaFrame
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.guards import reason
from labeler.media.video_interface import PictureTrack, VideoLimits
from labeler.media.video_luma import luma_access
from labeler.media.video_opening import DECODER_ERRORS, THREADS, decoder_for, open_film, stamp_of

__all__ = ["Selection", "check_frame", "decoded", "luma_frames"]

# Where neither the file nor its header says when frames are shown, frames a second.
_USUAL_RATE: Final = Fraction(25)
# Frames by which the timestamps of packets that AVI knows are late for those of frames.
_HELD_BACK: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which frames are wanted."""

    every_s: float = 0.0
    """At most one in so many seconds, but key frames between others too."""
    start_s: float = 0.0
    """None that is shown earlier."""
    end_s: float | None = None
    """None that is shown then or later."""
    skip: bool = False
    """Whether those that no other frame needs are left out, where the decoder can."""


def luma_frames(
    path: Path, track: PictureTrack, limits: VideoLimits, wanted: Selection
) -> Iterator[LumaFrame]:
    """The frames that are shown, in their order.

    Raises:
        UnreadableMediaError: Behind the last frame: some could not be decoded.
        UnsupportedMediaError: Frames change their size or format.
        MediaTooLargeError: The film is longer than allowed.
    """
    access = luma_access(track.pixel_format)
    with open_film(path, track.media_type) as container:
        stream = container.streams[track.index]
        assert isinstance(stream, av.VideoStream)  # noqa: S101  for type checks: it was one before
        decoder = decoder_for(stream, max_pixels=limits.max_pixels)
        if wanted.skip:
            decoder.skip_frame = "NONREF"
            # Frames that are passed over take their turn among the threads.
            decoder.thread_count = 2 * THREADS
        clock = _Clock(track)
        if wanted.start_s > 0 and track.first_stamp is not None:
            container.seek(clock.stamp(wanted.start_s), stream=stream)
        errors: list[Exception] = []
        first_s = due_s = wanted.start_s - clock.tolerance_s
        was_key = False
        for frame in decoded(container, stream, decoder, errors.append):
            time_s = clock.time_s(frame)
            if wanted.end_s is not None and time_s >= wanted.end_s:
                return
            limits.check_duration(time_s)
            is_first_key = frame.key_frame and not was_key
            is_early = wanted.every_s > 0 and time_s < due_s
            if time_s < first_s or (is_early and not is_first_key):
                continue
            was_key = frame.key_frame
            due_s = time_s + wanted.every_s - clock.tolerance_s
            check_frame(frame, track, time_s)
            yield LumaFrame(time_s, access.read(frame), access.depth, frame.key_frame)
        if errors:
            raise damaged(f"a part of the video cannot be decoded ({reason(errors[0])})")


def decoded(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    decoder: av.VideoCodecContext,
    report: Callable[[Exception], None],
) -> Iterator[av.VideoFrame]:
    """The frames of a stream from where the container stands, in the order in which they are shown.

    Args:
        container: What is read.
        stream: One of its streams.
        decoder: What decodes it.
        report: Gets what is raised for packets that cannot be read or decoded; those are passed
            over, unless it raises an error.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except DECODER_ERRORS as error:  # There is no reading on behind it.
            report(error)
            packet = None
        try:
            yield from decoder.decode(packet)
        except DECODER_ERRORS as error:
            if not isinstance(error, EOFError):
                report(error)
        if packet is None or not packet.size:
            return


def check_frame(frame: av.VideoFrame, track: PictureTrack, time_s: float) -> None:
    """See that a frame is like the first one.

    Raises:
        UnsupportedMediaError: It has another size or format.
    """
    form = (frame.width, frame.height, frame.format.name)
    if form != (track.width, track.height, track.pixel_format):
        raise UnsupportedMediaError(
            f"the video changes at {time_s:.2f} s from {track.width} by {track.height} pixels "
            f"({track.pixel_format}) to {form[0]} by {form[1]} ({form[2]})",
            hint="Cut it there, or convert it to one size first",
        )


class _Clock:
    """When frames are shown.

    Args:
        track: What the header says about the pictures.
    """

    def __init__(self, track: PictureTrack) -> None:
        self._unit = track.time_base
        self._frame_s = float(1 / (track.rate or _USUAL_RATE))
        self._origin = track.first_stamp
        self._last_s: float | None = None
        self.tolerance_s = min(float(self._unit) / 2, self._frame_s / 10)
        """What rounding to the file's unit of time may change, seconds."""

    def stamp(self, time_s: float) -> int:
        """A timestamp before ``time_s`` seconds by what decoders may hold back."""
        early_s = max(time_s - _HELD_BACK * self._frame_s, 0.0)
        return int(early_s / self._unit) + (self._origin or 0)

    def time_s(self, frame: av.VideoFrame) -> float:
        """Seconds from the track's first frame; one more than the last where it does not say."""
        stamp = stamp_of(frame)
        if stamp is None:
            time_s = 0.0 if self._last_s is None else self._last_s + self._frame_s
        else:
            if self._origin is None:
                self._origin = stamp
            time_s = float((stamp - self._origin) * self._unit)
        self._last_s = time_s
        return time_s
