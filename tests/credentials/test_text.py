"""Manifests of text files: signed, read, changed, signed again."""

import base64
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.credentials import (
    FileParent,
    History,
    Integrity,
    Parent,
    Place,
    Trust,
    TrustStore,
    can_embed,
    read,
    read_file,
    sign,
    sign_file,
)
from labeler.credentials import _text_wrapper as text_wrapper
from labeler.credentials._fitting import wrapped
from labeler.errors import ParentCredentialError, SigningError
from labeler.media.media_type import MediaType
from labeler.provenance import SourceType

BEGIN = b"-----BEGIN C2PA MANIFEST-----"
END = b"-----END C2PA MANIFEST-----"
PAGE = b"<!DOCTYPE html>\r\n<html><head><title>A</title></head><body>Dogs</body></html>\r\n"
TEXTS = {
    MediaType.HTML: PAGE,
    MediaType.MARKDOWN: b"---\ntitle: Dogs\n---\n# Dogs\n\n- one\n- two\n",
    MediaType.XML: b'<?xml version="1.0"?>\r\n<a>Dogs</a>\r\n',
    MediaType.CSS: b"a { color: red }",
    MediaType.JAVASCRIPT: b"#!/usr/bin/env node\nlet Dogs = 1\n",
    MediaType.YAML: b"a: |\n  Dogs\n",
    MediaType.TOML: b"a = 'Dogs'",
    MediaType.PYTHON: b"#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\nDogs = 1\n",
}
BESIDE = {MediaType.TEXT: b"Dogs\n", MediaType.JSON: b'{"a": "Dogs"}\n'}
formats = pytest.mark.parametrize("media_type", TEXTS)
everything = pytest.mark.parametrize("media_type", TEXTS | BESIDE)


@pytest.fixture(scope="module")
def make(definition, child_definition, identity, trust):
    """Signs a text; with a parent if one is given."""

    def made(data, media_type, *, parent=None, **options):
        manifest = definition if parent is None else child_definition
        options |= {"parent": parent, "trust": trust}
        return sign(data, media_type, manifest, identity, **options)

    return made


@formats
def test_a_signed_text_holds_its_manifest_and_every_byte_that_it_had(media_type, make, trust):
    data = TEXTS[media_type]
    signed = make(data, media_type)
    assert (signed.sidecar, signed.remark) == (None, None)
    assert can_embed(data, media_type)
    reading = read(signed.data, media_type, trust=trust)
    assert reading == signed.reading
    assert (reading.integrity, reading.trust) == ("intact", "trusted")
    assert not reading.detached
    assert reading.source_type is SourceType.TRAINED_ALGORITHMIC_MEDIA
    if media_type is MediaType.HTML:
        start = signed.data.index(b"<script")
        end = signed.data.index(b"</script>") + len(b"</script>")
        assert start < signed.data.index(b"</head>")
    else:
        start = len(data)
        end = len(signed.data)
        assert signed.data.endswith((b"\n", b"\r")) is data.endswith((b"\n", b"\r"))
        assert b"\r\n" not in data or signed.data[start:end].endswith(b"\r\n")
    assert signed.data[:start] + signed.data[end:] == data


@pytest.mark.parametrize("media_type", BESIDE)
def test_other_texts_stay_as_they_are_and_have_it_beside_them(media_type, make, trust):
    data = BESIDE[media_type]
    signed = make(data, media_type)
    assert signed.data == data
    assert signed.sidecar is not None
    assert "beside" in signed.remark
    assert not can_embed(data, media_type)
    assert read(data, media_type, trust=trust) is None
    reading = read(data, media_type, trust=trust, sidecar=signed.sidecar)
    assert (reading.integrity, reading.trust, reading.detached) == ("intact", "trusted", True)


