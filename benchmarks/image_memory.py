"""Peak memory of marking and detecting, each in a fresh process that holds only the pixels.

The peak includes Python and the libraries: what a container or a job limit has to allow.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import pictures
from benchmarks.marking import mark, random_for, random_key, random_payload
from benchmarks.measuring import peak_bytes
from benchmarks.tables import markdown_table
from benchmarks.workers import worker_pool
from detectors.image import detect

__all__ = ["Memory", "memory_table", "weigh"]

OPERATIONS: Final = ("nothing", "embed", "detect, marked", "detect, unmarked")
LIMIT_BYTES_PER_PIXEL: Final = 40
LIMIT_CONSTANT_MB: Final = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Peak memory of a process that did one operation on one picture."""

    operation: str
    """One of `OPERATIONS`; "nothing" only loads the pixels."""
    pixels: int
    peak_bytes: int


def weigh(path: Path, megapixels: Sequence[float]) -> list[Memory]:
    """Peak memory of each operation on the picture at each size."""
    memory = []
    with tempfile.TemporaryDirectory() as folder, worker_pool(1, fresh=True) as pool:
        for size in megapixels:
            print(f"weighing {path.stem} at {size:g} MP", file=sys.stderr, flush=True)
            file = Path(folder) / "pixels.npy"
            for operation in OPERATIONS:
                pool.submit(_prepare, path, size, operation, file).result()
                memory.append(pool.submit(_measure, operation, file).result())
    return memory


def _prepare(path: Path, megapixels: float, operation: str, file: Path) -> None:
    """Write the pixels that ``operation`` needs to ``file``."""
    pixels = pictures.at_size(pictures.load(path), megapixels)
    if operation == "detect, marked":
        random = random_for(1, "memory")
        pixels = mark(pixels, random_payload(random), random_key(random))
    np.save(file, pixels)


def _measure(operation: str, file: Path) -> Memory:
    random = random_for(1, "memory")  # the same payload and key as in `_prepare`
    payload, key = random_payload(random), random_key(random)
    pixels = np.load(file)
    if operation == "embed":
        mark(pixels, payload, key)
    elif operation != "nothing":
        detect(pixels, [key])
    return Memory(
        operation=operation,
        pixels=pixels.shape[0] * pixels.shape[1],
        peak_bytes=peak_bytes(),
    )


def memory_table(memory: Sequence[Memory]) -> str:
    """Peaks, and the straight line through them: bytes for each pixel and a constant."""
    rows = []
    for operation in OPERATIONS:
        those = [measured for measured in memory if measured.operation == operation]
        pixels = [measured.pixels for measured in those]
        peaks = [measured.peak_bytes for measured in those]
        within = all(peak <= _limit_bytes(count) for peak, count in zip(peaks, pixels, strict=True))
        slope, constant = np.polyfit(pixels, peaks, 1) if len(those) > 1 else (np.nan, np.nan)
        rows.append(
            (
                operation,
                ", ".join(f"{measured.pixels / 1e6:.3g}" for measured in those),
                ", ".join(f"{peak / 1e6:.0f}" for peak in peaks),
                f"{slope:.1f}",
                f"{constant / 1e6:.0f}",
                "yes" if within else "NO",
            )
        )
    limit = f"≤ {LIMIT_BYTES_PER_PIXEL} B/pixel + {LIMIT_CONSTANT_MB} MB"
    header = ("peak memory", "at MP", "MB", "B/pixel", "constant, MB", limit)
    return markdown_table(header, rows)


def _limit_bytes(pixels: int) -> float:
    return LIMIT_BYTES_PER_PIXEL * pixels + LIMIT_CONSTANT_MB * 1e6
