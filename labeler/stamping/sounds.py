"""The mark in sound: made, measured, and read back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detectors import sounds
from detectors.conclusion import Evidence
from detectors.report import Presence
from labeler.codec.acoustic import Fingerprint, fingerprint_blocks
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Payload, ShortPayload
from labeler.codec.sound import Samples
from labeler.credentials import SoftBinding
from labeler.disclosure.labels import SpokenLabel
from labeler.errors import CapacityError
from labeler.marks import audio
from labeler.marks.signpost import Signpost
from labeler.media.audible import Audible, Rechunked
from labeler.media.content import Content
from labeler.media.sound import open_sound
from labeler.receipt import MarkReading
from labeler.stamping.interface import (
    ExpectedWatermark,
    Marked,
    Order,
    Tools,
    WatermarkLostError,
    expected_beside,
)
from labeler.stamping.labelling import labelled_sound
from labeler.stamping.readback import lost, opening, readings
from labeler.strength import Strength

__all__ = ["SoundWatermarking", "open_audible"]

_TOO_WEAK: Final = (
    'The sound is too strongly compressed or too quiet for it: use the strength "robust" '
    "(--strength), or a format with less compression"
)
_STRONGEST: Final[Strength] = "robust"
_DOUBTFUL_BELOW_S: Final = 60.0
"""Duration below which a lossy format may leave too little of a payload."""
_CERTAIN_AT: Final = 1e-9
"""The p-value that a mark of a short sound has to read back with: each key that a verifier tries
multiplies it, and of a thousand keys none may make the mark less than present."""
_SHORT_SIGNPOST: Final = (
    "public signpost in its short form, resolved only by a registry that knows what the output "
    "sounds like"
)
_SHORT: Final = "short form, resolved only by a registry that knows what the output sounds like"


class SoundWatermarking:
    """See `labeler.stamping.interface.Watermarking`."""

    def find(self, order: Order, tools: Tools) -> tuple[Evidence]:
        """See `Watermarking.find`."""
        evidence = sounds.detect(open_audible(order.content, order, tools), tools.keyring)
        if evidence.finding.presence is Presence.INCONCLUSIVE:
            # Of ten thousand sounds without a mark, one may look like this: no reason to refuse it.
            absent = replace(evidence.finding, presence=Presence.ABSENT)
            return (replace(evidence, finding=absent),)
        return (evidence,)

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`. Sound that has no room for the payload gets its short form."""
        audible = open_audible(order.content, order, tools, label=order.labels.spoken)
        *roomier, last = _contents(payload, audible, tools)
        for each in roomier:
            with suppress(CapacityError):
                return self._mark_surely(each, audible, order, tools)
        return self._mark_surely(last, audible, order, tools)

    def _mark_surely(
        self, content: _Contents, audible: Audible, order: Order, tools: Tools
    ) -> Marked:
        """The sound with a mark that reads, stronger than asked for where it has to be.

        Raises:
            WatermarkLostError: The mark does not survive the encoding.
            CapacityError: The sound cannot carry it at all.
        """
        # In much sound it reads all the same: that is seen when it has been written.
        is_long = not audible.is_shorter_than(_DOUBTFUL_BELOW_S)
        strengths: dict[Strength, None] = dict.fromkeys((tools.settings.strength, _STRONGEST))
        for strength in strengths:
            marked = self._mark_with(content, audible, order, tools, strength=strength)
            if is_long or self._reads(marked, order, tools):
                break
            marked.content.local_path.unlink()
        else:
            lost(_TOO_WEAK, has_signpost=content.signpost is not None)
        return marked

    def _mark_with(
        self,
        content: _Contents,
        audible: Audible,
        order: Order,
        tools: Tools,
        *,
        strength: Strength,
    ) -> Marked:
        marking = _Marking(audible, content, tools.key, strength)
        target = order.scratch.new_file(order.media_type.extension)
        with order.scratch.writing():
            audible.sound.encode(marking.blocks(), target)
        return Marked(
            content=Content.of_file(target, order.content.name),
            watermark=ExpectedWatermark(
                carried=content.carried,
                payload=content.payload,
                key_id=tools.key.key_id,
                beside=expected_beside(content.signpost),
            ),
            snr_db=marking.snr_db(),
            remark=content.remark,
        )

    def _reads(self, marked: Marked, order: Order, tools: Tools) -> bool:
        """Whether the mark reads from what was encoded, for every verifier."""
        with suppress(WatermarkLostError):
            read = self.check(marked.content, marked.watermark, order, tools)
            return all(each.p_value <= _CERTAIN_AT for each in read)
        return False

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        if order.labels.spoken is None:
            return order.content
        sound = open_audible(order.content, order, tools, label=order.labels.spoken).sound
        target = order.scratch.new_file(order.media_type.extension)
        with order.scratch.writing():
            sound.encode(sound.blocks(), target)
        return Content.of_file(target, order.content.name)

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding, ...]:
        """See `Watermarking.bind`."""
        if watermark.carried is None:
            raise TypeError("the mark of a sound carries a payload")
        return tuple(
            dict.fromkeys(SoftBinding.for_sound(each.carried) for each in watermark.layers)
        )

    def sketches(self, order: Order, tools: Tools, found: Evidence | None) -> tuple[()]:  # noqa: ARG002 - pictures need them
        """See `Watermarking.sketches`: pictures alone are sketched."""
        return ()

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> tuple[MarkReading, ...]:
        """See `Watermarking.check`."""
        keys = Keyring(tools.find_key(layer.key_id) for layer in expected.layers)
        with opening():
            evidence = sounds.detect(open_audible(written, order, tools), keys)
        read = readings(expected, evidence.layers)
        return read or lost(_TOO_WEAK, has_signpost=bool(expected.beside))

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> Fingerprint | None:
        """See `Watermarking.fingerprint`."""
        if watermark is None or watermark.payload is None:
            return None
        if all(each.carried == watermark.payload for each in watermark.layers):
            return None
        audible = open_audible(written, order, tools)
        return fingerprint_blocks(audible.blocks(), audible.sample_rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What a sound is to carry."""

    payload: Payload
    """What all of it stands for."""
    carried: Payload | ShortPayload
    signpost: Signpost | None
    remark: str | None = None


def _contents(payload: Payload, audible: Audible, tools: Tools) -> list[_Contents]:
    """What may be tried, what says most first; the last is what has most room."""
    short = ShortPayload.of(payload)
    signpost, small = tools.signpost_for(payload), tools.signpost_for(short)
    tried = [_Contents(payload=payload, carried=short, signpost=small, remark=_SHORT)]
    if audible.is_shorter_than(audio.SHORT_FORM_BELOW_S):
        return tried
    if signpost is not None:
        # The signpost is the weaker one: it alone may have no room.
        remark = _SHORT_SIGNPOST
        tried.insert(0, _Contents(payload=payload, carried=payload, signpost=small, remark=remark))
    return [_Contents(payload=payload, carried=payload, signpost=signpost), *tried]


def open_audible(
    content: Content, order: Order, tools: Tools, *, label: SpokenLabel | None = None
) -> Audible:
    """The sound that is heard of a file, within the limits of the settings.

    Raises:
        MediaError: It cannot be used.
    """
    sound = labelled_sound(open_sound(content.local_path, name=order.content.name), label)
    return Audible(sound, max_duration_s=tools.settings.max_duration_s)


@dataclass(slots=True)
class _Marking:
    """Marks the audible channels on their way to the encoder, and measures what that changes."""

    audible: Audible
    content: _Contents
    key: Key
    strength: Strength
    _energy: float = 0.0
    _changed: float = 0.0

    def blocks(self) -> Iterator[Samples]:
        marked = Rechunked(
            audio.embed_blocks(
                self.audible.blocks,
                self.audible.sample_rate_hz,
                self.content.carried,
                self.key,
                strength=self.strength,
                signpost=self.content.signpost,
            )
        )
        # Decoded once more, because what comes out is late by as much as marking looks ahead.
        for block in self.audible.whole_blocks():
            before = self.audible.of(block)
            after = marked.take(len(block))
            self._energy += _energy(before)
            self._changed += _energy(after - before)
            yield self.audible.replace(block, after)
        marked.finish()

    def snr_db(self) -> float | None:
        """Signal-to-noise ratio; None where there is neither the one nor the other."""
        if not self._energy or not self._changed:
            return None
        return 10 * math.log10(self._energy / self._changed)


def _energy(samples: Samples) -> float:
    return float(np.sum(np.square(samples, dtype=np.float64)))
