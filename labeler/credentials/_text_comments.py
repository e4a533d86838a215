"""Comments behind a text, which change nothing in what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from labeler.media.media_type import MediaType

__all__ = ["COMMENTS", "Comment", "obstacle"]


@dataclass(frozen=True, slots=True)
class Comment:
    """How a format writes a comment on one line."""

    before: bytes
    after: bytes = b""


_HASH: Final = Comment(b"# ")
COMMENTS: Final[Mapping[MediaType, Comment]] = {
    MediaType.MARKDOWN: Comment(b"<!-- ", b" -->"),
    # The delimiters of a block hold "--", which XML allows in no comment (XML 1.0, 2.5), but in
    # processing instructions.
    MediaType.XML: Comment(b"<?c2pa ", b" ?>"),
    MediaType.CSS: Comment(b"/* ", b" */"),
    MediaType.JAVASCRIPT: Comment(b"// "),
    MediaType.YAML: _HASH,
    MediaType.TOML: _HASH,
    MediaType.PYTHON: _HASH,
}
"""The comments that a manifest may stand in, by format."""

_FENCE: Final = re.compile(rb" {0,3}(`{3,}|~{3,})([^\r\n]*)")
# HTML blocks that a blank line does not end (CommonMark 0.31, 4.6): their beginnings and ends.
_HTML_BLOCKS: Final = (
    (
        re.compile(rb" {0,3}<(?:pre|script|style|textarea)(?=[\s>]|$)", re.IGNORECASE),
        re.compile(rb"</(?:pre|script|style|textarea)>", re.IGNORECASE),
    ),
    (re.compile(rb" {0,3}<!--"), re.compile(rb"-->")),
    (re.compile(rb" {0,3}<\?"), re.compile(rb"\?>")),
    (re.compile(rb" {0,3}<!\[CDATA\["), re.compile(rb"\]\]>")),
    (re.compile(rb" {0,3}<![A-Za-z]"), re.compile(rb">")),
)
_ROOT_BLOCK: Final = re.compile(
    rb"^(?:---[ \t]+)?(?:[!&]\S+[ \t]+)*[|>][-+0-9]*[ \t]*(?:#.*)?$", re.MULTILINE
)
_BLOCK: Final = re.compile(rb"[|>][-+0-9]*[ \t]*(?:#[^\r\n]*)?[\r\n]")
_XML_SIGNATURE: Final = b"http://www.w3.org/2000/09/xmldsig#"


def obstacle(data: bytes, media_type: MediaType) -> str | None:
    """Why a comment behind ``data`` would not be one, or would change it; None where it is fine."""
    check = _OBSTACLES.get(media_type)
    return None if check is None else check(data)


def _in_markdown(data: bytes) -> str | None:
    fence, html = b"", None
    for line in data.splitlines():
        if html is not None:
            html = None if html.search(line) else html
            continue
        found = _FENCE.match(line)
        if fence:
            closes = found and found[1].startswith(fence) and not found[2].strip()
            fence = b"" if closes else fence
        elif found and not (found[1].startswith(b"`") and b"`" in found[2]):
            fence = found[1]
        else:
            html = _opened_html(line)
    return "its last block has no end" if fence or html is not None else None


def _opened_html(line: bytes) -> re.Pattern[bytes] | None:
    for start, end in _HTML_BLOCKS:
        found = start.match(line)
        if found:
            return None if end.search(line, found.end()) else end
    return None


def _in_yaml(data: bytes) -> str | None:
    # A block scalar at the root may have no indentation, and then has no comments; the end of the
    # last line is part of what a block scalar says.
    if _ROOT_BLOCK.search(data):
        return "a comment might become part of its content"
    if not data.endswith((b"\n", b"\r")) and _BLOCK.search(data):
        return "the end of its last line would become part of its content"
    return None


def _in_xml(data: bytes) -> str | None:
    return "it carries an XML signature, which may cover it" if _XML_SIGNATURE in data else None


_OBSTACLES: Final[Mapping[MediaType, Callable[[bytes], str | None]]] = {
    MediaType.MARKDOWN: _in_markdown,
    MediaType.YAML: _in_yaml,
    MediaType.XML: _in_xml,
}
