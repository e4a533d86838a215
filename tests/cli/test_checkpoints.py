"""``labeler registry audit checkpoint`` and ``checkpoints``."""

import json

import pytest
from typer.testing import CliRunner

from labeler.cli.app import app
from labeler.registry import Registry
from tests.samples import make_settings

run = CliRunner().invoke


@pytest.fixture
def settings(tmp_path):
    return make_settings(tmp_path)


def record(settings, count):
    with Registry.of(settings) as registry:
        for number in range(count):
            registry.record("note", f"{number}", actor="ada", reason="because", body={})
        return registry.verify_audit()


def called(settings, *arguments):
    return run(app, ["registry", "audit", *map(str, arguments), "--home", str(settings.home)])


def test_the_head_is_signed_and_holds_as_the_log_grows(settings, tmp_path):
    verdict = record(settings, 3)
    result = called(settings, "checkpoint", "--out", tmp_path / "note", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["entries"], told["head"]) == (3, verdict.head)
    assert (tmp_path / "note").read_text() == told["checkpoint"] + "\n"
    record(settings, 2)
    result = called(settings, "checkpoints", tmp_path / "note", "--json")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["holds"] for line in lines] == [True, True]
    assert {line["trust"] for line in lines} == {"trusted"}
    assert "holds; 3 entries" in called(settings, "checkpoints").stdout


def test_a_log_that_was_written_anew_is_found(settings, tmp_path):
    record(settings, 3)
    called(settings, "checkpoint", "--out", tmp_path / "note")
    other = make_settings(tmp_path / "other")
    record(other, 3)
    result = called(other, "checkpoints", tmp_path / "note")
    assert result.exit_code == 4
    assert "written anew" in result.stdout
    shorter = make_settings(tmp_path / "shorter")
    record(shorter, 2)
    assert "cut off" in called(shorter, "checkpoints", tmp_path / "note").stdout


def test_an_empty_log_and_a_missing_file_are_told(settings, tmp_path):
    Registry.of(settings).close()
    assert called(settings, "checkpoint").exit_code == 1
    assert called(settings, "checkpoints", tmp_path / "none").exit_code == 1


def test_what_the_registry_holds_is_shown(settings):
    with Registry.of(settings) as registry:
        registry.reserve(0)
        registry.record("note", "x", actor="ada", reason="because", body={})
    shown = ["registry", "show", "--home", str(settings.home)]
    members = json.loads(run(app, [*shown, "--json"]).stdout)
    assert members["issuers"][0]["name"] == "local"
    assert (members["issuers"][0]["handles"], members["audit_entries"]) == (1, 1)
    assert "1 handle" in run(app, shown).stdout
