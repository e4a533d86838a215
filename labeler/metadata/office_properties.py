"""Properties of DOCX and XLSX documents: the custom ones, and the description.

Source: ISO/IEC 29500-1, 15.2.12.2 (custom properties) and 22.3; 29500-2, 6.5 (relationships), 7.2.3
(content types) and 8.3 (core properties). The namespaces of the strict form are those in 29500-1,
annex A.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from labeler.containers.packages import CONTENT_TYPES
from labeler.metadata.document_files import DC, DocumentFiles, first
from labeler.metadata.xml_edit import Edit, attribute, changed, elements, inside, text

__all__ = ["find", "put"]

_RELATIONS: Final = "_rels/.rels"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006/"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/"
_STRICT: Final = "http://purl.oclc.org/ooxml/officeDocument/"
# What Office gives to every custom property (29500-1, 22.3.2.2).
_FORMAT: Final = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"
_HEAD: Final = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
# Office writes what XML cannot hold as _x0000_; text that looks like that needs a mark of its own.
_LOOKS_CODED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True, slots=True)
class _Part:
    """A kind of part that a document has at most once."""

    relations: tuple[str, ...]
    content_type: str
    usual_name: str
    empty: bytes


_CUSTOM: Final = _Part(
    (f"{_OFFICE}relationships/custom-properties", f"{_STRICT}relationships/customProperties"),
    "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    "docProps/custom.xml",
    _HEAD + f'<Properties xmlns="{_OFFICE}custom-properties"></Properties>'.encode(),
)
_CORE: Final = _Part(
    (f"{_PACKAGE}relationships/metadata/core-properties",),
    "application/vnd.openxmlformats-package.core-properties+xml",
    "docProps/core.xml",
    _HEAD + f'<cp:coreProperties xmlns:cp="{_PACKAGE}metadata/core-properties"/>'.encode(),
)


def find(document: DocumentFiles) -> tuple[tuple[str, str], ...]:
    """Name and text of the custom properties, and of the description without a name.

    Raises:
        UnreadableMediaError: The document is damaged.
        MetadataError: Its properties are malformed.
    """
    name, content = _located(document, _CUSTOM)
    found = [
        (element.attributes.get("name", ""), _plain(element.value))
        for element in elements(content, name)[1:]
        if element.name == "property"
    ]
    name, content = _located(document, _CORE)
    description = first(elements(content, name), DC, "description")
    if description is not None:
        found.append(("", description.value))
    return tuple(found)


def put(
    document: DocumentFiles,
    properties: Mapping[str, str],
    dropped: Collection[str],
    description: str | None,
) -> bytes:
    """The document with these custom properties, without those ``dropped``, with a description.

    Raises:
        UnreadableMediaError: The document is damaged.
        MetadataError: Its properties are malformed, or it is signed.
    """
    changes: dict[str, bytes] = {}
    name, content = _located(document, _CUSTOM)
    changes[name] = _with_properties(name, content, properties, dropped)
    parts = {name: _CUSTOM}
    if description is not None:
        name, content = _located(document, _CORE)
        changes[name] = _with_description(name, content, description)
        parts[name] = _CORE
    changes |= _with_parts(document, parts)
    return document.with_files(changes)


def _located(document: DocumentFiles, part: _Part) -> tuple[str, bytes]:
    """Where a document keeps a part, and what it holds; what a new one would where it has none."""
    for element in elements(document.require(_RELATIONS), _RELATIONS):
        if element.attributes.get("Type") in part.relations:
            name = element.attributes.get("Target", "").removeprefix("/").removeprefix("./")
            return name, document.get(name) or part.empty
    return part.usual_name, document.get(part.usual_name) or part.empty


def _with_properties(
    name: str, content: bytes, properties: Mapping[str, str], dropped: Collection[str]
) -> bytes:
    found = elements(content, name)
    present = [element for element in found[1:] if element.name == "property"]
    gone = [e for e in present if e.attributes.get("name", "") in {*properties, *dropped}]
    edits = [Edit(element.span, b"") for element in gone]
    used = [e.attributes.get("pid", "") for e in present]
    number = max([1, *(int(pid) for pid in used if pid.isdecimal())]) + 1
    namespace = found[0].namespace
    kinds = (
        f"{_STRICT}docPropsVTypes" if namespace.startswith(_STRICT) else f"{_OFFICE}docPropsVTypes"
    )
    new = b"".join(
        b"<property xmlns=%s fmtid=%s pid=%s name=%s>"
        b"<vt:lpwstr xmlns:vt=%s>%s</vt:lpwstr></property>"
        % (
            attribute(namespace),
            attribute(_FORMAT),
            attribute(str(number + i)),
            attribute(key),
            attribute(kinds),
            text(_LOOKS_CODED.sub("_x005F_", value)),
        )
        for i, (key, value) in enumerate(properties.items())
    )
    return changed(content, [*edits, inside(content, found[0], new)], name)


def _plain(value: str) -> str:
    return value.replace("_x005F_", "_")


def _with_description(name: str, content: bytes, description: str) -> bytes:
    found = elements(content, name)
    new = b"<dc:description xmlns:dc=%s>%s</dc:description>" % (attribute(DC), text(description))
    old = first(found, DC, "description")
    edit = inside(content, found[0], new) if old is None else Edit(old.span, new)
    return changed(content, [edit], name)


def _with_parts(document: DocumentFiles, parts: Mapping[str, _Part]) -> dict[str, bytes]:
    """What has to change for a document to have ``parts``: relationships and content types."""
    relations, types = document.require(_RELATIONS), document.require(CONTENT_TYPES)
    roots = elements(relations, _RELATIONS), elements(types, CONTENT_TYPES)
    ids = {element.attributes.get("Id") for element in roots[0]}
    known = {element.attributes.get("Type") for element in roots[0]}
    named = {element.attributes.get("PartName", "").lower() for element in roots[1]}
    new_relations = new_types = b""
    for name, part in parts.items():
        if not known.intersection(part.relations):
            number = next(f"rId{n}" for n in range(1, len(ids) + 2) if f"rId{n}" not in ids)
            ids.add(number)
            values = map(attribute, (roots[0][0].namespace, number, part.relations[0], name))
            new_relations += b"<Relationship xmlns=%s Id=%s Type=%s Target=%s/>" % tuple(values)
        if f"/{name}".lower() not in named:
            values = map(attribute, (roots[1][0].namespace, f"/{name}", part.content_type))
            new_types += b"<Override xmlns=%s PartName=%s ContentType=%s/>" % tuple(values)
    changes = {}
    for key, content, root, new in (
        (_RELATIONS, relations, roots[0][0], new_relations),
        (CONTENT_TYPES, types, roots[1][0], new_types),
    ):
        if new:
            changes[key] = changed(content, [inside(content, root, new)], key)
    return changes
