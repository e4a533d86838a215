"""What is true for all tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory, monkeypatch):
    """No test sees or changes what the person who runs it keeps."""
    for name in [name for name in os.environ if name.startswith("LABELER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LABELER_HOME", str(tmp_path_factory.getbasetemp() / "nobody's home"))


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
