"""A receipt, complete, of which tests change what matters to them."""

from dataclasses import replace
from datetime import UTC, datetime

from labeler.codec.payload import Origin, Payload
from labeler.provenance import SourceType
from labeler.receipt import Layer, LayerOutcome, Receipt

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_receipt(receipt_id="r1", *, handle=None, created_at=NOW, **changes):
    """With a payload where there is a handle."""
    receipt = Receipt(
        receipt_id=receipt_id,
        created_at=created_at,
        target="/out/a.png",
        sidecar=None,
        media_type="image/png",
        source_sha256="ab" * 32,
        target_sha256="cd" * 32,
        source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA,
        payload=None if handle is None else Payload(origin=Origin.GENERATED, handle=handle),
        key_id="0123456789abcdef",
        manifest_id="urn:c2pa:1",
        layers=(LayerOutcome(layer=Layer.WATERMARK, present=True, p_value=1e-40, psnr_db=45.5),),
    )
    return replace(receipt, **changes)
