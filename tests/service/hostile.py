"""Files made to do harm: bombs, crowds of parts, two formats in one, and neither of them."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

SCRIPT = b"<script>alert(document.cookie)</script>"
BEACON = b"http://127.0.0.1:%d/fetched"
"""Where somebody listens who must never be asked."""


# ------------------------------------------------------------------------------------------ parts


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(form: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    parts = (
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1) for kind, data in chunks
    )
    body = form + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def png(width: int, height: int, *chunks: bytes, lines: bytes = bytes(1_000_000)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(lines, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + data + chunk(b"IEND")


def gif(width: int, height: int, blocks: bytes) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return head + b"\0\0\0\xff\xff\xff" + blocks + b"\x3b"


def tiff(*fields: tuple[int, int, int, int]) -> bytes:
    entries = b"".join(struct.pack("<HHII", *each) for each in fields)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + entries + bytes(4)


def archive(**entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name, data in entries.items():
            target.writestr(name, data)
    return file.getvalue()


def document(body: bytes) -> bytes:
    """What says it is a DOCX, with ``body`` for its text."""
    word = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types = b'<Types><Override PartName="/word/document.xml" ContentType="' + word + b'"/></Types>'
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    links = b'<Relationships><Relationship Id="r" Type="' + kind
    links += b'" Target="word/document.xml"/></Relationships>'
    return archive(
        **{"[Content_Types].xml": types, "_rels/.rels": links, "word/document.xml": body}
    )


def pdf(*streams: tuple[bytes, bytes]) -> bytes:
    """A PDF whose pages show ``streams``: what is said of each, and its bytes."""
    out = bytearray(b"%PDF-1.7\n")
    kids = b" ".join(b"%d 0 R" % (3 + 2 * each) for each in range(len(streams)))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    objects.append(b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(streams)))
    for number, (says, data) in enumerate(streams):
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents %d 0 R>>"
        objects.append(page % (4 + 2 * number))
        head = b"<<%s/Length %d>>stream\n" % (says, len(data))
        objects.append(head + data + b"\nendstream")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table
    return bytes(out + trailer % (len(objects) + 1, start))


def picture(form: str = "PNG", size: int = 300, **options: object) -> bytes:
    random = np.random.default_rng(5)
    soft = random.integers(0, 255, (size // 20, size // 20, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(soft).resize((size, size)).save(file, form, **options)
    return file.getvalue()


FTYP = box(b"ftyp", b"isom" + bytes(4) + b"isom")
HEIC = box(b"ftyp", b"heic" + bytes(4) + b"heicmif1")
DEFLATED = zlib.compress(bytes(60 << 20), 9)


# ------------------------------------------------------------------------------------------ bombs


def xml_bomb() -> bytes:
    """Ten entities, each ten times the one before it."""
    entities = b'<!ENTITY e0 "ha">' + b"".join(
        b'<!ENTITY e%d "%s">' % (each, b"&e%d;" % (each - 1) * 10) for each in range(1, 11)
    )
    return b"<?xml version='1.0'?><!DOCTYPE x [" + entities + b"]><x>&e10;</x>"


def overlapping_zip() -> bytes:
    """Entries that all unpack the same bytes: many times what is packed."""
    data = zlib.compress(bytes(10 << 20), 9)[2:-4]
    crc = zlib.crc32(bytes(10 << 20))
    sizes = struct.pack("<III", crc, len(data), 10 << 20)
    local = b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(4) + sizes + struct.pack("<HH", 1, 0) + b"a"
    entry = b"PK\x01\x02\x14\0\x14\0\0\0\x08\0" + bytes(4) + sizes
    entry += struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 5_000
    directory = entry * count
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(local + data), 0)
    return local + data + directory + b"PK\x05\x06" + end


def bombs() -> dict[str, tuple[bytes, str]]:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 9_000, 9_000, 0) + b"\x02\x02\x44\x01\x00"
    webp = b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14)  # VP8L: 16,383 pixels a side
    laced = "x" * 5_000_000
    return {
        "png": (png(60_000, 60_000), "a.png"),
        "png-text": (png(9, 9, chunk(b"zTXt", b"k\0\0" + DEFLATED)), "a.png"),
        "png-profile": (png(9, 9, chunk(b"iCCP", b"k\0\0" + DEFLATED)), "a.png"),
        "jpeg": (picture("JPEG").replace(b"\x01\x2c\x01\x2c", b"\xff\xdc\xff\xdc"), "a.jpg"),
        "gif": (gif(65_535, 65_535, b"\x2c" + bytes(4) + b"\xff" * 4 + b"\0\x02\0"), "a.gif"),
        "gif-frames": (gif(9_000, 9_000, frame * 500), "a.gif"),
        "webp": (riff(b"WEBP", (b"VP8L", webp + bytes(50))), "a.webp"),
        "tiff": (tiff((256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (259, 3, 1, 8),
                      (262, 3, 1, 1), (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, 60_000),
                      (279, 4, 1, len(DEFLATED))).ljust(200, b"\0") + DEFLATED, "a.tif"),
        "tiff-value": (tiff((256, 4, 0xFFFFFFF0, 8)), "a.tif"),
        "docx": (document(bytes(200 << 20)), "a.docx"),
        "docx-entities": (document(xml_bomb()), "a.docx"),
        "zip-overlapping": (overlapping_zip(), "a.docx"),
        "pdf-lengths": (pdf((b"/Filter/FlateDecode", b"x" * 99)).replace(
            b"/Length 99", b"/Length 9999999999"), "a.pdf"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>", "a.svg"),
        "svgz": (gzip.compress(b"<svg>" + bytes(60 << 20) + b"</svg>"), "a.svgz"),
        "xml-entities-as-svg": (xml_bomb(), "a.svg"),
        "gzip": (gzip.compress(bytes(60 << 20)), "a.tar.gz"),
        "heic": (HEIC + box(b"meta", bytes(4) + box(b"ispe", bytes(4) + b"\xff" * 8)), "a.heic"),
        "wav": (riff(b"WAVE", (b"fmt ", struct.pack("<HHIIHH", 1, 60_000, 1, 1, 1, 64)),
                     (b"data", bytes(9))), "a.wav"),
        "flac": (b"fLaC\x80\0\0\x22" + b"\xff" * 34, "a.flac"),
        "utf-16-name": (laced.encode("utf-16"), "a.png"),
    }  # fmt: skip


# ---------------------------------------------------------------------------------------- crowds


def crowds() -> dict[str, tuple[bytes, str]]:
    """Files of nothing but parts."""
    fragment = box(b"moof", box(b"traf", box(b"tfhd", bytes(8)))) + box(b"mdat", b"x")
    nested = b"".join(struct.pack(">I4s", 8 * each, b"moov") for each in range(50_000, 0, -1))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    overlapping = b"II*\0\x08\0\0\0" + b"".join(
        struct.pack("<HIHI", 30_000, 8 + 12 * max(each - 29_999, 0), 0, 0) for each in range(60_000)
    )
    cluster = b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 7
    store = box(b"jumb", box(b"jumd", bytes(16) + b"\x03c2pa\0") + box(b"free") * 100_000)
    many = {f"word/{each:x}": b"" for each in range(20_000)}
    return {
        "boxes": (FTYP + box(b"free") * 60_000, "a.mp4"),
        "boxes-in-moov": (FTYP + box(b"moov", box(b"trak") * 200_000), "a.mp4"),
        "boxes-quicktime": (box(b"wide") * 60_000, "a.mov"),
        "boxes-heic": (HEIC + box(b"meta", bytes(4) + box(b"free") * 200_000), "a.heic"),
        "boxes-avif": (FTYP.replace(b"isom", b"avif") + box(b"free") * 200_000, "a.avif"),
        "fragments": (FTYP + box(b"moov") + fragment * 50_000, "a.mp4"),
        "box-in-box": (FTYP + nested, "a.mp4"),
        "png-chunks": (head + chunk(b"teST") * 150_000 + chunk(b"IEND"), "a.png"),
        "gif-blocks": (gif(1, 1, b"\x21\xfe\0" * 500_000), "a.gif"),
        "gif-sub-blocks": (gif(1, 1, b"\x21\xfe" + b"\x01x" * 700_000 + b"\0"), "a.gif"),
        "riff-chunks": (riff(b"WAVE", *[(b"junk", b"")] * 200_000), "a.wav"),
        "webp-chunks": (riff(b"WEBP", *[(b"junk", b"")] * 200_000), "a.webp"),
        "avi-chunks": (riff(b"AVI ", *[(b"junk", b"")] * 200_000), "a.avi"),
        "tiff-fields": (tiff(*[(256, 4, 1, 1)] * 65_535), "a.tif"),
        "tiff-overlapping": (overlapping, "a.tif"),
        "jpeg-segments": (b"\xff\xd8" + b"\xff\xe1\0\x02" * 400_000 + b"\xff\xd9", "a.jpg"),
        "id3-frames": (b"ID3\x03\0\0\x00\x7f\x7f\x7f" + b"TXXX\0\0\0\x01\0\0\0" * 190_000, "a.mp3"),
        "flac-blocks": (b"fLaC\0\0\0\x22" + bytes(34) + b"\x01\0\0\0" * 120_000, "a.flac"),
        "ogg-pages": ((b"OggS" + bytes(22) + b"\0") * 60_000, "a.ogg"),
        "mkv-elements": (cluster + b"\xec\x80" * 110_000, "a.mkv"),
        "zip-entries": (archive(**many), "a.docx"),
        "pdf-objects": (b"%PDF-1.7\n" + b"1 0 obj<<>>endobj\n" * 60_000, "a.pdf"),
        "pdf-updates": (b"%PDF-1.7\n" + b"startxref\n9\n%%EOF\n" * 60_000, "a.pdf"),
        "png-store": (head + chunk(b"caBX", store) + chunk(b"IEND"), "a.png"),
    }


# -------------------------------------------------------------------------------------- polyglots


def polyglots() -> dict[str, tuple[bytes, str]]:
    """Valid files of one format, with another in them or behind them."""
    page = b"<!doctype html>" + SCRIPT
    shown = (b"", b"BT (x) Tj ET")
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(page)) + page
    jpeg = picture("JPEG")
    return {
        "jpeg-zip": (jpeg + archive(x=b"y"), "a.jpg"),
        "jpeg-page": (jpeg[:2] + comment + jpeg[2:], "a.jpg"),
        "png-mp4": (picture() + FTYP + box(b"free") * 50_000, "a.png"),
        "png-script": (picture() + page, "a.png"),
        "gif-script": (picture("GIF") + b"/*" + SCRIPT + b"*/", "a.gif"),
        "pdf-page": (pdf(shown) + page, "a.pdf"),
        "pdf-zip": (pdf(shown) + archive(x=b"y"), "a.pdf"),
        "webp-page": (picture("WEBP") + page, "a.webp"),
        "page-with-script": (page + b"<p>words</p><iframe src='file:///etc/passwd'></iframe>",
                             "a.html"),
    }  # fmt: skip


def truncated() -> dict[str, tuple[bytes, str]]:
    whole = {
        "png": picture(),
        "jpg": picture("JPEG"),
        "gif": picture("GIF"),
        "webp": picture("WEBP"),
        "tif": picture("TIFF"),
        "avif": picture("AVIF"),
        "docx": document(b"<w/>"),
    }
    cut = {f"{name}-{part}": (data[: len(data) * part // 10], f"a.{name}")
           for name, data in whole.items() for part in (1, 5, 9)}  # fmt: skip
    return cut | {"empty": (b"", "a.png"), "one-byte": (b"\x89", "a.png"), "text": (b"", "a.txt")}
