import io
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import c2pa
import pytest
from PIL import Image

from labeler.credentials import (
    History,
    Integrity,
    Parent,
    SoftBinding,
    Trust,
    TrustStore,
    can_embed,
    describe,
    read,
    sign,
)
from labeler.credentials import _toolkit as toolkit
from labeler.credentials.tiff import count_pages
from labeler.errors import ParentCredentialError, SigningError
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance
from tests.credentials.certificates import NOW
from tests.credentials.pictures import EMBEDDED, decoded, frame, pages, picture

formats = pytest.mark.parametrize("media_type", EMBEDDED)


def tampered(data, media_type=MediaType.PNG):
    """``data`` with one bit of its pixels changed."""
    at = data.rindex(b"IDAT") + 60 if media_type is MediaType.PNG else 100
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# --------------------------------------------------------------------------------------- formats


@formats
def test_a_signed_file_is_intact_trusted_and_looks_the_same(
    media_type, definition, identity, trust
):
    data = picture(media_type)
    signed = sign(data, media_type, definition, identity, trust=trust)
    assert signed.sidecar is None
    assert decoded(signed.data) == decoded(data)
    reading = read(signed.data, media_type, trust=trust)
    assert reading == signed.reading
    assert reading.integrity is Integrity.INTACT
    assert reading.trust is Trust.TRUSTED
    assert reading.history is History.NONE
    assert reading.manifest_id == signed.manifest_id
    assert reading.manifest_id.startswith("urn:c2pa:")
    assert not reading.detached


@formats
def test_plain_c2pa_python_says_trusted_with_the_development_root(
    media_type, definition, identity, development
):
    signed = sign(picture(media_type), media_type, definition, identity)
    root = (development / "root.pem").read_text()
    anchors = [{"trust_anchors": root, "trust_kind": "manifest"}]
    context = c2pa.Context.from_dict({"trust": {"anchors": anchors}})
    reader = c2pa.Reader(media_type.value, io.BytesIO(signed.data), context=context)
    assert reader.get_validation_state() == "Trusted"


def test_heic_is_signed_where_pillow_can_make_it(definition, identity, trust):
    heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    heif.from_pillow(frame(64)).save(stream, quality=90)
    signed = sign(stream.getvalue(), MediaType.HEIC, definition, identity, trust=trust)
    assert signed.sidecar is None
    assert signed.reading.trust is Trust.TRUSTED
    assert heif.open_heif(io.BytesIO(signed.data)).size == (64, 64)


@pytest.mark.parametrize("media_type", [MediaType.GIF, MediaType.PNG, MediaType.WEBP])
def test_animations_stay_animations(media_type, definition, identity):
    stream = io.BytesIO()
    first, *rest = (frame(24, seed) for seed in range(4))
    first.save(stream, media_type.name, save_all=True, append_images=rest, duration=50)
    signed = sign(stream.getvalue(), media_type, definition, identity)
    assert len(decoded(signed.data)) == 4
    assert decoded(signed.data) == decoded(stream.getvalue())


def test_metadata_survives(definition, identity):
    exif = Image.Exif()
    exif[0x010E] = "a description"
    stream = io.BytesIO()
    frame().save(stream, "JPEG", exif=exif, icc_profile=b"\0" * 128, xmp=b"<x:xmpmeta/>")
    signed = sign(stream.getvalue(), MediaType.JPEG, definition, identity)
    with Image.open(io.BytesIO(stream.getvalue())) as a, Image.open(io.BytesIO(signed.data)) as b:
        assert a.info["exif"] == b.info["exif"]
        assert a.info["icc_profile"] == b.info["icc_profile"]
        assert a.info["xmp"] == b.info["xmp"]


def test_a_local_keys_manifest_is_small(definition, identity):
    data = picture()
    grown = len(sign(data, MediaType.PNG, definition, identity).data) - len(data)
    assert grown < 5000


