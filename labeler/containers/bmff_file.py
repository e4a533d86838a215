"""The boxes at the top of an ISO base media file that is not held in memory.

Source: ISO/IEC 14496-12, 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers.chunks import file_size
from labeler.containers.damage import damaged
from labeler.containers.splice import Part, Span, blocks

__all__ = ["TopBox", "freed", "sized", "top_boxes"]

_MOST: Final = 0xFFFFFFFF

# A file of nothing but empty boxes would fill the memory; fragments come in pairs of boxes.
_MAX_BOXES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TopBox:
    """One box."""

    type: bytes
    """Four characters."""
    user_type: bytes = b""
    """The 16 bytes that tell what a ``uuid`` box is; empty in other boxes."""
    span: Span
    """The whole box."""
    header_bytes: int
    """Bytes in front of its content: size, type, and the user type of a ``uuid`` box."""
    is_open: bool = False
    """Whether it has no size, and goes on to the file's end."""

    @property
    def body(self) -> Span:
        """Its content."""
        return Span(self.span.start + self.header_bytes, self.span.end)


def freed(file: BinaryIO, box: TopBox) -> tuple[Part, ...]:
    """Free space in the place of a box, so that nothing behind it moves.

    Raises:
        UnreadableMediaError: The file has become shorter.
    """
    size = len(box.span)
    header = b"".join(blocks(file, [Span(box.span.start, box.body.start - len(box.user_type))]))
    # A box without size would take what comes to follow it for its own.
    length = size.to_bytes(4, "big") if box.is_open else header[:4]
    return length, b"free", header[8:], bytes(size - len(header))


def sized(box: TopBox) -> tuple[Part, ...] | None:
    """A box that says how large it is, so that something may follow; None where it cannot."""
    if not box.is_open:
        return (box.span,)
    size = len(box.span)
    if size > _MOST:
        return None
    return size.to_bytes(4, "big"), Span(box.span.start + 4, box.span.end)


def top_boxes(file: BinaryIO) -> tuple[TopBox, ...]:
    """The boxes of a file, one behind the other.

    Raises:
        UnreadableMediaError: The last one is truncated, or a size makes no sense.
    """
    found: list[TopBox] = []
    position, end = 0, file_size(file)
    while position + 8 <= end:
        file.seek(position)
        head = file.read(32)
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        is_open = size == 0
        size = end - position if is_open else size
        is_user = head[4:8] == b"uuid"
        if size < header + (16 if is_user else 0) or position + size > end:
            raise damaged("the file ends in the middle of a box")
        found.append(
            TopBox(
                type=head[4:8],
                user_type=head[header : header + 16] if is_user else b"",
                span=Span(position, position + size),
                header_bytes=header + (16 if is_user else 0),
                is_open=is_open,
            )
        )
        if len(found) > _MAX_BOXES:
            raise damaged(f"the file has more than {_MAX_BOXES} boxes")
        position += size
    return tuple(found)
