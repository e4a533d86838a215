import io
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fsspec
import numpy as np
import pytest
from PIL import Image

import labeler
from labeler.codec.keys import PUBLIC_KEY, Key, save_key
from labeler.codec.payload import Handle, Origin
from labeler.credentials import (
    SOFT_BINDING_ALGORITHM,
    History,
    Integrity,
    Trust,
    TrustStore,
    load_development_identity,
    read,
)
from labeler.errors import (
    CapacityError,
    ConflictError,
    IdentityError,
    LabelerError,
    MediaTooLargeError,
    OutputError,
    ParentCredentialError,
    SettingsError,
    UnreadableMediaError,
    UnsupportedMediaError,
    WatermarkKeyError,
)
from labeler.marks import image
from labeler.media.media_type import MediaType, sniff
from labeler.metadata import read as read_metadata
from labeler.provenance import Provenance, SourceType
from labeler.receipt import Layer
from labeler.registry import RegistryReader
from labeler.settings import Settings
from labeler.stamping import Stamper
from tests.samples import EXTENSIONS, FORMATS, bomb, decode, encode, photo, with_comment

PROVENANCE = Provenance(generator="Example model", generator_version="2")
SMALL = photo(60, 40)


def credential(data, settings, sidecar=None):
    trust = TrustStore.from_development_identity(settings.identity)
    return read(data, sniff(data, name="x"), trust=trust, sidecar=sidecar)


def outcome(receipt, layer):
    return next(each for each in receipt.layers if each.layer is layer)


def registered(settings, handle):
    with RegistryReader.open(settings.registry_location) as registry:
        return registry.find(handle)


def names(directory):
    return sorted(path.name for path in directory.rglob("*"))


