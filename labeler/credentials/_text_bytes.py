"""The bytes of text files, as far as finding a place for a manifest store needs them."""

from __future__ import annotations

import codecs
from typing import Final

__all__ = ["UTF8_MARK", "decoded", "encoding_of", "extends_ascii"]

UTF8_MARK: Final = codecs.BOM_UTF8
_WIDE: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ESCAPE: Final = b"\x1b"


def encoding_of(data: bytes) -> str:
    """UTF-16 where a byte order mark says so, else UTF-8."""
    return next((encoding for mark, encoding in _WIDE if data.startswith(mark)), "utf-8")


def decoded(data: bytes) -> str | None:
    """All characters, a byte order mark included; None where they are written in another way."""
    try:
        return data.decode(encoding_of(data))
    except UnicodeDecodeError:
        return None


def extends_ascii(data: bytes) -> bool:
    """Whether every byte that is an ASCII character's means that character where markup is.

    Encodings that switch between character sets by an escape character are not of that kind.
    """
    return encoding_of(data) == "utf-8" and b"\0" not in data and _ESCAPE not in data
