"""XMP packets: simple properties read, and merged in without touching anything else.

A packet is edited as text: what is not replaced stays byte for byte, whoever wrote it. Documents
with entity declarations are refused, so that nothing expands or is fetched. Source: ISO 16684-1
(XMP part 1), 7 (serialisation) and 7.3.2 (packets).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from labeler.errors import MetadataError

__all__ = [
    "DEFAULT_LANGUAGE",
    "MAX_PACKET_BYTES",
    "Property",
    "merge",
    "properties",
    "without_padding",
]

MAX_PACKET_BYTES: Final = 16 << 20
"""Larger packets are refused: no writer makes them."""

DEFAULT_LANGUAGE: Final = "x-default"
"""What the text is marked with that readers show where they have none in a person's language."""

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_NEW_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    f' <rdf:RDF xmlns:rdf="{_RDF}">\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>'
).encode()
_MOST_DEPTH: Final = 64
# What XML 1.0 (2.2) has no way to write.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ATTRIBUTE: Final = rb"\s+%s\s*=\s*(?:\"[^\"]*\"|'[^']*')"
_TAG_END: Final = re.compile(rb"(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_PADDING: Final = re.compile(rb"\s{64,}(?=<\?xpacket end)")


@dataclass(frozen=True, slots=True, order=True)
class Property:
    """A property with a simple value, or with one text in several languages."""

    namespace: str
    name: str
    value: str
    """The value; of a text in several languages the default one, of other lists the first."""
    languages: tuple[tuple[str, str], ...] | None = None
    """All texts of a language alternative, each behind its language (ISO 16684-1, 8.2.2.4):
    ``("x-default", "A cat")``. None for everything else."""


@dataclass(slots=True)
class _Node:
    """One rdf:Description of the packet."""

    start: int
    about: str
    total: int = 0
    """Properties in it."""
    edits: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)
    """Where each of its properties stands."""
    end: int = 0


@dataclass(slots=True)
class _Packet:
    """What parsing found."""

    properties: list[Property] = field(default_factory=list)
    nodes: list[_Node] = field(default_factory=list)
    rdf_start: int = -1
    rdf_end: int = -1
    """Where ``</rdf:RDF>`` begins; behind the tag if the element is empty (``<rdf:RDF/>``)."""


def properties(packet: bytes) -> tuple[Property, ...]:
    """The properties in a packet; of lists only the first value.

    Raises:
        MetadataError: It is not XMP.
    """
    return tuple(_parse(_as_utf8(packet)).properties)


def merge(
    packet: bytes | None,
    new: Iterable[Property],
    *,
    prefixes: dict[str, str],
    dropped: Iterable[tuple[str, str]] = (),
) -> bytes:
    """A packet in which the ``new`` properties stand in place of those with their names.

    Args:
        packet: What there was; None for a new packet.
        new: Properties to set. Nothing is changed if they have these values already.
        prefixes: The usual prefix for each namespace of ``new``.
        dropped: Namespace and name of properties that are to go.

    Raises:
        MetadataError: ``packet`` is not XMP, or a value has characters that XML cannot hold.
    """
    wanted = tuple(new)
    text = _NEW_PACKET if packet is None else _as_utf8(packet)
    parsed = _parse(text)
    keys = {*((prop.namespace, prop.name) for prop in wanted), *dropped}
    present = [prop for prop in parsed.properties if (prop.namespace, prop.name) in keys]
    if packet is not None and Counter(present) == Counter(wanted):
        return packet
    about = parsed.nodes[0].about if parsed.nodes else ""
    block = _block(wanted, about, prefixes)
    edits = [(*span, b"") for node in parsed.nodes for span in _removals(text, node, keys)]
    if _is_empty_tag(text, parsed.rdf_start):
        end = _tag_end(text, parsed.rdf_start)
        name = text[parsed.rdf_start + 1 : end].split()[0].rstrip(b"/>")
        edits.append((end - 2, end, b">\n" + block + b"</" + name + b">"))
    else:
        edits.append((parsed.rdf_end, parsed.rdf_end, block))
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    _parse(text)  # what was written must read
    return text


def without_padding(packet: bytes) -> bytes:
    """The packet without the white space that leaves room for edits in place."""
    return _PADDING.sub(b"\n", packet)


