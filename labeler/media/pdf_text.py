"""The text on the pages of a PDF document, through pypdf."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from labeler.errors import LabelerError, UnreadableMediaError, UnsupportedMediaError

if TYPE_CHECKING:
    import pypdf

__all__ = ["visible_text"]

_MOST_PAGES: Final = 20_000
_NEXT_PAGE: Final = "\n"


def visible_text(data: bytes, *, name: str, max_characters: int) -> str:
    """What the document says, page after page, its lines as they are broken on the page.

    What a scanner's text recognition put behind a picture of a page belongs to it; what is only
    drawn or pictured does not. A document that asks for no password to be read is read, whatever
    restrictions it names.

    Args:
        data: The file.
        name: The name that errors give to it.
        max_characters: Where to stop.

    Returns:
        At most ``max_characters`` characters; empty where no page has text.

    Raises:
        UnreadableMediaError: The file is damaged.
        UnsupportedMediaError: It needs a password.
    """
    import pypdf  # noqa: PLC0415 - slow to import

    found: list[str] = []
    missing = max_characters
    try:
        with _silence():
            for text in _pages(pypdf.PdfReader(io.BytesIO(data)), name):
                found.append(text[:missing])
                missing -= len(found[-1]) + len(_NEXT_PAGE)
                if missing <= 0:
                    break
    except (LabelerError, MemoryError):
        raise
    except Exception as error:
        # Of damaged files pypdf says so in errors of every kind.
        raise UnreadableMediaError(
            "the PDF's pages cannot be read",
            hint="The file is truncated or damaged; get an undamaged copy of it",
            file=name,
        ) from error
    return _NEXT_PAGE.join(found)[:max_characters]


def _pages(reader: pypdf.PdfReader, name: str) -> Iterator[str]:
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnsupportedMediaError(
            "the PDF needs a password", hint="Save it without a password first", file=name
        )
    for index, page in enumerate(reader.pages):
        if index >= _MOST_PAGES:
            return
        yield page.extract_text()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep pypdf's remarks on small faults out of the log: nobody can do anything about them."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
