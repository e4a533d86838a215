"""Labels fitted to what they are laid on: nobody speaks in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from labeler.media.media_type import MediaKind
from labeler.metadata import holds_metadata
from labeler.receipt import LabelOutcome, Layer
from labeler.stamping.interface import Order
from labeler.stamping.labelling import Labelling

__all__ = ["asked_for", "excused", "fitted", "is_silent"]

_SPOKEN: Final = ("label:spoken", "label:cn:spoken")
_FITTING: Final[Mapping[MediaKind, tuple[str, ...]]] = {
    MediaKind.IMAGE: ("label:visible", "label:cn:visible"),
    MediaKind.AUDIO: _SPOKEN,
    MediaKind.VIDEO: ("label:visible", "label:cn:visible", *_SPOKEN),
    MediaKind.TEXT: ("label:text", "label:cn:text"),
}
"""Labels that can be laid on content of each kind, by how their names begin."""


def asked_for(labels: Labelling) -> tuple[LabelOutcome, ...]:
    """Labels that the caller wants, for the receipt."""
    terms = [f"label:visible:{each.scheme.value}" for each in labels.visible]
    terms += ["label:spoken"] if labels.spoken else []
    terms += ["label:text:top"] if labels.written else []
    return tuple(LabelOutcome(label=term, asked_by=None, laid=True) for term in terms)


def fitted(order: Order) -> Order:
    """The order without labels that its content has no place for: a silent film has no sound."""
    kind = order.media_type.kind
    prefixes = _FITTING[kind]
    if order.labels.spoken is not None and is_silent(order):
        prefixes = tuple(each for each in prefixes if each not in _SPOKEN)
    labels = Labelling(
        visible=order.labels.visible if "label:visible" in prefixes else (),
        spoken=order.labels.spoken if _SPOKEN[0] in prefixes else None,
        written=order.labels.written if "label:text" in prefixes else None,
    )
    outcomes = tuple(
        each for each in order.outcomes if not each.laid or each.label.startswith(prefixes)
    )
    return replace(order, labels=labels, outcomes=outcomes)


def excused(order: Order) -> Order:
    """The order, in which layers may be missing that its format has no place for.

    A finished text can carry no watermark any more, and plain text no metadata. Where the law asks
    for one, that is for a ruling to say.
    """
    if order.media_type.kind is not MediaKind.TEXT:
        return order
    lacking = {Layer.WATERMARK}
    if not holds_metadata(order.media_type):
        lacking.add(Layer.METADATA)
    return replace(order, allow_missing=order.allow_missing | lacking)


def is_silent(order: Order) -> bool:
    """Whether the source is a film without a sound track.

    Raises:
        MediaError: It is a film that cannot be opened.
    """
    if order.media_type.kind is not MediaKind.VIDEO:
        return False
    from labeler.media.video import open_video  # noqa: PLC0415 - only for films

    return not open_video(order.content.local_path, name=order.content.name).has_sound
