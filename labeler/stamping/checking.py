"""All layers of an output, read back from what was written, before anyone else can see it."""

from __future__ import annotations

from labeler.media.content import Content
from labeler.receipt import Layer, MarkReading
from labeler.stamping.interface import Draft, Order, Tools
from labeler.stamping.media import medium_for
from labeler.stamping.readback import check_credential, check_metadata

__all__ = ["read_back"]


def read_back(
    order: Order, draft: Draft, written: Content, sidecar: bytes | None, tools: Tools
) -> tuple[MarkReading, ...]:
    """See that every layer is in what was written; tell how the watermark's were read.

    Args:
        order: What was asked for.
        draft: What was made.
        written: What is there now.
        sidecar: The manifest store beside it.
        tools: What is the same for every file.

    Raises:
        WatermarkLostError: A layer of the watermark is not there.
        MarkNotVerifiedError: Another layer is not, or what was written cannot be opened.
    """
    if draft.signature is not None:
        check_credential(
            written, order.media_type, sidecar, draft.signature.manifest_id, trust=tools.trust
        )
    if Layer.METADATA not in draft.remarks:
        check_metadata(written, order.media_type, order.provenance)
    if draft.watermark is None:
        return ()
    return medium_for(order.media_type).watermarking.check(written, draft.watermark, order, tools)
