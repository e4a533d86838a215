"""A file elsewhere is fetched from where it was checked to lie, and from nowhere else."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time

import pytest

from detectors.service.fetching import Fetcher, look_up
from detectors.service.problems import ProblemKind, RequestError
from tests.service.elsewhere import (
    HOST,
    certificate_for,
    dripping,
    elsewhere,
    endless,
    moved,
    ok,
)

MOST = 1_000_000
BODY = b"a picture, or so"


@pytest.fixture
def site():
    with elsewhere() as site:
        site.answers["/one.png"] = ok(BODY, "Content-Type: Image/PNG; x=y")
        yield site


class Names:
    """A resolver for tests, which remembers what it was asked."""

    def __init__(self, **known: list[str]) -> None:
        self.known = {HOST: ["127.0.0.1"]} | {
            name.replace("_", "."): found for name, found in known.items()
        }
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self.known[host]


def is_ours(address) -> bool:
    return str(address) == "127.0.0.1"


def fetcher(site, names=None, **more) -> Fetcher:
    more = {"may_connect": is_ours, "seconds": 5} | more
    return Fetcher(ports={site.port}, resolve=names or Names(), **more)


def fetch(by: Fetcher, url: str, most: int = MOST):
    async def fetched():
        async with by.fetch(url, max_bytes=most) as found:
            return found, found.stream.read()

    return asyncio.run(fetched())


def kind_of(by: Fetcher, url: str, most: int = MOST) -> ProblemKind:
    with pytest.raises(RequestError) as caught:
        fetch(by, url, most)
    assert str(caught.value) == caught.value.kind.value  # it quotes nothing
    return caught.value.kind


def test_a_file_is_fetched_with_its_name_and_type(site):
    found, data = fetch(fetcher(site), site.url("/one.png"))
    assert data == BODY
    assert (found.name, found.media_type, found.size) == ("one.png", "image/png", len(BODY))


def test_a_request_says_what_it_must_and_no_more(site):
    fetch(fetcher(site), site.url("/one.png"))
    first, *fields = site.requests[0].strip().split("\r\n")
    assert first == "GET /one.png HTTP/1.1"
    assert dict(each.split(": ", 1) for each in fields) == {
        "Host": f"{HOST}:{site.port}",
        "User-Agent": "Labeler-verification",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_proxies_of_the_environment_are_not_asked(site, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(fetcher(site), site.url())[1] == BODY


INNER = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "localhost.")


@pytest.mark.parametrize("host", [*INNER, HOST])
def test_nothing_inner_is_connected_to(site, host):
    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"] if name == HOST else await look_up(name, port)

    by = Fetcher(ports={site.port}, resolve=resolve)
    assert kind_of(by, site.url(host=host)) is ProblemKind.NOT_PUBLIC
    assert site.connections == 0


def test_a_port_has_to_be_a_webs():
    assert kind_of(Fetcher(), "http://example.com:8080/") is ProblemKind.BAD_URL


def test_a_name_with_one_inner_address_is_refused(site):
    names = Names(two_example=["127.0.0.1", "10.0.0.1"], none_example=[], odd_example=["x"])
    for name in ("two.example", "none.example", "odd.example", "unknown.example"):
        assert kind_of(fetcher(site, names), site.url(host=name)) is ProblemKind.NOT_PUBLIC
    assert site.connections == 0


def test_a_name_that_changes_its_mind_is_looked_up_once(site):
    """DNS rebinding: the first answer is checked, and the first answer is connected to."""

    class Rebinding(Names):
        async def __call__(self, host: str, port: int) -> list[str]:
            await super().__call__(host, port)
            return ["127.0.0.1"] if len(self.asked) == 1 else ["127.0.0.2"]

    names = Rebinding()
    assert fetch(fetcher(site, names), site.url())[1] == BODY
    assert names.asked == [HOST]
    # A redirect is looked up again, and checked again.
    site.answers["/on"] = moved("/one.png")
    assert kind_of(fetcher(site, Rebinding()), site.url("/on")) is ProblemKind.NOT_PUBLIC
    assert len(site.requests) == 2


def test_an_address_that_does_not_answer_is_passed_over(site):
    names = Names()
    names.known[HOST] = ["127.0.0.9", "127.0.0.1"]
    by = fetcher(site, names, may_connect=lambda each: each.is_loopback)
    assert fetch(by, site.url())[1] == BODY


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_redirects_are_followed(site, status):
    site.answers["/a/on"] = moved("../one.png", status=status)
    found, data = fetch(fetcher(site), site.url("/a/on"))
    assert (found.name, data) == ("one.png", BODY)


def test_three_redirects_are_enough(site):
    names = Names()
    for number in range(4):
        site.answers[f"/{number}"] = moved(f"/{number - 1}" if number else "/one.png")
    assert fetch(fetcher(site, names), site.url("/2"))[1] == BODY
    assert names.asked == [HOST] * 4
    assert kind_of(fetcher(site), site.url("/3")) is ProblemKind.NOT_FETCHED


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("http://169.254.169.254/latest/meta-data", ProblemKind.BAD_URL),  # the port is not ours
        ("http://169.254.169.254:{port}/latest", ProblemKind.NOT_PUBLIC),
        ("http://localhost:{port}/one.png", ProblemKind.NOT_PUBLIC),
        ("http://inner.example:{port}/one.png", ProblemKind.NOT_PUBLIC),
        ("http://2130706433:{port}/one.png", ProblemKind.BAD_URL),
        ("file:///etc/passwd", ProblemKind.BAD_URL),
        ("gopher://127.0.0.1:{port}/_x", ProblemKind.BAD_URL),
        ("http://me:secret@files.example:{port}/one.png", ProblemKind.BAD_URL),
        ("", ProblemKind.NOT_FETCHED),  # itself, again and again
    ],
)
def test_a_redirect_is_checked_like_the_first(site, to, kind):
    site.answers["/on"] = moved(to.format(port=site.port))
    names = Names(inner_example=["10.0.0.1"], localhost=["127.0.0.53"])
    names.known["169.254.169.254"] = ["169.254.169.254"]
    assert kind_of(fetcher(site, names), site.url("/on")) is kind
    assert not any("/one.png" in each.split("\r\n")[0] for each in site.requests)


def test_no_cookie_is_kept(site):
    site.answers["/on"] = moved("/one.png", "Set-Cookie: who=me; Path=/")
    assert fetch(fetcher(site), site.url("/on"))[1] == BODY
    assert "cookie" not in "".join(site.requests).lower()


NO_FILE = {
    "not found": ok(BODY, status="404 Not Found"),
    "forbidden": ok(BODY, status="403 Forbidden"),
    "defect": ok(BODY, status="500 x"),
    "in part": ok(BODY, "Content-Range: bytes 0-15/99", status="206 Partial Content"),
    "no content": ok(b"", status="204 No Content"),
    "to choose from": moved("/one.png", status="300 Multiple Choices"),
    "unchanged": b"HTTP/1.1 304 x\r\n\r\n",
    "compressed": ok(gzip.compress(bytes(1 << 20)), "Content-Encoding: gzip"),
    "compressed twice": ok(gzip.compress(BODY), "Content-Encoding: identity, gzip"),
    "compressed, two fields": ok(BODY, "Content-Encoding: identity", "content-encoding: br"),
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "too little": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    "long head": b"HTTP/1.1 200 OK\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_FILE)
def test_what_is_no_file_is_not_fetched(site, name):
    site.answers["/x"] = NO_FILE[name]
    assert kind_of(fetcher(site), site.url("/x")) is ProblemKind.NOT_FETCHED


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    by = Fetcher(ports={port}, resolve=Names(), may_connect=is_ours)
    assert kind_of(by, f"http://{HOST}:{port}/") is ProblemKind.NOT_FETCHED


@pytest.mark.parametrize("answer", [
    ok(bytes(2_001)), b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_001), endless,
    b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 18 + b"\r\n\r\n",
], ids=["declared", "to the end", "endless", "declared only"])  # fmt: skip
def test_a_large_file_is_not_read_to_its_end(site, answer):
    site.answers["/x"] = answer
    assert kind_of(fetcher(site), site.url("/x"), 2_000) is ProblemKind.TOO_LARGE


def test_a_file_may_be_as_large_as_is_allowed(site):
    for answer in (ok(bytes(2_000)), b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_000)):
        site.answers["/x"] = answer
        assert fetch(fetcher(site), site.url("/x"), 2_000)[1] == bytes(2_000)


def test_what_is_larger_than_a_megabyte_comes_whole(site):
    data = bytes(range(256)) * 20_000
    site.answers["/x"] = ok(data)
    assert fetch(fetcher(site), site.url("/x"), 1 << 23)[1] == data


def test_slow_ones_are_not_waited_for(site):
    enough = threading.Event()
    site.answers["/drips"] = dripping
    site.answers["/silent"] = lambda _: enough.wait(60)

    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return ["127.0.0.1"]

    began = time.monotonic()
    for by, path in (
        (fetcher(site, seconds=0.5), "/drips"),
        (fetcher(site, seconds=0.5), "/silent"),
        (fetcher(site, slow, seconds=0.5), "/one.png"),
    ):
        assert kind_of(by, site.url(path)) is ProblemKind.FETCH_TOO_SLOW
    assert time.monotonic() - began < 3
    enough.set()


def test_so_many_at_once_and_no_more(site):
    asked, enough = threading.Event(), threading.Event()
    site.answers["/silent"] = lambda _: asked.set() or enough.wait(60)
    by = fetcher(site, at_once=1)

    async def both():
        async def one(path: str):
            async with by.fetch(site.url(path), max_bytes=MOST) as found:
                return found.size

        first = asyncio.create_task(one("/silent"))
        assert await asyncio.to_thread(asked.wait, 60)
        with pytest.raises(RequestError) as caught:
            await one("/one.png")
        enough.set()
        with pytest.raises(RequestError):
            await first
        return caught.value, await one("/one.png")

    error, size = asyncio.run(both())
    assert (error.kind, size) == (ProblemKind.BUSY, len(BODY))
    assert error.retry_after


def test_tls_asks_for_the_name_and_checks_its_certificate(tmp_path):
    server, client = certificate_for(HOST, tmp_path)
    _, stranger = certificate_for("stranger.example", tmp_path)
    names = Names(other_example=["127.0.0.1"])
    with elsewhere(server) as site:
        site.answers["/one.png"] = ok(BODY)
        site.answers["/down"] = moved(f"http://{HOST}:{site.port}/one.png")
        by = fetcher(site, names, tls=client)
        assert fetch(by, site.url(scheme="https"))[1] == BODY
        assert site.names == [HOST]
        # The right machine under a name that its certificate is not for.
        other = site.url(scheme="https", host="other.example")
        assert kind_of(by, other) is ProblemKind.NOT_FETCHED
        assert kind_of(by, site.url(scheme="https", host="127.0.0.1")) is ProblemKind.NOT_PUBLIC
        by = fetcher(site, names, tls=stranger)
        assert kind_of(by, site.url(scheme="https")) is ProblemKind.NOT_FETCHED
        by = fetcher(site, names)  # the authorities that browsers trust
        assert kind_of(by, site.url(scheme="https")) is ProblemKind.NOT_FETCHED
        by = fetcher(site, names, tls=client)
        assert kind_of(by, site.url("/down", scheme="https")) is ProblemKind.BAD_URL
        assert len(site.requests) == 2
