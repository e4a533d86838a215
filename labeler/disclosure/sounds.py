"""Sound with a spoken label in it.

    sound = open_sound(Path("voice.wav"), name="voice.wav")
    with_label = labelled(sound, SpokenLabel())
    with_label.encode(with_label.blocks(), Path("labelled.wav"))

Where nothing in a file is tied to times, the label is *inserted*: it is heard first, and then the
content, of which no sample changes. Else, and in films, it is *laid over* the content, which is
ducked meanwhile and keeps its times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from labeler.codec.sound import Samples
from labeler.disclosure.labels import SpokenLabel
from labeler.disclosure.loudness import loudness
from labeler.disclosure.pauses import Heard, Place, listen, places
from labeler.disclosure.spoken import announcement, voiced
from labeler.errors import ObligationError
from labeler.media.media_type import MediaType
from labeler.media.pcm import Coding, SampleFormat
from labeler.media.sample_blocks import regrouped
from labeler.media.sound import Sound
from labeler.media.sound_interface import SoundLimits
from labeler.media.speakers import usual_names

__all__ = ["LabelledSound", "label_segment", "labelled"]

_Segment = TypeVar("_Segment")

# While the label is spoken the content is so much softer; it goes down and up in so many seconds.
_DUCKED: Final = 10 ** (-18 / 20)
_RAMP_S: Final = 0.25
# Most that a sample of the label is: -1 dBFS alone, less where content is heard under it.
_PEAK: Final = 10 ** (-1 / 20)
_PEAK_OVER: Final = 0.8
_BLOCK_FRAMES: Final = 1 << 16
# What was opened has been checked already.
_ANY_LENGTH: Final = SoundLimits(max_channels=1 << 16, max_frames=1 << 62)


def labelled(sound: Sound, label: SpokenLabel, *, insert: bool | None = None) -> LabelledSound:
    """A sound with its spoken label. It is heard once before this returns.

    Args:
        sound: The opened file; it stays as it is.
        label: What is said, and when.
        insert: True: inserted; False: laid over; None: inserted where the file's length can change.

    Raises:
        ObligationError: It cannot be inserted though that was asked for, or the content is too
            short for it to be laid over, or the user's own recording is silent.
        LabelerError: ``sound``, or the user's own recording, cannot be read.
    """
    why_fixed = sound.why_fixed
    if insert and why_fixed is not None:
        raise ObligationError(
            f"the spoken label cannot be inserted: {why_fixed}",
            hint="Have it laid over the content",
            file=sound.name,
        )
    plan = _plan(
        sound.blocks,
        label,
        _Form(sound.sample_rate_hz, sound.channels, sound.channel_names, sound.name),
        insert=why_fixed is None if insert is None else insert,
    )
    return LabelledSound(sound, plan)


def label_segment(segment: _Segment, label: SpokenLabel, *, insert: bool = True) -> _Segment:
    """A ``pydub.AudioSegment`` with its spoken label; width, rate and channels stay as they are.

    Args:
        segment: A ``pydub.AudioSegment``; it stays as it is.
        label: What is said, and when.
        insert: Whether it is inserted; else it is laid over.

    Raises:
        ObligationError: ``segment`` is too short for the label to be laid over, or the user's own
            recording is silent.
        TypeError: It is no ``pydub.AudioSegment``.
        ValueError: It is empty.
        LabelerError: The user's own recording cannot be read.
    """
    given = cast("Any", segment)
    if not all(hasattr(given, name) for name in ("raw_data", "sample_width", "frame_rate")):
        raise TypeError(f"a {type(segment).__name__} is no pydub.AudioSegment")
    width, channels = given.sample_width, given.channels
    stored = SampleFormat(coding=Coding.SIGNED, width=width, bits=8 * width)
    samples = stored.decode(given.raw_data).reshape(-1, channels)
    if not len(samples):
        raise ValueError("the segment is empty")
    form = _Form(given.frame_rate, channels, usual_names(channels), "the segment")
    plan = _plan(lambda: [samples], label, form, insert=insert)
    data = b"".join(map(stored.encode, plan.applied([samples])))
    made: _Segment = type(given)(
        data=data, sample_width=width, frame_rate=given.frame_rate, channels=channels
    )
    return made


class LabelledSound(Sound):
    """A `Sound` whose blocks have the label in them, and which is written as its file is.

    Args:
        sound: The opened file.
        plan: Where the label is heard.
    """

    def __init__(self, sound: Sound, plan: _Plan) -> None:
        super().__init__(_LabelledCodec(sound, plan), _ANY_LENGTH, name=sound.name)
        self._plan = plan

    @property
    def is_inserted(self) -> bool:
        """Whether the content waits for the label; else it is laid over."""
        return self._plan.places[0].is_inserted

    @property
    def spoken_s(self) -> tuple[float, ...]:
        """When the label begins to be heard in the labelled sound, seconds, pauses included."""
        return self._plan.starts_s


@dataclass(frozen=True, slots=True)
class _Form:
    """What samples are."""

    sample_rate_hz: int
    channels: int
    channel_names: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Where the label is heard, and what it sounds like."""

    heard: Heard
    places: tuple[Place, ...]
    voice: NDArray[np.float32]
    """``(n, channels)``."""
    under: NDArray[np.float32]
    """``(n, 1)`` what content that is heard under it is multiplied with."""

    @property
    def length(self) -> int:
        """Frames of content and label."""
        return self.heard.frames + len(self.voice) * sum(place.is_inserted for place in self.places)

    @property
    def starts_s(self) -> tuple[float, ...]:
        """When it begins each time."""
        starts, inserted = [], 0
        for place in self.places:
            starts.append((place.at + inserted) / self.heard.sample_rate_hz)
            inserted += len(self.voice) if place.is_inserted else 0
        return tuple(starts)

    def applied(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """The content with the label in it; blocks as they come, and further ones."""
        position = 0
        for block in blocks:
            begin, end = position, position + len(block)
            position = end
            mixed = self._laid_over(block, begin)
            done = begin
            for place in self.places:
                if place.is_inserted and begin <= place.at < end:
                    if place.at > done:
                        yield mixed[done - begin : place.at - begin]
                    yield self.voice.astype(block.dtype, copy=False)
                    done = place.at
            if end > done:
                yield mixed[done - begin :]

    def _laid_over(self, block: Samples, begin: int) -> Samples:
        """``block``, which begins at frame ``begin`` of the content, with what is laid over it."""
        result, size = block, len(self.voice)
        for place in self.places:
            low, high = max(place.at, begin), min(place.at + size, begin + len(block))
            if place.is_inserted or low >= high:
                continue
            result = block.copy() if result is block else result
            here = slice(low - begin, high - begin)
            there = slice(low - place.at, high - place.at)
            # Content beyond full scale, which floats can have, stays so only where nothing is laid.
            bound = np.where(self.under[there] == np.float32(_DUCKED), 1.0, np.inf)
            both = result[here] * self.under[there] + self.voice[there]
            result[here] = np.clip(both, -bound, bound)
        return result


def _plan(
    open_blocks: Callable[[], Iterable[Samples]], label: SpokenLabel, form: _Form, *, insert: bool
) -> _Plan:
    rate_hz = form.sample_rate_hz
    said = announcement(label, rate_hz)
    if loudness([said[:, None]], rate_hz, 1) is None:
        raise ObligationError(
            "the recording of the spoken label is silent",
            hint="Give another recording, or none for the one that ships",
            file=str(label.recording),
        )
    heard = listen(open_blocks(), rate_hz, form.channels, form.channel_names)
    if not insert and heard.frames < len(said):
        raise ObligationError(
            f"the sound lasts {heard.frames / rate_hz:.1f} s, and the spoken label "
            f"{len(said) / rate_hz:.1f} s",
            hint="Give a shorter recording, or longer content",
            file=form.name,
        )
    found = places(label.schedule, heard, frames=len(said), insert=insert)
    voice = voiced(
        said,
        rate_hz,
        form.channel_names,
        channels=form.channels,
        loudness_lufs=heard.loudness_lufs,
        peak=_PEAK if all(place.is_inserted for place in found) else _PEAK_OVER,
    )
    return _Plan(heard=heard, places=found, voice=voice, under=_under(len(said), rate_hz))


def _under(frames: int, rate_hz: int) -> NDArray[np.float32]:
    """Down, held, and up again, with raised cosines."""
    ramp = min(round(_RAMP_S * rate_hz), frames // 2)
    down = _DUCKED + (1 - _DUCKED) * (0.5 + 0.5 * np.cos(np.pi * np.arange(ramp) / max(ramp, 1)))
    gains = np.full(frames, _DUCKED)
    gains[:ramp] = down
    gains[frames - ramp :] = down[::-1]
    return gains.astype(np.float32)[:, None]


class _LabelledCodec:
    """The `SoundCodec` of a labelled sound, which `LabelledSound` itself writes.

    Args:
        sound: The opened file.
        plan: Where the label is heard.
    """

    def __init__(self, sound: Sound, plan: _Plan) -> None:
        self._sound = sound
        self._plan = plan
        self.sample_rate_hz = sound.sample_rate_hz
        self.channels = sound.channels
        self.channel_names = sound.channel_names
        self.length: int | None = plan.length
        self.why_fixed = sound.why_fixed

    @property
    def damage(self) -> str | None:
        """See `Sound.damage`."""
        return self._sound.damage

    @damage.setter
    def damage(self, _: str | None) -> None:
        raise AttributeError("what is damaged is the file")

    @property
    def media_type(self) -> MediaType:
        """The format."""
        return self._sound.media_type

    @property
    def duration_s(self) -> float | None:
        """How long it plays."""
        return self._plan.length / self.sample_rate_hz

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples with the label in them."""
        return regrouped(self._plan.applied(self._sound.blocks(_BLOCK_FRAMES)), frames)

    def encode(self, blocks: Iterable[Samples], target: Path, *, length: int | None = None) -> None:
        """Have the file written, longer by the labels that are inserted."""
        target.unlink()  # The file's own writing begins with a target that does not exist yet.
        self._sound.encode(blocks, target, length=self.length if length is None else length)
