"""What strangers send to ``labeler serve``: a 4xx, or what is true of the file; nothing is left.

A file that can be examined gets its report, whatever else is in it or behind it: a JPEG with an
archive behind it is a JPEG wherever it is shown, and a mark in it is a mark. To refuse it would
hide that. No part of any file is ever sent back, so there is nothing that a browser could run.
"""

from __future__ import annotations

import io
import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.service import hostile
from tests.service.serving import a_process, free_port, wait_until
from tests.service.test_adversary import HEAD, part, status
from tests.service.test_retention import everything_below

SECRET = "Geheimplan"
FILES = {
    **{f"bomb-{name}": each for name, each in hostile.bombs().items()},
    **{f"crowd-{name}": each for name, each in hostile.crowds().items()},
    **{f"cut-{name}": each for name, each in hostile.truncated().items()},
    **{f"polyglot-{name}": each for name, each in hostile.polyglots().items()},
}
EXAMINED = {
    "bomb-png-text": "a picture of 9 pixels a side; its text is unpacked up to a limit",
    "bomb-png-profile": "the same, with its profile",
    **{name: "a whole file of one format" for name in FILES if name.startswith("polyglot")},
}
"""Files that get a report, and why that is true."""
SECONDS = 20.0
"""Most that one file may take here; the service itself would give it a minute."""


@dataclass(frozen=True)
class Process:
    """The command in a process of its own, behind a proxy that names another client each time."""

    client: httpx.Client
    address: tuple[str, int]
    home: Path
    temporary: Path
    _clients: Iterator[int]

    def _from(self) -> dict[str, str]:
        number = next(self._clients)
        return {"X-Forwarded-For": f"198.51.{number // 250}.{number % 250 + 1}"}

    def verify(self, data: bytes, name: str, path: str = "/v1/verify") -> httpx.Response:
        return self.client.post(path, files={"file": (name, data)}, headers=self._from())

    def post(self, path: str, body: bytes, kind: str) -> httpx.Response:
        headers = {"Content-Type": kind} | self._from()
        return self.client.post(path, content=body, headers=headers)

    def send(self, raw: bytes) -> bytes:
        """What comes back for bytes that are sent as they are."""
        with socket.create_connection(self.address, timeout=20) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # it need not hear us out
                connection.sendall(raw)
            received = b""
            with suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    received += piece
            return received

    @property
    def is_well(self) -> bool:
        return all(self.client.get(path).is_success for path in ("/healthz", "/readyz"))

    @property
    def left(self) -> dict[str, bytes]:
        """What lies on disk."""
        return everything_below(self.temporary) | everything_below(self.home)


@pytest.fixture(scope="module")
def process(tmp_path_factory, unmarked) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("hostile")
    temporary, home, port = folder / "tmp", folder / "home", free_port()
    temporary.mkdir()
    home.mkdir()
    options = ("--port", str(port), "--workers", "2", "--max-upload", "12",
               "--trusted-proxy", "127.0.0.1")  # fmt: skip
    with (
        a_process(home, *options, TMPDIR=str(temporary), LABELER_LOG_LEVEL="DEBUG") as running,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90) as client,
    ):
        process = Process(client, ("127.0.0.1", port), home, temporary, itertools.count())

        def is_ready() -> bool:
            try:
                return client.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(is_ready)
        yield process
        # After all of it: a good file is verified, and the log says nothing of the others.
        assert process.is_well
        assert process.verify(unmarked, "holiday.png").json()["conclusion"] == "no-mark-found"
        assert process.left == {}
        running.terminate()
        running.wait(30)
        log = running.stderr.read()
    assert "verified" in log
    for word in (SECRET, "holiday", "Traceback", "defect", "alert(", "198.51."):
        assert word not in log


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_a_4xx_or_gets_a_true_report(process, name):
    data, called = FILES[name]
    began = time.monotonic()
    answer = process.verify(data, f"{SECRET}{called}")
    assert time.monotonic() - began < SECONDS
    report = answer.json()
    if name in EXAMINED:
        assert (answer.status_code, report["conclusion"]) == (200, "no-mark-found")
        assert any("does not mean that a person" in each for each in report["warnings"])
    else:
        assert (answer.status_code, report["conclusion"]) == (422, "unreadable")
        assert report["warnings"]
    assert "<script>" not in answer.text
    assert process.is_well
    assert process.left == {}


