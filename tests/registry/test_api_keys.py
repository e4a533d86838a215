"""API keys in the registry: what is kept of them, and what that is good for."""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from labeler.errors import RegistryError
from labeler.registry import PresentedKey, Registry, RegistryReader, Scope
from labeler.registry.api_keys import API_KEY_CREATION, API_KEY_REVOCATION

WHEN = datetime(2026, 8, 2, 12, tzinfo=UTC)
BY = {"actor": "clerk", "reason": "for the newsroom"}


@pytest.fixture
def registry(location, tmp_path):
    with Registry.open(location, home=tmp_path, now=lambda: WHEN) as registry:
        yield registry


def test_a_key_is_found_again_and_opened_by_its_text_alone(registry, location):
    key, text = registry.create_api_key("newsroom", [Scope.STAMP, Scope.JOBS, Scope.JOBS], **BY)
    with RegistryReader.open(location) as reader:
        found = reader.api_key(key.key_id)
        assert reader.api_keys() == (found,)
        assert reader.api_key("0" * 16) is None
    assert found == key
    assert (found.name, found.scopes) == ("newsroom", {"stamp", "jobs"})
    assert (found.created_at, found.revoked_at) == (WHEN, None)
    presented = PresentedKey.parse(text)
    assert presented.text == text
    assert presented.opens(found)
    assert not replace(presented, secret=bytes(32)).opens(found)
    assert not PresentedKey.generate().opens(found)


def test_the_row_of_one_key_does_not_fit_another(registry):
    mine, text = registry.create_api_key("mine", [Scope.METRICS], **BY)
    theirs, _ = registry.create_api_key("theirs", [Scope.STAMP], **BY)
    # Somebody who can write the database puts the digest of his key under another's id.
    forged = replace(theirs, digest=mine.digest)
    presented = PresentedKey.parse(text.replace(mine.key_id, theirs.key_id))
    assert presented.key_id == theirs.key_id
    assert not presented.opens(forged)


def test_only_a_digest_of_256_random_bits_is_kept(registry, sql):
    key, text = registry.create_api_key("newsroom", [Scope.STAMP], **BY)
    prefix, key_id, secret = text.split("_")
    assert (prefix, key_id, len(bytes.fromhex(secret))) == ("lblr", key.key_id, 32)
    everything = repr(sql("SELECT * FROM api_key")) + repr(sql("SELECT * FROM audit_detail"))
    assert secret not in everything
    assert text not in everything
    message = b"labeler api key 1:" + key_id.encode()
    digest = hmac.new(bytes.fromhex(secret), message, hashlib.sha256).hexdigest()
    assert sql("SELECT digest FROM api_key") == [(digest,)]
    # Nor does what somebody may print tell it.
    presented = PresentedKey.parse(text)
    assert secret not in repr(presented)
    assert repr(presented.secret) not in repr(presented)
    assert digest not in repr(key)


def test_a_revoked_key_opens_nothing_and_both_are_on_record(registry):
    key, text = registry.create_api_key("newsroom", [Scope.STAMP], **BY)
    registry.revoke_api_key(key.key_id, actor="chief", reason="it was in a log")
    revoked = registry.api_key(key.key_id)
    assert revoked.revoked_at == WHEN
    assert not PresentedKey.parse(text).opens(revoked)
    made, ended = registry.audit_entries(subject=f"api-key:{key.key_id}")
    assert (made.kind, made.actor, made.reason) == (API_KEY_CREATION, *BY.values())
    assert made.members == {"name": "newsroom", "scopes": ["stamp"]}
    assert (ended.kind, ended.actor, ended.reason) == (
        API_KEY_REVOCATION, "chief", "it was in a log",
    )  # fmt: skip
    assert registry.verify_audit().intact
    with pytest.raises(RegistryError, match="revoked before"):
        registry.revoke_api_key(key.key_id, **BY)
    with pytest.raises(RegistryError, match="is not there"):
        registry.revoke_api_key("0" * 16, **BY)
    assert len(list(registry.audit_entries())) == 2


@pytest.mark.parametrize(
    ("name", "scopes", "actor"),
    [
        ("", [Scope.STAMP], "clerk"),
        ("two\nlines", [Scope.STAMP], "clerk"),
        ("x" * 101, [Scope.STAMP], "clerk"),
        ("newsroom", [], "clerk"),
        ("newsroom", [Scope.STAMP], " "),
    ],
)
def test_what_makes_no_key_leaves_nothing(registry, name, scopes, actor):
    with pytest.raises(RegistryError):
        registry.create_api_key(name, scopes, actor=actor, reason="why")
    assert registry.api_keys() == ()
    assert list(registry.audit_entries()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lblr_",
        f"lblr_{'0' * 16}_{'0' * 63}",
        f"lblr_{'0' * 16}_{'0' * 64}\n",
        f"LBLR_{'0' * 16}_{'0' * 64}",
        f"lblr_{'0' * 15}g_{'0' * 64}",
        f"lblr_{'0' * 16}_{chr(0x660) * 64}",
    ],
)
def test_what_has_not_the_form_of_a_key_is_none(text):
    assert PresentedKey.parse(text) is None
