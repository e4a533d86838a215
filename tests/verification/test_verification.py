import io
import json
import os
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import fsspec
import numpy as np
import pytest
from PIL.PngImagePlugin import PngInfo

import detectors
from detectors import Conclusion, Presence, Technique, Verifier
from detectors.conclusion import NOT_HUMAN, UNSIGNED
from detectors.report import Report
from labeler.codec.keys import PUBLIC_KEY, Key, save_key
from labeler.codec.payload import Handle, Origin, Payload
from labeler.credentials import SOFT_BINDING_ALGORITHM
from labeler.errors import (
    LabelerError,
    SettingsError,
    TrustListError,
    VerificationError,
    WatermarkKeyError,
)
from labeler.marks import image
from labeler.media.media_type import MediaType
from labeler.metadata import write as write_metadata
from labeler.provenance import Provenance
from labeler.settings import Settings
from labeler.stamping import Stamper
from tests.samples import (
    EXTENSIONS,
    FORMATS,
    bomb,
    created,
    decode,
    encode,
    photo,
    sign,
    with_comment,
)
from tests.scenes import photograph, tilted

GENERATED = "trainedAlgorithmicMedia"
PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0, 0xABCDEF))


def presences(report):
    return {finding.technique.value: finding.presence.value for finding in report.findings}


def detail(report, technique):
    return report.finding(technique).detail


def marked_png(payload=PAYLOAD, key=PUBLIC_KEY, seed=5):
    return encode(image.embed(photo(seed=seed), payload, key))


# ---------------------------------------------------------------------------------- what is found


def test_a_stamped_file_has_every_mark(isolated, stamped):
    path, receipt = stamped
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.MARKED
    assert report.origin is Origin.GENERATED
    assert report.file == str(path)
    assert report.media_type == "image/png"
    assert report.sha256 == receipt.target_sha256
    assert set(presences(report)) == {"credential", "metadata", "watermark", "fingerprint"}
    assert set(presences(report).values()) == {"present"}
    credential = detail(report, Technique.CREDENTIAL)
    assert (credential["integrity"], credential["trust"], credential["history"]) == (
        "intact",
        "trusted",
        "none",
    )
    watermark = report.finding(Technique.WATERMARK)
    assert watermark.p_value < 1e-12
    assert watermark.detail["payload"]["handle"] == str(receipt.payload.handle)
    assert watermark.detail["key_id"] == PUBLIC_KEY.key_id
    assert watermark.detail["receipt"]["receipt_id"] == receipt.receipt_id
    assert watermark.detail["receipt"]["is_as_published"] is True
    assert watermark.detail["issuer"]["name"] == "local"
    assert detail(report, Technique.METADATA)["ai_system"] == "Example model"


def test_no_path_of_the_registry_is_told(verifier, stamped):
    report = verifier.verify(stamped[0].read_bytes(), name="upload.png")
    assert str(stamped[0].parent) not in report.to_json()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_copy_that_lost_its_credential_still_leads_to_the_receipt(isolated, stamped, form):
    resaved = encode(decode(stamped[0].read_bytes()), form)
    report = isolated.verify(resaved)
    assert report.conclusion is Conclusion.MARKED
    assert presences(report) == {
        "credential": "present",
        "metadata": "absent",
        "watermark": "present",
        "fingerprint": "present",
    }
    assert detail(report, Technique.CREDENTIAL)["recovered"]["source"] == "registry"
    found = detail(report, Technique.WATERMARK)["receipt"]
    assert found["receipt_id"] == stamped[1].receipt_id
    assert found["is_as_published"] is False


def test_a_changed_file_is_tampered_with_and_its_watermark_still_reads(isolated, stamped):
    report = isolated.verify(with_comment(stamped[0].read_bytes()))
    assert report.conclusion is Conclusion.TAMPERED
    assert report.origin is Origin.GENERATED
    assert detail(report, Technique.CREDENTIAL)["integrity"] == "tampered"
    assert report.finding(Technique.WATERMARK).presence is Presence.PRESENT
    assert any("does not match" in warning for warning in report.warnings)
    assert detail(report, Technique.CREDENTIAL)["marked_by"].startswith("Labeler dev")


