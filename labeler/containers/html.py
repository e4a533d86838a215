"""The outline of an HTML page's head, without decoding the page: where elements begin and end.

Pages are taken as bytes, each of them for one character, as every encoding that extends ASCII
allows: what is found, and what is put in, is ASCII. Pages in UTF-16 are for the caller to refuse.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from labeler.containers.html_parser import PageParser

__all__ = ["Element", "Outline", "outline"]

# What stands in the head, whose tags may be left out (HTML Living Standard, 4.2, 13.1.2.4): these
# have no content,
_VOID: Final = frozenset({"base", "link", "meta"})
# and these have some.
_WITH_CONTENT: Final = frozenset({"title", "style", "script", "noscript", "template"})
# What is no part of the page's own markup.
_INERT: Final = frozenset({"template", "noscript", "svg", "math", "iframe"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A ``meta``, ``link`` or ``script`` element."""

    name: str
    """In lower case."""
    attributes: tuple[tuple[str, str], ...]
    """Names in lower case; one without a value has an empty one."""
    start: int
    """Index of its first byte in the page."""
    end: int
    """Index behind its last byte, the end tag included."""
    content: bytes = field(default=b"", repr=False)
    """What a ``script`` holds."""

    def get(self, name: str) -> str | None:
        """The value of an attribute; None where the element does not have it."""
        return next((value for each, value in self.attributes if each == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Where a page has what."""

    elements: tuple[Element, ...]
    """Its ``meta``, ``link`` and ``script`` elements, in order."""
    head_end: int
    """Where an element may be put that belongs to the head: behind all others there."""


def outline(page: bytes) -> Outline:
    """The outline of a page, however malformed: browsers show those too."""
    text = page.decode("latin-1")
    parser = _Parser(text)
    parser.feed(text)
    parser.close()
    return Outline(elements=tuple(parser.elements), head_end=parser.head_end)


class _Parser(PageParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.head_end = 0
        self._page = page
        self._lines = [0, *(found.end() for found in re.finditer("\n", page))]
        self._inert: list[str] = []
        self._open: Counter[str] = Counter()
        self._in_head = True
        self._script: tuple[int, tuple[tuple[str, str], ...], int] | None = None

    def handle_decl(self, decl: str) -> None:
        """Note the document type, in front of which nothing may stand."""
        if decl[:7].lower() == "doctype" and self._in_head:
            self.head_end = self._behind_tag()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        start, end = self._at(), self._at() + len(self.get_starttag_text() or "")
        is_seen = not self._inert
        if tag in _INERT:
            self._inert.append(tag)
            self._open[tag] += 1
        if self._in_head and is_seen:
            if tag in _VOID or tag in {"html", "head"}:
                self.head_end = end
            elif tag not in _WITH_CONTENT:
                self._in_head = False
        if not is_seen:
            return
        named = tuple((name, value or "") for name, value in attrs)
        if tag == "script":
            self._script = (start, named, end)
        elif tag in {"meta", "link"}:
            self.elements.append(Element(name=tag, attributes=named, start=start, end=end))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins: HTML knows no other end of an element than its end tag."""
        if tag not in {"svg", "math"}:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        while self._open[tag]:
            left = self._inert.pop()  # elements that were left open end here too
            self._open[left] -= 1
            if left == tag:
                break
        if tag == "script" and self._script is not None:
            start, named, opened = self._script
            content = self._page[opened : self._at()].encode("latin-1")
            self._script = None
            self.elements.append(
                Element(
                    name=tag,
                    attributes=named,
                    start=start,
                    end=self._behind_tag(),
                    content=content,
                )
            )
        if not self._in_head or self._inert:
            return
        if tag == "head":
            self._in_head = False
        elif tag in _WITH_CONTENT:
            self.head_end = self._behind_tag()

    def _behind_tag(self) -> int:
        """Where the end tag or declaration that is being read ends."""
        end = self._page.find(">", self._at())
        return len(self._page) if end < 0 else end + 1

    def _at(self) -> int:
        """Where what is being read begins."""
        line, column = self.getpos()
        return self._lines[line - 1] + column
