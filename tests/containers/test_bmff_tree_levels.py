"""Boxes in boxes in boxes."""

import pytest

from labeler.containers.bmff import make_box
from labeler.containers.bmff_tree import Node
from labeler.errors import UnreadableMediaError


def nested(levels: int) -> bytes:
    body = b""
    for _ in range(levels):
        body = make_box(b"trak", body)
    return body


def test_boxes_of_a_tree_have_an_end():
    few, many = (make_box(b"trak", make_box(b"free") * 99) * number for number in (190, 210))
    assert len(Node.parse(b"moov", few).children) == 190
    with pytest.raises(UnreadableMediaError, match="too many"):
        Node.parse(b"moov", many)


def test_levels_of_boxes_have_an_end():
    assert Node.parse(b"moov", nested(10)).find(b"trak", b"trak") is not None
    with pytest.raises(UnreadableMediaError, match="without end"):
        Node.parse(b"moov", nested(3000))
