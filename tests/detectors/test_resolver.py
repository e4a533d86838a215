"""The client of the Soft Binding Resolution API, against servers of every kind."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.binding_values import decode_value, encode_value
from detectors.resolver import Match, Resolver, parse_matches, resolvers_of, sources_for
from detectors.web import Client, parse_site
from labeler.codec.payload import Handle, Origin, Payload
from labeler.credentials import SoftBinding
from labeler.errors import ResolverError, SettingsError
from labeler.settings import Settings
from tests.service.elsewhere import certificate_for

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(7, 0xDEADBEEF))
BINDING = SoftBinding.for_payload(PAYLOAD)
ID = "urn:c2pa:F9168C5E-CEB2-4FAA-B6BF-329BF39FA1E4"


def answer(status=200, body=b"", media_type="application/json", **headers) -> bytes:
    lines = [f"HTTP/1.1 {status} -", f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def matches(*found) -> bytes:
    return answer(body=json.dumps({"matches": list(found)}).encode())


def read_request(connection) -> tuple[str, bytes]:
    """Head and body of a request."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length is not None and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head.decode(), body


@contextmanager
def server(respond, *, tls=None):
    """A server on loopback; ``respond`` gets a request and its connection, and gives bytes."""
    listening = socket.create_server(("127.0.0.1", 0))
    asked, threads = [], []

    def serve(connection):
        connection.settimeout(10)
        with ExitStack() as stack, suppress(OSError):
            stack.callback(connection.close)
            if tls is not None:
                connection = stack.enter_context(tls.wrap_socket(connection, server_side=True))
            head, body = read_request(connection)
            asked.append((head, body))
            connection.sendall(respond(head, connection) or b"")

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for each in (accepting, *threads):
            each.join(15)


def quick(url: str, **more) -> Resolver:
    site = parse_site(url)
    return Resolver(url, http=Client(trusted=((site.host, site.port),), **{"seconds": 5.0} | more))


def path_of(head: str) -> str:
    return head.split(" ")[1]


# --------------------------------------------------------------------------------------- questions


def test_a_binding_is_asked_for_as_the_specification_writes_it():
    with server(lambda *_: matches({"manifestId": ID, "similarityScore": 93})) as (url, asked):
        found = Resolver(url).matches(BINDING)
    assert found == (Match(manifest_id=ID, similarity=93),)
    head = asked[0][0]
    split = urlsplit(path_of(head))
    assert split.path == "/v1/matches/byBinding"
    assert parse_qs(split.query) == {
        "value": [base64.b64encode(b"110007deadbeef").decode()],
        "alg": ["ai.labeler.tile.1"],
        "maxResults": ["10"],
    }
    names = {line.split(":")[0].lower() for line in head.split("\r\n")[1:]}
    assert names == {"host", "accept", "accept-encoding", "connection", "user-agent"}


def test_a_long_value_goes_into_a_body():
    binding = SoftBinding(algorithm="com.example.long", value="x" * 5000)
    with server(lambda *_: matches()) as (url, asked):
        assert Resolver(url).find(binding) == ()
    head, body = asked[0]
    assert head.startswith("POST /v1/matches/byBinding?maxResults=10 ")
    told = json.loads(body)
    assert base64.b64decode(told["value"]) == b"x" * 5000
    assert told["alg"] == "com.example.long"


def test_a_manifest_is_fetched_by_its_id():
    with server(lambda *_: answer(body=b"store", media_type="application/c2pa")) as (url, asked):
        assert Resolver(url + "/").fetch(ID) == b"store"
        assert Resolver(url).fetch("a/../b?c") == b"store"
    assert path_of(asked[0][0]) == f"/v1/manifests/{ID}"
    assert path_of(asked[1][0]) == "/v1/manifests/a%2F..%2Fb%3Fc"


def test_a_manifest_that_is_gone_is_none():
    for status in (404, 410):
        with server(lambda *_, status=status: answer(status)) as (url, _):
            assert Resolver(url).fetch(ID) is None


