"""Where a PDF file's objects lie: its cross-reference tables and streams, from the newest back.

Source: ISO 32000-2, 7.5.4 (tables), 7.5.5 (trailer), 7.5.6 (incremental updates) and 7.5.8
(cross-reference streams, and files that have both).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from labeler.containers.damage import damaged
from labeler.containers.pdf_objects import (
    Dictionary,
    Reference,
    dictionary_at,
    integer,
    items,
    skip,
)
from labeler.containers.pdf_streams import content
from labeler.errors import MediaTooLargeError

__all__ = ["AtOffset", "InStream", "Place", "Table", "object_at", "read_table", "stream_bounds"]

_START: Final = re.compile(rb"startxref[\0\t\n\f\r ]++(\d{1,18})")
_SUBSECTION: Final = re.compile(rb"[\0\t\n\f\r ]*+(\d{1,10})[\0\t\n\f\r ]++(\d{1,10})")
_ENTRY: Final = re.compile(
    rb"[\0\t\n\f\r ]*+(\d{1,10})[\0\t\n\f\r ]++(\d{1,5})[\0\t\n\f\r ]++([nf])"
)
_OBJECT: Final = re.compile(rb"(\d{1,10})[\0\t\n\f\r ]++(\d{1,5})[\0\t\n\f\r ]++obj")
_STREAM: Final = re.compile(rb"stream(?:\r\n|\n|\r)")
_TRAILER: Final = b"trailer"
_MOST_SECTIONS: Final = 4096
# Of all tables together; the largest documents in use have some hundred thousand objects.
_MOST_OBJECTS: Final = 2_000_000
_WIDEST: Final = 8


@dataclass(frozen=True, slots=True)
class AtOffset:
    """An object that stands in the file itself."""

    offset: int
    generation: int


@dataclass(frozen=True, slots=True)
class InStream:
    """An object that stands in an object stream."""

    stream: int
    """The stream's own number; its generation is 0."""
    index: int


Place: TypeAlias = AtOffset | InStream


@dataclass(frozen=True, slots=True)
class _Section:
    """One table or stream, and what its trailer says."""

    places: Mapping[int, Place | None]
    """By the objects' numbers; None for those that are free."""
    trailer: Dictionary


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Where all objects lie."""

    start: int
    """Where the newest table or stream begins."""
    is_stream: bool
    """Whether that is a stream."""
    trailer: Dictionary
    """What the newest one says: ``Root``, ``Size`` and others."""
    sections: tuple[_Section, ...]
    """All, in the order in which they are looked into."""

    def find(self, number: int) -> Place | None:
        """Where object ``number`` lies; None where there is none."""
        for section in self.sections:
            if number in section.places:
                return section.places[number]
        return None

    @property
    def is_encrypted(self) -> bool:
        """Whether the objects' strings and streams are encrypted."""
        return any(section.trailer.get(b"Encrypt") is not None for section in self.sections)

    @property
    def next_number(self) -> int:
        """The first number that no object ever had."""
        highest = (max(section.places, default=0) for section in self.sections)
        return max((integer(self.trailer.get(b"Size")) or 1) - 1, *highest) + 1


def read_table(data: bytes) -> Table:
    """The table of a whole PDF file.

    Raises:
        UnreadableMediaError: It is damaged, or there is none.
        UnsupportedMediaError: It is coded in a way that is not handled.
        MediaTooLargeError: It is larger than any PDF program's.
    """
    starts = list(_START.finditer(data, max(0, data.rfind(b"startxref"))))
    if not starts:
        raise damaged("the PDF has no end that says where its objects are")
    start = int(starts[-1].group(1))
    sections: list[_Section] = []
    seen: set[int] = set()
    streams: set[int] = set()
    newest, pending = Dictionary(), start or None
    while pending is not None:
        if pending in seen or len(seen) >= _MOST_SECTIONS:
            raise damaged("the PDF's cross-reference tables refer to each other in a circle")
        section = _section(data, pending)
        _require_few(len(section.places) + sum(len(each.places) for each in sections))
        newest = section.trailer if not seen else newest
        seen.add(pending)
        hybrid = integer(section.trailer.get(b"XRefStm"))
        # It lists what the table calls free, for readers before PDF 1.5; once is enough.
        if hybrid is not None and hybrid not in streams:
            streams.add(hybrid)
            sections.append(_in_stream(data, hybrid))
        sections.append(section)
        pending = integer(section.trailer.get(b"Prev"))
    return Table(
        start=start,
        is_stream=not data.startswith(b"xref", skip(data, start)),
        trailer=newest,
        sections=tuple(sections),
    )


