import pytest

from labeler.stamping import Stamper
from tests.samples import encode, make_settings, photo


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("stamping"))


@pytest.fixture(scope="session")
def stamper(settings):
    with Stamper(settings) as made:
        yield made


@pytest.fixture(scope="session")
def png():
    return encode(photo())


@pytest.fixture
def source(tmp_path, png):
    path = tmp_path / "source.png"
    path.write_bytes(png)
    return path


@pytest.fixture
def target(tmp_path):
    directory = tmp_path / "out"
    directory.mkdir()
    return directory / "target.png"
