"""The content of PDF streams, as far as a file's own structure needs it.

Cross-reference and object streams, and XMP packets, are written plain or deflated, with or without
PNG's prediction. Source: ISO 32000-2, 7.4.4 (FlateDecode) and 7.3.8 (streams).
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from labeler.containers.damage import damaged
from labeler.containers.pdf_objects import Dictionary, dictionary, integer, items, name
from labeler.errors import MediaTooLargeError, UnsupportedMediaError

__all__ = ["MAX_CONTENT_BYTES", "content"]

MAX_CONTENT_BYTES: Final = 64 << 20
"""Larger contents are refused: no cross-reference stream needs them."""
_PNG_PREDICTORS: Final = range(10, 16)
_ABOVE: Final = 2
"""PNG's filter that adds the row above."""
_MOST_MIXED: Final = 4 << 20
"""Bytes with other predictions, which are undone one by one."""


def content(head: Dictionary, raw: bytes) -> bytes:
    """What a stream holds, its filter undone.

    Args:
        head: The stream's dictionary; filters and parameters stand directly in it.
        raw: What stands between ``stream`` and ``endstream``.

    Raises:
        UnreadableMediaError: It is damaged.
        UnsupportedMediaError: It has a filter that is not handled.
        MediaTooLargeError: It is larger than 64 MiB.
    """
    filters, parameters = _all(head.get(b"Filter")), _all(head.get(b"DecodeParms"))
    names = [name(value) for value in filters]
    if not names:
        return raw
    if names != [b"FlateDecode"]:
        called = ", ".join("?" if each is None else each.decode("latin-1") for each in names)
        raise UnsupportedMediaError(
            f"a part of the PDF's structure is coded in a way that is not handled ({called})",
            hint="Save it again with another PDF program",
        )
    plain = _inflated(raw)
    predictor = dictionary(parameters[0]) if parameters else None
    return plain if predictor is None else _unpredicted(plain, predictor)


def _all(value: bytes | None) -> tuple[bytes, ...]:
    """The values of an entry that may be an array of them."""
    if value is None:
        return ()
    found = items(value)
    return (value,) if found is None else found


def _inflated(raw: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(raw, MAX_CONTENT_BYTES)
    except zlib.error:
        raise damaged("a compressed part of the PDF is damaged") from None
    if inflater.unconsumed_tail:
        raise MediaTooLargeError(
            "a part of the PDF's structure is larger than 64 MiB",
            hint="Save it again with another PDF program",
        )
    if not inflater.eof:
        raise damaged("a compressed part of the PDF is cut short")
    return plain


def _unpredicted(plain: bytes, parameters: Dictionary) -> bytes:
    predictor = integer(parameters.get(b"Predictor")) or 1
    if predictor == 1:
        return plain
    columns = integer(parameters.get(b"Columns")) or 1
    plain_bytes = all(
        integer(parameters.get(key)) in {None, usual}
        for key, usual in ((b"Colors", 1), (b"BitsPerComponent", 8))
    )
    if predictor not in _PNG_PREDICTORS or not plain_bytes:
        raise UnsupportedMediaError(
            f"a part of the PDF's structure has a prediction that is not handled ({predictor})",
            hint="Save it again with another PDF program",
        )
    if columns < 1 or len(plain) % (columns + 1):
        raise damaged("a compressed part of the PDF is cut short")
    table = np.frombuffer(plain, np.uint8).reshape(-1, columns + 1)
    if np.all(table[:, 0] == _ABOVE):  # what nearly all writers choose, for every row
        return np.cumsum(table[:, 1:], axis=0, dtype=np.uint8).tobytes()
    if len(plain) > _MOST_MIXED:
        raise MediaTooLargeError(
            "a part of the PDF's structure is larger than 4 MiB and coded in an unusual way",
            hint="Save it again with another PDF program",
        )
    rows, above = bytearray(), bytes(columns)
    for start in range(0, len(plain), columns + 1):
        above = _row(plain[start], plain[start + 1 : start + 1 + columns], above)
        rows += above
    return bytes(rows)


def _row(kind: int, line: bytes, above: bytes) -> bytes:
    """One row of bytes, with the prediction added (PNG third edition, 9.2)."""
    if kind == 0:
        return line
    if kind == _ABOVE:
        return bytes((a + b) & 255 for a, b in zip(line, above, strict=True))
    if kind not in {1, 3, 4}:
        raise damaged("a compressed part of the PDF is damaged")
    row, left, corner = bytearray(), 0, 0
    for byte, up in zip(line, above, strict=True):
        guess = {1: left, 3: (left + up) // 2}.get(kind)
        left = (byte + (_paeth(left, up, corner) if guess is None else guess)) & 255
        corner = up
        row.append(left)
    return bytes(row)


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda each: abs(estimate - each))