@everything
def test_a_changed_text_is_tampered_with_and_still_says_who_signed_what(media_type, make, trust):
    data = (TEXTS | BESIDE)[media_type]
    signed = make(data, media_type)
    changed = signed.data.replace(b"red" if media_type is MediaType.CSS else b"Dogs", b"Cats")
    assert changed != signed.data
    for found in (changed, signed.data + b" ", b" " + signed.data):
        reading = read(found, media_type, trust=trust, sidecar=signed.sidecar)
        assert reading.integrity is Integrity.TAMPERED
        assert reading.failures == ("assertion.dataHash.mismatch",)
        assert (reading.trust, reading.signer) == (Trust.TRUSTED, signed.reading.signer)
        assert reading.source_type is SourceType.TRAINED_ALGORITHMIC_MEDIA
    assert read(signed.data, media_type, trust=TrustStore(), sidecar=signed.sidecar).trust == (
        Trust.NOT_CHECKED
    )


@everything
def test_signing_again_replaces_the_manifest_and_keeps_the_old_one_as_history(
    media_type, make, trust
):
    data = (TEXTS | BESIDE)[media_type]
    first = make(data, media_type)
    parent = Parent(data=first.data, media_type=media_type, sidecar=first.sidecar)
    if first.sidecar is None:
        with pytest.raises(SigningError, match="carries a manifest already"):
            make(first.data, media_type)
    second = make(first.data, media_type, parent=parent)
    assert second.reading.history is History.CLEAN
    assert second.data.count(b"C2PA MANIFEST") in {0, 2}
    assert second.data.count(b"application/c2pa") <= 1
    third = make(second.data, media_type, parent=Parent(**_fields(second, media_type)))
    # Without it, the text is what it was at first.
    assert third.reading.integrity is Integrity.INTACT
    assert len(third.data) > len(second.data) or third.sidecar
    old, new = (b"red", b"blu") if media_type is MediaType.CSS else (b"Dogs", b"Cats")
    changed = first.data.replace(old, new)
    broken = Parent(data=changed, media_type=media_type, sidecar=first.sidecar)
    with pytest.raises(ParentCredentialError):
        make(first.data, media_type, parent=broken)


def _fields(signed, media_type):
    return {"data": signed.data, "media_type": media_type, "sidecar": signed.sidecar}


@everything
def test_an_unsigned_source_can_be_the_parent(media_type, make):
    data = (TEXTS | BESIDE)[media_type]
    signed = make(data, media_type, parent=Parent(data=data, media_type=media_type))
    assert signed.reading.history is History.NONE
    assert [action.name for action in signed.reading.actions][:2] == ["c2pa.opened", "c2pa.edited"]


@pytest.mark.parametrize("media_type", [MediaType.MARKDOWN, MediaType.TEXT])
def test_files_on_disk_are_signed_and_read_as_well(
    media_type, tmp_path, definition, child_definition, identity, trust
):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"Dogs\n")
    signed = sign_file(source, target, media_type, definition, identity, trust=trust)
    reading = read_file(target, media_type, trust=trust, sidecar=signed.sidecar)
    assert (reading.integrity, reading.trust) == ("intact", "trusted")
    if media_type is MediaType.MARKDOWN:
        with pytest.raises(SigningError, match="carries a manifest already"):
            sign_file(target, tmp_path / "c", media_type, definition, identity)
    parent = FileParent(path=target, media_type=media_type, sidecar=signed.sidecar)
    again = sign_file(
        target, tmp_path / "c", media_type, child_definition, identity, parent=parent, trust=trust
    )
    assert again.reading.history is History.CLEAN


def test_xml_stays_well_formed(make):
    signed = make(TEXTS[MediaType.XML], MediaType.XML)
    assert ET.fromstring(signed.data).text == "Dogs"


def test_what_lies_in_the_left_out_part_beside_the_manifest_is_noticed(make, trust):
    """The comment's line, and the element, hold nothing but the manifest."""
    script = make(TEXTS[MediaType.JAVASCRIPT], MediaType.JAVASCRIPT).data
    for changed in (
        script.replace(b"// --", b"/*--") + b"*/",
        script.replace(b"// --", b"!0;--"),
        script.replace(END + b"\n", END + b"\nalert(1)"),
    ):
        reading = read(changed, MediaType.JAVASCRIPT, trust=trust)
        assert reading.integrity is Integrity.TAMPERED, changed[:60]
    page = make(PAGE, MediaType.HTML).data
    opening = b'<script type="application/c2pa">'
    for tag in (
        b'<script src="//x" type=application/c2pa>',
        b'<script type="module" type="application/c2pa">',
        b'<script type="text/javascript">',
    ):
        changed = page.replace(opening, tag)
        reading = read(changed, MediaType.HTML, trust=trust)
        assert reading is None or reading.integrity is not Integrity.INTACT


