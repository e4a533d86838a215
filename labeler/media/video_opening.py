"""Films opened with FFmpeg: which stream is the picture track, and what is said about it."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
from av.sidedata.sidedata import Type
from av.stream import Disposition

from labeler.codec.luma import Transfer
from labeler.containers.damage import damaged
from labeler.containers.parameter_sets import chroma_location
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.guards import reason
from labeler.media.media_type import MediaType
from labeler.media.video_interface import Colours, PictureTrack, VideoLimits
from labeler.media.video_luma import luma_access

__all__ = [
    "DECODER_ERRORS",
    "METADATA_ERRORS",
    "THREADS",
    "decoder_for",
    "open_film",
    "read_track",
    "stamp_of",
]

THREADS: Final = 2
"""How many threads a decoder or encoder gets."""
DECODER_ERRORS: Final = (av.FFmpegError, ValueError)
"""What a decoder raises for damaged packets."""
METADATA_ERRORS: Final = "surrogateescape"
"""Not all titles are UTF-8: their bytes are kept as they are."""

_DEMUXERS: Final = {
    MediaType.MP4: "mov",
    MediaType.MOV: "mov",
    MediaType.MKV: "matroska",
    MediaType.WEBM_VIDEO: "matroska",
    MediaType.AVI: "avi",
}
_NO_FILM: Final = Disposition.attached_pic | Disposition.timed_thumbnails
# Decoders that know the second picture of a packet, which holds the transparency.
_ALPHA_DECODERS: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Numbers of ITU-T H.273, TransferCharacteristics.
_TRANSFERS: Final = {16: Transfer.PQ, 18: Transfer.HLG}
_INTERLACED: Final = range(2, 6)
_DYNAMIC: Final = {
    Type.DOVI_METADATA: "Dolby Vision",
    Type.DOVI_RPU_BUFFER: "Dolby Vision",
    Type.DYNAMIC_HDR_PLUS: "HDR10+",
    Type.DYNAMIC_HDR_VIVID: "HDR Vivid",
}
_MATRIX: Final = "=9i"
_MATRIX_SIZE: Final = 36
_TOLD_IN_STREAM: Final = frozenset({"h264", "hevc", "av1"})
# What is read in search of a frame that can be decoded, before a file is given up.
_PROBED_PACKETS: Final = 400


@contextmanager
def open_film(
    path: Path, media_type: MediaType, *, as_coded: bool = False
) -> Iterator[av.container.InputContainer]:
    """A film, opened with the reader for its format and no other.

    Args:
        path: The file.
        media_type: What it is.
        as_coded: Whether all that is coded is given, with the timestamps of the codec: also what
            the edit list of an MP4 leaves out.
    """
    options = {"protocol_whitelist": "file"}
    if as_coded and _DEMUXERS[media_type] == "mov":
        options["ignore_editlist"] = "1"
    url = f"file:{path.absolute()}"
    try:
        with av.open(
            url,
            "r",
            format=_DEMUXERS[media_type],
            options=options,
            metadata_errors=METADATA_ERRORS,
        ) as container:
            yield container
    except OSError as error:
        # What FFmpeg calls so is mostly the end of a file that was cut off.
        if isinstance(error, av.FFmpegError) and error.errno == errno.EIO:
            raise damaged(f"the video cannot be decoded ({reason(error)})") from error
        raise


def read_track(path: Path, media_type: MediaType, limits: VideoLimits) -> PictureTrack:
    """What headers and first frame say about the pictures of a film.

    Raises:
        UnreadableMediaError: There are none, or none can be decoded.
        UnsupportedMediaError: They are coded in a way that Labeler does not handle.
        MediaTooLargeError: There are too many or too large ones.
        av.FFmpegError: FFmpeg cannot open the file.
    """
    with open_film(path, media_type) as container:
        stream = _picture_stream(container)
        context = stream.codec_context
        duration_s = _duration_s(container, stream)
        limits.check(width=context.width, height=context.height, duration_s=duration_s)
        frame = _first_frame(container, stream, limits)
        limits.check(width=frame.width, height=frame.height, duration_s=duration_s)
        side = {kind: _side_data(frame, kind) for kind in (_MASTERING, _LIGHT)}
        return PictureTrack(
            media_type=media_type,
            index=stream.index,
            codec=_codec_name(context),
            tag=context.codec_tag,
            profile=stream.profile,
            width=frame.width,
            height=frame.height,
            pixel_format=frame.format.name,
            depth=luma_access(frame.format.name).depth,
            transfer=_TRANSFERS.get(frame.color_trc, Transfer.SDR),
            colours=_colours(frame, context),
            time_base=stream.time_base or Fraction(1, 1000),
            first_stamp=stamp_of(frame),
            rate=_rate(stream),
            is_even=stream.average_rate == stream.base_rate,
            duration_s=duration_s,
            rotation_deg=frame.rotation,
            orientation=_orientation(_side_data(frame, Type.DISPLAYMATRIX)),
            sample_aspect=_sample_aspect(stream),
            field_order=context.field_order,
            is_interlaced=context.field_order in _INTERLACED or frame.interlaced_frame,
            has_alpha=_has_alpha(stream),
            picture_tracks=len(_moving_pictures(container)),
            sound_tracks=len(container.streams.audio),
            beyond=_beyond(frame, _codec_name(context)),
            mastering=side[_MASTERING],
            light_level=side[_LIGHT],
        )


_MASTERING: Final = Type.MASTERING_DISPLAY_METADATA
_LIGHT: Final = Type.CONTENT_LIGHT_LEVEL


def _picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The first stream of moving pictures.

    Raises:
        UnreadableMediaError: There is none.
        UnsupportedMediaError: Nobody knows how it is coded.
    """
    for stream in _moving_pictures(container):
        if stream.codec_context is None:
            raise UnsupportedMediaError(
                "the video is coded in a way that Labeler cannot decode",
                hint="Convert it to H.264, H.265, VP9 or AV1 first",
            )
        return stream
    raise UnreadableMediaError(
        "the file has no pictures", hint="Get an undamaged copy of it, or one with pictures"
    )


