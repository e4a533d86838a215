from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.pictures import save
from tests.cli.running import Done, labeler


@dataclass(frozen=True, slots=True)
class Studio:
    """An identity, two pictures, and what stamping them gave."""

    home: Path
    sources: Path
    out: Path
    stamped: Done

    def run(self, *arguments, **more) -> Done:
        return labeler(*arguments, home=self.home, **more)


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A home directory with a development identity."""
    home = tmp_path_factory.mktemp("labeler") / "home"
    assert labeler("keys", "init", home=home).code == 0
    return home


@pytest.fixture(scope="session")
def studio(home, tmp_path_factory) -> Studio:
    folder = tmp_path_factory.mktemp("studio")
    save(folder / "in" / "one.png", 1)
    save(folder / "in" / "sub" / "two.jpg", 2)
    (folder / "in" / "notes.txt").write_text("no picture")
    stamped = labeler(
        "stamp", folder / "in", "--recursive", "--out", folder / "out",
        "--generator", "Model X", "--generator-version", "2", "--jobs", "2", "--json",
        home=home,
    )  # fmt: skip
    return Studio(home, folder / "in", folder / "out", stamped)


@pytest.fixture
def damaged(studio, tmp_path) -> Path:
    """A copy of a stamped picture with nothing but its pixels left, encoded again."""
    path = tmp_path / "damaged.jpg"
    with Image.open(studio.out / "one.png") as picture:
        picture.convert("RGB").save(path, quality=75)
    return path
