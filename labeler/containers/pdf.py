"""PDF files, looked into as far as marks need it. Source: ISO 32000-2, 7.5 (file structure)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from labeler.containers.damage import damaged
from labeler.containers.pdf_objects import (
    WHITE,
    Dictionary,
    Reference,
    dictionary,
    dictionary_at,
    integer,
    items,
    reference,
    value_end,
)
from labeler.containers.pdf_streams import content
from labeler.containers.pdf_xref import (
    AtOffset,
    InStream,
    Table,
    object_at,
    read_table,
    stream_bounds,
)
from labeler.containers.splice import Span
from labeler.errors import MediaTooLargeError, UnsupportedMediaError

__all__ = ["Pdf", "Stream", "parse"]

_SIGNATURE: Final = b"%PDF-"
# References to references are rare, and none leads far.
_MOST_STEPS: Final = 32
_MOST_UNPACKED: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream object."""

    head: Dictionary
    span: Span
    """Where its content stands in the file, as it is written there."""


class _Objects:
    """The objects of a file; object streams are undone once."""

    def __init__(self, data: bytes, table: Table) -> None:
        self._data = data
        self._table = table
        self._inside: dict[int, dict[int, bytes]] = {}
        self._left = _MOST_UNPACKED

    def value(self, target: Reference) -> bytes | None:
        """An object as it is written; of a stream, its dictionary. None where there is none."""
        place = self._table.find(target.number)
        if place is None:
            return None
        if isinstance(place, InStream):
            return self._compressed(place.stream).get(target.number)
        found, at = object_at(self._data, place.offset)
        if found.number != target.number:
            raise damaged(f"the PDF has another object at byte {place.offset} than its table says")
        return self._data[at : value_end(self._data, at)]

    def stream(self, number: int) -> Stream | None:
        """A stream; None where the object is none."""
        place = self._table.find(number)
        if not isinstance(place, AtOffset):
            return None
        found = dictionary_at(self._data, object_at(self._data, place.offset)[1])
        if found is None:
            return None
        head, end = found
        size = head.get(b"Length")
        target = reference(size)
        plain = integer(size if target is None else self.value(target))
        bounds = stream_bounds(self._data, end, plain)
        return None if bounds is None else Stream(head, Span(*bounds))

    def _compressed(self, number: int) -> dict[int, bytes]:
        """What stands in an object stream, by the objects' numbers (7.5.7)."""
        if number not in self._inside:
            # Whoever asks for an object of the stream while it is read finds none.
            self._inside[number] = {}
            stream = self.stream(number)
            first = None if stream is None else integer(stream.head.get(b"First"))
            if stream is None or first is None or first < 0:
                raise damaged("an object stream of the PDF is damaged")
            plain = content(stream.head, self._data[stream.span.start : stream.span.end])
            self._left -= len(plain)
            if self._left < 0:
                raise MediaTooLargeError(
                    "the PDF's object streams take more than 256 MiB to unpack",
                    hint="Save it again with another PDF program",
                )
            self._inside[number] = _cut(plain, first)
        return self._inside[number]


def _cut(plain: bytes, first: int) -> dict[int, bytes]:
    """The objects in an object stream; before ``first`` stand their numbers and places."""
    numbers = [int(word) for word in plain[:first].split() if len(word) < 11 and word.isdigit()]
    starts = dict(zip(numbers[::2], numbers[1::2], strict=False))
    ends = sorted({*starts.values(), len(plain) - first})
    pieces = {
        start: plain[first + start : first + ends[bisect_right(ends, start)]].strip(WHITE)
        for start in set(starts.values())
        if start < ends[-1]
    }
    return {number: pieces[start] for number, start in starts.items() if start in pieces}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdf:
    """A PDF file that is not encrypted."""

    data: bytes = field(repr=False)
    """The file."""
    table: Table = field(repr=False)
    objects: _Objects = field(repr=False, compare=False)
    root: Reference
    """The number of the catalog."""
    catalog: Dictionary
    """The root of everything."""

    def value(self, value: bytes | None) -> bytes | None:
        """What ``value`` stands for: itself, or the object that it refers to.

        Raises:
            UnreadableMediaError: The object is damaged.
        """
        for _ in range(_MOST_STEPS):
            target = reference(value)
            if target is None:
                return value
            value = self.objects.value(target)
        raise damaged("references in the PDF lead round in a circle")

    def dictionary(self, value: bytes | None) -> Dictionary | None:
        """As `value`, where that is a dictionary; else None."""
        return dictionary(self.value(value))

    def items(self, value: bytes | None) -> tuple[bytes, ...]:
        """As `value`, where that is an array; else nothing."""
        return items(self.value(value)) or ()

    def stream(self, value: bytes | None) -> Stream | None:
        """The stream that ``value`` refers to; None where it refers to none.

        Raises:
            UnreadableMediaError: It is damaged.
        """
        target = reference(value)
        return None if target is None else self.objects.stream(target.number)

    def content(self, stream: Stream) -> bytes:
        """What ``stream`` holds, its filter undone.

        Raises:
            UnreadableMediaError: It is damaged.
            UnsupportedMediaError: It has a filter that is not handled.
            MediaTooLargeError: It is larger than 64 MiB.
        """
        head = stream.head
        for key in (b"Filter", b"DecodeParms"):
            found = self.value(head.get(key))
            head = head if found is None else head.put(key, found)
        return content(head, self.data[stream.span.start : stream.span.end])

    @property
    def is_certified(self) -> bool:
        """Whether its author's signature forbids changes such as new metadata (12.8.2.2)."""
        permissions = self.dictionary(self.catalog.get(b"Perms"))
        return permissions is not None and permissions.get(b"DocMDP") is not None


def parse(data: bytes) -> Pdf:
    """Look into a PDF file.

    Raises:
        UnreadableMediaError: It is damaged.
        UnsupportedMediaError: It is encrypted, or coded in a way that is not handled.
        MediaTooLargeError: A part of its structure is too large.
    """
    if not data.startswith(_SIGNATURE):
        raise damaged("the file does not begin as a PDF does")
    table = read_table(data)
    if table.is_encrypted:
        raise UnsupportedMediaError(
            "the PDF is encrypted", hint="Save it without password and restrictions first"
        )
    root = reference(table.trailer.get(b"Root"))
    objects = _Objects(data, table)
    catalog = None if root is None else dictionary(objects.value(root))
    if root is None or catalog is None or catalog.get(b"Pages") is None:
        raise damaged("the PDF has no catalog of its pages")
    return Pdf(data=data, table=table, objects=objects, root=root, catalog=catalog)
