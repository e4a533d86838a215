import subprocess
import sys
from typing import get_args

import pytest

from labeler import provenance, receipt, stamping
from labeler.cli import options
from labeler.marks.image import _PRESETS
from tests.cli.running import ROOT, environment, labeler


@pytest.mark.parametrize(
    "arguments", [["--help"], ["stamp", "--help"], ["verify", "--help"], ["keys", "init", "--help"]]
)
def test_help_loads_nothing_heavy(arguments, tmp_path):
    script = (
        "import sys\n"
        "from labeler.cli import main\n"
        f"sys.argv = ['labeler', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'av', 'c2pa', 'cryptography', 'soxr', 'sqlalchemy'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: labeler" in done.stdout


@pytest.mark.parametrize("command", [["stamp"], ["verify"], ["doctor"], ["keys", "init"]])
def test_every_command_documents_its_exit_codes_and_has_json(command, tmp_path):
    done = labeler(*command, "--help", home=tmp_path)
    assert "Exit codes: 0 " in done.out
    assert "--json" in done.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["stamp"],
        ["stamp", "a.png"],
        ["stamp", "--out"],
        ["verify"],
        ["verify", "--jobs", "0", "a.png"],
        ["stamp", "a.png", "--out", "x", "--source-type", "digitalCapture"],
        ["stamp", "a.png", "--out", "x", "--created-at", "yesterday"],
        ["stamp", "a.png", "--out", "x", "--created-at", "2026-11-21T10:00:00"],
        ["stamp", "a.png", "--out", "x", "--prompt-file", "missing.txt"],
        ["doctor", "extra"],
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(arguments, tmp_path):
    (tmp_path / "cwd").mkdir()
    done = labeler(*arguments, home=tmp_path / "home", cwd=tmp_path / "cwd")
    assert done.code == 2
    assert done.err
    assert not done.out
    assert not (tmp_path / "home").exists()
    assert list((tmp_path / "cwd").iterdir()) == []


def test_without_a_command_there_is_help(tmp_path):
    done = labeler(home=tmp_path)
    assert "Commands:" in done.out + done.err


def test_a_wrong_setting_is_told_by_its_variable(tmp_path):
    done = labeler("doctor", "--json", home=tmp_path, LABELER_ISSUER="many")
    assert done.code == 2
    assert done.lines[0]["error"]["kind"] == "SettingsError"
    assert "LABELER_ISSUER" in done.err


@pytest.mark.parametrize(
    ("spelled_out", "values"),
    [
        (options.SourceTypeName, list(provenance.SourceType)),
        (options.OversightName, list(provenance.HumanOversight)),
        (options.TrackName, list(provenance.Track)),
        (options.StrengthName, list(_PRESETS)),
    ],
)
def test_the_choices_are_those_of_the_library(spelled_out, values):
    assert list(get_args(spelled_out)) == [str(value) for value in values]


def test_the_layers_are_those_of_the_library():
    assert [layer.value for layer in options.LayerName] == [layer.value for layer in receipt.Layer]


def test_the_ways_with_marked_sources_are_those_of_the_library():
    assert get_args(options.AlreadyMarkedName) == get_args(stamping.AlreadyMarked)


@pytest.mark.parametrize(
    ("asked", "small", "large", "jobs"),
    [
        (None, 3, 0, 1),
        (None, 9, 0, 2),
        (None, 0, 3, 3),
        (None, 5, 1, 2),
        (8, 2, 0, 2),
        (1, 0, 9, 1),
    ],
)
def test_a_process_is_started_where_that_pays(asked, small, large, jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(options.os, "sched_getaffinity", lambda _: range(3), raising=False)
    for index in range(small + large):
        with (tmp_path / str(index)).open("wb") as file:
            file.truncate(64 << 20 if index < large else 1000)
    assert options.choose_jobs(asked, [str(path) for path in tmp_path.iterdir()]) == jobs


def test_the_help_in_the_readme_is_what_is_printed(tmp_path):
    printed = labeler("--help", home=tmp_path, COLUMNS="80").out
    printed = printed.replace("python -m labeler", "labeler").strip()
    assert f"```\n{printed}\n```" in (ROOT / "README.md").read_text()
