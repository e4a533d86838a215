import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from labeler.aigc import AigcLabel
from labeler.errors import MetadataError, UnreadableMediaError, UnsupportedMediaError
from labeler.media.document_text import visible_text
from labeler.media.media_type import MediaType
from labeler.metadata import read, write
from labeler.provenance import Provenance, SourceType
from tests import documents
from tests.documents import archive, docx, epub, epub_files, files_of, odt, odt_files, xlsx

CLAIMS = Provenance(
    generator='Model <2> & "x"',
    generator_version="2.0",
    prompt="two\nlines, é 漢 _x000A_",
    prompt_writer="Me",
    disclosure="Written by an AI: é.",
)
KINDS = {
    MediaType.DOCX: docx,
    MediaType.XLSX: xlsx,
    MediaType.ODT: odt,
    MediaType.EPUB: epub,
}
PROPERTY_FILES = {
    MediaType.DOCX: {
        "[Content_Types].xml",
        "_rels/.rels",
        "docProps/custom.xml",
        "docProps/core.xml",
    },
    MediaType.XLSX: {
        "[Content_Types].xml",
        "_rels/.rels",
        "docProps/custom.xml",
        "docProps/core.xml",
    },
    MediaType.ODT: {"meta.xml"},
    MediaType.EPUB: {"OPS/book.opf"},
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def stamp(data, kind, provenance=CLAIMS):
    return write(data, kind, provenance, name="a.doc")


@each_kind
def test_claims_come_back_and_nothing_else_changes(kind):
    data = KINDS[kind]()
    written = stamp(data, kind)
    tags = read(written, kind)
    assert tags.source_type is SourceType.TRAINED_ALGORITHMIC_MEDIA
    assert (tags.ai_system, tags.ai_system_version) == (CLAIMS.generator, "2.0")
    assert (tags.prompt, tags.prompt_writer) == (CLAIMS.prompt, "Me")
    assert tags.description == CLAIMS.disclosure
    before, after = files_of(data), files_of(written)
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == PROPERTY_FILES[kind]
    for name in changed:
        ET.fromstring(after[name])
    texts = [visible_text(d, kind, name="a", max_characters=999) for d in (data, written)]
    assert texts[0] == texts[1]


@each_kind
def test_saying_it_again_changes_nothing_and_saying_more_keeps_the_rest(kind):
    written = stamp(KINDS[kind](), kind)
    assert stamp(written, kind) == written
    other = stamp(written, kind, Provenance(generator="Other", disclosure="More."))
    tags = read(other, kind)
    assert (tags.ai_system, tags.ai_system_version, tags.prompt_writer) == ("Other", "2.0", "Me")
    assert tags.description == f"{CLAIMS.disclosure}\nMore."
    assert b"".join(files_of(other).values()).count(b"DigitalSourceType") == 1


@each_kind
def test_a_document_that_says_nothing_has_no_tags(kind):
    tags = read(KINDS[kind](), kind)
    assert tags.source_type is None
    assert tags.description is None


@each_kind
def test_one_aigc_label_replaces_another(kind):
    first, second = (AigcLabel(content_producer="A", produce_id=n) for n in "12")
    written = stamp(KINDS[kind](), kind, Provenance(aigc=first))
    assert read(written, kind).aigc == first
    again = stamp(written, kind, Provenance(aigc=second))
    assert read(again, kind).aigc == second
    assert stamp(again, kind, Provenance(aigc=second)) == again


def custom(properties, namespace=f"{documents.OFFICE}/custom-properties"):
    return f'<Properties xmlns="{namespace}">{properties}</Properties>'


def test_custom_properties_of_others_stay():
    present = custom(
        '<property fmtid="{X}" pid="7" name="Client"><a:lpwstr xmlns:a="u">ACME</a:lpwstr>'
        "</property>"
    )
    relation = (
        f'<Relationship Id="rId9" Type="{documents.OFFICE}/relationships/custom-properties" '
        'Target="/props/own.xml"/></Relationships>'
    )
    files = documents.word_files(more={"props/own.xml": present})
    files["_rels/.rels"] = files["_rels/.rels"].replace("</Relationships>", relation)
    written = files_of(stamp(archive(files), MediaType.DOCX, Provenance(generator="X")))
    root = ET.fromstring(written["props/own.xml"])
    found = {each.get("name"): (each.get("pid"), each[0].text) for each in root}
    assert found["Client"] == ("7", "ACME")
    assert found["Iptc4xmpExt:AISystemUsed"][1] == "X"
    assert len({pid for pid, _ in found.values()}) == len(found)
    assert "docProps/custom.xml" not in written
    assert present[:-13].encode() in written["props/own.xml"]
    assert b'PartName="/props/own.xml"' in written["[Content_Types].xml"]


def test_an_open_document_without_metadata_gets_a_file_that_is_listed():
    written = files_of(stamp(odt(meta=False), MediaType.ODT))
    root = ET.fromstring(written["META-INF/manifest.xml"])
    space = f"{{{documents.OASIS}:manifest:1.0}}"
    assert "meta.xml" in [each.get(f"{space}full-path") for each in root]
    assert root[-1].get(f"{space}media-type") == "text/xml"


def test_books_of_either_version_say_it_in_their_own_way():
    written = files_of(stamp(epub(version="2.0"), MediaType.EPUB))["OPS/book.opf"]
    assert b'<meta name="Iptc4xmpExt:AISystemUsed" content=' in written
    assert b"prefix=" not in written
    prefixed = epub(attributes=" prefix='own: https://example.org/'")
    root = ET.fromstring(files_of(stamp(prefixed, MediaType.EPUB))["OPS/book.opf"])
    assert root.get("prefix") == (
        "own: https://example.org/ Iptc4xmpExt: http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    )
    metas = {e.get("property"): e.text for e in root.iter("{http://www.idpf.org/2007/opf}meta")}
    assert metas["Iptc4xmpExt:AISystemUsed"] == CLAIMS.generator


def test_prefixes_of_books_are_resolved():
    attributes = ' prefix="i: http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    said = '<meta property="i:AISystemUsed">A</meta><meta refines="#x" property="p">B</meta>'
    data = epub(attributes=attributes, metadata=said)
    assert read(data, MediaType.EPUB).ai_system == "A"
    written = stamp(data, MediaType.EPUB, Provenance(generator="B"))
    assert read(written, MediaType.EPUB).ai_system == "B"
    clash = epub(attributes=' prefix="Iptc4xmpExt: https://example.org/"')
    with pytest.raises(MetadataError, match="prefix"):
        stamp(clash, MediaType.EPUB)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (archive({**odt_files(), "META-INF/documentsignatures.xml": "<x/>"}), MediaType.ODT),
        (archive({**epub_files(), "META-INF/signatures.xml": "<x/>"}), MediaType.EPUB),
        (docx(more={"_xmlsignatures/origin.sigs": "x"}), MediaType.DOCX),
    ],
)
def test_signatures_are_not_broken(data, kind):
    with pytest.raises(MetadataError, match=r"a\.doc: the document is signed"):
        stamp(data, kind)


