"""Reading and writing what a file says about its origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labeler.aigc import AigcLabel
from labeler.errors import LabelerError
from labeler.media.media_type import MediaType
from labeler.metadata import iptc, text_fields
from labeler.metadata.aigc_places import picture_labels, without_picture_labels, without_remains
from labeler.metadata.claims import field_edit, packet_with_claims, require_one_label
from labeler.metadata.embedding import find_xmp, put_xmp
from labeler.metadata.hints import generator_hints
from labeler.metadata.statements import AIGC_HINT, Statements, stated
from labeler.provenance import Provenance, SourceType

__all__ = ["Tags", "interpret", "read", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What a file says about its origin in standard metadata."""

    digital_source_type: str | None = None
    """IPTC Digital Source Type as written, usually a URI."""
    source_type: SourceType | None = None
    """The same, where it says something about generative AI."""
    ai_system: str | None = None
    """IPTC AI System Used."""
    ai_system_version: str | None = None
    """IPTC AI System Version Used."""
    prompt: str | None = None
    """IPTC AI Prompt Information."""
    prompt_writer: str | None = None
    """IPTC AI Prompt Writer Name."""
    aigc: AigcLabel | None = None
    """China's implicit label (GB 45438-2025, annex E)."""
    description: str | None = None
    """What the content is described with, the disclosure included; in its default language."""
    generator_hints: tuple[str, ...] = ()
    """Traces that generators leave outside the standard fields, in words."""


def write(data: bytes, media_type: MediaType, provenance: Provenance, *, name: str) -> bytes:
    """The file with the claims of ``provenance`` in its XMP, or in a document's properties.

    Pixels, other XMP properties and other metadata stay as they are; a file that makes these claims
    already is given back unchanged. Prompt and prompt writer are written only if ``provenance``
    has them; fields that it leaves open keep the values that they have. An AIGC label that the
    file has elsewhere, as PNG and Exif may, goes where ``provenance`` has another.

    Args:
        data: The file's content.
        media_type: Its format, as `labeler.media.media_type.sniff` says.
        provenance: What to claim.
        name: The name that errors give to the file.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MetadataError: Its XMP is malformed, there is no room for the claims, or an AIGC label
            stands where it cannot be replaced.
    """
    try:
        return _written(data, media_type, provenance)
    except LabelerError as exc:
        exc.with_file(name)
        raise


def _written(data: bytes, media_type: MediaType, provenance: Provenance) -> bytes:
    if media_type in text_fields.TYPES:
        return _with_properties(data, media_type, provenance)
    if provenance.aigc is not None:
        data = without_picture_labels(data, media_type)
    present = next(iter(find_xmp(data, media_type)), None)
    packet = packet_with_claims(present, provenance)
    if packet != present:
        data = put_xmp(data, media_type, packet)
    if provenance.aigc is not None:
        # An update of a PDF changes nothing in front of it, so that signatures there hold.
        is_kept = media_type is MediaType.PDF
        if present is not None and packet != present and not is_kept:
            data = without_remains(data, present)
        require_one_label(_statements(data, media_type))
    return data


def _with_properties(data: bytes, media_type: MediaType, provenance: Provenance) -> bytes:
    edit = field_edit(text_fields.find_fields(data, media_type), provenance)
    if edit is None:
        return data
    written = text_fields.put_fields(data, media_type, edit)
    if provenance.aigc is not None:
        require_one_label(text_fields.find_fields(written, media_type))
    return written


def read(data: bytes, media_type: MediaType) -> Tags:
    """What the file says about its origin; empty fields where it says nothing.

    Args:
        data: The file's content.
        media_type: Its format, as `labeler.media.media_type.sniff` says.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MetadataError: Its XMP is malformed.
    """
    if media_type in text_fields.TYPES:
        return interpret(text_fields.find_fields(data, media_type))
    return interpret(_statements(data, media_type), generator_hints(data, media_type))


def _statements(data: bytes, media_type: MediaType) -> Statements:
    return Statements(packets=find_xmp(data, media_type), fields=picture_labels(data, media_type))


def interpret(statements: Statements, hints: Iterable[str] = ()) -> Tags:
    """What statements mean.

    Raises:
        MetadataError: A packet is malformed.
    """
    said = stated(statements)
    found = said.properties
    source = found.get(iptc.DIGITAL_SOURCE_TYPE)
    hints = [*hints, AIGC_HINT] if said.aigc else hints
    return Tags(
        digital_source_type=source,
        source_type=None if source is None else iptc.source_type(source),
        ai_system=found.get(iptc.AI_SYSTEM),
        ai_system_version=found.get(iptc.AI_SYSTEM_VERSION),
        prompt=found.get(iptc.AI_PROMPT),
        prompt_writer=found.get(iptc.AI_PROMPT_WRITER),
        aigc=said.label,
        description=said.description,
        generator_hints=tuple(dict.fromkeys(hints)),
    )
