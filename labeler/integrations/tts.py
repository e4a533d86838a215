"""The watermarker that text-to-speech packages expect: ``apply_watermark`` and ``get_watermark``.

Several packages keep an object with these two methods, in the form that resemble-perth gave them,
and pass every output through it. `Watermarker` can take its place::

    >>> from labeler.integrations.tts import Watermarker
    >>> from labeler.registry import Registry
    >>> model.watermarker = Watermarker(Registry.open("registry.sqlite3"))  # doctest: +SKIP

Differences that are meant: what cannot be marked is an error and not an unmarked sound, every mark
is read back before it is given out, the sample rate is never guessed, and there is a payload.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from numpy.typing import NDArray

from detectors import audio as detector
from detectors.report import Presence
from labeler.codec.acoustic import fingerprint
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.codec.sound import Samples
from labeler.integrations.arrays import Waveform
from labeler.integrations.marking import Marked, mark
from labeler.provenance import SourceType
from labeler.receipt import Layer, LayerOutcome, Receipt
from labeler.registry import Registry
from labeler.strength import Strength

__all__ = ["Watermarker"]

_TARGET: Final = "samples handed to the caller"
_MEDIA_TYPE: Final = "audio/L16"
_NO_FILE: Final = "samples have no place for it: stamp the file that they are written to"


class Watermarker:
    """Marks waveforms, and finds the marks again.

    Threads may share it.

    Args:
        source: The payload of every mark; or a registry, which reserves a handle for each output
            and keeps a receipt of it, so that the mark leads back to it.
        key: The watermark key.
        strength: See `Strength`.
        sample_rate_hz: Used where a call names no rate; None: each has to.
        keys: Keys that `get_watermark` tries; None: ``key``.
        issuer: Issuer number of the handles that a registry reserves.
        source_type: What is claimed about the outputs; with a registry, their payloads say so.
        now: Gives the time, with its zone.
    """

    def __init__(
        self,
        source: Payload | Registry,
        key: Key = PUBLIC_KEY,
        *,
        strength: Strength = "balanced",
        sample_rate_hz: int | None = None,
        keys: Mapping[str, Key] | Iterable[Key] | None = None,
        issuer: int = 0,
        source_type: SourceType = SourceType.TRAINED_ALGORITHMIC_MEDIA,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not isinstance(source, Payload | Registry):
            raise TypeError(f"a payload or a registry is needed, not a {type(source).__name__}")
        self._source = source
        self._key = key
        self._strength = strength
        self._sample_rate_hz = sample_rate_hz
        ring = (key,) if keys is None else keys
        self._keys = tuple(ring.values() if isinstance(ring, Mapping) else ring)
        self._issuer = issuer
        self._source_type = source_type
        self._now = now

    def apply_watermark(
        self,
        wav: Any,
        watermark: Payload | ShortPayload | None = None,
        sample_rate: int | None = None,
    ) -> Any:
        """The same sound with a mark.

        Args:
            wav: ``(n,)``, ``(channels, n)`` or ``(1, channels, n)``: a numpy array, torch tensor,
                or array of another library with the array API. Floats from -1 to 1, or signed
                integers over their whole range.
            watermark: What the mark says; None: what the source gives.
            sample_rate: Samples a second; None: what the constructor was told.

        Returns:
            The marked sound: same kind, shape and type, and for tensors the same device.

        Raises:
            CapacityError: The sound is too short or too quiet. None of it was marked.
            ConflictError: It carries a mark under the key already.
            MarkNotVerifiedError: The mark does not read back. None of it was marked.
            RegistryError: The registry cannot be written.
            TypeError: An argument is of a kind that is not known.
            ValueError: An argument has another shape or value, or the rate is not known.
        """
        rate = self._rate(sample_rate)
        waveform = Waveform.of(wav)
        payload = self._payload(watermark)
        marked = mark(
            waveform.samples,
            rate,
            payload,
            self._key,
            strength=self._strength,
            dtype=waveform.dtype,
        )
        if watermark is None and isinstance(self._source, Registry):
            receipt = self._receipt(payload, waveform.samples, marked)
            is_short = isinstance(marked.found.payload, ShortPayload)
            self._source.prepare(
                receipt,
                profile=_TARGET,
                fingerprint=fingerprint(marked.samples, rate) if is_short else None,
            )
            self._source.confirm(receipt.receipt_id)
        return waveform.like(marked.array)

    def get_watermark(self, wav: Any, sample_rate: int | None = None) -> float:
        """1.0 where a mark is present (p-value at most 1e-6), else 0.0: what packages expect.

        `detect` says more.

        Args:
            wav: See `apply_watermark`.
            sample_rate: See `apply_watermark`.

        Raises:
            TypeError: See `apply_watermark`.
            ValueError: See `apply_watermark`.
        """
        return 1.0 if self.detect(wav, sample_rate).presence is Presence.PRESENT else 0.0

    def detect(self, wav: Any, sample_rate: int | None = None) -> detector.Detection:
        """Everything that is found: see `get_watermark` and `detectors.audio.detect`."""
        rate = self._rate(sample_rate)
        return detector.detect(Waveform.of(wav).samples, rate, self._keys)

    def _rate(self, asked: int | None) -> int:
        rate = self._sample_rate_hz if asked is None else asked
        if rate is None:
            raise ValueError("the sample rate is not known: name it with sample_rate=")
        return int(rate)

    def _payload(self, asked: Payload | ShortPayload | None) -> Payload | ShortPayload:
        if isinstance(asked, Payload | ShortPayload):
            return asked
        if asked is not None:
            raise TypeError(
                f"a watermark is a Payload or None, not a {type(asked).__name__}; "
                "the rate is named with sample_rate="
            )
        if isinstance(self._source, Payload):
            return self._source
        return Payload(origin=self._source_type.origin, handle=self._source.reserve(self._issuer))

    def _receipt(self, payload: Payload | ShortPayload, before: Samples, marked: Marked) -> Receipt:
        return Receipt(
            receipt_id=str(uuid.uuid4()),
            created_at=self._now(),
            target=_TARGET,
            sidecar=None,
            media_type=_MEDIA_TYPE,
            source_sha256=_digest(before),
            target_sha256=_digest(marked.array),
            source_type=self._source_type,
            payload=payload if isinstance(payload, Payload) else None,
            key_id=self._key.key_id,
            manifest_id=None,
            layers=(
                LayerOutcome(layer=Layer.CREDENTIAL, present=False, reason=_NO_FILE),
                LayerOutcome(layer=Layer.WATERMARK, present=True, p_value=marked.found.p_value),
                LayerOutcome(layer=Layer.METADATA, present=False, reason=_NO_FILE),
            ),
        )


def _digest(samples: NDArray[Any]) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()
