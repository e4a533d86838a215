"""What a long film takes to be stamped and verified: memory, disk and time.

    python -m benchmarks.video_memory CLIPS_DIR [--clips bbb] [--lines 1080] [--minutes 10,60]

The film is a clip of the folder that is repeated, with sound. What is weighed how: see
`long_files`. Encoding takes longer than the film itself: the peaks of several shorter ones tell
as well whether memory grows with the length.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks import video_clips
from benchmarks.command import benchmark_parser, publish
from benchmarks.long_files import Cost, cost_table, measure
from benchmarks.long_films import make_film

_LIMIT_MB: Final = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where the limit is passed."""
    options = _parser().parse_args(arguments)
    clip = max(
        video_clips.find(options.folder, options.clips),
        key=lambda path: (video_clips.form(path).lines, path.stem),
    )
    with tempfile.TemporaryDirectory(dir=options.work, prefix="video-memory-") as folder:
        costs = _measure_all(clip, Path(folder), options.lines, options.minutes)
    head = f"{clip.stem}, repeated, {options.lines} lines, with sound"
    table = cost_table(costs, limit_mb=_LIMIT_MB)
    publish(options, f"{head}\n\n{table}", [asdict(cost) for cost in costs])
    return int(any(cost.peak_bytes > _LIMIT_MB * 1e6 for cost in costs))


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("video_memory", __doc__, media="clips", workers=False)
    parser.add_argument(
        "--minutes",
        type=lambda text: tuple(map(float, text.split(","))),
        default=(2.0, 10.0),
        metavar="MINUTES,…",
        help="lengths (default: 2,10)",
    )
    parser.add_argument("--lines", type=int, default=1080, help="default: 1080")
    parser.add_argument(
        "--work", type=Path, metavar="FOLDER", help="where films are made (default: TMPDIR)"
    )
    return parser


def _measure_all(clip: Path, folder: Path, lines: int, lengths: Sequence[float]) -> list[Cost]:
    costs: list[Cost] = []
    for minutes in lengths:
        name = f"{minutes:g}-minutes.mp4"
        print(f"making {name}", file=sys.stderr, flush=True)
        make_film(clip, folder / name, lines=lines, length_s=60 * minutes)
        costs += measure(folder, name, minutes)
        for path in (folder / name, folder / "out" / name):
            path.unlink()
    return costs


if __name__ == "__main__":
    sys.exit(main())
