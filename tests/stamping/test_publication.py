import errno
import hashlib
import io
import os
import stat
from contextlib import contextmanager

import fsspec
import pytest

from labeler.credentials import find_sidecar
from labeler.errors import OutputError, SettingsError
from labeler.media.content import Content
from labeler.media.scratch import Scratch
from labeler.stamping.publication import open_outlet


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    filesystem.makedirs("/out", exist_ok=True)
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]


def publish(target, data=b"data", sidecar=None, *, overwrite=False):
    with stage(open_outlet(target), data, sidecar, overwrite=overwrite) as staged:
        written, beside = staged.read()
        assert (written.data, beside) == (data, sidecar)
        staged.publish()


@contextmanager
def stage(outlet, data, sidecar, *, overwrite=False):
    """Stage ``data``, from memory or, with `on_disk`, from a file."""
    with (
        Scratch() as scratch,
        outlet.stage(Content(data, "x"), sidecar, scratch=scratch, overwrite=overwrite) as staged,
    ):
        yield staged


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_file_and_its_sidecar_appear(tmp_path):
    target = tmp_path / "new" / "directory" / "a.tif"
    publish(target, b"file", b"store")
    assert target.read_bytes() == b"file"
    assert (target.parent / "a.tif.c2pa").read_bytes() == b"store"
    assert names(target.parent) == ["a.tif", "a.tif.c2pa"]


def test_nothing_appears_before_it_is_published_or_when_it_is_not(tmp_path):
    target = tmp_path / "a.png"
    with stage(open_outlet(target), b"x", b"y", overwrite=False):
        assert not target.exists()
        assert not (tmp_path / "a.png.c2pa").exists()
    assert names(tmp_path) == []


def test_temporary_files_lie_beside_the_target_under_known_names(tmp_path):
    with stage(open_outlet(tmp_path / "a.png"), b"x", b"y", overwrite=False):
        assert all(n.startswith(".a.png.") and n.endswith(".tmp") for n in names(tmp_path))
        assert len(names(tmp_path)) == 2


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), stage(open_outlet(tmp_path / "a"), b"x", None, overwrite=False):
        raise KeyError
    assert names(tmp_path) == []


