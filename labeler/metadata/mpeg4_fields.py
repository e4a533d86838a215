"""The named texts of an MPEG-4 file: iTunes's own free-form items, and QuickTime's keys.

Sources: QuickTime File Format Specification, "Metadata" (keys); what iTunes writes (``----``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from labeler.containers.bmff import Box, boxes

__all__ = ["fields_of"]

# Version and flags; locale and type of a value.
_FULL_BYTES: Final = 4
_VALUE_HEAD_BYTES: Final = 8


def fields_of(moov: bytes) -> Iterator[tuple[str, str]]:
    """Name and text of each item in a ``moov`` box.

    Raises:
        UnreadableMediaError: A box is truncated.
    """
    for box in boxes(moov):
        if box.type == b"meta":
            yield from _meta_fields(box)
        elif box.type == b"udta":
            for inner in boxes(box.body):
                if inner.type == b"meta":
                    yield from _meta_fields(inner)


def _meta_fields(meta: Box) -> Iterator[tuple[str, str]]:
    # QuickTime writes the box without the version that MPEG-4 puts in front.
    body = meta.body if meta.body[4:8] == b"hdlr" else meta.body[_FULL_BYTES:]
    found = {box.type: box for box in boxes(body)}
    keys = _keys(found[b"keys"].body) if b"keys" in found else []
    for item in boxes(found[b"ilst"].body) if b"ilst" in found else ():
        parts = {box.type: box.body for box in boxes(item.body)}
        number = int.from_bytes(item.type, "big")
        name = keys[number - 1] if 0 < number <= len(keys) else item.type.decode("latin-1")
        if item.type == b"----":
            name = parts.get(b"name", b"")[_FULL_BYTES:].decode("utf-8", "replace")
        yield name, parts.get(b"data", b"")[_VALUE_HEAD_BYTES:].decode("utf-8", "replace")


def _keys(body: bytes) -> list[str]:
    """The names in a ``keys`` box: boxes whose types are namespaces."""
    return [box.body.decode("utf-8", "replace") for box in boxes(body[2 * _FULL_BYTES :])]
