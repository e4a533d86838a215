"""Small generated sounds."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

SOUND_FORMATS = {
    ".wav": "pcm_s16le",
    ".aiff": "pcm_s16be",
    ".flac": "flac",
    ".ogg": "vorbis",
    ".opus": "libopus",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".aac": "aac",
    ".webm": "libopus",
}
"""Extension and encoder."""

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def murmur(duration_s, rate_hz=16_000, channels=1, seed=1):
    """``(n, channels)`` float32: coloured noise in syllables: room for a mark, as in speech."""
    random = np.random.default_rng(seed)
    count = round(duration_s * rate_hz)
    time_s = np.arange(count) / rate_hz
    noise = random.normal(0, 1, (count, channels))
    coloured = np.cumsum(noise, axis=0) * 0.02
    coloured -= np.cumsum(coloured, axis=0) / np.arange(1, count + 1)[:, None]
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * time_s + random.uniform(0, 6))
    samples = (0.3 * noise + np.clip(coloured, -3, 3)) * swell[:, None]
    return (0.1 * samples).clip(-1, 1).astype(np.float32)


def save(path, samples, rate_hz=16_000, *, codec=None):
    """Write ``samples`` in the format that the extension of ``path`` names."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = codec or SOUND_FORMATS[path.suffix]
    samples = samples.reshape(len(samples), -1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz)
        stream.layout = _LAYOUTS[samples.shape[1]]
        if codec == "vorbis":
            stream.codec_context.options = {"strict": "-2"}
        resampler = av.AudioResampler(
            format=stream.codec_context.codec.audio_formats[0].name,
            layout=stream.layout,
            rate=rate_hz,
            frame_size=stream.codec_context.frame_size or 4096,
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T, np.float32), format="fltp", layout=stream.layout.name
        )
        frame.sample_rate, frame.pts = rate_hz, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def load(path):
    """``(n, channels)`` float32 samples of a file, and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate_hz = stream.rate
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate_hz)
        pieces = [
            piece.to_ndarray()
            for frame in container.decode(stream)
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(pieces, axis=1).T, rate_hz
