"""Verifying a file elsewhere: only where the service allows it, and as a file that was sent."""

from __future__ import annotations

import io
import json
import logging
import socket

import httpx
import pytest

from detectors.service import Fetcher, ServiceLimits
from detectors.service.words import LANGUAGES, words_in
from tests.service.elsewhere import HOST, elsewhere, moved, ok
from tests.service.serving import Service, a_process, free_port, serving, wait_until
from tests.service.test_page import check_page
from tests.service.test_retention import everything_below

SECRET = "Geheimplan"


@pytest.fixture(scope="module")
def site():
    with elsewhere() as site:
        yield site


async def resolve(host: str, port: int) -> list[str]:
    known = {HOST: ["127.0.0.1"], "inner.example": ["10.0.0.1"]}
    return known.get(host, ["169.254.169.254"] if host == "169.254.169.254" else [])


def fetcher(site) -> Fetcher:
    return Fetcher(
        ports={site.port},
        resolve=resolve,
        may_connect=lambda address: str(address) == "127.0.0.1",
        seconds=2,
    )


@pytest.fixture(scope="module")
def fetching(settings, site) -> Service:
    limits = ServiceLimits(workers=1, burst=1000, max_upload_bytes=4 << 20)
    with serving(settings, limits, fetcher(site)) as service:
        yield service


def ask(service: Service, url: object) -> httpx.Response:
    return service.client.post("/v1/verify", json={"url": url})


def test_a_file_elsewhere_is_verified_as_one_that_is_sent(fetching, site, marked):
    site.answers[f"/{SECRET}/one.png"] = ok(marked, "Content-Type: image/png")
    answer = ask(fetching, site.url(f"/{SECRET}/one.png"))
    assert answer.status_code == 200
    assert answer.json() == fetching.verify(marked, "one.png").json()
    assert answer.json()["conclusion"] == "marked"


def test_a_file_elsewhere_is_signed_like_one_that_is_sent(fetching, site, marked):
    site.answers["/one.png"] = ok(marked)
    answer = fetching.client.post("/v1/results", json={"url": site.url("/one.png")})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jose+json"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_a_field_for_it_that_needs_no_script(fetching, site, marked, language):
    page = check_page(fetching.client.get("/", params={"lang": language}).text, language)
    field = next(each for each in page.all("input") if each.get("type") == "url")
    assert field["name"] == "url"
    assert {"for": field["id"]} in page.all("label")
    assert words_in(language)("form.url") in page.words
    site.answers["/one.png"] = ok(marked)
    answer = fetching.client.post(f"/?lang={language}", data={"url": f" {site.url('/one.png')} "})
    assert answer.status_code == 200
    assert words_in(language)("conclusion.marked") in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("url", "status", "kind"),
    [
        ("file:///etc/passwd", 400, "bad-url"),
        ("http://2130706433/", 400, "bad-url"),
        ("http://inner.example:{port}/", 403, "not-public"),
        ("http://169.254.169.254:{port}/", 403, "not-public"),
        ("http://files.example:{port}/nothing", 424, "not-fetched"),
    ],
)
def test_what_cannot_be_fetched_is_told_in_words(fetching, site, language, url, status, kind):
    url = url.format(port=site.port)
    page = fetching.client.post(f"/?lang={language}", data={"url": url})
    assert page.status_code == status
    assert words_in(language)(f"problem.{kind}") in check_page(page.text, language).words
    answer = ask(fetching, url)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (status, kind)
    assert url not in answer.text + page.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "bad-form"),
        (b"{", "bad-form"),
        (b"[" * 10_000, "bad-form"),
        (b"\xff\xfe", "bad-form"),
        (b'{"url": 1' + b"0" * 5_000 + b"}", "bad-form"),
        (b"[]", "bad-url"),
        (b"{}", "bad-url"),
        (b"null", "bad-url"),
        (b'{"url": null}', "bad-url"),
        (b'{"url": ["http://files.example/"]}', "bad-url"),
        (b'{"url": ""}', "bad-url"),
        (b'{"url": "http://files.example/\\u0000"}', "bad-url"),
        (b'{"url": "http://files.example/\\r\\nHost: inner"}', "bad-url"),
        (b'{"url": "http://\\ud800/"}', "bad-url"),
        (b'{"file": "http://files.example/"}', "bad-url"),
    ],
)
def test_what_is_no_request_for_a_file_is_a_400(fetching, body, kind):
    answer = fetching.client.post(
        "/v1/verify", content=body, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert (answer.status_code, answer.json()["error"]["kind"]) == (400, kind)
    assert fetching.is_well


def test_a_long_request_for_a_file_is_a_413(fetching):
    answer = ask(fetching, "http://files.example/" + "a" * 100_000)
    assert answer.status_code == 413
    many = "&".join(f"a{each}=1" for each in range(1_000))
    answer = fetching.client.post(
        "/", content=many, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 400


def test_limits_of_uploads_hold_for_what_is_fetched(fetching, site):
    site.answers["/large.png"] = ok(bytes(5 << 20))
    assert ask(fetching, site.url("/large.png")).status_code == 413
    site.answers["/bomb"] = ok(b"\x1f\x8b" + bytes(100))
    assert ask(fetching, site.url("/bomb")).json()["conclusion"] == "unreadable"
    assert fetching.is_well


def test_a_page_without_an_extension_is_known_by_its_type(fetching, site):
    body = b"<!doctype html><title>x</title><p>words"
    site.answers["/"] = site.answers["/about"] = ok(body, "Content-Type: text/html; charset=utf-8")
    assert ask(fetching, site.url("/")).json()["media_type"] == "text/html"
    report = ask(fetching, site.url("/about")).json()
    assert (report["file"], report["media_type"]) == ("about.html", "text/html")


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/a/%2e%2e%2f%2e%2e%2fetc%2fpasswd.png", "passwd.png"),
        ("/a%00b%0d%0a.png", "a?b??.png"),
        ("/%e2%80%aegnp.png?x=/y", "?gnp.png"),
        ("/..", "upload"),
        ("/", "upload"),
    ],
)  # fmt: skip
def test_what_is_fetched_is_called_by_a_plain_name(fetching, site, unmarked, path, called):
    site.answers[path] = ok(unmarked)
    called = called.replace("?", "\N{REPLACEMENT CHARACTER}")
    assert ask(fetching, site.url(path)).json()["file"] == called


