"""Boxes of an ISO base media file as a tree that can be edited.

Source: ISO/IEC 14496-12, 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from labeler.containers.bmff import each_box, make_box
from labeler.containers.bmff_file import TopBox
from labeler.containers.damage import damaged
from labeler.containers.splice import blocks

__all__ = ["Node", "read_node"]

_NESTS: Final = frozenset(
    {
        b"moov",
        b"trak",
        b"edts",
        b"tref",
        b"mdia",
        b"minf",
        b"dinf",
        b"stbl",
        b"moof",
        b"traf",
        b"mvex",
    }
)
_LEVELS: Final = 16
"""More than the six or seven that the standard has."""
_MAX_NODES: Final = 20_000
"""Boxes of one tree: a film of a hundred tracks has some two thousand."""
_MAX_READ_BYTES: Final = 1 << 28


@dataclass(slots=True)
class Node:
    """A box that can be changed: it has either a body or children."""

    type: bytes
    body: bytes = field(default=b"", repr=False)
    children: list[Node] = field(default_factory=list)

    @classmethod
    def parse(
        cls, kind: bytes, body: bytes, *, levels: int = _LEVELS, room: Iterator[int] | None = None
    ) -> Node:
        """The tree in the body of a box.

        Args:
            kind: The box's type.
            body: What follows its header.
            levels: How many levels of boxes it may have.
            room: What gives something for each box that it may have; None: for 20,000.

        Raises:
            UnreadableMediaError: A box in it is truncated, or it has more levels or boxes.
        """
        room = iter(range(_MAX_NODES)) if room is None else room
        if next(room, None) is None:
            raise damaged("the file's boxes are too many for what they are")
        if kind not in _NESTS:
            return cls(kind, body)
        if levels == 0:
            raise damaged("the file's boxes lie in one another without end")
        inner = each_box(body)
        children = [cls.parse(box.type, box.body, levels=levels - 1, room=room) for box in inner]
        return cls(kind, children=children)

    def to_bytes(self) -> bytes:
        """The whole box."""
        return make_box(self.type, self.body, *(child.to_bytes() for child in self.children))

    def all(self, *path: bytes) -> list[Node]:
        """Every box below this one that ``path`` leads to."""
        found = [self]
        for kind in path:
            found = [child for node in found for child in node.children if child.type == kind]
        return found

    def find(self, *path: bytes) -> Node | None:
        """The first box that ``path`` leads to."""
        return next(iter(self.all(*path)), None)

    def need(self, *path: bytes) -> Node:
        """The first box that ``path`` leads to.

        Raises:
            UnreadableMediaError: There is none.
        """
        found = self.find(*path)
        if found is None:
            raise damaged(f"the file has no {path[-1].decode('latin-1')!r} box where one is due")
        return found

    def put(self, new: Node, *, behind: bytes = b"") -> None:
        """Add a box in the place of the first of its type, or else behind one of another type."""
        at = next((n for n, child in enumerate(self.children) if child.type == new.type), None)
        if at is not None:
            self.children[at] = new
            return
        before = [n for n, child in enumerate(self.children) if child.type == behind]
        self.children.insert(before[0] + 1 if before else len(self.children), new)

    def drop(self, *kinds: bytes) -> None:
        """Remove the children of these types."""
        self.children = [child for child in self.children if child.type not in kinds]


def read_node(file: BinaryIO, box: TopBox) -> Node:
    """The tree of a box at the top level.

    Raises:
        UnreadableMediaError: It is truncated or too large.
    """
    if len(box.span) > _MAX_READ_BYTES:
        raise damaged(f"the {box.type.decode('latin-1')!r} box is too large for what it is")
    return Node.parse(box.type, b"".join(blocks(file, [box.body])))
