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
from labeler.media.audible import Audible, Rechunked
from labeler.media.content import Content
from labeler.media.sound import open_sound
from labeler.stamping.interface import (
    ExpectedWatermark,
    Marked,
    Order,
    Tools,
    WatermarkLostError,
)
from labeler.stamping.labelling import labelled_sound
from labeler.stamping.readback import lost, opening
from labeler.strength import Strength

__all__ = ["SoundWatermarking"]

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
_SHORT: Final = "short form, resolved only by a registry that knows what the output sounds like"


class SoundWatermarking:
    """See `labeler.stamping.interface.Watermarking`."""

    def find(self, order: Order, tools: Tools) -> tuple[Evidence]:
        """See `Watermarking.find`."""
        evidence = sounds.detect(_open(order.content, order, tools), tools.keyring)
        if evidence.finding.presence is Presence.INCONCLUSIVE:
            # Of ten thousand sounds without a mark, one may look like this: no reason to refuse it.
            absent = replace(evidence.finding, presence=Presence.ABSENT)
            return (replace(evidence, finding=absent),)
        return (evidence,)

    def mark(self, order: Order, payload: Payload, tools: Tools) -> Marked:
        """See `Watermarking.mark`. Sound that has no room for the payload gets its short form."""
        audible = _open(order.content, order, tools, label=order.labels.spoken)
        short = ShortPayload.of(payload)
        if not audible.is_shorter_than(audio.SHORT_FORM_BELOW_S):
            with suppress(CapacityError):
                return self._mark_surely(payload, payload, audible, order, tools)
        marked = self._mark_surely(short, payload, audible, order, tools)
        return replace(marked, remark=_SHORT)

    def _mark_surely(
        self,
        carried: Payload | ShortPayload,
        payload: Payload,
        audible: Audible,
        order: Order,
        tools: Tools,
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
            marked = self._mark_with(carried, payload, audible, order, tools, strength=strength)
            if is_long or self._reads(marked, order, tools):
                break
            marked.content.local_path.unlink()
        else:
            lost(_TOO_WEAK)
        return marked

    def _mark_with(
        self,
        carried: Payload | ShortPayload,
        payload: Payload,
        audible: Audible,
        order: Order,
        tools: Tools,
        *,
        strength: Strength,
    ) -> Marked:
        marking = _Marking(audible, carried, tools.key, strength)
        target = order.scratch.new_file(order.media_type.extension)
        with order.scratch.writing():
            audible.sound.encode(marking.blocks(), target)
        return Marked(
            content=Content.of_file(target, order.content.name),
            watermark=ExpectedWatermark(carried=carried, payload=payload, key_id=tools.key.key_id),
            snr_db=marking.snr_db(),
        )

    def _reads(self, marked: Marked, order: Order, tools: Tools) -> bool:
        """Whether the mark reads from what was encoded, for every verifier."""
        with suppress(WatermarkLostError):
            return self.check(marked.content, marked.watermark, order, tools) <= _CERTAIN_AT
        return False

    def label(self, order: Order, tools: Tools) -> Content:
        """See `Watermarking.label`."""
        if order.labels.spoken is None:
            return order.content
        sound = _open(order.content, order, tools, label=order.labels.spoken).sound
        target = order.scratch.new_file(order.media_type.extension)
        with order.scratch.writing():
            sound.encode(sound.blocks(), target)
        return Content.of_file(target, order.content.name)

    def bind(self, watermark: ExpectedWatermark) -> tuple[SoftBinding]:
        """See `Watermarking.bind`."""
        if watermark.carried is None:
            raise TypeError("the mark of a sound carries a payload")
        return (SoftBinding.for_sound(watermark.carried),)

    def check(
        self, written: Content, expected: ExpectedWatermark, order: Order, tools: Tools
    ) -> float:
        """See `Watermarking.check`."""
        with opening():
            audible = _open(written, order, tools)
            evidence = sounds.detect(audible, Keyring([tools.find_key(expected.key_id)]))
        p_value = evidence.finding.p_value
        if evidence.payload != expected.carried or p_value is None:
            lost(_TOO_WEAK)
        return p_value

    def fingerprint(
        self, written: Content, watermark: ExpectedWatermark | None, order: Order, tools: Tools
    ) -> Fingerprint | None:
        """See `Watermarking.fingerprint`."""
        if watermark is None or watermark.payload in {None, watermark.carried}:
            return None
        audible = _open(written, order, tools)
        return fingerprint_blocks(audible.blocks(), audible.sample_rate_hz)


def _open(
    content: Content, order: Order, tools: Tools, *, label: SpokenLabel | None = None
) -> Audible:
    sound = labelled_sound(open_sound(content.local_path, name=order.content.name), label)
    return Audible(sound, max_duration_s=tools.settings.max_duration_s)


@dataclass(slots=True)
class _Marking:
    """Marks the audible channels on their way to the encoder, and measures what that changes."""

    audible: Audible
    payload: Payload | ShortPayload
    key: Key
    strength: Strength
    _energy: float = 0.0
    _changed: float = 0.0

    def blocks(self) -> Iterator[Samples]:
        marked = Rechunked(
            audio.embed_blocks(
                self.audible.blocks,
                self.audible.sample_rate_hz,
                self.payload,
                self.key,
                strength=self.strength,
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
