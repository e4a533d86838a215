"""The audit log's head, signed: what a chain alone cannot show."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from labeler.credentials import ROOT_FILE, Identity, Trust, TrustStore
from labeler.errors import RegistryError
from labeler.registry.audit import GENESIS
from labeler.registry.audit_notes import check_checkpoint, sign_checkpoint
from tests.samples import make_settings

HEAD = "ab" * 32


@pytest.fixture(scope="module")
def now():
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module")
def identity(settings, now):
    return Identity.from_pem_files(
        settings.certificate_chain_file, settings.private_key_file, now=now
    )


@pytest.fixture(scope="module")
def trust(settings):
    return TrustStore.load([settings.identity / ROOT_FILE], [])


@pytest.fixture(scope="module")
def note(identity, now):
    return sign_checkpoint(entries=42, head=HEAD, identity=identity, at=now)


def test_a_checkpoint_states_what_was_signed(note, trust, now):
    verdict = check_checkpoint(note, trust=trust, now=now)
    assert (verdict.checkpoint.entries, verdict.checkpoint.head) == (42, HEAD)
    assert verdict.checkpoint.at == now
    assert (verdict.trust, verdict.reason) == (Trust.TRUSTED, None)
    assert note.isascii()
    assert "\n" not in note


def test_a_stranger_signs_without_being_trusted(note, now):
    verdict = check_checkpoint(note, trust=TrustStore(), now=now)
    assert verdict.checkpoint is not None
    assert verdict.trust is not Trust.TRUSTED


@pytest.mark.parametrize("member", ["payload", "signature", "protected"])
def test_a_changed_checkpoint_states_nothing(note, trust, now, member):
    members = json.loads(note)
    text = members[member]
    members[member] = ("B" if text[10] != "B" else "C").join([text[:10], text[11:]])
    verdict = check_checkpoint(json.dumps(members), trust=trust, now=now)
    assert verdict.checkpoint is None
    assert verdict.trust is Trust.NOT_CHECKED
    assert verdict.reason


@pytest.mark.parametrize("text", ["", "{}", "[]", "x" * 300_000, '{"payload": 1}'])
def test_what_is_no_checkpoint_is_told(text, trust, now):
    assert "no checkpoint" in check_checkpoint(text, trust=trust, now=now).reason


def test_an_empty_log_has_no_checkpoint(identity, now):
    with pytest.raises(RegistryError, match="nothing in the audit log"):
        sign_checkpoint(entries=0, head=GENESIS, identity=identity, at=now)


def test_an_expired_signer_is_not_trusted(note, trust, now):
    verdict = check_checkpoint(note, trust=trust, now=now + timedelta(days=10_000))
    assert verdict.trust is not Trust.TRUSTED
