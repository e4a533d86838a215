"""Small coded sounds for tests, and what to compare them by."""

import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from labeler.media.sound import open_sound

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}


def tune(frames, channels=2, *, rate_hz=44_100, seed=0):
    """``(frames, channels)`` float32: chirps, different in each channel, with soft noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(frames)[:, None] / rate_hz
    start = 200 + 130 * np.arange(channels)
    phase = 2 * np.pi * (start * time_s + 400 * np.sin(1.3 * time_s + np.arange(channels)))
    swell = 0.5 + 0.4 * np.sin(2 * np.pi * 2.3 * time_s)
    noise = rng.normal(0, 0.01, (frames, channels))
    return (0.4 * swell * np.sin(phase) + noise).clip(-1, 1).astype(np.float32)


def coded(
    path, samples, codec, *, rate_hz=44_100, bit_rate=None, options=None, mux=None, form=None
):
    """Encode and mux ``samples`` into ``path``; ``mux``: options, and tags as ``tag:title``."""
    tags = {key[4:]: value for key, value in (mux or {}).items() if key.startswith("tag:")}
    mux = {key: value for key, value in (mux or {}).items() if not key.startswith("tag:")}
    with av.open(str(path), "w", format=form, options=mux) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        context = stream.codec_context
        context.layout = LAYOUTS[samples.shape[1]]
        context.time_base = Fraction(1, rate_hz)
        context.options = options or {}
        if bit_rate:
            context.bit_rate = bit_rate
        sample_format = context.format.name
        container.metadata.update(tags)
        context.open()
        for frame in frames(samples, sample_format, rate_hz, context.frame_size or 4096):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames(samples, sample_format, rate_hz, size):
    """FFmpeg's frames of ``samples``, full scale from -1 to 1."""
    if sample_format.startswith("s16"):
        samples = np.rint(samples * 32767).astype(np.int16)
    elif sample_format.startswith("s32"):
        samples = np.rint(samples.astype(float) * 8388607).astype(np.int32) << 8
    for start in range(0, len(samples), size):
        block = samples[start : start + size]
        laid = block.T if sample_format.endswith("p") else block.reshape(1, -1)
        layout = LAYOUTS[samples.shape[1]]
        frame = av.AudioFrame(format=sample_format, layout=layout, samples=len(block))
        # PyAV's own way takes 8 planes for 9.
        for plane, data in zip(frame.planes[: len(laid)], laid, strict=True):
            plane.update(np.ascontiguousarray(data))
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        yield frame


def read(path, frames=4000):
    """All samples that Labeler reads."""
    return np.concatenate(list(open_sound(path, name=path.name).blocks(frames)))


def rewritten(path, change=lambda block: block):
    """The file written again with changed samples."""
    target = path.with_name(f"new-{path.name}")
    target.unlink(missing_ok=True)
    opened = open_sound(path, name=path.name)
    opened.encode(map(change, opened.blocks(5000)), target)
    assert not [each for each in path.parent.iterdir() if each.name.startswith(target.name + ".")]
    return target


def lag(first, second):
    """By how many frames ``second`` is late against ``first``, told by their correlation."""
    size = 2 * max(len(first), len(second))
    spectra = [np.fft.rfft(each.mean(axis=1), size) for each in (first, second)]
    peak = int(np.argmax(np.fft.irfft(np.conj(spectra[0]) * spectra[1], size)))
    return peak if peak < size // 2 else peak - size


def snr_db(original, other):
    """Signal to noise, dB."""
    noise = np.sum((original.astype(float) - other) ** 2)
    return np.inf if not noise else 10 * np.log10(np.sum(original.astype(float) ** 2) / noise)


def by_soundfile(path):
    """What libsndfile reads."""
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def need(*programs):
    """Skip a test where a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
