"""PDF documents made byte by byte, in all the ways that their tables of objects are written."""

from __future__ import annotations

import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

TEXT = "Every word of this page was written by a machine"

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"


def bodies(text=TEXT, catalog=CATALOG):
    """The objects of a document of one page, by their numbers."""
    drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>"
    )
    return {
        1: catalog,
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: page,
        4: font,
        5: stream(drawn, b"<< /Length 6 0 R >>"),
        6: b"%d" % len(drawn),
    }


def stream(content, head=None):
    head = head or b"<< /Length %d >>" % len(content)
    return head + b"\nstream\n" + content + b"\nendstream"


def written(objects, start=b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"):
    """The bytes of objects, and where each begins."""
    out, offsets = bytearray(start), {}
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    return bytes(out), offsets


def table(offsets, size, extra=b"", free=()):
    """A cross-reference table with its trailer."""
    lines = [b"xref\n0 1\n0000000000 65535 f \n"]
    for number in sorted({*offsets, *free}):
        entry = (
            b"0000000000 00000 f \n" if number in free else b"%010d 00000 n \n" % offsets[number]
        )
        lines.append(b"%d 1\n" % number + entry)
    head = b"trailer\n<< /Size %d /Root 1 0 R" % size
    return b"".join(lines) + head + b" /ID [<aa> <bb>]" + extra + b" >>\n"


def end(start):
    return b"startxref\n%d\n%%%%EOF\n" % start


def plain(text=TEXT, catalog=CATALOG, more=None, extra=b""):
    """A document with a table, as all were before PDF 1.5."""
    data, offsets = written(bodies(text, catalog) | (more or {}))
    return data + table(offsets, max(offsets) + 1, extra) + end(len(data))


def packed(objects, number):
    """An object stream, and what a table says about its objects."""
    heads, content = [], b""
    for each, body in objects.items():
        heads.append(b"%d %d" % (each, len(content)))
        content += body + b" "
    head = b" ".join(heads) + b"\n"
    squeezed = zlib.compress(head + content)
    words = b"<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>" % (
        len(objects),
        len(head),
        len(squeezed),
    )
    places = {each: (2, number, index) for index, each in enumerate(objects)}
    return stream(squeezed, words), places


def predicted(rows, kind):
    """Rows of bytes after PNG's prediction."""
    out, above = bytearray(), bytes(len(rows[0]))
    for row in rows:
        out.append(kind)
        for at, byte in enumerate(row):
            left, corner = (row[at - 1], above[at - 1]) if at else (0, 0)
            up = above[at]
            paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            out.append((byte - (0, left, up, (left + up) // 2, paeth)[kind]) & 255)
        above = row
    return bytes(out)


def table_stream(places, number, *, kind=2, extra=b""):
    """A cross-reference stream, squeezed the way that PDF programs do."""
    rows = [
        a.to_bytes(1, "big") + b.to_bytes(4, "big") + c.to_bytes(2, "big")
        for _, (a, b, c) in sorted(places.items())
    ]
    index = b" ".join(b"%d 1" % each for each in sorted(places))
    squeezed = zlib.compress(predicted(rows, kind))
    head = (
        b"<< /Type /XRef /W [1 4 2] /Index [%s] /Size %d /Root 1 0 R /ID [<aa> <bb>] /Filter"
        b" /FlateDecode /DecodeParms << /Predictor 12 /Columns 7 >> /Length %d%s >>"
    ) % (index, number + 1, len(squeezed), extra)
    return stream(squeezed, head)


def modern(text=TEXT, catalog=CATALOG, kind=2, extra=b""):
    """A document whose catalog is in an object stream, and whose table is a stream."""
    objects = bodies(text, catalog)
    inside = {number: objects.pop(number) for number in (1, 2, 3, 4)}
    body, places = packed(inside, 10)
    data, offsets = written(objects | {10: body})
    places |= {number: (1, offset, 0) for number, offset in offsets.items()}
    places[11] = (1, len(data), 0)
    last = b"11 0 obj\n" + table_stream(places, 11, kind=kind, extra=extra) + b"\nendobj\n"
    return data + last + end(len(data))


def hybrid(text=TEXT, catalog=CATALOG):
    """A document with a table that hides what is in its object stream from old readers."""
    objects = bodies(text, catalog)
    hidden = {7: b"<< /Hidden true >>"}
    body, places = packed(hidden, 10)
    data, offsets = written(objects | {10: body})
    where = len(data)
    places[11] = (1, where, 0)
    data += b"11 0 obj\n" + table_stream(places, 11) + b"\nendobj\n"
    extra = b" /XRefStm %d" % where
    return data + table(offsets, 12, extra, free=[7]) + end(len(data))


def linearised(text=TEXT, catalog=CATALOG):
    """A document whose first table stands in front of its objects, and its second at the end."""
    objects = bodies(text, catalog)
    first = {number: objects.pop(number) for number in (1, 3)}
    lead = b"%PDF-1.7\n"
    size = len(table(dict.fromkeys(first, 0), 7, b" /Prev 0000000000") + end(0))
    head, offsets = written(first, lead + bytes(size))
    data, later = written(objects, head)
    front = table(offsets, 7, b" /Prev %010d" % len(data)) + end(0)
    data = lead + front + data[len(lead) + size :]
    return data + table(later, 7) + end(len(lead))


def updated(text=TEXT, catalog=CATALOG):
    """A document that was changed before: its page says something else now."""
    data = plain("An older sentence", catalog)
    start = int(data.split(b"startxref\n")[-1].split()[0])
    drawn = bodies(text)
    out, offsets = written({5: drawn[5], 6: drawn[6]}, data)
    return out + table(offsets, 7, b" /Prev %d" % start) + end(len(out))


KINDS = {
    "plain": plain,
    "modern": modern,
    "hybrid": hybrid,
    "linearised": linearised,
    "updated": updated,
}


def signed(key, certificate):
    """A document with its author's signature in it, as PDF programs make it (ISO 32000-2, 12.8)."""
    field = b"<< /FT /Sig /T (Signature) /V 8 0 R /Type /Annot /Subtype /Widget /Rect [0 0 0 0]"
    catalog = CATALOG[:-2] + b"/AcroForm << /Fields [7 0 R] /SigFlags 3 >> >>"
    blank = b"0" * 8192
    value = (
        b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached"
        b" /ByteRange [0 0000000001 0000000002 0000000003] /Contents <" + blank + b"> >>"
    )
    data = plain(catalog=catalog, more={7: field + b" /P 3 0 R >>", 8: value})
    start = data.index(blank) - 1
    stop = start + len(blank) + 2
    for mark, number in ((1, start), (2, stop), (3, len(data) - stop)):
        data = data.replace(b"%010d" % mark, b"%010d" % number, 1)
    signature = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(data[:start] + data[stop:])
        .add_signer(certificate, key, hashes.SHA256())
        .sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    )
    return data[: start + 1] + signature.hex().encode().ljust(len(blank), b"0") + data[stop - 1 :]


def certified(text=TEXT):
    """A document whose author's signature forbids changes; the signature itself is left out."""
    return plain(text, CATALOG[:-2] + b"/Perms << /DocMDP << /Type /Sig >> >> >>")
