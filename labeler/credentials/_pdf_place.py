"""Where PDF documents keep their manifest store: an embedded file, added by an update at the end.

Source: C2PA 2.4, A.4 (embedding manifests into PDFs); ISO 32000-2, 7.9.6 (name trees), 7.11.4
(embedded files) and 14.13 (associated files).
"""

from __future__ import annotations

from typing import BinaryIO, Final

from labeler.containers import pdf
from labeler.containers.pdf import Pdf
from labeler.containers.pdf_objects import Dictionary, Reference, name, reference
from labeler.containers.pdf_update import Revision, append
from labeler.containers.splice import Span
from labeler.credentials._layout import Layout, NoPlaceError
from labeler.errors import MediaTooLargeError, UnsupportedMediaError

__all__ = ["find", "layout"]

_RELATIONSHIP: Final = b"C2PA_Manifest"
# Names in a tree are sorted: a blank comes before whatever else a file is called.
_KEY: Final = b"( content_credential.c2pa)"
_STORE: Final = b"<< /Type /EmbeddedFile /Subtype /application#2Fc2pa >>"
_SPECIFICATION: Final = (
    (b"Type", b"/Filespec"),
    (b"F", b"(content_credential.c2pa)"),
    (b"UF", b"(content_credential.c2pa)"),
    (b"Desc", b"(Content Credentials)"),
    (b"AFRelationship", b"/" + _RELATIONSHIP),
)


def find(stream: BinaryIO) -> tuple[Span, Span] | None:
    """Where the store of a PDF stands, which is what its hash leaves out too.

    Raises:
        UnreadableMediaError: The file cannot be read, or is damaged.
        UnsupportedMediaError: It is encrypted, or coded in a way that is not handled.
    """
    file = pdf.parse(_read(stream))
    specifications = _specifications(file)
    if len(specifications) != 1:  # of several, the toolkit has to choose
        return None
    found = file.stream(_embedded(file, specifications[0]))
    if found is None or found.head.get(b"Filter") is not None:
        return None
    return found.span, found.span


def layout(stream: BinaryIO, store_bytes: int) -> Layout:
    """A PDF with a store of so many bytes, in the place of one that it may have.

    Raises:
        NoPlaceError: It is encrypted, its author's signature forbids changes, or its structure is
            coded in a way that is not handled or too large.
        UnreadableMediaError: The file cannot be read, or is damaged.
    """
    try:
        file = pdf.parse(_read(stream))
    except (UnsupportedMediaError, MediaTooLargeError) as error:
        raise NoPlaceError(error.problem) from error
    if file.is_certified:
        raise NoPlaceError("the PDF is certified, and a change would break that signature")
    appendix = append(file, _revisions(file, bytes(store_bytes)))
    return Layout(
        before=(Span(0, len(file.data)), appendix.data[: appendix.content]),
        header=b"",
        after=(appendix.data[appendix.content + store_bytes :],),
    )


def _read(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read()


def _associated(file: Pdf) -> tuple[bytes, ...]:
    return file.items(file.catalog.get(b"AF"))


def _specifications(file: Pdf) -> tuple[Reference, ...]:
    """The file specifications of manifest stores."""
    targets = [reference(value) for value in _associated(file)]
    return tuple(each for each in targets if each is not None and _is_manifest(file, each))


def _is_manifest(file: Pdf, target: Reference) -> bool:
    found = file.dictionary(target.to_bytes())
    relationship = None if found is None else file.value(found.get(b"AFRelationship"))
    return name(relationship) == _RELATIONSHIP


def _embedded(file: Pdf, specification: Reference) -> bytes | None:
    """The reference to the stream of an embedded file."""
    found = file.dictionary(specification.to_bytes())
    files = None if found is None else file.dictionary(found.get(b"EF"))
    return None if files is None else files.get(b"F")


def _revisions(file: Pdf, store: bytes) -> tuple[Revision, ...]:
    """The objects that a store needs; those of one that is there are replaced."""
    unused = file.table.next_number
    old = _specifications(file)
    if len(old) == 1:
        place = reference(_embedded(file, old[0])) or Reference(unused)
        return (_specification(old[0], place), _stored(place, store))
    place, specification = Reference(unused), Reference(unused + 1)
    leaf, names = _with_name(file, specification, Reference(unused + 2))
    kept = [each for each in _associated(file) if reference(each) not in old]
    listed = b"[" + b" ".join((*kept, specification.to_bytes())) + b"]"
    catalog = file.catalog.put(b"AF", listed).put(b"Names", names.to_bytes())
    return (
        _specification(specification, place),
        *leaf,
        Revision(reference=file.root, value=catalog.to_bytes()),
        _stored(place, store),
    )


def _specification(target: Reference, store: Reference) -> Revision:
    files = Dictionary(((b"F", store.to_bytes()), (b"UF", store.to_bytes())))
    head = Dictionary(_SPECIFICATION).put(b"EF", files.to_bytes())
    return Revision(reference=target, value=head.to_bytes())


def _stored(target: Reference, store: bytes) -> Revision:
    # Without its length: what is added to the file says that.
    return Revision(reference=target, value=_STORE, content=store)


def _with_name(
    file: Pdf, specification: Reference, free: Reference
) -> tuple[tuple[Revision, ...], Dictionary]:
    """The catalog's names with the store among the embedded files; ``free`` is for a new leaf."""
    names = file.dictionary(file.catalog.get(b"Names")) or Dictionary()
    tree = file.dictionary(names.get(b"EmbeddedFiles")) or Dictionary()
    pair = _KEY + b" " + specification.to_bytes()
    children = file.items(tree.get(b"Kids"))
    if not children:
        entries = b" ".join((pair, *file.items(tree.get(b"Names"))))
        tree = tree.put(b"Names", b"[" + entries + b"]")
        return (), names.put(b"EmbeddedFiles", tree.to_bytes())
    leaf = Dictionary(((b"Limits", b"[" + _KEY + _KEY + b"]"), (b"Names", b"[" + pair + b"]")))
    children = (free.to_bytes(), *children)
    tree = tree.put(b"Kids", b"[" + b" ".join(children) + b"]")
    return (
        (Revision(reference=free, value=leaf.to_bytes()),),
        names.put(b"EmbeddedFiles", tree.to_bytes()),
    )
