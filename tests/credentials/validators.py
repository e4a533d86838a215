"""Validators written by others, each in an environment of its own."""

import json
import os
import subprocess
import sys
import venv

import pytest

IN_CI = os.environ.get("CI") == "true"


def unavailable(reason):
    if IN_CI:
        pytest.fail(f"the other validators are mandatory in CI: {reason}")
    pytest.skip(reason)


def interpreter(requirement, variable, folder):
    """The interpreter that ``variable`` names, or one of an environment that is made for it."""
    named = os.environ.get(variable)
    if named:
        return named
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*command, requirement], capture_output=True, text=True, timeout=180, check=False
        )
    except subprocess.TimeoutExpired:
        unavailable(f"{requirement} was not installed within three minutes")
    if done.returncode:
        unavailable(f"{requirement} cannot be installed: {done.stderr.strip()[-200:]}")
    return str(python)


def asked(python, script, question, folder):
    """What ``script`` prints, run there with ``question`` on its standard input; both JSON."""
    done = subprocess.run(
        [python, "-c", script],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # Nothing of the session's own environment leaks into the other interpreter.
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
