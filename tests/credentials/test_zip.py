import base64
import hashlib
import shutil
import subprocess
from io import BytesIO
from zipfile import ZipFile

import pytest

from labeler.containers import zip as archives
from labeler.containers.splice import blocks
from labeler.credentials import (
    Parent,
    _places,
    _stores,
    _toolkit,
    _zip_place,
    can_embed,
    read,
    sign,
    sign_file,
)
from labeler.credentials._asset import FileAsset, MemoryAsset
from labeler.credentials._signing import signing
from labeler.credentials.verdicts import History, Integrity, Trust
from labeler.media.document_text import visible_text
from labeler.media.media_type import MediaType
from tests.documents import archive, docx, epub, files_of, odt, word_files, xlsx

STORE = "META-INF/content_credential.c2pa"
EMBEDDED = {MediaType.DOCX: docx, MediaType.XLSX: xlsx, MediaType.EPUB: epub}
each_kind = pytest.mark.parametrize("kind", EMBEDDED)


@each_kind
def test_compressed_documents_are_signed_within(kind, definition, identity, trust):
    data = EMBEDDED[kind]()
    assert can_embed(data, kind)
    signed = sign(data, kind, definition, identity, trust=trust)
    assert signed.sidecar is None
    assert signed.reading.integrity is Integrity.INTACT
    assert signed.reading.trust is Trust.TRUSTED
    before, after = files_of(data), files_of(signed.data)
    assert list(after) == [*before, STORE]
    types = "[Content_Types].xml"
    assert all(after[name] == before[name] for name in before if name != types)
    assert (b'Extension="c2pa" ContentType="application/c2pa"' in after.get(types, b"")) == (
        kind is not MediaType.EPUB
    )
    with ZipFile(BytesIO(signed.data)) as target:
        assert target.testzip() is None
        entry = target.getinfo(STORE)
        assert (entry.compress_type, entry.flag_bits) == (0, 0)
    texts = [visible_text(d, kind, name="a", max_characters=99) for d in (data, signed.data)]
    assert texts[0] == texts[1]


@each_kind
def test_every_change_is_seen(kind, definition, identity, trust):
    signed = sign(EMBEDDED[kind](), kind, definition, identity, trust=trust).data
    archive_ = archives.parse(BytesIO(signed))
    store = archive_.get(STORE).data
    sums = _zip_place.checksums(BytesIO(signed))
    for at in range(0, len(signed), 37):
        inside = store.start <= at < store.end or any(s.start <= at < s.end for s in sums)
        bad = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        reading = read(bad, kind, trust=trust)
        assert reading is None or inside or reading.integrity is not Integrity.INTACT


@each_kind
def test_files_put_in_later_are_seen(kind, definition, identity, trust):
    signed = sign(EMBEDDED[kind](), kind, definition, identity, trust=trust).data
    stream = BytesIO(signed)
    parts = archives.edited(archives.parse(stream), {"word/extra.xml": b"<x/>"})
    reading = read(b"".join(blocks(stream, parts)), kind, trust=trust)
    assert reading.integrity is Integrity.TAMPERED
    assert reading.signer is not None


@each_kind
def test_signing_anew_replaces_the_store(kind, definition, child_definition, identity, trust):
    first = sign(EMBEDDED[kind](), kind, definition, identity, trust=trust)
    parent = Parent(data=first.data, media_type=kind)
    second = sign(first.data, kind, child_definition, identity, trust=trust, parent=parent)
    assert second.reading.integrity is Integrity.INTACT
    assert second.reading.history is History.CLEAN
    assert list(files_of(second.data)) == list(files_of(first.data))


def test_open_documents_have_it_beside_them(definition, identity, trust):
    data = odt()
    assert not can_embed(data, MediaType.ODT)
    signed = sign(data, MediaType.ODT, definition, identity, trust=trust)
    assert signed.data == data
    assert signed.reading.integrity is Integrity.INTACT
    changed = odt(body="<text:p>Hallo</text:p>")
    reading = read(changed, MediaType.ODT, trust=trust, sidecar=signed.sidecar)
    assert reading.integrity is Integrity.TAMPERED