def test_what_cannot_be_read_is_refused():
    with pytest.raises(UnreadableMediaError, match=r"a\.doc"):
        stamp(docx()[:-5], MediaType.DOCX)
    with pytest.raises(MetadataError, match=r"meta\.xml is malformed"):
        stamp(archive({**odt_files(), "meta.xml": "<a>"}), MediaType.ODT)
    laughs = '<!DOCTYPE x [<!ENTITY a "ha">]><x>&a;</x>'
    with pytest.raises(MetadataError, match="entities"):
        stamp(archive({**odt_files(), "meta.xml": laughs}), MediaType.ODT)
    wide = odt_files()["content.xml"].encode("utf-16")
    with pytest.raises(MetadataError, match="UTF-16"):
        stamp(archive({**odt_files(), "meta.xml": wide}), MediaType.ODT)
    entry = '<m:file-entry m:full-path="meta.xml"><m:encryption-data/></m:file-entry>'
    with pytest.raises(UnsupportedMediaError, match="encrypted"):
        stamp(odt(entry=entry), MediaType.ODT)
    with pytest.raises(MetadataError, match="no XML document can hold"):
        stamp(docx(), MediaType.DOCX, Provenance(generator="a\x07b"))
    with pytest.raises(UnreadableMediaError, match="where its package document is"):
        stamp(archive({**epub_files(), "META-INF/container.xml": "<x/>"}), MediaType.EPUB)


def exiftool_opens_archives():
    perl = ["perl", "-MArchive::Zip", "-e", "1"]
    if shutil.which("exiftool") is None:
        return False
    return subprocess.run(perl, capture_output=True, check=False).returncode == 0


@pytest.mark.system
@pytest.mark.skipif(
    not exiftool_opens_archives(),
    reason="exiftool opens no archives (libimage-exiftool-perl, libarchive-zip-perl)",
)
def test_exiftool_shows_the_claims(tmp_path):
    for kind, needle in (
        (MediaType.DOCX, "Iptc4xmpExtAISystemUsed"),
        (MediaType.ODT, "User-definedName"),
    ):
        path = tmp_path / f"a{kind.extension}"
        path.write_bytes(stamp(KINDS[kind](), kind))
        shown = subprocess.run(
            ["exiftool", "-s", path], capture_output=True, text=True, check=True
        ).stdout
        assert needle in shown
        assert "Written by an AI" in shown


@pytest.mark.system
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_what_was_written(tmp_path):
    for kind in (MediaType.DOCX, MediaType.ODT):
        path = tmp_path / f"a{kind.extension}"
        path.write_bytes(stamp(KINDS[kind](), kind))
        command = ["soffice", "--headless", f"-env:UserInstallation={(tmp_path / 'u').as_uri()}"]
        command += ["--convert-to", "txt:Text", "--outdir", str(tmp_path), str(path)]
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        text = (tmp_path / "a.txt").read_text(encoding="utf-8-sig")
        assert text.strip() == "Hello"
        (tmp_path / "a.txt").unlink()