# ------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_carries_every_layer(stamper, settings, tmp_path, form):
    source = tmp_path / f"source{EXTENSIONS[form]}"
    source.write_bytes(encode(photo(), form))
    before = source.read_bytes()
    target = tmp_path / "out" / f"target{EXTENSIONS[form]}"
    receipt = stamper.stamp(source, target, PROVENANCE)
    written = target.read_bytes()
    assert source.read_bytes() == before
    assert names(target.parent) == [target.name]

    reading = credential(written, settings)
    assert (reading.integrity, reading.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert reading.digital_source_types == (SourceType.TRAINED_ALGORITHMIC_MEDIA.uri,)
    assert [action.name for action in reading.actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    binding = reading.soft_bindings[0]
    assert binding.algorithm == SOFT_BINDING_ALGORITHM
    assert int(binding.value, 16) == receipt.payload.to_int()
    assert read_metadata(written, sniff(written, name="x")).ai_system == "Example model"

    assert receipt.media_type == f"image/{form.lower()}"
    assert receipt.target == str(target)
    assert receipt.manifest_id == reading.manifest_id
    assert receipt.key_id == PUBLIC_KEY.key_id
    assert receipt.payload.origin is Origin.GENERATED
    assert receipt.missing == ()
    assert outcome(receipt, Layer.WATERMARK).p_value < 1e-12
    assert outcome(receipt, Layer.WATERMARK).psnr_db > 41
    assert registered(settings, receipt.payload.handle) == receipt


def test_the_stated_psnr_is_that_of_the_file(stamper, source, target):
    receipt = stamper.stamp(source, target, PROVENANCE)
    before, after = decode(source.read_bytes()), decode(target.read_bytes())
    error = np.mean((before.astype(float) - after) ** 2)
    expected = 10 * math.log10(255**2 / error)
    assert outcome(receipt, Layer.WATERMARK).psnr_db == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", ["grey", "alpha", "deep"])
def test_psnr_counts_colour_values_only_and_their_whole_range(stamper, shape):
    pixels = photo()
    if shape == "grey":
        pixels, form = pixels[..., 0], "PNG"
    elif shape == "alpha":
        pixels, form = np.dstack([pixels, pixels[..., 0]]), "PNG"
    else:
        pixels, form = pixels[..., 0].astype(np.uint16) * 257, "TIFF"
    target = io.BytesIO()
    receipt = stamper.stamp(encode(pixels, form), target, PROVENANCE)
    after = decode(target.getvalue())
    assert after.dtype == pixels.dtype
    if shape == "alpha":
        np.testing.assert_array_equal(after[..., 3], pixels[..., 3])
        pixels, after = pixels[..., :3], after[..., :3]
    error = np.mean((pixels.astype(float) - after) ** 2)
    expected = 10 * math.log10(float(np.iinfo(pixels.dtype).max) ** 2 / error)
    assert outcome(receipt, Layer.WATERMARK).psnr_db == pytest.approx(expected, abs=1e-6)


def test_pages_get_a_sidecar(stamper, settings, tmp_path):
    source = tmp_path / "pages.tif"
    source.write_bytes(encode(np.stack([photo(seed=1), photo(seed=2)]), "TIFF"))
    target = tmp_path / "out" / "pages.tif"
    receipt = stamper.stamp(source, target, PROVENANCE)
    assert receipt.sidecar == f"{target}.c2pa"
    assert names(target.parent) == ["pages.tif", "pages.tif.c2pa"]
    sidecar = (target.parent / "pages.tif.c2pa").read_bytes()
    reading = credential(target.read_bytes(), settings, sidecar)
    assert (reading.integrity, reading.detached) == (Integrity.INTACT, True)
    with Image.open(target) as pages:
        assert pages.n_frames == 2


def test_frames_that_cannot_carry_it_are_told(stamper, tmp_path, monkeypatch):
    flat = np.zeros_like(photo())
    prepare = image.prepare

    def refuse_flat(pixels, *args, **options):
        if np.ptp(pixels) == 0:
            raise CapacityError("flat")
        return prepare(pixels, *args, **options)

    monkeypatch.setattr(image, "prepare", refuse_flat)
    frames = np.stack([flat, photo(), flat + 255])
    (tmp_path / "a.png").write_bytes(encode(frames, "PNG", duration=[100, 200, 300]))
    receipt = stamper.stamp(tmp_path / "a.png", tmp_path / "b.png", PROVENANCE)
    found = outcome(receipt, Layer.WATERMARK)
    assert found.present
    assert found.reason == "2 of 3 frames are too flat to carry it"
    with Image.open(tmp_path / "b.png") as animation:
        assert animation.n_frames == 3
    with pytest.raises(CapacityError):
        stamper.stamp(encode(frames[::2]), io.BytesIO(), PROVENANCE)


def test_claims_go_into_every_layer(stamper, settings, source, target):
    edited = Provenance(
        source_type=SourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
        generator="Painter",
        title="A title",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    receipt = stamper.stamp(source, target, edited)
    reading = credential(target.read_bytes(), settings)
    assert receipt.payload.origin is Origin.MODIFIED
    assert receipt.source_type is edited.source_type
    assert reading.title == "A title"
    assert reading.source_type is edited.source_type
    assert [a.name for a in reading.actions][:2] == ["c2pa.opened", "c2pa.edited"]
    assert reading.actions[1].when == edited.created_at
    tags = read_metadata(target.read_bytes(), MediaType.PNG)
    assert tags.source_type is edited.source_type


def test_no_file_name_is_disclosed(stamper, tmp_path, png):
    source = tmp_path / "confidential-project-name.png"
    source.write_bytes(png)
    target = tmp_path / "secret-customer.png"
    stamper.stamp(source, target, PROVENANCE)
    written = target.read_bytes()
    assert b"confidential-project" not in written
    assert b"secret-customer" not in written


# ---------------------------------------------------------------------------- sources and targets


def test_every_kind_of_source_and_target(stamper, source, target, png, tmp_path):
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/stamping/in.png", png)
    stream = io.BytesIO()
    digests = [
        stamper.stamp(from_, to, PROVENANCE).source_sha256
        for from_, to in [
            (source, target),
            (str(source), str(tmp_path / "text.png")),
            (source.as_uri(), (tmp_path / "uri.png").as_uri()),
            (png, stream),
            (io.BytesIO(png), "memory://stamping/out.png"),
            ("memory://stamping/in.png", tmp_path / "from-url.png"),
        ]
    ]
    assert len(set(digests)) == 1
    written = [
        target.read_bytes(),
        (tmp_path / "text.png").read_bytes(),
        (tmp_path / "uri.png").read_bytes(),
        stream.getvalue(),
        memory.cat_file("/stamping/out.png"),
        (tmp_path / "from-url.png").read_bytes(),
    ]
    assert all(read_metadata(each, MediaType.PNG).source_type for each in written)
    assert [path for path in memory.find("/stamping") if path.endswith(".tmp")] == []


def test_threads_may_share_a_stamper(stamper, png):
    with ThreadPoolExecutor(3) as pool:
        receipts = list(pool.map(lambda _: stamper.stamp(png, io.BytesIO(), PROVENANCE), range(6)))
    assert len({receipt.payload.handle for receipt in receipts}) == 6


def test_an_existing_target_is_not_replaced(stamper, source, target):
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already") as caught:
        stamper.stamp(source, target, PROVENANCE)
    assert caught.value.file == str(target)
    assert target.read_bytes() == b"precious"
    receipt = stamper.stamp(source, target, PROVENANCE, overwrite=True)
    assert receipt.missing == ()


def test_stamping_in_place_needs_to_be_asked_for(stamper, settings, source, png):
    with pytest.raises(OutputError, match="exists already"):
        stamper.stamp(source, source, PROVENANCE)
    assert source.read_bytes() == png
    stamper.stamp(source, source, PROVENANCE, overwrite=True)
    assert credential(source.read_bytes(), settings).integrity is Integrity.INTACT
    assert names(source.parent) == ["source.png"]


def test_the_format_is_kept_and_the_target_may_not_deny_it(stamper, source, tmp_path):
    with pytest.raises(OutputError, match=r"the output is PNG.*\.png"):
        stamper.stamp(source, tmp_path / "target.jpg", PROVENANCE)
    stamper.stamp(source, tmp_path / "target", PROVENANCE)  # no extension, no promise
    assert names(tmp_path) == ["source.png", "target"]


# ------------------------------------------------------------------- what cannot carry everything


@pytest.fixture(params=["too small", "lost in encoding"])
def unfit(request, monkeypatch):
    """A JPEG that cannot carry a watermark."""
    if request.param == "too small":
        return encode(SMALL, "JPEG")
    monkeypatch.setattr(image.Prepared, "embed", lambda prepared: prepared._pixels)
    return encode(photo(), "JPEG")


def test_what_cannot_carry_a_watermark_is_refused_by_name(stamper, tmp_path, unfit):
    source, target = tmp_path / "source.jpg", tmp_path / "out" / "target.jpg"
    source.write_bytes(unfit)
    with pytest.raises(CapacityError) as caught:
        stamper.stamp(source, target, PROVENANCE)
    assert caught.value.file == str(source)
    assert "--allow-missing watermark" in caught.value.hint
    assert [name for name in names(tmp_path) if "target" in name] == []


def test_without_a_watermark_nothing_claims_one_and_pixels_stay(stamper, settings, unfit):
    target = io.BytesIO()
    receipt = stamper.stamp(unfit, target, PROVENANCE, allow_missing={Layer.WATERMARK})
    written = target.getvalue()
    reading = credential(written, settings)
    assert reading.integrity is Integrity.INTACT
    assert reading.soft_bindings == ()
    assert [action.name for action in reading.actions] == ["c2pa.created"]
    assert read_metadata(written, MediaType.JPEG).source_type is PROVENANCE.source_type
    start_of_scan = b"\xff\xda"
    assert written.endswith(unfit[unfit.index(start_of_scan) :])
    found = outcome(receipt, Layer.WATERMARK)
    assert (found.present, found.p_value, found.psnr_db) == (False, None, None)
    assert found.reason
    assert (receipt.payload, receipt.key_id) == (None, None)


def test_settings_may_allow_it_and_the_call_may_forbid_it(settings, target):
    lenient = settings.model_copy(update={"allow_missing": frozenset({Layer.WATERMARK})})
    with Stamper(lenient) as stamper:
        with pytest.raises(CapacityError):
            stamper.stamp(encode(SMALL), target, PROVENANCE, allow_missing=())
        assert stamper.stamp(encode(SMALL), target, PROVENANCE).missing


def test_without_an_identity_nothing_is_signed_and_only_if_allowed(tmp_path, png):
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(IdentityError, match="keys init"):
        Stamper(settings)
    lenient = Settings(home=tmp_path / "home", allow_missing="credential")
    target = io.BytesIO()
    with Stamper(lenient) as stamper:
        receipt = stamper.stamp(png, target, PROVENANCE)
        with pytest.raises(IdentityError):
            stamper.stamp(png, io.BytesIO(), PROVENANCE, allow_missing=())
    assert [each.layer for each in receipt.missing] == [Layer.CREDENTIAL]
    assert receipt.manifest_id is None
    assert credential_is_absent(target.getvalue())
    (missing,) = receipt.missing
    assert missing.reason.startswith(str(tmp_path / "home" / "identity"))


def test_without_an_identity_no_credential_of_the_source_is_left_broken(tmp_path, stamper):
    signed = io.BytesIO()
    stamper.stamp(encode(SMALL), signed, PROVENANCE, allow_missing={Layer.WATERMARK})
    target = tmp_path / "target.png"
    lenient = Settings(home=tmp_path / "home", allow_missing="credential,watermark")
    other = replace(PROVENANCE, generator="Another")
    with (
        Stamper(lenient) as unsigning,
        pytest.raises(ParentCredentialError, match="no longer match"),
    ):
        unsigning.stamp(signed.getvalue(), target, other)
    assert list(tmp_path.glob("*.png")) == []


def credential_is_absent(data):
    return read(data, sniff(data, name="x"), trust=TrustStore()) is None


# ----------------------------------------------------------------------------- marks in the input


@pytest.fixture(scope="session")
def stamped(stamper, png):
    stream = io.BytesIO()
    return stamper.stamp(png, stream, PROVENANCE), stream.getvalue()


def test_a_source_that_carries_a_watermark_is_refused(stamper, stamped, target):
    receipt, data = stamped
    with pytest.raises(ConflictError, match=str(receipt.payload.handle)):
        stamper.stamp(data, target, PROVENANCE)
    assert names(target.parent) == []


def test_a_watermark_can_be_kept_and_signed_again(stamper, settings, stamped, target):
    first, data = stamped
    resaved = encode(decode(data))  # as an editor would: no credential, no metadata
    edited = replace(PROVENANCE, source_type=SourceType.COMPOSITE_SYNTHETIC)
    receipt = stamper.stamp(resaved, target, edited, already_marked="keep")
    reading = credential(target.read_bytes(), settings)
    assert receipt.payload == first.payload
    assert outcome(receipt, Layer.WATERMARK).present
    assert outcome(receipt, Layer.WATERMARK).psnr_db is None
    assert int(reading.soft_bindings[0].value, 16) == first.payload.to_int()
    np.testing.assert_array_equal(decode(target.read_bytes()), decode(data))
    assert registered(settings, first.payload.handle) == first


def test_a_credential_in_the_source_becomes_the_parent(stamper, settings, stamped, target):
    _, data = stamped
    stamper.stamp(data, target, PROVENANCE, already_marked="keep")
    reading = credential(target.read_bytes(), settings)
    assert (reading.integrity, reading.history) == (Integrity.INTACT, History.CLEAN)
    assert reading.actions[0].name == "c2pa.opened"
    assert reading.inherited_source_types == (SourceType.TRAINED_ALGORITHMIC_MEDIA.uri,)


def test_a_parent_that_does_not_hold_is_refused_unless_forced(stamper, settings, stamped, target):
    source = with_comment(stamped[1])
    with pytest.raises(ParentCredentialError):
        stamper.stamp(source, target, PROVENANCE, already_marked="keep")
    assert names(target.parent) == []
    stamper.stamp(source, target, PROVENANCE, already_marked="keep", force_invalid_parent=True)
    assert credential(target.read_bytes(), settings).history is History.TAMPERED


# --------------------------------------------------------------------------------------- settings


def test_a_secret_key_marks_and_the_public_one_does_not_find_it(settings, png, tmp_path):
    key = Key.generate()
    secret = settings.model_copy(
        update={"home": tmp_path / "secret", "watermark_key_id": key.key_id}
    )
    save_key(key, secret.watermark_keys)
    identity = load_development_identity(settings.identity)
    with Stamper(secret, identity=identity) as stamper:
        receipt = stamper.stamp(png, io.BytesIO(), PROVENANCE)
    assert receipt.key_id == key.key_id


def test_an_unknown_key_is_named(settings):
    with pytest.raises(WatermarkKeyError, match="0123"):
        Stamper(settings.model_copy(update={"watermark_key_id": "0123"}))


def test_clock_and_randomness_are_parameters(settings, png, tmp_path):
    moment = datetime.now(UTC) + timedelta(days=30)
    own = settings.model_copy(update={"home": tmp_path, "issuer": 7})
    identity = load_development_identity(settings.identity)
    target = io.BytesIO()
    with Stamper(own, identity=identity, now=lambda: moment, draw=lambda _: 41) as stamper:
        receipt = stamper.stamp(png, target, PROVENANCE)
    assert receipt.payload.handle == Handle(7, 42)
    assert receipt.created_at == moment
    reading = credential(target.getvalue(), settings)
    assert {action.when for action in reading.actions} == {moment.replace(microsecond=0)}


# --------------------------------------------------------------------------------------- bad input


def bad_inputs():
    png = encode(photo())
    return {
        "empty": (b"", UnreadableMediaError),
        "truncated": (png[: len(png) // 2], UnreadableMediaError),
        "html": (b"<!DOCTYPE html><html></html>", UnsupportedMediaError),
        "noise": (bytes(range(7, 250)) * 9, UnsupportedMediaError),
        "mislabelled": (encode(photo(), "JPEG"), UnreadableMediaError),
        "bomb": (bomb(), MediaTooLargeError),
    }


@pytest.mark.parametrize("kind", bad_inputs())
def test_bad_input_is_one_clear_error_and_nothing_is_written(stamper, tmp_path, target, kind):
    data, error = bad_inputs()[kind]
    source = tmp_path / "source.png"
    source.write_bytes(data)
    with pytest.raises(error) as caught:
        stamper.stamp(source, target, PROVENANCE, allow_missing=set(Layer))
    assert caught.value.file == str(source)
    assert caught.value.hint
    assert names(target.parent) == []


def test_a_missing_source_is_named(stamper, tmp_path, target):
    with pytest.raises(UnreadableMediaError) as caught:
        stamper.stamp(tmp_path / "none.png", target, PROVENANCE)
    assert caught.value.file == str(tmp_path / "none.png")


def test_files_above_the_limit_are_refused(settings, source, target):
    with (
        Stamper(settings.model_copy(update={"max_file_bytes": 1000})) as stamper,
        pytest.raises(MediaTooLargeError),
    ):
        stamper.stamp(source, target, PROVENANCE)


def test_an_unknown_protocol_is_a_labeler_error(stamper, source):
    with pytest.raises(SettingsError):
        stamper.stamp(source, "nonsense://a/b.png", PROVENANCE)


def test_the_function_does_the_same(settings, source, target):
    receipt = labeler.stamp(source, target, PROVENANCE, settings=settings)
    assert isinstance(receipt, labeler.Receipt)
    with pytest.raises(LabelerError):
        labeler.stamp(source, target, PROVENANCE, settings=settings)