def object_at(data: bytes, offset: int) -> tuple[Reference, int]:
    """Which object begins at ``offset``, and where its value does.

    Raises:
        UnreadableMediaError: None begins there.
    """
    at = skip(data, offset) if 0 <= offset < len(data) else len(data)
    found = _OBJECT.match(data, at)
    if found is None:
        raise damaged(f"the PDF has no object at byte {offset}, where its table says")
    return Reference(int(found.group(1)), int(found.group(2))), skip(data, found.end())


def stream_bounds(data: bytes, at: int, size: int | None) -> tuple[int, int] | None:
    """Where the content of a stream begins and ends, whose dictionary ends at ``at``.

    Args:
        data: The file.
        at: Behind the dictionary.
        size: What the dictionary says about the content's size.

    Returns:
        Start and end, or None where the dictionary belongs to no stream.

    Raises:
        UnreadableMediaError: The size is wrong.
    """
    found = _STREAM.match(data, skip(data, at))
    if found is None:
        return None
    start = found.end()
    if size is None or size < 0:
        raise damaged("a stream in the PDF has no size")
    end = start + size
    if not data.startswith(b"endstream", skip(data, end)):
        raise damaged("a stream in the PDF has another size than it says")
    return start, end


def _section(data: bytes, start: int) -> _Section:
    at = skip(data, start) if 0 <= start < len(data) else len(data)
    if not data.startswith(b"xref", at):
        return _in_stream(data, start)
    places: dict[int, Place | None] = {}
    at += len(b"xref")
    while (head := _SUBSECTION.match(data, at)) is not None:
        at = _subsection(data, head, places)
    at = skip(data, at)
    trailer = dictionary_at(data, at + len(_TRAILER)) if data.startswith(_TRAILER, at) else None
    if trailer is None:
        raise damaged("a cross-reference table of the PDF is damaged")
    return _Section(places, trailer[0])


def _subsection(data: bytes, head: re.Match[bytes], places: dict[int, Place | None]) -> int:
    """Read the entries behind ``head``, into ``places``; give where they end."""
    first, count, at = int(head.group(1)), int(head.group(2)), head.end()
    _require_few(count)
    for number in range(first, first + count):
        entry = _ENTRY.match(data, at)
        if entry is None:
            raise damaged("a cross-reference table of the PDF is damaged")
        at = entry.end()
        in_use = entry.group(3) == b"n"
        places[number] = AtOffset(int(entry.group(1)), int(entry.group(2))) if in_use else None
    return at


def _require_few(count: int) -> None:
    if count > _MOST_OBJECTS:
        raise MediaTooLargeError(
            f"the PDF's cross-reference tables name more than {_MOST_OBJECTS} objects",
            hint="Save it again with another PDF program, or in several parts",
        )


def _in_stream(data: bytes, start: int) -> _Section:
    """The section that a cross-reference stream is (ISO 32000-2, 7.5.8)."""
    found = dictionary_at(data, object_at(data, start)[1])
    head = Dictionary() if found is None else found[0]
    bounds = None if found is None else stream_bounds(data, found[1], integer(head.get(b"Length")))
    widths = tuple(integer(each) for each in items(head.get(b"W")) or ())
    if bounds is None or len(widths) != 3:
        raise damaged("a cross-reference stream of the PDF is damaged")
    sizes = [width for width in widths if width is not None and 0 <= width <= _WIDEST]
    if len(sizes) != 3 or not sizes[1]:
        raise damaged("a cross-reference stream of the PDF is damaged")
    plain = content(head, data[slice(*bounds)])
    _require_few(len(plain) // sum(sizes))
    rows = _rows(plain, sizes)
    return _Section(dict(zip(_numbers(head), rows, strict=False)), head)


def _numbers(head: Dictionary) -> Iterator[int]:
    """The numbers of the objects that a stream's rows are about."""
    size = integer(head.get(b"Size")) or 0
    runs = [integer(each) or 0 for each in items(head.get(b"Index")) or (b"0", b"%d" % size)]
    for first, count in zip(runs[::2], runs[1::2], strict=False):
        yield from range(first, first + count)


def _rows(plain: bytes, sizes: list[int]) -> Iterator[Place | None]:
    a, b, width = sizes[0], sizes[0] + sizes[1], sum(sizes)
    for at in range(0, len(plain) - width + 1, width):
        # Without a first field, all objects stand in the file itself.
        kind = int.from_bytes(plain[at : at + a], "big") if a else 1
        second = int.from_bytes(plain[at + a : at + b], "big")
        third = int.from_bytes(plain[at + b : at + width], "big")
        if kind == 1:
            yield AtOffset(second, third)
        else:
            yield InStream(second, third) if kind == 2 else None
