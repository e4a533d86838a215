"""Rules of the house that no tool checks."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from labeler import errors

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path for package in ("labeler", "detectors") for path in (ROOT / package).rglob("*.py")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {each["name"]: each for each in PROJECT["tool"]["importlinter"]["contracts"]}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_are_short(path):
    text = path.read_text()
    assert text.count("\n") < 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # Signatures and docstrings are as long as they have to be.
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{node.name} has {lines} lines"


def parts_of(package: str) -> set[str]:
    folder = ROOT / package
    modules = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return {f"{package}.{name}" for name in modules | packages}


def test_every_part_has_its_place_in_the_layers():
    layers = {
        part.strip()
        for layer in CONTRACTS["Arrows point down only"]["layers"]
        for part in layer.split("|")
    }
    assert layers == parts_of("labeler")


def test_every_part_but_two_is_kept_from_reading_marks():
    contract = CONTRACTS["Only stamping and the command line read marks"]
    allowed = {
        "labeler.stamping",
        "labeler.serving",  # verifies for those who ask, and reads no marks itself
        "labeler.cli",
        "labeler.integrations",
        "labeler.__main__",
    }
    assert set(contract["source_modules"]) == parts_of("labeler") - allowed


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("labeler/codec/keys.py", "import labeler.media"),
        ("labeler/media/picture.py", "import labeler.marks.image"),
        ("labeler/metadata/__init__.py", "import labeler.media.picture"),
        ("labeler/batch/plan.py", "import detectors.report"),
        ("detectors/report.py", "import labeler.stamping"),
    ],
)
def test_the_contracts_bite(module, line, tmp_path):
    for path in [*MODULES, ROOT / "pyproject.toml"]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    importer = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert f"{importer} -> {line.removeprefix('import ')} (l." in done.stdout


def test_the_version_is_told_in_one_place_and_the_changelog_knows_it():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert "## [Unreleased]" in changelog or PROJECT["project"]["version"] in released
    assert released == sorted(released, key=lambda v: [int(n) for n in v.split(".")], reverse=True)


def test_make_test_runs_every_check():
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "test"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("ruff check", "ruff format --check", "mypy", "lint-imports", "pytest"):
        assert f"/{command}" in done.stdout
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_samples_are_small_and_open():
    samples = [path for path in (ROOT / "samples").iterdir() if path.suffix != ".py"]
    samples = [path for path in samples if path.is_file()]
    assert {path.suffix for path in samples} >= {".jpg", ".png", ".webp"}
    assert sum(path.stat().st_size for path in samples) < 3_000_000
    for path in samples:
        with Image.open(path) as picture:
            picture.load()
            assert max(picture.size) > 1080


def test_every_kind_of_error_is_in_the_tree_of_the_docstring():
    for name in errors.__all__:
        assert re.search(rf"[─ ]{name}\b|^    {name}$", errors.__doc__, re.MULTILINE), name
