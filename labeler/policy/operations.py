"""The catalogue of operations: which of them are standard editing, and which are not.

Source: Guidelines C(2026) 5054 on Art. 50, the table after point 92, and for California B&P Code
22757.1(l), a closed list. The lists differ on purpose: the same edit has different answers.
"""

from __future__ import annotations

from typing import Final

from labeler.policy.facts import Output, Tri

__all__ = [
    "CALIFORNIA_MINOR",
    "EXEMPT_OPERATIONS",
    "GENERATE",
    "MARKED_OPERATIONS",
    "OPERATIONS",
    "TEXT_FORMALITIES",
    "is_minor",
    "is_standard_editing",
]

GENERATE: Final = "generate"

EXEMPT_OPERATIONS: Final = frozenset({
    "grammar_fix", "style_polish", "translation", "transcription", "format_conversion",
    "compression", "denoise", "rescale", "equalise", "stabilise", "crop", "colour_adjust",
    "sharpen", "dust_removal", "red_eye_removal", "level_horizon", "pixel_filter", "colourise",
    "aspect_fill", "transition_clip", "background_blur", "background_remove", "face_blur",
    "medical_processing", "assistive_technology",
})  # fmt: skip
"""Standard editing, as long as it adds no new content and changes nothing material."""

MARKED_OPERATIONS: Final = frozenset({
    GENERATE, "summarise", "rewrite", "object_insert", "object_remove", "person_insert",
    "person_remove", "face_replace", "body_change", "voice_clone", "event_fabrication",
    "meaning_changing_light", "composite",
})  # fmt: skip
"""What has to be marked."""

OPERATIONS: Final = EXEMPT_OPERATIONS | MARKED_OPERATIONS

CALIFORNIA_MINOR: Final = frozenset(
    {"colour_adjust", "sharpen", "rescale", "crop", "format_conversion", "denoise"}
)
"""Minor modifications in California."""

TEXT_FORMALITIES: Final = frozenset({"grammar_fix", "transcription", "format_conversion"})
"""Operations that leave it a person's text; a translation is not among them."""


def is_standard_editing(output: Output) -> Tri:
    """Whether Art. 50(2) exempts what was done, as far as is known: True or None, or False."""
    changes = (output.new_content, output.material_change)
    if True in changes or output.operation == GENERATE:
        return False
    if output.operation in EXEMPT_OPERATIONS:
        return True
    return True if changes == (False, False) else None


def is_minor(output: Output, operations: frozenset[str]) -> bool:
    """Whether it was one of ``operations``, and is not known to have changed more."""
    changes = (output.new_content, output.material_change)
    return output.operation in operations and True not in changes
