"""The IPTC fields that say how content came about, from and to `Provenance`.

Source: IPTC Photo Metadata Standard 2025.1, IPTC Extension: Digital Source Type, AI System Used, AI
System Version Used, AI Prompt Information, AI Prompt Writer Name.
"""

from __future__ import annotations

from typing import Final

from labeler.metadata.xmp import Property
from labeler.provenance import Provenance, SourceType

__all__ = ["DUBLIN_CORE", "EXTENSION", "PREFIXES", "TC260", "from_provenance", "source_type"]

EXTENSION: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
DUBLIN_CORE: Final = "http://purl.org/dc/elements/1.1/"
"""ISO 16684-1, 8.3."""
TC260: Final = "http://www.tc260.org.cn/ns/AIGC/1.0/"
"""China's technical committee 260, practice guide TC260-PG-20258A."""
PREFIXES: Final = {EXTENSION: "Iptc4xmpExt", DUBLIN_CORE: "dc", TC260: "TC260"}

DIGITAL_SOURCE_TYPE: Final = "DigitalSourceType"
AI_SYSTEM: Final = "AISystemUsed"
AI_SYSTEM_VERSION: Final = "AISystemVersionUsed"
AI_PROMPT: Final = "AIPromptInformation"
AI_PROMPT_WRITER: Final = "AIPromptWriterName"
DESCRIPTION: Final = "description"
AIGC: Final = "AIGC"

_VOCABULARY: Final = "cv.iptc.org/newscodes/digitalsourcetype/"


def from_provenance(provenance: Provenance) -> tuple[Property, ...]:
    """The properties that say what ``provenance`` claims; nothing for what it leaves open."""
    values = {
        DIGITAL_SOURCE_TYPE: provenance.source_type.uri,
        AI_SYSTEM: provenance.generator,
        AI_SYSTEM_VERSION: provenance.generator_version,
        AI_PROMPT: provenance.prompt,
        AI_PROMPT_WRITER: provenance.prompt_writer,
    }
    return tuple(Property(EXTENSION, name, value) for name, value in values.items() if value)


def source_type(value: str) -> SourceType | None:
    """The source type that a Digital Source Type names, by URI or by its bare code.

    None for codes that say nothing about generative AI, such as ``digitalCapture``.
    """
    code = value.strip()
    for scheme in ("http://", "https://"):
        code = code.removeprefix(scheme + _VOCABULARY)
    return next((kind for kind in SourceType if kind.value == code), None)
