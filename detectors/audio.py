"""Finding the patchwork mark in sound, blindly: no original, no hint of what was done to it.

    >>> import numpy as np
    >>> from labeler.codec.keys import PUBLIC_KEY
    >>> from labeler.codec.payload import Handle, Origin, Payload
    >>> from labeler.marks.audio import embed
    >>> noise = np.random.default_rng(1).normal(0, 0.1, (16_000 * 12, 1)).astype(np.float32)
    >>> marked = embed(noise, 16_000, Payload(origin=Origin.GENERATED, handle=Handle(0, 42)))
    >>> str(detect(marked[40_000:], 16_000, [PUBLIC_KEY]).payload.handle)
    '0000-0000002a'

Sound is listened to in stretches of a minute, so that an hour takes no more memory than a song.
Until a mark is found, each stretch is searched through (`detectors.scales`); from then on only the
pattern that was found is looked for, which tells the spans of time that carry it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.alignment import Alignment, Bank, align
from detectors.listening import FRAME_S, Heard, Scale
from detectors.mark_layers import MarkLayer
from detectors.patchwork import Choice, Word, agreement, choices_of, read
from detectors.report import Presence
from detectors.scales import Look, looks, sharpened
from detectors.spans import Span
from labeler.codec.keys import Key
from labeler.codec.log_spectrum import reference
from labeler.codec.patchwork import (
    CELL_FRAMES,
    PILOTS,
    RATE_HZ,
    AnyPayload,
    Pattern,
)
from labeler.codec.resampling import Resampler
from labeler.codec.significance import LEAST_P_VALUE
from labeler.codec.sound import Samples, check_samples

__all__ = ["PRESENT_AT", "Detection", "Span", "detect", "detect_blocks"]

PRESENT_AT: Final = 1e-6
"""The p-value from which on a mark is PRESENT."""
_DOUBTFUL_AT: Final = 1e-4
"""The p-value from which on the finding is INCONCLUSIVE."""
_STRETCH_S: Final = 60
_STRETCH_OVERLAP_S: Final = 6
_LEAST_S: Final = 0.5
"""Sound shorter than this says nothing."""
_BLOCK: Final = 1 << 16

_NEAR_CELLS: Final = 8
"""Cells before and after that a place's agreement is summed over: 1.1 s in all."""
_SPAN_AT: Final = 4.5
"""Deviations of that sum from which on a place carries the mark."""
_SHARE_OF_BEST: Final = 0.4
_GAP_S: Final = 2.5
"""Spans closer than this are one: what lies between is a pause."""
_LEAST_SPAN_S: Final = 0.8


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found in a sound."""

    presence: Presence
    """PRESENT: a mark under one of the keys. INCONCLUSIVE: more than chance would readily give, but
    not enough to say so. ABSENT: neither."""
    p_value: float
    """Probability of so strong a result under a key drawn at random, whatever the sound: every
    stretch, scale, place, pattern, code word and key that could have been tried is counted."""
    payload: AnyPayload | None
    """What the mark says, in its standard or its short form; only where it is PRESENT and the
    payload is sure."""
    key_id: str | None
    """The key under which it is PRESENT."""
    spans: tuple[Span, ...]
    """The spans of time that carry it, in order; only where it is PRESENT."""
    speed: float | None
    """How many times faster than marked it plays; only where it is PRESENT."""
    pitch: float | None
    """What its frequencies were multiplied by; only where it is PRESENT."""
    layers: tuple[MarkLayer, ...] = ()
    """This mark, and one of another key that is PRESENT at the same speed and pitch."""


def detect(
    samples: Samples,
    sample_rate_hz: int,
    keys: Mapping[str, Key] | Iterable[Key],
    *,
    patient: bool = False,
) -> Detection:
    """Look for the strongest mark under any of ``keys``.

    Args:
        samples: ``(n,)`` or ``(n, channels)`` float32 or float64, -1 to 1.
        sample_rate_hz: Samples a second.
        keys: A `Keyring` or keys.
        patient: Whether tempo and pitch are searched jointly, at some four times the cost.

    Raises:
        TypeError: The array has another dtype.
        ValueError: The array has another shape, the rate is out of range, or no key was given.
    """
    blocks = (samples[at : at + _BLOCK] for at in range(0, max(len(samples), 1), _BLOCK))
    return detect_blocks(blocks, sample_rate_hz, keys, patient=patient)


def detect_blocks(
    blocks: Iterable[Samples],
    sample_rate_hz: int,
    keys: Mapping[str, Key] | Iterable[Key],
    *,
    patient: bool = False,
) -> Detection:
    """As `detect`, of sound that comes in blocks; memory does not grow with its length.

    Args:
        blocks: The sound, in blocks of any size.
        sample_rate_hz: As for `detect`.
        keys: As for `detect`.
        patient: As for `detect`.

    Raises:
        TypeError: A block has another dtype.
        ValueError: A block has another shape, the rate is out of range, or no key was given.
    """
    ring = list(keys.values()) if isinstance(keys, Mapping) else list(keys)
    if not ring:
        raise ValueError("no key was given to look for")
    ear = _Ear(Bank(ring), patient=patient)
    for start_s, stretch in _stretches(blocks, sample_rate_hz):
        ear.listen(start_s, stretch)
    return ear.conclude()


def _stretches(
    blocks: Iterable[Samples], sample_rate_hz: int
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Overlapping stretches at 16 kHz, each with the time at which it begins."""
    whole, overlap = _STRETCH_S * RATE_HZ, _STRETCH_OVERLAP_S * RATE_HZ
    resampler = Resampler(sample_rate_hz, RATE_HZ, channels=1)
    pending = np.zeros(0, np.float32)
    start = 0
    fresh = 0
    for piece in _pieces(blocks, sample_rate_hz, resampler):
        pending = np.concatenate([pending, piece])
        fresh += len(piece)
        # A short rest joins the stretch before it.
        while len(pending) >= whole + overlap * 2:
            yield start / RATE_HZ, pending[:whole]
            pending = pending[whole - overlap :]
            start += whole - overlap
            fresh = len(pending) - overlap
    if fresh > 0 and len(pending) >= _LEAST_S * RATE_HZ:
        yield start / RATE_HZ, pending


