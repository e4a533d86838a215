"""The words that a person reads of a file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.formats import MediaType
from labeler.media.prose import visible_text


def page(body, *, name="a.html"):
    text = visible_text(body.encode(), MediaType.HTML, name=name)
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        (MediaType.TEXT, "a.txt"),
        (MediaType.MARKDOWN, "a.md"),
        (MediaType.PYTHON, "a.py"),
        (MediaType.JSON, "a.json"),
        (MediaType.XML, "a.xml"),
    ],
)
def test_text_without_markup_or_with_a_syntax_is_taken_as_it_is(media_type, name):
    text = "# One\r\n<b>two</b> &amp; *drei*\n"
    assert visible_text(text.encode(), media_type, name=name) == text


def test_markup_is_left_out_and_references_are_resolved():
    assert page("<p>A &amp; B &eacute;&#8217;s <b>bo</b>ld<p>next") == "A & B é\u2019s bold next"


def test_blocks_part_words_and_elements_in_a_line_do_not():
    assert page("<td>one<td>two<br>three<li>four") == "one two three four"
    assert page("w<em>or</em>d<wbr>s") == "words"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>if (a < b) document.write('<p>no</p>')</script>",
        "<style>p { content: 'no' }</style>",
        "<template><p>no</p></template>",
        "<noscript>no</noscript>",
        "<title>no</title>",
        "<svg><title>no</title><text>no</text><path/></svg>",
        "<div hidden>no <p>no</div>",
        "<div style='color: red; DISPLAY : none'><div>no</div>no</div>",
        "<p hidden>no<img src=x><p>",
        "<li hidden>no<li>",
        "<!-- no -->",
        "<?php no ?>",
        "<div hidden><br/>no<hr></div>",
    ],
)
def test_what_is_hidden_is_left_out_and_nothing_after_it(hidden):
    assert page(f"<html><body>before {hidden} after</html>") == "before after"


def test_a_head_without_its_end_does_not_swallow_the_body():
    assert page("<html><head><meta charset=utf-8><title>t</title><body>words") == "words"


def test_pictures_say_their_text():
    assert page("a <img alt='a cat' src=x> b <br/>c") == "a a cat b c"


def test_end_tags_without_a_beginning_are_harmless():
    assert page("</div></template></script>a</b></p>b") == "a b"


def test_it_stops_where_it_is_told():
    assert visible_text(b"abcdef", MediaType.TEXT, name="a.txt", max_characters=3) == "abc"
    body = b"<p>" + b"x" * 50
    text = visible_text(body, MediaType.HTML, name="a.html", max_characters=10)
    assert len(text) == 10


def test_tags_at_the_border_of_pieces_are_read(monkeypatch):
    body = "<div hidden>no</div> <b>a</b> &amp; <script>no</script> b &eacute;"
    for size in (1, 2, 3, 7):
        monkeypatch.setattr("labeler.media.prose._PIECE", size)
        assert page(body) == "a & b é"


def test_encodings_are_those_of_the_file():
    data = "<meta charset=latin-1><p>Zoë".encode("latin-1")
    assert visible_text(data, MediaType.HTML, name="a.html").strip() == "Zoë"
    with pytest.raises(UnreadableMediaError, match=r"a\.txt: .*not written in UTF-8"):
        visible_text(b"abc \xff def", MediaType.TEXT, name="a.txt")


def test_pictures_are_no_text():
    with pytest.raises(UnsupportedMediaError, match="the file is PNG"):
        visible_text(b"", MediaType.PNG, name="a.png")


@given(st.text(st.sampled_from("<>/!-&;='\" abdivhiddenscript\n"), min_size=1, max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_page_is_read(text):
    body = f"<p>{text}"
    assert isinstance(visible_text(body.encode(), MediaType.HTML, name="a.html"), str)


@pytest.mark.parametrize(
    ("media_type", "module"),
    [
        (MediaType.PDF, "pdf_text"),
        (MediaType.DOCX, "document_text"),
        (MediaType.EPUB, "document_text"),
    ],
)
def test_documents_have_readers_of_their_own(media_type, module, monkeypatch):
    told = []

    def read(*arguments, **options):
        told.append((arguments, options))
        return "words"

    monkeypatch.setattr(f"labeler.media.{module}.visible_text", read)
    assert visible_text(b"x", media_type, name="a", max_characters=9) == "words"
    ((arguments, options),) = told
    assert arguments[0] == b"x"
    assert options == {"name": "a", "max_characters": 9}
