import base64
import copy
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from labeler.credentials import TrustStore, create_development_identity
from labeler.credentials.detached import encoded_chain, key_fingerprint, sign_bytes
from labeler.errors import SettingsError
from labeler.registry import Issuer, IssuerDirectory
from labeler.registry.issuer_entries import (
    Standing,
    check_entry,
    directory_text,
    merged,
    sign_entry,
    write_entry,
)
from labeler.registry.issuers import (
    PRIVATE_ISSUERS,
    parse_entries,
    read_document,
    signed_bytes,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENTRY = Issuer(
    number=7,
    name="Beispiel & Söhne AG",
    url="https://www.example/ai",
    detector="https://detector.example/",
    resolver="https://detector.example/sbr/v1",
    contact="marks@example",
    since=date(2026, 11, 22),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("identity")


@pytest.fixture(scope="module")
def identity(folder):
    return create_development_identity(folder, now=NOW)


@pytest.fixture(scope="module")
def trust(identity, folder):
    return TrustStore.from_development_identity(folder)


@pytest.fixture(scope="module")
def signed(identity):
    return sign_entry(ENTRY, identity, now=NOW)


def directory(*entries):
    return {"schema": 2, "issuers": list(entries)}


def parsed(entry):
    """As it is read from a file."""
    (issuer,) = parse_entries(json.loads(directory_text(directory(entry))))
    return issuer


def checked(entry, trust=TrustStore(), now=NOW, **options):  # noqa: B008 - never changed
    return check_entry(parsed(entry), trust=trust, now=now, **options)


def test_number_zero_ships_as_local():
    directory = IssuerDirectory.load()
    assert directory.find(0) == Issuer(number=0, name="local", url=None)
    assert directory.find(4711) is None


def test_a_directory_can_be_replaced(tmp_path):
    file = tmp_path / "issuers.json"
    entry = {"number": 7, "name": "Example AG", "url": "https://verify.example", "later": 1}
    file.write_text(json.dumps({"schema": 1, "issuers": [entry]}))
    directory = IssuerDirectory.load(file)
    assert directory.find(7) == Issuer(number=7, name="Example AG", url="https://verify.example")
    assert directory.find(0) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"schema": 3, "issuers": []}',
        '{"schema": true, "issuers": []}',
        '{"schema": 2, "schema": 2, "issuers": []}',
        '{"schema": 2, "issuers": {}}',
        '{"schema": 2, "issuers": [{"number": 7.0, "name": "x"}]}',
        '{"schema": 2, "issuers": [{"number": true, "name": "x"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": ""}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "a\\u001b[2Jb"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "detector": "file:///etc"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "resolver": "https://a@b.c/"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "resolver": "https://a:x/"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "since": "yesterday"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "signer_key": "AB"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "signature": {}}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "signature": "x"}]}',
        '{"schema": 2, "issuers": [{"number": 7, "name": "x", "more": NaN}]}',
        '{"schema": 1}',
        '{"schema": 1, "issuers": [{"number": 7}]}',
        '{"schema": 1, "issuers": [{"number": 65536, "name": "x"}]}',
        '{"schema": 1, "issuers": [{"number": "7", "name": "x"}]}',
        '{"schema": 1, "issuers": [{"number": 7, "name": 7}]}',
        '{"schema": 1, "issuers": [{"number": 7, "name": "x", "url": 1}]}',
        '{"schema": 1, "issuers": [{"number": 7, "name": "x"}, {"number": 7, "name": "y"}]}',
    ],
)
def test_a_malformed_directory_is_named(tmp_path, content):
    file = tmp_path / "issuers.json"
    file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        IssuerDirectory.load(file)
    assert caught.value.file == str(file)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(SettingsError, match="issuer directory"):
        IssuerDirectory.load(tmp_path / "none.json")


# --------------------------------------------------------------------------------------- signatures


def test_what_is_written_is_read(signed):
    assert parsed(write_entry(ENTRY)) == ENTRY
    assert write_entry(parsed(signed)) == {k: v for k, v in signed.items() if k != "signature"}


def test_a_signed_entry_is_its_signers(signed, identity, trust):
    verdict = checked(signed, trust)
    assert verdict.standing is Standing.TRUSTED
    assert verdict.signer == identity.common_name
    assert verdict.problems == ()
    assert checked(signed).standing is Standing.SIGNED
    later = checked(signed, trust, NOW + timedelta(days=20_000))
    assert later.standing is Standing.SIGNED
    assert later.problems == ()


@pytest.mark.parametrize(
    "change",
    [
        {"number": 8},
        {"name": "Other AG"},
        {"detector": "https://evil.example/"},
        {"resolver": None},
        {"contact": "evil@example"},
        {"since": "2026-11-21"},
        {"later": 1},
        {"signer_key": None},
        {"signer_key": "0" * 64},
    ],
)
def test_whatever_is_changed_breaks_the_signature(signed, trust, change):
    entry = {name: value for name, value in (signed | change).items() if value is not None}
    assert checked(entry, trust).standing is Standing.BROKEN


