"""What documents say about their origin in the properties that every office program shows.

The IPTC fields are properties of the document under their own names with the prefix that they have
in XMP (``Iptc4xmpExt:DigitalSourceType``), the AIGC label is one called ``AIGC``, and the
disclosure goes into the description, which Word calls comments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from labeler.media.media_type import MediaType
from labeler.metadata import iptc, office_properties, open_properties
from labeler.metadata.claims import FieldEdit
from labeler.metadata.document_files import DocumentFiles
from labeler.metadata.statements import DESCRIPTION, Statements

__all__ = ["TYPES", "find_fields", "put_fields"]

_Find: TypeAlias = Callable[[DocumentFiles], tuple[tuple[str, str], ...]]
_Put: TypeAlias = Callable[[DocumentFiles, Mapping[str, str], Collection[str], str | None], bytes]

_PREFIX: Final = iptc.PREFIXES[iptc.EXTENSION] + ":"
_AIGC: Final = iptc.PREFIXES[iptc.TC260] + ":" + iptc.AIGC
_WRITTEN: Final = {
    name.upper(): _PREFIX + name
    for name in (
        iptc.DIGITAL_SOURCE_TYPE,
        iptc.AI_SYSTEM,
        iptc.AI_SYSTEM_VERSION,
        iptc.AI_PROMPT,
        iptc.AI_PROMPT_WRITER,
    )
}


@dataclass(frozen=True, slots=True)
class _Place:
    """How a format keeps its properties."""

    find: _Find
    put: _Put
    aigc: str = iptc.AIGC
    """What the AIGC label's property is called."""


_OFFICE: Final = _Place(office_properties.find, office_properties.put)
_PLACES: Final = {
    MediaType.DOCX: _OFFICE,
    MediaType.XLSX: _OFFICE,
    MediaType.ODT: _Place(open_properties.find_odt, open_properties.put_odt),
    # Names without prefix are EPUB's own.
    MediaType.EPUB: _Place(open_properties.find_epub, open_properties.put_epub, _AIGC),
}
TYPES: Final = frozenset(_PLACES)
"""The formats that keep properties."""


def find_fields(data: bytes, media_type: MediaType) -> Statements:
    """The properties of a document, under the names that fields have elsewhere.

    Raises:
        UnreadableMediaError: The document is truncated or damaged.
        UnsupportedMediaError: It is encrypted.
        MetadataError: Its properties are malformed.
    """
    named = _PLACES[media_type].find(DocumentFiles.of(data))
    return Statements(fields=tuple((_field(name), text) for name, text in named))


def _field(name: str) -> str:
    if not name:
        return DESCRIPTION
    if name == _AIGC:
        return iptc.AIGC
    # A property may be called so without being the description.
    return f"_{name}" if name.upper() == DESCRIPTION else name.removeprefix(_PREFIX)


def put_fields(data: bytes, media_type: MediaType, edit: FieldEdit) -> bytes:
    """The document with properties changed; all else in it stays as it is, byte for byte.

    Raises:
        UnreadableMediaError: The document is truncated or damaged.
        UnsupportedMediaError: It is encrypted.
        MetadataError: Its properties are malformed, or it is signed.
    """
    place = _PLACES[media_type]
    document = DocumentFiles.of(data)
    new = {name: text for name, text in edit.fields if name != DESCRIPTION}
    properties = {place.aigc if k == iptc.AIGC else _WRITTEN[k]: v for k, v in new.items()}
    # Whatever prefix others have written, and whatever case.
    replaced = {*new, *edit.dropped}
    dropped = {name for name, _ in place.find(document) if _field(name).upper() in replaced}
    description = dict(edit.fields).get(DESCRIPTION)
    return place.put(document, properties, dropped, description)
