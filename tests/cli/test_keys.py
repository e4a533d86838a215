import stat

import pytest

from labeler.codec.keys import Keyring
from labeler.credentials import load_development_identity
from tests.cli.running import labeler


def test_init_makes_an_identity_and_a_key_that_work(tmp_path):
    home = tmp_path / "home"
    done = labeler("keys", "init", "--json", home=home)
    assert done.code == 0, done.err
    (made,) = done.lines
    assert made["schema"] == 1
    identity = load_development_identity(home / "identity")
    assert identity.common_name == made["signer"]
    assert identity.is_development
    keyring = Keyring.load(home / "keys", with_public=False)
    assert list(keyring) == [made["watermark_key_id"]]
    secret = keyring[made["watermark_key_id"]].secret.hex()
    assert secret not in done.out + done.err
    private = [home / "identity" / "key.pem", *(home / "keys").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_init_tells_people_that_it_is_not_for_production(tmp_path):
    done = labeler("keys", "init", "--home", tmp_path / "elsewhere", "--name", "Ada", home=tmp_path)
    assert done.code == 0, done.err
    assert "not for production" in done.out
    assert "Ada" in done.out
    assert load_development_identity(tmp_path / "elsewhere" / "identity").common_name == "Ada"
    assert list(tmp_path.iterdir()) == [tmp_path / "elsewhere"]


def test_init_never_overwrites(tmp_path):
    assert labeler("keys", "init", home=tmp_path / "home").code == 0
    before = {p: p.read_bytes() for p in (tmp_path / "home").rglob("*") if p.is_file()}
    done = labeler("keys", "init", "--json", home=tmp_path / "home")
    assert done.code == 1
    assert done.lines[0]["error"]["kind"] == "IdentityError"
    assert {p: p.read_bytes() for p in (tmp_path / "home").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_does_not_fit_a_certificate_is_refused(name, tmp_path):
    done = labeler("keys", "init", "--name", name, home=tmp_path / "home")
    assert done.code == 1
    assert "1 to 64 characters" in done.err
    assert not (tmp_path / "home" / "identity").exists()
    assert not (tmp_path / "home" / "keys").exists()
