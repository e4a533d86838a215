"""Small films for the tests of stamping and verifying: calm, so that they have room for a mark."""

import av
import numpy as np

from tests.clips import FAST
from tests.scenes import photograph
from tests.sounds import murmur

SIZE = (320, 192)
RATE_HZ = 48_000
_RATE = 24
_CODECS = {".webm": "libvpx-vp9"}


def film(path, *, frames=24, size=SIZE, seed=0, sound=None):
    """Make a film at ``path``: a slow pan, and the murmur of FFmpeg's codec ``sound``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    scene = photograph(height + frames, width + frames, seed=seed)
    views = (scene[at : at + height, at : at + width] for at in range(0, frames, 3) for _ in "abc")
    with av.open(str(path), "w") as container:
        codec = _CODECS.get(path.suffix, "libx264")
        pictures = container.add_stream(codec, rate=_RATE, options=FAST[codec])
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        heard = container.add_stream(sound, rate=RATE_HZ, layout="mono") if sound else None
        for view in views:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(view), "rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if heard:
            _add_sound(container, heard, murmur(frames / _RATE, RATE_HZ, seed=seed))
    return path


def blank(path, level, size):
    """Make a film of twelve grey frames at ``path``."""
    width, height = size
    grey = np.full((height * 3 // 2, width), 128, np.uint8)
    grey[:height] = level
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=_RATE, options=FAST["libx264"])
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        for _ in range(12):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))
        container.mux(pictures.encode(None))
    return path


def with_sound(source, target, samples, codec="aac"):
    """``source`` with ``(n, 1)`` float32 samples as one more sound track, in any codec."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        copies = [writer.add_stream_from_template(each) for each in reader.streams]
        sound = writer.add_stream(codec, rate=RATE_HZ, layout="mono")
        for packet in reader.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                writer.mux(packet)
        _add_sound(writer, sound, samples)
    return target


def resaved(source, target, *, crf=26):
    """The pictures of a film encoded again, with nothing else of it left."""
    is_gif = target.suffix == ".gif"
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        track = reader.streams.video[0]
        pictures = writer.add_stream("gif" if is_gif else "libx264", rate=track.average_rate)
        pictures.width, pictures.height = track.width, track.height
        pictures.pix_fmt = "rgb8" if is_gif else "yuv420p"
        if not is_gif:
            pictures.options = {"crf": str(crf), "preset": "ultrafast"}
        for frame in reader.decode(video=0):
            writer.mux(pictures.encode(frame.reformat(format=pictures.pix_fmt)))
        writer.mux(pictures.encode(None))
    return target


def packets(path, kind, number=0):
    """The packets of one of a film's tracks of a kind, bytes each."""
    with av.open(str(path)) as container:
        track = getattr(container.streams, kind)[number]
        return [bytes(packet) for packet in container.demux(track) if packet.size]


def lumas(path):
    """The luma of every frame, ``(n, H, W)`` uint8."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.stack(frames)


def _add_sound(container, stream, samples):
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "mono")
    frame.sample_rate = RATE_HZ
    size = stream.frame_size or 1024
    resampler = av.AudioResampler(stream.format.name, "mono", RATE_HZ, size)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
