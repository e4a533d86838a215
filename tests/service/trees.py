"""Pictures with a history, and the tree that the page shows of one."""

from __future__ import annotations

from html.parser import HTMLParser

from labeler.credentials import Identity
from tests.credentials.collages import collage


def made_from(identity: Identity, *parts: tuple[str, str, bytes]) -> bytes:
    """A picture that was made from each ``(title, relationship, picture)``."""
    return collage([(title, how, "image/png", data) for title, how, data in parts], identity)


class TreeOf(HTMLParser):
    """Each item of the tree in a page: its level, its title, and what is said of its state."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.items: list[tuple[int, str, str]] = []
        self._level = 0
        self._part = ""
        tree = page.partition('<ul class="tree"')[2].partition("</section>")[0]
        self.feed('<ul class="tree"' + tree)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._level += tag == "ul"
        name = dict(attrs).get("class") or ""
        if name == "step-title":
            self.items.append((self._level, "", ""))
        if tag in {"bdi", "span", "dl"} and name in {"step-title", "step-state", ""}:
            self._part = name or self._part
        if tag in {"div", "dl", "details"}:
            self._part = ""

    def handle_endtag(self, tag: str) -> None:
        self._level -= tag == "ul"
        if tag in {"summary", "div", "bdi"}:
            self._part = ""

    def handle_data(self, data: str) -> None:
        if self._part and self.items:
            level, title, state = self.items[-1]
            if self._part == "step-title":
                self.items[-1] = (level, title + data.strip(), state)
            else:
                self.items[-1] = (level, title, state + data)
