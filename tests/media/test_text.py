"""Text files: which they are, and that decoding and encoding lose nothing."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import MediaError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.media_type import MediaType, check_name, sniff
from labeler.media.source import read_content
from labeler.media.text import Text, newline, open_text
from tests.samples import encode, photo

PAGE = "<!DOCTYPE html><html><h1>x</h1></html>"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("in/a.txt", MediaType.TEXT),
        ("a.TXT", MediaType.TEXT),
        ("a.md", MediaType.MARKDOWN),
        ("a.markdown", MediaType.MARKDOWN),
        ("a.html", MediaType.HTML),
        ("s3://b/a.htm", MediaType.HTML),
    ],
)
@pytest.mark.parametrize(
    "data",
    [
        b"BMW and RIFFs", b"GIF89a is a format", b"MZ", b"{", b"<?xml version='1.0'?><svg>",
        "Ελληνικά".encode(), codecs.BOM_UTF8 + b"x", "\ufeffx\r\n".encode("utf-16-le"),
        "Ünïcode".encode("latin-1"), b"\xff\xfe", b"  \n", "é".encode()[:1],
    ],
)  # fmt: skip
def test_text_is_what_has_its_name_and_nothing_that_speaks_against_it(name, expected, data):
    assert sniff(data, name=name) is expected
    check_name(expected, name)


@pytest.mark.parametrize("data", [b"a\0b", b"\x89PNG\r\n\x1a\n\0\0", b"%PDF-1.7\n", b"\1\2\3"])
def test_what_is_binary_is_no_text_whatever_its_name(data):
    for name in ("a.txt", "a.md", "a.html"):
        try:
            found = sniff(data, name=name)
        except UnsupportedMediaError:
            continue
        with pytest.raises(UnreadableMediaError, match="the name says"):
            check_name(found, name)


def test_text_is_held_in_memory_although_it_begins_like_sound(tmp_path):
    for name, in_memory in (("a.txt", True), ("a.mp3", False)):
        path = tmp_path / name
        path.write_bytes(b"ID3v2 tags are what this is about.")
        assert (read_content(path, max_bytes=100).file is None) is in_memory


def test_empty_and_blank_files_are_refused():
    with pytest.raises(UnreadableMediaError, match="empty"):
        sniff(b"", name="a.txt")
    with pytest.raises(UnreadableMediaError, match="zero bytes"):
        sniff(bytes(50), name="a.txt")


def test_other_names_make_no_text():
    for name in ("x", "a.jpg", "a.log", "<bytes>"):
        with pytest.raises(UnsupportedMediaError):
            sniff(b"Just words", name=name)
    with pytest.raises(UnsupportedMediaError, match="download it again"):
        sniff(PAGE.encode(), name="a.jpg")
    with pytest.raises(UnreadableMediaError, match=r"the name says plain text \(.txt\)"):
        check_name(MediaType.PNG, "a.txt")


@pytest.mark.parametrize("page", [PAGE, f"\ufeff {PAGE}", f"<!-- x -->\n{PAGE}", "<HTML lang=en>"])
def test_a_whole_page_is_html_under_any_name_of_text(page):
    data = page.encode("utf-16-le" if page[0] == "\ufeff" else "utf-8")
    assert sniff(data, name="a.html") is MediaType.HTML
    with pytest.raises(UnreadableMediaError, match="the content is HTML") as caught:
        open_text(data, name="dir/a.txt")
    assert "a.html" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "encoding", "mark", "text"),
    [
        ("é\r\nß".encode(), "utf-8", b"", "é\r\nß"),
        (codecs.BOM_UTF8 + b"x", "utf-8", codecs.BOM_UTF8, "x"),
        ("\ufeffé".encode("utf-16-be"), "utf-16-be", codecs.BOM_UTF16_BE, "é"),
        ("\ufeffé".encode("utf-16-le"), "utf-16-le", codecs.BOM_UTF16_LE, "é"),
    ],
)
def test_encodings_are_kept(data, encoding, mark, text):
    found = open_text(data, name="a.txt")
    assert (found.encoding, found.mark, found.text) == (encoding, mark, text)
    assert found.encoded(found.text) == data


def page(declared, words, encoding):
    return f'<meta http-equiv=a content="text/html; charset={declared}">{words}'.encode(encoding)


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("iso-8859-1", "cp1252"), ("ISO-8859-7", "iso8859-7"), ("windows-1251", "cp1251"),
        ("utf-8", "utf-8"), ("utf-16", "utf-8"), ("us-ascii", "cp1252"), ("shift_jis", "shift_jis"),
    ],
)  # fmt: skip
def test_pages_say_their_encoding(declared, encoding):
    data = page(declared, "x", encoding)
    found = open_text(data, name="a.html")
    assert found.encoding == encoding
    assert found.encoded(found.text) == data
    assert open_text(data, name="a.txt").encoding == "utf-8"  # in text these are words


def test_what_an_encoding_lacks_is_a_reference_in_html_and_an_error_in_text():
    found = open_text(page("windows-1252", "ö", "cp1252"), name="a.html")
    assert found.encoded("öΩ") == b"\xf6&#937;"
    text = Text(media_type=MediaType.TEXT, text="", encoding="cp1252")
    with pytest.raises(UnsupportedMediaError, match=r"\(cp1252\) has no 'Ω'") as caught:
        text.encoded("Ω")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "name", "problem"),
    [
        (b"caf\xe9", "a.txt", r"not written in UTF-8 \(byte 3\)"),
        (codecs.BOM_UTF8 + b"\xff", "a.md", "no format"),
        (page("klingon", "", "ascii"), "a.html", r"unknown \(klingon\)"),
        (page("hex", "", "ascii"), "a.html", r"unknown \(hex\)"),
        (page("iso-2022-jp", "\x1b(B\x1b(B", "ascii"), "a.html", "written again"),
        (encode(photo()), "a.png", "a text is needed, and the file is PNG"),
    ],
)
def test_errors_name_the_file_and_a_way_out(data, name, problem):
    with pytest.raises(MediaError, match=problem) as caught:
        open_text(data, name=name)
    assert caught.value.file == name
    assert caught.value.hint


def test_the_first_end_of_line_counts():
    assert [newline(text) for text in ("a\r\nb\n", "a\nb\r\n", "a\rb", "a")] == [
        "\r\n", "\n", "\r", "\n"
    ]  # fmt: skip


@given(st.binary(max_size=60), st.sampled_from(["a.txt", "a.md", "a.html"]))
@settings(max_examples=300, deadline=None)
def test_whatever_opens_is_written_again_byte_for_byte(data, name):
    try:
        found = open_text(data, name=name)
    except MediaError as error:
        assert error.hint  # noqa: PT017 - whether it is raised depends on the bytes
    else:
        assert found.encoded(found.text) == data
