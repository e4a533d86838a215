"""Matroska and WebM: the blocks in clusters, where they lie, and the frames in them.

A "frame" here is what the standard calls so: a packet of the codec. Sources: RFC 9559, sections
5.1.3 and 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers import ebml, matroska
from labeler.containers.damage import damaged
from labeler.containers.ebml import Element
from labeler.containers.matroska import Layout
from labeler.containers.splice import Part, Span
from labeler.errors import UnsupportedMediaError

__all__ = ["KEY", "LACING", "Block", "blocks", "field", "frames", "moved", "unlaced"]

KEY: Final = 0x80
"""The flag of a SimpleBlock whose frame needs no other."""
LACING: Final = 0x06
"""The flags that say how several frames share a block."""
# A track's number has at most 8 bytes; a time of 2 and a byte of flags follow.
_HEAD_BYTES: Final = 11
# Far more than blocks have.
_MAX_FIELDS: Final = 1000
_MAX_TIME: Final = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: frames of one track that follow one another."""

    element: Element
    """A SimpleBlock, or the BlockGroup that the block is in."""
    track: int
    """The track's number."""
    time: int
    """When it begins, in units of the file's time."""
    flags: int
    stamp: int
    """Position in the file of the 2 bytes that say when it begins within its cluster."""
    body: Span
    """What follows the flags: sizes of frames, and frames."""
    fields: tuple[Element, ...] = ()
    """What its group holds beside it."""

    @property
    def is_key(self) -> bool:
        """Whether decoding can begin with it."""
        if self.element.id == matroska.SIMPLE_BLOCK:
            return bool(self.flags & KEY)
        return all(field.id != matroska.REFERENCE_BLOCK for field in self.fields)


def blocks(file: BinaryIO, layout: Layout) -> Iterator[Block]:
    """All blocks of a file, in their order; what is in them stays where it is.

    Raises:
        UnreadableMediaError: The file is truncated, or a block makes no sense.
        UnsupportedMediaError: A block is encrypted.
    """
    time = 0
    for element in matroska.walk(file, layout):
        if element.id == matroska.TIMESTAMP:
            time = matroska.number(_read(file, element.body.start, min(8, len(element.body))))
            if time > _MAX_TIME:
                raise damaged("a cluster of the Matroska file begins later than anything can")
        elif element.id == matroska.SIMPLE_BLOCK:
            yield _block(file, element, element.body, time)
        elif element.id == matroska.BLOCK_GROUP:
            yield _grouped(file, element, time)
        elif element.id == matroska.ENCRYPTED_BLOCK:
            raise UnsupportedMediaError(
                "the Matroska file has encrypted blocks", hint="Decrypt it first"
            )


def _grouped(file: BinaryIO, group: Element, time: int) -> Block:
    block: Element | None = None
    fields: list[Element] = []
    for element in matroska.elements(file, group.body):
        if element.id == matroska.BLOCK and block is None:
            block = element
        elif element.id != matroska.VOID:
            fields.append(element)
        if len(fields) > _MAX_FIELDS:
            break
    if block is None or len(fields) > _MAX_FIELDS:
        raise damaged("a block of the Matroska file is damaged")
    return _block(file, group, block.body, time, tuple(fields))


def _block(
    file: BinaryIO, element: Element, body: Span, time: int, fields: tuple[Element, ...] = ()
) -> Block:
    head = _read(file, body.start, min(_HEAD_BYTES, len(body)))
    width = 9 - head[0].bit_length() if head else 9
    if width > 8 or len(head) < width + 3:
        raise damaged("a block of the Matroska file is damaged")
    return Block(
        element=element,
        track=int.from_bytes(head[:width], "big") & (1 << 7 * width) - 1,
        time=time + int.from_bytes(head[width : width + 2], "big", signed=True),
        flags=head[width + 2],
        stamp=body.start + width,
        body=Span(body.start + width + 3, body.end),
        fields=fields,
    )


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def field(file: BinaryIO, block: Block, kind: bytes) -> bytes | None:
    """What an element of a block's group holds; None where there is none."""
    found = next((each for each in block.fields if each.id == kind), None)
    return None if found is None else ebml.content(file, found)


def moved(block: Block, offset: int) -> tuple[Part, ...]:
    """A block byte for byte, in a cluster that it is later than by ``offset`` units of time."""
    stamp = offset.to_bytes(2, "big", signed=True)
    behind = Span(block.stamp + 2, block.element.body.end)
    first = block.fields[0] if block.fields else block.element
    if first.id != matroska.CRC or first.start != block.element.body.start:
        return Span(block.element.start, block.stamp), stamp, behind
    before = Span(first.body.end, block.stamp)  # The checksum no longer holds.
    head = ebml.head(block.element.id, len(before) + 2 + len(behind))
    return head, before, stamp, behind


def frames(file: BinaryIO, block: Block) -> tuple[bytes, ...]:
    """The frames in a block.

    Raises:
        UnreadableMediaError: It is damaged, or larger than what it holds needs.
    """
    data = ebml.content(file, Element(matroska.BLOCK, block.body.start, block.body))
    return unlaced(data, block.flags)


def unlaced(data: bytes, flags: int) -> tuple[bytes, ...]:
    """The frames in what follows the flags of a block.

    Raises:
        UnreadableMediaError: It is damaged.
    """
    lacing = (flags & LACING) >> 1
    if not lacing:
        return (data,)
    if not data:
        raise damaged("a block of the Matroska file is damaged")
    count, rest = data[0] + 1, data[1:]
    if lacing == 2:
        sizes = [len(rest) // count] * (count - 1)
    else:
        sizes, rest = (_xiph_sizes if lacing == 1 else _ebml_sizes)(rest, count)
    return tuple(_cut(rest, sizes))


def _cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    if sum(sizes) > len(data) or any(size < 0 for size in sizes):
        raise damaged("a block of the Matroska file is damaged")
    position = 0
    for size in sizes:
        yield data[position : position + size]
        position += size
    yield data[position:]


def _xiph_sizes(data: bytes, count: int) -> tuple[list[int], bytes]:
    sizes, position = [], 0
    for _ in range(count - 1):
        size = 0
        while data[position : position + 1] == b"\xff":
            size += 255
            position += 1
        size += data[position] if position < len(data) else 0
        position += 1
        sizes.append(size)
    return sizes, data[position:]


def _ebml_sizes(data: bytes, count: int) -> tuple[list[int], bytes]:
    """The first size as it is, then the differences."""
    sizes: list[int] = []
    position = 0
    for _ in range(count - 1):
        width = 9 - data[position].bit_length() if position < len(data) else 9
        if width > 8:
            raise damaged("a block of the Matroska file is damaged")
        value = int.from_bytes(data[position : position + width], "big") & (1 << 7 * width) - 1
        position += width
        middle = (1 << 7 * width - 1) - 1
        sizes.append(sizes[-1] + value - middle if sizes else value)
    return sizes, data[position:]
