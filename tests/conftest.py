"""What is true for all tests."""

from __future__ import annotations

import os

import pytest

from tests import postgresql
from tests.cli import running

# `LABELER_TESTS_ON=postgresql pytest ...`: every registry that no test names is in PostgreSQL.
_ON_POSTGRESQL = os.environ.get("LABELER_TESTS_ON") == "postgresql"


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory, monkeypatch, request):
    """No test sees or changes what the person who runs it keeps."""
    for name in [name for name in os.environ if name.startswith("LABELER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LABELER_HOME", str(tmp_path_factory.getbasetemp() / "nobody's home"))
    if _ON_POSTGRESQL:
        monkeypatch.setenv("LABELER_REGISTRY", request.getfixturevalue("postgresql_server").new())


@pytest.fixture(scope="session")
def postgresql_server():
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _homes_on_postgresql(request):
    """The command line that tests run finds the registry of a home directory there, likewise."""
    if _ON_POSTGRESQL:
        running.registry_of = request.getfixturevalue("postgresql_server").of


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, where system packages are installed, a test that needs one may not be skipped."""
    report = yield
    if (
        os.environ.get("CI") == "true"
        and item.get_closest_marker("system") is not None
        and report.skipped
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"may not be skipped in CI: {report.longrepr}"
    return report
