"""What was done to one output: the record that `stamp` returns and the registry keeps.

As JSON (``Receipt.to_json``), which the registry keeps and the command line prints::

    {"schema": 1, "receipt_id", "created_at", "target", "sidecar", "media_type", "source_sha256",
     "target_sha256", "source_type", "payload": {"version", "origin", "handle"}, "key_id",
     "manifest_id", "layers": [{"layer", "present", "tracks", "p_value",
                                "readings": [{"key_id", "p_value", "track"}],
                                "psnr_db", "snr_db", "legibility", "reason"}],
     "decision_id", "labels": [{"label", "asked_by", "laid", "text"}]}

What is not known is null. Readers ignore members that they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.provenance import SourceType, Track

__all__ = [
    "LabelOutcome",
    "Layer",
    "LayerOutcome",
    "MarkReading",
    "Receipt",
    "read_payload",
    "read_short_payload",
    "write_payload",
    "write_short_payload",
]

RECEIPT_SCHEMA: Final = 1


class Layer(StrEnum):
    """The layers of marking that a file can carry."""

    CREDENTIAL = "credential"
    WATERMARK = "watermark"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReading:
    """How one watermark was read back: of several keys, and of several tracks, each is one."""

    key_id: str
    """Id of the key that it was read with."""
    p_value: float
    """The p-value with which it was read back."""
    track: Track | None = None
    """Of a film: the track that carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOutcome:
    """What became of one layer."""

    layer: Layer
    present: bool
    """Whether the layer was read back from the written file."""
    tracks: tuple[Track, ...] = ()
    """Watermark of a film only: the tracks that carry it."""
    p_value: float | None = None
    """Watermark only: the p-value with which it was read back under the receipt's key; of several
    tracks, the largest."""
    readings: tuple[MarkReading, ...] = ()
    """Watermark only: each key's in each track. Beside a secret key's there is the public
    signpost's."""
    psnr_db: float | None = None
    """Watermark only: peak signal-to-noise ratio of marked to unmarked pictures, over RGB, of a
    film over luma, before they are encoded: what a lossy format takes besides is not in it. None
    where no pictures were marked."""
    snr_db: float | None = None
    """Watermark only: signal-to-noise ratio of marked to unmarked samples, over all channels that
    carry the mark, before they are encoded likewise. None where no sound was marked."""
    legibility: Mapping[str, float] | None = None
    """Watermark of a picture only: how legible it is expected to be after each treatment that was
    tried out before it was made (`labeler.marks.rehearsal.CASES`): from 1 on it should read, below
    it may not. Of several frames, the least. None where nothing was tried out."""
    reason: str | None = None
    """Why the layer is missing, where the caller allowed that; or what it does not cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOutcome:
    """What became of one label that people are to perceive."""

    label: str
    """Which: ``"label:visible"``; all of them are in `labeler.policy.carrying_out`."""
    asked_by: str | None
    """Id of the obligation that asks it; None where nobody but the caller did."""
    laid: bool
    """Whether the output has it. What no file can hold is for its publisher to show."""
    text: str | None = None
    """The words to show beside the content; None where it is laid, or an interface has to show it
    in words of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done to one output."""

    receipt_id: str
    """Unique name of this receipt, a UUID."""
    created_at: datetime
    """When the output was published, UTC."""
    target: str
    """Path or URL of the output."""
    sidecar: str | None
    """Path or URL of the ``.c2pa`` sidecar, where the manifest is not embedded."""
    media_type: str
    """IANA media type of the output."""
    source_sha256: str
    """SHA-256 of the source's bytes, hexadecimal."""
    target_sha256: str
    """SHA-256 of the output's bytes, hexadecimal."""
    source_type: SourceType
    """The IPTC digital source type that was claimed."""
    payload: Payload | None
    """What the watermark carries; None where there is none."""
    key_id: str | None
    """Id of the watermark key; None where there is no watermark."""
    manifest_id: str | None
    """Label of the active C2PA manifest; None where there is none."""
    layers: tuple[LayerOutcome, ...]
    """One outcome for each layer."""
    decision_id: str | None = None
    """Names the assessment that decided what was due, in the audit log; None: none was asked."""
    labels: tuple[LabelOutcome, ...] = ()
    """The labels that were due or asked for."""

    @property
    def missing(self) -> tuple[LayerOutcome, ...]:
        """The layers that are not in the output, each with its reason."""
        return tuple(outcome for outcome in self.layers if not outcome.present)

    def to_json(self) -> str:
        """The receipt as one line of JSON, in the form that the module describes."""
        members = {
            "schema": RECEIPT_SCHEMA,
            "receipt_id": self.receipt_id,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            "target": self.target,
            "sidecar": self.sidecar,
            "media_type": self.media_type,
            "source_sha256": self.source_sha256,
            "target_sha256": self.target_sha256,
            "source_type": self.source_type.value,
            "payload": None if self.payload is None else write_payload(self.payload),
            "key_id": self.key_id,
            "manifest_id": self.manifest_id,
            "layers": [_write_outcome(outcome) for outcome in self.layers],
            "decision_id": self.decision_id,
            "labels": [asdict(outcome) for outcome in self.labels],
        }
        return json.dumps(members, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """Read what `to_json` wrote, in this version or a later one of the same schema.

        Raises:
            ValueError: ``text`` is not a receipt, or one of another schema.
        """
        try:
            members = json.loads(text)
            if members["schema"] != RECEIPT_SCHEMA:
                raise ValueError(f"receipt schema {members['schema']!r} is unknown")
            return _read_receipt(members)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a receipt: {error!r}") from error


def write_payload(payload: Payload) -> dict[str, object]:
    """The JSON form of a payload, here and wherever else Labeler writes one."""
    return {
        "version": payload.version,
        "origin": payload.origin.name.lower(),
        "handle": str(payload.handle),
    }


def write_short_payload(payload: ShortPayload) -> dict[str, object]:
    """The JSON form of a short payload."""
    return {"origin": payload.origin.name.lower(), "tag": payload.tag}


def _write_outcome(outcome: LayerOutcome) -> dict[str, object]:
    return {
        "layer": outcome.layer.value,
        "present": outcome.present,
        "tracks": list(outcome.tracks),
        "p_value": outcome.p_value,
        "readings": [
            {
                "key_id": each.key_id,
                "p_value": each.p_value,
                "track": None if each.track is None else each.track.value,
            }
            for each in outcome.readings
        ],
        "psnr_db": outcome.psnr_db,
        "legibility": None if outcome.legibility is None else dict(outcome.legibility),
        "snr_db": outcome.snr_db,
        "reason": outcome.reason,
    }


def _read_receipt(members: Mapping[str, Any]) -> Receipt:
    payload = members["payload"]
    return Receipt(
        receipt_id=members["receipt_id"],
        created_at=datetime.fromisoformat(members["created_at"]),
        target=members["target"],
        sidecar=members["sidecar"],
        media_type=members["media_type"],
        source_sha256=members["source_sha256"],
        target_sha256=members["target_sha256"],
        source_type=SourceType(members["source_type"]),
        payload=None if payload is None else read_payload(payload),
        key_id=members["key_id"],
        manifest_id=members["manifest_id"],
        layers=tuple(_read_outcome(outcome) for outcome in members["layers"]),
        decision_id=members.get("decision_id"),  # new with the policy
        labels=tuple(_read_label(outcome) for outcome in members.get("labels", ())),
    )


def read_payload(members: Mapping[str, Any]) -> Payload:
    """Read what `write_payload` wrote.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: ``members`` is something else.
    """
    return Payload(
        version=members["version"],
        origin=Origin[members["origin"].upper()],
        handle=Handle.parse(members["handle"]),
    )


def read_short_payload(members: Mapping[str, Any]) -> ShortPayload:
    """Read what `write_short_payload` wrote.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: ``members`` is something else.
    """
    return ShortPayload(origin=Origin[members["origin"].upper()], tag=members["tag"])


def _read_label(members: Mapping[str, Any]) -> LabelOutcome:
    return LabelOutcome(
        label=members["label"],
        asked_by=members["asked_by"],
        laid=members["laid"],
        text=members["text"],
    )


def _read_reading(members: Mapping[str, Any]) -> MarkReading:
    track = members["track"]
    return MarkReading(
        key_id=members["key_id"],
        p_value=members["p_value"],
        track=None if track is None else Track(track),
    )


def _read_outcome(members: Mapping[str, Any]) -> LayerOutcome:
    return LayerOutcome(
        layer=Layer(members["layer"]),
        present=members["present"],
        tracks=tuple(map(Track, members.get("tracks", ()))),  # new with films
        p_value=members["p_value"],
        readings=tuple(map(_read_reading, members.get("readings", ()))),  # new with signposts
        psnr_db=members["psnr_db"],
        legibility=members.get("legibility"),
        snr_db=members.get("snr_db"),  # receipts of 0.1 have none
        reason=members["reason"],
    )
