"""What marking and listening cost: multiples of real time, and memory for an hour.

    python -m benchmarks.sound_cost SOUNDS_DIR

Times are of the processor, on one core and one thread, for a minute of 44.1 kHz stereo made of each
clip: the clip at that rate, repeated. Medians over rounds; the factor is the sound's length over
the time taken. Keyrings of 100 keys are given the right key last. Memory is the peak of a fresh
process, Python and libraries included, that hands an hour over block by block.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import sound_clips
from benchmarks.command import benchmark_parser, publish
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.measuring import peak_bytes, timed
from benchmarks.sound_edits import Sound, resampled, speed
from benchmarks.sound_marking import mark
from benchmarks.tables import markdown_table
from benchmarks.workers import worker_pool
from detectors.audio import detect, detect_blocks
from labeler.codec.payload import ShortPayload
from labeler.marks.audio import Stream, embed, embed_blocks

RATE_HZ: Final = 44_100
LENGTH_S: Final = 60
RING_KEYS: Final = 100
WANTED: Final = {"embed": 80, "detect, marked": 300, "detect, unmarked": 60}
"""Least multiples of real time."""
MEMORY_LIMIT_MB: Final = 500

_BLOCK: Final = 1 << 16
_CHUNK: Final = 4096
"""Frames that a generator of speech hands over at a time."""
_MEMORY_OPERATIONS: Final = ("nothing", "embed", "detect, marked", "detect, unmarked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Median times of one operation on a minute of one clip."""

    clip: str
    operation: str
    cpu_s: float
    wall_s: float

    @property
    def factor(self) -> float:
        """Multiple of real time."""
        return LENGTH_S / self.cpu_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Peak memory of a process that did one operation block by block."""

    operation: str
    """One of `_MEMORY_OPERATIONS`; "nothing" only makes the blocks."""
    minutes: float
    peak_bytes: int
    cpu_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    paths = sorted(sound_clips.find(options.folder, options.sounds))
    places = np.linspace(0, len(paths) - 1, min(options.count, len(paths))).round().astype(int)
    chosen = paths if options.sounds else [paths[place] for place in places]
    timings = _time_all(chosen, options.repeats)
    memory = _weigh(chosen[0], options.minutes) if options.minutes else []
    document = {"timings": list(map(asdict, timings)), "memory": list(map(asdict, memory))}
    publish(options, _report(timings, memory), document)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_cost", __doc__, media="sounds", workers=False)
    parser.add_argument("--count", type=int, default=5, help="clips, unless named (default: 5)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument(
        "--minutes", type=float, default=60, help="for memory; 0 leaves it out (default: 60)"
    )
    return parser


def _stereo(path: Path) -> Sound:
    """The clip at `RATE_HZ` in two channels."""
    samples, rate_hz = sound_clips.load(path)
    return np.ascontiguousarray(resampled(samples, rate_hz, RATE_HZ)[:, [0, -1]])


# ---------------------------------------------------------------- time


def _time_all(paths: Sequence[Path], repeats: int) -> list[Timing]:
    timings: list[Timing] = []
    with worker_pool(1, one_core=True) as pool:
        for path in paths:
            print(f"timing {path.stem}", file=sys.stderr, flush=True)
            timings += pool.submit(_time_clip, path, repeats).result()
    return timings


def _time_clip(path: Path, repeats: int) -> list[Timing]:
    """Medians over ``repeats`` rounds of all operations; a first round warms up and is dropped."""
    operations = _operations(np.resize(_stereo(path), (LENGTH_S * RATE_HZ, 2)))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in operations}
    for _ in range(repeats + 1):
        for name, operation in operations.items():
            times[name].append(timed(operation))
    return [
        Timing(
            clip=path.stem,
            operation=name,
            cpu_s=statistics.median(cpu_s for cpu_s, _ in rounds[1:]),
            wall_s=statistics.median(wall_s for _, wall_s in rounds[1:]),
        )
        for name, rounds in times.items()
    ]


def _operations(original: Sound) -> dict[str, Callable[[], object]]:
    random = random_for(1, "cost")
    payload, key = random_payload(random), random_key(random)
    marked = mark(original, RATE_HZ, payload, key)
    faster, _ = speed(1.05)(marked, RATE_HZ)
    ring = [*(random_key(random) for _ in range(RING_KEYS - 1)), key]

    def stream() -> None:
        session = Stream(RATE_HZ, 2, payload, key)
        for start in range(0, len(original), _CHUNK):
            session.push(original[start : start + _CHUNK])
        session.finish()

    return {
        "embed": lambda: embed(original, RATE_HZ, payload, key),
        "embed, short form": lambda: embed(original, RATE_HZ, ShortPayload.of(payload), key),
        "embed, as a stream": stream,
        "detect, marked": lambda: detect(marked, RATE_HZ, [key]),
        "detect, marked, 5 % faster": lambda: detect(faster, RATE_HZ, [key]),
        "detect, unmarked": lambda: detect(original, RATE_HZ, [key]),
        "detect, unmarked, patient": lambda: detect(original, RATE_HZ, [key], patient=True),
        "100 keys, marked": lambda: detect(marked, RATE_HZ, ring),
        "100 keys, unmarked": lambda: detect(original, RATE_HZ, ring),
    }


# ---------------------------------------------------------------- memory


def _weigh(path: Path, minutes: float) -> list[Memory]:
    memory = []
    with tempfile.TemporaryDirectory() as folder, worker_pool(1, fresh=True) as pool:
        file = Path(folder) / "marked.raw"
        for operation in _MEMORY_OPERATIONS:
            print(f"weighing {operation}, {minutes:g} min", file=sys.stderr, flush=True)
            memory.append(pool.submit(_weigh_one, path, operation, minutes, file).result())
    return memory


def _weigh_one(path: Path, operation: str, minutes: float, file: Path) -> Memory:
    """Do one operation; what "embed" writes to ``file``, "detect, marked" reads."""
    random = random_for(1, "memory")
    payload, key = random_payload(random), random_key(random)
    original = _stereo(path)
    frames = int(60 * minutes * RATE_HZ)

    def endless() -> Iterator[Sound]:
        for start in range(0, frames, _BLOCK):
            places = np.arange(start, min(start + _BLOCK, frames)) % len(original)
            yield original[places]

    def work() -> None:
        if operation == "nothing":
            for _ in endless():
                pass
        elif operation == "embed":
            _write(embed_blocks(endless, RATE_HZ, payload, key), file)
        else:
            blocks = endless() if operation == "detect, unmarked" else _read(file)
            detect_blocks(blocks, RATE_HZ, [key])

    cpu_s, _ = timed(work)
    return Memory(operation=operation, minutes=minutes, peak_bytes=peak_bytes(), cpu_s=cpu_s)


def _write(blocks: Iterator[Sound], file: Path) -> None:
    with file.open("wb") as out:
        for block in blocks:
            out.write(np.round(np.clip(block, -1, 1) * 32767).astype("<i2").tobytes())


def _read(file: Path) -> Iterator[Sound]:
    with file.open("rb") as source:
        while data := source.read(_BLOCK * 4):
            yield np.frombuffer(data, "<i2").reshape(-1, 2).astype(np.float32) / np.float32(32767)


# ---------------------------------------------------------------- reporting


def _report(timings: Sequence[Timing], memory: Sequence[Memory]) -> str:
    clips = sorted({timing.clip for timing in timings})
    head = f"One core, {LENGTH_S} s of 44.1 kHz stereo made of each of: {', '.join(clips)}"
    parts = [head, _time_table(timings)]
    if memory:
        parts.append(_memory_table(memory))
    return "\n\n".join(parts)


def _time_table(timings: Sequence[Timing]) -> str:
    rows = []
    for operation in dict.fromkeys(timing.operation for timing in timings):
        those = [timing for timing in timings if timing.operation == operation]
        median = statistics.median(timing.factor for timing in those)
        wall_s = statistics.median(timing.wall_s for timing in those)
        wanted = WANTED.get(operation)
        met = "" if wanted is None else f"≥ {wanted}: {'yes' if median >= wanted else 'NO'}"
        least = min(timing.factor for timing in those)
        cells = (f"{median:.0f}", f"{least:.0f}", f"{LENGTH_S / wall_s:.0f}", met)
        rows.append((operation, *cells))
    header = ("operation", "x real time, CPU", "least", "x real time, wall", "wanted, met")
    return markdown_table(header, rows)


def _memory_table(memory: Sequence[Memory]) -> str:
    rows = []
    for each in memory:
        megabytes = each.peak_bytes / 1e6
        factor = f"{60 * each.minutes / max(each.cpu_s, 1e-9):.0f}"
        met = "yes" if megabytes <= MEMORY_LIMIT_MB else "NO"
        cells = (f"{each.minutes:g}", f"{megabytes:.0f}", factor, met)
        rows.append((each.operation, *cells))
    limit = f"≤ {MEMORY_LIMIT_MB} MB"
    header = ("peak memory, block by block", "minutes", "MB", "x real time, CPU", limit)
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
