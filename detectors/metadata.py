"""Looking for standard metadata that say how a file came about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.conclusion import Evidence
from detectors.layers import read_metadata
from detectors.report import Finding, Presence, Technique
from labeler.errors import LabelerError
from labeler.media.content import Content
from labeler.media.media_type import MediaType
from labeler.metadata import Tags

__all__ = ["detect"]

_UNREAD: Final = "The file's metadata cannot be read: {problem}."
_HINTS: Final = (
    "The metadata hold traces of a generator ({hints}). They are a hint, not a mark: anyone "
    "can write them."
)


def detect(content: Content, media_type: MediaType) -> Evidence:
    """Look for a digital source type (IPTC) and for the fields that name an AI system.

    Traces that generators leave elsewhere make the finding inconclusive, and so do metadata that
    cannot be read: the rest of the file may be sound.

    Args:
        content: The file.
        media_type: Its format.
    """
    try:
        tags = read_metadata(content, media_type)
    except LabelerError as error:
        return Evidence(
            finding=Finding(technique=Technique.METADATA, presence=Presence.INCONCLUSIVE),
            warnings=(_UNREAD.format(problem=error.problem),),
        )
    return Evidence(
        finding=Finding(
            technique=Technique.METADATA,
            presence=_presence(tags),
            detail={
                "digital_source_type": tags.digital_source_type,
                "ai_system": tags.ai_system,
                "ai_system_version": tags.ai_system_version,
                "prompt": tags.prompt,
                "prompt_writer": tags.prompt_writer,
                "generator_hints": list(tags.generator_hints),
                "aigc": None if tags.aigc is None else tags.aigc.fields(),
            },
        ),
        source_types=() if tags.digital_source_type is None else (tags.digital_source_type,),
        names_ai=tags.ai_system is not None,
        warnings=tuple(_warnings(tags)),
    )


def _presence(tags: Tags) -> Presence:
    if tags.digital_source_type is not None or tags.ai_system is not None:
        return Presence.PRESENT
    return Presence.INCONCLUSIVE if tags.generator_hints else Presence.ABSENT


def _warnings(tags: Tags) -> Iterator[str]:
    if tags.generator_hints:
        yield _HINTS.format(hints=", ".join(tags.generator_hints))
