"""What a person reads of a text file: its words without markup, in their order.

For recognising and detecting, not for showing: where words stand on the page is lost. Of Markdown
and of text with a syntax everything is taken as it is, for a reader of the source sees it too.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from labeler.containers.html_parser import PageParser
from labeler.errors import UnsupportedMediaError
from labeler.media import document_text, pdf_text
from labeler.media.formats import MediaKind, MediaType
from labeler.media.text import open_text

__all__ = ["MAX_CHARACTERS", "visible_text"]

MAX_CHARACTERS: Final = 20_000_000
"""Where to stop, unless told: some ten thousand pages."""

_PIECE: Final = 1 << 20

_UNSEEN: Final = frozenset(
    {
        *("script", "style", "template", "noscript", "title", "head", "iframe", "object"),
        *("svg", "math", "canvas", "audio", "video", "datalist", "noembed", "noframes"),
    }
)
# Elements without content (HTML Living Standard, 13.1.2): they are not closed.
_VOID: Final = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    }
)
# Elements inside a line: a word may begin before and end after one of them.
_INLINE: Final = frozenset(
    {
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn"),
        *("em", "font", "i", "ins", "kbd", "label", "mark", "nobr", "q", "s", "samp", "small"),
        *("span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    }
)
# Elements whose end tag may be left out, and what ends them then (ibid., 13.1.2.4), as far as
# hidden ones could swallow what comes after.
_ENDED_BY: Final = {
    "p": frozenset(
        {
            *("address", "article", "aside", "blockquote", "details", "div", "dl", "fieldset"),
            *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
            *("header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul"),
        }
    ),
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "td": frozenset({"td", "th", "tr"}),
    "th": frozenset({"td", "th", "tr"}),
    "tr": frozenset({"tr"}),
    "option": frozenset({"option", "optgroup"}),
    "head": frozenset({"body"}),
}
# C2PA 2.4, A.9 and A.8.
_ARMOUR: Final = re.compile(
    # A line has its beginning sought once: thousands of them on one line take no longer.
    r"^(?:(?!-----BEGIN C2PA).)*+-----BEGIN C2PA MANIFEST-----.*?-----END C2PA MANIFEST-----.*$\n?",
    re.MULTILINE,
)
_WRAPPER: Final = re.compile("\ufeff?[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}")
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def visible_text(
    data: bytes, media_type: MediaType, *, name: str, max_characters: int = MAX_CHARACTERS
) -> str:
    """The words of a text file or document.

    Args:
        data: The file.
        media_type: What it is: a text, PDF, DOCX, XLSX, ODT or EPUB.
        name: Its name or path.
        max_characters: Where to stop.

    Returns:
        At most ``max_characters`` characters.

    Raises:
        UnreadableMediaError: It is empty, damaged, encrypted, or not in its encoding.
        UnsupportedMediaError: It is no text.
        MissingExtraError: What reads PDF is not installed.
    """
    if media_type.kind is not MediaKind.TEXT:
        raise UnsupportedMediaError(
            f"a text is needed, and the file is {media_type.label}",
            hint="Give a text, a PDF or a document",
            file=name,
        )
    if media_type.is_document:
        return _of_document(data, media_type, name=name, max_characters=max_characters)
    text = open_text(data, name=name).text
    if media_type is MediaType.HTML:
        return _of_page(text, max_characters)
    # A manifest in a text is for machines: a comment of one line, or invisible characters.
    return _WRAPPER.sub("", _ARMOUR.sub("", text))[:max_characters]


def _of_document(data: bytes, media_type: MediaType, *, name: str, max_characters: int) -> str:
    if media_type is MediaType.PDF:
        return pdf_text.visible_text(data, name=name, max_characters=max_characters)
    return document_text.visible_text(data, media_type, name=name, max_characters=max_characters)


def _of_page(text: str, max_characters: int) -> str:
    page = _Page()
    for start in range(0, len(text), _PIECE):
        page.feed(text[start : start + _PIECE])
        if page.length >= max_characters:
            break
    else:
        page.close()
    return "".join(page.parts)[:max_characters]


class _Page(PageParser):
    """Collects what is shown of a page, as far as the page itself says."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.length = 0
        self._hidden: list[str] = []
        """The open elements from the outermost hidden one on."""
        self._open: Counter[str] = Counter()
        """How many of each are among them."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break the line at a block, and see whether it is hidden."""
        while self._hidden and tag in _ENDED_BY.get(self._hidden[-1], ()):
            self._leave()
        if tag not in _INLINE:
            self.parts.append("\n")
        if tag in _VOID:
            if not self._hidden:
                self.parts.extend(f" {value} " for key, value in attrs if key == "alt" and value)
        elif self._hidden or tag in _UNSEEN or _is_hidden(attrs):
            self._hidden.append(tag)
            self._open[tag] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A slash at the end means something only in foreign elements (SVG), which are not read."""
        if not self._hidden:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Break the line after a block; what was hidden may end here."""
        if tag not in _INLINE:
            self.parts.append("\n")
        if self._open[tag]:
            # What was left open inside ends with it.
            while self._leave() != tag:
                pass

    def _leave(self) -> str:
        tag = self._hidden.pop()
        self._open[tag] -= 1
        return tag

    def handle_data(self, data: str) -> None:
        """Take what is shown."""
        if not self._hidden:
            self.parts.append(data)
            self.length += len(data)


def _is_hidden(attributes: list[tuple[str, str | None]]) -> bool:
    return any(
        key == "hidden" or (key == "style" and value is not None and _HIDING.search(value))
        for key, value in attributes
    )
