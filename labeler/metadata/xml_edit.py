"""XML of documents: where its elements stand, so that text can be put there and nothing else moves.

What is not replaced stays byte for byte. Documents that declare entities are refused, so that
nothing expands or is fetched. Source: XML 1.0, fifth edition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from labeler.containers.splice import Span
from labeler.errors import MetadataError

__all__ = ["Edit", "Element", "attribute", "changed", "elements", "inside", "text"]

_MOST_DEPTH: Final = 64
# What XML 1.0 (2.2) has no way to write.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TAG_END: Final = re.compile(rb"(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Element:
    """An element of a document."""

    namespace: str
    name: str
    """Its local name."""
    qualified: str
    """Its name as written, with its prefix."""
    attributes: dict[str, str]
    """By local name behind the namespace in braces, where an attribute has one."""
    parent: Element | None
    start: int
    """Where its first tag begins, bytes."""
    content: int
    """Where that tag ends."""
    closing: int = 0
    """Where its last tag begins; the same as `content` if it has none (``<a/>``)."""
    end: int = 0
    value: str = field(default="", repr=False)
    """The text in it and in what it holds."""

    @property
    def span(self) -> Span:
        """All of it."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """New bytes for a stretch of a document."""

    span: Span
    text: bytes


def text(value: str) -> bytes:
    """Text as XML in whichever encoding extends ASCII.

    Raises:
        MetadataError: It has characters that XML cannot hold.
    """
    return _checked(escape(value))


def attribute(value: str) -> bytes:
    """The same as an attribute's value, with its quotation marks."""
    return _checked(quoteattr(value))


def _checked(value: str) -> bytes:
    if _FORBIDDEN.search(value):
        raise MetadataError(
            "a value has characters that no XML document can hold", hint="Remove them"
        )
    return value.encode("ascii", "xmlcharrefreplace")


def inside(document: bytes, element: Element, new: bytes) -> Edit:
    """``new`` as the last of what ``element`` holds."""
    if document[element.end - 2 : element.end] != b"/>" or element.closing != element.content:
        return Edit(Span(element.closing, element.closing), new)
    closing = b"</" + element.qualified.encode() + b">"
    return Edit(Span(element.end - 2, element.end), b">" + new + closing)


def changed(document: bytes, edits: Iterable[Edit], name: str) -> bytes:
    """The document with ``edits`` made, read once more.

    Raises:
        MetadataError: It is malformed.
    """
    for edit in sorted(edits, reverse=True):
        document = document[: edit.span.start] + edit.text + document[edit.span.end :]
    elements(document, name)
    return document


def elements(document: bytes, name: str) -> list[Element]:
    """All elements of a document, in order; the first is its root.

    Args:
        document: The XML.
        name: What errors call it.

    Raises:
        MetadataError: It is malformed, too deep, declares entities, or is in UTF-16.
    """
    if document.startswith(_UTF16):
        raise MetadataError(f"{name} is written in UTF-16", hint="Save the document anew")
    reader = _Reader(document, name)
    try:
        reader.parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _malformed(name, str(error)) from error
    return reader.found


def _malformed(name: str, why: str) -> MetadataError:
    return MetadataError(f"{name} is malformed ({why})", hint="Save the document anew")


class _Reader:
    """Collects elements while a document is parsed."""

    def __init__(self, document: bytes, name: str) -> None:
        self.found: list[Element] = []
        self._open: list[Element] = []
        self._document = document
        self._name = name
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity

    def _entity(self, *_: object) -> None:
        raise _malformed(self._name, "it declares entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= _MOST_DEPTH:
            raise _malformed(self._name, "its elements lie too deep")
        start = self.parser.CurrentByteIndex
        tag = _TAG_END.match(self._document, start)
        if tag is None:
            raise _malformed(self._name, "a tag without end")
        namespace, _, local = name.rpartition(" ")
        element = Element(
            namespace=namespace,
            name=local,
            qualified=tag.group()[1:].split(None, 1)[0].rstrip(b"/>").decode("utf-8", "replace"),
            attributes={_braced(key): value for key, value in attributes.items()},
            parent=self._open[-1] if self._open else None,
            start=start,
            content=tag.end(),
        )
        self.found.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        at = self.parser.CurrentByteIndex
        if at <= element.start or self._document[at : at + 2] != b"</":  # an empty tag
            element.closing = element.end = element.content
        else:
            element.closing = at
            element.end = self._document.index(b">", at) + 1
        if self._open:
            self._open[-1].value += element.value

    def _characters(self, characters: str) -> None:
        if self._open:
            self._open[-1].value += characters


def _braced(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local
