"""Time and memory of an operation in this process."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["peak_bytes", "timed"]

_STATUS: Final = Path("/proc/self/status")


def timed(operation: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall-clock seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    operation()
    return time.process_time() - cpu, time.perf_counter() - wall


def peak_bytes() -> int:
    """The largest resident set that this process ever had."""
    # Linux hands ru_maxrss on to the programs that a process starts: the parent's peak would
    # count. VmHWM is of this program alone.
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
