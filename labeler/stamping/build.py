"""Building the output: watermark, encoding, metadata, and last the signature."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from detectors.conclusion import in_words
from detectors.layers import read_credential
from detectors.report import Presence
from labeler.codec.payload import Payload
from labeler.credentials import describe, needs_parent
from labeler.errors import (
    CapacityError,
    ConflictError,
    CredentialError,
    IdentityError,
    LabelerError,
    MetadataError,
    ParentCredentialError,
    UnsupportedMediaError,
)
from labeler.media.content import Content
from labeler.receipt import Layer
from labeler.stamping.interface import Draft, ExpectedWatermark, Order, Signature, Tools
from labeler.stamping.media import medium_for

__all__ = ["build", "excuse", "find_mark"]

_GO_ON: Final = "go on without a watermark (--allow-missing watermark), and the receipt says so"


def find_mark(order: Order, tools: Tools, *, keep: bool) -> ExpectedWatermark | None:
    """The watermark that the source carries already; None where there is none.

    Raises:
        ConflictError: There is one, and it is not to be kept, or cannot be read.
        MediaError: The source cannot be decoded.
    """
    evidence = medium_for(order.media_type).watermarking.find(order, tools)
    if evidence.finding.presence is Presence.ABSENT:
        return None
    key_id = evidence.finding.detail.get("key_id")
    if evidence.payload is None and evidence.finding.presence is Presence.PRESENT:
        raise ConflictError(
            "the source carries a watermark already, too damaged to be read in full",
            hint="Stamp the original",
        )
    if evidence.payload is None or not isinstance(key_id, str):
        raise ConflictError(
            "the source carries the pattern of a watermark that no key in use reads",
            hint="Stamp the original, or add the key that the watermark was made with",
        )
    if not keep:
        raise ConflictError(
            f"the source carries a watermark already ({in_words(evidence.payload)})",
            hint="Stamp the original, or keep the watermark and only sign (--already-marked keep)",
        )
    return ExpectedWatermark(
        carried=evidence.payload,
        payload=evidence.payload if isinstance(evidence.payload, Payload) else None,
        key=tools.keyring[key_id],
    )


def build(
    order: Order,
    tools: Tools,
    *,
    kept: ExpectedWatermark | None = None,
    without_watermark: str | None = None,
) -> Draft:
    """Everything up to the signature.

    Args:
        order: What is asked for.
        tools: What it is made with.
        kept: The watermark that the source carries and that stays.
        without_watermark: Why no watermark is to be made; None: one is made.

    Raises:
        LabelerError: A layer cannot be made, and is not allowed to be missing.
    """
    draft = _with_watermark(order, tools, kept, without_watermark)
    return _with_credential(order, tools, _with_metadata(order, draft))


def _with_watermark(
    order: Order, tools: Tools, kept: ExpectedWatermark | None, without: str | None
) -> Draft:
    # What gets no mark is not encoded again: that would cost quality for nothing.
    untouched = order.content
    if kept is not None:
        return Draft(
            content=untouched,
            watermark=kept,
            remarks={Layer.WATERMARK: "it was in the source already, and was kept"},
        )
    if without is not None:
        return Draft(content=untouched, watermark=None, remarks={Layer.WATERMARK: without})
    payload = Payload(origin=order.provenance.source_type.origin, handle=tools.reserve())
    try:
        marked = medium_for(order.media_type).watermarking.mark(order, payload, tools)
    except (CapacityError, UnsupportedMediaError) as error:
        reason = excuse(error, Layer.WATERMARK, order)
        return Draft(content=untouched, watermark=None, remarks={Layer.WATERMARK: reason})
    return Draft(
        content=marked.content,
        marked=marked,
        watermark=marked.watermark,
        remarks={Layer.WATERMARK: marked.remark} if marked.remark else {},
    )


def _with_metadata(order: Order, draft: Draft) -> Draft:
    try:
        content = medium_for(order.media_type).layers.write_metadata(draft.content, order)
    except MetadataError as error:
        return _remark(draft, Layer.METADATA, excuse(error, Layer.METADATA, order))
    return replace(draft, content=content)


def _with_credential(order: Order, tools: Tools, draft: Draft) -> Draft:
    try:
        content, signature = _sign(order, tools, draft)
    except ParentCredentialError:
        raise  # a history that does not hold is no reason to publish without one
    except CredentialError as error:
        reason = excuse(error, Layer.CREDENTIAL, order)
        _refuse_broken_credential(order, tools, draft)
        return _remark(draft, Layer.CREDENTIAL, reason)
    draft = replace(draft, content=content, signature=signature)
    remark = signature.remark
    return draft if remark is None else _remark(draft, Layer.CREDENTIAL, remark)


def _refuse_broken_credential(order: Order, tools: Tools, draft: Draft) -> None:
    """See that a file that goes unsigned does not keep the source's manifest, now broken."""
    if draft.content.sha256 == order.content.sha256:
        return
    if read_credential(draft.content, order.media_type, trust=tools.trust) is not None:
        raise ParentCredentialError(
            "the source carries a Content Credential, which would no longer match without a new "
            "signature",
            hint="Sign it (`labeler keys init` makes an identity), or remove the credential from "
            "the source deliberately",
        )


def _sign(order: Order, tools: Tools, draft: Draft) -> tuple[Content, Signature]:
    if isinstance(tools.identity, IdentityError):
        raise tools.identity
    medium, bound, now = medium_for(order.media_type), draft.watermark, tools.now()
    present = read_credential(
        order.content, order.media_type, trust=tools.trust, sidecar=order.sidecar
    )
    definition = describe(
        order.provenance,
        now=now,
        soft_binding=None if bound is None else medium.watermarking.bind(bound),
        with_parent=needs_parent(order.provenance, source_has_manifest=present is not None),
    )
    return medium.layers.sign(draft.content, definition, tools.identity, order, tools, now=now)


def excuse(error: LabelerError, layer: Layer, order: Order) -> str:
    """Why ``layer`` is missing, where it may be missing; else the error is raised."""
    if layer not in order.allow_missing:
        if layer is Layer.WATERMARK:
            error.hint = f"{error.hint}; or {_GO_ON}" if error.hint else _GO_ON.capitalize()
        raise error
    # An identity's file, for example: its problem alone would read like the source's.
    is_elsewhere = error.file not in {None, order.content.name}
    return f"{error.file}: {error.problem}" if is_elsewhere else error.problem


def _remark(draft: Draft, layer: Layer, reason: str) -> Draft:
    return replace(draft, remarks={**draft.remarks, layer: reason})
