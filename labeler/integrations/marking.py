"""What every adapter for sound does: refuse marked sound, choose the form, embed, read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import audio as detector
from detectors.report import Presence
from labeler.codec.keys import Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.codec.sound import Samples
from labeler.errors import ConflictError, MarkNotVerifiedError
from labeler.integrations.arrays import from_samples, to_samples
from labeler.marks import audio
from labeler.strength import Strength

__all__ = ["Marked", "mark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A sound that carries a mark, as the caller gets it."""

    array: NDArray[Any] = field(repr=False)
    """The samples, in the caller's type of number."""
    found: detector.Detection
    """What was read back from them."""

    @property
    def samples(self) -> Samples:
        """The array once more as samples."""
        return to_samples(self.array)


def mark(
    samples: Samples,
    sample_rate_hz: int,
    payload: Payload | ShortPayload,
    key: Key,
    *,
    strength: Strength,
    dtype: np.dtype[Any],
) -> Marked:
    """Mark a sound, and read the mark back from what the caller will get.

    Args:
        samples: ``(n,)`` or ``(n, channels)`` float32 or float64.
        sample_rate_hz: Samples a second.
        payload: What the mark says; a sound that is too short for all of it gets the short form.
        key: The watermark key.
        strength: See `Strength`.
        dtype: The caller's type of number: floats or signed integers.

    Raises:
        CapacityError: The sound is too short or too quiet.
        ConflictError: It carries a mark under this key already.
        MarkNotVerifiedError: The mark does not read back.
    """
    if detector.detect(samples, sample_rate_hz, [key]).presence is Presence.PRESENT:
        raise ConflictError(
            "the sound carries a watermark already", hint="Mark the original, or keep this one"
        )
    if isinstance(payload, Payload) and len(samples) < audio.SHORT_FORM_BELOW_S * sample_rate_hz:
        payload = ShortPayload.of(payload)
    embedded = audio.embed(samples, sample_rate_hz, payload, key, strength=strength)
    array = from_samples(embedded, dtype)
    found = detector.detect(to_samples(array), sample_rate_hz, [key])
    if found.presence is not Presence.PRESENT or found.payload != payload:
        raise MarkNotVerifiedError(
            "the mark does not read back from the marked sound",
            hint='Use the strength "robust", a longer piece of sound, or samples of more bits',
        )
    return Marked(array=array, found=found)
