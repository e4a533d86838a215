"""How the pictures of a track are described: the new coding with the old look.

Sources: ISO/IEC 14496-12, 12.1; ISO/IEC 14496-15 for H.264 and H.265; QuickTime File Format, "Video
sample descriptions".
"""

from __future__ import annotations

from typing import Final

from labeler.containers.bmff import boxes, make_box
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged
from labeler.errors import UnreadableMediaError, UnsupportedMediaError

__all__ = ["merged_entry"]

_HEAD: Final = 78
_PROTECTED: Final = frozenset({b"encv", b"drmi", b"drms"})
# What belongs to the old packets: the codecs' own headers, JPEG's and Avid's tables, the bit rate,
# and Dolby Vision, whose units of metadata are gone: what was coded anew is its base layer.
_CODING: Final = frozenset(
    {b"avcC", b"svcC", b"mvcC", b"m4ds", b"hvcC", b"lhvC", b"vvcC", b"evcC", b"vpcC", b"av1C"}
    | {b"esds", b"d263", b"glbl", b"strf", b"avdn", b"mjqt", b"mjht", b"ACLR", b"APRG", b"ARES"}
    | {b"btrt", b"dvcC", b"dvvC", b"dvwC", b"hvcE", b"avcE", b"sinf"}
)
# How the pictures look, of which the source knows more than FFmpeg's writer does.
_LOOK: Final = frozenset(
    {b"pasp", b"colr", b"clap", b"fiel", b"gama", b"mdcv", b"clli", b"SmDm", b"CoLL", b"cclv"}
)
# With parameter sets only in the header, and with some between the packets. What was Dolby Vision
# is no more.
_FAMILIES: Final = {
    b"avc1": {b"avc1": b"avc1", b"avc3": b"avc3", b"dva1": b"avc1", b"dvav": b"avc3"},
    b"hvc1": {b"hvc1": b"hvc1", b"hev1": b"hev1", b"dvh1": b"hvc1", b"dvhe": b"hev1"},
}
_SPELLINGS: Final = {b"avc1": b"avc1", b"avc3": b"avc1", b"hvc1": b"hvc1", b"hev1": b"hvc1"}


def merged_entry(old: bytes, new: bytes) -> bytes:
    """The body of an ``stsd`` box that describes the coding as ``new`` and the rest as ``old``.

    Raises:
        UnreadableMediaError: One of them is truncated.
        UnsupportedMediaError: ``old`` has several entries, or protected pictures.
    """
    was, now = _only_entry(old), _only_entry(new)
    kind = _kind(was.type, now.type)
    described = [child for child in _children(was) if child.type not in _CODING]
    told = {child.type for child in described}
    coded = [
        Node(child.type, _complete(child.body))
        if child.type == b"hvcC" and kind == b"hvc1"
        else child
        for child in _children(now)
        if child.type not in told and child.type not in _LOOK
    ]
    # New are width and height, the encoder's name, and what codecs of QuickTime mean by the depth.
    head = was.body[:24] + now.body[24:28] + was.body[28:42] + now.body[42:_HEAD]
    children = b"".join(child.to_bytes() for child in (*coded, *described))
    return old[:8] + make_box(kind, head, children)


def _only_entry(stsd: bytes) -> Node:
    entries = boxes(stsd[8:])
    if any(entry.type in _PROTECTED for entry in entries):
        raise UnsupportedMediaError(
            "the pictures are protected against copying (DRM)",
            hint="Ask their publisher for a file without protection",
        )
    if len(entries) > 1:
        raise UnsupportedMediaError(
            f"the pictures change their coding in the middle ({len(entries)} sample entries)",
            hint="Export the video as one piece, all of it coded in the same way",
        )
    if not entries or len(entries[0].body) < _HEAD:
        raise damaged("the file does not say how its pictures are coded")
    return Node(entries[0].type, entries[0].body)


def _children(entry: Node) -> list[Node]:
    body = entry.body[_HEAD:]
    try:
        return [Node(box.type, box.body) for box in boxes(body)]
    except UnreadableMediaError:
        # QuickTime has a table of colours here, for few colours.
        return []


def _kind(was: bytes, now: bytes) -> bytes:
    family = _FAMILIES.get(_SPELLINGS.get(now, b""), {})
    return family.get(was, now)


def _complete(hvcc: bytes) -> bytes:
    """The header of H.265 with the statement that no parameter sets lie between the packets."""
    data = bytearray(hvcc)
    position = 23
    for _ in range(data[22] if len(data) > 22 else 0):
        if position + 3 > len(data):
            break
        data[position] |= 0x80
        units = int.from_bytes(data[position + 1 : position + 3], "big")
        position += 3
        for _ in range(units):
            position += 2 + int.from_bytes(data[position : position + 2], "big")
    return bytes(data)
