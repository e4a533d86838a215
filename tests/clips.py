"""Small films made up for tests, without the ffmpeg program."""

from __future__ import annotations

import functools
import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from labeler.media.scheduling import ordinary_priority
from tests.scenes import photograph
from tests.sounds import murmur

FAST = {
    "libx264": {"preset": "ultrafast", "crf": "18"},
    "libx265": {"preset": "ultrafast", "crf": "18", "x265-params": "log-level=none:pools=1"},
    "libvpx": {
        "deadline": "realtime",
        "cpu-used": "8",
        "crf": "10",
        "b": "2M",
        "auto-alt-ref": "0",
    },
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"},
    "libsvtav1": {"preset": "12", "crf": "25", "svtav1-params": "lp=2"},
    "mpeg4": {"qscale": "3"},
    "mpeg2video": {"qscale": "3"},
    "mjpeg": {"qscale": "3"},
}
"""Options that make encoders quick and good enough."""

RATE_HZ = 48_000
"""Samples a second of the sound tracks."""

_CODECS = {".webm": "libvpx-vp9"}
_SOUND = {"aac": "aac", "opus": "libopus", "pcm": "pcm_s16le", "mp3": "libmp3lame"}
_RANGES = {None: 0, "tv": 1, "pc": 2}
_TIMED_TEXT = {".mkv": "subrip", ".webm": "webvtt"}


@functools.cache
def _folder():
    # A name that keeps it alive: the folder goes when the process ends.
    return tempfile.TemporaryDirectory(prefix="labeler-clips-")


@functools.cache
def clip(
    suffix=".mp4",
    *,
    codec=None,
    width=320,
    height=180,
    rate=Fraction(24),
    frames=24,
    times=None,
    time_base=None,
    pix_fmt="yuv420p",
    sound=None,
    channels=2,
    subtitles=(),
    chapters=(),
    rotation=0,
    sample_aspect=None,
    colours=(),
    full_range=None,
    interlaced=None,
    gop=None,
    metadata=(),
    tag=None,
    language=None,
    options=(),
    mux=(),
    seed=0,
):
    """The path of a film, made once for the same arguments; copy it before changing it.

    Args:
        suffix: Its container: ``".mp4"``, ``".mov"``, ``".mkv"``, ``".webm"``, ``".avi"``.
        codec: FFmpeg's encoder; None: H.264, VP9 in WebM.
        width: Pixels.
        height: Pixels.
        rate: Frames a second, where ``times`` says nothing else.
        frames: How many.
        times: Time of each frame in units of ``time_base``: a tuple, for variable rates.
        time_base: Seconds; None: one that fits ``rate``.
        pix_fmt: FFmpeg's pixel format.
        sound: ``"aac"``, ``"opus"``, ``"pcm"``, ``"mp3"``, or None; as long as the pictures.
        channels: Of the sound: 1, 2 or 6.
        subtitles: ``((start_s, end_s, text), ...)``.
        chapters: ``((start_s, end_s, title), ...)``.
        rotation: Degrees, as FFmpeg counts (counter-clockwise).
        sample_aspect: Width to height of a pixel, a Fraction.
        colours: ``(primaries, transfer, matrix)``, numbers of ITU-T H.273.
        full_range: True, False, or None for an unmarked one.
        interlaced: ``"tff"`` or ``"bff"``.
        gop: Most frames from one key frame to the next.
        metadata: ``(("title", "A film"), ...)`` of the file.
        tag: Four letters of the codec in the container: ``"hvc1"``.
        language: Of the picture and sound track: ``"deu"``.
        options: ``(("crf", "30"), ...)`` of the encoder, over `FAST`.
        mux: Likewise of the container: ``(("movflags", "+faststart"),)``.
        seed: Another film.
    """
    path = Path(_folder().name) / f"{len(list(Path(_folder().name).iterdir()))}{suffix}"
    codec = codec or _CODECS.get(suffix, "libx264")
    with av.open(str(path), "w", options=dict(mux)) as container:
        container.metadata.update(dict(metadata))
        stream = container.add_stream(codec, rate=Fraction(rate))
        stream.options = FAST.get(codec, {}) | dict(options)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        context.thread_count = 2
        context.time_base = Fraction(time_base or 1 / Fraction(rate))
        _describe(stream, sample_aspect, colours, full_range, interlaced, gop, tag)
        if rotation:
            stream.set_display_rotation(rotation)
        tracks = [stream]
        if sound:
            tracks.append(container.add_stream(_SOUND[sound], rate=RATE_HZ))
            tracks[1].layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
        if subtitles:
            text = container.add_stream(_TIMED_TEXT.get(suffix, "mov_text"))
            text.codec_context.subtitle_header = _ASS
            text.time_base = Fraction(1, 1000)
        if language:
            for track in tracks:
                track.metadata["language"] = language
        if chapters:
            container.set_chapters([_chapter(n, *each) for n, each in enumerate(chapters)])
        with ordinary_priority():
            container.start_encoding()
        times = times or range(frames)
        if sound:
            duration_s = float((times[-1] + 1) * context.time_base)
            container.mux(list(_sound_packets(tracks[1], duration_s, channels)))
        for number, picture in enumerate(pictures(len(times), width, height, seed=seed)):
            frame = as_frame(picture, pix_fmt, colours, full_range)
            frame.pts, frame.time_base = times[number], context.time_base
            container.mux(stream.encode(_fielded(frame, interlaced)))
        container.mux(stream.encode(None))
        for start_s, end_s, words in subtitles:
            container.mux(_text_packet(text, start_s, end_s, words, suffix))
    return path


