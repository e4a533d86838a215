"""Labels in words, on HTML pages."""

from __future__ import annotations

import re
from html import escape, unescape
from html.parser import HTMLParser
from typing import Final

from labeler.disclosure.labels import Scheme, TextLabel
from labeler.disclosure.phrases import is_label, language_tag, says
from labeler.disclosure.words import LETTERS, Kind
from labeler.media.text import newline

__all__ = ["CLASS", "inner", "label_page", "note"]

CLASS: Final = "ai-disclosure"
"""Class of the elements that tell people of AI, for style sheets."""

_END: Final = r"(?:\r\n|\n|\r)"
_WRITTEN: Final = rf'<p role="note" lang="[\w-]{{1,20}}" class="{CLASS}">(.{{1,600}}?)</p>'
# With the end of line that was written with it.
_FIRST: Final = re.compile(rf"\A{_WRITTEN}{_END}?", re.DOTALL)
_OTHERS: Final = re.compile(rf"{_END}?{_WRITTEN}", re.DOTALL)
# HTML Living Standard, 13.2.3.2.
_DECLARED: Final = re.compile(r"<meta[^>]{0,200}?charset\s*=", re.IGNORECASE)
_DECLARED_WITHIN: Final = 1024
_TAG: Final = re.compile(r"<[^<>]{1,40}>")

# What is not rendered, or is another document.
_UNSEEN: Final = frozenset({"template", "noscript", "svg", "math", "iframe", "dialog"})
# What takes everything in it for its own label (HTML Living Standard, 4.5.1, 4.10, 4.11).
_LINKS: Final = frozenset({"a", "button", "label", "summary"})
_CONTENT: Final = frozenset({"main", "article"})
# What stands in the head, whose tags may be left out (ibid., 4.2, 13.1.2.4): these have no content,
_HEAD_VOID: Final = frozenset({"base", "link", "meta"})
# and these have some.
_HEAD: Final = frozenset({"title", "style", "script", "noscript", "template"})
# From the first choice to the last, where no headline is found.
_STARTS: Final = ("body", "/head", "html", "!doctype")


def label_page(page: str, label: TextLabel) -> str:
    """``page`` with a label, seen and read out alike; one of the same scheme is replaced.

    It stands behind the headline (``h1``) of ``main`` or ``article``, else at their start; where
    the page has neither, behind its first headline, else at the start of ``body``. It is a
    paragraph with the role "note" (WAI-ARIA 1.2), in its own language (WCAG 2.1, 3.1.2).

    Args:
        page: A whole page, or a part of one.
        label: What to say.
    """
    bare = page
    for pattern in (_FIRST, _OTHERS):
        bare = pattern.sub(lambda old: "" if _is_ours(old[1], label.scheme) else old[0], bare)
    outline = _Outline(bare)
    outline.feed(bare)
    outline.close()
    at, end, words = outline.place(), newline(page), note(label, Kind.TEXT)
    if not _DECLARED.search(page, 0, _DECLARED_WITHIN):
        # Browsers would have to guess the encoding, and read ASCII as it is in any case.
        words = words.encode("ascii", "xmlcharrefreplace").decode("ascii")
    return f"{bare[:at]}{end}{words}{bare[at:]}" if at else f"{words}{end}{bare}"


def note(label: TextLabel, kind: Kind) -> str:
    """The label as an HTML paragraph.

    Args:
        label: What to say.
        kind: What it speaks of.
    """
    words = inner(label, kind)
    return f'<p role="note" lang="{language_tag(label)}" class="{CLASS}">{words}</p>'


def inner(label: TextLabel, kind: Kind) -> str:
    """The label's words as HTML, the letters in front.

    Args:
        label: What to say.
        kind: What it speaks of.
    """
    words = escape(says(label, kind), quote=False)
    return words if label.scheme is Scheme.CHINA else f"<strong>{LETTERS}</strong> {words}"


def _is_ours(inner: str, scheme: Scheme) -> bool:
    return is_label(unescape(_TAG.sub("", inner)), scheme)


class _Outline(HTMLParser):
    """Finds the places in a page at which a label may stand: indices into its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self._page = page
        self._lines = [0, *(found.end() for found in re.finditer("\n", page))]
        self._open: list[str] = []
        self._in_head = True
        self._heading = False
        self._waits = False
        self._starts: dict[str, int] = {}
        self._articles = 0
        self._headlines: dict[bool, int] = {}

    def place(self) -> int:
        """Where the label goes; 0: in front of everything."""
        for container in ("article", "main") if self._articles == 1 else ("main", "article"):
            if container in self._starts:
                return self._headlines.get(True, self._starts[container])
        if False in self._headlines:
            return self._headlines[False]
        return next((self._starts[each] for each in _STARTS if each in self._starts), 0)

    def handle_decl(self, decl: str) -> None:
        """Note the document type."""
        if decl[:7].lower() == "doctype":
            self._starts.setdefault("!doctype", self._behind_tag())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        is_seen = _UNSEEN.isdisjoint(self._open)
        if tag in _UNSEEN or tag in _LINKS or tag in _CONTENT:
            self._open.append(tag)
        if not is_seen:
            return
        if tag not in _HEAD and tag not in _HEAD_VOID and tag not in {"html", "head"}:
            self._in_head = False
        if self._in_head and tag in _HEAD_VOID:
            self._starts["/head"] = self._behind_start_tag()
        if tag == "h1":
            self._heading = all(name != "hidden" for name, _ in attrs)
        elif tag in _CONTENT or tag in _STARTS:
            self._starts.setdefault(tag, self._behind_start_tag())
        self._articles += tag == "article"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins: HTML knows no other end of an element than its end tag."""
        if tag not in {"svg", "math"}:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        if tag in self._open:
            while self._open.pop() != tag:
                pass  # elements that were left open end here too
        if not _UNSEEN.isdisjoint(self._open):
            return
        if self._in_head and (tag in _HEAD or tag == "head"):
            self._starts["/head"] = self._behind_tag()
            self._in_head = tag != "head"
        if tag == "h1" and self._heading:
            self._heading, self._waits = False, True
        if self._waits and _LINKS.isdisjoint(self._open):
            self._waits = False
            is_inside = not _CONTENT.isdisjoint(self._open)
            self._headlines.setdefault(is_inside, self._behind_tag())

    def _behind_tag(self) -> int:
        """Where the end tag or declaration that is being read ends."""
        end = self._page.find(">", self._at())
        return len(self._page) if end < 0 else end + 1

    def _behind_start_tag(self) -> int:
        """Where the start tag that is being read ends; its attributes may hold a ">"."""
        return self._at() + len(self.get_starttag_text() or "")

    def _at(self) -> int:
        """Where what is being read begins."""
        line, column = self.getpos()
        return self._lines[line - 1] + column
