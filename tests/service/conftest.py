from __future__ import annotations

import io

import pytest

from labeler.settings import Settings
from tests.cli.pictures import pixels, save
from tests.cli.running import labeler
from tests.service.serving import Service, serving


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """Those of a machine that has stamped a picture, ``one.png`` under ``out``."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(home=folder / "home", scratch=folder / "scratch")
    assert labeler("keys", "init", home=settings.home).code == 0
    save(folder / "one.png", 1)
    done = labeler(
        "stamp", folder / "one.png", "--out", folder / "out", "--generator", "Model X",
        home=settings.home,
    )  # fmt: skip
    assert done.code == 0, done.err
    return settings


@pytest.fixture(scope="session")
def marked(settings) -> bytes:
    return (settings.home.parent / "out" / "one.png").read_bytes()


@pytest.fixture(scope="session")
def unmarked() -> bytes:
    file = io.BytesIO()
    pixels(7).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def service(settings) -> Service:
    with serving(settings) as service:
        yield service
