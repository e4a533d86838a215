"""Stamping over HTTP: what comes out is what the library makes, and nothing of it stays."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from detectors import Conclusion, Technique, verify
from detectors.service import ServiceLimits
from labeler.errors import IdentityError
from labeler.registry import Scope
from labeler.serving import create_app
from labeler.settings import Settings
from tests.service.serving import running, wait_until
from tests.serving.callers import Caller, make_key


def receipt_of(caller, answer):
    found = caller.get(answer.headers["location"])
    assert found.status_code == 200
    return found.json()


def test_a_picture_comes_back_marked_with_its_receipt(caller, settings, picture):
    answer = caller.stamp(picture, "robot.png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment"
    report = verify(answer.content, settings=settings, name="robot.png")
    assert report.conclusion is Conclusion.MARKED
    for technique in (Technique.CREDENTIAL, Technique.WATERMARK, Technique.METADATA):
        assert report.finding(technique).presence.value == "present"
    receipt = receipt_of(caller, answer)
    assert receipt["schema"] == 1
    assert receipt["receipt_id"] == answer.headers["labeler-receipt-id"]
    assert receipt["source_sha256"] == hashlib.sha256(picture).hexdigest()
    assert receipt["target_sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert (receipt["target"], receipt["sidecar"]) == ("stamped.png", None)
    assert all(layer["present"] for layer in receipt["layers"])
    found = caller.get(f"/v1/receipts?sha256={receipt['target_sha256'].upper()}").json()
    assert [each["receipt_id"] for each in found["receipts"]] == [receipt["receipt_id"]]
    assert caller.get(f"/v1/receipts?sha256={'0' * 64}").json()["receipts"] == []


def test_the_manifest_of_a_text_is_where_the_link_leads(caller, settings):
    text = b"# A report\n\nThe robot wrote these words all by itself.\n" * 3
    answer = caller.stamp(text, "report.md")
    assert answer.status_code == 200, answer.text
    assert answer.content == text
    links = answer.headers["link"]
    path = links.rpartition("<")[2].partition(">")[0]
    assert 'rel="c2pa-manifest"' in links
    manifest = caller.get(path)
    assert manifest.headers["content-type"] == "application/c2pa"
    report = verify(answer.content, settings=settings, name="report.md", sidecar=manifest.content)
    assert report.conclusion is Conclusion.MARKED
    receipt = receipt_of(caller, answer)
    assert receipt["sidecar"] == "stamped.md.c2pa"
    assert receipt["manifest_id"] == report.finding(Technique.CREDENTIAL).detail["manifest_id"]


def test_claims_and_facts_are_those_of_the_library(caller, settings, picture):
    claims = {
        "source_type": "compositeWithTrainedAlgorithmicMedia",
        "generator": "Model X",
        "generator_version": "2",
        "human_oversight": "prompt_guided",
        "created_at": "2026-08-02T12:00:00+02:00",
        "title": "A robot",
        "prompt": "p" * 20_000,
        "disclosure": None,
    }
    answer = caller.stamp(picture, "robot.png", claims=claims, allow_missing="watermark, metadata")
    assert answer.status_code == 200, answer.text
    detail = verify(answer.content, settings=settings).finding(Technique.CREDENTIAL).detail
    assert detail["title"] == "A robot"
    assert any("compositeWith" in each for each in detail["digital_source_types"])


@pytest.mark.parametrize(
    ("data", "name", "more", "status", "kind"),
    [
        ("picture", "a.png", {"claims": None}, 400, "claims"),
        ("picture", "a.png", {"claims": []}, 400, "claims"),
        ("picture", "a.png", {"claims": {"generater": "x"}}, 400, "claims"),
        ("picture", "a.png", {"claims": {"generator": 3}}, 400, "claims"),
        ("picture", "a.png", {"claims": {"source_type": "human"}}, 400, "claims"),
        ("picture", "a.png", {"claims": {"created_at": "2026-08-02T12:00:00"}}, 400, "claims"),
        ("picture", "a.png", {"claims": {"synthetic_tracks": []}}, 400, "claims"),
        ("picture", "a.png", {"claims": {"aigc": {"label": "9"}}}, 400, "claims"),
        ("picture", "a.png", {"claims": {"title": "\ud800"}}, 400, "claims"),
        ("picture", "a.png", {"facts": '{"rol": "provider"}'}, 400, "facts"),
        ("picture", "a.png", {"facts": "x"}, 400, "claims"),
        ("picture", "a.png", {"allow_missing": "marks"}, 400, "claims"),
        ("picture", "a.png", {"already_marked": "overwrite"}, 400, "claims"),
        ("picture", "a.jpg", {}, 422, "unreadable"),
        ("picture", "a.png", {"claims": {"synthetic_tracks": ["audio"]}}, 415, "unsupported"),
        ("cut", "a.png", {}, 422, "unreadable"),
        ("program", "a", {}, 415, "unsupported"),
        ("nothing", "a.png", {}, 422, "unreadable"),
        ("tiny", "a.png", {}, 422, "capacity"),
        ("bomb", "a.png", {}, 413, "too-large"),
        ("large", "a.png", {}, 413, "too-large"),
    ],
)
def test_what_is_wrong_is_the_callers_to_know(
    caller, settings, picture, data, name, more, status, kind
):
    content = {
        "picture": lambda: picture,
        "cut": lambda: picture[:2000],
        "program": lambda: b"\x7fELF" + bytes(1000),
        "nothing": lambda: b"",
        "tiny": lambda: png(8, 8),
        "bomb": lambda: png(10_001, 10_001, "1"),
        "large": lambda: picture + bytes(9 << 20),
    }[data]
    answer = caller.stamp(content(), name, **more)
    body = answer.json()
    assert (answer.status_code, body["error"]["kind"]) == (status, kind), body
    assert set(body["error"]) == {"kind", "problem", "hint", "file"}
    assert body["schema"] == 1
    assert body["error"]["problem"]
    assert body["error"]["file"] is None
    assert str(settings.home) not in answer.text
    assert str(settings.scratch) not in answer.text


def test_what_is_marked_already_is_a_conflict_unless_its_mark_is_kept(caller, picture):
    once = caller.stamp(picture, "a.png").content
    again = caller.stamp(once, "a.png")
    assert (again.status_code, again.json()["error"]["kind"]) == (409, "conflict")
    assert caller.stamp(once, "a.png", already_marked="keep").status_code == 200


def test_what_the_law_forbids_is_refused(caller, picture):
    facts = {"generation": {"sexual_image_of_identifiable_person_without_consent": True}}
    answer = caller.stamp(picture, "a.png", facts=json.dumps(facts))
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["kind"] in {"facts", "obligation"}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/stamp", Scope.STAMP),
        ("GET", "/v1/receipts?sha256=" + "0" * 64, Scope.RECEIPTS),
        ("GET", "/v1/receipts/unknown", Scope.RECEIPTS),
        ("GET", "/v1/receipts/unknown/manifest", Scope.RECEIPTS),
        ("POST", "/v1/jobs", Scope.JOBS),
        ("GET", "/v1/jobs/" + "0" * 32, Scope.JOBS),
        ("DELETE", "/v1/jobs/" + "0" * 32, Scope.JOBS),
        ("GET", "/metrics", Scope.METRICS),
    ],
)
def test_each_route_takes_a_key_that_is_good_for_it(
    service, settings, picture, method, path, scope
):
    files = {"file": ("a.png", picture)} if method == "POST" else None
    without = service.client.request(method, path, files=files)
    assert without.status_code == 401
    assert without.headers["www-authenticate"] == 'Bearer realm="labeler"'
    assert without.json()["error"]["kind"] == "unauthorised"
    others = [each for each in Scope if each is not scope]
    headers = {"Authorization": f"Bearer {make_key(settings, *others)}"}
    wrong = service.client.request(method, path, files=files, headers=headers)
    assert (wrong.status_code, wrong.json()["error"]["kind"]) == (403, "forbidden")
    headers = {"Authorization": f"Bearer {make_key(settings, scope)}"}
    right = service.client.request(method, path, files=files, headers=headers)
    assert right.status_code in {200, 400, 404}


@pytest.mark.parametrize("path", ["%00", "..", "a" * 500, "%2e%2e%2fetc", "x/manifest"])
def test_a_receipt_that_is_not_there(caller, path):
    assert caller.get(f"/v1/receipts/{path}").status_code == 404


def rows_of_jobs(registry):
    with registry._connection() as connection:
        return {tuple(row) for row in connection.exec_driver_sql("SELECT * FROM job")}


def test_a_request_that_is_sent_twice_is_stamped_once(caller, registry, picture):
    before = rows_of_jobs(registry)  # other tests share the registry
    first = caller.stamp(picture, "a.png", again="order 7")
    assert first.status_code == 200
    second = caller.stamp(picture, "a.png", again="order 7")
    assert (second.status_code, second.json()["error"]["kind"]) == (409, "already-stamped")
    assert second.headers["location"] == first.headers["location"]
    changed = caller.stamp(picture, "a.png", again="order 7", claims={"generator": "Model Y"})
    assert (changed.status_code, changed.json()["error"]["kind"]) == (422, "idempotency-key-reused")
    assert caller.stamp(picture, "a.png", again="order 8").status_code == 200
    bad = caller.stamp(picture, "a.png", again="x" * 256)
    assert (bad.status_code, bad.json()["error"]["kind"]) == (400, "bad-idempotency-key")
    rows = rows_of_jobs(registry) - before
    assert len(rows) == 2
    assert "order 7" not in repr(rows)  # nor is the source, but for its digest in one of all


def test_a_key_of_one_caller_is_none_of_anothers(caller, service, settings, picture):
    other = Caller(service.client, make_key(settings, Scope.STAMP))
    assert caller.stamp(picture, "a.png", again="1").status_code == 200
    assert other.stamp(picture, "a.png", again="1").status_code == 200


def test_a_request_that_failed_may_be_sent_again(caller, picture):
    assert caller.stamp(picture[:1000], "a.png", again="cut").status_code == 422
    assert caller.stamp(picture[:1000], "a.png", again="cut").status_code == 422


def test_nothing_stays_on_disk(caller, settings, picture, tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    secret = "Geheimplan"
    text = f"{secret}: the robot wrote these words by itself.\n".encode() * 40_000  # to disk
    # The registry's own key for texts is made with the first of them.
    assert caller.stamp(b"The robot wrote this.\n", "first.md").status_code == 200
    before = set(everything(settings.home))
    for data, name in ((picture, f"{secret}.png"), (text, f"{secret}.md")):
        assert caller.stamp(data, name).status_code == 200
        caller.stamp(data[:1000], name + ".png")
    assert list(temporary.iterdir()) == []
    # The worker's folder is there, as long as it lives, and empty.
    assert [each for each in settings.scratch.rglob("*") if not each.is_dir()] == []
    assert set(everything(settings.home)) == before
    for path, data in everything(settings.home).items():
        assert secret.encode() not in data, path
        assert picture[50:] not in data


def everything(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_the_document_of_the_interface_has_the_routes(service):
    document = service.client.get("/openapi.json").json()
    assert {
        "/v1/stamp", "/v1/receipts", "/v1/receipts/{receipt_id}",
        "/v1/receipts/{receipt_id}/manifest", "/v1/jobs", "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/file", "/metrics",
    } <= set(document["paths"])  # fmt: skip
    form = document["paths"]["/v1/stamp"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert set(form["schema"]["properties"]) == {
        "file", "provenance", "facts", "allow_missing", "already_marked",
    }  # fmt: skip


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.system
def test_a_registry_in_postgresql_does_as_well(settings, postgresql_server, picture):
    elsewhere = settings.model_copy(update={"registry": postgresql_server.new()})
    limits = ServiceLimits(workers=1, burst=1000)
    with running(create_app(elsewhere, limits=limits, stamping=True)) as service:
        caller = Caller(service.client, make_key(elsewhere, *Scope))
        answer = caller.stamp(picture, "a.png", again="1")
        assert answer.status_code == 200
        assert receipt_of(caller, answer)["target"] == "stamped.png"
        assert caller.stamp(picture, "a.png", again="1").status_code == 409
        path = caller.leave(picture, "a.png", "stamp").headers["location"]
        assert caller.wait_for(path, "done", "failed")["state"] == "done"
        manifest = caller.get(caller.get(path).json()["answer"]["manifest"])
        assert manifest.status_code == 200
        assert caller.get("/v1/receipts/%00").status_code == 404


def test_readiness_is_also_that_of_the_registry(tmp_path):
    settings = Settings(home=tmp_path / "home")
    with running(create_app(settings, limits=ServiceLimits(workers=1))) as service:
        assert service.client.get("/readyz").json() == {"status": "ok"}  # also without one
        settings.home.mkdir()
        (settings.home / "registry.sqlite3").write_bytes(b"no database" * 1000)
        wait_until(lambda: service.client.get("/readyz").status_code == 503)
        assert service.client.get("/readyz").json() == {"status": "registry-unreachable"}
        assert service.client.get("/healthz").json() == {"status": "ok"}


def test_without_an_identity_there_is_no_service_that_stamps(tmp_path):
    with pytest.raises(IdentityError):
        create_app(Settings(home=tmp_path / "home"), stamping=True)
