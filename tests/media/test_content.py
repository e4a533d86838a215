import os

import pytest

from labeler.errors import UnreadableMediaError
from labeler.media.content import Content

DATA = bytes(range(256)) * 5000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def contents(file):
    return [Content(DATA, "a"), Content.of_file(file, "a")]


def test_in_memory_and_on_disk_it_is_the_same(contents, tmp_path):
    for content in contents:
        assert content.size == len(DATA)
        assert content.data == DATA
        with content.open() as stream:
            stream.seek(-3, os.SEEK_END)
            assert stream.read() == DATA[-3:]
        with (tmp_path / "copy").open("wb") as stream:
            content.copy_to(stream)
        assert (tmp_path / "copy").read_bytes() == DATA
    assert len({content.sha256 for content in contents}) == 1


def test_only_what_is_on_disk_has_a_path(contents, file):
    in_memory, on_disk = contents
    assert on_disk.local_path == file
    with pytest.raises(ValueError, match="in memory"):
        _ = in_memory.local_path


def test_a_path_is_absolute_for_others_work_elsewhere(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert Content.of_file(file.relative_to(file.parent), "a").local_path == file


@pytest.mark.parametrize("change", ["longer", "replaced", "touched", "gone", "a pipe"])
@pytest.mark.parametrize("use", ["sha256", "local_path", "data"])
def test_a_file_that_changes_is_noticed(contents, file, change, use):
    content = contents[1]
    if change == "longer":
        with file.open("ab") as stream:
            stream.write(b"more")
    elif change == "touched":
        os.utime(file, (1, 1))
    else:
        file.rename(file.with_name("old"))
        if change == "replaced":
            file.write_bytes(DATA)
        elif change == "a pipe":
            os.mkfifo(file)
    with pytest.raises(UnreadableMediaError) as caught:
        getattr(content, use)
    assert caught.value.hint


def test_a_digest_is_of_one_moment(contents, file):
    before = contents[1].sha256
    file.write_bytes(b"other")
    assert contents[1].sha256 == before
