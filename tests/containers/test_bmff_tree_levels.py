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


def test_levels_of_boxes_have_an_end():
    assert Node.parse(b"moov", nested(10)).find(b"trak", b"trak") is not None
    with pytest.raises(UnreadableMediaError, match="without end"):
        Node.parse(b"moov", nested(3000))