def test_the_same_manifest_twice_is_one():
    with server(lambda *_: matches({"manifestId": ID}, {"manifestId": ID})) as (url, _):
        assert Resolver(url).find(BINDING) == (ID,)


def test_more_than_was_asked_for_is_cut():
    many = [{"manifestId": f"urn:c2pa:{each}"} for each in range(500)]
    with server(lambda *_: matches(*many)) as (url, _):
        assert len(Resolver(url).find(BINDING)) == 10


def test_tls_is_checked(tmp_path):
    serving, trusting = certificate_for("localhost", tmp_path)
    with server(lambda *_: matches({"manifestId": ID}), tls=serving) as (plain, _):
        named = plain.replace("http://127.0.0.1", "https://localhost")
        assert quick(named, tls=trusting).find(BINDING) == (ID,)
        with pytest.raises(ResolverError, match="cannot be asked"):
            quick(named).find(BINDING)
        other = plain.replace("http:", "https:")  # not the name in the certificate
        with pytest.raises(ResolverError, match="cannot be asked"):
            quick(other, tls=trusting).find(BINDING)


# --------------------------------------------------------------------------------- hostile servers


def drip(_head, connection):
    """A byte now and then, for ever."""
    try:
        for each in b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 10_000:
            connection.sendall(bytes([each]))
            time.sleep(0.05)
    except OSError:
        return


