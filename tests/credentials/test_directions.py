"""Whom to ask, as a manifest says: our own and any stranger's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.credentials import Directions, TrustStore, read
from labeler.credentials.directions import SIGNPOST_LABEL, read_directions, web_address
from labeler.media.media_type import MediaType
from tests.samples import created, encode, make_settings, photo, sign


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("directions"))


def directions_of(data, settings):
    signed = sign(
        encode(photo(64, 48)),
        "image/png",
        settings,
        created("trainedAlgorithmicMedia"),
        (SIGNPOST_LABEL, data),
    )
    trust = TrustStore.from_development_identity(settings.identity)
    return read(signed, MediaType.PNG, trust=trust).directions


def test_what_is_written_is_read(settings):
    said = Directions(
        issuer=7, detector_url="https://a.example/x?y=1", resolver_url="http://[::1]:8"
    )
    assert directions_of(said.to_data(), settings) == said
    assert said
    assert not Directions()
    assert Directions().to_data() == {}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"issuer": 65536, "detector": "https://a.example"}, "https://a.example"),
        ({"issuer": "7", "detector": "https://a.example"}, "https://a.example"),
        ({"issuer": True, "detector": "https://a.example", "more": [1]}, "https://a.example"),
        ({"issuer": 0, "detector": "javascript:alert(1)"}, None),
        ({"detector": ["https://a.example"]}, None),
    ],
)
def test_of_a_strangers_manifest_only_what_can_be_used_is_told(settings, data, expected):
    found = directions_of(data, settings)
    assert (found and found.detector_url) == expected
    assert found is None or found.issuer is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://",
        "https:///path",
        "ftp://a.example",
        "file:///etc/passwd",
        "//a.example",
        "https://user@a.example",
        "https://user:secret@a.example",
        "https://a.example@evil.example",
        "https://a.example:99999",
        "https://a.example:x",
        "https://[::1",
        "https://a.example/a b",
        "https://a.example/\n",
        "https://a.example/\u202e",
        "https://\u0430.example",
        "https://a.example\\@evil.example",
        "https://a.example/" + "x" * 2048,
        None,
        7,
    ],
)
def test_what_is_no_plain_web_address_is_none(address):
    assert web_address(address) is None


@given(
    data=st.dictionaries(
        st.sampled_from(["issuer", "detector", "resolver", "x"]),
        st.none() | st.integers() | st.text(max_size=30) | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_it_holds_reading_it_is_safe(data):
    found = read_directions(data)
    if found is not None:
        assert found.issuer is None or 0 < found.issuer < 65536
        for address in (found.detector_url, found.resolver_url):
            assert address is None or address.lower().startswith(("http://", "https://"))
