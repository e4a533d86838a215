"""The receipt of an output that is about to be published."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from labeler.codec.acoustic import Fingerprint
from labeler.codec.shingles import Shingles
from labeler.media.content import Content
from labeler.receipt import Layer, LayerOutcome, MarkReading, Receipt
from labeler.registry import DurableRecord, Registry
from labeler.stamping.interface import Draft, ExpectedWatermark, Order
from labeler.stamping.outlet import Outlet

__all__ = ["make_receipt", "prepare"]


def make_receipt(
    order: Order,
    draft: Draft,
    outlet: Outlet,
    written: Content,
    *,
    readings: Sequence[MarkReading],
    created_at: datetime,
    decision_id: str | None = None,
) -> Receipt:
    """What was done to one output.

    Args:
        order: What was asked for.
        draft: What was made.
        outlet: Where it goes.
        written: What was read back from there.
        readings: How each layer of the watermark in it was read; empty where there is none.
        created_at: The present time.
        decision_id: Names what was decided to be due; None: nobody asked.
    """
    watermark, signature, marked = draft.watermark, draft.signature, draft.marked
    beside = None if signature is None or signature.sidecar is None else outlet.sidecar_name
    return Receipt(
        receipt_id=str(uuid.uuid4()),
        created_at=created_at,
        target=outlet.name,
        sidecar=beside,
        media_type=order.media_type.value,
        source_sha256=order.content.sha256,
        target_sha256=written.sha256,
        source_type=order.provenance.source_type,
        payload=None if watermark is None else watermark.payload,
        key_id=None if watermark is None else watermark.key_id,
        manifest_id=None if signature is None else signature.manifest_id,
        layers=(
            _outcome(Layer.CREDENTIAL, draft, present=signature is not None),
            replace(
                _outcome(Layer.WATERMARK, draft, present=watermark is not None),
                tracks=() if watermark is None else tuple(watermark.tracks),
                p_value=_p_value(readings, watermark),
                readings=tuple(readings),
                psnr_db=None if marked is None else marked.psnr_db,
                legibility=None if marked is None else marked.legibility,
                snr_db=None if marked is None else marked.snr_db,
            ),
            _outcome(Layer.METADATA, draft, present=Layer.METADATA not in draft.remarks),
        ),
        decision_id=decision_id,
        labels=order.outcomes,
    )


def prepare(
    registry: Registry,
    receipt: Receipt,
    fingerprint: Fingerprint | Shingles | None,
    durable: DurableRecord,
    *,
    profile: str,
) -> None:
    """Put an output that is about to be published on record.

    Args:
        registry: The record.
        receipt: The receipt, complete.
        fingerprint: What the output is recognised by; None where that is not needed.
        durable: What leads back to the output when its metadata are gone.
        profile: Digest of what, beside the source, decides about the output.

    Raises:
        RegistryError: The registry cannot be written.
    """
    sound = fingerprint if isinstance(fingerprint, Fingerprint) else None
    registry.prepare(receipt, profile=profile, fingerprint=sound, durable=durable)
    if isinstance(fingerprint, Shingles):
        registry.log_text(receipt.receipt_id, fingerprint)


def _p_value(readings: Sequence[MarkReading], watermark: ExpectedWatermark | None) -> float | None:
    """That of the mark that the receipt names, of several tracks the largest."""
    beside = set() if watermark is None else _beside(watermark)
    return max((each.p_value for each in readings if each.key_id not in beside), default=None)


def _beside(watermark: ExpectedWatermark) -> set[str]:
    """Keys of the layers beside marks."""
    own = {layer.key_id for layer in watermark.beside}
    return own.union(*map(_beside, watermark.tracks.values()))


def _outcome(layer: Layer, draft: Draft, *, present: bool) -> LayerOutcome:
    return LayerOutcome(layer=layer, present=present, reason=draft.remarks.get(layer))
