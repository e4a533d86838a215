import pytest

from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.document_text import visible_text
from labeler.media.media_type import MediaType, sniff
from tests import documents
from tests.documents import archive, docx, epub, odt, xlsx


def read(data, media_type, most=10_000):
    return visible_text(data, media_type, name="a.doc", max_characters=most)


def test_words_are_read_as_they_are_shown():
    note = f'<w:footnotes xmlns:w="{documents.WORDS}"><w:footnote><w:p><w:r><w:t>Note</w:t></w:r>'
    body = (
        "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>Hello </w:t><w:tab/>"
        "<w:t>you &amp; me</w:t></w:r></w:p>"
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>put in</w:t>"
        "</w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> shown</w:t></w:r>'
        "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        "<mc:Choice><w:p><w:r><w:t>once</w:t></w:r></w:p></mc:Choice>"
        "<mc:Fallback><w:p><w:r><w:t>once</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>"
    )
    relation = (
        f'<Relationship Id="r1" Type="{documents.OFFICE}/relationships/footnotes" '
        'Target="footnotes.xml"/>'
    )
    more = {"word/footnotes.xml": note + "</w:p></w:footnote></w:footnotes>"}
    data = docx(body=body, more=more, related=relation)
    assert read(data, MediaType.DOCX) == "Hello \tyou & me\nput in shown\nonce\nNote\n"


def test_cells_of_sheets_that_are_shown_are_read():
    assert read(xlsx(), MediaType.XLSX) == "Te\t2\ninline\n"


def test_open_document_texts_are_read():
    body = (
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<text:h>Title</text:h>\n "
        '<text:p>two\n  words<text:s text:c="3"/>and<text:tab/>a <text:span>span</text:span>'
        '<text:line-break/>line</text:p><text:section text:display="none"><text:p>no</text:p>'
        "</text:section><text:hidden-text>no</text:hidden-text>"
    )
    assert read(odt(body=body), MediaType.ODT) == "Title\ntwo words   and\ta span\nline\n"


def test_chapters_are_read_in_the_order_of_the_spine():
    chapters = ("<p>second</p><script>no</script>", "<h1>First</h1><p>a <b>bold</b>&nbsp;word</p>")
    text = read(epub(chapters=chapters), MediaType.EPUB)
    assert text.split("\n") == ["First", "a bold word", "", "second", "", ""]


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (MediaType.DOCX, docx()),
        (MediaType.XLSX, xlsx()),
        (MediaType.ODT, odt()),
        (MediaType.EPUB, epub()),
    ],
)
def test_kinds_are_told_apart_and_limits_hold(media_type, data):
    assert sniff(data, name="whatever.bin") is media_type
    assert sniff(data[:4096][:-30], name="cut") is media_type
    with pytest.raises(MediaTooLargeError, match=r"a\.doc: the document has more than 1 char"):
        read(data, media_type, most=1)
    with pytest.raises(UnreadableMediaError, match=r"a\.doc"):
        read(data[:-1], media_type)


def test_other_archives_are_named_and_refused():
    files = documents.word_files()
    types = files["[Content_Types].xml"].replace(
        f"{documents.KIND}.wordprocessingml.document.main+xml",
        "application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    macros = archive({**files, "[Content_Types].xml": types})
    sheet = archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"})
    for data, words in (
        (archive({"a.txt": "x"}), "a ZIP archive"),
        (macros, "macros"),
        (sheet, "OpenDocument"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "password"),
    ):
        with pytest.raises(UnsupportedMediaError, match=words):
            sniff(data, name="a.docx")


def test_encrypted_and_malicious_documents_are_refused():
    entry = '<m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry>'
    with pytest.raises(UnsupportedMediaError, match="encrypted"):
        read(odt(entry=entry), MediaType.ODT)
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    deep = "<a>" * 2000 + "</a>" * 2000
    for bad in (laughs, deep, "<open>"):
        with pytest.raises(UnreadableMediaError, match="malformed"):
            read(archive(documents.odt_files() | {"content.xml": bad}), MediaType.ODT)
    missing = {name: text for name, text in documents.odt_files().items() if name != "content.xml"}
    with pytest.raises(UnreadableMediaError, match=r"content\.xml is missing"):
        read(archive(missing), MediaType.ODT)


def test_other_formats_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="PDF"):
        read(b"%PDF-", MediaType.PDF)
