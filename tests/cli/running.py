"""Running the command line as users do: as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def registry_of(home: Path) -> str | None:
    """Where the registry of a home directory is; None: in it. tests/conftest.py has another."""
    return None


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABELER_")}
    registry = registry_of(home)
    if registry is not None:
        kept["LABELER_REGISTRY"] = registry
    return (
        kept
        | {
            "LABELER_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        | more
    )


def labeler(*arguments: str | Path, home: Path, cwd: Path | None = None, **more: str) -> Done:
    """Run ``labeler`` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "labeler", *map(str, arguments)],
        env=environment(home, **more),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)
