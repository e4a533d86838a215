"""What a manifest says: from `Provenance` to the manifest definition that is signed.

Everything here is pure. The content follows C2PA 2.4 (sections in the comments) and what the C2PA
asset conformance rubrics ask for in addition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from labeler.codec.payload import PAYLOAD_BITS, SHORT_BITS, Payload, ShortPayload
from labeler.credentials.directions import SIGNPOST_LABEL, Directions
from labeler.provenance import Provenance, SourceType

__all__ = [
    "SHORT_SOUND_BINDING_ALGORITHM",
    "SOFT_BINDING_ALGORITHM",
    "SOUND_BINDING_ALGORITHM",
    "TEXT_BINDING_ALGORITHM",
    "ManifestDefinition",
    "Resource",
    "SoftBinding",
    "describe",
    "needs_parent",
]

SOFT_BINDING_ALGORITHM: Final = "ai.labeler.tile.1"
"""Name of the watermark in images and frames of video; its last part is the wire format's
version."""
SOUND_BINDING_ALGORITHM: Final = "ai.labeler.patchwork.1"
"""Name of the sound watermark that carries a `Payload`."""
SHORT_SOUND_BINDING_ALGORITHM: Final = "ai.labeler.patchwork.short.1"
"""Name of the sound watermark that carries a `ShortPayload`; as many outputs share one, it finds
candidates, and not the manifest alone."""
TEXT_BINDING_ALGORITHM: Final = "ai.labeler.text.1"
"""Name of watermarks in the choice of words; the value is the id of the key, which many texts
share, so that it finds candidates and not the manifest alone."""
SPECIFICATION_VERSION: Final = "2.4.0"
"""The version of the C2PA specification that manifests follow."""
CLAIM_GENERATOR: Final = "Labeler"
"""The name under which manifests say who made them."""
PARENT_LABEL: Final = "parent"
"""The name by which the ``c2pa.opened`` action refers to the parent ingredient."""

# Algorithm → what its watermark carries, and the bits of that.
_PAYLOADS: Final[Mapping[str, tuple[type[Payload | ShortPayload], int]]] = {
    SOFT_BINDING_ALGORITHM: (Payload, PAYLOAD_BITS),
    SOUND_BINDING_ALGORITHM: (Payload, PAYLOAD_BITS),
    SHORT_SOUND_BINDING_ALGORITHM: (ShortPayload, SHORT_BITS),
}
_PROMPT_LABEL: Final = "prompt"
_PROMPT_RESOURCE: Final = "prompt.txt"

# Source types in which a trained model takes part: what `c2pa.ai-disclosure` is for (18.28).
_WITH_MODEL: Final = frozenset(
    {
        SourceType.TRAINED_ALGORITHMIC_MEDIA,
        SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
        SourceType.COMPOSITE_SYNTHETIC,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftBinding:
    """A watermark that finds the manifest again when a file has lost it (C2PA 2.4, 18.10)."""

    algorithm: str = SOFT_BINDING_ALGORITHM
    """Name of the watermark algorithm."""
    value: str
    """What the watermark carries, as a detector reads it out."""

    @classmethod
    def for_payload(cls, payload: Payload) -> SoftBinding:
        """The binding of Labeler's image watermark: its payload as 14 hexadecimal digits."""
        return cls._of(SOFT_BINDING_ALGORITHM, payload)

    @classmethod
    def for_video(cls, payload: Payload) -> SoftBinding:
        """The binding of Labeler's video watermark: in every frame the one that images carry."""
        return cls._of(SOFT_BINDING_ALGORITHM, payload)

    @classmethod
    def for_sound(cls, payload: Payload | ShortPayload) -> SoftBinding:
        """The binding of Labeler's sound watermark: 14 hexadecimal digits, 5 in the short form."""
        if isinstance(payload, ShortPayload):
            return cls._of(SHORT_SOUND_BINDING_ALGORITHM, payload)
        return cls._of(SOUND_BINDING_ALGORITHM, payload)

    @classmethod
    def for_text(cls, key_id: str) -> SoftBinding:
        """The binding of a text watermark: the id of its key, 16 hexadecimal digits."""
        return cls(algorithm=TEXT_BINDING_ALGORITHM, value=key_id)

    @classmethod
    def _of(cls, algorithm: str, payload: Payload | ShortPayload) -> SoftBinding:
        digits = _PAYLOADS[algorithm][1] // 4
        return cls(algorithm=algorithm, value=f"{payload.to_int():0{digits}x}")

    @property
    def payload(self) -> Payload | ShortPayload | None:
        """What Labeler's watermark carries; None where this is none of Labeler's.

        Somebody else's manifest may hold anything under the names of Labeler's algorithms.
        """
        if self.algorithm not in _PAYLOADS:
            return None
        kind, bits = _PAYLOADS[self.algorithm]
        if not re.fullmatch(f"[0-9a-f]{{{bits // 4}}}", self.value):
            return None
        return kind.from_int(int(self.value, 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Bytes that a manifest definition refers to."""

    identifier: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDefinition:
    """What is to be signed, in the form that the C2PA toolkit takes."""

    json: str
    """The manifest definition."""
    resources: tuple[Resource, ...] = ()
    """What the definition refers to."""
    has_parent: bool
    """Whether it speaks of a parent, which is then to be given when signing."""


def needs_parent(provenance: Provenance, *, source_has_manifest: bool) -> bool:
    """Whether the manifest has to tell of the source as its parent.

    That is so if the source carries a manifest, as its history would be lost otherwise, and if the
    output was made by editing.
    """
    return source_has_manifest or provenance.source_type.is_edit


def describe(
    provenance: Provenance,
    *,
    now: datetime,
    soft_bindings: Sequence[SoftBinding] = (),
    labels: Sequence[str] = (),
    directions: Directions | None = None,
    with_parent: bool = False,
) -> ManifestDefinition:
    """The manifest of one output.

    Args:
        provenance: What is claimed about the output.
        now: The present time, with a time zone; used where the provenance has no time.
        soft_bindings: The watermarks in the content, such as one in the picture of a film and one
            in its sound; where there is none, none is claimed.
        labels: Labels that were laid on the content for people, by name.
        directions: Whom to ask about the output; None: the manifest does not say.
        with_parent: Whether the source becomes the parent (`needs_parent`): the actions are then
            ``c2pa.opened`` and ``c2pa.edited`` instead of ``c2pa.created``.
    """
    is_bound = bool(soft_bindings)
    assertions = [
        _actions(provenance, now, labels=labels, is_bound=is_bound, with_parent=with_parent),
        *map(_soft_binding, soft_bindings),
    ]
    if provenance.source_type in _WITH_MODEL:
        assertions.append(_ai_disclosure(provenance))
    if directions:
        assertions.append(_assertion(SIGNPOST_LABEL, directions.to_data()))
    definition: dict[str, Any] = {
        "claim_generator_info": [
            {
                "name": CLAIM_GENERATOR,
                "version": generator_version(),
                "specVersion": SPECIFICATION_VERSION,
            }
        ],
        "assertions": assertions,
    }
    if provenance.title is not None:
        definition["title"] = provenance.title
    resources: tuple[Resource, ...] = ()
    if provenance.prompt is not None:
        definition["ingredients"] = [_prompt(provenance)]
        resources = (Resource(identifier=_PROMPT_RESOURCE, data=provenance.prompt.encode()),)
    return ManifestDefinition(
        json=json.dumps(definition, ensure_ascii=False), resources=resources, has_parent=with_parent
    )


@cache
def generator_version() -> str:
    """Labeler's version as installed."""
    try:
        return version("ai-labeler")
    except PackageNotFoundError:
        return "0"  # run from a source tree


def _assertion(label: str, data: Mapping[str, object]) -> dict[str, object]:
    # "created": this generator answers for the assertion itself (10.2.1).
    return {"label": label, "created": True, "data": data}


def _actions(
    provenance: Provenance,
    now: datetime,
    *,
    labels: Sequence[str],
    is_bound: bool,
    with_parent: bool,
) -> dict[str, object]:
    """The actions in the order in which they happened (18.15)."""
    made = {
        "action": "c2pa.edited" if with_parent else "c2pa.created",
        "when": _rfc3339(provenance.created_at or now),
        "digitalSourceType": provenance.source_type.uri,
        **_software_agent(provenance),
    }
    if provenance.prompt is not None:
        made["parameters"] = {"ingredientIds": [_PROMPT_LABEL]}
    actions: list[Mapping[str, object]] = [made]
    if with_parent:
        # No time: the source may have been opened long before or after it was edited.
        opened: Mapping[str, object] = {
            "action": "c2pa.opened",
            "parameters": {"ingredientIds": [PARENT_LABEL]},
        }
        actions.insert(0, opened)
    if labels:
        labelled: Mapping[str, object] = {
            "action": "c2pa.edited",
            "when": _rfc3339(now),
            "description": f"A label that discloses AI was laid: {', '.join(labels)}",
            "softwareAgent": {"name": CLAIM_GENERATOR, "version": generator_version()},
        }
        actions.append(labelled)
    if is_bound:
        watermarked: Mapping[str, object] = {
            "action": "c2pa.watermarked.bound",
            "when": _rfc3339(now),
            "softwareAgent": {"name": CLAIM_GENERATOR, "version": generator_version()},
        }
        actions.append(watermarked)
    return _assertion("c2pa.actions.v2", {"actions": actions, "allActionsIncluded": True})


def _software_agent(provenance: Provenance) -> dict[str, object]:
    if provenance.generator is None:
        return {}
    agent = {"name": provenance.generator}
    if provenance.generator_version is not None:
        agent["version"] = provenance.generator_version
    return {"softwareAgent": agent}


def _soft_binding(binding: SoftBinding) -> dict[str, object]:
    # An empty scope: the binding holds for the whole asset.
    blocks: Sequence[object] = [{"scope": {}, "value": binding.value}]
    return _assertion("c2pa.soft-binding", {"alg": binding.algorithm, "blocks": blocks})


def _ai_disclosure(provenance: Provenance) -> dict[str, object]:
    """Which model, and how far a person steered it (18.28)."""
    data: dict[str, object] = {"modelType": "c2pa.types.model"}
    if provenance.generator is not None:
        data["modelName"] = provenance.generator
    if provenance.model_identifier is not None:
        data["modelIdentifier"] = provenance.model_identifier
    if provenance.human_oversight is not None:
        data["contentProfile"] = {"humanOversightLevel": provenance.human_oversight.value}
    return _assertion("c2pa.ai-disclosure", data)


def _prompt(provenance: Provenance) -> dict[str, object]:
    """The prompt as an ingredient that was an input to the generation (18.16)."""
    types = [{"type": "c2pa.types.generator.prompt"}]
    ingredient: dict[str, object] = {
        "label": _PROMPT_LABEL,
        "title": "Prompt",
        "format": "text/plain",
        "relationship": "inputTo",
        "data_types": types,
        "data": {"format": "text/plain", "identifier": _PROMPT_RESOURCE, "data_types": types},
    }
    if provenance.prompt_writer is not None:
        ingredient["description"] = f"Written by {provenance.prompt_writer}"
    return ingredient


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
