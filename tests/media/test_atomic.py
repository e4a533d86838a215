import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labeler.errors import MarkNotVerifiedError, OutputError
from labeler.media import atomic
from labeler.media.atomic import publish_atomically, publish_with_sidecar


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writes_with_the_mode_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        publish_atomically(tmp_path / "a.jpg", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "a.jpg").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "a.jpg").stat().st_mode) == 0o640
    assert names(tmp_path) == ["a.jpg"]


def test_an_existing_file_stays_unless_asked(tmp_path):
    target = tmp_path / "a.jpg"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already") as caught:
        publish_atomically(target, b"new")
    assert caught.value.file == str(target)
    assert target.read_bytes() == b"old"
    publish_atomically(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["a.jpg"]


def test_the_check_sees_the_written_file_before_it_has_its_name(tmp_path):
    target = tmp_path / "a.jpg"
    seen = []

    def check(path):
        seen.append((path.read_bytes(), path.suffix, path.name[0], target.exists()))

    publish_atomically(target, b"content", check=check)
    assert seen == [(b"content", ".jpg", ".", False)]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failed_check_leaves_everything_as_it_was(tmp_path, overwrite):
    target = tmp_path / "a.jpg"
    if overwrite:
        target.write_bytes(b"old")

    def check(path):
        raise MarkNotVerifiedError("the watermark cannot be read back")

    with pytest.raises(MarkNotVerifiedError):
        publish_atomically(target, b"new", overwrite=overwrite, check=check)
    assert names(tmp_path) == (["a.jpg"] if overwrite else [])
    assert not overwrite or target.read_bytes() == b"old"


def test_an_error_of_the_system_within_the_check_stays_what_it_is(tmp_path):
    def check(path):
        raise FileNotFoundError(errno.ENOENT, "no such key")

    with pytest.raises(FileNotFoundError):
        publish_atomically(tmp_path / "a.jpg", b"new", check=check)
    assert names(tmp_path) == []


@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_one_wins(tmp_path, links, monkeypatch):
    if not links:

        def refuse(*args, **kwargs):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(atomic.os, "link", refuse)
    target = tmp_path / "a.jpg"
    barrier = threading.Barrier(8)
    outcomes = []

    def write(number):
        try:
            publish_atomically(target, bytes([number]) * 1000, check=lambda _: barrier.wait())
            outcomes.append(number)
        except OutputError:
            outcomes.append(None)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for number in outcomes if number is not None]
    assert target.read_bytes() == bytes([winner]) * 1000
    assert names(tmp_path) == ["a.jpg"]


def test_the_folder_is_missing_or_a_file(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        publish_atomically(tmp_path / "no" / "a.jpg", b"x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="folder does not exist"):
        publish_atomically(tmp_path / "file" / "a.jpg", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder of that name"):
        publish_atomically(tmp_path / "folder", b"x", overwrite=True)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "cannot be written to"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_system_refuses_the_data(tmp_path, monkeypatch, number, words):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    with pytest.raises(OutputError, match=words) as caught:
        publish_atomically(tmp_path / "a.jpg", b"x")
    assert caught.value.hint
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        publish_atomically(tmp_path / "a.jpg", b"x")


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        publish_atomically(tmp_path / ("a" * 300 + ".jpg"), b"x", overwrite=True)
    assert names(tmp_path) == []


def test_file_and_sidecar(tmp_path):
    target, sidecar = tmp_path / "a.tif", tmp_path / "a.c2pa"
    order = []

    def check(path, beside):
        order.append((path.read_bytes(), beside.read_bytes(), names(tmp_path)))

    publish_with_sidecar(target, b"file", sidecar, b"store", check=check)
    assert (target.read_bytes(), sidecar.read_bytes()) == (b"file", b"store")
    assert order[0][:2] == (b"file", b"store")
    assert names(tmp_path) == ["a.c2pa", "a.tif"]
    with pytest.raises(OutputError, match="exists already"):
        publish_with_sidecar(target, b"x", sidecar, b"y")
    publish_with_sidecar(target, b"x", sidecar, b"y", overwrite=True)
    assert (target.read_bytes(), sidecar.read_bytes()) == (b"x", b"y")


def test_a_sidecar_that_lost_its_file_is_replaced(tmp_path):
    (tmp_path / "a.c2pa").write_bytes(b"left over")
    publish_with_sidecar(tmp_path / "a.tif", b"file", tmp_path / "a.c2pa", b"store")
    assert (tmp_path / "a.c2pa").read_bytes() == b"store"


@pytest.mark.parametrize("before", [None, b"old store"])
def test_the_sidecar_goes_back_if_the_file_fails(tmp_path, monkeypatch, before):
    target, sidecar = tmp_path / "a.tif", tmp_path / "a.c2pa"
    if before is not None:
        sidecar.write_bytes(before)

    def refuse(*args, **kwargs):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic.os, "link", refuse)
    with pytest.raises(OutputError):
        publish_with_sidecar(target, b"file", sidecar, b"store")
    assert names(tmp_path) == ([] if before is None else ["a.c2pa"])
    assert before is None or sidecar.read_bytes() == before


def test_pairs_do_not_mix(tmp_path):
    target, sidecar = tmp_path / "a.tif", tmp_path / "a.c2pa"
    barrier = threading.Barrier(6)

    def write(number):
        half = bytes([number])
        with contextlib.suppress(OutputError):
            publish_with_sidecar(target, half, sidecar, half, check=lambda *_: barrier.wait())

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == sidecar.read_bytes()
    assert names(tmp_path) == ["a.c2pa", "a.tif"]


def test_a_sidecar_elsewhere_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="folder of its file"):
        publish_with_sidecar(tmp_path / "a.tif", b"", tmp_path / "b" / "a.c2pa", b"")


def test_a_killed_process_leaves_no_half_output(tmp_path):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from labeler.media.atomic import publish_atomically\n"
        "def check(path):\n"
        "    print('written', flush=True); time.sleep(60)\n"
        "publish_atomically(Path(sys.argv[1]), b'x' * 100000, check=check)\n"
    )
    root = Path(atomic.__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "a.jpg"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    with child:
        assert child.stdout.readline() == b"written\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(atomic.TEMPORARY_PREFIX)
    publish_atomically(tmp_path / "a.jpg", b"whole")
    assert (tmp_path / "a.jpg").read_bytes() == b"whole"
    assert time.time() >= (tmp_path / "a.jpg").stat().st_mtime - 1
