import io
import subprocess
import zlib
from pathlib import Path
from shutil import which

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.containers import pdf, pdf_xref
from labeler.containers.pdf_objects import (
    Dictionary,
    Reference,
    dictionary,
    integer,
    items,
    name,
    reference,
)
from labeler.containers.pdf_streams import content
from labeler.containers.pdf_update import Revision, append
from labeler.errors import (
    LabelerError,
    MediaTooLargeError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from tests import pdfs

every_kind = pytest.mark.parametrize("kind", pdfs.KINDS)


def opened(data):
    return pypdf.PdfReader(io.BytesIO(data), strict=True)


def with_info(data, *, stream=b"payload"):
    """The file after an update with a stream and a catalog that refers to it."""
    file = pdf.parse(data)
    place = Reference(file.table.next_number)
    catalog = file.catalog.put(b"Extra", place.to_bytes())
    revisions = [
        Revision(reference=file.root, value=catalog.to_bytes()),
        Revision(reference=place, value=b"<< /Type /Thing >>", content=stream),
    ]
    return data + append(file, revisions).data


# --------------------------------------------------------------------------------------- objects


def test_values_stay_as_they_are_written():
    written = (
        b"<</A 1/B [1 0 R (a\\)(b) %c\n) <41 4> <</C/D>>]/E#20F 3 0 R% note\n/G/H\n"
        b"/I null /J(>>) /K -7 /A 2>>"
    )
    found = dictionary(written)
    assert found.get(b"A") == b"2"
    assert found.get(b"B") == b"[1 0 R (a\\)(b) %c\n) <41 4> <</C/D>>]"
    assert items(found.get(b"B")) == (b"1 0 R", b"(a\\)(b) %c\n)", b"<41 4>", b"<</C/D>>")
    assert reference(found.get(b"E F")) == Reference(3, 0)
    assert name(found.get(b"G")) == b"H"
    assert found.get(b"I") is None
    assert found.get(b"J") == b"(>>)"
    assert integer(found.get(b"K")) == -7
    assert dictionary(found.to_bytes()) == found
    assert found.put(b"G", b"9").without(b"A").entries[1:3] == (
        (b"E F", b"3 0 R"),
        (b"G", b"9"),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        *(b"<< /A", b"<< /A 1", b"<< 1 2 >>", b"<< /A ] >>", b"<< /A (x >>", b"<< /A [1 >> ] >>"),
        *(b"<< /A " + b"[" * 100_000, b"<< /A >>"),
    ],
)
def test_damaged_dictionaries_are_refused(wrong):
    with pytest.raises(UnreadableMediaError):
        dictionary(wrong)


def test_other_kinds_of_values_are_told_apart():
    assert dictionary(b"[1]") is None
    assert items(b"<< >>") is None
    assert reference(b"1 0 Rx") is None
    assert integer(b"1.5") is None
    assert name(b"(x)") is None
    assert (dictionary(None), items(None), reference(None)) == (None, None, None)


@given(st.dictionaries(st.binary(min_size=1, max_size=6), st.integers(0, 99), max_size=5))
def test_every_key_is_written_so_that_it_reads_the_same(entries):
    made = Dictionary(tuple((key, b"%d" % value) for key, value in entries.items()))
    assert dictionary(made.to_bytes()) == made


# ----------------------------------------------------------------------------------------- files


@every_kind
def test_every_kind_of_table_is_read(kind):
    file = pdf.parse(pdfs.KINDS[kind]())
    assert file.root == Reference(1)
    assert file.dictionary(b"3 0 R").get(b"Type") == b"/Page"
    assert file.content(file.stream(b"5 0 R")).startswith(b"BT")
    assert file.value(b"99 0 R") is None
    assert file.stream(b"3 0 R") is None
    assert pdfs.TEXT.encode() in file.content(file.stream(b"5 0 R"))


def test_what_a_hybrid_file_hides_from_old_readers_is_found():
    file = pdf.parse(pdfs.hybrid())
    assert file.dictionary(b"7 0 R").get(b"Hidden") == b"true"


@pytest.mark.parametrize("kind", range(5))
def test_every_prediction_of_a_table_is_undone(kind):
    assert pdf.parse(pdfs.modern(kind=kind)).catalog.get(b"Pages") == b"2 0 R"


@every_kind
def test_an_update_keeps_every_byte_and_is_read_by_others(kind):
    data = pdfs.KINDS[kind]()
    out = with_info(with_info(data), stream=b"again")
    assert out.startswith(data)
    reader = opened(out)
    assert reader.trailer["/Root"]["/Extra"].get_data() == b"again"
    assert reader.pages[0].extract_text() == pdfs.TEXT
    first, second = (bytes(each.original_bytes) for each in reader.trailer["/ID"])
    assert first == b"\xaa"
    assert len(second) == 16
    file = pdf.parse(out)
    assert file.content(file.stream(file.catalog.get(b"Extra"))) == b"again"
    assert file.table.is_stream == (kind == "modern")
    assert with_info(data) == with_info(data)


def test_a_file_without_a_last_line_end_or_identifiers_is_added_to():
    data = pdfs.plain().replace(b" /ID [<aa> <bb>]", b"").rstrip()
    out = with_info(data)
    assert out.startswith(data + b"\n")
    assert "/ID" not in opened(out).trailer
    assert opened(out).pages[0].extract_text() == pdfs.TEXT


