"""The sound mark: the patchwork, woven into sound of any rate so that nobody hears it.

    >>> import numpy as np
    >>> from labeler.codec.payload import Handle, Origin, Payload
    >>> noise = np.random.default_rng(1).normal(0, 0.1, (48_000 * 6, 2)).astype(np.float32)
    >>> marked = embed(noise, 48_000, Payload(origin=Origin.GENERATED, handle=Handle(0, 42)))
    >>> marked.shape, marked.dtype
    ((288000, 2), dtype('float32'))

`embed` and `embed_blocks` listen to the whole sound first: they choose, of all patterns and places
to begin, what the sound resembles already, and try on samples of it how strong the mark has to be.
`Stream` marks sound while it is being made. All three weave with the same `Weaver`: given the same
thread they do the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.log_spectrum import reference
from labeler.codec.patchwork import (
    PATTERNS,
    PERIOD_CELLS,
    RATE_HZ,
    AnyPayload,
    form_of,
    pattern,
)
from labeler.codec.resampling import Resampler
from labeler.codec.sound import Samples, check_samples
from labeler.marks.signpost import Signpost
from labeler.marks.survey import Survey
from labeler.marks.threads import threads_for
from labeler.marks.weaving import Thread, Weaver, preset
from labeler.strength import Strength

__all__ = ["SHORT_FORM_BELOW_S", "Stream", "embed", "embed_blocks"]

SHORT_FORM_BELOW_S: Final = 8.0
"""Duration below which the short form of the payload is what survives editing."""
_BLOCK: Final = 1 << 16
_SILENT_RUN: Final = 32
"""Samples of digital silence in a row that stay silent."""


def embed(
    samples: Samples,
    sample_rate_hz: int,
    payload: AnyPayload,
    key: Key = PUBLIC_KEY,
    *,
    strength: Strength = "balanced",
    signpost: Signpost | None = None,
) -> Samples:
    """Mark a sound.

    Args:
        samples: ``(n,)`` or ``(n, channels)`` float32 or float64, -1 to 1.
        sample_rate_hz: Samples a second.
        payload: What the mark says.
        key: Under which key it can be found.
        strength: ``"quality"``, ``"balanced"`` or ``"robust"``.
        signpost: A second layer; None: none. Both together are as strong as one would be.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        CapacityError: The sound is too short or too quiet to carry what it is to carry.
        TypeError: The array has another dtype.
        ValueError: The array has another shape or values that are not finite, the rate is out of
            range, ``strength`` is unknown, or the signpost has the mark's own key.
    """
    check_samples(samples, sample_rate_hz)

    def blocks() -> Iterator[Samples]:
        for at in range(0, len(samples), _BLOCK):
            yield samples[at : at + _BLOCK]

    marked = embed_blocks(
        blocks, sample_rate_hz, payload, key, strength=strength, signpost=signpost
    )
    return np.concatenate([samples[:0], *marked])


def embed_blocks(
    open_blocks: Callable[[], Iterable[Samples]],
    sample_rate_hz: int,
    payload: AnyPayload,
    key: Key = PUBLIC_KEY,
    *,
    strength: Strength = "balanced",
    signpost: Signpost | None = None,
) -> Iterator[Samples]:
    """As `embed`, of a sound that is read twice in blocks; memory hardly grows with its length.

    Args:
        open_blocks: Gives the blocks of the sound from its beginning, the same each time.
        sample_rate_hz: As for `embed`.
        payload: As for `embed`.
        key: As for `embed`.
        strength: As for `embed`.
        signpost: As for `embed`.

    Returns:
        The marked sound in blocks of other sizes. It is listened to before this returns.

    Raises:
        CapacityError: See `embed`.
        TypeError: See `embed`.
        ValueError: See `embed`.
    """
    survey = _listen(open_blocks(), sample_rate_hz)
    threads = threads_for(survey, payload, key, strength, signpost)
    return _mark(open_blocks(), sample_rate_hz, threads)


def _listen(blocks: Iterable[Samples], sample_rate_hz: int) -> Survey:
    survey = Survey(highest_hz=_highest_hz(sample_rate_hz))
    resampler = Resampler(sample_rate_hz, RATE_HZ, channels=1)
    for block in blocks:
        check_samples(block, sample_rate_hz)
        survey.push(resampler.push(reference(block)[:, None])[:, 0])
    survey.push(resampler.finish()[:, 0])
    survey.finish()
    return survey


def _mark(
    blocks: Iterable[Samples], sample_rate_hz: int, threads: Sequence[Thread]
) -> Iterator[Samples]:
    rest = iter(blocks)
    first = next(rest, None)
    if first is None:
        return
    channels = 1 if first.ndim == 1 else first.shape[1]
    marking = _Marking(sample_rate_hz, channels, threads)
    for block in chain([first], rest):
        yield marking.push(block)
    yield marking.finish()


def _highest_hz(sample_rate_hz: int) -> float:
    """Frequency from which on nothing is changed: close to it, filters differ."""
    return min(RATE_HZ, sample_rate_hz) * 0.49


class Stream:
    """Marks sound while it is being made, chunk by chunk.

    A mark that is woven blindly: it cannot choose what suits sound that is still to come, and is
    not tried out. Use `embed` for sound that is complete. Chunks may have any size; they come out
    up to a quarter of a second later, and `finish` gives the rest.

    Args:
        sample_rate_hz: Samples a second.
        channels: Channels of the chunks.
        payload: What the mark says.
        key: Under which key it can be found.
        strength: ``"quality"``, ``"balanced"`` or ``"robust"``.
        signpost: A second layer; None: none. Both together are as strong as one would be.

    Raises:
        ValueError: The rate is out of range, there is no channel, ``strength`` is unknown, or the
            signpost has the mark's own key.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        payload: AnyPayload,
        key: Key = PUBLIC_KEY,
        *,
        strength: Strength = "balanced",
        signpost: Signpost | None = None,
    ) -> None:
        check_samples(np.zeros((0, channels), np.float32), sample_rate_hz)
        self._sample_rate_hz = sample_rate_hz
        threads = _drawn_threads(payload, key, preset(strength), signpost)
        self._marking = _Marking(sample_rate_hz, channels, threads)

    def push(self, samples: Samples) -> Samples:
        """Take a chunk, and give what is marked by now.

        Args:
            samples: ``(n,)`` for one channel, or ``(n, channels)``, float32 or float64, -1 to 1.

        Raises:
            TypeError: The array has another dtype.
            ValueError: It has another shape, values that are not finite, or comes after `finish`.
        """
        check_samples(samples, self._sample_rate_hz)
        return self._marking.push(samples)

    def finish(self) -> Samples:
        """The rest, once no more chunks come. Together there are as many samples as came.

        Raises:
            ValueError: It was called before.
        """
        return self._marking.finish()


