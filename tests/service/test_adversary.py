"""What strangers send: each ends in an answer of 4xx, and the service is well."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from detectors.service import ServiceLimits
from labeler.registry import Scope
from labeler.settings import Settings
from tests.service.serving import Service, serving, wait_until
from tests.serving.callers import make_key

BOUNDARY = b"xyz"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    lines = zlib.compress(bytes(1_000_000))
    rest = chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + rest


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", bytes(80 << 20))
    return file.getvalue()


def endless_boxes() -> bytes:
    begin = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")
    return begin + struct.pack(">I4s", 8, b"moov") * 3_000


def box_in_box() -> bytes:
    begin = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")
    return begin + b"".join(struct.pack(">I4s", 8 * each, b"moov") for each in range(20_000, 0, -1))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'

FILES = {
    "png-bomb": (png_bomb(), "a.png"),
    "zip-bomb": (zip_bomb(), "a.docx"),
    "endless-boxes": (endless_boxes(), "a.mp4"),
    "box-in-box": (box_in_box(), "a.mp4"),
    "svg": (SVG, "a.svg"),
    "page-as-picture": (b"<!doctype html><script>alert(1)</script>", "a.png"),
    "polyglot": (b"GIF89a/*" + SVG + b"*/", "a.gif"),
    "other-name": (b"GIF89a" + bytes(50), "a.jpg"),
    "truncated": (b"\xff\xd8\xff\xe0" + bytes(5), "a.jpg"),
    "plain-zip": (b"PK\x05\x06" + bytes(18), "a.zip"),
    "path": (b"\x7fELF", "../../../../etc/passwd"),
    "nothing": (b"", "a.wav"),
    "noughts": (bytes(2_000_000), "a.flac"),
    "playlist": (b"#EXTM3U\nhttp://169.254.169.254/latest/meta-data\n", "a.m3u8"),
    "concat": (b"ffconcat version 1.0\nfile /etc/passwd\n", "a.mp4"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_made_to_do_harm_is_a_422(service, name):
    answer = service.verify(*FILES[name])
    assert answer.status_code == 422, answer.text
    assert answer.json()["conclusion"] == "unreadable"
    assert service.is_well


def part(name: bytes, data: bytes, disposition: bytes = b'; filename="a.png"') -> bytes:
    head = b'Content-Disposition: form-data; name="' + name + b'"' + disposition
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"

FORMS = {
    "no-boundary": ("multipart/form-data", part(b"file", b"x") + END),
    "other-boundary": ("multipart/form-data; boundary=abc", part(b"file", b"x") + END),
    "no-parts": ("multipart/form-data; boundary=xyz", END),
    "two-files": ("multipart/form-data; boundary=xyz", part(b"file", b"x") * 2 + END),
    "many-fields": ("multipart/form-data; boundary=xyz", part(b"a", b"x", b"") * 5000 + END),
    "long-field": ("multipart/form-data; boundary=xyz", part(b"file", b"x" * 100_000, b"") + END),
    "no-name": ("multipart/form-data; boundary=xyz", b"--xyz\r\n\r\nx\r\n--xyz--\r\n"),
    "long-header": (
        "multipart/form-data; boundary=xyz",
        part(b"file", b"x", b'; filename="' + b"a" * 500_000 + b'"') + END,
    ),
    "no-end": ("multipart/form-data; boundary=xyz", part(b"file", b"x" * 2_000_000)),
    "no-form": ("application/json", b'{"file": "http://169.254.169.254/"}'),
    "url": ("application/x-www-form-urlencoded", b"file=http://169.254.169.254/"),
}


@pytest.mark.parametrize("path", ["/", "/v1/verify"])
@pytest.mark.parametrize("name", FORMS)
def test_a_form_made_to_do_harm_is_a_400(service, name, path):
    kind, body = FORMS[name]
    answer = service.client.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert service.is_well


@pytest.fixture(scope="module")
def strict(settings) -> Service:
    limits = ServiceLimits(
        workers=1, queue=3, max_upload_bytes=100_000, burst=1000, requests_at_once=2
    )
    with serving(settings, limits) as service:
        yield service


HEAD = (
    b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Content-Type: multipart/form-data; boundary=xyz\r\n"
)


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def test_a_large_upload_is_refused(strict):
    assert strict.verify(bytes(200_000), "a.png").status_code == 413
    answer = strict.ask(bytes(200_000), "a.png", "de")
    assert answer.status_code == 413
    assert "größer" in answer.text
    assert answer.headers["content-security-policy"]


def test_chunks_without_end_are_refused(strict):
    pieces = b"".join(b"2000\r\n" + bytes(0x2000) + b"\r\n" for _ in range(16))
    begin = part(b"file", b"")[:-2]
    first = b"%x\r\n" % len(begin) + begin + b"\r\n"
    answer = strict.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + first + pieces)
    assert status(answer) == 413
    assert strict.is_well


@pytest.mark.parametrize("length", [b"9" * 30, b"200000", b"-1", b"1e3", b"x"])
def test_a_length_that_cannot_be(strict, length):
    answer = strict.send(HEAD + b"Content-Length: " + length + b"\r\n\r\n" + part(b"file", b"x"))
    assert 400 <= status(answer) < 500
    assert strict.is_well


BEGUN = HEAD + b"Content-Length: 5000\r\n\r\n" + part(b"file", b"x")


def test_a_slow_body_is_not_waited_for(settings):
    with serving(settings, ServiceLimits(workers=1, burst=1000, upload_seconds=0.5)) as service:
        began = time.monotonic()
        assert status(service.send(BEGUN)) == 408
        assert time.monotonic() - began < 10
        assert service.is_well


@contextmanager
def uploads_without_end(service: Service, settings: Settings, count: int) -> Iterator[None]:
    """While the service waits for the rest of so many uploads."""
    key = make_key(settings, Scope.METRICS)
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(service.address))
            connection.sendall(BEGUN)
        wait_until(lambda: service.requests_in_flight(key) == count)
        yield
    wait_until(lambda: service.requests_in_flight(key) == 0)  # gone before their bodies came


def test_one_address_does_not_take_all_places_and_gives_back_what_it_had(strict, settings):
    with uploads_without_end(strict, settings, 2):
        answer = strict.verify(b"x", "a.png")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert strict.is_well
    assert strict.verify(b"x", "a.png").status_code == 422


def test_a_full_service_says_when_to_come_again(settings):
    limits = ServiceLimits(workers=1, queue=1, burst=1000)
    with serving(settings, limits) as service, uploads_without_end(service, settings, 2):
        answer = service.verify(b"x", "a.png")
        assert (answer.status_code, answer.json()["error"]["kind"]) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
        page = service.ask(b"x", "a.png", "nl")
        assert (page.status_code, "bezet" in page.text) == (503, True)
        assert service.is_well


def test_many_at_once_are_all_answered(settings, marked):
    limits = ServiceLimits(workers=2, queue=48, burst=1000, requests_at_once=50)
    with serving(settings, limits) as service:
        codes = []
        threads = [
            threading.Thread(
                target=lambda: codes.append(service.verify(marked, "one.png").status_code)
            )
            for _ in range(30)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert codes == [200] * 30
