"""PDF documents hold their manifest in an embedded file; what was there before stays in front."""

import io

import c2pa
import pypdf
import pytest

from labeler.credentials import (
    History,
    Integrity,
    Parent,
    Trust,
    _places,
    _stores,
    can_embed,
    read,
    read_file,
    sign,
    sign_file,
)
from labeler.credentials._asset import MemoryAsset
from labeler.errors import SigningError, UnreadableMediaError
from labeler.media.media_type import MediaType
from labeler.metadata import write
from labeler.provenance import Provenance
from tests import pdfs

PDF = MediaType.PDF
LEAF = b"/Names << /EmbeddedFiles << /Names [(a.csv) 7 0 R] >> >>"
TREE = b"/Names 9 0 R"
ATTACHED = {
    7: b"<< /Type /Filespec /F (a.csv) /UF (a.csv) /EF << /F 8 0 R >> >>",
    8: pdfs.stream(b"1,2", b"<< /Type /EmbeddedFile /Length 3 >>"),
    9: b"<< /EmbeddedFiles 10 0 R /Dests << >> >>",
    10: b"<< /Kids [11 0 R] >>",
    11: b"<< /Limits [(a.csv) (a.csv)] /Names [(a.csv) 7 0 R] >>",
}

every_kind = pytest.mark.parametrize("kind", pdfs.KINDS)


def attached(names, extra=b""):
    return pdfs.plain(catalog=pdfs.CATALOG[:-2] + names + extra + b" >>", more=ATTACHED)


def opened(data):
    return pypdf.PdfReader(io.BytesIO(data), strict=True)


def names_in(reader):
    """What the embedded files are called, in the order of their tree."""
    tree = reader.trailer["/Root"]["/Names"]["/EmbeddedFiles"]
    leaves = [leaf.get_object() for leaf in tree.get("/Kids", [tree])]
    return [str(each) for leaf in leaves for each in leaf["/Names"][::2]]


def plain_reader(data, development):
    """c2pa-python as anyone would call it."""
    root = (development / "root.pem").read_text()
    anchors = [{"trust_anchors": root, "trust_kind": "manifest"}]
    context = c2pa.Context.from_dict({"trust": {"anchors": anchors}})
    return c2pa.Reader(PDF.value, io.BytesIO(data), context=context)


