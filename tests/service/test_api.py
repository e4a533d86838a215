"""The interface for programs."""

from __future__ import annotations

import json

import pytest

from detectors import Report, Technique, verify


def test_the_answer_is_the_report_of_verify(service, settings, marked):
    answer = service.verify(marked, "one.png")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(verify(marked, settings=settings, name="one.png").to_json())
    report = Report.from_json(answer.text)
    assert report.conclusion.value == "marked"
    assert report.finding(Technique.WATERMARK).detail["receipt"]["is_as_published"]


def test_no_mark_is_no_claim_that_a_person_made_it(service, unmarked):
    answer = service.verify(unmarked, "holiday.png")
    assert answer.status_code == 200
    assert answer.json()["conclusion"] == "no-mark-found"
    assert any("does not mean that a person" in each for each in answer.json()["warnings"])
    assert "human" not in answer.text


def test_a_file_that_cannot_be_examined_is_a_422_with_its_report(service):
    answer = service.verify(b"\x7fELF" + bytes(100), "program")
    assert answer.status_code == 422
    assert answer.json()["conclusion"] == "unreadable"
    assert answer.json()["warnings"]


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\me\\one.png", "one.png"),
        ("a\u202egnp.exe.png", "a\N{REPLACEMENT CHARACTER}gnp.exe.png"),
        ("..", "upload"),
        ("/", "upload"),
        ("x" * 400 + ".png", "x" * 196 + ".png"),
        ("zee\u00e9n.png", "zee\u00e9n.png"),
    ],
)
def test_a_name_is_a_name_without_folders(service, unmarked, given, called):
    assert service.verify(unmarked, given).json()["file"] == called


def test_health_and_readiness(service):
    for path in ("/healthz", "/readyz"):
        answer = service.client.get(path)
        assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        ({"method": "POST", "url": "/v1/verify"}, 400, "bad-form"),
        ({"method": "POST", "url": "/v1/verify", "content": b"x" * 100}, 400, "bad-form"),
        ({"method": "POST", "url": "/v1/verify", "data": {"file": "text"}}, 400, "bad-form"),
        ({"method": "POST", "url": "/v1/verify", "files": {"other": b"x"}}, 400, "no-file"),
        ({"method": "GET", "url": "/v1/verify"}, 405, "not-allowed"),
        ({"method": "GET", "url": "/v2/verify"}, 404, "not-found"),
        ({"method": "GET", "url": "/docs"}, 404, "not-found"),
        ({"method": "GET", "url": "/static/../app.py"}, 404, "not-found"),
        ({"method": "GET", "url": "/static/%2e%2e/app.py"}, 404, "not-found"),
    ],
)
def test_what_is_wrong_is_told_like_other_errors(service, request_, status, kind):
    answer = service.client.request(**request_)
    assert answer.status_code == status
    body = answer.json()
    assert body["schema"] == 1
    assert set(body["error"]) == {"kind", "problem", "hint", "file"}
    assert body["error"]["kind"] == kind
    assert body["error"]["problem"]


def test_an_empty_file_was_sent_all_the_same(service):
    assert service.verify(b"", "empty.png").status_code == 422


def test_the_document_of_the_interface_says_what_comes(service, marked):
    document = service.client.get("/openapi.json").json()
    own = {path for path in document["paths"] if "c2pa" not in path}
    assert own == {"/v1/verify", "/v1/results", "/healthz", "/readyz", "/metrics"}
    operation = document["paths"]["/v1/verify"]["post"]
    assert set(operation["responses"]) == {"200", "400", "408", "413", "422", "429", "503"}
    schema = document["components"]["schemas"]["ReportBody"]
    assert set(schema["properties"]) == set(service.verify(marked, "one.png").json())
    assert "multipart/form-data" in operation["requestBody"]["content"]


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/openapi.json", "/static/style.css", "/nowhere", "/v1/verify"]
)
def test_every_response_tells_browsers_to_be_careful(service, path):
    headers = service.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