def _as_utf8(packet: bytes) -> bytes:
    if len(packet) > MAX_PACKET_BYTES:
        raise _malformed(f"is larger than {MAX_PACKET_BYTES >> 20} MiB")
    for mark, encoding in (
        (b"\x00\x00\xfe\xff", "utf-32-be"), (b"\xff\xfe\x00\x00", "utf-32-le"),
        (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"),
        (b"\0\0\0<", "utf-32-be"), (b"<\0\0\0", "utf-32-le"),
        (b"\0<", "utf-16-be"), (b"<\0", "utf-16-le"),
    ):  # fmt: skip
        if packet.startswith(mark):
            try:
                packet = packet.decode(encoding).lstrip("\ufeff").encode()
            except UnicodeError as exc:
                raise _malformed("is not the Unicode text that it claims to be") from exc
            break
    return packet.removeprefix(b"\xef\xbb\xbf").strip(b"\0\t\r\n ")


def _malformed(what: str) -> MetadataError:
    return MetadataError(
        f"the XMP packet {what}", hint="Repair or remove the file's XMP metadata first"
    )


def _parse(text: bytes) -> _Packet:
    reader = _Reader(text)
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as exc:
        raise _malformed(f"is not well-formed XML ({exc})") from exc
    if reader.packet.rdf_start < 0:
        raise _malformed("holds no RDF")
    return reader.packet


class _Reader:
    """Follows the elements rdf:RDF, rdf:Description and the properties within."""

    def __init__(self, text: bytes) -> None:
        self.packet = _Packet()
        self._text = text
        self._path: list[tuple[str, str]] = []
        self._depth = -1  # length of the path to rdf:RDF
        self._property: tuple[str, str] | None = None
        self._start = 0
        self._resource: str | None = None
        self._texts: list[list[str]] = []
        self._languages: list[str] = []
        self._is_alternative = False
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.namespace_prefixes = True
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_declarations
        self.parser.EntityDeclHandler = _refuse_declarations
        self.parser.StartElementHandler = self._on_start
        self.parser.EndElementHandler = self._on_end
        self.parser.CharacterDataHandler = self._on_text

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        key = _split(name)[:2]
        self._path.append(key)
        position = self.parser.CurrentByteIndex
        if len(self._path) > _MOST_DEPTH:
            raise _malformed("nests its elements too deeply")
        if key == (_RDF, "RDF") and self._depth < 0:
            self._depth = len(self._path)
            self.packet.rdf_start = position
        level = len(self._path) - self._depth if self._depth > 0 else 0
        if level == 1 and self.packet.rdf_end < 0:
            self._start_node(position, attributes)
        elif level == 2 and self.packet.rdf_end < 0:
            self.packet.nodes[-1].total += 1
            self._property, self._start = key, position
            self._resource = next(
                (v for k, v in attributes.items() if _split(k)[:2] == (_RDF, "resource")), None
            )
            self._texts, self._languages, self._is_alternative = [[]], [], False
        elif self._property is not None and key == (_RDF, "li"):
            self._texts.append([])
            spoken = (v for k, v in attributes.items() if _split(k)[:2] == (_XML, "lang"))
            self._languages.append(next(spoken, ""))
        elif self._property is not None and key == (_RDF, "Alt"):
            self._is_alternative = True

    def _start_node(self, position: int, attributes: dict[str, str]) -> None:
        node = _Node(start=position, about="")
        tag = self._text[position : _tag_end(self._text, position)]
        for attribute, value in attributes.items():
            namespace, name, prefix = _split(attribute)
            if namespace in {_RDF, _XML, ""}:
                node.about = value if name == "about" else node.about
                continue
            node.total += 1
            self.packet.properties.append(Property(namespace, name, value))
            raw = f"{prefix}:{name}".encode()
            found = re.search(_ATTRIBUTE % re.escape(raw), tag)
            if found is not None:
                span = (position + found.start(), position + found.end())
                node.edits.setdefault((namespace, name), []).append(span)
        self.packet.nodes.append(node)

    def _on_text(self, text: str) -> None:
        if self._property is not None:
            self._texts[-1].append(text)

    def _on_end(self, _name: str) -> None:
        level = len(self._path) - self._depth if self._depth > 0 else -1
        position = self.parser.CurrentByteIndex
        if level == 0 and self.packet.rdf_end < 0:
            self.packet.rdf_end = position
        elif level == 1 and self.packet.rdf_end < 0:
            node = self.packet.nodes[-1]
            node.end = _element_end(self._text, node.start, position)
        elif level == 2 and self._property is not None:
            span = (self._start, _element_end(self._text, self._start, position))
            self.packet.nodes[-1].edits.setdefault(self._property, []).append(span)
            self.packet.properties.append(Property(*self._property, *self._value()))
            self._property = None
        self._path.pop()

    def _value(self) -> tuple[str, tuple[tuple[str, str], ...] | None]:
        """The property's value, and its texts by language where it has them."""
        if self._resource is not None:
            return self._resource, None
        # Behind the property's own text come those of its list items.
        own, *items = ("".join(pieces) for pieces in self._texts)
        if not items:
            return own, None
        items = [item.strip() for item in items]
        if not (self._is_alternative and any(self._languages)):
            return items[0], None
        languages = tuple(zip(self._languages, items, strict=True))
        return dict(reversed(languages)).get(DEFAULT_LANGUAGE, items[0]), languages


def _refuse_declarations(*_: object) -> None:
    raise _malformed("declares a document type or entities, which XMP does not allow")


def _split(name: str) -> tuple[str, str, str]:
    """Namespace, local name and prefix of a name as expat gives it."""
    parts = name.split(" ")
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _tag_end(text: bytes, start: int) -> int:
    """Where the tag that begins at ``start`` ends."""
    found = _TAG_END.match(text, start)
    return len(text) if found is None else found.end()


def _is_empty_tag(text: bytes, start: int) -> bool:
    """Whether the tag that begins at ``start`` is a whole element."""
    end = _tag_end(text, start)
    return text[end - 2 : end] == b"/>"


def _element_end(text: bytes, start: int, closing: int) -> int:
    """Where an element ends whose end expat reports at ``closing``."""
    return _tag_end(text, start if _is_empty_tag(text, start) else closing)


def _removals(text: bytes, node: _Node, keys: set[tuple[str, str]]) -> list[tuple[int, int]]:
    """What to cut out of a node: properties with these names, or all of it if nothing is left."""
    doomed = [span for key, spans in node.edits.items() if key in keys for span in spans]
    if not doomed:
        return []
    if len(doomed) == node.total:
        return [_with_indent(text, (node.start, node.end))]
    # Attributes bring the space before them along; elements have a line of their own.
    return [_with_indent(text, span) if text[span[0]] == ord("<") else span for span in doomed]


def _with_indent(text: bytes, span: tuple[int, int]) -> tuple[int, int]:
    """The span with the white space in front of it."""
    return len(text[: span[0]].rstrip()), span[1]


def _block(new: tuple[Property, ...], about: str, prefixes: dict[str, str]) -> bytes:
    """An rdf:Description that holds the properties; nothing for none."""
    if not new:
        return b""
    spaces = dict.fromkeys(prop.namespace for prop in new)
    declarations = "".join(f"\n    xmlns:{prefixes[space]}={quoteattr(space)}" for space in spaces)
    lines = [f"  <rdf:Description rdf:about={quoteattr(about)}\n    xmlns:rdf={quoteattr(_RDF)}"]
    lines[0] += f"{declarations}>"
    for prop in new:
        tag = f"{prefixes[prop.namespace]}:{prop.name}"
        lines.append(f"   <{tag}>{_content(prop)}</{tag}>")
    lines.append("  </rdf:Description>")
    return ("\n".join(lines) + "\n ").encode()


def _content(prop: Property) -> str:
    """What stands between a property's tags."""
    if prop.languages is None:
        return _escaped(prop.value, prop)
    items = (
        f"<rdf:li xml:lang={quoteattr(language)}>{_escaped(text, prop)}</rdf:li>"
        for language, text in prop.languages
    )
    return f"<rdf:Alt>{''.join(items)}</rdf:Alt>"


def _escaped(text: str, prop: Property) -> str:
    if _FORBIDDEN.search(text):
        raise MetadataError(
            f"the value for {prop.name} has control characters that XML cannot hold",
            hint="Remove them",
        )
    return escape(text, {chr(13): "&#13;"})
