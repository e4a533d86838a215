"""What marking and detecting cost, as multiples of decoding and encoding the same picture.

    python -m benchmarks.image_cost PICTURES_DIR

The unit is Pillow decoding the picture from JPEG and encoding it again at quality 90, measured in
the same process between the other operations; ratios of medians carry over to other machines,
milliseconds do not. One thread on one core. Keyrings of 100 keys are given the right key last;
*new* keys were never seen by the process before, so that nothing can be remembered of them.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from benchmarks import pictures
from benchmarks.command import benchmark_parser, publish
from benchmarks.image_attacks import Pixels, attacked
from benchmarks.image_memory import Memory, memory_table, weigh
from benchmarks.marking import mark, random_for, random_key, random_payload
from benchmarks.measuring import timed
from benchmarks.tables import markdown_table, yes_or_no
from benchmarks.workers import worker_pool
from detectors.image import detect
from labeler.codec.keys import Key

REFERENCE: Final = "JPEG decode + encode"
RING_KEYS: Final = 100
RATIO_LIMITS: Final = {"embed": 2.0, "detect, marked": 2.0, "detect, unmarked": 4.0}
RING_LIMIT: Final = 2.0

_ONE_KEY: Final = {
    "100 keys, unmarked": "detect, unmarked",
    "100 new keys, unmarked": "detect, unmarked",
    "100 keys, marked": "detect, marked",
    "100 new keys, marked": "detect, marked",
}
"""The operation with one key that each operation with many keys is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Median times of one operation on one picture."""

    picture: str
    megapixels: float
    operation: str
    cpu_s: float
    wall_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    paths = pictures.find(options.folder, options.pictures)
    if not options.pictures:
        paths = _spread(sorted(paths), options.count)
    timings = _time_all(paths, options.megapixels, options.repeats)
    memory = weigh(paths[0], options.memory_megapixels)
    report = _report(timings, memory)
    document = {"timings": list(map(asdict, timings)), "memory": list(map(asdict, memory))}
    publish(options, report, document)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("image_cost", __doc__, media="pictures", workers=False)
    parser.add_argument(
        "--count",
        type=int,
        default=5,
        help="pictures, spread over the folder, unless named (default: 5)",
    )
    parser.add_argument("--megapixels", type=_sizes, default=(1.0, 2.0, 4.0), metavar="MP,…")
    parser.add_argument(
        "--memory-megapixels", type=_sizes, default=(1.0, 4.0, 12.0), metavar="MP,…"
    )
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default: 5)")
    return parser


def _sizes(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """``count`` paths at equal distances."""
    places = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[place] for place in places]


# ---------------------------------------------------------------- time


def _time_all(paths: Sequence[Path], megapixels: Sequence[float], repeats: int) -> list[Timing]:
    timings: list[Timing] = []
    with worker_pool(1, one_core=True) as pool:
        for size in megapixels:
            for path in paths:
                print(f"timing {path.stem} at {size:g} MP", file=sys.stderr, flush=True)
                timings += pool.submit(_time_picture, path, size, repeats).result()
    return timings


def _time_picture(path: Path, megapixels: float, repeats: int) -> list[Timing]:
    """Medians over ``repeats`` rounds of all operations; a first round warms up and is dropped."""
    operations = _operations(pictures.at_size(pictures.load(path), megapixels))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in operations}
    for _ in range(repeats + 1):
        for name, operation in operations.items():
            times[name].append(timed(operation))
    return [
        Timing(
            picture=path.stem,
            megapixels=megapixels,
            operation=name,
            cpu_s=statistics.median(cpu_s for cpu_s, _ in rounds[1:]),
            wall_s=statistics.median(wall_s for _, wall_s in rounds[1:]),
        )
        for name, rounds in times.items()
    ]


def _operations(original: Pixels) -> dict[str, Callable[[], object]]:
    random = random_for(1, "cost")
    payload, key = random_payload(random), random_key(random)
    marked = mark(original, payload, key)
    turned, compressed = attacked("rotate-10", marked), attacked("jpeg-70", marked)
    ring = [random_key(random) for _ in range(RING_KEYS - 1)]

    def new_ring() -> list[Key]:
        return [random_key(random) for _ in range(RING_KEYS - 1)]

    jpeg = to_jpeg(Image.fromarray(original))
    return {
        REFERENCE: lambda: decode_and_encode(jpeg),
        "embed": lambda: mark(original, payload, key),
        "detect, marked": lambda: detect(marked, [key]),
        "detect, marked, JPEG 70": lambda: detect(compressed, [key]),
        "detect, marked, rotated 10°": lambda: detect(turned, [key]),
        "detect, unmarked": lambda: detect(original, [key]),
        "detect, unmarked, patient": lambda: detect(original, [key], patient=True),
        "100 keys, unmarked": lambda: detect(original, [*ring, key]),
        "100 new keys, unmarked": lambda: detect(original, [*new_ring(), key]),
        "100 keys, marked": lambda: detect(marked, [*ring, key]),
        "100 new keys, marked": lambda: detect(marked, [*new_ring(), key]),
    }


def decode_and_encode(jpeg: bytes) -> bytes:
    """What costs are counted in."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.load()
        return to_jpeg(image)


