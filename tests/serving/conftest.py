from __future__ import annotations

import io

import pytest

from detectors.service import ServiceLimits
from labeler.registry import Registry, Scope
from labeler.serving import ServingLimits, create_app
from labeler.settings import Settings
from tests.cli.pictures import pixels
from tests.cli.running import labeler
from tests.service.serving import running
from tests.serving.callers import Caller, make_key


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """Those of a machine with an identity, and an empty place for temporary files."""
    folder = tmp_path_factory.mktemp("serving")
    settings = Settings(home=folder / "home", scratch=folder / "scratch")
    assert labeler("keys", "init", home=settings.home).code == 0
    return settings


@pytest.fixture(scope="session")
def service(settings):
    """A service that stamps, with short times where a test waits for their end."""
    limits = ServiceLimits(workers=1, burst=1000, max_upload_bytes=8 << 20)
    serving = ServingLimits(jobs_per_key=4, lease_seconds=1, answer_seconds=30)
    app = create_app(settings, limits=limits, serving=serving, stamping=True)
    with running(app) as service:
        yield service


@pytest.fixture(scope="session")
def registry(settings, service):
    with Registry.of(settings) as registry:
        yield registry


@pytest.fixture
def caller(service, settings) -> Caller:
    """Somebody whose key is good for everything."""
    return Caller(service.client, make_key(settings, *Scope))


@pytest.fixture(scope="session")
def picture() -> bytes:
    file = io.BytesIO()
    pixels(11).save(file, "PNG")
    return file.getvalue()
