"""Matroska and WebM: the elements of the file, and a Tags element put into it.

Nothing moves, as elements point to each other by position: what is new goes to the segment's end,
and what is taken away leaves a Void. Sources: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers.chunks import file_size
from labeler.containers.damage import damaged
from labeler.containers.splice import Part, Span
from labeler.errors import MetadataError

__all__ = [
    "TAGS",
    "Element",
    "Segment",
    "children",
    "content",
    "head",
    "make",
    "parse",
    "with_tags",
]

TAGS: Final = b"\x12\x54\xc3\x67"
_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = b"\x18\x53\x80\x67"
_CLUSTER: Final = b"\x1f\x43\xb6\x75"
_SEEK_HEAD: Final = b"\x11\x4d\x9b\x74"
_SEEK: Final = b"\x4d\xbb"
_SEEK_ID: Final = b"\x53\xab"
_SEEK_POSITION: Final = b"\x53\xac"
_VOID: Final = b"\xec"
_CRC: Final = b"\xbf"
_LISTED: Final = frozenset({TAGS, _SEEK_HEAD, _VOID, _CRC})
_MAX_ELEMENTS: Final = 100_000
_MAX_READ_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Element:
    """One element, and where it lies."""

    id: bytes
    start: int
    """Position of its first byte."""
    body: Span
    """Its content."""
    is_endless: bool = False
    """Whether it has no size, and ends where another of its level begins."""

    @property
    def span(self) -> Span:
        """The whole element."""
        return Span(self.start, self.body.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The segment of a file, which holds everything but the first header."""

    element: Element
    elements: tuple[Element, ...]
    """What it holds of metadata, lists of positions, checksums and empty space."""
    size: int
    """Bytes of the whole file."""

    def all(self, kind: bytes) -> tuple[Element, ...]:
        """The elements with this number."""
        return tuple(element for element in self.elements if element.id == kind)


def parse(file: BinaryIO) -> Segment:
    """The elements of a file's first segment.

    Raises:
        UnreadableMediaError: The file is truncated, or no Matroska.
    """
    size = file_size(file)
    header = _element(file, 0, size)
    if header.id != _EBML:
        raise damaged("the Matroska file does not begin with its header")
    at = header.body.end
    while (segment := _element(file, at, size)).id != _SEGMENT:
        at = segment.body.end
    found: list[Element] = []
    at = segment.body.start
    while at < segment.body.end:
        element = _element(file, at, segment.body.end)
        if element.is_endless and element.id != _CLUSTER:
            raise damaged("an element of the Matroska file has no size")
        # A cluster without size is gone through; its blocks are passed over one by one.
        at = element.body.start if element.is_endless else element.body.end
        if element.id in _LISTED:
            found.append(element)
        if len(found) > _MAX_ELEMENTS:
            raise damaged(f"the file has more than {_MAX_ELEMENTS} elements")
    return Segment(element=segment, elements=tuple(found), size=size)


def _element(file: BinaryIO, at: int, end: int) -> Element:
    file.seek(at)
    return _parse_element(file.read(12), at, end)


def _parse_element(head: bytes, at: int, end: int) -> Element:
    id_bytes = _width(head, 0, 4)
    size_bytes = _width(head, id_bytes, 8)
    if not id_bytes or not size_bytes or len(head) < id_bytes + size_bytes:
        raise damaged("the Matroska file holds something that is no element")
    start = at + id_bytes + size_bytes
    value = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big")
    unknown = (1 << 7 * size_bytes) - 1
    value &= unknown
    if value == unknown:
        return Element(head[:id_bytes], at, Span(start, end), is_endless=True)
    if start + value > end:
        raise damaged("the Matroska file ends in the middle of an element")
    return Element(head[:id_bytes], at, Span(start, start + value))


def _width(data: bytes, at: int, most: int) -> int:
    """How many bytes the number there has; 0 if it makes no sense."""
    if at >= len(data):
        return 0
    width = 9 - data[at].bit_length()
    return width if width <= most else 0


def content(file: BinaryIO, element: Element) -> bytes:
    """What an element holds, in memory.

    Raises:
        UnreadableMediaError: That is too much for metadata.
    """
    if len(element.body) > _MAX_READ_BYTES:
        raise damaged("the metadata of the Matroska file are larger than any that programs write")
    file.seek(element.body.start)
    return file.read(len(element.body))


