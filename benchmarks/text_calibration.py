"""Whether p-values of text watermarks hold: on simulated text, on human text, and how fast.

*whole* is the test of one text under one key; *scan* is what `detectors.text` gives, all windows
counted. Of the first as many as each level says may be below it; of the second no more. A count
is *too many* where chance alone would give it once in a thousand.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.binomial import at_least, interval
from benchmarks.command import benchmark_parser, publish
from benchmarks.tables import markdown_table
from benchmarks.text_simulation import human_documents
from detectors.text import detect
from detectors.tokens.scan import Windows, plan
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.kgw import KgwStatistic
from labeler.codec.tokens.schemes import (
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    Scheme,
    SynthId,
)
from labeler.codec.tokens.statistic import Scores, Statistic
from labeler.codec.tokens.statistics import statistic_of
from labeler.codec.tokens.synthid import SynthIdStatistic

__all__ = ["main"]

_VOCABULARY: Final = 49_152
_TOKENS: Final = 100
_BATCH: Final = 2000
_SLOW: Final = 200
"""How much fewer texts the green lists get, whose scores take long."""
_SIMULATED_LEVELS: Final = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_HUMAN_LEVELS: Final = (1e-2, 1e-3, 1e-4)
_HUMAN_TOKENS: Final = 400
_TOO_RARE: Final = 1e-3
_HEADER: Final = ("Text", "Scheme", "Test", "Level", "Expected", "Count", "Rate, 95 %", "Verdict")


def main() -> None:
    """Measure, and print tables."""
    parser = benchmark_parser("text_calibration", __doc__, workers=False)
    parser.add_argument("--texts", type=int, default=200_000, help="simulated (default: 200 000)")
    parser.add_argument("--human", type=int, default=1000, help="human texts (default: 1000)")
    parser.add_argument("--keys", type=int, default=10, help="for each of them (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = [
        row
        for scheme in _schemes(rng)
        for row in _simulated(scheme, options.texts, np.random.default_rng(options.seed))
    ]
    rows += _human(options.human, options.keys, rng)
    table = markdown_table(_HEADER, rows)
    speeds = markdown_table(("Tokens", "Tokens a second"), _speeds(rng))
    publish(
        options,
        f"{table}\n\n{speeds}",
        [dict(zip(_HEADER, map(str, row), strict=True)) for row in rows],
    )


def _schemes(rng: np.random.Generator) -> list[Scheme]:
    """One of each kind."""
    first, second = _secret(rng), _secret(rng)
    return [
        PhiloxGumbel(secret=first),
        PhiloxDualGumbel(secret=first),
        MurmurGumbel(secret=first),
        MurmurDualGumbel(secret=first, secret_b=second),
        SynthId(secrets=tuple(rng.integers(1, 1 << 31, 30).tolist())),
        Kgw(secret=15_485_863, vocabulary_size=_VOCABULARY),
    ]


def _secret(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 41, 1 << 63))


def _simulated(scheme: Scheme, texts: int, rng: np.random.Generator) -> list[tuple[object, ...]]:
    """Texts of contexts and tokens drawn at random, so many at once that it takes no time."""
    if isinstance(scheme, Kgw):
        texts = max(_BATCH, texts // _SLOW)
    statistic = statistic_of(scheme)
    parts = plan(_TOKENS)
    whole = [_critical(statistic, _TOKENS, math.log(level)) for level in _SIMULATED_LEVELS]
    scan = [
        [_critical(statistic, each.length, math.log(level) - each.log_factor) for each in parts]
        for level in _SIMULATED_LEVELS
    ]
    counts = np.zeros((2, len(_SIMULATED_LEVELS)), np.int64)
    done = 0
    while done < texts:
        contexts = rng.integers(0, _VOCABULARY, (_BATCH * _TOKENS, statistic.context_width))
        tokens = rng.integers(0, _VOCABULARY, _BATCH * _TOKENS)
        scores = statistic.scores(contexts, tokens).reshape(_BATCH, _TOKENS)
        best = _largest(scores, parts)
        for at in range(len(_SIMULATED_LEVELS)):
            counts[0, at] += int((best[0] >= whole[at]).sum())
            counts[1, at] += int((best >= np.array(scan[at])[:, None]).any(0).sum())
        done += _BATCH
    return [
        _row("simulated", scheme, test, level, done, int(count))
        for test, line in zip(("whole", "scan"), counts, strict=True)
        for level, count in zip(_SIMULATED_LEVELS, line, strict=True)
    ]


def _largest(scores: Scores, parts: Sequence[Windows]) -> Scores:
    """``(parts, texts)``: the largest sum of any window of each length."""
    sums = np.concatenate([np.zeros((len(scores), 1)), np.cumsum(scores, 1)], axis=1)
    # Whole numbers stay what they are; others are known to far more digits than matter here.
    sums = np.round(sums, 9)
    return np.stack([(sums[:, p.starts + p.length] - sums[:, p.starts]).max(1) for p in parts])


def _critical(statistic: Statistic, count: int, log_level: float) -> float:
    """The least sum whose p-value is at most the level."""
    low, high = 0.0, count * statistic.mean + 1
    while statistic.log_tail(high, count) > log_level:
        if high > 1e9:
            return math.inf
        high *= 1.5
    while high - low > 1e-7 * high:
        middle = (low + high) / 2
        if statistic.log_tail(middle, count) <= log_level:
            high = middle
        else:
            low = middle
    # Of whole numbers every one above the last that is too likely; others are rounded a little.
    return float(math.ceil(high)) if _is_whole(statistic) else high - 1e-6


def _is_whole(statistic: Statistic) -> bool:
    return isinstance(statistic, SynthIdStatistic | KgwStatistic)


def _human(texts: int, keys: int, rng: np.random.Generator) -> list[tuple[object, ...]]:
    documents = human_documents(_HUMAN_TOKENS)
    chosen = rng.permutation(len(documents))[:texts]
    rows = []
    for width in (1, 2, 4):
        scan = []
        for _ in range(keys):
            scheme = PhiloxGumbel(secret=_secret(rng), context_width=width)
            key = TextKey(scheme=scheme)
            for at in chosen.tolist():
                found = detect(documents[at], [key])
                scan.append(found.p_value)
        rows += [
            _row(f"human, width {width}", scheme, "scan", level, len(scan), _below(scan, level))
            for level in _HUMAN_LEVELS
        ]
    return rows


def _below(values: Sequence[float], level: float) -> int:
    return sum(each <= level for each in values)


def _row(
    text: str, scheme: Scheme, test: str, level: float, trials: int, count: int
) -> tuple[object, ...]:
    low, high = interval(count, trials)
    is_too_many = at_least(count, trials, level) < _TOO_RARE
    return (
        text,
        scheme.name,
        test,
        f"{level:.0e}",
        f"{trials * level:.4g} of {trials}",
        count,
        f"{low:.2g} to {high:.2g}",
        "TOO MANY" if is_too_many else "holds",
    )


def _speeds(rng: np.random.Generator) -> list[tuple[object, ...]]:
    """Of `detect` with one key, everything included; the best of many runs."""
    key = TextKey(scheme=PhiloxGumbel(secret=_secret(rng)))
    rows: list[tuple[object, ...]] = []
    for count in (400, 4000, 40_000, 400_000):
        ids = rng.integers(0, _VOCABULARY, count)
        times = []
        for _ in range(max(5, 100_000 // count)):
            begun = time.perf_counter()
            detect(ids, [key])
            times.append(time.perf_counter() - begun)
        rows.append((count, f"{count / min(times):,.0f}"))
    return rows


if __name__ == "__main__":
    main()