@pytest.mark.parametrize("name", [name for name in EXAMINED if name.startswith("polyglot")])
def test_the_page_about_a_polyglot_holds_nothing_of_it(process, name):
    data, called = FILES[name]
    answer = process.verify(data, f"<script>alert(1)</script>{called}", "/")
    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"


def names_elsewhere(url: bytes) -> dict[str, tuple[bytes, str]]:
    """Files that say where their manifest, their parts or their pictures are."""
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-"
    xmp += (
        b"rdf-syntax-ns#'><rdf:Description rdf:about='' xmlns:dcterms='http://purl.org/dc/terms/' "
    )
    xmp += b"dcterms:provenance='" + url + b"'/></rdf:RDF></x:xmpmeta>"
    pictures = {}
    for form, ending in (("JPEG", "jpg"), ("WEBP", "webp"), ("PNG", "png")):
        file = io.BytesIO()
        Image.open(io.BytesIO(hostile.picture())).save(file, form, xmp=xmp)
        pictures[ending] = (file.getvalue(), f"a.{ending}")
    link = b"<html><head><link rel='c2pa-manifest' href='" + url + b"'></head><p>words"
    return pictures | {
        "html": (b"<!doctype html>" + link, "a.html"),
        "image": (b"<!doctype html><img src='" + url + b"'><p>words", "a.html"),
        "playlist": (b"#EXTM3U\n#EXTINF:1\n" + url + b"\n", "a.mp4"),
        "concat": (b"ffconcat version 1.0\nfile '" + url + b"'\n", "a.mkv"),
        "dash": (b"<MPD><BaseURL>" + url + b"</BaseURL></MPD>", "a.mp4"),
        "sdp": (b"v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=" + url, "a.mp4"),
        "docx": (hostile.document(b"<!DOCTYPE x SYSTEM '" + url + b"'><x/>"), "a.docx"),
        "entity": (hostile.document(
            b"<!DOCTYPE x [<!ENTITY e SYSTEM '" + url + b"'>]><x>&e;</x>"), "a.docx"),
        "mp4": (hostile.FTYP + hostile.box(b"uuid", bytes.fromhex(
            "be7acfcb97a942e89c71999491e3afac") + xmp), "a.mp4"),
    }  # fmt: skip


def test_nothing_that_a_file_names_is_fetched(process):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)
        url = hostile.BEACON % listening.getsockname()[1]
        read = {}
        for name, (data, called) in names_elsewhere(url).items():
            answer = process.verify(data, called)
            assert answer.status_code in {200, 422}, name
            assert process.verify(data, called, "/").status_code in {200, 422}
            read[name] = [each["detail"].get("integrity") for each in answer.json()["findings"]]
        with pytest.raises(TimeoutError):
            listening.accept()
    for name in ("jpg", "html"):
        assert "not-checked" in read[name], "the manifest's place is told, and not gone to"


