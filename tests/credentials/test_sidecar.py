import os

import pytest

from labeler.credentials import find_sidecar, read_sidecar, sidecar_name
from labeler.errors import MediaTooLargeError, UnreadableMediaError


def touch(folder, *names):
    for name in names:
        (folder / name).write_bytes(name.encode())


def test_a_sidecar_has_the_whole_name_of_its_file():
    assert sidecar_name("dir/picture.tif") == "dir/picture.tif.c2pa"
    assert sidecar_name("s3://bucket/picture.tif") == "s3://bucket/picture.tif.c2pa"
    assert sidecar_name("picture.tif") != sidecar_name("picture.mkv")


def test_it_is_found_beside_its_file(tmp_path):
    touch(tmp_path, "picture.tif", "picture.tif.c2pa", "picture.jpg")
    own = tmp_path / "picture.tif.c2pa"
    assert find_sidecar(tmp_path / "picture.tif") == own
    assert find_sidecar(tmp_path / "picture.jpg") is None
    assert read_sidecar(own) == b"picture.tif.c2pa"


def test_the_customary_name_counts_where_it_means_one_file(tmp_path):
    touch(tmp_path, "picture.tif", "picture.c2pa", "other.jpg")
    assert find_sidecar(tmp_path / "picture.tif") == tmp_path / "picture.c2pa"
    assert find_sidecar(tmp_path / "other.jpg") is None
    touch(tmp_path, "picture.jpg")
    assert find_sidecar(tmp_path / "picture.tif") is None
    assert find_sidecar(tmp_path / "picture.jpg") is None


def test_the_own_name_counts_first(tmp_path):
    touch(tmp_path, "picture.tif", "picture.c2pa", "picture.tif.c2pa")
    assert find_sidecar(tmp_path / "picture.tif") == tmp_path / "picture.tif.c2pa"


def test_folders_and_manifests_have_none(tmp_path):
    touch(tmp_path, "picture.tif", "store.c2pa")
    (tmp_path / "picture.tif.c2pa").mkdir()
    assert find_sidecar(tmp_path / "picture.tif") is None
    assert find_sidecar(tmp_path / "store.c2pa") is None


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UnreadableMediaError, match="cannot be read") as caught:
        read_sidecar(tmp_path / "missing.c2pa")
    assert caught.value.file == os.fspath(tmp_path / "missing.c2pa")


def test_too_much_is_not_read(tmp_path):
    touch(tmp_path, "a.tif.c2pa")
    assert len(read_sidecar(tmp_path / "a.tif.c2pa", max_bytes=10)) == 10
    with pytest.raises(MediaTooLargeError, match="more than 9 bytes"):
        read_sidecar(tmp_path / "a.tif.c2pa", max_bytes=9)
