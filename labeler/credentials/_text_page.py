"""Manifest stores in an HTML page: a ``script`` element that browsers do not run, in its head.

Pages are read the way browsers do only as far as it takes to tell elements from comments and from
the content of scripts. Source: C2PA 2.4, A.7 (embedding manifests into HTML); HTML Living Standard,
13.2 (parsing).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers.splice import Span
from labeler.credentials._binding import BrokenStoreError, ElsewhereError, Found
from labeler.credentials._text_bytes import UTF8_MARK, extends_ascii

__all__ = [
    "SCRIPT_END",
    "SCRIPT_START",
    "find",
    "head_end",
    "refers",
    "says_encoding_from",
    "without",
]

SCRIPT_START: Final = b'<script type="application/c2pa">'
SCRIPT_END: Final = b"</script>"
_TYPE: Final = b"application/c2pa"
_SEVERAL: Final = "manifest.html.multipleManifests"
_FLAGS: Final = re.IGNORECASE | re.DOTALL

# Every "<" that begins one is matched, up to the end of the page if need be: in linear time.
_TOKEN: Final = re.compile(
    rb"""<(?:!--.*?(?:--!?>|\Z)|[!?][^>]*+(?:>|\Z)"""
    rb"""|(?P<end>/?)(?P<name>[a-z][^\s/>]*+)"""
    rb"""(?P<attributes>(?:=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))|[^>])*+)(?:>|\Z))""",
    _FLAGS,
)
# Elements whose content is text, up to their end tag (13.1.2.1; noscript: where scripts run).
_RAW: Final = {
    name: re.compile(rb"</" + name + rb"(?=[\s/>])[^>]{0,255}>", _FLAGS)
    for name in (
        *(b"script", b"style", b"title", b"textarea", b"noscript"),
        *(b"xmp", b"iframe", b"noembed", b"noframes"),
    )
}
_HEAD: Final = frozenset(
    {b"html", b"head", b"base", b"link", b"meta", b"title", b"style", b"script"}
)
# A script with other attributes might run, or load something: then it is more than a manifest.
_SPACE: Final = b" \t\n\f\r"
_ENCODING: Final = re.compile(rb"<meta[^>]{0,200}?charset", _FLAGS)
_SAID_WITHIN: Final = 1024
_PLAIN: Final = re.compile(rb"""\s+type\s*=\s*(["']?)application/c2pa\1\s*""", _FLAGS)
_LINK: Final = re.compile(rb"""(?:^|[\s"'])rel\s*=\s*["']?[^"'>]{0,200}\bc2pa-manifest\b""", _FLAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A tag, a comment or the like; an element of raw text with all of its content."""

    span: Span
    name: bytes | None = None
    """Of a tag, lower case, with a slash in front where it is an end tag."""
    attributes: bytes = b""
    content: bytes | None = None
    """Of an element of raw text; None where it has no end."""


def find(data: bytes) -> Found | None:
    """The store in a page; None where there is none.

    Raises:
        BrokenStoreError: The element is damaged, or there are several.
        ElsewhereError: The page says where the store is, and does not hold it.
    """
    scripts, refers_to_one = _manifests(data)
    if len(scripts) + refers_to_one > 1:
        raise BrokenStoreError(_SEVERAL)
    if refers_to_one:
        raise ElsewhereError
    if not scripts:
        return None
    try:
        encoded = b"".join((scripts[0].content or b"").split())
        store = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        store = b""
    if not store:
        raise BrokenStoreError
    return Found(data=store, excluded=scripts[0].span)


def without(data: bytes) -> bytes:
    """``data`` without the element that holds its store, if it has just one."""
    scripts, _ = _manifests(data)
    if len(scripts) != 1:
        return data
    return data[: scripts[0].span.start] + data[scripts[0].span.end :]


def refers(data: bytes) -> bool:
    """Whether the page holds a store, or says where one is."""
    scripts, refers_to_one = _manifests(data)
    return bool(scripts or refers_to_one)


def head_end(data: bytes) -> int:
    """The last position where an element is still in the head of the page.

    White space in front of it stays where it was: before the head, none is part of the page.
    """
    position = len(UTF8_MARK) if data.startswith(UTF8_MARK) else 0
    for token in _tokens(data):
        if data[position : token.span.start].strip(_SPACE):
            break  # Text: here the body begins.
        is_head = token.name is None or (token.name in _HEAD and not _is_open(token))
        if not is_head:
            return token.span.start
        position = token.span.end
    return len(data) - len(data[position:].lstrip(_SPACE))


def says_encoding_from(data: bytes, position: int) -> bool:
    """Whether the page's encoding is declared behind ``position``.

    Browsers look for that at the beginning only (13.2.3.2).
    """
    return _ENCODING.search(data[:_SAID_WITHIN], position) is not None


def _is_open(token: _Token) -> bool:
    return token.name in _RAW and token.content is None


def _manifests(data: bytes) -> tuple[list[_Token], int]:
    """The elements that hold a store, and how many there are that say where one is."""
    lowered = data.lower() if extends_ascii(data) else b""
    last = max(lowered.rfind(_TYPE), lowered.rfind(b"c2pa-manifest"))
    if last < 0:
        return [], 0
    scripts, links = [], 0
    for token in _tokens(data):
        if token.span.start > last:
            break
        if token.name == b"script" and _PLAIN.fullmatch(token.attributes):
            scripts.append(token)
        elif token.name == b"link" and _LINK.search(token.attributes):
            links += 1
    return scripts, links


def _tokens(data: bytes) -> Iterator[_Token]:
    position = 0
    while found := _TOKEN.search(data, position):
        position = found.end()
        name = (found["name"] or b"").lower()
        content = None
        if name in _RAW and not found["end"]:
            closing = _RAW[name].search(data, position)
            if closing is None:  # Everything up to the end is its content.
                position = len(data)
            else:
                content = data[position : closing.start()]
                position = closing.end()
        yield _Token(
            span=Span(found.start(), position),
            name=(found["end"] + name) if name else None,
            attributes=found["attributes"] or b"",
            content=content,
        )
