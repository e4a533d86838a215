"""What people read in DOCX, XLSX, ODT and EPUB documents, as plain text.

Hidden text, deletions that are tracked, comments and the alternatives for old programs are left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from labeler.errors import LabelerError, MediaTooLargeError
from labeler.media.book_text import read_epub, read_odt
from labeler.media.document_xml import Files
from labeler.media.media_type import MediaType
from labeler.media.office_text import read_docx, read_xlsx

__all__ = ["visible_text"]


def visible_text(data: bytes, media_type: MediaType, *, name: str, max_characters: int) -> str:
    r"""What people read in a document, paragraphs and cells' rows on lines of their own.

    Args:
        data: The document.
        media_type: DOCX, XLSX, ODT or EPUB.
        name: The name that errors give to it.
        max_characters: The most characters that it may have.

    Returns:
        The text; lines end with ``"\n"``, the cells of a row lie between tabulators.

    Raises:
        UnreadableMediaError: It is truncated or damaged.
        UnsupportedMediaError: It is encrypted, or a file in it is larger than 64 MiB.
        MediaTooLargeError: It has more characters.
        ValueError: It is of another format.
    """
    read = _READERS.get(media_type)
    if read is None:
        raise ValueError(f"{media_type.label} is no document in a ZIP archive")
    pieces: list[str] = []
    count = 0
    try:
        for piece in read(Files(data)):
            count += len(piece)
            if count > max_characters:
                raise MediaTooLargeError(
                    f"the document has more than {max_characters} characters", hint="Split it"
                )
            pieces.append(piece)
    except LabelerError as error:
        error.with_file(name)
        raise
    return "".join(pieces)


_READERS: Final[dict[MediaType, Callable[[Files], Iterator[str]]]] = {
    MediaType.DOCX: read_docx,
    MediaType.XLSX: read_xlsx,
    MediaType.ODT: read_odt,
    MediaType.EPUB: read_epub,
}
