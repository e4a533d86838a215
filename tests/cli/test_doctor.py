import os
import shutil
from pathlib import Path

import pytest

from labeler.cli import checks
from labeler.settings import Settings
from tests.cli.running import labeler


def snapshot(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_sound_installation_is_healthy_and_stays_as_it_was(home):
    before = snapshot(home)
    done = labeler("doctor", "--json", home=home)
    assert done.code == 0, done.out
    (told,) = done.lines
    assert told["healthy"] is True
    status = {check["name"]: check["status"] for check in told["checks"]}
    assert status["self-test"] == "ok"
    assert status["identity"] == "note"
    assert "broken" not in status.values()
    assert snapshot(home).keys() >= before.keys()
    assert {path: snapshot(home)[path] for path in before} == before


def test_a_machine_without_a_home_can_verify_and_is_told_how_to_sign(tmp_path):
    done = labeler("doctor", home=tmp_path / "home")
    assert done.code == 0, done.out
    assert "labeler keys init" in done.out
    assert not (tmp_path / "home").exists()


@pytest.fixture
def settings(home, tmp_path, monkeypatch) -> Settings:
    """Those of a copy of a home that is in order."""
    shutil.copytree(home, tmp_path / "home")
    monkeypatch.setattr(checks, "_check_end_to_end", lambda _: ("ok", "not tried"))
    return Settings(home=tmp_path / "home")


def outcome(settings: Settings, name: str) -> checks.Check:
    return next(check for check in checks.examine(settings) if check.name == name)


def test_a_key_that_others_may_read_is_broken(settings):
    settings.private_key_file.chmod(0o644)
    check = outcome(settings, "identity")
    assert check.status == "broken"
    assert "chmod 600" in check.told


def test_a_damaged_watermark_key_is_broken(settings):
    next(settings.watermark_keys.iterdir()).write_text("nonsense")
    assert outcome(settings, "watermark keys").status == "broken"


def test_a_watermark_key_that_is_not_there_is_broken(settings):
    chosen = Settings(home=settings.home, watermark_key_id="0123456789abcdef")
    assert outcome(chosen, "watermark keys").status == "broken"


def test_an_identity_that_is_named_and_missing_is_broken(settings, tmp_path):
    named = Settings(home=settings.home, certificate_chain=tmp_path / "missing.pem")
    assert outcome(named, "identity").status == "broken"


def test_a_damaged_registry_is_broken(settings):
    (settings.home / "registry.sqlite3").write_bytes(b"no database " * 500)
    assert outcome(settings, "registry").status == "broken"


def test_a_home_that_others_may_write_to_is_a_warning(settings):
    settings.home.chmod(0o777)
    assert outcome(settings, "home").status == "warning"


def test_a_home_that_cannot_be_written_is_broken(settings, monkeypatch):
    # Not by permissions: root may write everywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert outcome(settings, "home").status == "broken"


def test_a_package_that_cannot_be_imported_is_broken_and_the_rest_is_checked(settings, monkeypatch):
    monkeypatch.setattr(checks, "_PACKAGES", (("missing-package", "missing_package"),))
    found = {check.name: check.status for check in checks.examine(settings)}
    assert found["missing-package"] == "broken"
    assert found["registry"] in {"ok", "note"}
