"""Counting the pages of a TIFF file, without decoding anything.

Source: TIFF 6.0, section 2; BigTIFF as libtiff documents it.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["count_pages"]

# Enough to tell one page from several; a damaged file may chain a great many.
_ENOUGH: Final = 2


def count_pages(data: bytes) -> int:
    """How many pages (image file directories) the TIFF file ``data`` has; 2 stands for any more.

    0 where that cannot be told: the header or the first directory is damaged.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return 0
    magic = struct.unpack_from(order + "H", data, 2)[0]
    if magic == 43:  # BigTIFF
        at, count, entry, pointer = 8, "Q", 20, "Q"
    else:
        at, count, entry, pointer = 4, "H", 12, "I"
    pages = 0
    try:
        (offset,) = struct.unpack_from(order + pointer, data, at)
        while offset and pages < _ENOUGH:
            (entries,) = struct.unpack_from(order + count, data, offset)
            following = offset + struct.calcsize(order + count) + entries * entry
            (offset,) = struct.unpack_from(order + pointer, data, following)
            pages += 1
    except struct.error:
        return pages
    return pages
