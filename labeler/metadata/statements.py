"""What the metadata of any file state: XMP packets, and texts with a name.

The IPTC fields are properties in a packet. Formats that know no XMP keep each as a text under the
field's own name, in capitals: ``DIGITALSOURCETYPE``, ``AISYSTEMUSED``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from labeler.aigc import AigcLabel
from labeler.errors import MetadataError
from labeler.metadata import iptc, xmp
from labeler.metadata.xmp import Property

__all__ = [
    "AIGC_HINT",
    "DESCRIPTION",
    "Stated",
    "Statements",
    "as_fields",
    "described",
    "names_aigc",
    "stated",
]

AIGC_HINT = "AIGC label (GB 45438)"
DESCRIPTION: Final = "DESCRIPTION"
"""The text in which formats without XMP describe their content (Vorbis I specification, section 5;
Matroska's official tags). FFmpeg shows it as the comment."""
_NAMES = {
    name.upper(): name
    for name in (
        iptc.DIGITAL_SOURCE_TYPE,
        iptc.AI_SYSTEM,
        iptc.AI_SYSTEM_VERSION,
        iptc.AI_PROMPT,
        iptc.AI_PROMPT_WRITER,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What was found in a file."""

    packets: tuple[bytes, ...] = ()
    """XMP packets: the one that would be replaced first."""
    fields: tuple[tuple[str, str], ...] = ()
    """Name and text of the other metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What statements say, packets before fields."""

    properties: Mapping[str, str] = field(default_factory=dict)
    """The IPTC properties by name."""
    aigc: tuple[str, ...] = ()
    """The texts of all AIGC labels, as they are written."""
    description: str | None = None
    """What the content is described with."""

    @property
    def label(self) -> AigcLabel | None:
        """The first AIGC label that can be read."""
        for text in self.aigc:
            try:
                return AigcLabel.from_json(text)
            except MetadataError:  # anything may stand in a field of that name
                continue
        return None


def as_fields(properties: Iterable[Property]) -> dict[str, str]:
    """IPTC properties as named texts."""
    return {prop.name.upper(): prop.value for prop in properties}


def names_aigc(name: str) -> bool:
    """Whether a field or property of this name is an AIGC label (GB 45438-2025, annex E)."""
    return "AIGC" in name.upper()


def stated(statements: Statements) -> Stated:
    """What the statements say.

    Raises:
        MetadataError: A packet is malformed.
    """
    found: dict[str, str] = {}
    labels: list[str] = []
    descriptions = []
    for packet in statements.packets:
        for prop in xmp.properties(packet):
            if prop.namespace == iptc.EXTENSION:
                found.setdefault(prop.name, prop.value)
            elif (prop.namespace, prop.name) == (iptc.DUBLIN_CORE, iptc.DESCRIPTION):
                descriptions.append(prop.value)
            if names_aigc(prop.name):
                labels.append(prop.value)
    for name, text in statements.fields:
        known = _NAMES.get(name.upper())
        if known is not None:
            found.setdefault(known, text)
        elif names_aigc(name):
            labels.append(text)
    descriptions.append(described(statements.fields))
    description = next((text for text in descriptions if text), None)
    return Stated(properties=found, aigc=tuple(labels), description=description)


def described(fields: Iterable[tuple[str, str]]) -> str:
    """What fields describe the content with, one line for each; empty where they do not."""
    return "\n".join(text for name, text in fields if name.upper() == DESCRIPTION)
