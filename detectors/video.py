"""Finding the mark in a film, blindly: in any excerpt, at any size, rate and speed.

    found = detect_file(Path("film.mp4"), keyring)
    found.presence, found.payload, found.spans

It is the image mark's lattice, still over all frames. The frames are stacked
(`detectors.stacking`), and each window of some seconds is searched and read like a picture
(`detectors.search`, `detectors.reading`). First come a few frames a second, of those that others
refer to, which are cheap to decode; where these show nothing and the film is short, every frame.
Once a mark is found, it alone is looked for, which tells the spans of time that carry it.
"""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Final

from detectors.image import PRESENT_AT, Geometry, geometry_of, ring_of
from detectors.mark_layers import MarkLayer
from detectors.reading import Heard, Reading, read, word_statistic
from detectors.report import Presence
from detectors.search import hypotheses, search
from detectors.spans import Span
from detectors.spectrum import Residual, transform
from detectors.stacking import Stack, Stacks, stack_segments
from detectors.synchronisation import Place, hear
from labeler.codec.keys import Key
from labeler.codec.lattice import NATIVE_PERIODS
from labeler.codec.luma import LumaFrame
from labeler.codec.payload import Payload
from labeler.codec.significance import p_value
from labeler.media.video import Video, open_video

__all__ = ["Detection", "detect", "detect_each", "detect_file", "detect_lumas"]

_WINDOW_SEGMENTS: Final = 5
"""Segments that are searched together: ten seconds."""
_HOP_SEGMENTS: Final = 4
"""From one window to the next, so that a mark of a few seconds is whole in one of them."""
_SAMPLED_S: Final = (0.25, 0.4)
"""At first, at most one frame in so many seconds, of short films and of others."""
_SHORT_S: Final = 20.0
"""Films up to this length are short: where a first look shows nothing, a second takes every frame,
as far as `_CLOSELY_S` lets it. Others have frames enough as it is."""
_CLOSELY_S: Final = 1 / 32
"""In that second look, at most one frame in so many seconds."""
_LOOKS: Final = 3
"""How often a window is searched: all its frames, its key frames, and both together."""
_SURE: Final = 1e-3
"""By how much a p-value has to be below `PRESENT_AT` for no other window to be searched."""
_SPAN_AT: Final = 3.5
"""Deviations of a segment, or of three together, from which on it carries the mark."""
_SPAN_SHARE: Final = 0.25
"""What a segment must have of the strongest one, to be part of a span at all."""
_GAP_S: Final = 2.5
"""Spans closer than this are one."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found in a film."""

    presence: Presence
    """PRESENT: a mark under one of the keys. INCONCLUSIVE: the synchronisation carriers are there,
    but none of the keys reads what they frame. ABSENT: neither."""
    p_value: float
    """Probability of so strong a result under a key drawn at random, whatever the film: every
    window, place, pattern, code word and key that could have been tried is counted."""
    payload: Payload | None
    """What the mark says; only where it is PRESENT and its CRC holds."""
    key_id: str | None
    """The key under which it is PRESENT."""
    spans: tuple[Span, ...]
    """The spans of time that carry it, seconds from the first frame; only where it is PRESENT."""
    geometry: Geometry | None
    """How the marked pictures lie in the frames; only where it is PRESENT or INCONCLUSIVE."""
    frames_used: int
    """How many frames were stacked."""
    synchronisation_p_value: float
    """Probability of so strong a synchronisation without any lattice mark."""
    layers: tuple[MarkLayer, ...] = ()
    """What each key says under which a mark is PRESENT; not of `detect_each`."""


def detect_file(path: Path | str, keys: Mapping[str, Key] | Iterable[Key]) -> Detection:
    """Look for the strongest mark under any of ``keys`` in a file.

    Args:
        path: The film.
        keys: A `Keyring` or keys.

    Raises:
        MediaError: It cannot be opened or decoded.
        ValueError: No key was given.
    """
    return detect(open_video(Path(path), name=str(path)), keys)


def detect(video: Video, keys: Mapping[str, Key] | Iterable[Key]) -> Detection:
    """Look for the strongest mark under any of ``keys``.

    Args:
        video: The opened film.
        keys: A `Keyring` or keys.

    Raises:
        UnreadableMediaError: It is truncated or damaged.
        ValueError: No key was given.
    """
    return _view(video, ring_of(keys)).conclude()


