from pathlib import Path, PurePath

import pytest

from labeler.batch.plan import make_plan
from labeler.batch.sources import Source, find
from labeler.errors import BatchError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one/a.png", "two/a.png", "two/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def plan(folder: Path, *arguments: str, out: str = "out"):
    return make_plan(find([str(folder / a) for a in arguments]).files, folder / out)


def test_outputs_mirror_the_names(folder):
    items = plan(folder, "one", "two/b.png")
    assert [item.target for item in items] == [folder / "out/a.png", folder / "out/b.png"]
    assert items[0].source == str(folder / "one/a.png")


def test_two_sources_with_one_output_are_refused_and_both_named(folder):
    with pytest.raises(BatchError, match="same output") as caught:
        plan(folder, "one/a.png", "two/a.png")
    assert "one/a.png" in str(caught.value)
    assert "two/a.png" in str(caught.value)


def test_the_same_source_by_two_ways_is_one_item(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (item,) = make_plan(find(["one/a.png", "one", str(folder / "one/../one/a.png")]).files, folder)
    assert item.target == folder / "a.png"


def test_an_output_never_replaces_a_source(folder):
    with pytest.raises(BatchError, match="replace a source"):
        plan(folder, "one", out="one")
    with pytest.raises(BatchError, match="replace a source"):
        plan(folder, "one/a.png", "two/b.png", out="two/../one")


def test_an_output_never_replaces_the_source_of_another(folder):
    (folder / "one/b.png").symlink_to(folder / "two/b.png")
    (folder / "out").symlink_to(folder / "one")
    with pytest.raises(BatchError, match="replace a source"):
        plan(folder, "two/b.png")


def test_urls_are_compared_as_text(folder):
    one = Source("s3://bucket/x/a.png", PurePath("a.png"))
    assert len(make_plan([one, one], folder)) == 1
    with pytest.raises(BatchError, match="same output"):
        make_plan([one, Source("s3://bucket/y/a.png", PurePath("a.png"))], folder)


def test_a_fingerprint_changes_with_the_source(folder):
    item = plan(folder, "one/a.png")[0]
    before = item.fingerprint()
    Path(item.source).write_bytes(b"longer")
    assert item.fingerprint() != before
    Path(item.source).unlink()
    assert item.fingerprint() is None
