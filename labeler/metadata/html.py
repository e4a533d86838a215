"""Where HTML pages say how they came about: JSON-LD for machines, and a ``meta`` element.

The properties are schema.org's ``digitalSourceType``, whose values are IPTC's terms, and IPTC's own
beside it. ``<meta name="ai-disclosure">`` is a proposal (W3C AI Content Disclosure community group)
with five values; it is written beside the JSON-LD, and read where there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from labeler.containers.html import Element, outline
from labeler.errors import MetadataError
from labeler.metadata import iptc
from labeler.metadata.claims import FieldEdit
from labeler.metadata.statements import DESCRIPTION, Statements, names_aigc
from labeler.provenance import SourceType

__all__ = ["find_html", "put_html"]

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_OURS: Final = "data-ai-disclosure"
"""Attribute of the element that Labeler writes, by which it finds it again."""
_META: Final = "ai-disclosure"
_MAX_BYTES: Final = 1 << 20
_DATA: Final = "application/ld+json"
_SCHEMA_ORG: Final = re.compile(r"^(?:https?://schema\.org/)?(\w+)DigitalSource$")
_PREFIX: Final = "Iptc4xmpExt:"
_CHINESE: Final = "TC260:AIGC"
_CONTEXT: Final = (
    "https://schema.org",
    {"Iptc4xmpExt": iptc.EXTENSION, "TC260": iptc.TC260},
)
_TERMS: Final = {
    iptc.DIGITAL_SOURCE_TYPE.upper(): "digitalSourceType",
    iptc.AI_SYSTEM.upper(): _PREFIX + iptc.AI_SYSTEM,
    iptc.AI_SYSTEM_VERSION.upper(): _PREFIX + iptc.AI_SYSTEM_VERSION,
    iptc.AI_PROMPT.upper(): _PREFIX + iptc.AI_PROMPT,
    iptc.AI_PROMPT_WRITER.upper(): _PREFIX + iptc.AI_PROMPT_WRITER,
    iptc.AIGC: _CHINESE,
    DESCRIPTION: "description",
}
_NAMES: Final = {term: name for name, term in _TERMS.items()}
_GENERATED: Final = SourceType.TRAINED_ALGORITHMIC_MEDIA
_EDITED: Final = SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
_DISCLOSED: Final = {
    "ai-generated": _GENERATED,
    "autonomous": _GENERATED,
    "ai-assisted": _EDITED,
    "mixed": _EDITED,
}


def find_html(page: bytes) -> Statements:
    """What a page says of itself; what is not JSON is left out."""
    if page.startswith(_UTF_16):
        return Statements()
    found = outline(page)
    fields = [each for element in found.elements for each in _fields(element)]
    if not any(name == iptc.DIGITAL_SOURCE_TYPE.upper() for name, _ in fields):
        fields.extend(_disclosed(found.elements))
    return Statements(fields=tuple(fields))


def put_html(page: bytes, edit: FieldEdit) -> bytes:
    """The page with the fields of ``edit``, in the head; nothing else in it changes.

    Raises:
        MetadataError: The page is written in UTF-16, or another element of it has an AIGC label
            that would have to go.
    """
    if page.startswith(_UTF_16):
        raise MetadataError("metadata are not written into UTF-16", hint="Save the page as UTF-8")
    found = outline(page)
    ours = [each for each in found.elements if _is_ours(each)]
    kept = dict(pair for each in ours for pair in _fields(each) if pair[0] not in edit.dropped)
    _refuse_others(found.elements, edit)
    fields = kept | dict(edit.fields)
    for element in sorted(ours, key=lambda each: each.start, reverse=True):
        page = page[: _before(page, element.start)] + page[element.end :]
    if ours and not min(each.start for each in ours):
        page = page[len(page) - len(page.lstrip(b"\r\n")) :]  # written behind what began the page
    at = outline(page).head_end
    end = b"\r\n" if b"\r\n" in page[:4096] else b"\n"
    lines = b"".join(end + line for line in _written(fields))
    # What begins the page needs no line in front of it, but one behind.
    return page[:at] + lines + page[at:] if at else lines.removeprefix(end) + end + page


def _before(page: bytes, start: int) -> int:
    """Where the end of line begins that was written with the element at ``start``."""
    for end in (b"\r\n", b"\n"):
        if page[:start].endswith(end):
            return start - len(end)
    return start


def _written(fields: Mapping[str, str]) -> Iterator[bytes]:
    members = {"@context": list(_CONTEXT), "@type": "WebPage"}
    told = {_TERMS[name]: text for name, text in fields.items() if name in _TERMS}
    data = json.dumps(members | told)
    # In a script "</script" would end it, and "<!--" hide its end; XHTML wants neither "<" nor "&".
    data = data.replace("<", "\\u003c").replace("&", "\\u0026")
    source = told.get("digitalSourceType", "")
    disclosed = "ai-assisted" if _EDITED.uri == source else "ai-generated"
    yield f'<meta name="{_META}" content="{disclosed}" {_OURS}="" />'.encode()
    yield f'<script type="{_DATA}" {_OURS}="">{data}</script>'.encode("ascii")


def _is_ours(element: Element) -> bool:
    return element.get(_OURS) is not None


def _fields(element: Element) -> Iterator[tuple[str, str]]:
    if element.name != "script" or (element.get("type") or "").strip().lower() != _DATA:
        return
    for members in _objects(element.content):
        for term, value in members.items():
            name = _NAMES.get(term)
            if name is not None and isinstance(value, str):
                if name == DESCRIPTION and not _is_ours(element):
                    continue  # of something on the page, an article or a shop
                yield name, _term(value) if name == iptc.DIGITAL_SOURCE_TYPE.upper() else value


def _objects(content: bytes) -> Iterator[Mapping[str, object]]:
    """The objects at the top of JSON-LD, those of a graph among them."""
    if len(content) > _MAX_BYTES:
        return
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return
    for each in _mappings(data):
        yield each
        yield from _mappings(each.get("@graph"))


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    """The objects of a JSON-LD value: one, or a list of them; anything else is left out."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


def _term(value: str) -> str:
    """IPTC's URI, where schema.org's name of the same is used."""
    named = _SCHEMA_ORG.match(value)
    if named is None:
        return value
    code = named.group(1)[:1].lower() + named.group(1)[1:]
    known = iptc.source_type(code)
    return value if known is None else known.uri


def _disclosed(elements: tuple[Element, ...]) -> Iterator[tuple[str, str]]:
    for element in elements:
        if element.name == "meta" and (element.get("name") or "").strip().lower() == _META:
            source = _DISCLOSED.get((element.get("content") or "").strip().lower())
            if source is not None:
                yield iptc.DIGITAL_SOURCE_TYPE.upper(), source.uri


def _refuse_others(elements: tuple[Element, ...], edit: FieldEdit) -> None:
    others = (each for each in elements if not _is_ours(each))
    if edit.dropped and any(names_aigc(name) for each in others for name, _ in _fields(each)):
        raise MetadataError(
            "the page has an AIGC label in JSON-LD that Labeler did not write",
            hint="Remove it first: GB 45438-2025 wants one in a file",
        )
