"""Labels in words, at the top of text.

They stand above the text or near its headline, where they are seen first (Code of Practice,
S2 1.2.2(f); Art. 50(5): at the latest at the first exposure; GB 45438-2025: at the start).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from labeler.disclosure import pages
from labeler.disclosure.labels import Scheme, TextLabel
from labeler.disclosure.phrases import is_label, says
from labeler.disclosure.words import LETTERS, Kind
from labeler.media.media_type import MediaKind, MediaType
from labeler.media.text import newline

__all__ = ["label_text"]

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
# CommonMark 0.31: 4.2 (ATX headings), 4.3 (setext headings); HTML's own are in use as well.
_ATX: Final = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_UNDERLINE: Final = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_HTML_HEADING: Final = re.compile(r" {0,3}<h([1-6])\b", re.IGNORECASE)
# What may stand above a headline: comments, and pictures such as logos and badges.
_BEFORE_HEADLINE: Final = re.compile(r" {0,3}(?:<!--.*-->|\[?!\[.*\)|<img\b[^>]*>)[ \t]*$")
_FRONT_MATTER: Final = {"---": ("---", "..."), "+++": ("+++",)}
_LONGEST_HEADING: Final = 5
_NEAR: Final = 10
"""How many lines are near a headline."""


def label_text(text: str, label: TextLabel, media_type: MediaType) -> str:
    """``text`` with a label at its top; one of the same scheme that is near is replaced.

    Plain text gets it as its first line; Markdown under a headline that comes first, else below
    the front matter; HTML as `labeler.disclosure.pages.label_page` says. Labelling twice changes
    nothing.

    Args:
        text: The whole text, without byte order mark; its ends of lines are kept.
        label: What to say.
        media_type: Plain text, Markdown or HTML.

    Raises:
        ValueError: ``media_type`` is no text.
    """
    if media_type.kind is not MediaKind.TEXT:
        raise ValueError(f"labels in words are laid in text, not in {media_type.label}")
    if media_type is MediaType.HTML:
        return pages.label_page(text, label)
    lines = _LINE.findall(text)
    in_markdown = media_type is MediaType.MARKDOWN
    starts = _markdown_starts(lines) if in_markdown else (0,)
    words = _in_markdown(label) if in_markdown else _in_plain(label)
    for start in starts:
        for index in range(start, min(start + _NEAR, len(lines))):  # a byline may stand between
            if is_label(lines[index], label.scheme):
                lines[index] = words + _end(lines[index])
                return "".join(lines)
    return "".join(_inserted(lines, starts[-1], words, newline(text)))


def _in_plain(label: TextLabel) -> str:
    words = says(label, Kind.TEXT)
    return words if label.scheme is Scheme.CHINA else f"[{LETTERS}] {words}"


def _in_markdown(label: TextLabel) -> str:
    words = says(label, Kind.TEXT)
    return f"**{words}**" if label.scheme is Scheme.CHINA else f"**{LETTERS}** *{words}*"


def _inserted(lines: list[str], at: int, words: str, end: str) -> Iterator[str]:
    """The lines with a paragraph of its own in front of line ``at``."""
    yield from lines[:at]
    if at:
        if not _end(lines[at - 1]):
            yield end
        if not _is_blank(lines[at - 1]):
            yield end
    yield words + end
    if at == len(lines) or not _is_blank(lines[at]):
        yield end
    yield from lines[at:]


def _markdown_starts(lines: list[str]) -> tuple[int, ...]:
    """Numbers of the lines before which labels may stand; a new one goes to the last of these."""
    top = at = _behind_front_matter(lines)
    while at < len(lines) and (
        _is_blank(lines[at])
        or is_label(lines[at], None)
        or _BEFORE_HEADLINE.match(lines[at].rstrip("\r\n"))
    ):
        at += 1
    behind = _behind_heading(lines, at)
    return (top,) if behind is None else (top, behind)


def _behind_front_matter(lines: list[str]) -> int:
    """Number of the first line behind the metadata (YAML, TOML) that publishing systems read."""
    ends = _FRONT_MATTER.get(lines[0].rstrip()) if lines else None
    if ends is None:
        return 0
    rest = range(1, len(lines))
    return next((index + 1 for index in rest if lines[index].rstrip() in ends), 0)


def _behind_heading(lines: list[str], at: int) -> int | None:
    """Number of the line behind the heading that line ``at`` begins; None where it begins none."""
    head = [line.rstrip("\r\n") for line in lines[at : at + _LONGEST_HEADING]]
    if not head:
        return None
    if _ATX.match(head[0]):
        return at + 1
    tag = _HTML_HEADING.match(head[0])
    for number, line in enumerate(head):
        if tag is not None and f"</h{tag[1]}>" in line.lower():
            return at + number + 1
        if _is_blank(line) or line.startswith(("    ", "\t", "```", "~~~", ">", "|", "- ", "* ")):
            return None
        if number and _UNDERLINE.match(line):
            return at + number + 1
    return None


def _is_blank(line: str) -> bool:
    return not line.strip()


def _end(line: str) -> str:
    """How ``line`` ends; empty for a last line without an end."""
    return line[len(line.rstrip("\r\n")) :]
