import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labeler.errors import OutputError
from labeler.media.scratch import Scratch, remove_abandoned

LEAVE = """
    import os, pathlib, sys
    from labeler.media.scratch import Scratch, remove_abandoned
    path = Scratch(pathlib.Path(sys.argv[1])).new_file(".wav")
    path.write_bytes(b"half")
    os.kill(os.getpid(), 9)
"""


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_nothing_is_made_before_it_is_needed(tmp_path):
    with Scratch(tmp_path / "new"):
        assert names(tmp_path) == []


def test_files_have_names_of_their_own_and_are_gone_at_the_end(tmp_path):
    with Scratch(tmp_path / "new") as scratch:
        paths = [scratch.new_file(".wav") for _ in range(3)]
        for path in paths:
            assert not path.exists()
            assert path.suffix == ".wav"
            path.write_bytes(b"x")
        assert len(set(paths)) == 3
        assert paths[0].parent.stat().st_mode & 0o077 == 0
    assert names(tmp_path) == ["new"]


def test_they_are_gone_after_an_error_too(tmp_path):
    def fail():
        with Scratch(tmp_path) as scratch:
            scratch.new_file().write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LEAVE), tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    with Scratch(tmp_path) as scratch:
        own = scratch.new_file()
        assert names(tmp_path) == [own.parent.name]


def test_what_a_killed_process_left_can_be_removed_at_once(tmp_path):
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LEAVE), tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    with Scratch(tmp_path) as scratch:
        own = scratch.new_file()
        remove_abandoned(tmp_path)
        assert names(tmp_path) == [own.parent.name]


def test_what_others_work_in_and_what_is_not_ours_stays(tmp_path):
    (tmp_path / "labeler-scratch-notes.txt").write_text("a file")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "labeler-scratch-link").symlink_to(elsewhere)
    with Scratch(tmp_path) as one, Scratch(tmp_path) as other:
        first = one.new_file()
        first.write_bytes(b"x")
        other.new_file()
        assert first.read_bytes() == b"x"
    assert names(tmp_path) == ["elsewhere", "labeler-scratch-link", "labeler-scratch-notes.txt"]


def test_many_at_once_do_not_take_each_other_for_abandoned(tmp_path):
    def work(_):
        with Scratch(tmp_path) as scratch:
            path = scratch.new_file()
            path.write_bytes(b"x")
            return path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == [b"x"] * 200
    assert names(tmp_path) == []


def test_no_room_is_told_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="temporary files") as caught:
        Scratch(tmp_path / "file" / "below").new_file()
    assert "LABELER_SCRATCH" in caught.value.hint
    with pytest.raises(OutputError, match="No space left"), Scratch(tmp_path).writing():
        raise OSError(28, "No space left on device")
