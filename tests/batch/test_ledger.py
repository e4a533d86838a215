import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from labeler.batch.ledger import Ledger, State
from labeler.batch.plan import Item
from labeler.batch.run import Task
from labeler.errors import BatchError, CapacityError
from tests.batch import work


@pytest.fixture
def item(tmp_path: Path) -> Item:
    (tmp_path / "a.png").write_bytes(b"content")
    return Item(str(tmp_path / "a.png"), tmp_path / "out" / "a.png")


@pytest.fixture
def receipt(item):
    return work.receipt_for(Task(item, overwrite=False))


def ledger_of(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "batches", tmp_path / "out", patience_s=0)


def test_an_item_is_claimed_then_done(tmp_path, item, receipt):
    with ledger_of(tmp_path) as ledger:
        assert ledger.entries() == {}
        ledger.claim(item, "request")
        entry = ledger.entries()[item.target]
        assert (entry.state, entry.source, entry.request) == (State.CLAIMED, item.source, "request")
        assert entry.fingerprint == item.fingerprint()
        ledger.complete(item, receipt)
    with ledger_of(tmp_path) as ledger:
        entry = ledger.entries()[item.target]
    assert entry.state is State.DONE
    assert entry.receipt == receipt


def test_a_failed_item_can_be_claimed_again(tmp_path, item, receipt):
    with ledger_of(tmp_path) as ledger:
        ledger.claim(item, "one")
        ledger.fail(item, CapacityError("too flat"))
        assert ledger.entries()[item.target].state is State.FAILED
        ledger.claim(item, "two")
        entry = ledger.entries()[item.target]
        assert (entry.state, entry.request, entry.receipt) == (State.CLAIMED, "two", None)
        assert len(ledger.entries()) == 1


def test_the_same_folder_by_another_name_has_the_same_ledger(tmp_path, item):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with ledger_of(tmp_path) as ledger:
        ledger.claim(item, "request")
    with Ledger(tmp_path / "batches", tmp_path / "link") as ledger:
        assert list(ledger.entries()) == [tmp_path / "link" / "a.png"]
    with Ledger(tmp_path / "batches", tmp_path / "other") as ledger:
        assert ledger.entries() == {}


def test_names_that_are_no_text_are_kept(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    item = Item(str(tmp_path / name), tmp_path / "out" / name)
    with ledger_of(tmp_path) as ledger:
        ledger.claim(item, "request")
        assert ledger.entries()[item.target].source == item.source
        ledger.fail(item, CapacityError("too flat", file=item.source))
        assert ledger.entries()[item.target].state is State.FAILED


def test_it_is_for_its_owner_only(tmp_path, item):
    with ledger_of(tmp_path) as ledger:
        ledger.claim(item, "request")
        assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


def test_two_batches_with_one_folder_exclude_each_other(tmp_path):
    with ledger_of(tmp_path):
        with pytest.raises(BatchError, match="is at work") as caught:
            ledger_of(tmp_path)
        assert caught.value.hint
        Ledger(tmp_path / "batches", tmp_path / "other").close()
    ledger_of(tmp_path).close()


def test_the_lock_lives_as_long_as_a_worker_that_was_given_it(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from labeler.batch.ledger import Ledger; from labeler.batch.pool import LocalPool\n"
        "from tests.batch import work\n"
        "folder = Path(sys.argv[1])\n"
        "ledger = Ledger(folder / 'batches', folder / 'out')\n"
        "run = LocalPool(work.start_telling_pid, jobs=1, lock=ledger.lock).run([1, 2],"
        " stop=lambda: False)\n"
        "next(run); ledger.close(); print('ready', flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(BatchError, match="is at work"):
            ledger_of(tmp_path)
        process.stdin.write("\n")
    Ledger(tmp_path / "batches", tmp_path / "out", patience_s=10).close()


def test_a_damaged_ledger_is_an_error_that_names_it(tmp_path):
    with ledger_of(tmp_path) as ledger:
        path = ledger.path
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(BatchError, match="cannot be used") as caught:
        ledger_of(tmp_path)
    assert caught.value.file == str(path)
    path.unlink()
    ledger_of(tmp_path).close()  # the lock was given back


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path):
    with ledger_of(tmp_path) as ledger:
        path = ledger.path
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(BatchError, match="version 99"):
        ledger_of(tmp_path)


def test_a_place_that_cannot_hold_it_is_an_error(tmp_path):
    (tmp_path / "batches").write_text("a file in the way")
    with pytest.raises(BatchError, match="cannot be made") as caught:
        ledger_of(tmp_path)
    assert "LABELER_HOME" in caught.value.hint