def detect_each(video: Video, keys: Mapping[str, Key] | Iterable[Key]) -> list[Detection]:
    """Look for a mark under each of ``keys``: one detection a key, in order.

    The p-value of each counts its own key alone: whoever picks the best of many has to multiply.

    Args:
        video: The opened film.
        keys: A `Keyring` or keys.

    Raises:
        UnreadableMediaError: It is truncated or damaged.
        ValueError: No key was given.
    """
    ring = ring_of(keys)
    viewing = _view(video, ring)
    return [viewing.conclude_on(number, of_keys=1) for number in range(len(ring))]


def detect_lumas(frames: Iterable[LumaFrame], keys: Mapping[str, Key] | Iterable[Key]) -> Detection:
    """Look for the strongest mark under any of ``keys`` in frames, all of which are stacked.

    Args:
        frames: In the order in which they are shown, all of the same size.
        keys: A `Keyring` or keys.

    Raises:
        ValueError: No key was given.
    """
    viewing = _Viewing(ring_of(keys))
    viewing.watch(frames)
    return viewing.conclude()


def _view(video: Video, keys: list[Key]) -> _Viewing:
    """Look through a film: cheaply, and where that is not enough, closely."""
    is_short = video.duration_s is not None and video.duration_s <= _SHORT_S
    viewing = _Viewing(keys, passes=2 if is_short else 1)
    viewing.watch(video.frames(every_s=_SAMPLED_S[0 if is_short else 1], skip=True))
    if is_short and not viewing.is_present:
        viewing.watch(video.frames(every_s=_CLOSELY_S))
    return viewing