def test_what_exists_is_not_replaced_unless_asked(tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    outlet = open_outlet(target)
    with pytest.raises(OutputError, match="exists already") as caught:
        outlet.check(overwrite=False)
    assert caught.value.file == str(target)
    outlet.check(overwrite=True)
    publish(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("late", ["a.png", "a.png.c2pa"])
def test_what_appears_in_the_meantime_is_not_replaced(tmp_path, late):
    with stage(open_outlet(tmp_path / "a.png"), b"x", b"y", overwrite=False) as staged:
        (tmp_path / late).write_bytes(b"somebody else's")
        with pytest.raises(OutputError, match="exists already"):
            staged.publish()
    assert names(tmp_path) == [late]
    assert (tmp_path / late).read_bytes() == b"somebody else's"


def test_a_dangling_link_counts_as_existing(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(OutputError, match="exists already"):
        open_outlet(tmp_path / "a.png").check(overwrite=False)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "r.png").write_bytes(b"old")
    (tmp_path / "a.png").symlink_to("real/r.png")
    publish(tmp_path / "a.png", b"new", overwrite=True)
    assert (tmp_path / "a.png").is_symlink()
    assert (tmp_path / "real" / "r.png").read_bytes() == b"new"


def test_the_sidecar_of_a_link_lies_beside_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a.tif").symlink_to("real/r.tif")
    publish(tmp_path / "a.tif", b"file", b"store", overwrite=True)
    assert find_sidecar(tmp_path / "a.tif").read_bytes() == b"store"
    assert names(tmp_path / "real") == ["r.tif"]


@pytest.mark.parametrize("exists", [False, True])
def test_file_systems_without_links(tmp_path, monkeypatch, exists):
    def refuse(*args):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "a.png"
    with stage(open_outlet(target), b"new", None, overwrite=False) as staged:
        if exists:
            target.write_bytes(b"somebody else's")
            with pytest.raises(OutputError, match="exists already"):
                staged.publish()
        else:
            staged.publish()
    assert target.read_bytes() == (b"somebody else's" if exists else b"new")
    assert names(tmp_path) == ["a.png"]


def test_another_name_of_the_replaced_file_keeps_its_content(tmp_path):
    (tmp_path / "source.png").write_bytes(b"old")
    os.link(tmp_path / "source.png", tmp_path / "a.png")
    publish(tmp_path / "a.png", b"new", overwrite=True)
    assert (tmp_path / "source.png").read_bytes() == b"old"


def test_modes_follow_the_umask_or_the_replaced_file(tmp_path):
    old = os.umask(0o027)
    try:
        publish(tmp_path / "new.png")
        (tmp_path / "kept.png").write_bytes(b"")
        (tmp_path / "kept.png").chmod(0o600)
        publish(tmp_path / "kept.png", overwrite=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "kept.png").stat().st_mode) == 0o600


def test_the_sidecar_of_a_replaced_file_goes_with_it(tmp_path):
    publish(tmp_path / "a.tif", b"file", b"store")
    publish(tmp_path / "a.tif", b"other", None, overwrite=True)
    assert names(tmp_path) == ["a.tif"]


def test_a_sidecar_that_lies_there_for_no_file_is_not_replaced(tmp_path):
    (tmp_path / "a.tif.c2pa").write_bytes(b"somebody else's")
    with pytest.raises(OutputError, match="exists already"):
        publish(tmp_path / "a.tif", b"file", b"store")
    assert names(tmp_path) == ["a.tif.c2pa"]
    assert (tmp_path / "a.tif.c2pa").read_bytes() == b"somebody else's"


@pytest.mark.parametrize("target", ["", "file/below.png"])
def test_what_can_be_no_file_is_named(tmp_path, target):
    (tmp_path / "file").write_bytes(b"")

    def attempt():
        open_outlet(tmp_path / target).check(overwrite=True)
        publish(tmp_path / target, overwrite=True)

    with pytest.raises(OutputError) as caught:
        attempt()
    assert caught.value.file.startswith(str(tmp_path))
    assert names(tmp_path) == ["file"]


def test_names_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_outlet("a.png").name == str(tmp_path / "a.png")
    assert open_outlet((tmp_path / "b c.png").as_uri()).name == str(tmp_path / "b c.png")


def test_digests_are_of_what_is_there(tmp_path, memory):
    memory.pipe_file("/out/a", b"x")
    (tmp_path / "a").write_bytes(b"x")
    expected = hashlib.sha256(b"x").hexdigest()
    assert open_outlet(tmp_path / "a").sha256() == expected
    assert open_outlet("memory://out/a").sha256() == expected
    assert open_outlet(tmp_path / "b").sha256() is None
    assert open_outlet("memory://out/b").sha256() is None
    assert open_outlet(io.BytesIO()).sha256() is None


def test_an_object_and_its_sidecar_appear(memory):
    publish("memory://out/new/a.tif", b"file", b"store")
    assert memory.cat_file("/out/new/a.tif") == b"file"
    assert memory.cat_file("/out/new/a.tif.c2pa") == b"store"
    assert len(memory.find("/out")) == 2


def test_an_object_does_not_appear_before_it_is_published(memory):
    with stage(open_outlet("memory://out/a.png"), b"x", b"y", overwrite=False):
        assert not memory.exists("/out/a.png")
        assert len(memory.find("/out")) == 2
    assert memory.find("/out") == []


def test_an_object_that_exists_is_not_replaced_unless_asked(memory):
    memory.pipe_file("/out/a.png", b"old")
    with pytest.raises(OutputError, match="exists already"):
        open_outlet("memory://out/a.png").check(overwrite=False)
    with pytest.raises(OutputError, match="exists already"):
        publish("memory://out/a.png", b"new")
    assert memory.cat_file("/out/a.png") == b"old"
    publish("memory://out/a.png", b"new", overwrite=True)
    assert memory.cat_file("/out/a.png") == b"new"
    assert len(memory.find("/out")) == 1


def test_an_unknown_protocol_is_named():
    with pytest.raises(SettingsError, match="protocol"):
        open_outlet("nonsense://a/b.png")


class Sluggish(io.RawIOBase):
    """Takes a few bytes at a time."""

    def __init__(self):
        self.taken = b""

    def writable(self):
        return True

    def write(self, data):
        self.taken += bytes(data[:3])
        return min(3, len(data))


class Uncounted:
    """Takes everything and says nothing."""

    def __init__(self):
        self.taken = b""

    def write(self, data):
        self.taken += bytes(data)

    def flush(self):
        pass


def test_streams_get_everything_once_it_is_published():
    for stream in (Sluggish(), Uncounted()):
        with stage(open_outlet(stream), b"0123456789", None, overwrite=False) as staged:
            assert stream.taken == b""
            staged.publish()
        assert stream.taken == b"0123456789"


def test_a_stream_has_no_place_for_a_sidecar():
    with pytest.raises(OutputError, match="beside it"):
        publish(io.BytesIO(), b"x", b"y")


def test_a_stream_that_fails_is_an_output_error():
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        publish(Full())
