"""The spoken label itself: a recording with pauses around it, as loud as the content.

In the 24 official languages of the Union the recordings in ``recordings`` say the sentences of
`labeler.disclosure.words`. For China it is the rhythm "short long, short short" (GB 45438-2025,
explicit labels of audio): "AI" in Morse code.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.resampling import Resampler
from labeler.codec.sound import Samples
from labeler.disclosure.labels import Scheme, SpokenLabel
from labeler.disclosure.loudness import loudness
from labeler.media.pcm import Coding, SampleFormat
from labeler.media.sound import open_sound
from labeler.media.sound_interface import SoundLimits

__all__ = ["announcement", "pydub_segment", "recording_path", "voiced"]

# Around what is said, and within it for China: "dit" and its multiples (ITU-R M.1677-1), 10 words
# a minute.
_PAD_MS: Final = 300
_FADE_MS: Final = 10
_DIT_MS: Final = 120
_TONE_HZ: Final = 800
_TONE_DB: Final = -12.0
_RHYTHM: Final = (".-", "..")
_MOST_RECORDED: Final = SoundLimits(max_channels=8, max_frames=60 * 192_000)
_STORED: Final = SampleFormat(coding=Coding.SIGNED, width=4, bits=32)
# Of content that is silent; of content that hardly can be heard, or is louder than speech can be.
_USUAL_LUFS: Final = -23.0
_SOFTEST_LUFS: Final = -36.0
_LOUDEST_LUFS: Final = -12.0
_LIMITER_S: Final = 0.005
_ROUNDS: Final = 3
_CENTRE: Final = "FC"
_RUMBLE: Final = frozenset({"LFE", "LFE2"})


def recording_path(label: SpokenLabel) -> Path:
    """The recording that is spoken: the user's own, or the one that ships for the language."""
    if label.recording is not None:
        return label.recording
    name = f"{label.language}-{label.extent}.opus"
    return Path(str(resources.files("labeler.disclosure"))) / "recordings" / name


def announcement(label: SpokenLabel, sample_rate_hz: int) -> NDArray[np.float32]:
    """What is heard: a pause, the words (or the rhythm), a pause; faded at both ends.

    Args:
        label: Whose rules, which language, and the user's own recording.
        sample_rate_hz: Samples a second.

    Returns:
        ``(n,)`` one channel, -1 to 1.

    Raises:
        UnreadableMediaError: The user's own recording cannot be read.
        UnsupportedMediaError: It is no sound, or of a format that Labeler does not handle.
        MediaTooLargeError: It is longer than a minute at 192 kHz.
    """
    if label.scheme is Scheme.CHINA and label.recording is None:
        segment = _rhythm(sample_rate_hz)
    else:
        path = recording_path(label)
        said = _mono(path, sample_rate_hz)
        segment = pydub_segment(said, sample_rate_hz).fade_in(_FADE_MS).fade_out(_FADE_MS)
    silence = _pydub().AudioSegment.silent(_PAD_MS, frame_rate=sample_rate_hz)
    whole = silence + segment + silence
    width = whole.sample_width
    form = SampleFormat(coding=Coding.SIGNED, width=width, bits=8 * width)
    return form.decode(whole.raw_data).astype(np.float32)


def voiced(
    said: NDArray[np.float32],
    sample_rate_hz: int,
    channel_names: tuple[str, ...],
    *,
    channels: int,
    loudness_lufs: float | None,
    peak: float,
) -> NDArray[np.float32]:
    """The announcement in the content's channels, as loud as the content.

    Where there is a centre it speaks from there, as in films; else from all channels but those
    for low frequencies.

    Args:
        said: ``(n,)``.
        sample_rate_hz: Of it.
        channel_names: See `Sound.channel_names`.
        channels: How many.
        loudness_lufs: Integrated loudness of the content; None of silence.
        peak: No sample is larger: louder peaks are limited.

    Returns:
        ``(n, channels)``.
    """
    gains = _channel_gains(channel_names, channels)
    wanted = _USUAL_LUFS if loudness_lufs is None else loudness_lufs
    wanted = min(max(wanted, _SOFTEST_LUFS), _LOUDEST_LUFS)
    gain, result = 1.0, _limited(said, sample_rate_hz, peak)
    for _ in range(_ROUNDS):  # A limiter makes it softer, which more gain makes up for.
        now = loudness([result[:, None] * gains], sample_rate_hz, channels, channel_names)
        if now is None:
            break
        gain *= float(10 ** ((wanted - now) / 20))
        result = _limited(said * gain, sample_rate_hz, peak)
    return result[:, None] * gains