def endless(_head, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(bytes(65536))


@pytest.mark.parametrize(
    ("respond", "match"),
    [
        (drip, "did not answer within"),
        (lambda *_: time.sleep(2), "did not answer within"),
        (endless, "longer than"),
        (lambda *_: b"", "cannot be asked"),
        (lambda *_: b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be asked"),
        (lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "cannot be asked"),
        (lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no JSON"),
        (lambda *_: b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 2000, "cannot be asked"),
        (lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "longer than"),
        (lambda *_: answer(500), "status 500"),
        (lambda *_: answer(401), "status 401"),
        (lambda *_: answer(204), "status 204"),
        (lambda *_: answer(body=b"<html>"), "no JSON"),
        (lambda *_: answer(body=b"[" * 100_000), "none of a resolver"),
        (lambda *_: answer(body=b"{}"), "no list of matches"),
        (lambda *_: answer(body=b"{}", Content_Encoding="gzip"), "compressed"),
        (lambda *_: matches({"manifestId": "a b"}), "no manifest id"),
        (lambda *_: matches({"manifestId": "a\r\nHost: b"}), "no manifest id"),
        (lambda *_: answer(302, Location="http://example.com/"), "without TLS"),
        (lambda *_: answer(302, Location="file:///etc/passwd"), "no plain http"),
        (lambda *_: answer(302, Location="gopher://127.0.0.1/"), "no plain http"),
        (lambda *_: answer(302, Location="//["), "no plain http"),
        (lambda *_: answer(302, Location="https://127.0.0.1:1/"), "inner network"),
        (lambda *_: answer(302, Location="https://[::1]:1/"), "inner network"),
        (lambda *_: answer(302, Location="https://169.254.169.254/"), "inner network"),
        (lambda *_: answer(302, Location="https://u:p@example.com/"), "no plain http"),
        (lambda *_: answer(302, Location="/v1/matches/byBinding"), "sends on and on"),
    ],
)
def test_what_a_hostile_server_answers_is_one_error(respond, match):
    with server(respond) as (url, _):
        began = time.monotonic()
        with pytest.raises(ResolverError, match=match) as caught:
            quick(url, seconds=1.0).find(BINDING)
        assert time.monotonic() - began < 5
        assert str(caught.value.file).startswith("http") or "plain http" in str(caught.value)
        assert "p@" not in str(caught.value)


@pytest.mark.parametrize(
    ("respond", "match"),
    [
        (lambda *_: answer(body=b"store", media_type="text/html"), "text/html"),
        (lambda *_: answer(body=b"store", media_type=""), "something"),
        (lambda *_: answer(403), "status 403"),
        (
            lambda *_: (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/c2pa\r\n"
                b"Content-Length: 33554433\r\n\r\n"
            ),
            "longer than 33554432",
        ),
    ],
)
def test_what_is_no_manifest_store_is_one_error(respond, match):
    with server(respond) as (url, _), pytest.raises(ResolverError, match=match):
        quick(url).fetch(ID)


def test_a_redirect_on_the_same_host_is_followed_without_its_neighbours():
    def respond(head, _):
        if path_of(head).startswith("/v1/manifests"):
            return answer(307, Location="/bucket/1?key=2", Set_Cookie="a=b")
        return answer(body=b"store", media_type="application/c2pa")

    with server(respond) as (url, asked):
        assert Resolver(url).fetch(ID) == b"store"
    assert path_of(asked[1][0]) == "/bucket/1?key=2"
    assert "cookie" not in asked[1][0].lower()


def test_an_endpoint_is_asked_only_where_a_stranger_may_send_us():
    with server(lambda *_: matches({"manifestId": ID, "endpoint": "https://10.0.0.1/v1"})) as (
        url,
        _,
    ):
        resolver = quick(url)
        assert resolver.find(BINDING) == (ID,)
        with pytest.raises(ResolverError, match="inner network"):
            resolver.fetch(ID)


def test_an_endpoint_of_the_resolver_itself_is_used():
    def respond(head, _):
        if "byBinding" in head:
            port = head.split("Host: 127.0.0.1:")[1].split("\r\n")[0]
            return matches({"manifestId": ID, "endpoint": f"http://127.0.0.1:{port}/other/v1"})
        return answer(body=b"store", media_type="application/c2pa")

    with server(respond) as (url, asked):
        resolver = Resolver(url)
        resolver.find(BINDING)
        assert resolver.fetch(ID) == b"store"
    assert path_of(asked[1][0]) == f"/other/v1/manifests/{ID}"


# ------------------------------------------------------------------------------ whom to ask at all


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "example.com/v1",
        "https://",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://example.com/?query=1",
        "https://example.com/a b",
        "https://example.com/\r\nHost: x",
        "https://exa\u202emple.com/",
        "https://example.com:99999/",
        "https://example.com\\@evil.example/",
        "https://[::1/",
        "//example.com",
    ],
)
def test_what_is_no_base_url_is_refused_without_quoting_it(url):
    with pytest.raises(ResolverError) as caught:
        Resolver(url)
    assert "secret" not in str(caught.value)


def test_without_tls_only_this_machine_is_asked():
    client = Client(trusted=(("example.com", 80),), look_up=lambda *_: ("93.184.215.14",))
    with pytest.raises(ResolverError, match="without TLS"):
        Resolver("http://example.com/v1", http=client).find(BINDING)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "::1", "fe80::1", "169.254.169.254", "::ffff:10.0.0.1"]
)
def test_a_name_that_leads_inside_is_asked_only_if_the_user_named_it(address):
    client = Client(look_up=lambda *_: ("93.184.215.14", address))
    with pytest.raises(ResolverError, match="inner network"):
        Resolver("https://resolver.example/v1", http=client).find(BINDING)


def test_a_name_that_nobody_knows_is_told():
    def unknown(*_):
        raise OSError

    with pytest.raises(ResolverError, match="name is not known"):
        Resolver("https://resolver.invalid", http=Client(look_up=unknown)).find(BINDING)


def test_settings_name_resolvers_and_none_by_default():
    assert resolvers_of(Settings()) == ()
    named = resolvers_of(Settings(resolvers="https://a.example/v1, https://b.example/v1"))
    assert [each.name for each in named] == ["https://a.example/v1", "https://b.example/v1"]
    with pytest.raises(SettingsError, match="resolver"):
        resolvers_of(Settings(resolvers=("https://a.example/v1?x=1",)))


class Directory:
    """Issuers by number."""

    def __init__(self, resolver):
        self.resolver = resolver

    def find(self, number):
        return self if number == 7 else None


