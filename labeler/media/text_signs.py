"""Whether bytes are text: they have no signature, so what speaks against it decides."""

from __future__ import annotations

import codecs
import re
from typing import Final

__all__ = ["BYTE_ORDER_MARKS", "begins_html", "is_text"]

BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""What tells the encoding at a text's beginning (Unicode 16, 23.8), and Python's name for it."""

# C0 controls other than tab, line feed, vertical tab, form feed, carriage return, end of file
# (DOS) and escape (terminals): encodings that extend ASCII have no use for them.
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")
# In the same way what begins with these is no text, although some of it is ASCII alone.
_OTHERS: Final = (b"%PDF-", b"{\\rtf")
_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)


def is_text(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is text, in whichever encoding; an empty one is not.

    Args:
        head: Some thousand bytes; a character may be cut off at their end.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return _decodes(head[len(mark) :], encoding)
    return bool(head) and not head.startswith(_OTHERS) and not _BINARY.search(head)


def begins_html(head: bytes) -> bool:
    """Whether text that begins with ``head`` is a whole HTML page (HTML Living Standard, 13.1)."""
    text = head.decode("latin-1")
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            text = head[len(mark) :].decode(encoding, errors="replace")
    return _HTML.match(text) is not None


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return not _BINARY.search(text.encode("utf-8"))
