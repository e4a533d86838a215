"""Signed results, from the page and for programs."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import httpx
import pytest

from detectors.results import check_result
from detectors.service import create_app
from detectors.verification import load_trust
from labeler.settings import Settings


def checked(document, settings, content):
    return check_result(
        document, trust=load_trust(settings), now=datetime.now(UTC), content=content
    )


def test_the_page_gives_both_forms_of_the_signed_result(service, settings, marked):
    page = service.ask(marked, "one.png").text
    links = re.findall(
        r'<a download="verification-\w{12}\.(\w+)" href="data:([\w/]+);base64,([^"]+)"', page
    )
    assert [(kind, media_type) for kind, media_type, _ in links] == [
        ("html", "text/html"),
        ("json", "application/json"),
    ]
    for _, _, data in links:
        check = checked(base64.b64decode(data), settings, marked)
        assert check.is_good
        assert check.result.report.conclusion.value == "marked"
        assert check.result.report.file == "one.png"
        assert not checked(base64.b64decode(data), settings, marked + b"\n").is_good


def test_programs_get_the_envelope(service, settings, unmarked):
    answer = service.client.post("/v1/results", files={"file": ("a.png", unmarked)})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jose+json"
    check = checked(answer.content, settings, unmarked)
    assert check.is_good
    assert check.result.size == len(unmarked)
    assert "/v1/results" in service.client.get("/openapi.json").json()["paths"]


@pytest.mark.anyio
async def test_without_an_identity_nothing_is_signed(tmp_path):
    app = create_app(Settings(home=tmp_path / "nobody"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.post("/v1/results")).status_code == 404
        assert "/v1/results" not in (await client.get("/openapi.json")).json()["paths"]


@pytest.fixture
def anyio_backend():
    return "asyncio"