NAMES = {
    "folders": b"../../../../etc/passwd",
    "folders of Windows": b"..\\..\\windows\\system32\\config",
    "absolute": b"/etc/shadow",
    "noughts": b"a\0.png",
    "a control character": b"a\x1b[2Ja\x07.png",
    "backwards": "a\u202egnp.exe".encode(),
    "invisible": "\u200b\u2066\ufeff".encode(),
    "ten thousand": b"x" * 10_000 + b".png",
    "many bytes": "\U0001f600".encode() * 2_500,
    "no UTF-8": b"\xff\xfe\xfa.png",
    "markup": b"<img src=x onerror=alert(1)>.png",
    "a template": b"{{7*7}}${7*7}#{7*7}.png",
    "a command": b"$(touch x);`touch x`|touch x.png",
    "an option": b"--help",
    "a device": b"CON",
    "a full stop": b".",
    "a format": b"%s%n%x{0.__class__}.png",
    "another format's": b"a.svg",
    "a URL": b"http://127.0.0.1/a.png",
    "a pipe": b"|id",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_does_no_harm(process, name):
    given = NAMES[name]
    disposition = b'; filename="' + given + SECRET.encode() + b'"'
    body = part(b"file", b"GIF89a", disposition) + b"--xyz--\r\n"
    kind = "multipart/form-data; boundary=xyz"
    answer = process.post("/v1/verify", body, kind)
    # Longer than a header may be, or with a nought in it: then it is no form.
    assert answer.status_code in {200, 400, 422}
    if answer.status_code != 400:
        called = answer.json()["file"]
        assert 0 < len(called) <= 200
        assert called.isprintable()
        assert not set(called) & set("/\\")
    page = process.post("/?lang=en", body, kind)
    assert page.status_code == answer.status_code
    assert "<img" not in page.text
    assert process.is_well
    assert process.left == {}


def test_a_name_in_the_other_notation_does_no_harm(process, unmarked):
    disposition = b"; filename*=UTF-8''%2e%2e%2f%2e%2e%2fetc%2fpasswd%00%0d%0a.png"
    body = part(b"file", unmarked, disposition) + b"--xyz--\r\n"
    answer = process.post("/v1/verify", body, "multipart/form-data; boundary=xyz")
    assert answer.status_code in {200, 400}
    assert answer.status_code == 400 or "/" not in answer.json()["file"]


KIND = "multipart/form-data; boundary=xyz"
END = b"--xyz--\r\n"
BODIES = {
    "thousands of parts": (KIND, part(b"a", b"x", b"") * 20_000 + END),
    "thousands of files": (KIND, part(b"file", b"x") * 5_000 + END),
    "parts without names": (KIND, b"--xyz\r\n\r\n\r\n" * 50_000 + END),
    "thousands of headers": (KIND, b"--xyz\r\n" + b"a: b\r\n" * 100_000 + b"\r\nx\r\n" + END),
    "a long header": (KIND, b"--xyz\r\na: " + b"b" * 5_000_000 + b"\r\n\r\nx\r\n" + END),
    "a form in a form": (KIND, part(b"file", part(b"file", b"x") + END, b"") + END),
    "nothing but ends": (KIND, END * 100_000),
    "a long boundary": ("multipart/form-data; boundary=" + "x" * 5_000, b"--" + b"x" * 5_000),
    "no boundary": ("multipart/form-data", part(b"file", b"x") + END),
    "mixed": ("multipart/mixed; boundary=xyz", part(b"file", b"x") + END),
    "a file alone": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "bytes": ("application/octet-stream", bytes(1_000)),
    "JSON": ("application/json", b'{"url": "http://127.0.0.1/"}'),
    "a form without files": ("application/x-www-form-urlencoded", b"url=http://127.0.0.1/"),
    "XML": ("text/xml", b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"),
    "no type": ("", part(b"file", b"x") + END),
    "compressed": (KIND + "; x=y", b"\x1f\x8b" + bytes(1_000)),
}


@pytest.mark.parametrize("path", ["/v1/verify", "/"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_form_is_a_400(process, name, path):
    kind, body = BODIES[name]
    assert process.post(path, body, kind).status_code == 400
    assert process.is_well
    assert process.left == {}


def test_bodies_beyond_the_limit_are_a_413(process):
    large = bytes(13 << 20)
    for path in ("/v1/verify", "/"):
        assert process.verify(large, f"{SECRET}.png", path).status_code == 413
    begin = part(b"file", b"")[:-2]
    pieces = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    body = b"%x\r\n" % len(begin) + begin + b"\r\n" + pieces * 13 + b"0\r\n\r\n"
    answer = process.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert status(answer) == 413
    assert process.is_well
    assert process.left == {}


REQUESTS = {
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunks of no length": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n",
    "a long line": b"POST /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long head": HEAD + b"a: " + b"b" * 200_000 + b"\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\0\x01\0\x01\xfc" + bytes(500),
    "a nought in a header": HEAD + b"a: b\0c\r\nContent-Length: 0\r\n\r\n",
    "another method": b"TRACE /v1/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a path with noughts": b"GET /%00/../../etc/passwd HTTP/1.1\r\nHost: x\r\n"
    b"Connection: close\r\n\r\n",
    "a path upwards": b"GET /static/..%2f..%2fapp.py HTTP/1.1\r\nHost: x\r\n"
    b"Connection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_is_none_is_a_4xx(process, name):
    assert 400 <= status(process.send(REQUESTS[name])) < 500
    assert process.is_well


def test_clients_that_go_away_leave_nothing(process):
    for sent in (b"", part(b"file", bytes(3_000_000))[:-100]):
        with socket.create_connection(process.address) as connection:
            connection.sendall(HEAD + b"Content-Length: 9000000\r\n\r\n" + sent)
    wait_until(lambda: process.left == {})
    assert process.is_well