def _pieces(
    blocks: Iterable[Samples], sample_rate_hz: int, resampler: Resampler
) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        check_samples(block, sample_rate_hz)
        yield resampler.push(reference(block)[:, None])[:, 0]
    yield resampler.finish()[:, 0]


@dataclass(frozen=True, slots=True)
class _Pilots:
    """What the pilots say for a pattern."""

    number: int
    """Of the pattern in the bank."""
    scale: Scale
    log_p: float
    log_scales: float
    """Natural logarithm of how many scales are counted in that."""


@dataclass(frozen=True, slots=True, eq=False)
class _Hit:
    """A pattern that was found."""

    key: Key
    pattern: Pattern
    pilots: _Pilots
    word: Word | None
    log_p: float
    """Natural logarithm of the p-value of pilots and code word together."""

    @property
    def scale(self) -> Scale:
        """The scale at which it was found."""
        return self.pilots.scale

    @property
    def is_present(self) -> bool:
        """Whether it is significant, in this stretch alone."""
        return self.log_p <= math.log(PRESENT_AT)

    def p_value(self, stretches: int) -> float:
        """Its p-value as the best of so many stretches."""
        log_p = min(0.0, self.log_p + math.log(max(1, stretches)))
        return float(np.clip(math.exp(log_p), LEAST_P_VALUE, 1))

    @property
    def is_read(self) -> bool:
        """Whether it is significant and its payload is known."""
        return self.is_present and self.word is not None

    @property
    def rank(self) -> tuple[bool, float]:
        """What is read comes first, then what is more significant."""
        return not self.is_read, self.log_p

    @property
    def signs(self) -> NDArray[np.float32]:
        """``CELLS`` what is known of the signs, 0 elsewhere."""
        if self.word is not None:
            return self.pattern.signs_of(self.word.payload)
        return self.pattern.signs * PILOTS


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A hit, and where it is in the stretch."""

    hit: _Hit
    look: Look
    features: NDArray[np.float32]
    choices: Sequence[Choice]
    """Where its periods may begin."""


@dataclass(slots=True)
class _Ear:
    """What was heard so far."""

    bank: Bank
    patient: bool
    best: _Hit | None = None
    beside: _Hit | None = None
    """The strongest of another key than the best."""
    best_log_p: float = 0.0
    stretches: int = 0
    spans: list[Span] = field(default_factory=list)

    def listen(self, start_s: float, stretch: NDArray[np.float32]) -> None:
        """Take in one stretch."""
        heard = Heard.of(stretch)
        self.stretches += 1
        if heard.is_silent:
            return
        if self.best is not None and self.best.word is not None:
            self._follow(start_s, heard, self.best)
            return
        found: list[_Found] = []
        for look in looks(heard, self.bank, patient=self.patient):
            found.append(self._judge(look))
            if found[-1].hit.is_read:
                break
        best = min(found, key=lambda each: each.hit.rank)
        if best.hit.is_read:
            best = self._sharpen(heard, best)
        self.best_log_p = min(self.best_log_p, best.hit.log_p)
        if best.hit.is_present:
            if self.best is None or best.hit.rank < self.best.rank:
                self.best = best.hit
            self._mark_spans(start_s, heard, best.hit, best.features, best.choices)
            self._look_beside(best.hit, best.features, align(best.features, self.bank))

    def _judge(self, look: Look) -> _Found:
        choices = choices_of(look.alignment, look.number, len(look.features))
        pilots = _Pilots(look.number, look.scale, look.log_p, look.log_scales)
        return _Found(self._hit(pilots, look.features, choices), look, look.features, choices)

    def _hit(
        self, pilots: _Pilots, features: NDArray[np.float32], choices: Sequence[Choice]
    ) -> _Hit:
        key, pattern = self.bank.entries[pilots.number]
        word, log_p = read(features, choices, pattern), pilots.log_p
        if word is not None:
            # Both kinds of evidence were looked at.
            counted = word.log_p + pilots.log_scales + math.log(len(self.bank.entries))
            log_p = min(log_p, counted)
        return _Hit(key, pattern, pilots, word, min(0.0, log_p + math.log(2)))

    def _look_beside(self, hit: _Hit, features: NDArray[np.float32], alignment: Alignment) -> None:
        """Look for a mark of another key at the scale of one that was found."""
        keys = enumerate(key for key, _ in self.bank.entries)
        others = [number for number, key in keys if key != hit.key]
        if not others or (self.beside is not None and self.beside.is_read):
            return
        number, log_p = alignment.best_among(others)
        scales = hit.pilots.log_scales
        pilots = _Pilots(number, hit.scale, log_p + scales, scales)
        found = self._hit(pilots, features, choices_of(alignment, number, len(features)))
        if self.beside is None or found.rank < self.beside.rank:
            self.beside = found

    def _sharpen(self, heard: Heard, found: _Found) -> _Found:
        """The same finding at the scale at which it is clearest, to tell the spans by."""
        scale = sharpened(heard, self.bank, found.look)
        if scale == found.hit.scale:
            return found
        pilots = replace(found.hit.pilots, scale=scale)
        features = heard.features(scale)
        choices = choices_of(align(features, self.bank), found.hit.pilots.number, len(features))
        return _Found(replace(found.hit, pilots=pilots), found.look, features, choices)

    def _follow(self, start_s: float, heard: Heard, hit: _Hit) -> None:
        """Tell the spans of a mark that is known."""
        features = heard.features(hit.scale)
        alignment = align(features, self.bank)
        choices = choices_of(alignment, hit.pilots.number, len(features))
        self._mark_spans(start_s, heard, hit, features, choices)
        self._look_beside(hit, features, alignment)

    def _mark_spans(
        self,
        start_s: float,
        heard: Heard,
        hit: _Hit,
        features: NDArray[np.float32],
        choices: Sequence[Choice],
    ) -> None:
        z = np.max([_agreement(features, choice, hit.signs) for choice in choices], axis=0)
        carries = z >= max(_SPAN_AT, _SHARE_OF_BEST * float(np.percentile(z, 95)))
        cell_s = CELL_FRAMES * FRAME_S / hit.scale.tempo
        edges = np.flatnonzero(np.diff(np.concatenate([[0], carries.astype(np.int8), [0]])))
        for first, last in edges.reshape(-1, 2):
            start, end = float(first) * cell_s, min(float(last) * cell_s, heard.duration_s)
            self.spans.append(Span(start_s + start, start_s + end))

    def conclude(self) -> Detection:
        """What all stretches say together."""
        log_stretches = math.log(max(1, self.stretches))
        p_value = float(
            np.clip(math.exp(min(0.0, self.best_log_p + log_stretches)), LEAST_P_VALUE, 1)
        )
        if self.best is None or p_value > PRESENT_AT:
            presence = Presence.INCONCLUSIVE if p_value <= _DOUBTFUL_AT else Presence.ABSENT
            return Detection(presence, p_value, None, None, (), None, None)
        hit = self.best
        return Detection(
            presence=Presence.PRESENT,
            p_value=p_value,
            payload=None if hit.word is None else hit.word.payload,
            key_id=hit.key.key_id,
            spans=_joined(self.spans),
            speed=round(hit.scale.tempo, 4),
            pitch=round(hit.scale.pitch, 4),
            layers=tuple(self._layers(hit, p_value)),
        )

    def _layers(self, hit: _Hit, p_value: float) -> Iterator[MarkLayer]:
        found = [(hit, p_value)]
        if self.beside is not None:
            found.append((self.beside, self.beside.p_value(self.stretches)))
        for each, p in found:
            if p <= PRESENT_AT:
                payload = None if each.word is None else each.word.payload
                yield MarkLayer(key_id=each.key.key_id, p_value=p, payload=payload)


def _agreement(
    features: NDArray[np.float32], choice: Choice, signs: NDArray[np.float32]
) -> NDArray[np.float64]:
    """``(cells,)`` deviations by which the surroundings of each cell agree with the mark."""
    sums, variances = agreement(features, choice, signs)
    window = np.ones(2 * _NEAR_CELLS + 1)
    near = np.convolve(sums, window, "same")
    return np.asarray(near / np.sqrt(np.maximum(np.convolve(variances, window, "same"), 1.0)))


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start_s):
        if joined and span.start_s <= joined[-1].end_s + _GAP_S:
            joined[-1] = Span(joined[-1].start_s, max(joined[-1].end_s, span.end_s))
        else:
            joined.append(span)
    rounded = (Span(round(each.start_s, 2), round(each.end_s, 2)) for each in joined)
    return tuple(each for each in rounded if each.end_s - each.start_s >= _LEAST_SPAN_S)