def children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Number and content of each element in ``data``.

    Raises:
        UnreadableMediaError: One is truncated.
    """
    at = 0
    while at < len(data):
        element = _parse_element(data[at : at + 12], at, len(data))
        yield element.id, data[element.body.start : element.body.end]
        at = element.body.end


def make(kind: bytes, *parts: bytes, size_bytes: int | None = None) -> bytes:
    """An element that holds ``parts``; its size takes ``size_bytes`` bytes, or as few as it can."""
    return b"".join([head(kind, sum(map(len, parts)), size_bytes=size_bytes), *parts])


def head(kind: bytes, size: int, *, size_bytes: int | None = None) -> bytes:
    """What an element begins with that holds ``size`` bytes."""
    width = size_bytes or next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    return kind + (size | 1 << 7 * width).to_bytes(width, "big")


def _void(size: int) -> bytes:
    """Empty space of ``size`` bytes, at least 2."""
    if size < 10:
        return make(_VOID, bytes(size - 2))
    return make(_VOID, bytes(size - 9), size_bytes=8)


# ----------------------------------------------------------------------------------------- writing


def with_tags(
    file: BinaryIO, segment: Segment, changed: Mapping[Element, bytes], new: bytes
) -> tuple[Part, ...]:
    """The file with one more Tags element, at the segment's end.

    Args:
        file: The file.
        segment: What `parse` gave for it.
        changed: Elements that are to hold something else, less than before; or nothing at all.
        new: What the new element holds.

    Raises:
        MetadataError: The segment cannot become larger.
        UnreadableMediaError: A list of positions is damaged.
    """
    body = segment.element.body
    edits: dict[Span, bytes] = {}
    end = body.end
    for element in sorted(changed, key=lambda each: each.start, reverse=True):
        smaller = make(element.id, changed[element]) if changed[element] else b""
        if element.body.end == end and not smaller:
            end = element.start
            edits[element.span] = b""
        else:
            edits[element.span] = _filled(smaller, len(element.span)) or _void(len(element.span))
    gone = {element.start - body.start for element in changed if not changed[element]}
    edits.update(_seek_head(file, segment, gone, end - body.start))
    for checksum in segment.all(_CRC):
        if checksum.start == body.start:  # it is the segment's, and no longer holds
            edits[checksum.span] = _void(len(checksum.span))
    return _assemble(segment, edits, make(TAGS, new))


def _room(segment: Segment, element: Element) -> Span:
    """The place of an element, with the empty space that follows it."""
    number = segment.elements.index(element)
    following = segment.elements[number + 1 : number + 2]
    if following and following[0].id == _VOID and following[0].start == element.body.end:
        return Span(element.start, following[0].body.end)
    return element.span


def _filled(new: bytes, room: int) -> bytes | None:
    """``new``, and empty space up to ``room`` bytes; None if that cannot be."""
    spare = room - len(new)
    if spare == 0:
        return new
    return new + _void(spare) if spare >= 2 else None


def _seek_head(
    file: BinaryIO, segment: Segment, gone: AbstractSet[int], position: int
) -> dict[Span, bytes]:
    """The list of positions with that of the new Tags element, if there is room in it."""
    found = segment.all(_SEEK_HEAD)
    if not found:
        return {}
    entries = list(children(content(file, found[0])))
    kept = [
        make(_SEEK, data)
        for kind, data in entries
        if kind == _SEEK and not (_target(data)[0] == TAGS and _target(data)[1] in gone)
    ]
    place = make(_SEEK_POSITION, position.to_bytes(8, "big"))
    listed = b"".join([*kept, make(_SEEK, make(_SEEK_ID, TAGS), place)])
    if any(kind == _CRC for kind, _ in entries):
        listed = make(_CRC, zlib.crc32(listed).to_bytes(4, "little")) + listed
    room = _room(segment, found[0])
    filled = _filled(make(_SEEK_HEAD, listed), len(room))
    return {} if filled is None else {room: filled}


def _target(seek: bytes) -> tuple[bytes, int]:
    """What an entry points to, and where that is."""
    parts = dict(children(seek))
    return parts.get(_SEEK_ID, b""), int.from_bytes(parts.get(_SEEK_POSITION, b""), "big")


def _assemble(segment: Segment, edits: dict[Span, bytes], appended: bytes) -> tuple[Part, ...]:
    """The file with other bytes in some places, and more at the segment's end."""
    more = len(appended) + sum(len(data) - len(span) for span, data in edits.items())
    whole, head = segment.element, _sized_head(segment.element, more)
    parts: list[Part] = [Span(0, whole.start), head]
    at = whole.body.start
    for span, data in sorted(edits.items()):
        parts += [Span(at, span.start), data]
        at = span.end
    return (*parts, Span(at, whole.body.end), appended, Span(whole.body.end, segment.size))


def _sized_head(element: Element, more: int) -> bytes:
    """The segment's header, with a size that is larger by ``more``."""
    width = element.body.start - element.start - len(_SEGMENT)
    unknown = (1 << 7 * width) - 1
    size = unknown if element.is_endless else len(element.body) + more
    if size >= unknown and not element.is_endless:
        raise MetadataError(
            "the Matroska file's segment has no room for more metadata",
            hint="Remux the file first, for example with `ffmpeg -c copy`",
        )
    return _SEGMENT + (size | 1 << 7 * width).to_bytes(width, "big")
