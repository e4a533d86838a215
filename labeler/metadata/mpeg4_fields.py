"""The named texts of an MPEG-4 file: iTunes's own free-form items, and QuickTime's keys.

Sources: QuickTime File Format Specification, "Metadata" (keys); what iTunes writes (``----``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers.bmff import Box, boxes
from labeler.containers.splice import Span

__all__ = ["MAX_MOOV_BYTES", "Item", "fields_of", "items_of"]

MAX_MOOV_BYTES: Final = 256 << 20
"""Larger headers are not looked through."""

# Version and flags; locale and type of a value.
_FULL_BYTES: Final = 4
_VALUE_HEAD_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text, and where it lies in the content of the ``moov`` box."""

    name: str
    text: str
    start: int
    """Where its box begins."""
    body: Span
    """What follows the box's header."""
    key: Span | None = None
    """Its name, where that stands in a ``keys`` box."""


def fields_of(moov: bytes) -> Iterator[tuple[str, str]]:
    """Name and text of each item in a ``moov`` box.

    Raises:
        UnreadableMediaError: A box is truncated.
    """
    for item in items_of(moov):
        yield item.name, item.text


def items_of(moov: bytes) -> Iterator[Item]:
    """Each item in a ``moov`` box.

    Raises:
        UnreadableMediaError: A box is truncated.
    """
    for box in boxes(moov):
        if box.type == b"meta":
            yield from _meta_items(box, 0)
        elif box.type == b"udta":
            for inner in boxes(box.body):
                if inner.type == b"meta":
                    yield from _meta_items(inner, box.start + box.header_bytes)


def _meta_items(meta: Box, at: int) -> Iterator[Item]:
    """The items of a ``meta`` box, whose own position counts from ``at``."""
    # QuickTime writes the box without the version that MPEG-4 puts in front.
    version = 0 if meta.body[4:8] == b"hdlr" else _FULL_BYTES
    at += meta.start + meta.header_bytes + version
    found = {box.type: box for box in boxes(meta.body[version:])}
    keys = _keys(found[b"keys"], at) if b"keys" in found else []
    if b"ilst" not in found:
        return
    at += found[b"ilst"].start + found[b"ilst"].header_bytes
    for item in boxes(found[b"ilst"].body):
        parts = {box.type: box.body for box in boxes(item.body)}
        number = int.from_bytes(item.type, "big")
        name, key = item.type.decode("latin-1"), None
        if item.type == b"----":
            name = parts.get(b"name", b"")[_FULL_BYTES:].decode("utf-8", "replace")
        elif 0 < number <= len(keys):
            name, key = keys[number - 1]
        text = parts.get(b"data", b"")[_VALUE_HEAD_BYTES:].decode("utf-8", "replace")
        body = Span(at + item.start + item.header_bytes, at + item.end)
        yield Item(name=name, text=text, start=at + item.start, body=body, key=key)


def _keys(keys: Box, at: int) -> list[tuple[str, Span]]:
    """The names in a ``keys`` box, boxes whose types are namespaces, and where they stand."""
    at += keys.start + keys.header_bytes + 2 * _FULL_BYTES
    return [
        (
            box.body.decode("utf-8", "replace"),
            Span(at + box.start + box.header_bytes, at + box.end),
        )
        for box in boxes(keys.body[2 * _FULL_BYTES :])
    ]
