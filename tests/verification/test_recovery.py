"""Files that have lost their metadata: the manifest comes back, and copied marks are told apart."""

import io
import sqlite3

import numpy as np
import pytest
from PIL import Image, ImageOps

from detectors import Verifier
from detectors.lookup import Lookup
from detectors.manifest_sources import RegistrySource
from detectors.report import Conclusion, Presence, Technique
from labeler.codec.payload import ShortPayload
from labeler.credentials import ROOT_FILE, SoftBinding
from labeler.provenance import Provenance
from labeler.registry import Registry, RegistryReader
from labeler.settings import Settings
from labeler.stamping import Stamper
from tests.samples import decode, encode, make_settings, photo
from tests.sounds import load, murmur, save

PROVENANCE = Provenance(generator="Example model")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("recovery"))


@pytest.fixture(scope="module")
def original():
    return photo(640, 480)


@pytest.fixture(scope="module")
def stamped(settings, original, tmp_path_factory):
    path = tmp_path_factory.mktemp("stamped") / "stamped.png"
    with Stamper(settings) as stamper:
        return path, stamper.stamp(encode(original), path, PROVENANCE)


@pytest.fixture(scope="module")
def marked(stamped):
    """The pixels of the stamped picture, and nothing else of it."""
    return decode(stamped[0].read_bytes())


@pytest.fixture(scope="module")
def verifier(settings, stamped):
    with Verifier(settings) as opened:
        yield opened


def jpeg(pixels, quality=85):
    return encode(np.asarray(pixels), "JPEG", quality=quality)


def test_a_stripped_copy_gets_its_manifest_back(verifier, stamped, marked):
    _, receipt = stamped
    report = verifier.verify(jpeg(marked[40:, 60:]), name="copy.jpg")
    assert report.conclusion is Conclusion.MARKED
    credential = report.finding(Technique.CREDENTIAL)
    assert credential.presence is Presence.PRESENT
    assert credential.detail["manifest_id"] == receipt.manifest_id
    assert (credential.detail["integrity"], credential.detail["trust"]) == ("unbound", "trusted")
    assert credential.detail["recovered"] == {
        "source": "registry",
        "algorithm": "ai.labeler.tile.1",
        "value": SoftBinding.for_payload(receipt.payload).value,
    }
    assert credential.detail["digital_source_types"][0].endswith("trainedAlgorithmicMedia")
    fingerprint = report.finding(Technique.FINGERPRINT)
    assert (fingerprint.presence, fingerprint.detail["content"]) == (Presence.PRESENT, "match")
    assert fingerprint.p_value < 1e-6


