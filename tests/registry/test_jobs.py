"""Jobs in the registry: what is known of them after their process has died."""

from datetime import UTC, datetime, timedelta

import pytest

from labeler.errors import RegistryError
from labeler.registry import JobState, Registry

START = datetime(2026, 8, 2, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def later(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registry(location, tmp_path, clock):
    with Registry.open(location, home=tmp_path, now=clock) as registry:
        yield registry


def add(registry, job_id="a", **more):
    return registry.add_job(job_id, kind="stamp", key_id="k", request={"digest": "d"}, **more)


def test_a_name_belongs_to_the_first_job_that_has_it(registry, clock):
    assert add(registry) is None
    clock.later(1)
    known = registry.add_job("a", kind="verify", key_id="other", request={})
    assert known == registry.job("a")
    assert (known.kind, known.key_id, known.request) == ("stamp", "k", {"digest": "d"})
    assert (known.state, known.created_at, known.changed_at) == (JobState.QUEUED, START, START)
    assert known.answer is None
    assert registry.job("b") is None


def test_what_is_done_stays_done(registry, clock):
    add(registry, state=JobState.RUNNING)
    clock.later(1)
    assert registry.change_job("a", JobState.DONE, answer={"receipt_id": "r"})
    assert not registry.change_job("a", JobState.FAILED)
    assert not registry.change_job("b", JobState.DONE)
    found = registry.job("a")
    assert (found.state, found.answer) == (JobState.DONE, {"receipt_id": "r"})
    assert found.changed_at == clock.now
    registry.renew_jobs(["a"])
    assert registry.fail_lost_jobs(clock.now + timedelta(seconds=9), answer={}) == 0


def test_a_job_of_which_nobody_says_anything_is_lost(registry, clock):
    add(registry, "alive")
    add(registry, "dead", state=JobState.RUNNING)
    clock.later(20)
    registry.renew_jobs(["alive", "unknown"])
    assert registry.fail_lost_jobs(START + timedelta(seconds=10), answer={"kind": "lost"}) == 1
    assert registry.job("alive").state is JobState.QUEUED
    assert (registry.job("dead").state, registry.job("dead").answer) == (
        JobState.FAILED, {"kind": "lost"},
    )  # fmt: skip


def test_jobs_are_forgotten_but_not_while_they_are_open(registry, clock):
    for job_id in ("open", "done", "failed", "later"):
        add(registry, job_id)
    registry.change_job("done", JobState.DONE)
    registry.change_job("failed", JobState.FAILED)
    clock.later(60)
    registry.change_job("later", JobState.DONE)
    assert registry.forget_jobs(START + timedelta(seconds=30)) == 2
    assert [registry.job(each) is None for each in ("open", "done", "failed", "later")] == [
        False, True, True, False,
    ]  # fmt: skip
    registry.forget_job("open")
    registry.forget_job("open")
    assert registry.job("open") is None


def test_a_job_that_somebody_has_damaged_is_told(registry, sql):
    add(registry)
    sql("UPDATE job SET state = 'lost'")
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.job("a")
