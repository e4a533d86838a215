"""With a secret key, what is stamped carries a public signpost beside its mark, and both read."""

import io
import json
from pathlib import Path

import c2pa
import cv2
import numpy as np
import pytest

from detectors import Conclusion, Presence, Technique, Verifier
from labeler.codec.keys import PUBLIC_KEY, Key, save_key
from labeler.codec.payload import Handle, Origin, Payload, ShortPayload
from labeler.errors import CapacityError, WatermarkKeyError
from labeler.marks import audio, image
from labeler.marks.signpost import Signpost
from labeler.provenance import Provenance, Track
from labeler.receipt import Layer, Receipt
from labeler.registry import RegistryReader
from labeler.settings import Settings
from labeler.stamping import Stamper, readback
from tests.films import film
from tests.samples import encode, make_settings, photo
from tests.sounds import murmur, save

KEY = Key.from_bytes(bytes(range(32)))
PROVENANCE = Provenance(generator="Example model")
BOTH = {KEY.key_id, PUBLIC_KEY.key_id}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signposts")
    made = make_settings(
        folder,
        watermark_key_id=KEY.key_id,
        issuer=7,
        detector_url="https://detector.example/ask",
        resolver_url="https://detector.example/sbr",
    )
    save_key(KEY, made.watermark_keys)
    return made


@pytest.fixture(scope="module")
def stamper(settings):
    with Stamper(settings) as made:
        yield made


