import os
from pathlib import Path, PurePath

import pytest

from labeler.batch.sources import Found, find
from labeler.errors import BatchError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "sub/c.webp", "sub/deep/d.png", ".hidden.png", ".git/e.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    (tmp_path / "b.png.c2pa").write_bytes(b"its manifest")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "camera0001").write_bytes(PNG)
    return tmp_path


def names(found: Found) -> list[str]:
    return [file.name.as_posix() for file in found.files]


def test_a_folder_gives_its_pictures_by_name_and_tells_what_it_leaves_out(tree):
    found = find([str(tree)])
    assert names(found) == ["a.JPG", "b.png", "camera0001"]
    assert [Path(left.location).name for left in found.left_out] == ["notes.txt"]
    assert "recognises" in found.left_out[0].reason


def test_links_that_lead_nowhere_and_pipes_are_told(tree):
    (tree / "gone.png").symlink_to(tree / "nothing.png")
    os.mkfifo(tree / "pipe.webp")
    found = find([str(tree)])
    assert names(found) == ["a.JPG", "b.png", "camera0001"]
    told = {Path(left.location).name: left.reason for left in found.left_out}
    assert told.keys() == {"gone.png", "notes.txt", "pipe.webp"}
    assert "broken link" in told["gone.png"]


def test_recursion_keeps_the_structure(tree):
    found = find([str(tree)], recursive=True)
    assert names(found) == ["a.JPG", "b.png", "camera0001", "sub/c.webp", "sub/deep/d.png"]


def test_the_output_folder_is_not_searched(tree):
    found = find([str(tree)], recursive=True, exclude=tree / "sub")
    assert names(found) == ["a.JPG", "b.png", "camera0001"]


def test_a_file_is_taken_whatever_it_is(tree):
    assert names(find([str(tree / "notes.txt")])) == ["notes.txt"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["b.png"]),
        ("sub/*", ["c.webp"]),
        ("**/*.png", ["b.png", "sub/deep/d.png"]),
        ("s?b/**/*.png", ["sub/deep/d.png"]),
    ],
)
def test_a_pattern_keeps_the_structure_below_its_fixed_part(tree, pattern, expected):
    assert names(find([str(tree / pattern)])) == expected


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (tmp_path / "a[1].png").write_bytes(PNG)
    (tmp_path / "a1.png").write_bytes(PNG)
    assert names(find([str(tmp_path / "a[1].png")])) == ["a[1].png"]


def test_the_same_file_given_twice_is_one(tree):
    assert names(find([str(tree / "b.png"), str(tree / "b.png")])) == ["b.png"]


def test_urls_pass_with_the_name_that_their_path_ends_in():
    found = find(["s3://bucket/shots/a%20b.png", "https://example.org/c.jpg?size=big"])
    assert names(found) == ["a b.png", "c.jpg"]
    assert found.files[0].location == "s3://bucket/shots/a%20b.png"


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("nothing.png", "no such file"),
        ("*.tiff", "no pictures"),
        ("sub/deep/deeper", "no such file"),
        ("https://example.org/", "names no file"),
    ],
)
def test_what_means_nothing_is_an_error_that_names_it(tree, argument, problem, monkeypatch):
    monkeypatch.chdir(tree)
    with pytest.raises(BatchError, match=problem) as caught:
        find(["b.png", argument])
    assert caught.value.file == argument
    assert caught.value.hint


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(BatchError, match="no pictures"):
        find([str(tmp_path)])


def test_a_path_that_cannot_be_followed_is_an_error_that_names_it(tmp_path):
    with pytest.raises(BatchError, match="cannot be followed") as caught:
        find([str(tmp_path / ("long" * 100))])
    assert caught.value.file is not None


def test_links_that_lead_in_circles_are_told(tree):
    (tree / "circle.png").symlink_to("circle.png")
    found = find([str(tree)])
    assert "circle.png" in {Path(left.location).name for left in found.left_out}


def test_links_to_folders_are_not_followed(tree):
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "link.png").symlink_to(tree / "b.png")
    assert names(find([str(tree)], recursive=True)).count("link.png") == 1


def test_names_never_lead_out_of_the_output_folder(tree, monkeypatch):
    monkeypatch.chdir(tree / "sub")
    for argument in ("../b.png", "../sub", "..", "../*.png", "s3://bucket/..%2f..%2fx.png"):
        for source in find([argument], recursive=True).files:
            assert not source.name.is_absolute()
            assert ".." not in source.name.parts
            assert source.name != PurePath()
