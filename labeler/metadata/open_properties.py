"""Properties of OpenDocument texts and of EPUB books, and their descriptions.

Source: ODF 1.3, part 3, 4.3 (metadata; user-defined: 4.3.3.16) and part 2, 4 (manifest); EPUB 3.3,
5.5 (metadata), D.1 (vocabularies) and OPF 2.0.1, 2.2; OCF 3.3, 4.2.6.3.1 (container).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from labeler.containers.damage import damaged
from labeler.containers.splice import Span
from labeler.errors import MetadataError, UnsupportedMediaError
from labeler.metadata import iptc
from labeler.metadata.document_files import DC, DocumentFiles, first
from labeler.metadata.xml_edit import Edit, Element, attribute, changed, elements, inside, text

__all__ = ["find_epub", "find_odt", "put_epub", "put_odt"]

_META_FILE: Final = "meta.xml"
_MANIFEST_FILE: Final = "META-INF/manifest.xml"
_OASIS: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_OFFICE: Final = f"{_OASIS}office:1.0"
_META: Final = f"{_OASIS}meta:1.0"
_MANIFEST: Final = f"{_OASIS}manifest:1.0"
_EMPTY_META: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<office:document-meta xmlns:office="{_OFFICE}" office:version="1.2">'
    "<office:meta></office:meta></office:document-meta>"
).encode()

_CONTAINER_FILE: Final = "META-INF/container.xml"
_CONTAINER: Final = "urn:oasis:names:tc:opendocument:xmlns:container"
_OPF: Final = "http://www.idpf.org/2007/opf"
_PREFIXES: Final = {prefix: uri for uri, prefix in iptc.PREFIXES.items() if prefix != "dc"}


# ------------------------------------------------------------------------------------ OpenDocument


def find_odt(document: DocumentFiles) -> tuple[tuple[str, str], ...]:
    """Name and text of the user-defined properties, and of the description without a name.

    Raises:
        UnreadableMediaError: The document is damaged.
        UnsupportedMediaError: Its metadata are encrypted.
        MetadataError: They are malformed.
    """
    found = elements(_odt_meta(document), _META_FILE)
    named = ((e.attributes.get(f"{{{_META}}}name", ""), e.value) for e in _user_defined(found))
    return (*named, *_descriptions(found))


def put_odt(
    document: DocumentFiles,
    properties: Mapping[str, str],
    dropped: Collection[str],
    description: str | None,
) -> bytes:
    """The document with these properties, without those ``dropped``, with a description.

    Raises:
        As `find_odt`; MetadataError also where the document is signed.
    """
    content = _odt_meta(document)
    found = elements(content, _META_FILE)
    root = first(found, _OFFICE, "meta")
    if root is None:
        raise MetadataError(f"{_META_FILE} holds no metadata", hint="Save the document anew")
    gone = {*properties, *dropped}
    old = [e for e in _user_defined(found) if e.attributes.get(f"{{{_META}}}name") in gone]
    new = b"".join(
        b'<meta:user-defined xmlns:meta=%s meta:name=%s meta:value-type="string">%s'
        b"</meta:user-defined>" % (attribute(_META), attribute(name), text(value))
        for name, value in properties.items()
    )
    edits, more = _edits(found, old, description)
    edits.append(inside(content, root, new + more))
    changes = {_META_FILE: changed(content, edits, _META_FILE)}
    manifest = document.get(_MANIFEST_FILE)
    if document.get(_META_FILE) is None and manifest is not None:
        listed = elements(manifest, _MANIFEST_FILE)[0]
        values = (attribute(_MANIFEST), attribute(_META_FILE))
        entry = b"<m:file-entry xmlns:m=%s m:full-path=%s" % values + b' m:media-type="text/xml"/>'
        changes[_MANIFEST_FILE] = changed(
            manifest, [inside(manifest, listed, entry)], _MANIFEST_FILE
        )
    return document.with_files(changes)


def _odt_meta(document: DocumentFiles) -> bytes:
    manifest = document.get(_MANIFEST_FILE)
    for element in () if manifest is None else elements(manifest, _MANIFEST_FILE):
        coded = element.parent if element.name == "encryption-data" else None
        if coded and coded.attributes.get(f"{{{_MANIFEST}}}full-path") in {_META_FILE, "/"}:
            raise UnsupportedMediaError(
                "the document is encrypted", hint="Save it without a password"
            )
    return document.get(_META_FILE) or _EMPTY_META


def _user_defined(found: Iterable[Element]) -> list[Element]:
    return [e for e in found if (e.namespace, e.name) == (_META, "user-defined")]


# -------------------------------------------------------------------------------------------- EPUB


def find_epub(document: DocumentFiles) -> tuple[tuple[str, str], ...]:
    """Name and text of the book's properties, and of its description without a name.

    Names of the vocabularies that are written here have the usual prefix, whichever the book uses.

    Raises:
        UnreadableMediaError: The book is damaged.
        MetadataError: Its metadata are malformed.
    """
    name = _package_name(document)
    found = elements(document.require(name), name)
    named = [(_property(e, found[0]), e.attributes.get("content", e.value)) for e in _metas(found)]
    return (*named, *_descriptions(found))


def put_epub(
    document: DocumentFiles,
    properties: Mapping[str, str],
    dropped: Collection[str],
    description: str | None,
) -> bytes:
    """The book with these properties, without those ``dropped``, with a description.

    Raises:
        As `find_epub`; MetadataError also where the book is signed.
    """
    name = _package_name(document)
    content = document.require(name)
    found = elements(content, name)
    package, root = found[0], first(found, _OPF, "metadata")
    if root is None:
        raise MetadataError(f"{name} holds no metadata", hint="Make the book anew")
    old = [e for e in _metas(found) if _property(e, package) in {*properties, *dropped}]
    is_old_form = package.attributes.get("version", "").startswith(("1", "2"))
    form = (
        b"<opf:meta xmlns:opf=%s name=%s content=%s/>"
        if is_old_form
        else b"<opf:meta xmlns:opf=%s property=%s>%s</opf:meta>"
    )
    new = b"".join(
        form % (attribute(_OPF), attribute(key), (attribute if is_old_form else text)(value))
        for key, value in properties.items()
    )
    # Plain tags where the book's own metadata are without prefix, for the most simple of readers.
    if b":" not in root.qualified.encode():
        tags = ((b"<opf:", b"<"), (b"</opf:", b"</"), (b" xmlns:opf=" + attribute(_OPF), b""))
        for before, after in tags:
            new = new.replace(before, after)
    edits, more = _edits(found, old, description)
    rewritten = changed(content, [*edits, inside(content, root, new + more)], name)
    if not is_old_form:
        rewritten = _with_prefixes(rewritten, name, properties)
    return document.with_files({name: rewritten})


def _package_name(document: DocumentFiles) -> str:
    found = elements(document.require(_CONTAINER_FILE), _CONTAINER_FILE)
    file = first(found, _CONTAINER, "rootfile")
    if file is None or not file.attributes.get("full-path"):
        raise damaged("the book does not say where its package document is")
    return file.attributes["full-path"]


def _metas(found: Iterable[Element]) -> list[Element]:
    return [e for e in found if e.name == "meta" and "refines" not in e.attributes]


def _property(element: Element, package: Element) -> str:
    """The name of what a ``meta`` element says, with the usual prefix of known vocabularies."""
    name = element.attributes.get("property")
    if name is None:
        return element.attributes.get("name", "")
    prefix, separator, local = name.partition(":")
    uri = _declared(package).get(prefix)
    return f"{iptc.PREFIXES[uri]}:{local}" if separator and uri in iptc.PREFIXES else name


def _declared(package: Element) -> dict[str, str]:
    """The prefixes that a package document declares (EPUB 3.3, D.1.4)."""
    words = package.attributes.get("prefix", "").split()
    return {word[:-1]: uri for word, uri in zip(words[::2], words[1::2], strict=False)}


def _with_prefixes(content: bytes, name: str, properties: Iterable[str]) -> bytes:
    """The package document with declarations of the prefixes in ``properties``."""
    package = elements(content, name)[0]
    declared = _declared(package)
    needed = dict.fromkeys(key.partition(":")[0] for key in properties if ":" in key)
    if any(declared.get(prefix, _PREFIXES[prefix]) != _PREFIXES[prefix] for prefix in needed):
        raise MetadataError(
            f"{name} has another meaning for a prefix of the IPTC's", hint="Rename that prefix"
        )
    missing = [f"{prefix}: {_PREFIXES[prefix]}" for prefix in needed if prefix not in declared]
    if not missing:
        return content
    tag = content[package.start : package.content]
    value = " ".join([package.attributes.get("prefix", ""), *missing]).strip()
    at = package.start + 1 + len(package.qualified.encode())
    if "prefix" in package.attributes:
        tag = _without_attribute(tag, b"prefix")
    written = tag[: at - package.start] + b" prefix=" + attribute(value) + tag[at - package.start :]
    return changed(content, [Edit(Span(package.start, package.content), written)], name)


def _without_attribute(tag: bytes, name: bytes) -> bytes:
    start = tag.index(b" " + name + b"=") if b" " + name + b"=" in tag else -1
    if start < 0:
        raise MetadataError(
            "the package document is written in an unusual way", hint="Make the book anew"
        )
    quote = start + len(name) + 2
    return tag[:start] + tag[tag.index(tag[quote : quote + 1], quote + 1) + 1 :]


# -------------------------------------------------------------------------------------------- both


def _descriptions(found: list[Element]) -> tuple[tuple[str, str], ...]:
    description = first(found, DC, "description")
    return () if description is None else (("", description.value),)


def _edits(
    found: list[Element], old: Iterable[Element], description: str | None
) -> tuple[list[Edit], bytes]:
    """Edits that take out ``old`` and change the description, and what is to be put in new."""
    edits = [Edit(element.span, b"") for element in old]
    if description is None:
        return edits, b""
    values = (attribute(DC), text(description))
    written = b"<dc:description xmlns:dc=%s>%s</dc:description>" % values
    present = first(found, DC, "description")
    if present is None:
        return edits, written
    return [*edits, Edit(present.span, written)], b""