def test_signposts_are_followed_only_where_that_is_allowed():
    issuers = Directory("https://issuer.example/v1")
    named = ("https://manifest.example/v1",)
    assert sources_for(PAYLOAD, issuers, allowed=False, named=named) == ()
    found = sources_for(PAYLOAD, issuers, allowed=True, named=named)
    assert [each.name for each in found] == [
        "https://issuer.example/v1",
        "https://manifest.example/v1",
    ]


def test_a_local_or_unknown_issuer_names_nobody():
    issuers = Directory("https://issuer.example/v1")
    for issuer in (0, 8):
        payload = Payload(origin=Origin.GENERATED, handle=Handle(issuer, 1))
        assert sources_for(payload, issuers, allowed=True) == ()
    assert sources_for(None, issuers, allowed=True) == ()
    assert sources_for(PAYLOAD, Directory(None), allowed=True) == ()


def test_what_content_names_leads_to_no_inner_network():
    with server(lambda *_: matches({"manifestId": ID})) as (url, asked):
        found = sources_for(None, Directory(None), allowed=True, named=(url, "javascript:1", ""))
        assert found == ()  # not without TLS
        (source,) = sources_for(
            None, Directory(None), allowed=True, named=(url.replace("http:", "https:"),)
        )
        with pytest.raises(ResolverError, match="inner network"):
            source.find(BINDING)
    assert asked == []


# ------------------------------------------------------------------------------------------- values


def test_the_value_on_the_wire_is_base64_of_the_text():
    assert encode_value("110007deadbeef") == "MTEwMDA3ZGVhZGJlZWY="
    assert decode_value("MTEwMDA3ZGVhZGJlZWY=")[0] == "110007deadbeef"
    assert decode_value("MTEwMDA3ZGVhZGJlZWY")[0] == "110007deadbeef"


@given(st.text(min_size=1))
def test_every_text_comes_back(text):
    (*texts, raw) = decode_value(encode_value(text)) if _is_utf8(text) else ("", "")
    if text.isprintable() and _is_utf8(text):
        assert texts == [text]
        assert base64.b64decode(raw).decode() == text


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


@given(st.binary(min_size=1))
def test_bytes_are_what_a_registry_holds_in_either_alphabet(data):
    plain = base64.b64encode(data).decode()
    for text in (plain, base64.urlsafe_b64encode(data).decode(), plain.rstrip("=")):
        assert decode_value(text)[-1] == plain


@given(st.text(max_size=20))
def test_what_is_no_base64_is_an_error_and_nothing_else(text):
    try:
        found = decode_value(text)
    except ValueError:
        return
    assert base64.b64decode(found[-1])


@pytest.mark.parametrize("text", ["", "=", "====", "A", "AB=", "A===", "AB==C", "a b=", "é", "AB"])
def test_base64_has_one_way_to_write_a_value(text):
    with pytest.raises(ValueError, match="base64"):
        decode_value(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["matches", "manifestId", "endpoint", "similarityScore"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=50) | json_values.map(lambda value: json.dumps(value).encode()))
def test_lying_json_is_an_error_or_plain_matches(body):
    try:
        found = parse_matches(body)
    except ValueError:
        return
    for each in found:
        assert each.manifest_id.isascii()
        assert each.similarity is None or 0 <= each.similarity <= 100


@given(
    st.lists(
        st.builds(
            Match,
            manifest_id=st.from_regex(r"urn:c2pa:[0-9a-f]{8}", fullmatch=True),
            endpoint=st.none() | st.just("https://a.example/v1"),
            similarity=st.none() | st.integers(0, 100),
        )
    )
)
def test_what_a_resolver_says_is_read(wanted):
    body = json.dumps(
        {
            "matches": [
                {"manifestId": each.manifest_id, "unknown": 1}
                | ({} if each.endpoint is None else {"endpoint": each.endpoint})
                | ({} if each.similarity is None else {"similarityScore": each.similarity})
                for each in wanted
            ]
        }
    ).encode()
    assert parse_matches(body) == tuple(wanted)
