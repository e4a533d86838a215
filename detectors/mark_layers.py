"""Marks of several keys in one content, as layers: what each of them says.

A provider that marks with a secret key may put a weaker mark under the public key beside it, which
tells everybody whom to ask (`labeler.marks.signpost`). Layers that say different things are no work
of one embedder: one was copied from elsewhere, or written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from labeler.codec.patchwork import AnyPayload
from labeler.codec.payload import Payload, ShortPayload
from labeler.receipt import write_payload, write_short_payload

__all__ = ["MarkLayer", "best_of", "write_layers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkLayer:
    """A mark that is present under one key."""

    key_id: str
    """Under which."""
    p_value: float
    """Probability of so strong a result without any mark; all keys that were tried are counted."""
    payload: AnyPayload | None
    """What it says; None where it is present and too damaged to be read in full."""


def best_of(layers: Sequence[MarkLayer], count: int, *, limit: float) -> tuple[MarkLayer, ...]:
    """The layers of the best of so many contents, frames or pages (Bonferroni).

    Args:
        layers: What the best one showed.
        count: How many were searched, at least 1.
        limit: The p-value up to which a mark is present.
    """
    counted = ((each, min(1.0, each.p_value * count)) for each in layers)
    return tuple(replace(each, p_value=p) for each, p in counted if p <= limit)


def write_layers(layers: Sequence[MarkLayer]) -> list[dict[str, object]]:
    """The JSON form of layers, the strongest first."""
    return [_write(each) for each in sorted(layers, key=lambda each: each.p_value)]


def _write(layer: MarkLayer) -> dict[str, object]:
    payload = layer.payload
    members: dict[str, object] = {
        "key_id": layer.key_id,
        "p_value": layer.p_value,
        "payload": write_payload(payload) if isinstance(payload, Payload) else None,
    }
    if isinstance(payload, ShortPayload):
        members["short_payload"] = write_short_payload(payload)
    return members