def test_documents_signed_in_another_way_have_it_beside_them(definition, identity, trust):
    data = docx(more={"_xmlsignatures/origin.sigs": "x"})
    signed = sign(data, MediaType.DOCX, definition, identity, trust=trust)
    assert signed.data == data
    assert signed.sidecar is not None
    assert "signed digitally" in signed.remark


def test_large_files_are_hashed_block_by_block(tmp_path, monkeypatch, definition, identity, trust):
    source, target = tmp_path / "in.docx", tmp_path / "out.docx"
    source.write_bytes(docx(more={"word/media/a.bin": bytes(range(256)) * 999}))
    monkeypatch.setattr(_stores, "_TOOLKIT_BYTES", 1000)
    signed = sign_file(source, target, MediaType.DOCX, definition, identity, trust=trust)
    assert signed.sidecar is None
    assert signed.reading.integrity is Integrity.INTACT
    found = _places.find(FileAsset(target), MediaType.DOCX)
    assert len(found.checksums) == 2
    data = bytearray(target.read_bytes())
    data[50] ^= 1
    target.write_bytes(data)
    loaded = _stores.load(FileAsset(target), MediaType.DOCX, trust=trust, sidecar=None)
    failure = loaded.store.report["validation_results"]["activeManifest"]["failure"]
    assert [entry["code"] for entry in failure] == ["assertion.dataHash.mismatch"]


# ------------------------------------------------------------------- the other hash, of each entry


@pytest.fixture(scope="module")
def collection(definition, identity, trust):
    """A document whose entries are not compressed, signed by the toolkit alone."""
    data = archive(word_files(), method=0)
    with signing(identity, None) as signer:
        signed, _ = _toolkit.sign_embedded(
            data, MediaType.DOCX.value, definition, signer, parent=None, trust=trust
        )
    return signed


def test_hashes_of_each_entry_are_read(collection, trust):
    assert read(collection, MediaType.DOCX, trust=trust).integrity is Integrity.INTACT
    asset = MemoryAsset(collection)
    binding = _toolkit.assertions_in(asset, MediaType.DOCX.value)[_zip_place.COLLECTION_HASH]
    assert _zip_place.matches_collection(binding, asset)
    # The form that the standard has.
    listed = [{"uri": name, **entry} for name, entry in binding["uris"].items()]
    assert _zip_place.matches_collection({**binding, "uris": listed}, asset)
    assert not _zip_place.matches_collection({**binding, "uris": listed[1:]}, asset)
    assert not _zip_place.matches_collection({**binding, "alg": "md5"}, asset)
    wrong = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    assert not _zip_place.matches_collection(
        {**binding, "zip_central_directory_hash": wrong}, asset
    )
    bad = MemoryAsset(collection.replace(b"Hello", b"Hallo"))
    assert not _zip_place.matches_collection(binding, bad)
    assert not _zip_place.matches_collection(binding, MemoryAsset(collection[:-1]))
    assert read(bad.data, MediaType.DOCX, trust=trust).integrity is Integrity.TAMPERED


def test_a_verdict_that_the_toolkit_cannot_give_is_put_right(collection, trust, monkeypatch):
    read_store = _toolkit.read_store

    def unable(*arguments, **options):
        store = read_store(*arguments, **options)
        active = store.report["validation_results"]["activeManifest"]
        ours = [e for e in active["success"] if "collectionHash" in e["code"]]
        active["success"] = [e for e in active["success"] if e not in ours]
        active["failure"] = [{**ours[0], "code": "assertion.collectionHash.mismatch"}]
        return store

    monkeypatch.setattr(_toolkit, "read_store", unable)
    assert read(collection, MediaType.DOCX, trust=trust).integrity is Integrity.INTACT


@pytest.mark.system
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_what_was_signed(tmp_path, definition, identity, trust):
    path = tmp_path / "a.docx"
    path.write_bytes(sign(docx(), MediaType.DOCX, definition, identity, trust=trust).data)
    command = ["soffice", "--headless", f"-env:UserInstallation={(tmp_path / 'u').as_uri()}"]
    command += ["--convert-to", "txt:Text", "--outdir", str(tmp_path), str(path)]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert (tmp_path / "a.txt").read_text(encoding="utf-8-sig").strip() == "Hello"
