"""Small files that would take hours or all memory if they were read as they ask for it."""

import zlib

import pytest

from labeler.containers.html import outline
from labeler.containers.pdf import parse
from labeler.containers.pdf_objects import dictionary
from labeler.containers.pdf_streams import content
from labeler.errors import MediaError, MediaTooLargeError, UnreadableMediaError
from labeler.media.document_text import visible_text
from labeler.media.media_type import MediaType
from labeler.media.prose import visible_text as prose
from tests import documents

SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PREDICTED = b"<</Filter/FlateDecode/DecodeParms<</Predictor 12/Columns %d>>>>"


def workbook(strings, rows):
    files = documents.workbook_files()
    shared = next(name for name in files if name.lower().endswith("sharedstrings.xml"))
    sheet = next(name for name in sorted(files) if "worksheets/" in name and "_rels" not in name)
    files[shared] = f'<sst xmlns="{SHEETS}">{strings}</sst>'
    files[sheet] = f'<worksheet xmlns="{SHEETS}"><sheetData>{rows}</sheetData></worksheet>'
    return documents.archive(files)


def test_a_string_that_many_cells_share_is_not_copied_for_each():
    cells = "<row>" + '<c t="s"><v>0</v></c>' * 200_000 + "</row>"
    data = workbook("<si><t>" + "a" * 1_000_000 + "</t></si>", cells)
    with pytest.raises(MediaTooLargeError):
        visible_text(data, MediaType.XLSX, name="a.xlsx", max_characters=1 << 40)


def test_a_string_in_many_pieces_is_put_together_once():
    data = workbook("<si>" + "<t>ab</t>" * 300_000 + "</si>", '<row><c t="s"><v>0</v></c></row>')
    text = visible_text(data, MediaType.XLSX, name="a.xlsx", max_characters=1 << 30)
    assert "ab" * 300_000 in text


@pytest.mark.parametrize("value", ["9" * 5000, "\u0664", "-1", "1e9", "\xb2"])
def test_a_string_that_is_not_there_is_not_shown(value):
    data = workbook("<si><t>a</t></si>", f'<row><c t="s"><v>{value}</v></c></row>')
    text = visible_text(data, MediaType.XLSX, name="a.xlsx", max_characters=1 << 30)
    assert value in text


def test_a_chapter_is_read_once_however_often_a_book_names_it():
    files = documents.epub_files()
    package = next(name for name in files if name.endswith(".opf"))
    text = files[package] if isinstance(files[package], str) else files[package].decode()
    start = text.index("<itemref")
    one = text[start : text.index(">", start) + 1]
    files[package] = text.replace(one, one * 50_000)
    found = visible_text(
        documents.archive(files), MediaType.EPUB, name="a.epub", max_characters=1 << 30
    )
    assert found.count("Hello") == 1


def test_a_book_of_endless_lists_is_refused():
    files = documents.epub_files()
    package = next(name for name in files if name.endswith(".opf"))
    text = files[package] if isinstance(files[package], str) else files[package].decode()
    files[package] = text.replace("</spine>", "<itemref/>" * 200_000 + "</spine>")
    with pytest.raises(UnreadableMediaError, match="lists too much"):
        visible_text(documents.archive(files), MediaType.EPUB, name="a.epub", max_characters=9)


@pytest.mark.parametrize("piece", [b"<template></svg>", b"<svg></template>", b"<div hidden></p>"])
def test_elements_that_are_never_closed_are_not_counted_again_and_again(piece):
    page = b"<html><head>" + piece * 20_000
    assert "shown" not in prose(page + b"shown", MediaType.HTML, name="a.html")
    assert outline(page).elements == ()


def test_elements_end_as_before():
    page = b"<p>one<template>two<svg>three</template>four<div hidden>five<b>six</div>seven"
    assert "".join(prose(page, MediaType.HTML, name="a.html").split()) == "onefourseven"


def test_a_line_of_delimiters_is_read_once():
    begin, end = "-----BEGIN C2PA MANIFEST-----", "-----END C2PA MANIFEST-----"
    hostile = begin * 20_000
    assert prose(hostile.encode(), MediaType.TEXT, name="a.txt") == hostile
    text = f"one\n# {begin} data:x {end}\ntwo {end} {begin}\nthree {begin}{end} {end}"
    kept = prose(text.encode(), MediaType.TEXT, name="a.txt")
    assert kept == f"one\ntwo {end} {begin}\n"


