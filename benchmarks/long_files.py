"""What stamping and verifying one long file takes: memory, disk and time.

Each operation runs in a process of its own. Of verification the worker is weighed: it is what
decodes. Peaks include Python and the libraries. Disk is what temporary files took at most, seen
every tenth of a second.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.measuring import peak_bytes
from benchmarks.tables import markdown_table
from benchmarks.workers import worker_pool
from detectors import Conclusion, Verifier
from labeler.credentials import create_development_identity
from labeler.provenance import Provenance
from labeler.settings import Settings
from labeler.stamping import Stamper

__all__ = ["Cost", "cost_table", "measure", "settings_in"]

_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one operation on one file took."""

    file: str
    operation: str
    file_bytes: int
    peak_bytes: int
    disk_bytes: int
    """Most that temporary files took."""
    cpu_s: float
    wall_s: float
    duration_s: float
    """Of what it plays."""


class _DiskWatch:
    """Looks at how much lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self.most = 0
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            files = [path for path in self._folder.rglob("*") if path.is_file()]
            try:
                self.most = max(self.most, sum(path.stat().st_size for path in files))
            except FileNotFoundError:
                continue  # it has just been removed

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.most


def _stamp(folder: Path, name: str, minutes: float) -> Cost:
    """Stamp a file of the folder."""
    settings = settings_in(folder)
    source = folder / name
    watch = _DiskWatch(settings.scratch or folder)
    wall, cpu = time.perf_counter(), time.process_time()
    with Stamper(settings) as stamper:
        stamper.stamp(source, folder / "out" / name, Provenance(), overwrite=True)
    return Cost(
        file=name,
        operation="stamp",
        file_bytes=source.stat().st_size,
        peak_bytes=peak_bytes(),
        disk_bytes=watch.stop(),
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - wall,
        duration_s=60 * minutes,
    )


def _verify(folder: Path, name: str, minutes: float, marked: bool) -> Cost:
    """Verify a file of the folder, or what came of stamping it; weigh the worker."""
    settings = settings_in(folder)
    path = folder / "out" / name if marked else folder / name
    watch = _DiskWatch(settings.scratch or folder)
    wall = time.perf_counter()
    with Verifier(settings) as verifier:
        report = verifier.verify(path)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    expected = Conclusion.MARKED if marked else Conclusion.NO_MARK_FOUND
    if report.conclusion is not expected:
        raise RuntimeError(f"{path} is {report.conclusion}: {report.warnings}")
    return Cost(
        file=name,
        operation="verify, marked" if marked else "verify, unmarked",
        file_bytes=path.stat().st_size,
        peak_bytes=used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        disk_bytes=watch.stop(),
        cpu_s=used.ru_utime + used.ru_stime,
        wall_s=time.perf_counter() - wall,
        duration_s=60 * minutes,
    )


def settings_in(folder: Path) -> Settings:
    """Settings that keep everything in ``folder``, with a development identity."""
    (folder / "scratch").mkdir(exist_ok=True)
    settings = Settings(home=folder / "home", scratch=folder / "scratch")
    if not settings.identity.exists():
        create_development_identity(settings.identity, now=datetime.now(UTC))
    return settings


def measure(folder: Path, name: str, minutes: float) -> Iterator[Cost]:
    """Stamp the file ``name`` of the folder, verify what comes of it, and verify the file itself.

    Args:
        folder: Where everything is kept.
        name: Of a file without a mark.
        minutes: How long it plays.
    """
    with worker_pool(1, fresh=True) as pool:
        for task in (
            (_stamp, folder, name, minutes),
            (_verify, folder, name, minutes, True),
            (_verify, folder, name, minutes, False),
        ):
            cost: Cost = pool.submit(*task).result()
            print(cost, file=sys.stderr, flush=True)
            yield cost


def cost_table(costs: Iterable[Cost], *, limit_mb: int) -> str:
    """The costs for people."""
    header = (
        "file", "operation", "MB", "peak MB", "temporary MB", "CPU s", "wall s", "times real time",
        f"≤ {limit_mb} MB",
    )  # fmt: skip
    rows = [
        (
            cost.file,
            cost.operation,
            f"{cost.file_bytes / 1e6:.0f}",
            f"{cost.peak_bytes / 1e6:.0f}",
            f"{cost.disk_bytes / 1e6:.0f}",
            f"{cost.cpu_s:.0f}",
            f"{cost.wall_s:.0f}",
            f"{cost.duration_s / cost.cpu_s:.3g}",
            "yes" if cost.peak_bytes <= limit_mb * 1e6 else "NO",
        )
        for cost in costs
    ]
    return markdown_table(header, rows)
