"""Text files: which characters they hold, and how these are written as bytes.

Nothing is lost on the way: encoding, byte order mark and the ends of lines stay as they were.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaKind, MediaType, check_name, sniff
from labeler.media.text_signs import BYTE_ORDER_MARKS

__all__ = ["Text", "newline", "open_text"]

# Where an HTML page says how it is written (HTML Living Standard, 13.2.3.2: within 1024 bytes).
_DECLARED: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_DECLARED_WITHIN: Final = 1024
# What pages call Latin-1 is this, which has letters in place of controls (Encoding Standard, 4.2).
_WESTERN: Final = "cp1252"
_CALLED_WESTERN: Final = frozenset({"iso8859-1", "ascii"})
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
_SAVE: Final = "Save it as UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text file, decoded."""

    media_type: MediaType
    """Plain text, Markdown or HTML."""
    text: str = field(repr=False)
    """All characters, the ends of lines as they are; without byte order mark."""
    encoding: str
    """Python's name of the encoding: ``"utf-8"``."""
    mark: bytes = b""
    """The byte order mark in front; empty where there is none."""

    def encoded(self, text: str) -> bytes:
        """``text`` as a file of the same kind: same byte order mark, same encoding.

        What the encoding has no character for is written as a character reference in HTML.

        Raises:
            UnsupportedMediaError: It is not HTML, or the text has half a character (a surrogate).
        """
        errors = "xmlcharrefreplace" if self.media_type is MediaType.HTML else "strict"
        try:
            return self.mark + text.encode(self.encoding, errors)
        except UnicodeEncodeError as error:
            raise UnsupportedMediaError(
                f"the text's encoding ({self.encoding}) has no {error.object[error.start]!r}",
                hint=_SAVE,
            ) from error


def open_text(data: bytes, *, name: str) -> Text:
    """Decode a text file.

    The encoding is what a byte order mark says, else in HTML what the page declares, else UTF-8.

    Args:
        data: The file.
        name: Its name or path, whose extension says which text it is.

    Raises:
        UnreadableMediaError: It is empty, its name says something else than its content, or it is
            not written in the encoding that it should be.
        UnsupportedMediaError: It is no text, or its encoding is unknown.
    """
    media_type = sniff(data, name=name)
    check_name(media_type, name)
    if media_type.kind is not MediaKind.TEXT or media_type.is_document:
        raise UnsupportedMediaError(
            f"a text is needed, and the file is {media_type.label}",
            hint="Give a .txt, .md or .html file",
            file=name,
        )
    mark, encoding = _encoding(data, media_type, name)
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        _undecodable(encoding, f"byte {len(mark) + error.start}", name)
    found = Text(media_type=media_type, text=text, encoding=encoding, mark=mark)
    # Encodings that switch between character sets can write the same text in several ways.
    if mark + text.encode(encoding, "ignore") != data:
        _undecodable(encoding, "it would change when it is written again", name)
    return found


def newline(text: str) -> str:
    r"""How the first line of ``text`` ends: ``"\n"``, ``"\r\n"`` or ``"\r"``; of one line, "\n"."""
    found = _NEWLINE.search(text)
    return "\n" if found is None else found.group()


def _encoding(data: bytes, media_type: MediaType, name: str) -> tuple[bytes, str]:
    """The byte order mark, and the encoding in Python's words."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return mark, encoding
    found = _DECLARED.search(data[:_DECLARED_WITHIN]) if media_type is MediaType.HTML else None
    if found is None:
        return b"", "utf-8"
    declared = found.group(1).decode("ascii", "replace")
    try:
        encoding = codecs.lookup(declared).name
        "".encode(encoding)  # Python has codecs that are none of characters ("hex").
    except (LookupError, UnicodeError):
        raise UnsupportedMediaError(
            f"the page's encoding is unknown ({declared})", hint=_SAVE, file=name
        ) from None
    if encoding.startswith("utf-16"):  # What declares itself in ASCII is not (ibid., 13.2.3.2).
        return b"", "utf-8"
    return b"", _WESTERN if encoding in _CALLED_WESTERN else encoding


def _undecodable(encoding: str, why: str, name: str) -> NoReturn:
    raise UnreadableMediaError(
        f"the text is not written in {encoding.upper()} ({why})", hint=_SAVE, file=name
    ) from None
