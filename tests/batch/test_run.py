import os
from pathlib import Path

import pytest

from labeler.batch.ledger import Ledger, State
from labeler.batch.leftovers import remove_leftovers
from labeler.batch.plan import Item, make_plan
from labeler.batch.pool import LocalPool, SerialPool
from labeler.batch.run import carry_out, make_agenda, tidy
from labeler.batch.sources import find
from labeler.errors import BatchError, CapacityError
from labeler.media.content import Content
from labeler.media.scratch import Scratch
from labeler.stamping.files import FileOutlet
from tests.batch import work


class Bench:
    """A folder of sources, an output folder and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        (folder / "in").mkdir()

    def add(self, **contents: str) -> None:
        for name, content in contents.items():
            (self.folder / "in" / f"{name}.png").write_text(content)

    @property
    def items(self) -> tuple[Item, ...]:
        return make_plan(find([str(self.folder / "in")]).files, self.out)

    def ledger(self) -> Ledger:
        return Ledger(self.folder / "batches", self.out, patience_s=0)

    def agenda(self, *, resume=False, overwrite=False, request="r"):
        with self.ledger() as ledger:
            return make_agenda(
                self.items, ledger.entries(), request=request, resume=resume, overwrite=overwrite
            )

    def run(self, *, jobs=0, stop=lambda: False, request="r", **options):
        todo = self.agenda(request=request, **options).todo
        with self.ledger() as ledger:
            pool = (
                LocalPool(work.start_copying, jobs=jobs, lock=ledger.lock)
                if jobs
                else SerialPool(work.start_copying)
            )
            done = carry_out(todo, ledger=ledger, pool=pool, request=request, stop=stop)
            return {each.task.item.target.stem: each for each in done}

    def states(self):
        with self.ledger() as ledger:
            return {target.stem: entry.state for target, entry in ledger.entries().items()}

    def outputs(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in self.out.iterdir()}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_what_is_done_is_skipped_with_its_receipt(bench):
    bench.add(a="1", b="2")
    first = bench.run()
    assert bench.outputs() == {"a": "1", "b": "2"}
    agenda = bench.agenda(resume=True)
    assert agenda.todo == ()
    assert {s.item.target.stem: s.receipt for s in agenda.skipped} == {
        name: each.outcome for name, each in first.items()
    }


def test_what_is_new_is_done_and_nothing_else(bench):
    bench.add(a="1")
    bench.run()
    bench.add(b="2")
    assert set(bench.run(resume=True)) == {"b"}


def test_one_failure_does_not_stop_the_others_and_is_tried_again(bench):
    bench.add(a="1", b="too flat", c="3", d="defect")
    done = bench.run()
    assert isinstance(done["b"].outcome, CapacityError)
    assert "ZeroDivisionError" in str(done["d"].outcome)
    assert bench.outputs() == {"a": "1", "c": "3"}
    assert bench.states() == dict.fromkeys("ac", State.DONE) | dict.fromkeys("bd", State.FAILED)
    bench.add(b="2")
    again = bench.run(resume=True)
    assert set(again) == {"b", "d"}
    assert bench.outputs()["b"] == "2"


def test_outputs_that_exist_are_refused_before_anything_is_written(bench):
    bench.add(a="1", b="2", c="3")
    bench.out.mkdir()
    (bench.out / "b.png").write_text("precious")
    (bench.out / "c.png").write_text("precious")
    with pytest.raises(BatchError, match=r"exists already, and 1 more") as caught:
        bench.agenda()
    assert caught.value.file == str(bench.out / "b.png")
    assert "--resume" in caught.value.hint
    with pytest.raises(BatchError, match="exists already") as caught:
        bench.agenda(resume=True)
    assert "--resume" not in caught.value.hint
    assert bench.outputs() == {"b": "precious", "c": "precious"}
    assert all(task.overwrite for task in bench.agenda(overwrite=True).todo)


def test_a_broken_link_in_the_place_of_an_output_counts_as_one(bench):
    bench.add(a="1")
    bench.out.mkdir()
    (bench.out / "a.png").symlink_to("nowhere")
    with pytest.raises(BatchError, match="exists already"):
        bench.agenda()


@pytest.mark.parametrize("published", [False, True])
def test_what_was_cut_short_is_done_again_whether_or_not_it_was_published(bench, published):
    bench.add(a="1", b="2")
    with bench.ledger() as ledger:
        ledger.claim(bench.items[0], "r")
    bench.out.mkdir()
    if published:
        (bench.out / "a.png").write_text("1")
    assert set(bench.run(resume=True)) == {"a", "b"}
    assert bench.outputs() == {"a": "1", "b": "2"}


def test_without_resume_what_was_cut_short_is_in_the_way(bench):
    bench.add(a="1")
    with bench.ledger() as ledger:
        ledger.claim(bench.items[0], "r")
    bench.out.mkdir()
    (bench.out / "a.png").write_text("1")
    with pytest.raises(BatchError, match="exists already"):
        bench.agenda()


def test_an_output_cut_short_from_another_source_is_not_replaced(bench):
    bench.add(a="1")
    with bench.ledger() as ledger:
        ledger.claim(Item("/elsewhere/a.png", bench.out / "a.png"), "r")
    bench.out.mkdir()
    (bench.out / "a.png").write_text("from elsewhere")
    with pytest.raises(BatchError, match="exists already"):
        bench.agenda(resume=True)


def test_other_options_are_not_mixed_into_a_batch(bench):
    bench.add(a="1")
    bench.run()
    with pytest.raises(BatchError, match="other options") as caught:
        bench.agenda(resume=True, request="other")
    assert "same options" in caught.value.hint
    assert len(bench.agenda(resume=True, overwrite=True, request="other").todo) == 1


def test_a_source_that_changed_is_told_and_one_that_was_touched_is_not(bench):
    bench.add(a="1", b="2")
    bench.run()
    os.utime(bench.folder / "in" / "a.png", (1, 1))
    assert len(bench.agenda(resume=True).skipped) == 2
    bench.add(b="9")
    with pytest.raises(BatchError, match="another source") as caught:
        bench.agenda(resume=True)
    assert caught.value.file == str(bench.out / "b.png")
    assert set(bench.run(resume=True, overwrite=True)) == {"b"}
    assert bench.outputs() == {"a": "1", "b": "9"}


def test_an_output_that_was_deleted_is_made_again(bench):
    bench.add(a="1", b="2")
    bench.run()
    (bench.out / "a.png").unlink()
    assert set(bench.run(resume=True)) == {"a"}


def test_stopping_leaves_nothing_claimed(bench):
    bench.add(**{f"n{number}": "1" for number in range(5)})
    finished = []

    def stop():
        return len(bench.outputs()) >= 2

    finished = bench.run(stop=stop)
    assert len(finished) == 2
    assert list(bench.states().values()) == [State.DONE] * 2
    assert len(bench.run(resume=True)) == 3


def test_a_worker_that_is_killed_leaves_its_item_open_and_no_temporary_file(bench):
    bench.add(a="1", b="killer", c="3")
    bench.out.mkdir()
    (bench.out / ".b.png.0123456789abcdef.tmp").write_text("half")
    done = bench.run(jobs=1)
    assert "want of memory" in str(done["b"].outcome)
    assert bench.states() == {"a": State.DONE, "b": State.CLAIMED, "c": State.DONE}
    assert bench.outputs() == {"a": "1", "c": "3"}
    bench.add(b="2")
    assert set(bench.run(resume=True)) == {"b"}


def test_abandoning_a_run_kills_its_workers_and_leaves_its_items_open(bench):
    bench.add(a="1", b="slow")
    todo = bench.agenda().todo
    with bench.ledger() as ledger:
        pool = LocalPool(work.start_copying, jobs=1, lock=ledger.lock)
        run = carry_out(todo, ledger=ledger, pool=pool, request="r", stop=lambda: False)
        next(run)
        run.close()
    assert set(bench.outputs()) == {"a"}
    assert set(bench.run(resume=True)) <= {"b"}
    assert set(bench.outputs()) == {"a", "b"}


def test_tidying_removes_temporary_files_of_what_was_cut_short_and_nothing_else(bench):
    bench.add(a="1", b="2")
    bench.out.mkdir()
    left = [".a.png.0123456789abcdef.tmp", ".a.png.c2pa.0123456789abcdef.tmp"]
    kept = [
        ".a.png.0123.tmp",
        ".aXpng.0123456789abcdef.tmp",
        ".b.png.0123456789abcdef.tmp",
        "a.png.0123456789abcdef.tmp",
        "a.png.c2pa",
    ]
    with bench.ledger() as ledger:
        ledger.claim(bench.items[0], "r")
        for name in [*left, *kept]:
            (bench.out / name).write_text("half")
        tidy(ledger.entries())
    assert sorted(path.name for path in bench.out.iterdir()) == sorted(kept)


def test_what_stamping_leaves_when_it_is_killed_is_what_is_removed(tmp_path):
    target = tmp_path / "a.png"
    content = Content(b"data", "a.png")
    with (
        Scratch() as scratch,
        FileOutlet(target).stage(content, b"sidecar", scratch=scratch, overwrite=False),
    ):
        assert len(list(tmp_path.iterdir())) == 2
        remove_leftovers(target)
        assert list(tmp_path.iterdir()) == []
