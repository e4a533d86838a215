import hashlib
import os
from datetime import timedelta

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from labeler.cli.app import app
from labeler.codec.payload import Handle
from labeler.registry import Registry, RegistryReader
from labeler.registry.schema import REVISION
from labeler.settings import Settings
from tests.cli import running
from tests.cli.running import Done
from tests.cli.running import labeler as run_process
from tests.databases import connect
from tests.receipts import NOW, make_receipt
from tests.registry.earlier import make_earlier

SIGNED = (
    "--responsible", "Beispiel-Verlag", "--contact", "https://example.eu/imprint",
    "--reviewer", "Ada Lovelace", "--reason", "read, sources checked", "--actor", "clerk",
)  # fmt: skip


def labeler(*arguments, home, registry=None):
    """Run the command in this process: starting one takes far longer than the command."""
    others = {name: None for name in os.environ if name.startswith("LABELER_")}
    where = {"LABELER_HOME": str(home), "LABELER_REGISTRY": registry or running.registry_of(home)}
    arguments = [str(each) for each in arguments]
    done = CliRunner().invoke(app, arguments, env=others | where)
    return Done(done.exit_code, done.stdout, done.stderr)


def tamper(location, statement):
    engine = connect(location)
    where = " ON audit_detail" if "://" in location else ""
    with engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER audit_detail_no_update{where}"))
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def essay(tmp_path):
    path = tmp_path / "essay.txt"
    path.write_bytes(b"An essay.\n")
    return path


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def settings(home):
    return Settings(home=home, registry=running.registry_of(home))


@pytest.fixture
def signed(essay, home):
    done = labeler(
        "registry", "sign-off", essay, *SIGNED, "--human-review", "--fact-checked", "--json",
        home=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    return done


def test_a_person_signs_a_file_off_as_it_is(signed, essay, settings):
    (entry,) = signed.lines
    assert entry["schema"] == 1
    assert entry["warnings"] == []
    digest = hashlib.sha256(essay.read_bytes()).hexdigest()
    assert (entry["kind"], entry["subject"], entry["actor"]) == ("sign-off", digest, "clerk")
    with RegistryReader.of(settings) as reader:
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


def test_an_intact_log_and_a_broken_one(signed, home, settings):
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
    tamper(settings.registry_location, "UPDATE audit_detail SET actor = 'nobody'")
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


# ---------------------------------------------------------------- how long records are kept


@pytest.fixture
def stamped(settings):
    with Registry.of(settings) as registry:
        for day, name in enumerate(["old", "new"]):
            at = NOW + timedelta(days=day)
            receipt = make_receipt(name, handle=Handle(0, day), created_at=at)
            registry.prepare(receipt, profile="p")
            registry.confirm(name)


def receipts_of(settings):
    with RegistryReader.of(settings) as reader:
        return {name for name in ("old", "new") if reader.find_receipt(name) is not None}


def test_a_receipt_is_deleted_and_that_is_recorded(stamped, home, settings):
    done = labeler("registry", "delete", "old", "--reason", "asked for", "--json", home=home)
    assert (done.code, done.lines) == (
        0,
        [{"schema": 1, "receipt_id": "old", "audit_sequence": 1}],
    )
    assert receipts_of(settings) == {"new"}
    (entry,) = labeler("registry", "audit", "show", "--json", home=home).lines
    assert (entry["kind"], entry["subject"]) == ("receipt-deletion", "receipt:old")
    assert entry["reason"] == "asked for"
    done = labeler("registry", "delete", "old", "--reason", "again", "--json", home=home)
    assert done.code == 1
    assert "does not know the receipt" in done.lines[0]["error"]["problem"]
    done = labeler("registry", "delete", "new", "--reason", "r", "--actor", "dpo", home=home)
    assert done.out == "deleted: receipt new, recorded as entry 2\n"


def test_old_receipts_expire(stamped, home, settings):
    until = (NOW + timedelta(hours=1)).isoformat()
    done = labeler(
        "registry", "expire", "--before", until, "--reason", "a year", "--json", home=home
    )
    assert (done.code, done.lines) == (0, [{"schema": 1, "expired": 1}])
    assert receipts_of(settings) == {"new"}
    done = labeler("registry", "expire", "--before", until, "--reason", "a year", home=home)
    assert (done.code, done.out) == (0, "deleted: 0 receipts\n")
    (entry,) = labeler("registry", "audit", "show", "--json", home=home).lines
    assert entry["kind"] == "receipt-expiry"


@pytest.mark.parametrize("before", ["yesterday", "2026-11-21T10:00:00"])
def test_receipts_expire_at_a_time_that_everybody_knows(home, before):
    done = labeler("registry", "expire", "--before", before, "--reason", "r", home=home)
    assert done.code == 2


def test_nothing_is_deleted_without_a_reason(stamped, home, settings):
    for command in (["delete", "old"], ["expire", "--before", "2030-01-01T00:00:00Z"]):
        assert labeler("registry", *command, home=home).code == 2
        assert labeler("registry", *command, "--reason", " ", home=home).code == 1
    assert receipts_of(settings) == {"old", "new"}


def test_where_there_is_no_registry_none_is_made_to_delete_from(home):
    for command in (["delete", "x"], ["expire", "--before", "2030-01-01T00:00:00Z"]):
        done = labeler("registry", *command, "--reason", "r", "--json", home=home)
        assert "no registry" in done.lines[0]["error"]["problem"]
    assert labeler("registry", "upgrade", home=home).code == 1
    assert not home.exists()


def test_an_earlier_registry_is_brought_up(home):
    location = home / "registry.sqlite3"  # it was a file, then
    on_it = {"home": home, "registry": str(location)}
    make_earlier(location, 3)
    done = labeler("registry", "upgrade", "--json", **on_it)
    assert (done.code, done.lines) == (
        0,
        [{"schema": 1, "registry": str(location), "found": "0003", "revision": REVISION}],
    )
    assert labeler("registry", "upgrade", **on_it).out == f"up to date: revision {REVISION}\n"
    assert labeler("registry", "audit", "verify", **on_it).code == 0
