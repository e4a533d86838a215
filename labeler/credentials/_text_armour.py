"""Manifest stores in a comment of a text whose syntax has comments.

The store stands in Base64 between two delimiters, on the last line, where no first line that a
format reserves is in its way. Source: C2PA 2.4, A.9 (embedding manifests into structured text).
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

__all__ = ["BEGIN", "DATA", "END", "find", "is_mentioned", "spills", "without"]

BEGIN: Final = b"-----BEGIN C2PA MANIFEST-----"
END: Final = b"-----END C2PA MANIFEST-----"
DATA: Final = b"data:application/c2pa;base64,"
_MAX_BLOCKS: Final = 16
_MAX_REFERENCE_BYTES: Final = 90 << 20
# No signed store is smaller; what is smaller is an example in somebody's text.
_MIN_REFERENCE_BYTES: Final = 512
_CUT: Final = re.compile(re.escape(BEGIN) + rb"\s+" + re.escape(DATA) + rb"[A-Za-z0-9+/]{16}")
_NEWLINE: Final = re.compile(rb"[\r\n]")
_LINE_COMMENTS: Final = frozenset({b"#", b"//", b"--", b";", b"%", b".."})
_SEVERAL: Final = "manifest.structuredText.multipleReferences"
# What may stand around a block, so that the line holds the block and nothing else.
_COMMENTS: Final = tuple(
    (re.compile(rb"[ \t]*" + before + rb"[ \t]*"), re.compile(rb"[ \t]*" + after + rb"[ \t]*"))
    for before, after in (
        (rb"<!--", rb"-->"),
        (rb"<\?c2pa", rb"\?>"),
        (rb"/\*", rb"\*/"),
        (rb"(?://|#|--|;|%|\.\.)?", rb""),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A block in a text."""

    span: Span
    """From the first delimiter to the end of the second one."""
    reference: bytes
    """What stands between them."""


def find(data: bytes) -> Found | None:
    """The store in a text's block; None where there is none.

    What the hash leaves out may be the block alone, or its line with the comment's own characters
    and the end of the line, before or behind it.

    Raises:
        BrokenStoreError: The block is damaged, or there are several.
        ElsewhereError: It says where a store is, and does not hold it.
    """
    if not extends_ascii(data):
        return None
    blocks = list(_blocks(data))
    if len(blocks) > 1:
        raise BrokenStoreError(_SEVERAL)
    if not blocks:
        if _CUT.search(data):
            raise BrokenStoreError
        return None
    block = blocks[0]
    if block.reference[:5].lower() != b"data:":
        raise ElsewhereError
    if not block.reference.startswith(DATA):
        raise BrokenStoreError
    try:
        store = base64.b64decode(block.reference[len(DATA) :], validate=True)
    except binascii.Error:
        raise BrokenStoreError from None
    return Found(data=store, excluded=block.span, also=tuple(_lines(data, block.span)))


def without(data: bytes) -> bytes:
    """``data`` without the line of its block, if it has just one that holds a store."""
    blocks = list(_blocks(data)) if extends_ascii(data) else []
    if len(blocks) != 1 or not blocks[0].reference.startswith(DATA):
        return data
    line = next(_lines(data, blocks[0].span), None)
    return data if line is None else data[: line.start] + data[line.end :]


def is_mentioned(data: bytes) -> bool:
    """Whether a delimiter is in ``data``: a second one would make the first ambiguous."""
    return BEGIN in data or END in data


def _blocks(data: bytes) -> Iterator[_Block]:
    """The blocks that hold a store or say where one is; not what is written about such."""
    start = -1
    for _ in range(_MAX_BLOCKS):
        start = data.find(BEGIN, start + 1)
        end = data.find(END, start + len(BEGIN)) if start >= 0 else -1
        if end < 0:
            return
        inner = start + len(BEGIN)
        if end - inner > _MAX_REFERENCE_BYTES:
            continue
        reference = data[inner:end].strip()
        holds = reference[:5].lower() == b"data:" and len(reference) >= _MIN_REFERENCE_BYTES
        if (holds or b"://" in reference[:32]) and len(reference.split(None, 1)) == 1:
            yield _Block(span=Span(start, end + len(END)), reference=reference)


def spills(data: bytes, block: Span) -> bool:
    """Whether a block begins in a comment of one line and goes on behind it, as part of the text.

    The store's signature has room that nothing protects: without it there is some for line feeds.
    """
    if not _NEWLINE.search(data, block.start, block.end):
        return False
    start = 1 + max(data.rfind(b"\n", 0, block.start), data.rfind(b"\r", 0, block.start))
    return data[start : block.start].strip() in _LINE_COMMENTS


def _lines(data: bytes, block: Span) -> Iterator[Span]:
    """The line of the block, if nothing else is on it: first as this package writes it."""
    start = 1 + max(data.rfind(b"\n", 0, block.start), data.rfind(b"\r", 0, block.start))
    if start == 0 and data.startswith(UTF8_MARK):
        start = len(UTF8_MARK)
    ends = (data.find(newline, block.end) for newline in (b"\n", b"\r"))
    end = min((at for at in ends if at >= 0), default=len(data))
    before, after = data[start : block.start], data[block.end : end]
    if not any(one.fullmatch(before) and two.fullmatch(after) for one, two in _COMMENTS):
        return
    behind = end + _newline_bytes(data[end : end + 2])
    ahead = start
    if data[start - 1 : start] in {b"\n", b"\r"}:
        ahead -= 2 if data[start - 2 : start] == b"\r\n" else 1
    if behind == end:  # The last line, without an end of its own.
        yield Span(ahead, end)
    yield from (Span(start, behind), Span(start, end), Span(ahead, end))


def _newline_bytes(data: bytes) -> int:
    return 2 if data == b"\r\n" else int(data[:1] in {b"\n", b"\r"})