# ---------------------------------------------------------------------------------- the wrapper


@pytest.mark.parametrize("media_type", [MediaType.TEXT, MediaType.MARKDOWN])
@pytest.mark.parametrize("data", ["Dögs 👍\ufe0f\r\n".encode(), b"\xef\xbb\xbfDogs"])
def test_a_plain_text_carries_its_manifest_unseen_on_request(media_type, data, make, trust):
    signed = make(data, media_type, place=Place.INVISIBLE)
    assert signed.sidecar is None
    assert signed.data.startswith(data)
    added = signed.data[len(data) :].decode()
    assert f"adds {len(added)} characters" in signed.remark
    assert added[0] == "\ufeff"
    assert {unicodedata.category(each) for each in added} == {"Cf", "Mn"}
    reading = read(signed.data, media_type, trust=trust)
    assert (reading.integrity, reading.trust, reading.detached) == ("intact", "trusted", False)
    # What does not change the normal form does not break it, wherever it is read.
    composed = signed.data.replace("ö".encode(), "o\u0308".encode())
    assert read(composed, media_type, trust=trust).integrity is Integrity.INTACT
    wide = b"\xff\xfe" + signed.data.decode("utf-8-sig").encode("utf-16-le")
    if not data.startswith(b"\xef\xbb\xbf"):
        assert read(wide, media_type, trust=trust).integrity is Integrity.INTACT
    for changed in (signed.data.replace(b"gs", b"Gs"), signed.data + b"x"):
        reading = read(changed, media_type, trust=trust)
        assert (reading.integrity, reading.trust) == ("tampered", "trusted")
    again = make(
        signed.data,
        media_type,
        parent=Parent(data=signed.data, media_type=media_type),
        place=Place.INVISIBLE,
    )
    assert again.data.startswith(data)
    assert again.data.decode().count("\ufeff") == signed.data.decode().count("\ufeff")
    beside = make(signed.data, media_type, parent=Parent(data=signed.data, media_type=media_type))
    assert beside.reading.history is History.CLEAN
    assert "\ufeff" not in beside.data[3:].decode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("Do\u0308gs".encode(), "NFC"),
        (b"\xff\xfe" + "Dogs".encode("utf-16-le"), "UTF-8"),
        (b"D\xf6gs", "UTF-8"),
    ],
)
def test_where_a_wrapper_would_not_be_understood_there_is_a_sidecar(data, why, make):
    signed = make(data, MediaType.TEXT, place=Place.INVISIBLE)
    assert signed.data == data
    assert signed.sidecar is not None
    assert why in signed.remark


def test_wrappers_are_for_plain_text_only(make):
    for media_type in (MediaType.HTML, MediaType.PYTHON, MediaType.JSON, MediaType.PNG):
        with pytest.raises(ValueError, match="invisible"):
            make(b"x", media_type, place=Place.INVISIBLE)


def test_damaged_wrappers_and_several_are_told_by_the_standards_codes(make, trust):
    data = make(b"Dogs\n", MediaType.TEXT, place=Place.INVISIBLE).data.decode()
    other = make(b"Cats\n", MediaType.TEXT, place=Place.INVISIBLE).data.decode()
    cut = (data[:-1], data[:200], data.replace("\ufeff", ""), data + "\U000e0150")
    cases = dict.fromkeys(cut, "manifest.text.corruptedWrapper")
    cases[data + other] = "manifest.text.multipleWrappers"
    for text, code in cases.items():
        reading = read(text.encode(), MediaType.TEXT, trust=trust)
        assert reading.integrity is Integrity.DAMAGED
        assert reading.failures == (code,)
    for text in (data[:10], "Dogs\ufeff\ufe0f", "👍\ufe0f" * 20, ""):
        assert read(text.encode(), MediaType.TEXT, trust=trust) is None
    padded = text_wrapper.find((data + "\ufe00\ufe00\U000e0100").encode())
    assert padded.data == text_wrapper.find(data.encode()).data


