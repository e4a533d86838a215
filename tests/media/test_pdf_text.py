import io
import logging
import subprocess
from shutil import which

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.errors import (
    LabelerError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from labeler.media.pdf_text import visible_text
from tests import pdfs


def text_of(data, most=100_000):
    return visible_text(data, name="a.pdf", max_characters=most)


def made(*pages, password=None):
    writer = pypdf.PdfWriter()
    for page in pages:
        writer.append(io.BytesIO(pdfs.plain(page)))
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("kind", pdfs.KINDS)
def test_every_kind_of_file_is_read(kind):
    assert text_of(pdfs.KINDS[kind]()) == pdfs.TEXT


def test_pages_follow_each_other_up_to_the_limit():
    data = made("One page", "Another", "And a third")
    assert text_of(data) == "One page\nAnother\nAnd a third"
    for most in range(30):
        assert text_of(data, most) == "One page\nAnother\nAnd a third"[:most].rstrip("\n")


def test_restrictions_are_no_obstacle_and_passwords_are():
    assert text_of(made("Free to read", password="")) == "Free to read"
    with pytest.raises(UnsupportedMediaError, match="password") as caught:
        text_of(made("Secret", password="secret"))
    assert caught.value.file == "a.pdf"


def test_pages_without_text_have_none():
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, "PDF")
    assert text_of(out.getvalue()) == ""


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", pdfs.plain()[:300], b"%PDF-" + bytes(999)])
def test_damaged_files_are_refused_by_name_and_quietly(data, caplog):
    with caplog.at_level(logging.INFO), pytest.raises(UnreadableMediaError, match=r"a\.pdf"):
        text_of(data)
    assert not caplog.records


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(pdfs.KINDS)),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damage_anywhere_gives_an_error_or_a_text(kind, edits):
    data = bytearray(pdfs.KINDS[kind]())
    for at, value in edits:
        data[at % len(data)] = value
    try:
        assert isinstance(text_of(bytes(data)), str)
    except LabelerError as error:
        assert error.file == "a.pdf"  # noqa: PT017 - most damage goes without an error


@pytest.mark.system
def test_poppler_reads_the_same_words(tmp_path):
    if which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    path = tmp_path / "a.pdf"
    path.write_bytes(
        made("A first page (with brackets)".replace("(", "\\(").replace(")", "\\)"), "B")
    )
    done = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True)
    assert text_of(path.read_bytes()).split() == done.stdout.split()