@every_kind
def test_a_signed_document_is_intact_and_keeps_every_byte(
    kind, definition, identity, trust, development
):
    data = pdfs.KINDS[kind]()
    assert can_embed(data, PDF)
    made = sign(data, PDF, definition, identity, trust=trust)
    assert made.sidecar is None
    assert made.remark is None
    assert made.data.startswith(data)
    assert (made.reading.integrity, made.reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert made.reading.history is History.NONE
    assert plain_reader(made.data, development).get_validation_state() == "Trusted"
    reader = opened(made.data)
    assert reader.pages[0].extract_text() == pdfs.TEXT
    assert names_in(reader) == [" content_credential.c2pa"]
    (specification,) = reader.trailer["/Root"]["/AF"]
    assert specification.get_object()["/AFRelationship"] == "/C2PA_Manifest"


@every_kind
def test_every_change_shows(kind, definition, identity, trust):
    data = pdfs.KINDS[kind]()
    made = sign(data, PDF, definition, identity, trust=trust).data
    for at in (20, len(data) // 2):
        edited = bytearray(made)
        edited[at] ^= 1
        assert read(bytes(edited), PDF, trust=trust).integrity is not Integrity.INTACT
    page = made.replace(b"machine", b"machime")
    if page != made:
        assert read(page, PDF, trust=trust).integrity is Integrity.TAMPERED
    added = read(made + b"% more\n", PDF, trust=trust)
    assert added.integrity is Integrity.TAMPERED
    assert added.trust is Trust.TRUSTED
    later = write(made, PDF, Provenance(generator="Model"), name="a.pdf")
    assert read(later, PDF, trust=trust).integrity is Integrity.TAMPERED


@every_kind
def test_a_new_manifest_takes_the_place_of_the_parents(
    kind, definition, child_definition, identity, trust
):
    first = sign(pdfs.KINDS[kind](), PDF, definition, identity, trust=trust).data
    marked = write(first, PDF, Provenance(generator="Model"), name="a.pdf")
    with pytest.raises(SigningError, match="carries a manifest already"):
        sign(marked, PDF, definition, identity)
    parent = Parent(data=first, media_type=PDF)
    child = sign(marked, PDF, child_definition, identity, parent=parent, trust=trust)
    assert child.data.startswith(marked)
    assert child.sidecar is None
    assert child.reading.integrity is Integrity.INTACT
    assert child.reading.history is History.CLEAN
    reader = opened(child.data)
    assert names_in(reader) == [" content_credential.c2pa"]
    assert len(reader.trailer["/Root"]["/AF"]) == 1


@pytest.mark.parametrize("names", [LEAF, TREE])
def test_other_embedded_files_stay(names, definition, identity, trust):
    data = attached(names, b" /AF [7 0 R]")
    made = sign(data, PDF, definition, identity, trust=trust).data
    reader = opened(made)
    assert names_in(reader) == [" content_credential.c2pa", "a.csv"]
    assert reader.attachments["a.csv"] == [b"1,2"]
    assert len(reader.trailer["/Root"]["/AF"]) == 2
    if names == TREE:
        assert "/Dests" in reader.trailer["/Root"]["/Names"]


def test_files_on_disk_are_signed_and_read_in_parts_too(
    definition, identity, trust, tmp_path, monkeypatch
):
    source = tmp_path / "a.pdf"
    source.write_bytes(pdfs.modern())
    made = sign_file(source, tmp_path / "b.pdf", PDF, definition, identity, trust=trust)
    assert made.sidecar is None
    monkeypatch.setattr(_stores, "_TOOLKIT_BYTES", 0)
    assert read_file(made.path, PDF, trust=trust) == made.reading
    wrong = tmp_path / "c.pdf"
    wrong.write_bytes(made.path.read_bytes() + b"\n")
    assert read_file(wrong, PDF, trust=trust).integrity is Integrity.TAMPERED


@pytest.mark.parametrize(
    ("data", "why"),
    [(pdfs.certified(), "certified"), (pdfs.plain(extra=b" /Encrypt << >>"), "encrypted")],
)
def test_what_may_not_be_changed_has_its_manifest_beside_it(data, why, definition, identity, trust):
    assert not can_embed(data, PDF)
    made = sign(data, PDF, definition, identity, trust=trust)
    assert made.data == data
    assert why in made.remark
    reading = read(data, PDF, trust=trust, sidecar=made.sidecar)
    assert (reading.integrity, reading.detached) == (Integrity.INTACT, True)
    changed = read(data + b"\n", PDF, trust=trust, sidecar=made.sidecar)
    assert changed.integrity is Integrity.TAMPERED


def test_a_damaged_document_is_not_signed(definition, identity):
    with pytest.raises(UnreadableMediaError):
        sign(pdfs.plain()[:300], PDF, definition, identity)


def test_a_store_is_found_where_it_is_written_plainly(definition, identity):
    made = sign(pdfs.plain(), PDF, definition, identity).data
    found = _places.find(MemoryAsset(made), PDF)
    assert found.data[4:8] == b"jumb"
    assert made[found.excluded.start : found.excluded.end] == found.data
    squeezed = made.replace(b"/Subtype /application#2Fc2pa", b"/Filter /FlateDecode        ")
    assert _places.find(MemoryAsset(squeezed), PDF) is None
    assert _places.find(MemoryAsset(pdfs.plain()), PDF) is None
    assert _places.find(MemoryAsset(b"%PDF-"), PDF) is None


def test_several_stores_make_room_for_one(definition, identity, trust):
    specifications = b" /AF [7 0 R 12 0 R 13 0 R]"
    other = b"<< /Type /Filespec /F (b) /AFRelationship /C2PA_Manifest /EF << >> >>"
    catalog = pdfs.CATALOG[:-2] + LEAF + specifications + b" >>"
    data = pdfs.plain(catalog=catalog, more=ATTACHED | {12: other, 13: other})
    assert _places.find(MemoryAsset(data), PDF) is None
    made = sign(data, PDF, definition, identity, trust=trust)
    assert made.reading.integrity is Integrity.INTACT
    assert len(opened(made.data).trailer["/Root"]["/AF"]) == 2
