"""Building the output in memory: watermark, encoding, metadata, and last the signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from detectors import pictures
from detectors.report import Presence
from labeler.codec.keys import Key, Keyring
from labeler.codec.payload import Handle, Payload
from labeler.credentials import (
    Identity,
    Parent,
    Signed,
    SoftBinding,
    TrustStore,
    describe,
    needs_parent,
    sign,
)
from labeler.credentials import read as read_credential
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
from labeler.media.media_type import MediaType
from labeler.media.picture import Picture, open_picture
from labeler.media.source import Content
from labeler.metadata import write as write_metadata
from labeler.provenance import Provenance
from labeler.receipt import Layer
from labeler.settings import Settings
from labeler.stamping.readback import ExpectedWatermark
from labeler.stamping.watermark import mark

__all__ = ["Draft", "Order", "Tools", "build", "excuse", "find_mark"]

_GO_ON: Final = "go on without a watermark (--allow-missing watermark), and the receipt says so"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for, once the source is known to be of use."""

    content: Content
    media_type: MediaType
    sidecar: bytes | None = field(repr=False)
    """The source's manifest store, where that lies beside it."""
    provenance: Provenance
    allow_missing: frozenset[Layer]
    force_invalid_parent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What is the same for every file."""

    settings: Settings
    key: Key
    """Makes watermarks."""
    keyring: Keyring
    """Finds watermarks that are there already."""
    identity: Identity | IdentityError
    """Who signs, or why nobody can."""
    trust: TrustStore
    reserve: Callable[[], Handle]
    """Gives a new handle."""
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An output that nobody has seen yet."""

    data: bytes = field(repr=False)
    signed: Signed | None = field(default=None, repr=False)
    """The credential; None where there is none."""
    watermark: ExpectedWatermark | None
    """The watermark that it carries; None where there is none."""
    psnr_db: float | None = None
    """What making the watermark has changed; None where none was made."""
    remarks: Mapping[Layer, str]
    """Why a layer is missing, or what it does not cover."""


def find_mark(order: Order, tools: Tools, *, keep: bool) -> ExpectedWatermark | None:
    """The watermark that the source carries already; None where there is none.

    Raises:
        ConflictError: There is one, and it is not to be kept, or cannot be read.
        MediaError: The picture cannot be decoded.
    """
    evidence = pictures.detect(_open(order, tools), tools.keyring)
    if evidence.finding.presence is Presence.ABSENT:
        return None
    key_id = evidence.finding.detail.get("key_id")
    if evidence.payload is None or not isinstance(key_id, str):
        raise ConflictError(
            "the source carries the pattern of a watermark that no key in use reads",
            hint="Stamp the original, or add the key that the watermark was made with",
        )
    if not keep:
        raise ConflictError(
            f"the source carries a watermark already (handle {evidence.payload.handle})",
            hint="Stamp the original, or keep the watermark and only sign (--already-marked keep)",
        )
    return ExpectedWatermark(payload=evidence.payload, key=tools.keyring[key_id], frames=None)


def build(
    order: Order,
    tools: Tools,
    *,
    kept: ExpectedWatermark | None = None,
    without_watermark: str | None = None,
) -> Draft:
    """Everything up to the signature, in memory.

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


def _open(order: Order, tools: Tools) -> Picture:
    return open_picture(
        order.content.data, name=order.content.name, max_pixels=tools.settings.max_pixels
    )


def _with_watermark(
    order: Order, tools: Tools, kept: ExpectedWatermark | None, without: str | None
) -> Draft:
    # Pixels that get no mark are not encoded again: that would cost quality for nothing.
    untouched = order.content.data
    if kept is not None:
        return Draft(
            data=untouched,
            watermark=kept,
            remarks={Layer.WATERMARK: "it was in the source already, and was kept"},
        )
    if without is not None:
        return Draft(data=untouched, watermark=None, remarks={Layer.WATERMARK: without})
    payload = Payload(origin=order.provenance.source_type.origin, handle=tools.reserve())
    try:
        marked = mark(_open(order, tools), payload, tools.key, strength=tools.settings.strength)
    except (CapacityError, UnsupportedMediaError) as error:
        reason = excuse(error, Layer.WATERMARK, order)
        return Draft(data=untouched, watermark=None, remarks={Layer.WATERMARK: reason})
    return Draft(
        data=marked.data,
        watermark=ExpectedWatermark(payload=payload, key=tools.key, frames=marked.marked_frames),
        psnr_db=marked.psnr_db,
        remarks={Layer.WATERMARK: marked.remark} if marked.remark else {},
    )


def _with_metadata(order: Order, draft: Draft) -> Draft:
    try:
        data = write_metadata(
            draft.data, order.media_type, order.provenance, name=order.content.name
        )
    except MetadataError as error:
        return _remark(draft, Layer.METADATA, excuse(error, Layer.METADATA, order))
    return replace(draft, data=data)


def _with_credential(order: Order, tools: Tools, draft: Draft) -> Draft:
    try:
        signed = _sign(order, tools, draft)
    except ParentCredentialError:
        raise  # a history that does not hold is no reason to publish without one
    except CredentialError as error:
        reason = excuse(error, Layer.CREDENTIAL, order)
        _refuse_broken_credential(order, tools, draft)
        return _remark(draft, Layer.CREDENTIAL, reason)
    return replace(draft, data=signed.data, signed=signed)


def _refuse_broken_credential(order: Order, tools: Tools, draft: Draft) -> None:
    """See that a file that goes unsigned does not keep the source's manifest, now broken."""
    if draft.data == order.content.data:
        return
    if read_credential(draft.data, order.media_type, trust=tools.trust) is not None:
        raise ParentCredentialError(
            "the source carries a Content Credential, which would no longer match without a new "
            "signature",
            hint="Sign it (`labeler keys init` makes an identity), or remove the credential from "
            "the source deliberately",
        )


def _sign(order: Order, tools: Tools, draft: Draft) -> Signed:
    if isinstance(tools.identity, IdentityError):
        raise tools.identity
    source, now = order.content.data, tools.now()
    present = read_credential(source, order.media_type, trust=tools.trust, sidecar=order.sidecar)
    with_parent = needs_parent(order.provenance, source_has_manifest=present is not None)
    bound = draft.watermark
    definition = describe(
        order.provenance,
        now=now,
        soft_binding=None if bound is None else SoftBinding.for_payload(bound.payload),
        with_parent=with_parent,
    )
    parent = Parent(data=source, media_type=order.media_type, sidecar=order.sidecar)
    return sign(
        draft.data,
        order.media_type,
        definition,
        tools.identity,
        parent=parent if with_parent else None,
        force_invalid_parent=order.force_invalid_parent,
        tsa_url=tools.settings.tsa_url,
        trust=tools.trust,
        now=now,
    )


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