def _drawn_threads(
    payload: AnyPayload, key: Key, strength: float, signpost: Signpost | None
) -> list[Thread]:
    """Threads that the keys choose: another pattern and place to begin for every payload."""
    if signpost is None:
        return [_drawn_thread(payload, key, strength)]
    public, share = signpost.beside(key), signpost.share
    return [
        _drawn_thread(payload, key, strength * math.sqrt(1 - share)),
        _drawn_thread(public.payload, public.key, strength * math.sqrt(share)),
    ]


def _drawn_thread(payload: AnyPayload, key: Key, strength: float) -> Thread:
    form = form_of(payload)
    drawn = key.stream(f"patchwork.v1/start/{form}/{payload.to_int()}").bytes(8)
    number, start = (int.from_bytes(part, "big") for part in (drawn[:4], drawn[4:]))
    chosen = pattern(key, form, number % PATTERNS[form])
    return Thread.of(chosen.signs_of(payload), start % PERIOD_CELLS, strength)


class _Marking:
    """Adds the mark to sound of any rate that comes in blocks."""

    def __init__(self, sample_rate_hz: int, channels: int, threads: Sequence[Thread]) -> None:
        self._channels = channels
        self._down = Resampler(sample_rate_hz, RATE_HZ, channels=channels)
        self._up = Resampler(RATE_HZ, sample_rate_hz, channels=channels)
        self._weaver = Weaver(channels, threads, highest_hz=_highest_hz(sample_rate_hz))
        self._waiting: Samples | None = None
        self._mark = np.zeros((0, channels), np.float32)
        self._before: Samples = np.zeros((0, channels), np.float32)
        self._is_finished = False

    def push(self, samples: Samples) -> Samples:
        if self._is_finished:
            raise ValueError("a sound that is finished takes no more samples")
        if (1 if samples.ndim == 1 else samples.shape[1]) != self._channels:
            raise ValueError(f"{self._channels} channels are expected, not shape {samples.shape}")
        waiting = samples[:0] if self._waiting is None else self._waiting
        self._waiting = np.concatenate([waiting, samples])
        columns = samples.astype(np.float32, copy=False).reshape(-1, self._channels)
        self._take(self._up.push(self._weaver.push(self._down.push(columns))))
        return self._give(len(self._mark) - _SILENT_RUN)

    def finish(self) -> Samples:
        if self._is_finished:
            raise ValueError("the sound is finished already")
        self._is_finished = True
        if self._waiting is None:
            return np.zeros((0, self._channels), np.float32)
        rest = [self._weaver.push(self._down.finish()), self._weaver.finish()]
        self._take(self._up.push(np.concatenate(rest)))
        self._take(self._up.finish())
        missing = len(self._waiting) - len(self._mark)
        if missing > 0:
            self._take(np.zeros((missing, self._channels), np.float32))
        return self._give(len(self._waiting))

    def _take(self, mark: NDArray[np.float32]) -> None:
        self._mark = np.concatenate([self._mark, mark])

    def _give(self, count: int) -> Samples:
        """The next ``count`` samples, marked."""
        waiting = self._waiting
        if waiting is None:
            raise ValueError("nothing was pushed yet")
        count = max(0, min(count, len(waiting) - _SILENT_RUN if not self._is_finished else count))
        sound = waiting[:count].reshape(count, self._channels)
        mark = self._mark[:count].astype(sound.dtype)
        around = np.concatenate([self._before, waiting.reshape(len(waiting), self._channels)])
        mark[_silent(around)[len(self._before) :][:count]] = 0
        passed = len(self._before) + count
        self._before = around[max(0, passed - _SILENT_RUN) : passed]
        # What is not clipped yet does not become so.
        marked = np.clip(sound + mark, np.minimum(sound, -1), np.maximum(sound, 1))
        self._waiting, self._mark = waiting[count:], self._mark[count:]
        return np.asarray(marked.reshape(count, *waiting.shape[1:]), waiting.dtype)


def _silent(sound: Samples) -> NDArray[np.bool_]:
    """``(n,)`` which samples belong to a run of digital silence."""
    zero = np.logical_and.reduce([channel == 0 for channel in sound.T])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], zero, [False]]).astype(np.int8)))
    silent = np.zeros(len(zero), np.bool_)
    for first, last in edges.reshape(-1, 2):
        if last - first >= _SILENT_RUN:
            silent[first:last] = True
    return silent
