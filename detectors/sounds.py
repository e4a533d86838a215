"""Looking for the mark in a sound file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from detectors import audio
from detectors.conclusion import Evidence
from detectors.fingerprint import take, take_for_registry
from detectors.mark_layers import write_layers
from detectors.report import Finding, Presence, Technique
from labeler.codec.keys import Keyring
from labeler.codec.payload import Payload, ShortPayload
from labeler.codec.sound import Samples
from labeler.errors import UnreadableMediaError
from labeler.media.audible import Audible
from labeler.receipt import write_payload, write_short_payload

__all__ = ["detect", "examine"]

_UNREAD: Final = (
    "The sound carries traces of a watermark, but not enough to be sure: it was made with another "
    "key, or is too short or too damaged."
)


_DAMAGED: Final = (
    "The sound is damaged ({damage}): of a watermark, only what is left of it can be heard."
)


def detect(audible: Audible, keyring: Keyring) -> Evidence:
    """Look for a watermark in all of a sound.

    Args:
        audible: The channels that are heard.
        keyring: The keys to try.

    Raises:
        UnreadableMediaError: The sound is truncated or damaged.
    """
    found, blocks = _listen(audible, keyring)
    if blocks.damage is not None:
        raise blocks.damage
    return _as_evidence(found, blocks.duration_s)


def examine(
    audible: Audible, keyring: Keyring, *, with_fingerprint: bool = False
) -> Iterator[Evidence]:
    """Look for a watermark in a sound, up to where it is damaged.

    Of a sound whose watermark is in its short form, the fingerprint comes next.

    Args:
        audible: The channels that are heard.
        keyring: The keys to try.
        with_fingerprint: Whether it comes next in any case.

    Raises:
        UnreadableMediaError: The sound is truncated or damaged; what was found before, came before.
    """
    found, blocks = _listen(audible, keyring)
    damage, gap = blocks.damage, audible.damage
    # That remains show no mark says nothing of the whole.
    if damage is None or found.presence is Presence.PRESENT:
        evidence = _as_evidence(found, blocks.duration_s)
        warnings = () if gap is None else (_DAMAGED.format(damage=gap),)
        yield replace(evidence, warnings=(*evidence.warnings, *warnings))
    if isinstance(found.payload, ShortPayload):
        yield take(
            _Undamaged(audible),
            audible.sample_rate_hz,
            spans=found.spans,
            speed=found.speed,
            pitch=found.pitch,
        )
    elif with_fingerprint:
        yield take_for_registry(
            _Undamaged(audible),
            audible.sample_rate_hz,
            spans=found.spans if found.payload is not None else (),
            speed=found.speed,
            pitch=found.pitch,
        )
    if damage is not None:
        raise damage


def _listen(audible: Audible, keyring: Keyring) -> tuple[audio.Detection, _Undamaged]:
    blocks = _Undamaged(audible)
    return audio.detect_blocks(iter(blocks), audible.sample_rate_hz, keyring), blocks


class _Undamaged:
    """The blocks of a sound up to its first damage."""

    def __init__(self, audible: Audible) -> None:
        self._audible = audible
        self.damage: UnreadableMediaError | None = None
        self.duration_s = 0.0
        """What has been heard of it, seconds."""

    def __iter__(self) -> Iterator[Samples]:
        frames = 0
        try:
            for block in self._audible.blocks():
                yield block
                frames += len(block)
                self.duration_s = frames / self._audible.sample_rate_hz
        except UnreadableMediaError as error:
            self.damage = error


def _as_evidence(found: audio.Detection, duration_s: float) -> Evidence:
    payload = found.payload
    detail: Mapping[str, object] = {
        "payload": write_payload(payload) if isinstance(payload, Payload) else None,
        "short_payload": write_short_payload(payload)
        if isinstance(payload, ShortPayload)
        else None,
        "key_id": found.key_id,
        "layers": write_layers(found.layers),
        "spans": [[span.start_s, span.end_s] for span in found.spans],
        "duration_s": duration_s,
        "speed": found.speed,
        "pitch": found.pitch,
    }
    return Evidence(
        finding=Finding(
            technique=Technique.WATERMARK,
            presence=found.presence,
            p_value=found.p_value,
            detail=detail,
        ),
        payload=payload,
        layers=found.layers,
        warnings=(_UNREAD,) if found.presence is Presence.INCONCLUSIVE else (),
    )
