import hashlib
import os
import sqlite3

import pytest
from typer.testing import CliRunner

from labeler.cli.app import app
from labeler.registry import RegistryReader
from tests.cli.running import Done
from tests.cli.running import labeler as run_process

SIGNED = (
    "--responsible", "Beispiel-Verlag", "--contact", "https://example.eu/imprint",
    "--reviewer", "Ada Lovelace", "--reason", "read, sources checked", "--actor", "clerk",
)  # fmt: skip


def labeler(*arguments, home):
    """Run the command in this process: starting one takes far longer than the command."""
    others = {name: None for name in os.environ if name.startswith("LABELER_")}
    environment = others | {"LABELER_HOME": str(home)}
    done = CliRunner().invoke(app, [str(each) for each in arguments], env=environment)
    return Done(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def essay(tmp_path):
    path = tmp_path / "essay.txt"
    path.write_bytes(b"An essay.\n")
    return path


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def signed(essay, home):
    done = labeler(
        "registry", "sign-off", essay, *SIGNED, "--human-review", "--fact-checked", "--json",
        home=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    return done


def test_a_person_signs_a_file_off_as_it_is(signed, essay, home):
    (entry,) = signed.lines
    assert entry["schema"] == 1
    assert entry["warnings"] == []
    digest = hashlib.sha256(essay.read_bytes()).hexdigest()
    assert (entry["kind"], entry["subject"], entry["actor"]) == ("sign-off", digest, "clerk")
    with RegistryReader.open(str(home / "registry.sqlite3")) as reader:
        found = reader.find_sign_off(digest)
        assert reader.sign_offs_of(str(essay)) == (found,)
    assert found.human_substantive
    assert found.fact_checked
    assert not found.editorial_control
    assert (found.reviewer, found.responsible_party) == ("Ada Lovelace", "Beispiel-Verlag")
    assert essay.read_bytes() == b"An essay.\n"


def test_a_review_that_is_not_enough_is_recorded_and_told(essay, home):
    done = labeler(
        "registry", "sign-off", essay, *SIGNED, "--human-review", "--work", "w", home=home
    )
    assert done.code == 0
    assert "does not exempt" in done.err
    assert "as entry 1" in done.out


def test_a_file_that_is_not_there_and_a_blank_name_are_refused(essay, home):
    done = labeler("registry", "sign-off", essay.with_name("no.txt"), *SIGNED, "--json", home=home)
    assert done.code == 1
    assert done.lines[0]["error"]["kind"] == "UnreadableMediaError"
    done = labeler("registry", "sign-off", essay, *SIGNED, "--reviewer", " ", "--json", home=home)
    assert done.code == 1
    assert "a reviewer" in done.lines[0]["error"]["problem"]
    assert not home.exists()


def test_without_a_registry_there_is_nothing_to_verify_and_none_is_made(home):
    done = labeler("registry", "audit", "verify", "--json", home=home)
    assert done.code == 1
    assert "no registry" in done.lines[0]["error"]["problem"]
    assert labeler("registry", "audit", "erase", "1", "--reason", "r", home=home).code == 1
    assert not home.exists()


def test_an_intact_log_and_a_broken_one(signed, home):
    head = signed.lines[0]["digest"]
    done = labeler("registry", "audit", "verify", "--expect", head.upper(), "--json", home=home)
    assert done.code == 0
    assert done.lines == [
        {"schema": 1, "intact": True, "entries": 1, "head": head, "first_broken": None,
         "problem": None}
    ]  # fmt: skip
    done = labeler("registry", "audit", "verify", "--expect", "ff" * 32, home=home)
    assert done.code == 4
    assert "broken" in done.out
    connection = sqlite3.connect(home / "registry.sqlite3", isolation_level=None)
    connection.execute("DROP TRIGGER audit_detail_no_update")
    connection.execute("UPDATE audit_detail SET actor = 'nobody'")
    connection.close()
    done = labeler("registry", "audit", "verify", "--json", home=home)
    assert done.code == 4
    assert (done.lines[0]["intact"], done.lines[0]["first_broken"]) == (False, 1)
    assert "nobody" in labeler("registry", "audit", "show", home=home).out


def test_a_digest_that_is_none_is_a_mistake_of_usage(signed, home):
    done = labeler("registry", "audit", "verify", "--expect", "abc", home=home)
    assert done.code == 2
    assert "64 hexadecimal digits" in done.err


def test_entries_are_shown_for_people_and_programs(signed, home):
    done = labeler("registry", "audit", "show", home=home)
    assert done.code == 0
    assert "clerk: read, sources checked" in done.out
    subject = signed.lines[0]["subject"]
    found = labeler("registry", "audit", "show", "--subject", subject, "--json", home=home).lines
    assert found[0]["body"]["reviewer"] == "Ada Lovelace"
    assert "salt" not in found[0]
    assert labeler("registry", "audit", "show", "--kind", "decision", home=home).out == ""


def test_an_entry_is_erased_and_the_export_shows_it(signed, home):
    done = labeler("registry", "audit", "erase", "1", "--reason", "asked for", home=home)
    assert done.code == 0, done.err
    assert "recorded as entry 2" in done.out
    exported = labeler("registry", "audit", "export", home=home)
    assert "Lovelace" not in exported.out
    first, second, end = exported.lines
    assert (first["actor"], first["body"], first["salt"]) == (None, None, None)
    assert (second["kind"], second["subject"]) == ("erasure", first["digest"])
    assert len(second["salt"]) == 64
    assert (end["entries"], end["head"]) == (2, second["digest"])
    assert labeler("registry", "audit", "erase", "1", "--reason", "again", home=home).code == 1


def test_a_process_of_its_own_finds_the_log_intact(signed, home):
    done = run_process("registry", "audit", "verify", home=home)
    assert (done.code, done.err) == (0, "")
    assert "intact: 1 entries" in done.out
