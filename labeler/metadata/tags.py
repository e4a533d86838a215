"""Reading and writing what a file says about its origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labeler.errors import LabelerError
from labeler.media.media_type import MediaType
from labeler.metadata import iptc, xmp
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
    generator_hints: tuple[str, ...] = ()
    """Traces that generators leave outside the standard fields, in words."""


def write(data: bytes, media_type: MediaType, provenance: Provenance, *, name: str) -> bytes:
    """The file with the claims of ``provenance`` in its XMP.

    Pixels, other XMP properties and other metadata stay as they are; a file that makes these claims
    already is given back unchanged. Prompt and prompt writer are written only if ``provenance``
    has them; fields that it leaves open keep the values that they have.

    Args:
        data: The file's content.
        media_type: Its format, as `labeler.media.media_type.sniff` says.
        provenance: What to claim.
        name: The name that errors give to the file.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MetadataError: Its XMP is malformed, or there is no room for the claims.
    """
    try:
        present = next(iter(find_xmp(data, media_type)), None)
        packet = xmp.merge(present, iptc.from_provenance(provenance), prefixes=iptc.PREFIXES)
        return data if packet == present else put_xmp(data, media_type, packet)
    except LabelerError as exc:
        exc.with_file(name)
        raise


def read(data: bytes, media_type: MediaType) -> Tags:
    """What the file says about its origin; empty fields where it says nothing.

    Args:
        data: The file's content.
        media_type: Its format, as `labeler.media.media_type.sniff` says.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MetadataError: Its XMP is malformed.
    """
    statements = Statements(packets=find_xmp(data, media_type))
    return interpret(statements, generator_hints(data, media_type))


def interpret(statements: Statements, hints: Iterable[str] = ()) -> Tags:
    """What statements mean.

    Raises:
        MetadataError: A packet is malformed.
    """
    found, has_aigc = stated(statements)
    source = found.get(iptc.DIGITAL_SOURCE_TYPE)
    hints = [*hints, AIGC_HINT] if has_aigc else hints
    return Tags(
        digital_source_type=source,
        source_type=None if source is None else iptc.source_type(source),
        ai_system=found.get(iptc.AI_SYSTEM),
        ai_system_version=found.get(iptc.AI_SYSTEM_VERSION),
        prompt=found.get(iptc.AI_PROMPT),
        prompt_writer=found.get(iptc.AI_PROMPT_WRITER),
        generator_hints=tuple(dict.fromkeys(hints)),
    )
