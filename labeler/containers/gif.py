"""GIF: the blocks of the file.

Source: CompuServe GIF89a specification, sections 17 to 26.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from labeler.containers.damage import damaged

__all__ = ["Block", "BlockKind", "GifFile", "parse", "serialise", "sub_blocks"]

TRAILER: Final = b"\x3b"


class BlockKind(Enum):
    """What a block is."""

    IMAGE = 0x2C
    GRAPHIC_CONTROL = 0xF9
    COMMENT = 0xFE
    PLAIN_TEXT = 0x01
    APPLICATION = 0xFF
    OTHER = -1
    """An extension that GIF89a does not know."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block with its introducer, colour table and sub-blocks, as in the file."""

    kind: BlockKind
    raw: bytes

    @property
    def application(self) -> bytes:
        """Application identifier and code (11 bytes); empty for blocks of another kind."""
        return self.raw[3:14] if self.kind is BlockKind.APPLICATION else b""


@dataclass(frozen=True, slots=True, kw_only=True)
class GifFile:
    """A GIF file."""

    width: int
    """Width of the canvas, pixels."""
    height: int
    head: bytes
    """Signature, logical screen descriptor and global colour table."""
    blocks: tuple[Block, ...]
    """Everything up to the trailer."""


def parse(data: bytes) -> GifFile:
    """Take a GIF apart; a missing trailer is tolerated, what follows it is left out.

    Raises:
        UnreadableMediaError: The file is truncated, or something that is no block stands in it.
    """
    if data[:6] not in {b"GIF87a", b"GIF89a"} or len(data) < 13:
        raise damaged("the GIF ends before its header does")
    position = 13 + _table_size(data[10])
    head = data[:position]
    blocks = []
    while position < len(data) and data[position] != TRAILER[0]:
        kind, end = _block_end(data, position)
        if end > len(data):
            raise damaged("the GIF ends in the middle of a block")
        blocks.append(Block(kind, data[position:end]))
        position = end
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
    return GifFile(width=width, height=height, head=head, blocks=tuple(blocks))


def serialise(head: bytes, blocks: Iterable[Block]) -> bytes:
    """The file that consists of ``head`` and ``blocks``; it says GIF89a, as extensions need."""
    return b"".join([b"GIF89a", head[6:], *(block.raw for block in blocks), TRAILER])


def sub_blocks(raw: bytes, position: int) -> bytes:
    """The joined content of the sub-blocks that begin at ``position`` of ``raw``."""
    parts = []
    while position < len(raw) and raw[position]:
        parts.append(raw[position + 1 : position + 1 + raw[position]])
        position += 1 + raw[position]
    return b"".join(parts)


def _table_size(flags: int) -> int:
    """Bytes of the colour table that a screen or image descriptor announces."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _block_end(data: bytes, position: int) -> tuple[BlockKind, int]:
    introducer = data[position]
    if introducer == BlockKind.IMAGE.value:
        flags = data[position + 9] if position + 9 < len(data) else 0
        # Descriptor (10 bytes), local colour table, minimum code size.
        return BlockKind.IMAGE, _skip_sub_blocks(data, position + 11 + _table_size(flags))
    if introducer != 0x21:
        raise damaged(f"the GIF has no block at byte {position}, where one is due")
    label = data[position + 1] if position + 1 < len(data) else -1
    known = {kind.value: kind for kind in BlockKind if kind is not BlockKind.IMAGE}
    return known.get(label, BlockKind.OTHER), _skip_sub_blocks(data, position + 2)


def _skip_sub_blocks(data: bytes, position: int) -> int:
    """Where the sub-blocks end; beyond the end of ``data`` if they are truncated."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1
