"""Search picture hashes among a million: how long it takes, and whether anything is missed.

    python -m benchmarks.fingerprint_search PICTURES_DIR

The entries are PDQ hashes of the folder's pictures and of parts of them, and besides either
*uniform* words with half of the bits set, or *natural* ones: medians of coefficients that depend on
each other as those of the folder's pictures do. Queries are entries with 31 bits changed. What is
found is held against comparing all. Ends with exit code 1 if anything is missed or too slow.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks import pictures
from benchmarks.command import benchmark_parser, publish
from benchmarks.image_attacks import Pixels
from benchmarks.measuring import peak_bytes
from benchmarks.outcomes import target
from benchmarks.tables import markdown_table
from labeler.codec.hamming import PDQ_DISTANCE, HammingIndex, to_words
from labeler.codec.pdq import BITS, ORIENTATIONS, pdq

_Words: TypeAlias = NDArray[np.uint64]

_CROPS: Final = 60
"""Parts of each picture whose hashes are entries too."""
_BATCH: Final = 50_000
_BUILD_S: Final = 10.0
_QUERY_MS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One way to search one kind of entries."""

    entries: str
    search: str
    queries: int
    median_ms: float
    p99_ms: float
    expected: int
    """Entries within the distance, by comparing all."""
    missed: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether targets are met."""
    options = _parser().parse_args(arguments)
    random = np.random.default_rng(options.seed)
    hashes, coefficients = _hashes(pictures.find(options.folder, options.pictures), random)
    kinds: Mapping[str, Callable[[int], _Words]] = {
        "uniform": lambda count: _balanced(random.standard_normal((count, BITS))),
        "natural": lambda count: _balanced(_like(coefficients, random, count)),
    }
    timings, builds = [], {}
    for kind, make in kinds.items():
        print(kind, file=sys.stderr, flush=True)
        words = np.concatenate([hashes, *_made(make, options.entries - len(hashes))])
        started = time.perf_counter()
        index = HammingIndex(words, np.arange(len(words)))
        builds[kind] = time.perf_counter() - started
        timings += list(_searched(kind, index, words, random, options.queries))
    report, met = _report(timings, builds, options.entries, len(hashes))
    publish(options, report, [asdict(timing) for timing in timings])
    sys.exit(0 if met else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("fingerprint_search", __doc__, media="pictures", workers=False)
    parser.add_argument("--seed", type=int, default=1, help="of words and queries (default: 1)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--queries", type=int, default=200, help="of each kind (default: 200)")
    return parser


# ---------------------------------------------------------------- entries


def _hashes(
    paths: Sequence[Path], random: np.random.Generator
) -> tuple[_Words, NDArray[np.float64]]:
    """Hashes of pictures and parts of them, and the coefficients that they come from."""
    hashed = [pdq(part) for path in paths for part in _parts(pictures.load(path), random)]
    coefficients = np.array([each.coefficients.ravel() for each in hashed], np.float64)
    return to_words([each.value for each in hashed]), coefficients


def _parts(pixels: Pixels, random: np.random.Generator) -> Iterator[Pixels]:
    yield pixels
    height, width = pixels.shape[:2]
    for _ in range(_CROPS):
        rows, columns = (int(side * random.uniform(0.3, 0.9)) for side in (height, width))
        top = int(random.integers(0, height - rows + 1))
        left = int(random.integers(0, width - columns + 1))
        yield np.ascontiguousarray(pixels[top : top + rows, left : left + columns])


def _like(
    coefficients: NDArray[np.float64], random: np.random.Generator, count: int
) -> NDArray[np.float64]:
    """``(count, 256)`` normal, with the covariance of the pictures' scaled coefficients."""
    scaled = coefficients / (coefficients.std(axis=1, keepdims=True) + 1e-9)
    mean = scaled.mean(axis=0)
    mixing = random.standard_normal((count, len(scaled))) / np.sqrt(len(scaled))
    return np.asarray(mean + mixing @ (scaled - mean))