@dataclass(frozen=True, slots=True)
class _Found:
    """The strongest reading under one key so far."""

    reading: Reading
    place: Place
    geometry: Geometry
    span: Span
    """The window that it comes from."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """The strongest synchronisation so far."""

    z: float
    geometry: Geometry | None


class _Viewing:
    """One film that is being looked through.

    Args:
        keys: Under which marks are looked for.
        passes: How often it may be watched; significance counts them all.
    """

    def __init__(self, keys: list[Key], *, passes: int = 1) -> None:
        self._keys = keys
        self._passes = passes
        self._stacks: list[Stacks] = []
        self._windows = self._besides = 0
        self._frames = 0
        self._found: list[_Found | None] = [None] * len(keys)
        self._heard = _Heard(0.0, None)

    @property
    def is_present(self) -> bool:
        """Whether a mark with its payload was found."""
        return self._is_found(PRESENT_AT)

    def watch(self, frames: Iterable[LumaFrame]) -> None:
        """Stack ``frames`` and search them, window by window and all together."""
        stacks = Stacks()
        self._stacks.append(stacks)
        window: deque[Stack] = deque(maxlen=_WINDOW_SEGMENTS)
        total: Stack | None = None
        count = fresh = 0
        for stack in stack_segments(frames):
            self._frames += stack.frames
            stacks.append(stack)
            window.append(stack)
            total = stack if total is None else total + stack
            count, fresh = count + 1, fresh + 1
            if fresh >= _HOP_SEGMENTS and len(window) == _WINDOW_SEGMENTS:
                self._look(window)
                fresh = 0
        if fresh:
            self._look(window)
        if total is not None and count > _WINDOW_SEGMENTS:
            self._look([total])
        if total is not None and len(self._keys) > 1:
            self._look_beside(total)

    def conclude(self) -> Detection:
        """What may be said of the strongest mark, and of those of other keys in its place."""
        count = len(self._keys)
        strongest = min(range(count), key=self._p_value)
        found = self.conclude_on(strongest, of_keys=count)
        return replace(found, layers=tuple(self._layers()))

    def _layers(self) -> Iterator[MarkLayer]:
        for number, key in enumerate(self._keys):
            found, p = self._found[number], min(1.0, self._p_value(number) * len(self._keys))
            if found is not None and p <= PRESENT_AT:
                payload = found.reading.payload
                yield MarkLayer(key_id=key.key_id, p_value=p, payload=payload)

    def conclude_on(self, number: int, *, of_keys: int) -> Detection:
        """What may be said of one key, if it is the best of so many."""
        chance = math.log(self._looks * hypotheses(len(NATIVE_PERIODS)))
        heard = p_value(self._heard.z, log_hypotheses=chance)
        found = self._found[number]
        p = min(1.0, self._p_value(number) * of_keys)
        geometry: Geometry | None
        if found is not None and p <= PRESENT_AT:
            presence, geometry = Presence.PRESENT, found.geometry
        elif heard <= PRESENT_AT:
            presence, geometry, found = Presence.INCONCLUSIVE, self._heard.geometry, None
        else:
            presence, geometry, found = Presence.ABSENT, None, None
        return Detection(
            presence=presence,
            p_value=p,
            payload=None if found is None else found.reading.payload,
            key_id=None if found is None else self._keys[number].key_id,
            spans=() if found is None else self._spans(found, self._keys[number]),
            geometry=geometry,
            frames_used=self._frames,
            synchronisation_p_value=heard,
        )

    @property
    def _looks(self) -> int:
        """How many searches there could have been."""
        # A pass that was not needed would have had as many windows as the one before.
        passes = 1 + self._passes - len(self._stacks)
        return max(1, self._windows * passes * _LOOKS + self._besides)

    def _p_value(self, number: int) -> float:
        """Of the strongest reading under one key; other keys are not counted."""
        found = self._found[number]
        return 1.0 if found is None else min(1.0, found.reading.p_value * self._looks)

    def _is_found(self, limit: float) -> bool:
        """Whether a payload was read under some key."""
        return any(
            found is not None
            and found.reading.payload is not None
            and self._p_value(number) * len(self._keys) <= limit
            for number, found in enumerate(self._found)
        )

    def _look(self, window: Iterable[Stack]) -> None:
        """Search one window, unless a mark is known by now."""
        self._windows += 1
        if self._is_found(_SURE * PRESENT_AT):
            return
        stack = reduce(operator.add, window)
        span = Span(stack.start_s, stack.end_s)
        residuals = [stack.residual]
        if stack.keys is not None:
            residuals += [stack.mixed(), stack.keys]
        for residual in residuals:
            if not self._is_found(_SURE * PRESENT_AT):
                self._search(residual, span)

    def _look_beside(self, total: Stack) -> None:
        """Read all keys where one was found, in all that was watched.

        Once a mark was read, no other window was searched: another key's, which is weaker, may not
        have been in it.
        """
        if not self._is_found(_SURE * PRESENT_AT):
            return
        found = min((each for each in self._found if each is not None), key=_by_p_value)
        self._besides += 1
        spectrum = transform(total.residual)
        heard = [Heard(found.place.z, hear(spectrum, found.place))]
        span = Span(total.start_s, total.end_s)
        for number, reading in enumerate(read(heard, self._keys)):
            self._take(number, _Found(reading, found.place, found.geometry, span))

    def _take(self, number: int, found: _Found) -> None:
        before = self._found[number]
        if before is None or found.reading.p_value < before.reading.p_value:
            self._found[number] = found

    def _search(self, residual: Residual, span: Span) -> None:
        spectrum = transform(residual)
        places = search(spectrum, NATIVE_PERIODS)
        if not places:
            return
        if places[0].z > self._heard.z:
            self._heard = _Heard(places[0].z, geometry_of(places[0], spectrum))
        heard = [Heard(place.z, hear(spectrum, place)) for place in places]
        for number, reading in enumerate(read(heard, self._keys)):
            place = places[reading.place]
            self._take(number, _Found(reading, place, geometry_of(place, spectrum), span))

    def _spans(self, found: _Found, key: Key) -> tuple[Span, ...]:
        """The spans of time that say what was found."""
        payload = found.reading.payload
        if payload is None:
            return (found.span,)
        carrying = [
            span for stacks in self._stacks for span in _carrying(stacks, found, key, payload)
        ]
        return _joined(carrying) or (found.span,)


def _by_p_value(found: _Found) -> float:
    return found.reading.p_value


def _carrying(stacks: Stacks, found: _Found, key: Key, payload: Payload) -> Iterator[Span]:
    """The segments that say the same at the same place."""
    spans, strengths = [], [0.0]
    for stack in stacks:
        heard = Heard(0.0, hear(transform(stack.residual), found.place))
        spans.append(Span(stack.start_s, stack.end_s))
        strengths.append(word_statistic(heard, key, payload, found.reading.pattern))
    least = _SPAN_SHARE * max(strengths)
    strengths.append(0.0)
    for number, span in enumerate(spans):
        before, own, behind = strengths[number : number + 3]
        together = (before + own + behind) / math.sqrt(3)
        if own >= least and max(own, together) >= _SPAN_AT:
            yield span


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch or nearly touch as one."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start_s):
        if joined and span.start_s <= joined[-1].end_s + _GAP_S:
            end = max(joined[-1].end_s, span.end_s)
            joined[-1] = Span(joined[-1].start_s, end)
        else:
            joined.append(span)
    return tuple(joined)
