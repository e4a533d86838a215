"""IPTC digital source types: what is declared, held against the facts.

A declared type is evidence, never a verdict. Source: IPTC NewsCodes,
``http://cv.iptc.org/newscodes/digitalsourcetype/``.
"""

from __future__ import annotations

from typing import Final

from labeler.policy.facts import Facts
from labeler.policy.operations import GENERATE, MARKED_OPERATIONS, is_standard_editing

__all__ = ["SOURCE_TYPE_IDS", "declaration_warnings"]

_AI: Final = frozenset({
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic",
})  # fmt: skip
_OPEN: Final = frozenset({"virtualRecording", "composite", "algorithmicallyEnhanced"})
"""May or may not be made with generative AI."""
_HUMAN: Final = frozenset({
    "algorithmicMedia", "compositeCapture", "digitalCreation", "humanEdits", "dataDrivenMedia",
    "digitalCapture", "computationalCapture", "screenCapture", "negativeFilm", "positiveFilm",
    "print",
})  # fmt: skip
_RETIRED: Final = {
    "minorHumanEdits": "humanEdits",
    "digitalArt": "digitalCreation",
    "softwareImage": "digitalCreation",
}
_MISSPELT: Final = {"compositedWithTrainedAlgorithmicMedia": "compositeWithTrainedAlgorithmicMedia"}

SOURCE_TYPE_IDS: Final = _AI | _OPEN | _HUMAN | frozenset(_RETIRED) | frozenset(_MISSPELT)
"""All that is accepted, retired ids and a common misspelling among them."""


def declaration_warnings(facts: Facts) -> tuple[str, ...]:
    """What does not fit between the declared source type and the other facts."""
    output = facts.subject
    declared = output.declared_source_type
    if declared is None:
        return ()
    proper = _RETIRED.get(declared) or _MISSPELT.get(declared)
    warnings: list[str] = []
    if proper is not None:
        warnings.append(f"output.declared_source_type: {declared} is no longer right, or never "
                        f"was; write {proper}.")  # fmt: skip
    is_ai_made = output.operation in MARKED_OPERATIONS or output.new_content is True
    meant = proper or declared
    if meant in _HUMAN and is_ai_made:
        warnings.append(
            f"output.declared_source_type says {declared}, and the facts say that AI made or "
            "changed the content."
        )
    elif meant in _AI and is_standard_editing(output):
        warnings.append(
            f"output.declared_source_type says {declared}, and the facts say standard editing."
        )
    elif meant == "compositeWithTrainedAlgorithmicMedia" and output.operation == GENERATE:
        warnings.append(
            f"output.declared_source_type says {declared}, edited with AI, and the facts say "
            "that all of it was generated."
        )
    return tuple(warnings)