def _balanced(values: NDArray[np.float64]) -> _Words:
    """Words whose bits say which values are above their median."""
    bits = values > np.median(values, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64)


def _made(make: Callable[[int], _Words], count: int) -> Iterator[_Words]:
    for start in range(0, count, _BATCH):
        yield make(min(_BATCH, count - start))


# ---------------------------------------------------------------- searching


def _searched(
    kind: str, index: HammingIndex, words: _Words, random: np.random.Generator, count: int
) -> Iterator[Timing]:
    chosen = random.choice(len(words), count, replace=False)
    near = np.array([_flipped(words[number], random) for number in chosen])
    # Real hashes are the first; they must be among what is asked for.
    near[: count // 4] = [_flipped(words[number], random) for number in range(count // 4)]
    turned = [
        np.concatenate([near[number : number + 1], words[random.integers(len(words), size=7)]])
        for number in range(count)
    ]
    yield _timing(kind, "one word", index, words, list(near[:, None, :]))
    yield _timing(kind, f"{len(ORIENTATIONS)} orientations", index, words, turned)


def _timing(
    kind: str, search: str, index: HammingIndex, words: _Words, queries: Sequence[_Words]
) -> Timing:
    times_ms, expected, missed = [], 0, 0
    for number, query in enumerate(queries):
        started = time.perf_counter()
        found = index.search(query)
        times_ms.append(1000 * (time.perf_counter() - started))
        if number < 50:  # comparing all, plainly, is slow
            wanted = {
                (each, int(entry))
                for each, word in enumerate(query)
                for entry in np.flatnonzero(
                    np.bitwise_count(words ^ word).sum(axis=1) <= PDQ_DISTANCE
                )
            }
            got = set(zip(found.queries.tolist(), found.ids.tolist(), strict=True))
            expected += len(wanted)
            missed += len(wanted ^ got)
    return Timing(
        entries=kind,
        search=search,
        queries=len(queries),
        median_ms=statistics.median(times_ms),
        p99_ms=float(np.quantile(times_ms, 0.99)),
        expected=expected,
        missed=missed,
    )


def _flipped(word: _Words, random: np.random.Generator) -> _Words:
    """The word with 31 bits changed."""
    bits = np.unpackbits(word.view(np.uint8))
    bits[random.choice(BITS, PDQ_DISTANCE, replace=False)] ^= 1
    return np.packbits(bits).view(np.uint64)


# ---------------------------------------------------------------- reporting


def _report(
    timings: Sequence[Timing], builds: Mapping[str, float], entries: int, real: int
) -> tuple[str, bool]:
    rows = [
        (
            f"{timing.entries}, {timing.search}",
            timing.queries,
            f"{timing.median_ms:.2f}",
            f"{timing.p99_ms:.2f}",
            timing.expected,
            timing.missed,
        )
        for timing in timings
    ]
    header = ("search", "queries", "median ms", "p99 ms", "to be found", "wrong or missed")
    slowest_s = max(builds.values())
    worst_ms = max(timing.median_ms for timing in timings)
    missed = sum(timing.missed for timing in timings)
    targets = [
        target("build", f"{slowest_s:.2f} s", f"≤ {_BUILD_S:g} s", met=slowest_s <= _BUILD_S),
        target(
            "query, median", f"{worst_ms:.2f} ms", f"≤ {_QUERY_MS:g} ms", met=worst_ms <= _QUERY_MS
        ),
        target("wrong or missed", str(missed), "0", met=missed == 0),
    ]
    parts = [
        f"{entries} entries, {real} of real pictures; peak memory {peak_bytes() / 1e6:.0f} MB",
        markdown_table(header, rows),
        markdown_table(("target", "measured", "wanted", "met"), targets),
    ]
    return "\n\n".join(parts), all(row[3] == "yes" for row in targets)


if __name__ == "__main__":
    main()