def edits(pixels):
    picture = Image.fromarray(pixels)
    width, height = picture.size
    return {
        "half": picture.crop((0, 0, round(width * 0.7), round(height * 0.7))),
        "turned": picture.rotate(5, resample=Image.Resampling.BICUBIC, expand=True),
        "upside down": picture.transpose(Image.Transpose.ROTATE_180),
        "mirrored": ImageOps.mirror(picture),
        "grey": ImageOps.grayscale(picture).convert("RGB"),
        "smaller": picture.resize((width * 3 // 4, height * 3 // 4)),
        "darker": picture.point(lambda value: value * 0.7),
    }


@pytest.mark.parametrize("edit", edits(photo(80, 60)))
def test_honest_edits_are_recognised_and_never_suspected(verifier, marked, edit):
    report = verifier.verify(jpeg(edits(marked)[edit]), name="edited.jpg")
    assert report.conclusion is Conclusion.MARKED
    assert report.finding(Technique.FINGERPRINT).detail["content"] == "match"


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_a_mark_in_another_picture_is_suspected_to_be_a_copy(verifier, original, marked, seed):
    change = marked.astype(float) - original
    other = np.clip(photo(640, 480, seed=seed) + change, 0, 255).astype(np.uint8)
    report = verifier.verify(encode(other), name="forged.png")
    assert report.finding(Technique.WATERMARK).presence is Presence.PRESENT
    assert report.conclusion is Conclusion.COPIED_MARK_SUSPECTED
    assert report.origin is None
    fingerprint = report.finding(Technique.FINGERPRINT)
    assert (fingerprint.presence, fingerprint.detail["content"]) == (Presence.ABSENT, "mismatch")
    # The manifest of what the mark was made for is not this picture's.
    assert report.finding(Technique.CREDENTIAL).presence is Presence.ABSENT
    assert any("copied" in warning for warning in report.warnings)


def test_a_mark_that_is_copied_more_strongly_into_something_smooth_is_no_match(
    settings, verifier, tmp_path
):
    """The fingerprint is of the picture before its mark, which would agree with its copy."""
    small = photo(300, 224, seed=5)
    with Stamper(settings) as stamper:
        stamper.stamp(encode(small), tmp_path / "small.png", PROVENANCE)
    change = decode((tmp_path / "small.png").read_bytes()).astype(float) - small
    shades = np.asarray(Image.fromarray(photo(24, 24, seed=6)).resize((300, 224)))
    for gain in (1, 2, 4):
        other = np.clip(np.rint(shades + gain * change), 0, 255).astype(np.uint8)
        report = verifier.verify(encode(other), name="forged.png")
        assert report.finding(Technique.WATERMARK).presence is Presence.PRESENT
        content = report.finding(Technique.FINGERPRINT).detail["content"]
        assert content in {"mismatch", "undecided"}, gain


def test_a_copy_without_any_mark_is_known_by_its_looks_and_concludes_nothing(
    verifier, original, stamped
):
    tiny = Image.fromarray(original).resize((160, 120))
    report = verifier.verify(jpeg(tiny, 60), name="tiny.jpg")
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    fingerprint = report.finding(Technique.FINGERPRINT)
    assert fingerprint.presence is Presence.PRESENT
    assert fingerprint.p_value < 1e-20
    assert any("does not mean" in warning for warning in report.warnings)
    assert "content" not in fingerprint.detail  # there is no watermark that it was made for
    assert fingerprint.detail["matches"][0]["receipt_id"] == stamped[1].receipt_id
    # What may have been its manifest is shown, and not as its own.
    credential = report.finding(Technique.CREDENTIAL)
    assert credential.presence is Presence.INCONCLUSIVE
    assert credential.detail["manifest_id"] == stamped[1].manifest_id
    assert credential.detail["recovered"] == {
        "source": "registry",
        "receipt_id": stamped[1].receipt_id,
    }


def test_an_unrelated_picture_is_unknown(verifier):
    report = verifier.verify(jpeg(photo(640, 480, seed=99)), name="other.jpg")
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert report.finding(Technique.FINGERPRINT).presence is Presence.ABSENT
    assert report.finding(Technique.FINGERPRINT).p_value is None


def test_a_file_with_its_own_credential_needs_no_other(verifier, stamped):
    credential = verifier.verify(stamped[0]).finding(Technique.CREDENTIAL)
    assert credential.detail["integrity"] == "intact"
    assert "recovered" not in credential.detail


def test_a_manifest_that_does_not_name_the_watermark_is_not_taken(
    settings, original, tmp_path_factory
):
    """Whoever may write to a registry may claim that a watermark leads to any manifest."""
    home = tmp_path_factory.mktemp("foreign")
    own = make_settings(home)
    target = io.BytesIO()
    with Stamper(own) as stamper:
        receipt = stamper.stamp(encode(photo(500, 400, seed=5)), target, PROVENANCE)
        other = stamper.stamp(encode(original), io.BytesIO(), PROVENANCE)
    with Registry.of(own) as registry:
        binding = SoftBinding.for_payload(receipt.payload)
        registry.delete_manifest(receipt.manifest_id, actor="a", reason="b")
        assert registry.bind(other.manifest_id, binding)
    with Verifier(own) as verifier:
        report = verifier.verify(jpeg(decode(target.getvalue())), name="copy.jpg")
    assert report.finding(Technique.CREDENTIAL).presence is Presence.ABSENT
    assert any("does not name it" in warning for warning in report.warnings)


def test_a_store_that_was_changed_is_not_taken(original, tmp_path_factory):
    own = make_settings(tmp_path_factory.mktemp("changed"), registry=None)
    target = io.BytesIO()
    with Stamper(own) as stamper:
        stamper.stamp(encode(original), target, PROVENANCE)
    location = own.registry_location
    if "://" in location:
        pytest.skip("the file is changed under SQLite's hands")
    with sqlite3.connect(location) as connection:
        (store,) = connection.execute("SELECT store FROM manifest").fetchone()
        at = store.index(b"Example model")
        forged = store[:at] + b"Another model" + store[at + 13 :]
        connection.execute("UPDATE manifest SET store = ?", (forged,))
    connection.close()
    with Verifier(own) as verifier:
        report = verifier.verify(jpeg(decode(target.getvalue())), name="copy.jpg")
    assert report.conclusion is Conclusion.MARKED  # by its watermark
    assert report.finding(Technique.CREDENTIAL).presence is Presence.ABSENT


def test_without_a_registry_no_fingerprint_is_taken(tmp_path, original):
    with Verifier(make_settings(tmp_path)) as verifier:
        report = verifier.verify(jpeg(original), name="picture.jpg")
    assert report.finding(Technique.FINGERPRINT) is None


# ------------------------------------------------------------------------- on another's machine


@pytest.fixture(scope="module")
def elsewhere(settings, stamped, tmp_path_factory):
    """A verifier on a machine without a registry, which asks the one that stamped."""
    own = make_settings(tmp_path_factory.mktemp("elsewhere"))
    own = Settings(home=own.home, trust_anchors=(settings.identity / ROOT_FILE,))
    with RegistryReader.of(settings) as reader, Verifier(own) as opened:
        opened._lookup = Lookup(own, sources=[RegistrySource(reader)])
        yield opened


def test_another_machines_manifest_says_what_its_picture_looked_like(elsewhere, marked, stamped):
    report = elsewhere.verify(jpeg(marked[40:, 60:]), name="copy.jpg")
    assert report.conclusion is Conclusion.MARKED
    credential = report.finding(Technique.CREDENTIAL)
    assert credential.detail["manifest_id"] == stamped[1].manifest_id
    assert credential.detail["trust"] == "trusted"
    fingerprint = report.finding(Technique.FINGERPRINT)
    assert (fingerprint.presence, fingerprint.detail["content"]) == (Presence.PRESENT, "match")


def test_and_tells_a_copied_mark_without_any_registry(elsewhere, original, marked):
    change = marked.astype(float) - original
    other = np.clip(photo(640, 480, seed=21) + change, 0, 255).astype(np.uint8)
    report = elsewhere.verify(encode(other), name="forged.png")
    assert report.conclusion is Conclusion.COPIED_MARK_SUSPECTED
    assert report.finding(Technique.CREDENTIAL).presence is Presence.ABSENT


# --------------------------------------------------------------------------------- short marks


def test_of_sounds_that_share_a_short_mark_each_gets_its_own_manifest(tmp_path):
    own = make_settings(tmp_path)
    target = tmp_path / "stamped.wav"
    with Stamper(own) as stamper:
        receipt = stamper.stamp(save(tmp_path / "a.wav", murmur(4, 16_000)), target, PROVENANCE)
    with Registry.of(own) as registry:
        assert registry.manifest(receipt.manifest_id).receipt_id == receipt.receipt_id
        short = SoftBinding.for_sound(ShortPayload.of(receipt.payload))
        assert registry.find_manifests(short.value) == (receipt.manifest_id,)
    with Verifier(own) as verifier:
        copy = save(tmp_path / "copy.mp3", load(target)[0])
        detail = verifier.verify(copy).finding(Technique.CREDENTIAL).detail
        assert detail["manifest_id"] == receipt.manifest_id
        with Registry.of(own) as registry:
            registry.delete_receipt(receipt.receipt_id, actor="a", reason="b")
        # Whatever else has the same sixteen bits is none of this sound's.
        report = verifier.verify(copy)
        assert report.finding(Technique.CREDENTIAL).presence is Presence.ABSENT