def test_requests_for_files_elsewhere_are_rationed_like_others(settings, site, unmarked):
    site.answers["/one.png"] = ok(unmarked)
    limits = ServiceLimits(workers=1, burst=2, requests_per_second=0.01)
    with serving(settings, limits, fetcher(site)) as service:
        assert ask(service, "file:///etc/passwd").status_code == 400
        assert ask(service, site.url()).status_code == 200
        before = site.connections
        refused = ask(service, site.url())
        assert (refused.status_code, refused.json()["error"]["kind"]) == (429, "too-many-requests")
        assert int(refused.headers["retry-after"]) > 0
        assert service.client.post("/", data={"url": site.url()}).status_code == 429
        assert site.connections == before


def test_nothing_of_it_is_kept_or_logged(fetching, site, caplog, monkeypatch, tmp_path):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # the client's, not ours
    monkeypatch.setattr(logging.getLogger("httpcore"), "disabled", True)
    for name in ("http11", "connection"):  # in a process of its own, `labeler serve` does this
        monkeypatch.setattr(logging.getLogger(f"httpcore.{name}"), "disabled", True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    site.answers[f"/{SECRET}.txt?{SECRET}"] = ok(f"{SECRET} of a stranger".encode() * 100_000)
    site.answers["/on"] = moved(f"/{SECRET}.txt?{SECRET}")
    assert ask(fetching, site.url("/on")).status_code in {200, 422}
    assert ask(fetching, site.url(f"/{SECRET}")).status_code == 424
    assert ask(fetching, f"http://{SECRET}.example:{site.port}/").status_code >= 400
    assert everything_below(tmp_path) == {}
    assert "verified" in caplog.text
    assert SECRET.lower() not in caplog.text.lower()
    assert HOST not in caplog.text


def test_the_interface_is_described(fetching, service):
    described = fetching.client.get("/openapi.json").json()["paths"]["/v1/verify"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["url"]
    assert {"403", "424"} <= set(described["responses"])
    plain = service.client.get("/openapi.json").json()["paths"]["/v1/verify"]["post"]
    assert set(plain["requestBody"]["content"]) == {"multipart/form-data"}
    assert not {"403", "424"} & set(plain["responses"])


def test_without_leave_nothing_is_fetched(service, site, marked):
    before = site.connections
    for path in ("/v1/verify", "/v1/results", "/"):
        for body in ({"json": {"url": site.url()}}, {"data": {"url": site.url()}}):
            assert service.client.post(path, **body).status_code == 400
    files = {"file": ("one.png", io.BytesIO(marked))}
    assert service.client.post("/v1/verify", files=files, data={"url": site.url()}).is_success
    assert 'type="url"' not in service.client.get("/").text
    assert site.connections == before


def test_the_command_needs_to_be_told_and_keeps_to_public_addresses(tmp_path):
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", 0)) as inner,
        a_process(tmp_path, "--port", str(port), "--workers", "1", "--allow-urls") as process,
    ):
        inner.settimeout(0.2)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        wait_until(lambda: answers(client))
        place = f"127.0.0.1:{inner.getsockname()[1]}"
        kinds = {
            url: client.post("/v1/verify", json={"url": url}).json()["error"]["kind"]
            for url in (
                f"http://{place}/{SECRET}", f"http://127.0.0.1/{SECRET}", "http://localhost/",
                "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://0/",
                "http://metadata.internal.invalid/",
            )
        }  # fmt: skip
        assert list(kinds.values()) == ["bad-url", *["not-public"] * 4, "bad-url", "not-public"]
        assert 'type="url"' in client.get("/").text
        with pytest.raises(TimeoutError):
            inner.accept()
        client.close()
        process.terminate()
        assert process.wait(30) is not None
        log = process.stderr.read()
    assert SECRET not in log
    assert "Traceback" not in log


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


def test_the_answer_of_json_is_json(fetching):
    answer = ask(fetching, 5)
    assert json.loads(answer.text)["schema"] == 1
    assert answer.headers["content-security-policy"]
