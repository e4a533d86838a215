"""What the metadata of any file state: XMP packets, and texts with a name.

The IPTC fields are properties in a packet. Formats that know no XMP keep each as a text under the
field's own name, in capitals: ``DIGITALSOURCETYPE``, ``AISYSTEMUSED``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labeler.metadata import iptc, xmp
from labeler.metadata.xmp import Property

__all__ = ["AIGC_HINT", "Statements", "as_fields", "stated"]

AIGC_HINT = "AIGC label (GB 45438)"
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


def as_fields(properties: Iterable[Property]) -> dict[str, str]:
    """IPTC properties as named texts."""
    return {prop.name.upper(): prop.value for prop in properties}


def stated(statements: Statements) -> tuple[dict[str, str], bool]:
    """The IPTC properties by name, packets before fields, and whether there is an AIGC label.

    The label's field or property has a name in which AIGC occurs (GB 45438-2025, annex E).

    Raises:
        MetadataError: A packet is malformed.
    """
    found: dict[str, str] = {}
    has_aigc = False
    for packet in statements.packets:
        for prop in xmp.properties(packet):
            if prop.namespace == iptc.EXTENSION:
                found.setdefault(prop.name, prop.value)
            has_aigc = has_aigc or prop.name == "AIGC"
    for name, text in statements.fields:
        known = _NAMES.get(name.upper())
        if known is not None:
            found.setdefault(known, text)
        has_aigc = has_aigc or "AIGC" in name.upper()
    return found, has_aigc
