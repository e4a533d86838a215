import itertools
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from labeler.batch.plan import Item
from labeler.batch.pool import LocalPool, SerialPool
from labeler.batch.run import Task
from labeler.errors import BatchError, CapacityError, IdentityError
from tests.batch import work


def never() -> bool:
    return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_task_is_done_once_by_as_many_workers_as_asked_for():
    done = list(LocalPool(work.start_telling_pid, jobs=2).run(range(40), stop=never))
    assert sorted(each.task for each in done) == list(range(40))
    workers = {each.outcome for each in done}
    assert len(workers) == 2
    assert os.getpid() not in workers
    assert not any(is_alive(pid) for pid in workers)


def test_workers_are_replaced_after_some_tasks():
    pool = LocalPool(work.start_telling_pid, jobs=1, recycle_after=2)
    pids = [each.outcome for each in pool.run(range(5), stop=never)]
    assert [len(list(group)) for _, group in itertools.groupby(pids)] == [2, 2, 1]


def test_a_worker_that_dies_costs_one_task():
    first, second = LocalPool(work.start_crashing, jobs=1).run([3, 4], stop=never)
    assert first.worker_died
    assert isinstance(first.outcome, BatchError)
    assert "exit code 3" in str(first.outcome)
    assert "exit code 4" in str(second.outcome)


@pytest.mark.parametrize("pool", [SerialPool, lambda start: LocalPool(start, jobs=1)])
def test_what_prevents_all_work_is_raised(pool):
    with pytest.raises(IdentityError, match="no identity"):
        list(pool(work.start_in_vain).run([1], stop=never))


@pytest.mark.parametrize("pool", [SerialPool, lambda start: LocalPool(start, jobs=1)])
def test_who_starts_tidies_up_at_the_end(pool, tmp_path):
    note = tmp_path / "note"
    done = list(pool(partial(work.start_leaving_a_note, note)).run([-1, -2], stop=never))
    assert [each.outcome for each in done] == [1, 2]
    assert note.read_text() == "tidied up"


def test_a_defect_at_the_start_is_told_in_words():
    with pytest.raises(BatchError, match="RuntimeError: a defect in the start"):
        list(LocalPool(work.start_with_a_defect, jobs=1).run([1], stop=never))


@pytest.mark.parametrize("pool", [SerialPool, partial(LocalPool, jobs=1)])
def test_how_far_a_task_is_can_be_watched(pool):
    seen = []
    run = pool(work.start_telling_how_far, watch=lambda *told: seen.append(told))
    assert [each.outcome for each in run.run([0.5, 0.75], stop=never)] == [0.5, 0.75]
    assert seen == [(0.5, 0.5), (0.75, 0.75)]


def test_a_wish_to_stop_is_noticed_while_a_task_goes_on():
    asked = []

    def stop():
        asked.append(1)
        return False

    run = SerialPool(work.start_telling_how_far).run([0.5], stop=stop)
    next(run)
    assert asked == [1]


def test_tasks_are_taken_just_before_they_are_done():
    taken = []

    def tasks():
        for number in range(6):
            taken.append(number)
            yield number

    for count, _ in enumerate(LocalPool(work.start_telling_pid, jobs=1).run(tasks(), stop=never)):
        assert len(taken) == count + 1


@pytest.mark.parametrize("pool", [SerialPool, lambda start: LocalPool(start, jobs=2)])
def test_stopping_finishes_what_was_begun(pool):
    finished = 0
    run = pool(work.start_sleeping).run(itertools.repeat(0.05), stop=lambda: finished >= 3)
    for each in run:
        assert each.outcome == 0.05
        finished += 1
    assert 3 <= finished <= 4


def test_leaving_early_kills_the_workers():
    started = time.monotonic()
    pool = LocalPool(work.start_sleeping, jobs=1)
    run = pool.run([0.01, 60.0], stop=never)
    next(run)
    run.close()
    assert time.monotonic() - started < 20


def test_workers_use_one_thread_each():
    (each,) = LocalPool(work.start_telling_environment, jobs=1).run(["OMP_NUM_THREADS"], stop=never)
    assert each.outcome == os.environ.get("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_are_deaf_to_the_signals_that_the_parent_answers(number):
    run = LocalPool(work.start_telling_pid, jobs=1).run([1, 2], stop=never)
    pid = next(run).outcome
    os.kill(pid, number)
    assert next(run).outcome == pid


def test_workers_die_with_their_parent():
    script = (
        "from labeler.batch.pool import LocalPool; from tests.batch import work\n"
        "run = LocalPool(work.start_telling_pid, jobs=1).run([1, 2], stop=lambda: False)\n"
        "print(next(run).outcome, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        worker = int(parent.stdout.readline())
        assert is_alive(worker)
        parent.kill()
    deadline = time.monotonic() + 10
    while is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(worker)


def test_errors_keep_their_kind_on_the_way(tmp_path):
    (tmp_path / "flat.png").write_bytes(b"too flat")
    (tmp_path / "defect.png").write_bytes(b"defect")
    tasks = [
        Task(Item(str(tmp_path / name), tmp_path / "out" / name), overwrite=False)
        for name in ("flat.png", "defect.png")
    ]
    flat, defect = LocalPool(work.start_copying, jobs=1).run(tasks, stop=never)
    assert isinstance(flat.outcome, CapacityError)
    assert flat.outcome.file == str(tmp_path / "flat.png")
    assert isinstance(defect.outcome, BatchError)
    assert "ZeroDivisionError" in str(defect.outcome)
    assert not defect.worker_died


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"jobs": 1, "recycle_after": 0}])
def test_pools_need_at_least_one(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        LocalPool(work.start_telling_pid, **wrong)
