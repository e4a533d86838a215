"""What a URL is taken for, whoever gives it."""

import pytest

from detectors.service.locations import parse_location
from detectors.service.problems import RequestError
from detectors.urls import Place
from detectors.web import parse_site
from labeler.errors import ResolverError


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://Example.com.", "example.com", "/"),
        ("http://b\xfccher.example:8080/\xe9", "xn--bcher-kva.example:8080", "/%C3%A9"),
        ("https://[2606:4700:0::1111]:443/?a=b", "[2606:4700::1111]", "/?a=b"),
        ("http://a_b.example:80/x#z", "a_b.example", "/x"),
    ],
)
def test_a_place_has_one_way_to_be_written(url, authority, target):
    place = Place.named(url)
    assert (place.authority, place.target) == (authority, target)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "//example.com/",
        "https:///a",
        "https://me@example.com/",
        "https://example.com:99999/",
        "https://[example.com]/",
        "https://[127.0.0.1]/",
        "https://[v1.x]/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://*.example.com/",
        "https://example..com/",
        "https://example.com/\ud800",
    ],
)
def test_nobody_asks_where_readers_disagree(url):
    with pytest.raises(ValueError):  # noqa: PT011 - it says nothing: it could quote a password
        Place.named(url)
    with pytest.raises(ResolverError):
        parse_site(url)
    with pytest.raises(RequestError):
        parse_location(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/a#b", "https://example.com/{a}", "https://example.com/'"]
)
def test_people_s_urls_may_have_what_those_of_interfaces_do_not(url):
    assert parse_location(url).host == "example.com"
    with pytest.raises(ResolverError):
        parse_site(url)


def test_interfaces_may_have_any_port_and_long_questions():
    assert parse_site("https://example.com:8443/").port == 8443
    assert len(parse_site("https://example.com/" + "a" * 4096).target) == 4097
    for url in ("https://example.com:8443/", "https://example.com/" + "a" * 4096):
        with pytest.raises(RequestError):
            parse_location(url)
