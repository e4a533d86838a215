import json
import os
import stat
from typing import get_args

import pytest
from typer.testing import CliRunner

from labeler.cli import api_keys
from labeler.cli.app import app
from labeler.registry import PresentedKey, RegistryReader, Scope
from tests.cli.running import Done


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def labeler(home):
    def run(*arguments):
        others = {name: None for name in os.environ if name.startswith("LABELER_")}
        environment = others | {"LABELER_HOME": str(home)}
        done = CliRunner().invoke(app, ["api-keys", *map(str, arguments)], env=environment)
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


def key_of(home, key_id):
    with RegistryReader.open(str(home / "registry.sqlite3")) as reader:
        return reader.api_key(key_id)


def test_the_choices_are_the_scopes():
    assert get_args(api_keys.ScopeName) == tuple(Scope)


def test_a_key_is_printed_once_and_opens_what_is_kept(labeler, home):
    done = labeler("create", "--name", "newsroom", "--scope", "stamp", "--scope", "jobs")
    assert done.code == 0
    presented = PresentedKey.parse(done.out.strip())
    assert presented.opens(key_of(home, presented.key_id))
    assert "only time" in done.err
    assert presented.text not in done.err
    listed = labeler("list")
    assert presented.key_id in listed.out
    assert "newsroom" in listed.out
    assert presented.secret.hex() not in listed.out


def test_a_key_goes_to_a_file_that_only_its_owner_reads(labeler, home, tmp_path):
    file = tmp_path / "key"
    old = os.umask(0)
    try:
        done = labeler("create", "--name", "n", "--scope", "stamp", "--out", file, "--json")
    finally:
        os.umask(old)
    (members,) = done.lines
    assert (members["key"], members["key_file"]) == (None, str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    presented = PresentedKey.parse(file.read_text().strip())
    assert presented.opens(key_of(home, members["key_id"]))
    assert presented.secret.hex() not in done.out + done.err
    before = file.read_bytes()
    again = labeler("create", "--name", "n", "--scope", "stamp", "--out", file)
    assert again.code == 1
    assert "cannot be made" in again.err
    assert file.read_bytes() == before
    assert len(labeler("list", "--json").lines) == 1


def test_a_key_that_could_not_be_made_leaves_no_file(labeler, tmp_path):
    file = tmp_path / "key"
    assert labeler("create", "--name", " ", "--scope", "stamp", "--out", file).code == 1
    assert not file.exists()


def test_json_tells_all_but_the_digest(labeler):
    (made,) = labeler("create", "--name", "n", "--scope", "stamp", "--json").lines
    assert set(made) == {
        "schema", "key_id", "name", "scopes", "created_at", "revoked_at", "key", "key_file",
    }  # fmt: skip
    revoked = labeler("revoke", made["key_id"], "--reason", "lost", "--actor", "chief", "--json")
    (listed,) = labeler("list", "--json").lines
    assert revoked.lines == [listed]
    assert listed["revoked_at"] is not None
    assert {**listed, "revoked_at": None} == {
        name: value for name, value in made.items() if name not in {"key", "key_file"}
    }
    assert "revoked" in labeler("list").out


def test_what_is_wrong_is_told(labeler, home):
    assert labeler("create", "--name", "n", "--scope", "everything").code == 2
    assert not home.exists()
    assert labeler("list").code == 0
    done = labeler("revoke", "0123456789abcdef", "--json")
    assert done.code == 1
    assert json.loads(done.out)["error"]["kind"] == "RegistryError"
