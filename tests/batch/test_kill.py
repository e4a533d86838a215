"""Batches that are killed: at random, and at each step that counts."""

import random
import subprocess
import sys

import pytest
from PIL import Image
from sqlalchemy import select

from benchmarks.kill_and_resume import trial
from labeler.registry import Registry
from labeler.registry.schema import PUBLISHED, receipts
from labeler.settings import Settings
from tests.cli import running
from tests.cli.pictures import save
from tests.cli.running import environment, labeler


def test_a_batch_that_is_killed_twice_is_done_once_and_whole(tmp_path):
    tally = trial(tmp_path, pictures=16, kills=2, jobs=2, rng=random.Random(7))
    assert tally.is_right, tally
    assert all(0 < there < 16 for there in tally.killed_at), tally


@pytest.fixture(scope="module")
def made_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("kill") / "home"
    assert labeler("keys", "init", home=home).code == 0
    return home


# What is not reached any more. Everything before it has happened.
STEPS = {
    "before the receipt": "labeler.registry.store.Registry.prepare",
    "before the output appears": "labeler.stamping.files._StagedFiles.publish",
    "before the receipt is confirmed": "labeler.registry.store.Registry.confirm",
    "before the ledger knows": "labeler.batch.ledger.Ledger.complete",
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_batch_that_is_killed_at_a_step_is_done_once_and_whole(step, made_home, tmp_path):
    save(tmp_path / "in" / "a.png", 1)
    out = tmp_path / "out"
    holder, _, name = step.rpartition(".")
    module, _, kind = holder.rpartition(".")
    arguments = ["stamp", str(tmp_path / "in"), "--out", str(out), "--json", "--resume"]
    script = (
        "import os, signal, sys\n"
        f"from {module} import {kind}\n"
        f"{kind}.{name} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from labeler.cli import main\n"
        f"sys.argv = ['labeler', *{arguments!r}]\n"
        "main()\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], env=environment(made_home), check=False)
    assert killed.returncode == -9
    resumed = labeler(*arguments, home=made_home)
    assert resumed.code == 0, resumed.err
    (line,) = resumed.lines
    assert [path.name for path in out.iterdir()] == ["a.png"]
    with Image.open(out / "a.png") as picture:
        picture.load()
    query = select(receipts.c.receipt_id).where(
        receipts.c.target == str(out / "a.png"), receipts.c.state == PUBLISHED
    )
    registry = Registry.of(Settings(home=made_home, registry=running.registry_of(made_home)))
    with registry, registry._connection() as connection:
        published = connection.execute(query).scalars().all()
    assert published == [line["receipt"]["receipt_id"]]