def _moving_pictures(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The streams of pictures that are no cover art."""
    return [each for each in container.streams.video if not each.disposition & _NO_FILM]


def stamp_of(frame: av.VideoFrame) -> int | None:
    """When a frame is shown, in units of its stream; None where the file does not say."""
    return frame.pts if frame.pts is not None else frame.dts


def _codec_name(context: av.VideoCodecContext) -> str:
    """The codec's name: that of its decoder may be another."""
    name: str = context.codec.canonical_name
    return name


def _duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _rate(stream: av.VideoStream) -> Fraction | None:
    """Frames a second; that of some files is 0, or one that no film has."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < rate <= 1000:
            return Fraction(rate)
    return None


def _sample_aspect(stream: av.VideoStream) -> Fraction | None:
    for aspect in (stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio):
        if aspect is not None and aspect > 0:
            return Fraction(aspect)
    return None


def _orientation(matrix: bytes) -> int:
    """What a display matrix (ISO/IEC 14496-12, 6.2.2) does, by the signs of its numbers."""
    if len(matrix) < _MATRIX_SIZE:
        return 1
    a, b, _, c, d, *_ = struct.unpack(_MATRIX, matrix[:_MATRIX_SIZE])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(True, True): 1, (False, True): 2, (False, False): 3}.get((a >= 0, d >= 0), 4)
    return {(True, True): 5, (True, False): 6, (False, False): 7}.get((b >= 0, c >= 0), 8)


def _colours(frame: av.VideoFrame, context: av.VideoCodecContext) -> Colours:
    return Colours(
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
        matrix=frame.colorspace,
        value_range=frame.color_range,
        chroma_location=chroma_location(_codec_name(context), context.extradata or b""),
    )


def _side_data(frame: av.VideoFrame, kind: Type) -> bytes:
    data: Any = frame.side_data  # A mapping, though its stubs say that it is a dictionary.
    return bytes(data[kind]) if kind in {each.type for each in data} else b""


def _beyond(frame: av.VideoFrame, codec: str) -> str | None:
    """What a frame carries that encoders do not write again."""
    data: Any = frame.side_data
    kinds = {each.type for each in data}
    # Outside of the codec's own stream, what lies beside a frame is copied with it.
    told = _DYNAMIC if codec in _TOLD_IN_STREAM else {}
    return next((name for kind, name in told.items() if kind in kinds), None)


def _has_alpha(stream: av.VideoStream) -> bool:
    return (
        stream.metadata.get("alpha_mode") == "1"
        and _codec_name(stream.codec_context) in _ALPHA_DECODERS
    )


def decoder_for(
    stream: av.VideoStream, *, max_pixels: int, alpha: bool = False
) -> av.VideoCodecContext:
    """A decoder of a stream that uses both cores, and refuses larger frames.

    Args:
        stream: What is to be decoded.
        max_pixels: Most pixels of a frame.
        alpha: Whether the transparency of VP8 and VP9 is wanted too.
    """
    context = stream.codec_context
    if alpha and _has_alpha(stream):
        name = _ALPHA_DECODERS[_codec_name(context)]
        context = cast("av.VideoCodecContext", av.CodecContext.create(name, "r"))
        context.extradata = stream.codec_context.extradata
    context.thread_count, context.thread_type = THREADS, "AUTO"
    context.options = {"max_pixels": str(max_pixels)}
    return context


def _first_frame(
    container: av.container.InputContainer, stream: av.VideoStream, limits: VideoLimits
) -> av.VideoFrame:
    """The first frame that can be decoded.

    Raises:
        UnreadableMediaError: There is none.
        UnsupportedMediaError: They are encrypted.
    """
    decoder = decoder_for(stream, max_pixels=limits.max_pixels)
    problem: Exception | None = None
    for number, packet in enumerate(container.demux(stream)):
        if packet.has_sidedata("encryption_info"):
            raise UnsupportedMediaError(
                "the pictures are protected against copying (DRM)",
                hint="Ask their publisher for a file without protection",
            )
        try:
            for frame in decoder.decode(packet):
                return frame
        except DECODER_ERRORS as error:
            problem = problem or error
        if number >= _PROBED_PACKETS:
            break
    told = "" if problem is None else f" ({reason(problem)})"
    raise UnreadableMediaError(
        f"no frame of the video can be decoded{told}",
        hint="The file is truncated or damaged; get an undamaged copy of it",
    )
