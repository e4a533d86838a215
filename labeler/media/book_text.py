"""What people read in OpenDocument texts and in EPUB books.

Source: ODF 1.3, part 3, 5 (text) and 6.1 (white space); EPUB 3.3, 5.7 (spine).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from labeler.containers.html_parser import PageParser
from labeler.errors import UnsupportedMediaError
from labeler.media.document_xml import Files, Reader, listed

__all__ = ["read_epub", "read_odt"]

_OASIS: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT: Final = f"{_OASIS}text:1.0"
_CHAPTERS: Final = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_SPACES: Final = re.compile(r"[ \t\r\n]+")
_MOST_SPACES: Final = 1000


class _OpenText(Reader):
    """Text of an OpenDocument file."""

    def __init__(self) -> None:
        super().__init__()
        self._paragraphs = 0

    def opened(self, name: str, attributes: dict[str, str]) -> bool:
        namespace, _, local = name.rpartition(" ")
        if local in {"tracked-changes", "annotation", "hidden-text", "forms", "note-citation"}:
            return False
        if namespace == f"{_OASIS}office:1.0":
            return local not in {"automatic-styles", "font-face-decls", "scripts"}
        if namespace != _TEXT:
            return True
        if attributes.get(f"{_TEXT} display") in {"none", "condition"}:
            return False
        if local in {"p", "h"}:
            self._paragraphs += 1
        elif local == "s":
            count = attributes.get(f"{_TEXT} c", "1")
            self.pieces.append(" " * (min(int(count), _MOST_SPACES) if count.isdecimal() else 1))
        elif local in {"tab", "line-break"}:
            self.pieces.append("\t" if local == "tab" else "\n")
        return True

    def closed(self, name: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace == _TEXT and local in {"p", "h"}:
            self._paragraphs -= 1
            self.pieces.append("\n")

    def characters(self, text: str) -> None:
        if self._paragraphs:
            words = _SPACES.sub(" ", text)
            is_joined = bool(self.pieces) and not self.pieces[-1][-1:].isspace()
            self.pieces.append(words if is_joined else words.lstrip(" "))


def read_odt(files: Files) -> Iterator[str]:
    """Paragraphs, headings and cells, each on its line.

    Raises:
        UnreadableMediaError: The document is damaged.
        UnsupportedMediaError: It is encrypted.
    """
    manifest = files.get("META-INF/manifest.xml")
    coded = () if manifest is None else listed(manifest, "manifest.xml", "encryption-data")
    if coded:
        raise UnsupportedMediaError("the document is encrypted", hint="Save it without a password")
    yield from _OpenText().read(files.require("content.xml"), "content.xml")


class _Chapter(PageParser):
    """Text of a chapter, as far as it is shown whatever the styles say."""

    _SILENT: Final = frozenset({"head", "script", "style", "template", "noscript", "rt", "rp"})
    _BLOCKS: Final = frozenset(
        {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "br", "section", "blockquote"}
        | {"pre", "figcaption", "dt", "dd", "td", "th", "article", "aside", "hr", "table", "ul"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in self._SILENT
        self._end_line(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._end_line(tag)

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self._SILENT))
        self._end_line(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        words = " ".join(data.split())
        before = " " if data[:1].isspace() and self.pieces and self.pieces[-1][-1:] > " " else ""
        if words or before:
            self.pieces.append(before + words + (" " if words and data[-1:].isspace() else ""))

    def _end_line(self, tag: str) -> None:
        if tag in self._BLOCKS and self.pieces and not self.pieces[-1].endswith("\n"):
            self.pieces.append("\n")


def read_epub(files: Files) -> Iterator[str]:
    """The chapters, in the order in which they are read.

    Raises:
        UnreadableMediaError: The book is damaged.
    """
    container = "META-INF/container.xml"
    roots = listed(files.require(container), container, "rootfile")
    package = next((each.get("full-path", "") for _, each in roots), "")
    entries = listed(files.require(package), package, "item", "itemref")
    items = {each.get("id"): each for kind, each in entries if kind == "item"}
    unread = set(items)  # nothing is read twice (EPUB 3.3, 5.7.2)
    for kind, each in entries:
        item = items.get(each.get("idref")) if kind == "itemref" else None
        if item is None or item.get("media-type") not in _CHAPTERS or item.get("id") not in unread:
            continue
        unread.remove(item.get("id"))
        path = unquote(urlsplit(item.get("href", "")).path)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(package), path))
        chapter = _Chapter()
        # The standard knows UTF-8 and UTF-16, the latter only with its mark.
        page = files.require(name)
        is_wide = page[:2] in {b"\xff\xfe", b"\xfe\xff"}
        chapter.feed(page.decode("utf-16" if is_wide else "utf-8-sig", "replace"))
        chapter.close()
        yield from (*chapter.pieces, "\n")