@pytest.mark.parametrize("member", ["algorithm", "certificates", "signed_at", "value"])
def test_a_signature_that_is_changed_is_broken(signed, trust, member):
    entry = copy.deepcopy(signed)
    entry["signature"][member] = {
        "algorithm": "es384",
        "certificates": [base64.b64encode(b"no certificate").decode()],
        "signed_at": "2026-11-22T12:00:01+00:00",
        "value": base64.b64encode(bytes(64)).decode(),
    }[member]
    verdict = checked(entry, trust)
    assert verdict.standing is Standing.BROKEN
    assert verdict.signer is None


def test_another_identity_cannot_sign_for_a_key(signed, tmp_path):
    other = create_development_identity(tmp_path, now=NOW)
    forged = sign_entry(ENTRY, other, now=NOW) | {"signer_key": signed["signer_key"]}
    verdict = checked(forged, TrustStore.from_development_identity(tmp_path))
    assert verdict.standing is Standing.BROKEN
    assert "another key" in verdict.reason


def test_a_signature_that_was_taken_off_is_noticed(signed, trust):
    stripped = {name: value for name, value in signed.items() if name != "signature"}
    assert checked(stripped, trust).standing is Standing.BROKEN


@trying(max_examples=25, deadline=None)
@given(
    members=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
)
def test_members_of_later_versions_are_signed_too(members, identity):
    """What this version does not know, it still holds against the signature."""
    entry = members | {
        "number": 7,
        "name": "Example AG",
        "url": "https://example",
        "signer_key": key_fingerprint(encoded_chain(identity)),
    }
    entry = {name: each for name, each in entry.items() if name not in _KNOWN}
    at = "2026-11-22T12:00:00+00:00"
    entry["signature"] = {
        "algorithm": identity.algorithm.value,
        "certificates": [base64.b64encode(each).decode() for each in encoded_chain(identity)],
        "signed_at": at,
        "value": base64.b64encode(sign_bytes(identity, signed_bytes(entry, at))).decode(),
    }
    assert checked(entry).standing is Standing.SIGNED
    assert checked(entry | {"even later": 1}).standing is Standing.BROKEN


_KNOWN = {"detector", "resolver", "contact", "since", "signature"}


# ------------------------------------------------------------------------------------- directories


def test_a_directory_tells_what_it_does_not_use(tmp_path, signed):
    file = tmp_path / "issuers.json"
    forged = signed | {"detector": "https://evil.example/"}
    plain = write_entry(Issuer(number=9, name="Plain AG", url="https://plain.example"))
    file.write_text(directory_text(directory(forged, plain)))
    loaded = IssuerDirectory.load(file)
    assert loaded.find(7) is None
    assert loaded.find(9).name == "Plain AG"
    (refused,) = loaded.refused
    assert refused.issuer.number == 7
    assert "signature" in refused.reason


def test_a_signature_holds_when_its_certificate_is_long_expired(tmp_path, signed):
    file = tmp_path / "issuers.json"
    file.write_text(directory_text(directory(signed)))
    assert IssuerDirectory.load(file).find(7).detector == ENTRY.detector


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"number": 0}, "every machine's own"),
        ({"number": PRIVATE_ISSUERS[0]}, "private use"),
        ({"number": 65535}, "private use"),
        ({"detector": "http://detector.example/"}, "no https"),
        ({"url": None, "detector": None, "resolver": None}, "nowhere to ask"),
    ],
)
def test_what_is_not_fit_for_others_is_told(change, problem):
    members = {n: v for n, v in (write_entry(ENTRY) | change).items() if v is not None}
    (told,) = checked(members).problems
    assert problem in told
    if "nowhere" not in problem:
        assert checked(members, private=True).problems == ()


def test_numbers_around_those_for_private_use_are_given():
    assert (PRIVATE_ISSUERS[0], PRIVATE_ISSUERS[-1]) == (0xFF00, 0xFFFF)
    assert checked(write_entry(ENTRY) | {"number": 0xFEFF}).problems == ()


def test_entries_are_put_in_order_and_nothing_is_lost(tmp_path, signed):
    file = tmp_path / "entry.json"
    before = {"schema": 1, "kept by": "us", "issuers": [{"number": 9, "name": "x", "later": [1]}]}
    after = merged(before, directory(signed), file=file)
    assert [each["number"] for each in after["issuers"]] == [7, 9]
    assert after["issuers"][1] == before["issuers"][0]
    assert (after["schema"], after["kept by"]) == (2, "us")
    with pytest.raises(SettingsError, match="number 7 is taken by") as caught:
        merged(after, directory(signed), file=file)
    assert caught.value.file == str(file)


def test_a_directory_of_any_size_is_no_reason_to_read_it(tmp_path, monkeypatch):
    monkeypatch.setattr("labeler.registry.issuers._MOST_BYTES", 100)
    file = tmp_path / "issuers.json"
    file.write_text(directory_text(directory()) + " " * 200)
    with pytest.raises(SettingsError, match="more than"):
        read_document(file)


@trying(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_directory_or_a_clear_error(data, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_bytes(data)
    with pytest.raises(SettingsError):
        IssuerDirectory.load(file)
