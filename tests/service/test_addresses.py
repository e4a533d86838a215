"""Nothing but the public Internet, however an address is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.addresses import is_public
from detectors.service.locations import parse_location
from detectors.service.problems import ProblemKind, RequestError

REFUSED = {
    "this host": "0.0.0.0",
    "this network": "0.1.2.3",
    "private, 10": "10.0.0.1",
    "private, 172": "172.31.255.255",
    "private, 192": "192.168.1.1",
    "carrier's": "100.64.0.1",
    "Alibaba's metadata": "100.100.100.200",
    "loopback": "127.0.0.1",
    "loopback's end": "127.255.255.254",
    "link-local, metadata": "169.254.169.254",
    "protocols": "192.0.0.8",
    "Oracle's metadata": "192.0.0.192",
    "documentation": "192.0.2.1",
    "documentation, 2": "198.51.100.7",
    "documentation, 3": "203.0.113.9",
    "6to4 relay": "192.88.99.1",
    "benchmarks": "198.18.0.1",
    "Azure's inner services": "168.63.129.16",
    "multicast": "224.0.0.1",
    "multicast, global": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified": "::",
    "loopback, 6": "::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped public": "::ffff:8.8.8.8",
    "compatible": "::127.0.0.1",
    "translated": "::ffff:0:127.0.0.1",
    "NAT64": "64:ff9b::127.0.0.1",
    "NAT64 of a public one": "64:ff9b::8.8.8.8",
    "NAT64, local": "64:ff9b:1::1",
    "discarded": "100::1",
    "Teredo": "2001::1",
    "ORCHID": "2001:20::1",
    "documentation, 6": "2001:db8::1",
    "documentation, long": "3fff::1",
    "6to4 of loopback": "2002:7f00:1::",
    "6to4 of a private one": "2002:c0a8:0101::1",
    "ISATAP": "2a00:1450::5efe:10.0.0.1",
    "ISATAP, global": "2a00:1450::200:5efe:10.0.0.1",
    "segment routing": "5f00::1",
    "unique local": "fd00:ec2::254",
    "link-local, 6": "fe80::1",
    "link-local with its interface": "fe80::1%eth0",
    "public with an interface": "2606:4700::1%eth0",
    "site-local": "fec0::1",
    "multicast, 6": "ff0e::1",
}
PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:800::200e")


@pytest.mark.parametrize("what", REFUSED)
def test_an_address_of_no_public_machine_is_refused(what):
    assert not is_public(ip_address(REFUSED[what]))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address):
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_hides_in_an_ipv6_one(address):
    number = int(address)
    for prefix, shift in ((0, 0), (0xFFFF << 32, 0), (0x64FF9B << 96, 0), (0x2002 << 112, 80),
                          (0x2001 << 112, 0)):  # fmt: skip
        assert not is_public(IPv6Address(prefix | number << shift))


@given(st.ip_addresses())
def test_what_is_public_is_global_and_one_machine(address):
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert not address.is_private
        assert not address.is_link_local
        assert isinstance(address, IPv4Address) or address.ipv4_mapped is None


BAD = {
    "file": "file:///etc/passwd",
    "gopher": "gopher://example.com/",
    "ftp": "ftp://example.com/a",
    "data": "data:text/plain,x",
    "javascript": "javascript:alert(1)",
    "no scheme": "example.com/a.png",
    "relative": "/a.png",
    "no host": "http:///a.png",
    "one slash": "http:/example.com",
    "port of SSH": "http://example.com:22/",
    "port of a database": "https://example.com:5432/",
    "port 0": "http://example.com:0/",
    "port too large": "http://example.com:65616/",
    "port of words": "http://example.com:http/",
    "user": "http://me@example.com/",
    "user and password": "https://me:secret@example.com/",
    "another host as user": "http://example.com@127.0.0.1/",
    "user of nothing": "http://@example.com/",
    "backslash": "http://example.com\\@127.0.0.1/",
    "backslashes": "http:\\\\127.0.0.1\\",
    "new line": "http://example.com/\r\nHost: inner",
    "tab in the host": "http://127.0.\t0.1/",
    "blank": "http://example.com/a b",
    "noughts": "http://example.com/\x00",
    "long": "http://example.com/" + "a" * 2048,
    "decimal": "http://2130706433/",
    "octal": "http://0177.0.0.1/",
    "octal, all of it": "http://017700000001/",
    "hexadecimal": "http://0x7f000001/",
    "hexadecimal parts": "http://0x7f.0x0.0x0.0x1/",
    "short": "http://127.1/",
    "with noughts in front": "http://127.000.000.001/",
    "wide digits, short": "http://\uff11\uff12\uff17.\uff11/",
    "too many parts": "http://1.2.3.4.5/",
    "too large a part": "http://1.2.3.999/",
    "number with a full stop": "http://2130706433./",
    "empty label": "http://example..com/",
    "only a full stop": "http://./",
    "long label": "http://" + "a" * 64 + ".com/",
    "a percent sign": "http://127.0.0.1%2f.example.com/",
    "an asterisk": "http://*.example.com/",
    "brackets around a name": "http://[example.com]/",
    "brackets around IPv4": "http://[127.0.0.1/",
    "future address": "http://[v1.x]/",
    "slash that is none": "http://example.com\u2215@127.0.0.1/",
    "nothing": "",
    "a surrogate": "http://\ud800.com/",
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_plain_url_is_refused(what):
    with pytest.raises(RequestError) as caught:
        parse_location(BAD[what])
    assert caught.value.kind is ProblemKind.BAD_URL
    assert str(caught.value) == "bad-url"


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://Example.COM", "example.com", "/"),
        ("https://example.com./a/b.png?x=1&y=2#z", "example.com", "/a/b.png?x=1&y=2"),
        ("HTTPS://example.com:443/%41", "example.com", "/%41"),
        ("https://example.com:80/", "example.com:80", "/"),
        ("http://b\xfccher.example/\xe9?\xe9", "xn--bcher-kva.example", "/%C3%A9?%C3%A9"),
        ("http://[2606:4700:0::1111]:80/", "[2606:4700::1111]", "/"),
        ("http://\uff11.1.1.1/", "1.1.1.1", "/"),
        ("http://a_b.example/x//y/../z", "a_b.example", "/x//y/../z"),
    ],
)
def test_a_url_is_taken_apart(url, authority, target):
    location = parse_location(url)
    assert (location.authority, location.target) == (authority, target)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://1.", "http://["]))
def test_any_text_is_a_location_in_plain_ascii_or_refused(text, start):
    try:
        location = parse_location(start + text)
    except RequestError:
        return
    assert location.scheme in {"http", "https"}
    assert location.port in {80, 443}
    written = location.authority + location.target
    assert written.isascii()
    assert written.isprintable()
    assert " " not in written
    assert location.target.startswith("/")
    assert not set(location.host) & set("@/\\?#%")


@pytest.mark.parametrize(
    ("to", "authority", "target"),
    [
        ("/b", "example.com", "/b"),
        ("b", "example.com", "/x/b"),
        ("//other.example/b", "other.example", "/b"),
        ("https://other.example", "other.example", "/"),
        ("?q", "example.com", "/x/a?q"),
    ],
)
def test_a_redirect_may_be_relative(to, authority, target):
    location = parse_location("https://example.com/x/a").follow(to, {80, 443})
    assert (location.scheme, location.authority, location.target) == ("https", authority, target)


@pytest.mark.parametrize(
    "to",
    ["file:///etc/passwd", "http://example.com/", "https://me@example.com/", "//127.1/",
     "https://example.com:22/", "gopher://x/", "/a\r\nb", "//["],
)  # fmt: skip
def test_a_redirect_leads_nowhere_else(to):
    with pytest.raises(RequestError):
        parse_location("https://example.com/x/a").follow(to, {80, 443})