@given(st.binary(min_size=1, max_size=300), st.text(max_size=20), st.text(max_size=20))
def test_a_wrapper_gives_back_what_it_holds(store, before, after):
    try:
        data = (before + text_wrapper.wrapper(store) + "." + after).encode()
    except UnicodeEncodeError:
        return
    found = text_wrapper.find(data)
    assert found.data == store
    assert text_wrapper.without(data) == (before + "." + after).encode()
    assert (len(text_wrapper.normalised(before))) == found.excluded.start
    marked = unicodedata.normalize("NFC", data.decode())
    around = marked.replace(text_wrapper.wrapper(store), "").encode()
    assert b"".join(found.hashed) == around


def test_signing_a_wrapper_that_never_fits_comes_to_an_end():
    sizes = iter(range(100, 10_000))
    with pytest.raises(SigningError, match="another size"):
        wrapped("Dogs", lambda _: bytes(next(sizes)))


# --------------------------------------------------------------------------- what readers meet


@pytest.mark.parametrize("media_type", [MediaType.PYTHON, MediaType.MARKDOWN, MediaType.TEXT])
def test_broken_blocks_are_damaged_and_examples_are_nothing(media_type, make, trust):
    data = make(TEXTS[MediaType.PYTHON], MediaType.PYTHON).data
    for found, codes in (
        (data + data, ("manifest.structuredText.multipleReferences",)),
        (data[:-40], ()),
        (data.replace(b";base64,", b";base64,*"), ()),
        (data.replace(b"data:application", b"data:aplication"), ()),
    ):
        reading = read(found, media_type, trust=trust)
        assert (reading.integrity, reading.failures) == (Integrity.DAMAGED, codes)
    for example in (b"data:application/c2pa;base64,...", b"...", b"", b"a manifest"):
        text = b"Write " + BEGIN + b" " + example + b" " + END + b" there.\n"
        assert read(text, media_type, trust=trust) is None
        assert make(text, media_type).sidecar is not None or media_type is MediaType.TEXT
    assert read(b"only " + BEGIN, media_type, trust=trust) is None


def test_references_to_a_manifest_elsewhere_are_not_followed(make, trust):
    texts = {
        MediaType.CSS: b"/* " + BEGIN + b" https://example.com/a.c2pa " + END + b" */\n",
        MediaType.HTML: PAGE.replace(b"<title>", b'<link rel="c2pa-manifest" href="a"><title>'),
    }
    for media_type, data in texts.items():
        assert read(data, media_type, trust=trust).integrity is Integrity.NOT_CHECKED
        signed = make(data, media_type)
        assert (signed.data, signed.remark is None) == (data, False)
        reading = read(data, media_type, trust=trust, sidecar=signed.sidecar)
        assert (reading.integrity, reading.detached) == (Integrity.INTACT, True)


def test_broken_elements_are_damaged(make, trust):
    page = make(PAGE, MediaType.HTML).data
    start = page.index(b"<script")
    element = page[start : page.index(b"</script>") + 9]
    several = page.replace(b"</head>", element + b"</head>")
    reading = read(several, MediaType.HTML, trust=trust)
    assert reading.failures == ("manifest.html.multipleManifests",)
    for broken in (page.replace(element, element[:60]), page.replace(b'2pa">', b'2pa">*')):
        assert read(broken, MediaType.HTML, trust=trust).integrity is Integrity.DAMAGED
    store = base64.b64decode(element[32:-9])
    spaced = page.replace(element[32:-9], base64.encodebytes(store))
    assert read(spaced, MediaType.HTML, trust=trust).integrity is Integrity.TAMPERED
    for outside in (b"<!--" + element + b"-->", b"<textarea>" + element + b"</textarea>"):
        hidden = PAGE.replace(b"Dogs", outside)
        assert read(hidden, MediaType.HTML, trust=trust) is None


@everything
@given(noise=st.binary(max_size=200))
def test_noise_is_no_manifest(media_type, noise):
    assert read(noise, media_type, trust=TrustStore()) is None
