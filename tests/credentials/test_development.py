import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from labeler.credentials import (
    CHAIN_FILE,
    DEVELOPMENT_ORGANIZATION,
    KEY_FILE,
    ROOT_FILE,
    Identity,
    SigningAlgorithm,
    TrustStore,
    create_development_identity,
    load_development_identity,
)
from labeler.errors import IdentityError, TrustListError
from tests.credentials.certificates import NOW, issue, issue_root

FILES = {CHAIN_FILE, KEY_FILE, ROOT_FILE}


def test_the_files_are_complete_and_private(tmp_path):
    directory = tmp_path / "new" / "identity"
    identity = create_development_identity(directory, now=NOW)
    assert {path.name for path in directory.iterdir()} == FILES
    assert [path.name for path in directory.parent.iterdir()] == ["identity"]
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert load_development_identity(directory) == identity
    assert identity.algorithm is SigningAlgorithm.ES256
    assert identity.is_development
    assert len(TrustStore.from_development_identity(directory).lists) == 1


def test_the_certificates_say_what_they_are_for(tmp_path):
    create_development_identity(tmp_path / "a", now=NOW, common_name="Ana's laptop")
    for name in (CHAIN_FILE, ROOT_FILE):
        certificate = x509.load_pem_x509_certificate((tmp_path / "a" / name).read_bytes())
        for names in (certificate.subject, certificate.issuer):
            (organization,) = names.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
            assert organization.value == DEVELOPMENT_ORGANIZATION
    assert load_development_identity(tmp_path / "a").common_name == "Ana's laptop"


def test_nobody_can_issue_under_the_root_again(tmp_path):
    create_development_identity(tmp_path / "a", now=NOW)
    keys = [p for p in (tmp_path / "a").iterdir() if b"PRIVATE KEY" in p.read_bytes()]
    assert [path.name for path in keys] == [KEY_FILE]


def test_two_roots_have_different_names(tmp_path):
    roots = []
    for name in "ab":
        create_development_identity(tmp_path / name, now=NOW)
        roots.append(x509.load_pem_x509_certificate((tmp_path / name / ROOT_FILE).read_bytes()))
    assert roots[0].subject != roots[1].subject


@pytest.mark.parametrize("file", [*sorted(FILES), "unrelated.txt"])
def test_nothing_is_overwritten(tmp_path, file):
    directory = tmp_path / "identity"
    directory.mkdir()
    (directory / file).write_text("precious")
    with pytest.raises(IdentityError, match="holds files already") as caught:
        create_development_identity(directory, now=NOW)
    assert caught.value.file == str(directory)
    assert [path.name for path in directory.iterdir()] == [file]
    assert (directory / file).read_text() == "precious"
    assert list(tmp_path.iterdir()) == [directory]


def test_an_empty_directory_is_used(tmp_path):
    (tmp_path / "identity").mkdir()
    create_development_identity(tmp_path / "identity", now=NOW)
    assert {path.name for path in (tmp_path / "identity").iterdir()} == FILES


def test_of_many_at_once_one_wins_whole(tmp_path):
    directory = tmp_path / "identity"

    def attempt(_):
        try:
            return create_development_identity(directory, now=NOW)
        except IdentityError:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [identity for identity in pool.map(attempt, range(8)) if identity]
    assert len(made) == 1
    assert load_development_identity(directory) == made[0]
    assert list(tmp_path.iterdir()) == [directory]


@pytest.mark.parametrize("failing", range(3))
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, failing):
    calls = iter(range(10))
    real = os.fsync

    def fsync(descriptor):
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(IdentityError, match="No space left"):
        create_development_identity(tmp_path / "identity", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_names_that_fit_no_certificate_are_refused(tmp_path):
    for name in ("", "x" * 65):
        with pytest.raises(IdentityError, match="cannot be the name"):
            create_development_identity(tmp_path / "identity", now=NOW, common_name=name)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "identity").write_text("a file")
    with pytest.raises(IdentityError, match="cannot be written"):
        create_development_identity(tmp_path / "identity", now=NOW)
    assert (tmp_path / "identity").read_text() == "a file"


def test_the_identity_lasts_two_years(tmp_path):
    create_development_identity(tmp_path / "a", now=NOW)
    load_development_identity(tmp_path / "a", now=NOW + timedelta(days=729))
    with pytest.raises(IdentityError, match="expired"):
        load_development_identity(tmp_path / "a", now=NOW + timedelta(days=731))


def test_where_there_is_no_identity_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(IdentityError, match="labeler keys init"):
        load_development_identity(tmp_path)
    with pytest.raises(TrustListError, match="cannot be read"):
        TrustStore.from_development_identity(tmp_path)


def test_other_identities_are_no_development_identities(tmp_path):
    leaf = issue(by=issue_root())
    assert not Identity.from_pem_files(*leaf.write(tmp_path)).is_development