@pytest.fixture(scope="module")
def verifier(settings):
    """Has the secret key."""
    with Verifier(settings, isolated=False) as made:
        yield made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Has not."""
    settings = Settings(home=tmp_path_factory.mktemp("stranger"))
    with Verifier(settings, isolated=False) as made:
        yield made


@pytest.fixture(scope="module")
def picture(stamper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("picture")
    (folder / "source.png").write_bytes(encode(photo(640, 480)))
    return stamper.stamp(folder / "source.png", folder / "out.png", PROVENANCE)


def bare(receipt):
    """A copy without metadata, as a re-encoded JPEG."""
    pixels = cv2.imread(receipt.target)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def watermark(receipt):
    return next(each for each in receipt.layers if each.layer is Layer.WATERMARK)


def manifest(media_type, path):
    """The active manifest, as the C2PA toolkit shows it to anybody."""
    store = json.loads(c2pa.Reader(media_type, io.BytesIO(path.read_bytes())).json())
    return store["manifests"][store["active_manifest"]]


def payloads(finding):
    return {each["key_id"]: each["payload"] for each in finding.detail["layers"]}


# --------------------------------------------------------------------------------------- pictures


def test_each_key_is_read_back_and_the_receipt_says_how(picture):
    outcome = watermark(picture)
    readings = {each.key_id: each.p_value for each in outcome.readings}
    assert set(readings) == BOTH
    assert max(readings.values()) < 1e-9
    assert outcome.p_value == readings[KEY.key_id] == readings[picture.key_id]
    assert outcome.psnr_db > 43
    assert Receipt.from_json(picture.to_json()) == picture


def test_who_has_the_key_reads_both_and_a_stranger_the_signpost(picture, verifier, stranger):
    for look, keys in ((verifier, BOTH), (stranger, {PUBLIC_KEY.key_id})):
        report = look.verify(bare(picture))
        finding = report.finding(Technique.WATERMARK)
        assert finding.presence is Presence.PRESENT
        assert set(payloads(finding)) == keys
        assert {each["handle"] for each in payloads(finding).values()} == {
            str(picture.payload.handle)
        }
        assert finding.detail["payload"]["handle"] == str(picture.payload.handle)
        assert report.conclusion is Conclusion.MARKED
        assert finding.p_value == min(each["p_value"] for each in finding.detail["layers"])


@pytest.mark.parametrize("overwriting", ["copied", "written over"])
def test_a_signpost_that_says_something_else_is_a_conflict(
    picture, verifier, stranger, overwriting
):
    """Anyone can write under the public key; who has the secret key sees that it was done."""
    foreign = Payload(origin=Origin.GENERATED, handle=Handle(9, 1))
    if overwriting == "copied":
        beside = Signpost(payload=foreign)
        pixels = image.embed(photo(640, 480), picture.payload, KEY, signpost=beside)
    else:
        pixels = np.asarray(cv2.imread(picture.target)[..., ::-1])
        pixels = image.embed(pixels, foreign, PUBLIC_KEY, strength="robust")
    data = encode(pixels)
    report = verifier.verify(data)
    assert report.conclusion is Conclusion.CONFLICTING
    assert report.origin is None
    told = payloads(report.finding(Technique.WATERMARK))
    assert told[KEY.key_id]["handle"] == str(picture.payload.handle)
    assert told[PUBLIC_KEY.key_id]["handle"] == str(foreign.handle)
    assert any("several keys that say different things" in each for each in report.warnings)
    assert stranger.verify(data).conclusion is Conclusion.MARKED


def test_the_signpost_can_be_switched_off(settings, stranger, tmp_path):
    (tmp_path / "source.png").write_bytes(encode(photo()))
    with Stamper(settings.model_copy(update={"public_signpost": False})) as stamper:
        receipt = stamper.stamp(tmp_path / "source.png", tmp_path / "out.png", PROVENANCE)
    assert [each.key_id for each in watermark(receipt).readings] == [KEY.key_id]
    finding = stranger.verify(bare(receipt)).finding(Technique.WATERMARK)
    assert finding.presence is not Presence.PRESENT
    assert finding.detail["layers"] == []


def test_with_the_public_key_there_is_one_layer(tmp_path):
    settings = make_settings(tmp_path)
    (tmp_path / "source.png").write_bytes(encode(photo()))
    with Stamper(settings) as stamper:
        receipt = stamper.stamp(tmp_path / "source.png", tmp_path / "out.png", PROVENANCE)
    (reading,) = watermark(receipt).readings
    assert reading.key_id == receipt.key_id == PUBLIC_KEY.key_id
    pixels = cv2.imread(receipt.target)[..., ::-1]
    assert np.array_equal(pixels, image.embed(photo(), receipt.payload))


def test_what_is_kept_is_read_back_in_both_layers(picture, stamper, tmp_path):
    receipt = stamper.stamp(
        picture.target, tmp_path / "kept.png", PROVENANCE, already_marked="keep"
    )
    assert {each.key_id for each in watermark(receipt).readings} == BOTH
    assert receipt.payload == picture.payload


def test_every_page_carries_both(stamper, tmp_path):
    pages = np.stack([photo(400, 300, seed) for seed in range(3)])
    (tmp_path / "pages.tif").write_bytes(encode(pages, "TIFF"))
    receipt = stamper.stamp(tmp_path / "pages.tif", tmp_path / "out.tif", PROVENANCE)
    assert {each.key_id for each in watermark(receipt).readings} == BOTH


def _deaf(monkeypatch, key):
    """Nothing that is written is read under that key."""
    real = readback.readings

    def readings(expected, found):
        return real(expected, [each for each in found if each.key_id != key.key_id])

    for module in ("pictures", "sounds", "moving_pictures"):
        monkeypatch.setattr(f"labeler.stamping.{module}.readings", readings)


def test_a_signpost_that_is_lost_is_no_mark_silently_not_made(stamper, tmp_path, monkeypatch):
    (tmp_path / "source.png").write_bytes(encode(photo()))
    _deaf(monkeypatch, PUBLIC_KEY)
    with pytest.raises(CapacityError, match="does not read back") as caught:
        stamper.stamp(tmp_path / "source.png", tmp_path / "out.png", PROVENANCE)
    assert "LABELER_PUBLIC_SIGNPOST=false" in caught.value.hint
    assert not (tmp_path / "out.png").exists()


def test_where_the_watermark_may_be_missing_the_signpost_goes_first(stamper, tmp_path, monkeypatch):
    (tmp_path / "source.png").write_bytes(encode(photo()))
    _deaf(monkeypatch, PUBLIC_KEY)
    receipt = stamper.stamp(
        tmp_path / "source.png",
        tmp_path / "out.png",
        PROVENANCE,
        allow_missing={Layer.WATERMARK},
    )
    assert watermark(receipt).present
    assert [each.key_id for each in watermark(receipt).readings] == [KEY.key_id]
    assert "no public signpost" in watermark(receipt).reason


# --------------------------------------------------------------------------------- sound and films


def test_a_sound_carries_both(stamper, verifier, stranger, tmp_path):
    source = save(tmp_path / "voice.wav", murmur(20))
    receipt = stamper.stamp(source, tmp_path / "out.wav", PROVENANCE)
    assert {each.key_id for each in watermark(receipt).readings} == BOTH
    for look, keys in ((verifier, BOTH), (stranger, {PUBLIC_KEY.key_id})):
        finding = look.verify(tmp_path / "out.wav").finding(Technique.WATERMARK)
        assert set(payloads(finding)) == keys
        assert finding.detail["payload"]["handle"] == str(receipt.payload.handle)


def test_a_short_sound_has_both_in_the_short_form_and_is_told_by_ear(stamper, verifier, tmp_path):
    source = save(tmp_path / "voice.wav", murmur(6))
    receipt = stamper.stamp(source, tmp_path / "out.wav", PROVENANCE)
    assert {each.key_id for each in watermark(receipt).readings} == BOTH
    finding = verifier.verify(tmp_path / "out.wav").finding(Technique.WATERMARK)
    tag = ShortPayload.of(receipt.payload).tag
    assert {each["short_payload"]["tag"] for each in finding.detail["layers"]} == {tag}
    assert finding.detail["receipt"]["receipt_id"] == receipt.receipt_id


def test_a_signpost_alone_may_be_short(stamper, settings, stranger, tmp_path, monkeypatch):
    """Where a sound has room for one whole payload, the signpost, which is weaker, is short."""
    embed = audio.embed_blocks

    def roomless(*arguments, signpost=None, **options):
        if signpost is not None and isinstance(signpost.payload, Payload):
            raise CapacityError("no room for both")
        return embed(*arguments, signpost=signpost, **options)

    monkeypatch.setattr(audio, "embed_blocks", roomless)
    source = save(tmp_path / "voice.wav", murmur(12))
    receipt = stamper.stamp(source, tmp_path / "out.wav", PROVENANCE)
    outcome = watermark(receipt)
    assert "signpost in its short form" in outcome.reason
    assert {each.key_id for each in outcome.readings} == BOTH
    finding = stranger.verify(tmp_path / "out.wav").finding(Technique.WATERMARK)
    assert finding.detail["short_payload"]["tag"] == ShortPayload.of(receipt.payload).tag
    active = manifest("audio/wav", tmp_path / "out.wav")
    algorithms = [
        each["data"]["alg"]
        for each in active["assertions"]
        if each["label"].startswith("c2pa.soft-binding")
    ]
    assert algorithms == ["ai.labeler.patchwork.1", "ai.labeler.patchwork.short.1"]
    with RegistryReader.open(settings.registry_location) as registry:
        assert registry.find(receipt.payload.handle) == receipt


def test_both_tracks_of_a_film_carry_both(stamper, verifier, stranger, tmp_path):
    source = film(tmp_path / "film.mp4", frames=60, sound="aac")
    receipt = stamper.stamp(source, tmp_path / "out.mp4", PROVENANCE)
    read = {(each.track, each.key_id) for each in watermark(receipt).readings}
    assert read == {(track, key_id) for track in Track for key_id in BOTH}
    assert watermark(receipt).p_value == max(
        each.p_value for each in watermark(receipt).readings if each.key_id == KEY.key_id
    )
    for look, keys in ((verifier, BOTH), (stranger, {PUBLIC_KEY.key_id})):
        report = look.verify(tmp_path / "out.mp4")
        for finding in report.findings:
            if finding.technique is Technique.WATERMARK:
                assert set(payloads(finding)) == keys
        assert report.conclusion is Conclusion.MARKED


# ------------------------------------------------------------------------------------ the manifest


def test_the_manifest_says_whom_to_ask_and_any_reader_shows_it(picture, stranger):
    active = manifest("image/png", Path(picture.target))
    said = {each["label"]: each["data"] for each in active["assertions"]}
    assert said["ai.labeler.signpost"] == {
        "issuer": 7,
        "detector": "https://detector.example/ask",
        "resolver": "https://detector.example/sbr",
    }
    finding = stranger.verify(picture.target).finding(Technique.CREDENTIAL)
    assert finding.detail["signpost"] == {
        "issuer": 7,
        "detector_url": "https://detector.example/ask",
        "resolver_url": "https://detector.example/sbr",
    }


def test_a_manifest_that_knows_nobody_to_ask_does_not_say_so(tmp_path):
    (tmp_path / "source.png").write_bytes(encode(photo()))
    settings = make_settings(tmp_path)
    with Stamper(settings) as stamper:
        receipt = stamper.stamp(tmp_path / "source.png", tmp_path / "out.png", PROVENANCE)
    assert b"ai.labeler.signpost" not in (tmp_path / "out.png").read_bytes()
    with Verifier(settings, isolated=False) as verifier:
        finding = verifier.verify(receipt.target).finding(Technique.CREDENTIAL)
    assert finding.detail["signpost"] is None


def test_the_addresses_are_a_part_of_what_was_asked_for(settings, stamper, picture, tmp_path):
    source = tmp_path / "source.png"
    source.write_bytes(encode(photo(640, 480)))
    assert stamper.find_published(source, picture.target, PROVENANCE) is not None
    for change in ({"public_signpost": False}, {"resolver_url": "https://other.example"}):
        with Stamper(settings.model_copy(update=change)) as other:
            assert other.find_published(source, picture.target, PROVENANCE) is None


def test_a_key_that_is_not_there_is_told_as_ever(settings):
    with pytest.raises(WatermarkKeyError):
        Stamper(settings.model_copy(update={"watermark_key_id": "0" * 16}))
