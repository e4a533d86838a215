"""Manifest stores in characters that nobody sees, at the end of a plain text.

Every byte of a small header and of the store becomes one variation selector; software that strips
such characters takes the manifest away with them. Source: C2PA 2.4, A.8 (embedding manifests into
unstructured text); a wrapper may end with the padding that version 2.5 adds.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np

from labeler.containers.splice import Span
from labeler.credentials._binding import BrokenStoreError, Found
from labeler.credentials._text_bytes import decoded, encoding_of

__all__ = ["find", "normalised", "without", "wrapper"]

_MAGIC: Final = b"C2PATXT\0"
_VERSION: Final = 1
_HEAD_BYTES: Final = len(_MAGIC) + 1 + 4
_MAX_STORE_BYTES: Final = 64 << 20
_SELECTORS: Final = tuple(chr(0xFE00 + i if i < 16 else 0xE0100 + i - 16) for i in range(256))
_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
_RUN: Final = re.compile(f"{_MARK}?[\ufe00-\ufe0f\U000e0100-\U000e01ef]{{{len(_MAGIC)},}}")
_BEGINNING: Final = "".join(_SELECTORS[byte] for byte in _MAGIC)
_PADDING: Final = re.compile(rb"\0*\x10{0,2}")
_CORRUPTED: Final = "manifest.text.corruptedWrapper"
_SEVERAL: Final = "manifest.text.multipleWrappers"


def wrapper(store: bytes) -> str:
    """The characters that stand for ``store``."""
    head = _MAGIC + bytes([_VERSION]) + len(store).to_bytes(4, "big")
    return _MARK + "".join(map(_SELECTORS.__getitem__, head + store))


def normalised(text: str) -> bytes:
    """What the hash of a text is made of: its normal form C in UTF-8 (A.8.4)."""
    return unicodedata.normalize("NFC", text).encode()


def find(data: bytes) -> Found | None:
    """The store in a text's wrapper, None where there is none.

    Its hash covers the normal form of the text around it. The exclusion counts bytes of that form
    (version 2.4) or of the file (version 2.5).

    Raises:
        BrokenStoreError: The wrapper is damaged, or there are several.
    """
    text = _wrapped_text(data)
    if text is None:
        return None
    if encoding_of(data) != "utf-8":  # There the mark in front is none of the text's characters.
        text = text.removeprefix(_MARK)
    stores, broken = _stores(text)
    if len(stores) > 1:
        raise BrokenStoreError(_SEVERAL)
    if not stores:
        if broken:
            raise BrokenStoreError(_CORRUPTED)
        return None
    place, store = stores[0]
    before, after = text[: place.start], text[place.end :]
    size = len(text[place.start : place.end].encode())
    starts = (len(normalised(before)), len(before.encode()))
    first, *others = (Span(start, start + size) for start in dict.fromkeys(starts))
    around = (normalised(before), normalised(after))
    return Found(data=store, excluded=first, also=tuple(others), hashed=around)


def without(data: bytes) -> bytes:
    """``data`` without its wrapper, if it has just one; otherwise as it is."""
    text = _wrapped_text(data)
    if text is None:
        return data
    stores, _ = _stores(text)
    if len(stores) != 1:
        return data
    place, _ = stores[0]
    start, end = (len(text[:at].encode(encoding_of(data))) for at in (place.start, place.end))
    return data[:start] + data[end:]


def _wrapped_text(data: bytes) -> str | None:
    """The characters of ``data`` if a wrapper may be among them."""
    return decoded(data) if _BEGINNING.encode(encoding_of(data)) in data else None


def _stores(text: str) -> tuple[list[tuple[Span, bytes]], bool]:
    """Whole wrappers, with their stores; whether there are others that are damaged."""
    whole: list[tuple[Span, bytes]] = []
    broken = False
    for found in _RUN.finditer(text):
        if not found.group().startswith((_MARK + _BEGINNING, _BEGINNING)):
            continue
        store = _store(found.group())
        if store is None:
            broken = True
        else:
            whole.append((Span(*found.span()), store))
            if len(whole) > 1:
                break
    return whole, broken


def _store(run: str) -> bytes | None:
    """The store in the characters of one wrapper; None where it is damaged."""
    if not run.startswith(_MARK):
        return None
    points = np.frombuffer(run[1:].encode("utf-32-le"), "<u4")
    values = np.where(points < 0xE0100, points - 0xFE00, points - 0xE0100 + 16)
    content = values.astype(np.uint8).tobytes()
    size = int.from_bytes(content[_HEAD_BYTES - 4 : _HEAD_BYTES], "big")
    end = _HEAD_BYTES + size
    if len(content) < end or content[len(_MAGIC)] != _VERSION or not 0 < size <= _MAX_STORE_BYTES:
        return None
    return content[_HEAD_BYTES:end] if _PADDING.fullmatch(content, end) else None