def test_predictions_in_pdf_are_undone_in_reasonable_time():
    rows = zlib.compress((b"\2" + bytes([1, 2, 3])) * 1000)
    plain = content(dictionary(PREDICTED % 3), rows)
    assert plain[:9] == bytes([1, 2, 3, 2, 4, 6, 3, 6, 9])
    assert plain[-3:] == bytes(1000 * each % 256 for each in (1, 2, 3))
    mixed = zlib.compress(b"\0\1\2\2\1\1\4\1\1\1\1\1\3\2\2")
    assert content(dictionary(PREDICTED % 2), mixed) == bytes([1, 2, 2, 3, 3, 4, 1, 2, 2, 4])
    slow = zlib.compress((b"\4" + bytes(3)) * 2_000_000)
    with pytest.raises(MediaError, match="4 MiB"):
        content(dictionary(PREDICTED % 3), slow)


def object_streams(count, size):
    """A PDF whose associated files stand in so many object streams of so many bytes."""
    data = bytearray(b"%PDF-1.7\n")
    places = {}
    refs = b" ".join(b"%d 0 R" % (100 + each) for each in range(count))
    for each in range(count):
        plain = zlib.compress(b"%d 0 " % (100 + each) + b"<< /A 1 >>".ljust(size))
        places[10 + each] = (1, len(data), 0)
        places[100 + each] = (2, 10 + each, 0)
        head = b"<< /Type /ObjStm /N 1 /First 6 /Filter /FlateDecode /Length %d >>" % len(plain)
        data += b"%d 0 obj %s stream\n%s\nendstream endobj\n" % (10 + each, head, plain)
    places[1] = (1, len(data), 0)
    data += b"1 0 obj << /Type /Catalog /Pages 2 0 R /AF [%s] >> endobj\n" % refs
    rows = b"".join(
        kind.to_bytes(1, "big") + at.to_bytes(4, "big") + index.to_bytes(1, "big")
        for _, (kind, at, index) in sorted(places.items())
    )
    index = b" ".join(b"%d 1" % number for number in sorted(places))
    start = len(data)
    data += b"9 0 obj << /Type /XRef /W [1 4 1] /Size 999 /Root 1 0 R /Index [%s]" % index
    data += b" /Length %d >> stream\n%s\nendstream endobj\nstartxref\n" % (len(rows), rows)
    return bytes(data) + b"%d\n%%%%EOF" % start


def test_the_object_streams_of_a_pdf_fit_into_memory(monkeypatch):
    file = parse(object_streams(3, 1000))
    assert [file.dictionary(each).get(b"A") for each in file.items(file.catalog.get(b"AF"))] == [
        b"1"
    ] * 3
    monkeypatch.setattr("labeler.containers.pdf._MOST_UNPACKED", 1 << 20)
    bomb = parse(object_streams(12, 100_000))
    *others, last = bomb.items(bomb.catalog.get(b"AF"))[:11]
    assert all(bomb.dictionary(each) for each in others)
    with pytest.raises(MediaTooLargeError, match="256 MiB"):
        bomb.dictionary(last)


def test_a_stream_that_many_tables_name_is_unpacked_once():
    rows = zlib.compress(bytes(24 << 20))
    data = bytearray(b"%PDF-1.7\n")
    stream = len(data)
    data += b"9 0 obj << /Type /XRef /W [8 8 8] /Size 1 /Filter /FlateDecode /Length %d >> " % len(
        rows
    )
    data += b"stream\n%s\nendstream endobj\n" % rows
    catalog = len(data)
    data += b"1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
    previous = b""
    for _ in range(3000):
        start = len(data)
        data += b"xref\n1 1\n%010d 00000 n \ntrailer << /Root 1 0 R /XRefStm %d %s >>\n" % (
            *(catalog, stream),
            previous,
        )
        previous = b"/Prev %d" % start
    data += b"startxref\n%d\n%%%%EOF" % start
    assert parse(bytes(data)).root.number == 1
