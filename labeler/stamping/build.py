"""Building the output: watermark, encoding, metadata, and last the signature."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from detectors.conclusion import Evidence, in_words
from detectors.layers import read_credential
from detectors.report import Presence
from labeler.codec.payload import Payload
from labeler.credentials import Directions, describe, needs_parent
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
from labeler.provenance import Track
from labeler.receipt import Layer
from labeler.settings import Settings
from labeler.stamping.content_binding import content_bindings
from labeler.stamping.interface import (
    Draft,
    ExpectedLayer,
    ExpectedWatermark,
    Marked,
    Order,
    Signature,
    Tools,
)
from labeler.stamping.media import medium_for
from labeler.stamping.readback import OR_NO_SIGNPOST

__all__ = ["build", "excuse", "find_mark"]

_KEPT: Final = "it was in the source already, and was kept"
_LEFT_OUT: Final = "it was not asked for"
_NO_SIGNPOST: Final = "no public signpost beside it: {reason}"
_GO_ON: Final = "go on without a watermark (--allow-missing watermark), and the receipt says so"


def find_mark(order: Order, tools: Tools, *, keep: bool) -> Marked | None:
    """The source as it is, if it carries a watermark already; None where it does not.

    Raises:
        ConflictError: It does, and the watermark is not to be kept, or cannot be read.
        MediaError: The source cannot be decoded.
    """
    watermarking = medium_for(order.media_type).watermarking
    looks = watermarking.find(order, tools)
    found = [each for each in looks if each.finding.presence is not Presence.ABSENT]
    if not found:
        return None
    kept = {_track(each): _kept(each, tools, keep=keep) for each in found}
    tracks = {track: watermark for track, watermark in kept.items() if track is not None}
    bare = [track.label for each in looks if (track := _track(each)) and track not in tracks]
    return Marked(
        content=order.content,
        watermark=ExpectedWatermark.of_tracks(tracks) if tracks else kept[None],
        sketches=watermarking.sketches(order, tools, found[0]),
        remark="; ".join([_KEPT, *(f"there is none in the {name}" for name in bare)]),
    )


def _kept(evidence: Evidence, tools: Tools, *, keep: bool) -> ExpectedWatermark:
    """What a watermark that was found has to say again when it is read from the output."""
    key_id, track = evidence.finding.detail.get("key_id"), _track(evidence)
    place = "the source" if track is None else f"the {track.label} of the source"
    if isinstance(key_id, str) and key_id in tools.texts.keys:
        # Text is marked when it is generated, and never again.
        return ExpectedWatermark(carried=None, payload=None, key_id=key_id)
    if evidence.payload is None and evidence.finding.presence is Presence.PRESENT:
        raise ConflictError(
            f"there is a watermark in {place} already, too damaged to be read in full",
            hint="Stamp the original",
        )
    if evidence.payload is None or not isinstance(key_id, str):
        raise ConflictError(
            f"there is the pattern of a watermark in {place} that no key in use reads",
            hint="Stamp the original, or add the key that the watermark was made with",
        )
    if not keep:
        raise ConflictError(
            f"there is a watermark in {place} already ({in_words(evidence.payload)})",
            hint="Stamp the original, or keep the watermark and only sign (--already-marked keep)",
        )
    beside = [layer for layer in evidence.layers if layer.key_id != key_id]
    return ExpectedWatermark(
        carried=evidence.payload,
        payload=evidence.payload if isinstance(evidence.payload, Payload) else None,
        key_id=key_id,
        beside=tuple(
            ExpectedLayer(layer.payload, layer.key_id)
            for layer in beside
            if layer.payload is not None
        ),
    )


def _track(evidence: Evidence) -> Track | None:
    """The track of a film that was looked at; None in other media."""
    track = evidence.finding.detail.get("track")
    return None if track is None else Track(str(track))


def build(
    order: Order,
    tools: Tools,
    *,
    kept: Marked | None = None,
    without_watermark: str | None = None,
) -> Draft:
    """Everything up to the signature.

    Args:
        order: What is asked for.
        tools: What it is made with.
        kept: The source, where it carries a watermark that stays.
        without_watermark: Why no watermark is to be made; None: one is made.

    Raises:
        LabelerError: A layer cannot be made, and is not allowed to be missing.
    """
    draft = _with_watermark(order, tools, kept, without_watermark)
    return _with_credential(order, tools, _with_metadata(order, draft))


def _with_watermark(order: Order, tools: Tools, kept: Marked | None, without: str | None) -> Draft:
    # What gets no mark and no label is not encoded again: that would cost quality for nothing.
    if kept is not None:
        remarks = {Layer.WATERMARK: kept.remark} if kept.remark else {}
        content = medium_for(order.media_type).watermarking.label(order, tools)
        return Draft(
            content=content, watermark=kept.watermark, sketches=kept.sketches, remarks=remarks
        )
    if Layer.WATERMARK in order.leave_out:
        without = _LEFT_OUT
    if without is not None:
        return _without_watermark(order, tools, without)
    payload = Payload(origin=order.provenance.source_type.origin, handle=tools.reserve())
    try:
        marked = _mark(order, payload, tools)
    except (CapacityError, UnsupportedMediaError) as error:
        return _without_watermark(order, tools, excuse(error, Layer.WATERMARK, order))
    return Draft(
        content=marked.content,
        marked=marked,
        watermark=marked.watermark,
        sketches=marked.sketches,
        remarks={Layer.WATERMARK: marked.remark} if marked.remark else {},
    )


def _without_watermark(order: Order, tools: Tools, reason: str) -> Draft:
    watermarking = medium_for(order.media_type).watermarking
    return Draft(
        content=watermarking.label(order, tools),
        watermark=None,
        sketches=watermarking.sketches(order, tools, None),
        remarks={Layer.WATERMARK: reason},
    )


def _mark(order: Order, payload: Payload, tools: Tools) -> Marked:
    """The source with a watermark; without a signpost where both are too much and may be missing.

    Raises:
        LabelerError: See `Watermarking.mark`.
    """
    watermarking = medium_for(order.media_type).watermarking
    try:
        marked = watermarking.mark(order, payload, tools)
    except CapacityError as error:
        if tools.signpost is None:
            raise
        if Layer.WATERMARK not in order.allow_missing:
            if OR_NO_SIGNPOST not in (error.hint or ""):
                error.hint = f"{error.hint}; {OR_NO_SIGNPOST}" if error.hint else OR_NO_SIGNPOST
            raise
        return _mark(order, payload, tools.without_signpost(error.problem))
    if tools.no_signpost is None:
        return marked
    remarks = (marked.remark, _NO_SIGNPOST.format(reason=tools.no_signpost))
    return replace(marked, remark="; ".join(filter(None, remarks)))


def _with_metadata(order: Order, draft: Draft) -> Draft:
    if Layer.METADATA in order.leave_out:
        return _remark(draft, Layer.METADATA, _LEFT_OUT)
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
        labels=[each.label for each in order.outcomes if each.laid],
        soft_bindings=()
        if bound is None
        else (*medium.watermarking.bind(bound), *content_bindings(draft)),
        directions=_directions(tools.settings),
        with_parent=needs_parent(order.provenance, source_has_manifest=present is not None),
    )
    return medium.layers.sign(draft.content, definition, tools.identity, order, tools, now=now)


def _directions(settings: Settings) -> Directions:
    # Number 0 is this machine's own: it tells nobody else whom to ask.
    return Directions(
        issuer=settings.issuer or None,
        detector_url=settings.detector_url,
        resolver_url=settings.resolver_url,
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
