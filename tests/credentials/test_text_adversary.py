"""Credentials put on other content than they were signed for."""

import pytest

from labeler.credentials import Integrity, Place, read, read_file, sign
from labeler.credentials._asset import MemoryAsset
from labeler.credentials._places import find as find_in_container
from labeler.credentials._text_places import find as find_in_text
from labeler.media.media_type import MediaType
from tests import documents, pdfs

PAGE = "<html><head><title>A</title></head><body>I &hearts; dogs, {}</body></html>"
GREEK = "\u037e"
"""The Greek question mark: canonically equivalent to a semicolon, and none in HTML."""


@pytest.fixture(scope="module")
def make(definition, identity, trust):
    def made(data, media_type, **options):
        return sign(data, media_type, definition, identity, trust=trust, **options)

    return made


@pytest.fixture(scope="module")
def wrap(make):
    """A text in front of an invisible wrapper, whatever its format."""

    def made(text):
        return make(text.encode(), MediaType.TEXT, place=Place.INVISIBLE).data

    return made


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (MediaType.PDF, pdfs.plain()),
        (MediaType.DOCX, documents.docx()),
        (MediaType.EPUB, documents.epub()),
    ],
)
def test_a_manifest_beside_a_document_leaves_no_hole_in_it(make, trust, media_type, data, tmp_path):
    signed = make(data, media_type).data
    found = find_in_container(MemoryAsset(signed), media_type)
    hole = found.excluded
    forged = (
        signed[: hole.start] + b"5 0 obj (no dogs) endobj".ljust(len(hole)) + signed[hole.end :]
    )
    found_again = read(signed, media_type, trust=trust)
    assert found_again.integrity is Integrity.INTACT
    reading = read(forged, media_type, trust=trust, sidecar=found.data)
    assert reading.integrity in {Integrity.TAMPERED, Integrity.DAMAGED}
    file = tmp_path / "forged"
    file.write_bytes(forged)
    assert read_file(file, media_type, trust=trust, sidecar=found.data) == reading


@pytest.mark.parametrize(
    ("media_type", "data"),
    [(MediaType.HTML, PAGE.format("").encode()), (MediaType.PYTHON, b"dogs = 1\n")],
)
def test_a_manifest_beside_a_text_leaves_no_hole_in_it(make, trust, media_type, data):
    signed = make(data, media_type).data
    found = find_in_text(signed, media_type)
    for hole in (found.excluded, *found.also):
        forged = signed[: hole.start] + b"x" * len(hole) + signed[hole.end :]
        reading = read(forged, media_type, trust=trust, sidecar=found.data)
        assert reading.integrity is Integrity.TAMPERED


def test_text_that_means_something_else_in_its_normal_form_is_changed(wrap, trust):
    signed = wrap(PAGE.format("caf\xe9"))
    assert read(signed, MediaType.HTML, trust=trust).integrity is Integrity.INTACT
    changed = signed.replace(b";", GREEK.encode())
    assert changed != signed
    assert read(changed, MediaType.HTML, trust=trust).integrity is Integrity.TAMPERED
    # Prose means the same (C2PA 2.4, A.8.4).
    assert read(changed, MediaType.TEXT, trust=trust).integrity is Integrity.INTACT
    wide = signed.decode().encode("utf-16")
    assert read(wide, MediaType.TEXT, trust=trust).integrity is Integrity.INTACT
    assert read(wide, MediaType.HTML, trust=trust).integrity is not Integrity.INTACT


def test_nothing_shows_between_a_manifest_and_its_delimiters(make, trust):
    signed = make(b"dogs = 1\n", MediaType.PYTHON).data
    start = signed.index(b"-----BEGIN")
    at = signed.index(b"data:", start)
    for gap in (b"\n", b"\r\n", b" \n "):
        moved = signed[:at] + gap + signed[at:]
        assert read(moved, MediaType.PYTHON, trust=trust).integrity is Integrity.DAMAGED
        # Comments with an end may go on.
        commented = moved.replace(b"# -", b"/* -").replace(b"-\n", b"- */\n")
        assert find_in_text(commented, MediaType.JAVASCRIPT) is not None
    page = make(b"a { color: red }\n", MediaType.CSS).data.replace(b"----- data", b"-----\ndata")
    assert find_in_text(page, MediaType.CSS) is not None


def test_another_texts_manifest_is_not_this_ones(make, trust):
    signed = make(b"Dogs\n", MediaType.TEXT)
    reading = read(b"Cats\n", MediaType.TEXT, trust=trust, sidecar=signed.sidecar)
    assert reading.integrity is Integrity.TAMPERED