def test_long_tables_and_old_generations():
    data = with_info(pdfs.plain())
    assert pdf.parse(data.replace(b"/Size 8", b"/Size 2")).table.next_number == 8


def test_references_that_stand_for_others_are_followed():
    file = pdf.parse(pdfs.plain(more={7: b"8 0 R", 8: b"[1 2]", 9: b"9 0 R"}))
    assert file.items(b"7 0 R") == (b"1", b"2")
    with pytest.raises(UnreadableMediaError, match="circle"):
        file.value(b"9 0 R")


# ---------------------------------------------------------------------------------- damage, limits


def encrypted(password=""):
    writer = pypdf.PdfWriter(io.BytesIO(pdfs.plain()))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_an_encrypted_file_is_refused_by_name():
    with pytest.raises(UnsupportedMediaError, match="encrypted") as caught:
        pdf.parse(encrypted())
    assert "password" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7\n", "no end"),
        (b"not a PDF", "begin"),
        (pdfs.plain()[: len(pdfs.plain()) // 2], "no end"),
        (pdfs.plain().replace(b"startxref\n", b"startxref\n9"), "no object at byte"),
        (pdfs.plain(extra=b" /Prev 99999999999"), "no object at byte"),
        (pdfs.plain().replace(b"/Root 1 0 R", b"/Root 77 0 R"), "catalog"),
        (pdfs.plain().replace(b"/Root 1 0 R", b"/Rood 1 0 R"), "catalog"),
        (pdfs.plain().replace(b"trailer", b"tralier"), "table"),
        (pdfs.plain().replace(b"0 1\n0000", b"0 9000000000\n0000"), "2000000 objects"),
        (pdfs.plain(catalog=b"<< /Type /Catalog /Pages"), "damaged"),
        (pdfs.modern().replace(b"/W [1 4 2]", b"/W [1 4 99]"), "damaged"),
        (pdfs.modern().replace(b"/Columns 7", b"/Columns 6"), "cut short"),
        (pdfs.modern().replace(b"/Predictor 12", b"/Predictor 2"), "prediction"),
        (pdfs.modern().replace(b"/FlateDecode", b"/OtherDecode"), "OtherDecode"),
        (pdfs.modern().replace(b"/First ", b"/Frist "), "object stream"),
        (pdfs.plain().replace(b"startxref\n", b"startxref\n0 "), "catalog"),
    ],
)
def test_damaged_files_are_refused_with_a_reason(data, says):
    with pytest.raises(LabelerError, match=says) as caught:
        pdf.parse(data)
    assert caught.value.hint


def test_tables_that_refer_to_each_other_are_refused():
    data = pdfs.plain()
    start = int(data.split(b"startxref\n")[-1].split()[0])
    with pytest.raises(UnreadableMediaError, match="circle"):
        pdf.parse(pdfs.plain(extra=b" /Prev %d" % start))


@pytest.mark.parametrize("kind", ["plain", "modern", "updated"])
def test_tables_with_too_many_objects_are_refused(kind, monkeypatch):
    data = pdfs.KINDS[kind]()
    monkeypatch.setattr(pdf_xref, "_MOST_OBJECTS", 5)
    with pytest.raises(MediaTooLargeError, match="more than 5 objects"):
        pdf.parse(data)


def test_a_stream_with_a_wrong_size_is_refused():
    size = pdf.parse(pdfs.plain()).value(b"6 0 R")
    data = pdfs.plain().replace(b"\n%b\nendobj" % size, b"\n%d\nendobj" % (int(size) - 9))
    with pytest.raises(UnreadableMediaError, match="another size"):
        pdf.parse(data).stream(b"5 0 R")
    endless = pdfs.plain().replace(b"/Length 6 0 R", b"/Length 5 0 R")
    with pytest.raises(UnreadableMediaError, match="no size"):
        pdf.parse(endless).stream(b"5 0 R")


def test_contents_are_undone_within_limits():
    deflated = Dictionary(((b"Filter", b"[/FlateDecode]"),))
    assert content(deflated, zlib.compress(b"abc")) == b"abc"
    assert content(Dictionary(), b"abc") == b"abc"
    with pytest.raises(LabelerError, match="64 MiB"):
        content(deflated, zlib.compress(bytes(65 << 20), 1))
    with pytest.raises(UnreadableMediaError, match="cut short"):
        content(deflated, zlib.compress(b"abc" * 100)[:-6])
    with pytest.raises(UnreadableMediaError, match="damaged"):
        content(deflated, b"abc")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(pdfs.KINDS)),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damage_anywhere_gives_an_error_or_a_file(kind, edits):
    data = bytearray(pdfs.KINDS[kind]())
    for at, value in edits:
        data[at % len(data)] = value
    try:
        out = with_info(bytes(data))
    except LabelerError:
        return
    assert out.startswith(data)


# --------------------------------------------------------------------------------------- oracles


@pytest.mark.system
@every_kind
def test_poppler_reads_what_was_added_to(kind, tmp_path: Path):
    if which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    path = tmp_path / "a.pdf"
    path.write_bytes(with_info(pdfs.KINDS[kind]()))
    done = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == pdfs.TEXT
    assert not done.stderr