def test_a_changed_file_is_tampered_with_also_where_its_pixels_are_lost(verifier, stamped):
    data = bytearray(stamped[0].read_bytes())
    data[data.index(b"IDAT") + 5000] ^= 0xFF
    report = verifier.verify(bytes(data))
    assert report.conclusion is Conclusion.TAMPERED
    assert detail(report, Technique.CREDENTIAL)["integrity"] == "tampered"
    assert any("does not match" in warning for warning in report.warnings)
    assert any("damaged" in warning for warning in report.warnings)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_any_flipped_byte_of_the_picture_shows_and_the_watermark_still_reads(
    verifier, settings, form
):
    target = io.BytesIO()
    with Stamper(settings) as stamper:
        stamper.stamp(encode(photo(), form), target, Provenance())
    data = target.getvalue()
    random = np.random.default_rng(4)
    read = 0
    for _ in range(10):
        changed = bytearray(data)
        # The scan is the second half: the manifest lies before it.
        changed[random.integers(len(data) // 2, len(data))] ^= 1 << random.integers(8)
        report = verifier.verify(bytes(changed))
        assert report.conclusion is Conclusion.TAMPERED
        watermark = report.finding(Technique.WATERMARK)
        read += watermark is not None and watermark.presence is Presence.PRESENT
    assert read >= 8  # some flips leave the rest of a JPEG scan in ruins


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_in_an_unmarked_picture_and_never_a_person(verifier, form):
    report = verifier.verify(encode(photo(seed=9), form), name=f"x{EXTENSIONS[form]}")
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert report.origin is None
    assert set(presences(report).values()) == {"absent"}
    assert report.finding(Technique.WATERMARK).p_value > 1e-6
    assert NOT_HUMAN in report.warnings


def test_a_camera_credential_is_no_ai_mark(verifier, settings, png):
    signed = sign(png, "image/png", settings, created("digitalCapture"))
    report = verifier.verify(signed)
    assert report.finding(Technique.CREDENTIAL).presence is Presence.PRESENT
    assert detail(report, Technique.CREDENTIAL)["integrity"] == "intact"
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert NOT_HUMAN in report.warnings


def test_other_peoples_ai_credential_is_a_mark(verifier, settings, png):
    report = verifier.verify(sign(png, "image/png", settings, created(GENERATED)))
    assert (report.conclusion, report.origin) == (Conclusion.MARKED, Origin.GENERATED)


def test_metadata_alone_are_a_mark_with_a_warning(verifier, png):
    data = write_metadata(png, MediaType.PNG, Provenance(), name="x")
    report = verifier.verify(data)
    assert (report.conclusion, report.origin) == (Conclusion.MARKED, Origin.GENERATED)
    assert UNSIGNED in report.warnings


def test_traces_of_a_generator_are_a_hint_only(verifier):
    text = PngInfo()
    text.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler a")
    report = verifier.verify(encode(photo(seed=9), pnginfo=text))
    assert report.finding(Technique.METADATA).presence is Presence.INCONCLUSIVE
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert any("hint" in warning for warning in report.warnings)


def test_a_mark_in_one_of_many_frames_is_found(verifier):
    marked = image.embed(photo(), PAYLOAD)
    frames = np.stack([photo(seed=seed) for seed in range(2, 13)])
    frames[10] = marked  # the last one is always searched
    report = verifier.verify(encode(frames, "TIFF"))
    assert report.conclusion is Conclusion.MARKED
    assert detail(report, Technique.WATERMARK)["frame"] == 10
    assert detail(report, Technique.WATERMARK)["frame_count"] == 11
    # Eight frames were searched, and each is counted.
    one = verifier.verify(encode(marked)).finding(Technique.WATERMARK)
    assert report.finding(Technique.WATERMARK).p_value == pytest.approx(one.p_value * 8)


def test_a_mark_in_perspective_is_found_in_a_picture_alone_in_its_file(verifier):
    marked = image.embed(photograph(520, 700), PAYLOAD)
    bent = tilted(marked, 0.05, 1)
    report = verifier.verify(encode(bent, "JPEG", quality=90))
    assert report.conclusion is Conclusion.MARKED
    assert report.finding(Technique.WATERMARK).p_value <= 1e-6
    assert detail(report, Technique.WATERMARK)["payload"]["handle"] == str(PAYLOAD.handle)
    # The patient search is for pictures that are alone in their file.
    pages = verifier.verify(encode(np.stack([bent, bent[::-1]]), "TIFF"))
    assert pages.finding(Technique.WATERMARK).presence is Presence.ABSENT


# ---------------------------------------------------------------------------------- contradictions


def test_a_watermark_under_a_camera_credential_is_a_conflict(verifier, settings):
    signed = sign(marked_png(), "image/png", settings, created("digitalCapture"))
    report = verifier.verify(signed)
    assert report.conclusion is Conclusion.CONFLICTING
    assert report.origin is None


def test_another_payload_than_the_credential_names_is_a_conflict(verifier, settings):
    other = Payload(origin=Origin.GENERATED, handle=Handle(0, 1))
    value = {"alg": SOFT_BINDING_ALGORITHM, "blocks": [{"scope": {}, "value": hexed(other)}]}
    signed = sign(
        marked_png(), "image/png", settings, created(GENERATED), ("c2pa.soft-binding", value)
    )
    report = verifier.verify(signed)
    assert report.conclusion is Conclusion.CONFLICTING
    assert any("0000-00000001" in warning for warning in report.warnings)


def hexed(payload):
    return f"{payload.to_int():014x}"


@pytest.mark.parametrize("value", ["", "xyz", "f" * 15, "-1", "1" * 13, "\u0661" * 14])
def test_a_strange_soft_binding_is_no_payload(verifier, settings, png, value):
    binding = {"alg": SOFT_BINDING_ALGORITHM, "blocks": [{"scope": {}, "value": value}]}
    signed = sign(png, "image/png", settings, created(GENERATED), ("c2pa.soft-binding", binding))
    report = verifier.verify(signed)
    assert report.conclusion is Conclusion.MARKED
    assert not any("names a watermark" in warning for warning in report.warnings)


def test_metadata_against_the_credential_is_a_conflict(verifier, settings, png):
    xmp = write_metadata(png, MediaType.PNG, Provenance(), name="x")
    xmp = xmp.replace(b"trainedAlgorithmicMedia", b"digitalCapture")
    report = verifier.verify(sign(recounted(xmp), "image/png", settings, created(GENERATED)))
    assert report.conclusion is Conclusion.CONFLICTING


def recounted(data):
    """The PNG with the length and checksum of its iTXt chunk put right."""
    start = data.index(b"iTXt")
    end = data.index(b"IDAT") - 8
    body = data[start:end]
    return (
        data[: start - 4]
        + (len(body) - 4).to_bytes(4, "big")
        + body
        + zlib.crc32(body).to_bytes(4, "big")
        + data[end + 4 :]
    )


# ------------------------------------------------------------------------------------- the registry


def test_the_handle_of_another_machine_finds_no_receipt_here(settings, verifier):
    report = verifier.verify(marked_png())
    assert report.conclusion is Conclusion.MARKED
    assert detail(report, Technique.WATERMARK)["receipt"] is None
    assert any("no receipt" in warning for warning in report.warnings)


def test_a_receipt_of_another_origin_is_not_the_marks_own(verifier, stamped):
    theirs = replace(stamped[1].payload, origin=Origin.MODIFIED)
    report = verifier.verify(marked_png(theirs))
    assert detail(report, Technique.WATERMARK)["receipt"] is None


def test_the_issuer_is_looked_up(settings, tmp_path, stamped):
    file = tmp_path / "issuers.json"
    entry = {"number": 7, "name": "Example AG", "url": "https://verify.example"}
    file.write_text(json.dumps({"schema": 1, "issuers": [entry]}))
    data = marked_png(Payload(origin=Origin.GENERATED, handle=Handle(7, 1)))
    with Verifier(settings.model_copy(update={"issuer_directory": file}), isolated=False) as made:
        assert detail(made.verify(data), Technique.WATERMARK)["issuer"] == {
            **entry,
            "detector": None,
            "resolver": None,
        }
    with Verifier(settings, isolated=False) as made:
        assert detail(made.verify(data), Technique.WATERMARK)["issuer"]["url"] is None


def test_a_registry_that_is_made_later_is_used(settings, tmp_path, png):
    own = settings.model_copy(update={"registry": str(tmp_path / "later.sqlite3")})
    target = io.BytesIO()
    with Verifier(own, isolated=False) as made, Stamper(own) as stamper:
        receipt = stamper.stamp(png, target, Provenance())
        found = detail(made.verify(target.getvalue()), Technique.WATERMARK)["receipt"]
    assert found["receipt_id"] == receipt.receipt_id


def test_verifying_makes_no_registry_and_no_home(tmp_path, png):
    report = detectors.verify(png, settings=Settings(home=tmp_path / "home"), isolated=False)
    assert report.conclusion is Conclusion.NO_MARK_FOUND
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------- keys


def test_a_secret_mark_is_found_with_its_key_only(settings, verifier, tmp_path):
    key = Key.generate()
    data = marked_png(key=key)
    without = verifier.verify(data).finding(Technique.WATERMARK)
    assert without.presence is not Presence.PRESENT
    assert without.detail["payload"] is None
    own = Settings(home=tmp_path)
    save_key(key, own.watermark_keys)
    with Verifier(own) as isolated:
        found = isolated.verify(data).finding(Technique.WATERMARK)
    assert found.presence is Presence.PRESENT
    assert found.detail["key_id"] == key.key_id


def test_trust_lists_are_used(settings, stamped, tmp_path):
    root = settings.identity / "root.pem"
    elsewhere = Settings(home=tmp_path / "a")
    trusting = Settings(home=tmp_path / "a", trust_anchors=[root])
    with_folder = Settings(home=tmp_path / "b")
    with_folder.trust.mkdir(parents=True)
    (with_folder.trust / "friends.pem").write_bytes(root.read_bytes())
    verdicts = [
        detail(detectors.verify(stamped[0], settings=each), Technique.CREDENTIAL)["trust"]
        for each in (elsewhere, trusting, with_folder)
    ]
    assert verdicts == ["not-checked", "trusted", "trusted"]


# ---------------------------------------------------------------------------------------- bad files


def bad_files(png):
    return {
        "empty": (b"", "empty"),
        "truncated": (png[: len(png) // 2], "truncated"),
        "html": (b"<!DOCTYPE html><html></html>", "HTML"),
        "mislabelled": (encode(photo(), "JPEG"), "name says PNG"),
        "bomb": (bomb(), "pixels"),
        "noise": (bytes(range(7, 250)) * 9, "recognises"),
    }


@pytest.mark.parametrize(
    "kind", ["empty", "truncated", "html", "mislabelled", "bomb", "noise", "missing", "directory"]
)
def test_a_bad_file_is_a_clear_report(isolated, tmp_path, png, kind):
    path = tmp_path / "file.png"
    if kind == "directory":
        path.mkdir()
    words = "cannot be read"
    if kind in bad_files(png):
        data, words = bad_files(png)[kind]
        path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    report = isolated.verify(path)
    assert report.conclusion is Conclusion.UNREADABLE
    assert report.file == str(path)
    assert report.finding(Technique.WATERMARK) is None
    assert any(words in warning for warning in report.warnings)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_above_the_limit_is_a_report(settings, png, stamped):
    small = settings.model_copy(update={"max_file_bytes": 1000})
    with Verifier(small, isolated=False) as made:
        report = made.verify(png)
    assert report.conclusion is Conclusion.UNREADABLE
    assert "1000 bytes" in report.warnings[0]


def test_time_and_memory_are_limited(settings, stamped):
    hasty = settings.model_copy(update={"max_seconds": 0.001})
    report = detectors.verify(stamped[0], settings=hasty)
    assert report.conclusion is Conclusion.UNREADABLE
    assert report.sha256 == stamped[1].target_sha256
    assert "longer than 0.001 s" in report.warnings[0]
    poor = settings.model_copy(update={"max_memory_mib": 1})
    report = detectors.verify(encode(photo(3000, 2000)), settings=poor)
    assert report.conclusion is Conclusion.UNREADABLE
    assert "limit of 1 MiB" in report.warnings[0]


def test_a_file_cannot_make_its_report_endless(isolated, settings, png):
    actions = created(GENERATED)[1]["actions"]
    more = [{"action": "c2pa.color_adjustments", "description": "x"}] * 1000
    signed = sign(png, "image/png", settings, ("c2pa.actions.v2", {"actions": actions + more}))
    verbose = Provenance(prompt="x" * 50_000)
    report = isolated.verify(write_metadata(signed, MediaType.PNG, verbose, name="x"))
    assert len(detail(report, Technique.METADATA)["prompt"]) == 10_001
    assert len(detail(report, Technique.CREDENTIAL)["actions"]) == 200
    assert report.conclusion is Conclusion.TAMPERED


def test_a_report_comes_after_a_crash(settings, stamped, isolated):
    isolated.verify(stamped[0])
    os.kill(isolated._sandbox._worker._process.pid, 11)
    assert isolated.verify(stamped[0]).conclusion is Conclusion.MARKED


# ------------------------------------------------------------------------------------ the two ways


@pytest.mark.parametrize("kind", ["stamped", "unmarked", "tampered", "truncated"])
def test_isolated_or_not_the_report_is_the_same(isolated, verifier, stamped, png, kind):
    data = {
        "stamped": stamped[0].read_bytes(),
        "unmarked": png,
        "tampered": with_comment(stamped[0].read_bytes()),
        "truncated": png[:2000],
    }[kind]
    report = isolated.verify(data, name="a.png")
    assert report == verifier.verify(data, name="a.png")
    assert Report.from_json(report.to_json()) == report


def test_every_kind_of_source(verifier, stamped):
    data = stamped[0].read_bytes()
    fsspec.filesystem("memory").pipe_file("/verification/a.png", data)
    sources = [str(stamped[0]), "memory://verification/a.png", data, io.BytesIO(data)]
    assert {verifier.verify(each).conclusion for each in sources} == {Conclusion.MARKED}


def test_a_sidecar_is_found_beside_its_file_or_given(settings, verifier, tmp_path):
    source = encode(np.stack([photo(seed=1), photo(seed=2)]), "TIFF")
    target = tmp_path / "pages.tif"
    with Stamper(settings) as stamper:
        stamper.stamp(source, target, Provenance())
    sidecar = (tmp_path / "pages.tif.c2pa").read_bytes()
    beside = verifier.verify(target)
    assert detail(beside, Technique.CREDENTIAL)["integrity"] == "intact"
    assert detail(beside, Technique.CREDENTIAL)["detached"] is True
    data = target.read_bytes()
    alone = detail(verifier.verify(data), Technique.CREDENTIAL)
    assert alone["recovered"]["source"] == "registry"
    with Verifier(settings) as isolated:
        given = isolated.verify(data, name=str(target), sidecar=sidecar)
    assert given == beside


def test_threads_may_share_a_verifier(isolated, stamped, png):
    sources = [stamped[0], png] * 3
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(isolated.verify, sources))
    expected = [Conclusion.MARKED, Conclusion.NO_MARK_FOUND] * 3
    assert [report.conclusion for report in reports] == expected


def test_no_connection_is_made(verifier, stamped, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert verifier.verify(stamped[0]).conclusion is Conclusion.MARKED


# ------------------------------------------------------------------------ the verifier's own fault


def test_what_is_wrong_with_the_settings_is_an_error_and_not_a_report(tmp_path, png):
    home = Settings(home=tmp_path, registry=str(tmp_path / "registry.sqlite3"))
    home.watermark_keys.mkdir()
    (home.watermark_keys / "bad.key").write_text("nonsense")
    (home.watermark_keys / "bad.key").chmod(0o600)
    with pytest.raises(WatermarkKeyError):
        detectors.verify(png, settings=home)
    (home.watermark_keys / "bad.key").unlink()
    with pytest.raises(TrustListError):
        detectors.verify(png, settings=Settings(home=tmp_path, trust_anchors=[tmp_path / "none"]))
    with pytest.raises(SettingsError):
        detectors.verify(png, settings=Settings(home=tmp_path, issuer_directory=tmp_path / "none"))
    (tmp_path / "registry.sqlite3").write_bytes(b"nonsense" * 1000)
    with pytest.raises(LabelerError, match="registry"):
        detectors.verify(png, settings=home)


def test_a_worker_that_cannot_start_is_an_error_and_not_a_report(settings, png, monkeypatch):
    with Verifier(settings) as made:
        monkeypatch.setattr(made._sandbox, "_command", ("/bin/false",))
        with pytest.raises(VerificationError, match="could not be started"):
            made.verify(png)
