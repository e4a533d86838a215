import pytest

from detectors import Verifier
from labeler.provenance import Provenance
from labeler.stamping import Stamper
from tests.samples import encode, make_settings, photo


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("verification"))


@pytest.fixture(scope="session")
def png():
    return encode(photo())


@pytest.fixture(scope="session")
def stamped(settings, png, tmp_path_factory):
    """The path and receipt of a stamped picture."""
    path = tmp_path_factory.mktemp("stamped") / "stamped.png"
    with Stamper(settings) as stamper:
        return path, stamper.stamp(png, path, Provenance(generator="Example model"))


@pytest.fixture(scope="session")
def isolated(settings, stamped):
    """A verifier with a subprocess; made when there is a registry."""
    with Verifier(settings) as verifier:
        yield verifier


@pytest.fixture(scope="session")
def verifier(settings, stamped):
    with Verifier(settings, isolated=False) as made:
        yield made