def _channel_gains(names: tuple[str, ...], channels: int) -> NDArray[np.float32]:
    if channels > 2 and _CENTRE in names:
        return np.array([name == _CENTRE for name in names], np.float32)
    heard = np.array([name not in _RUMBLE for name in names], np.float32)
    return heard if heard.any() else np.ones(channels, np.float32)


def _limited(samples: NDArray[np.floating[Any]], rate_hz: int, peak: float) -> NDArray[np.float32]:
    """``samples`` with their gain reduced around peaks beyond ``peak``."""
    size = max(1, round(_LIMITER_S * rate_hz))
    peaks = np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), size))
    gains = np.minimum(1, peak / np.maximum(peaks, 1e-9))
    # The gain goes from one stretch's middle to the next one's, and each has its neighbours' least.
    edge = np.pad(gains, 1, mode="edge")
    least = np.minimum(np.minimum(edge[:-2], gains), edge[2:])
    middles = (np.arange(len(least)) + 0.5) * size
    smooth = np.interp(np.arange(len(samples)), middles, least)
    limited: NDArray[np.float32] = np.clip(samples * smooth, -peak, peak).astype(np.float32)
    return limited


def _mono(path: Path, sample_rate_hz: int) -> NDArray[np.float32]:
    sound = open_sound(path, name=path.name, limits=_MOST_RECORDED)
    resampler = Resampler(sound.sample_rate_hz, sample_rate_hz, channels=1)
    pieces = [resampler.push(_mixed(block)) for block in sound.blocks()]
    return np.concatenate([*pieces, resampler.finish()])[:, 0].clip(-1, 1)


def _mixed(block: Samples) -> NDArray[np.float32]:
    mixed: NDArray[np.float32] = block.mean(axis=1, keepdims=True).astype(np.float32)
    return mixed


def _rhythm(sample_rate_hz: int) -> Any:
    """The letters A and I: a dah is three dits, and so is the pause between letters."""
    pydub = _pydub()
    make = pydub.generators.Sine(_TONE_HZ, sample_rate=sample_rate_hz, bit_depth=16)
    pause = pydub.AudioSegment.silent(_DIT_MS, frame_rate=sample_rate_hz)
    letters = []
    for letter in _RHYTHM:
        tones = [
            make.to_audio_segment(_DIT_MS * (3 if sign == "-" else 1), volume=_TONE_DB)
            .fade_in(_FADE_MS)
            .fade_out(_FADE_MS)
            for sign in letter
        ]
        letters.append(_joined(tones, pause))
    return _joined(letters, pause * 3)


def _joined(segments: Iterable[Any], between: Any) -> Any:
    first, *rest = segments
    for segment in rest:
        first = first + between + segment
    return first


def pydub_segment(samples: NDArray[np.float32], sample_rate_hz: int) -> Any:
    """A ``pydub.AudioSegment`` of ``(n,)`` samples, 32 bits."""
    return _pydub().AudioSegment(
        data=_STORED.encode(samples), sample_width=4, frame_rate=sample_rate_hz, channels=1
    )


@cache
def _pydub() -> Any:
    with warnings.catch_warnings():
        # It warns where there is no ffmpeg, which nothing here needs, and itself imports what is
        # to be removed from Python.
        warnings.simplefilter("ignore")
        import pydub  # noqa: PLC0415  it takes a while, and few callers need it
        import pydub.generators  # noqa: PLC0415  as above
    return pydub
