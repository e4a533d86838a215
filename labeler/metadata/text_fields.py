"""Text formats that keep named texts: HTML pages, and documents with properties."""

from __future__ import annotations

from typing import Final

from labeler.media.media_type import MediaKind, MediaType
from labeler.metadata import documents
from labeler.metadata.claims import FieldEdit
from labeler.metadata.html import find_html, put_html
from labeler.metadata.statements import Statements

__all__ = ["TYPES", "find_fields", "holds_metadata", "put_fields"]

TYPES: Final = documents.TYPES | {MediaType.HTML}
"""The formats."""


def holds_metadata(media_type: MediaType) -> bool:
    """Whether files of this format have a place for metadata; plain text, say, has none."""
    is_text = media_type.kind is MediaKind.TEXT
    return not is_text or media_type in TYPES or media_type is MediaType.PDF


def find_fields(data: bytes, media_type: MediaType) -> Statements:
    """What a file states.

    Raises:
        UnreadableMediaError: It is truncated or damaged.
        MetadataError: Its metadata are malformed.
    """
    if media_type is MediaType.HTML:
        return find_html(data)
    return documents.find_fields(data, media_type)


def put_fields(data: bytes, media_type: MediaType, edit: FieldEdit) -> bytes:
    """The file with the fields of ``edit``; nothing else in it changes.

    Raises:
        UnreadableMediaError: It is truncated or damaged.
        MetadataError: They cannot be written.
    """
    if media_type is MediaType.HTML:
        return put_html(data, edit)
    return documents.put_fields(data, media_type, edit)