def pictures(count, width, height, *, seed=0):
    """``count`` pictures, ``(height, width, 3)`` uint8: a textured scene, panned, with grain."""
    scene = photograph(height + 2 * count + 8, width + 4 * count + 8, seed=seed)
    rng = np.random.default_rng(seed)
    for number in range(count):
        top, left = number, 2 * number
        view = scene[top : top + height, left : left + width].astype(np.int16)
        grain = rng.integers(-2, 3, (height, width, 1), np.int16)
        yield np.clip(view + grain, 0, 255).astype(np.uint8)


def as_frame(picture, pix_fmt="yuv420p", colours=(), full_range=None):
    """FFmpeg's frame of a picture; alpha, where there is some, is a slope from left to right."""
    if "a" in av.VideoFormat(pix_fmt, 16, 16).name.replace("gray", "").replace("pal", ""):
        slope = np.linspace(0, 255, picture.shape[1]).astype(np.uint8)
        alpha = np.broadcast_to(slope, picture.shape[:2])
        frame = av.VideoFrame.from_ndarray(np.dstack([picture, alpha]), "rgba")
    else:
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
    is_full = full_range or pix_fmt.startswith("yuvj")
    made = frame.reformat(format=pix_fmt, dst_color_range=2 if is_full else None)
    made.color_range = 2 if is_full else _RANGES[None if full_range is None else "tv"]
    if colours:
        made.color_primaries, made.color_trc, made.colorspace = colours
    return made


def _describe(stream, sample_aspect, colours, full_range, interlaced, gop, tag):
    context = stream.codec_context
    if sample_aspect:
        context.sample_aspect_ratio = sample_aspect
    if colours:
        context.color_primaries, context.color_trc, context.colorspace = colours
    if full_range is not None:
        context.color_range = 2 if full_range else 1
    if interlaced:
        context.flags |= (1 << 18) | (1 << 29)
        context.field_order = {"tff": 2, "bff": 3}[interlaced]
    if gop:
        context.gop_size = gop
    if tag:
        context.codec_tag = tag


def _fielded(frame, interlaced):
    """The frame, said to be two fields: only a filter can say that."""
    if not interlaced:
        return frame
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    graph.link_nodes(source, graph.add("setfield", interlaced), graph.add("buffersink"))
    graph.configure()
    graph.push(frame)
    return graph.pull()


def _sound_packets(stream, duration_s, channels):
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format.name,
        layout=stream.layout,
        rate=RATE_HZ,
        frame_size=context.frame_size or 1024,
    )
    samples = murmur(duration_s, RATE_HZ, channels).T
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        yield from stream.encode(piece)
    yield from stream.encode(None)


def _chapter(number, start_s, end_s, title):
    return {
        "id": number, "start": round(start_s * 1000), "end": round(end_s * 1000),
        "time_base": Fraction(1, 1000), "metadata": {"title": title},
    }  # fmt: skip


def _text_packet(stream, start_s, end_s, words, suffix):
    body = words.encode()
    packet = av.Packet(body if suffix in _TIMED_TEXT else struct.pack(">H", len(body)) + body)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = round(start_s * 1000)
    packet.duration = round((end_s - start_s) * 1000)
    packet.is_keyframe = True
    return packet


_ASS = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour,"
    b" Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline,"
    b" Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\n\n"
    b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