# -------------------------------------------------------------------------------------- sidecars


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_of_several_pages_is_left_alone_and_gets_a_sidecar(definition, identity, trust, big):
    data = pages(big=big)
    signed = sign(data, MediaType.TIFF, definition, identity, trust=trust)
    assert signed.data == data
    assert signed.sidecar is not None
    assert read(data, MediaType.TIFF, trust=trust) is None
    reading = read(data, MediaType.TIFF, trust=trust, sidecar=signed.sidecar)
    assert (reading.integrity, reading.trust, reading.detached) == ("intact", "trusted", True)


def test_the_sidecar_of_another_file_is_no_match(definition, identity, trust):
    signed = sign(pages(), MediaType.TIFF, definition, identity, trust=trust)
    for data, media_type in ((pages(2), MediaType.TIFF), (picture(), MediaType.PNG)):
        reading = read(data, media_type, trust=trust, sidecar=signed.sidecar)
        assert reading.integrity is Integrity.TAMPERED
        assert reading.trust is Trust.TRUSTED


def test_every_changed_byte_of_a_file_with_sidecar_is_noticed(definition, identity, trust):
    data = pages(2)
    sidecar = sign(data, MediaType.TIFF, definition, identity).sidecar
    for at in (*range(0, len(data), len(data) // 60), len(data) - 1):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        reading = read(changed, MediaType.TIFF, trust=trust, sidecar=sidecar)
        assert reading.integrity is Integrity.TAMPERED, at
    for changed in (data + b"\0", data[:-1], b"", b"\0" + data):
        reading = read(changed, MediaType.TIFF, trust=trust, sidecar=sidecar)
        assert reading.integrity is not Integrity.INTACT


def test_the_manifest_in_the_file_counts_before_a_sidecar(definition, identity, trust):
    other = sign(pages(), MediaType.TIFF, definition, identity).sidecar
    signed = sign(picture(), MediaType.PNG, definition, identity)
    reading = read(signed.data, MediaType.PNG, trust=trust, sidecar=other)
    assert reading.manifest_id == signed.manifest_id
    assert reading.integrity is Integrity.INTACT


@pytest.mark.parametrize("sidecar", [b"", b"\0", b"junk" * 100])
def test_a_sidecar_that_is_none_is_damaged(sidecar, trust):
    reading = read(pages(), MediaType.TIFF, trust=trust, sidecar=sidecar)
    assert reading.integrity is Integrity.DAMAGED


def test_half_a_sidecar_is_damaged(definition, identity, trust):
    sidecar = sign(pages(), MediaType.TIFF, definition, identity).sidecar
    reading = read(pages(), MediaType.TIFF, trust=trust, sidecar=sidecar[: len(sidecar) // 2])
    assert reading.integrity is Integrity.DAMAGED


@pytest.mark.parametrize("big", [False, True])
def test_pages_are_counted(big):
    assert [count_pages(pages(count, big=big)) for count in (1, 2, 3)] == [1, 2, 2]
    assert can_embed(pages(1), MediaType.TIFF)
    assert not can_embed(pages(2), MediaType.TIFF)


@pytest.mark.parametrize("order", ["<", ">"])
def test_counting_pages_ends_on_any_input(order):
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 42)
    endless = header + struct.pack(order + "IHI", 8, 0, 8)
    assert count_pages(endless) == 2
    assert count_pages(header + struct.pack(order + "I", 1 << 31)) == 0
    assert [count_pages(data) for data in (b"", b"II", b"II*\0", b"junkjunk")] == [0] * 4
    for length in range(len(pages(2))):
        if length > 200:
            break
        assert count_pages(pages(2)[:length]) in {0, 1, 2}


# --------------------------------------------------------------------------------------- parents


def test_a_signed_source_becomes_the_parent(definition, child_definition, identity, trust):
    source = sign(picture(), MediaType.PNG, definition, identity)
    signed = sign(
        picture(MediaType.JPEG),
        MediaType.JPEG,
        child_definition,
        identity,
        parent=Parent(data=source.data, media_type=MediaType.PNG),
        trust=trust,
    )
    reading = signed.reading
    assert (reading.integrity, reading.history) == (Integrity.INTACT, History.CLEAN)
    assert reading.manifest_id != source.manifest_id
    assert source.manifest_id.encode() in signed.data
    assert [action.name for action in reading.actions] == [
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.watermarked.bound",
    ]


def test_an_unsigned_source_can_be_the_parent(child_definition, identity, trust):
    parent = Parent(data=picture(MediaType.TIFF), media_type=MediaType.TIFF)
    signed = sign(picture(), MediaType.PNG, child_definition, identity, parent=parent, trust=trust)
    assert signed.reading.history is History.NONE


def test_a_parent_with_its_manifest_in_a_sidecar_hands_it_on(
    definition, child_definition, identity, trust
):
    source = sign(pages(), MediaType.TIFF, definition, identity)
    parent = Parent(data=source.data, media_type=MediaType.TIFF, sidecar=source.sidecar)
    for data, media_type in ((picture(), MediaType.PNG), (pages(2), MediaType.TIFF)):
        signed = sign(data, media_type, child_definition, identity, parent=parent, trust=trust)
        assert signed.reading.history is History.CLEAN
        assert source.manifest_id.encode() in (signed.sidecar or signed.data)
    changed = Parent(data=source.data + b"\0", media_type=MediaType.TIFF, sidecar=source.sidecar)
    with pytest.raises(ParentCredentialError, match="changed after it was signed"):
        sign(picture(), MediaType.PNG, child_definition, identity, parent=changed)
    forced = sign(
        picture(),
        MediaType.PNG,
        child_definition,
        identity,
        parent=changed,
        force_invalid_parent=True,
    )
    assert forced.reading.history is History.TAMPERED


def test_a_tampered_parent_is_refused_unless_forced(definition, child_definition, identity, trust):
    source = sign(picture(), MediaType.PNG, definition, identity).data
    parent = Parent(data=tampered(source), media_type=MediaType.PNG)
    data = picture(size=40)
    with pytest.raises(ParentCredentialError, match=r"assertion\.dataHash\.mismatch") as caught:
        sign(data, MediaType.PNG, child_definition, identity, parent=parent, trust=trust)
    assert caught.value.hint
    signed = sign(
        data,
        MediaType.PNG,
        child_definition,
        identity,
        parent=parent,
        trust=trust,
        force_invalid_parent=True,
    )
    assert signed.reading.integrity is Integrity.INTACT
    assert signed.reading.trust is Trust.TRUSTED
    assert signed.reading.history is History.TAMPERED
    # The taint does not wash out in the next generation.
    again = Parent(data=signed.data, media_type=MediaType.PNG)
    with pytest.raises(ParentCredentialError, match="made from a file that was changed"):
        sign(picture(size=48), MediaType.PNG, child_definition, identity, parent=again)


def test_a_damaged_parent_is_refused_also_by_force(definition, child_definition, identity):
    source = sign(picture(), MediaType.PNG, definition, identity).data
    at = source.index(b"c2pa.claim") - 30
    broken = source[:at] + b"\xff" * 60 + source[at + 60 :]
    parent = Parent(data=broken, media_type=MediaType.PNG)
    for force in (False, True):
        with pytest.raises(ParentCredentialError, match="damaged"):
            sign(
                picture(),
                MediaType.PNG,
                child_definition,
                identity,
                parent=parent,
                force_invalid_parent=force,
            )


def test_an_untrusted_parent_is_no_invalid_parent(definition, child_definition, identity):
    source = sign(picture(), MediaType.PNG, definition, identity)
    parent = Parent(data=source.data, media_type=MediaType.PNG)
    signed = sign(picture(), MediaType.PNG, child_definition, identity, parent=parent)
    assert signed.reading.history is History.CLEAN


def test_a_manifest_is_never_thrown_away_silently(definition, identity):
    source = sign(picture(), MediaType.PNG, definition, identity)
    with pytest.raises(SigningError, match="carries a manifest already"):
        sign(source.data, MediaType.PNG, definition, identity)


def test_definition_and_parent_have_to_agree(definition, child_definition, identity):
    parent = Parent(data=picture(), media_type=MediaType.PNG)
    with pytest.raises(ValueError, match="parent"):
        sign(picture(), MediaType.PNG, definition, identity, parent=parent)
    with pytest.raises(ValueError, match="parent"):
        sign(picture(), MediaType.PNG, child_definition, identity)


# ---------------------------------------------------------------------------------------- failure


@pytest.mark.parametrize(
    "data", [b"", b"no picture", picture()[:100], b"\0" * 1000], ids=["empty", "text", "cut", "0"]
)
def test_what_is_no_picture_is_not_signed(data, definition, identity):
    with pytest.raises(SigningError):
        sign(data, MediaType.PNG, definition, identity)


def test_what_does_not_read_back_is_not_returned(definition, identity, monkeypatch):
    real = toolkit.sign_embedded

    def spoilt(*arguments, **options):
        data, store = real(*arguments, **options)
        return tampered(data), store

    monkeypatch.setattr(toolkit, "sign_embedded", spoilt)
    with pytest.raises(SigningError, match="does not read back") as caught:
        sign(picture(), MediaType.PNG, definition, identity)
    assert "dataHash.mismatch" in str(caught.value)


def test_definitions_that_no_validator_accepts_are_not_signed(identity):
    definition = describe(Provenance(), now=NOW, soft_bindings=[SoftBinding(value="1")])
    broken = type(definition)(
        json=definition.json.replace("c2pa.created", "c2pa.cropped"), has_parent=False
    )
    with pytest.raises(SigningError, match=r"assertion\.action\.malformed"):
        sign(picture(), MediaType.PNG, broken, identity)


def test_text_that_is_no_unicode_is_refused(identity):
    definition = describe(Provenance(title="\ud800"), now=NOW)
    with pytest.raises(SigningError):
        sign(picture(), MediaType.PNG, definition, identity)


def test_the_trust_list_of_the_signer_is_not_told_by_its_path(
    definition, child_definition, identity, trust, development
):
    source = sign(picture(), MediaType.PNG, definition, identity)
    parent = Parent(data=source.data, media_type=MediaType.PNG)
    signed = sign(picture(), MediaType.PNG, child_definition, identity, parent=parent, trust=trust)
    assert str(development).encode() not in signed.data


# ---------------------------------------------------------------------------------------- threads


def test_threads_share_an_identity_and_a_trust_store(definition, identity, trust):
    def job(seed):
        media_type = EMBEDDED[seed % len(EMBEDDED)]
        signed = sign(picture(media_type, seed=seed), media_type, definition, identity)
        return read(signed.data, media_type, trust=trust).trust

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(job, range(48))) == {Trust.TRUSTED}


FORKING = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from labeler.credentials import TrustStore, describe, load_development_identity, sign
from labeler.media.media_type import MediaType
from labeler.provenance import Provenance

data, directory = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
identity = load_development_identity(directory)
trust = TrustStore.from_development_identity(directory)
definition = describe(Provenance(), now=datetime.now(UTC))

def trusted():
    return sign(data, MediaType.PNG, definition, identity, trust=trust).reading.trust == "trusted"

assert trusted()
child = os.fork()
if child == 0:
    os._exit(0 if trusted() else 1)
assert os.waitpid(child, 0)[1] == 0
assert trusted()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_forked_child_signs_on_its_own(tmp_path, development):
    (tmp_path / "a.png").write_bytes(picture())
    command = [sys.executable, "-c", FORKING, str(tmp_path / "a.png"), str(development)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_an_empty_trust_store_is_the_default(definition, identity):
    reading = sign(picture(), MediaType.PNG, definition, identity).reading
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.NOT_CHECKED)
    assert TrustStore().lists == ()
