"""The XMP packet of a PDF document. Source: ISO 32000-2, 14.3.2 (metadata streams)."""

from __future__ import annotations

from labeler.containers import pdf
from labeler.containers.pdf_objects import Reference, reference
from labeler.containers.pdf_update import Revision, append
from labeler.errors import MetadataError
from labeler.metadata.xmp import MAX_PACKET_BYTES

__all__ = ["find_pdf", "put_pdf"]

_KEY = b"Metadata"


def find_pdf(data: bytes) -> tuple[bytes, ...]:
    """The packet of the document as a whole; those of its parts are about other things.

    Raises:
        UnreadableMediaError: The file is damaged.
        UnsupportedMediaError: It is encrypted, or coded in a way that is not handled.
        MetadataError: The packet is too large.
    """
    file = pdf.parse(data)
    stream = file.stream(file.catalog.get(_KEY))
    if stream is None:
        return ()
    packet = file.content(stream)
    if len(packet) > MAX_PACKET_BYTES:
        raise MetadataError(
            "the PDF's XMP packet is larger than 16 MiB", hint="Remove what is large in it"
        )
    return (packet,)


def put_pdf(data: bytes, packet: bytes) -> bytes:
    """The file with ``packet`` as its XMP, in an incremental update: what was there stays in front.

    The packet is neither compressed nor encrypted, so that programs that know no PDF find it too
    (ISO 16684-3, 6.3).

    Raises:
        UnreadableMediaError: The file is damaged.
        UnsupportedMediaError: It is encrypted, or coded in a way that is not handled.
        MetadataError: Its author's signature forbids changes.
    """
    file = pdf.parse(data)
    if file.is_certified:
        raise MetadataError(
            "the PDF is certified, and new metadata would break that signature",
            hint="Mark it before it is certified",
        )
    old = reference(file.catalog.get(_KEY))
    place = old or Reference(file.table.next_number)
    revisions = [
        Revision(reference=place, value=b"<< /Type /Metadata /Subtype /XML >>", content=packet)
    ]
    if old is None:
        catalog = file.catalog.put(_KEY, place.to_bytes())
        revisions.append(Revision(reference=file.root, value=catalog.to_bytes()))
    return data + append(file, revisions).data