def to_jpeg(image: Image.Image) -> bytes:
    """JPEG, quality 90."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


# ---------------------------------------------------------------- reporting


def _report(timings: Sequence[Timing], memory: Sequence[Memory]) -> str:
    names = sorted({timing.picture for timing in timings})
    parts = [
        f"One core, {len(names)} pictures ({', '.join(names)})",
        _ratio_table(timings),
        _ring_table(timings),
        memory_table(memory),
    ]
    return "\n\n".join(parts)


def _ratio_table(timings: Sequence[Timing]) -> str:
    rows: list[tuple[str, ...]] = []
    for size in sorted({timing.megapixels for timing in timings}):
        of_size = [timing for timing in timings if timing.megapixels == size]
        unit_ms = 1000 * statistics.median(
            timing.wall_s for timing in of_size if timing.operation == REFERENCE
        )
        rows.append((f"{size:g} MP: {REFERENCE}", f"{unit_ms:.0f} ms", "1.00", "1.00", "", ""))
        operations = dict.fromkeys(timing.operation for timing in of_size)
        with_one_key = [name for name in operations if name not in {REFERENCE, *_ONE_KEY}]
        rows += [_ratio_row(of_size, size, operation) for operation in with_one_key]
    header = ("operation", "wall, median", "wall ratio", "(worst)", "CPU ratio", "limit, met")
    return markdown_table(header, rows)


def _ratio_row(timings: Sequence[Timing], size: float, operation: str) -> tuple[str, ...]:
    wall_s = [timing.wall_s for timing in timings if timing.operation == operation]
    wall, cpu = _ratios(timings, operation, REFERENCE)
    limit = RATIO_LIMITS.get(operation)
    met = "" if limit is None else f"≤ {limit:g}: {yes_or_no(met=statistics.median(wall) <= limit)}"
    return (
        f"{size:g} MP: {operation}",
        f"{1000 * statistics.median(wall_s):.0f} ms",
        f"{statistics.median(wall):.2f}",
        f"{max(wall):.2f}",
        f"{statistics.median(cpu):.2f}",
        met,
    )


def _ring_table(timings: Sequence[Timing]) -> str:
    rows = []
    for size in sorted({timing.megapixels for timing in timings}):
        of_size = [timing for timing in timings if timing.megapixels == size]
        for many, one in _ONE_KEY.items():
            wall, cpu = _ratios(of_size, many, one)
            median = statistics.median(wall)
            met = f"≤ {RING_LIMIT:g}: {yes_or_no(met=median <= RING_LIMIT)}"
            cells = (f"{median:.2f}", f"{max(wall):.2f}", f"{statistics.median(cpu):.2f}", met)
            rows.append((f"{size:g} MP: {many}", *cells))
    header = ("keyring, against one key", "wall ratio", "(worst)", "CPU ratio", "limit, met")
    return markdown_table(header, rows)


def _ratios(
    timings: Sequence[Timing], operation: str, unit: str
) -> tuple[list[float], list[float]]:
    """Wall-clock and processor time of ``operation`` in units of ``unit``, picture by picture."""
    units = {timing.picture: timing for timing in timings if timing.operation == unit}
    those = [timing for timing in timings if timing.operation == operation]
    wall = [timing.wall_s / units[timing.picture].wall_s for timing in those]
    return wall, [timing.cpu_s / units[timing.picture].cpu_s for timing in those]


if __name__ == "__main__":
    main()
