"""Kill a batch in the middle, go on with it, and count what came out.

    python -m benchmarks.kill_and_resume [--pictures 200] [--kills 3] [--jobs 2]

The whole process group gets SIGKILL, several times, at moments that differ. Afterwards there have
to be as many whole outputs as sources, none twice and none half, one receipt each, and nothing else
in the output folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.tables import markdown_table

_SIZE = (256, 320)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is there in the end."""

    sources: int
    killed_at: tuple[int, ...]
    """Number of outputs that were there each time the batch was killed."""
    exit_code: int
    """Of the last run."""
    outputs: int
    whole: int
    """Outputs that decode and have the digest that their receipt names."""
    strays: int
    """Other files in the output folder."""
    receipts: int
    """Receipts that the last run told, counted once each."""
    handles: int
    """Handles among them, likewise."""
    stamped_twice: int
    """Outputs for which the registry has more than one published receipt."""
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether everything is there once and whole."""
        counts = {self.outputs, self.whole, self.receipts, self.handles}
        return (
            self.exit_code == 0
            and counts == {self.sources}
            and self.strays == 0
            and self.stamped_twice == 0
        )


def main() -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labeler-kill-") as folder:
        tally = trial(
            Path(folder),
            pictures=given.pictures,
            kills=given.kills,
            jobs=given.jobs,
            rng=random.Random(given.seed),
        )
    rows = (
        ("sources", tally.sources),
        ("outputs there when it was killed", ", ".join(map(str, tally.killed_at))),
        ("outputs in the end", tally.outputs),
        ("of them whole", tally.whole),
        ("other files", tally.strays),
        ("receipts", tally.receipts),
        ("different handles", tally.handles),
        ("stamped twice", tally.stamped_twice),
        ("exit code in the end", tally.exit_code),
        ("seconds", f"{tally.seconds:.0f}"),
    )
    print(markdown_table(("kill -9 and --resume", ""), rows))
    return 0 if tally.is_right else 1


def trial(folder: Path, *, pictures: int, kills: int, jobs: int, rng: random.Random) -> Tally:
    """Make pictures in ``folder``, stamp them with interruptions, and count."""
    started = time.perf_counter()
    sources, out, home = folder / "in", folder / "out", folder / "home"
    _make_pictures(sources, pictures)
    _labeler(home, "keys", "init").communicate()
    command = ("stamp", str(sources), "--out", str(out), "--jobs", str(jobs), "--resume", "--json")
    killed_at = tuple(
        _run_and_kill(home, command, out, after=(kill + 1) * pictures // (kills + 1), rng=rng)
        for kill in range(kills)
    )
    last = _labeler(home, *command)
    lines = [json.loads(line) for line in last.communicate()[0].splitlines()]
    receipts = {Path(line["target"]).name: line["receipt"] for line in lines if line["receipt"]}
    names = {path.name for path in sources.iterdir()}
    found = {path.name for path in out.iterdir()}
    return Tally(
        sources=pictures,
        killed_at=killed_at,
        exit_code=last.returncode,
        outputs=len(found & names),
        whole=sum(_is_whole(out / name, receipts.get(name)) for name in found & names),
        strays=len(found - names),
        receipts=len({receipt["receipt_id"] for receipt in receipts.values()}),
        handles=len({receipt["payload"]["handle"] for receipt in receipts.values()}),
        stamped_twice=_stamped_twice(home / "registry.sqlite3"),
        seconds=time.perf_counter() - started,
    )


def _labeler(home: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """The command line in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "labeler", *arguments],
        # The registry is looked at afterwards: it is a file, whatever others use.
        env=os.environ | {"LABELER_HOME": str(home), "LABELER_REGISTRY": ""},
        stdout=stdout,
        text=True,
        start_new_session=True,
    )


def _run_and_kill(
    home: Path, command: tuple[str, ...], out: Path, *, after: int, rng: random.Random
) -> int:
    """Kill the batch once there are ``after`` outputs, and give how many there were."""
    process = _labeler(home, *command, stdout=subprocess.DEVNULL)
    while process.poll() is None and _count(out) < after:
        time.sleep(0.01)
    # Somewhere in the work on the next pictures, not always just after an output appeared.
    time.sleep(rng.uniform(0, 0.5))
    with suppress(ProcessLookupError):  # It was faster.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return _count(out)


def _count(folder: Path) -> int:
    """Files in ``folder`` that are not hidden."""
    if not folder.exists():
        return 0
    return sum(not path.name.startswith(".") for path in folder.iterdir())


def _is_whole(path: Path, receipt: dict[str, Any] | None) -> bool:
    if receipt is None:
        return False
    with Image.open(path) as picture:
        picture.load()
    return hashlib.sha256(path.read_bytes()).hexdigest() == receipt["target_sha256"]


def _stamped_twice(registry: Path) -> int:
    with closing(sqlite3.connect(registry)) as database:
        rows = database.execute("SELECT target FROM receipt WHERE state = 'published'")
        counts = Counter(target for (target,) in rows)
    return sum(count > 1 for count in counts.values())


def _make_pictures(folder: Path, count: int) -> None:
    """Small pictures with room for a watermark: blurred noise, each its own."""
    folder.mkdir(parents=True)
    height, width = _SIZE
    for number in range(count):
        generator = np.random.default_rng(number)
        coarse = generator.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        grain = generator.normal(0, 9, (height, width, 3))
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg", quality=92)


if __name__ == "__main__":
    sys.exit(main())
