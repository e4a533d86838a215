"""What others can do to a mark, or learn from many: overwriting, mixing copies, averaging.

    python -m benchmarks.sound_security SOUNDS_DIR

*Overwriting*: the marked clip is marked again under other keys, and the first payload is read.
*Mixing copies*: the mean of copies with different payloads under one key; a payload that nobody
embedded must not come back.

*Averaging*: an attacker has eight clips that were marked under one secret key, and knows everything
but the key. The marks repeat with the pattern, the clips do not: what stays when periods are laid
upon each other and clips are added up is the pattern. Counted is the share of the pilots' signs
that he gets right, at the place where it is highest: for the pattern of the key's bank that he
knows best, and on average over the bank, as he would need it for the next clip. Pure guessing,
counted in the same way, is told beside it. He may do it

- with one clip alone;
- with all clips as they are;
- with all clips *aligned*: each is shifted to where it fits the sum of the others best;
- with the clips *sorted*: told by someone who has the key which clips share a pattern, and where
  periods begin. No attacker without the key does better by averaging.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks import sound_clips
from benchmarks.command import benchmark_parser, publish
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.outcomes import Outcome, interval_text, rates
from benchmarks.sound_clips import rounded
from benchmarks.sound_edits import Sound, mono, resampled
from benchmarks.sound_marking import mark, read
from benchmarks.tables import markdown_table
from benchmarks.workers import as_measured
from detectors.listening import Heard, Scale
from labeler.codec.keys import Key
from labeler.codec.patchwork import (
    BANDS,
    CELL_FRAMES,
    PATTERNS,
    PERIOD_FRAMES,
    PILOTS,
    RATE_HZ,
    Form,
    pattern,
)
from labeler.errors import CapacityError

CLIPS: Final = 8
"""How many marked clips the attacker has."""
COPIES: Final = 4
WANTED_KEPT: Final = 0.90
LIMIT_GUESSED: Final = 0.60

_ROUNDS: Final = 4
"""How often the attacker aligns every clip anew."""
_PATTERNS: Final = PATTERNS[Form.STANDARD]
_OTHER_KEYS: Final = 6
"""Whose patterns tell what guessing would give."""

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_Period: TypeAlias = NDArray[np.float32]
"""``(PERIOD_FRAMES, BANDS)`` levels of all periods, laid upon each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverwritingTask:
    """One clip to mark several times."""

    path: Path
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragingTask:
    """Clips that are marked under one key."""

    paths: tuple[Path, ...]
    draw: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The share of the pilots' signs that one way of averaging gives."""

    draw: int
    way: str
    best: float
    """For the pattern that is known best."""
    mean: float
    """On average over the patterns."""
    chance: float
    """`best` for keys that marked nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the attacks and print their tables."""
    options = _parser().parse_args(arguments)
    paths = sound_clips.find(options.folder, options.sounds)
    overwriting = [OverwritingTask(path=path, seed=options.seed) for path in paths]
    outcomes = _collected(_overwrite, overwriting, options.jobs)
    averaging = list(_draws(paths, options.draws, options.seed))
    guesses = _collected(_average, averaging, options.jobs)
    document = {
        "overwriting": [asdict(outcome) for outcome in outcomes],
        "averaging": [asdict(guess) for guess in guesses],
    }
    report = f"{_overwriting_table(outcomes)}\n\n{_averaging_table(guesses, options.draws)}"
    publish(options, report, document)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_security", __doc__, media="sounds")
    parser.add_argument("--draws", type=int, default=6, help="keys to attack (default: 6)")
    return parser


def _collected(
    measure: Callable[[_Task], list[_Result]], tasks: Sequence[_Task], jobs: int
) -> list[_Result]:
    results: list[_Result] = []
    for count, some in enumerate(as_measured(measure, tasks, jobs=jobs), 1):
        results += some
        print(f"[{count}/{len(tasks)}]", file=sys.stderr, flush=True)
    return results


# ---------------------------------------------------------------- overwriting and mixing


def _overwrite(task: OverwritingTask) -> list[Outcome]:
    """The outcomes of one clip; none where it cannot be marked."""
    samples, rate_hz = sound_clips.load(task.path)
    random = random_for(task.seed, f"overwriting {task.path.stem}")
    payloads = [random_payload(random) for _ in range(COPIES)]
    keys = [random_key(random) for _ in range(3)]
    try:
        copies = [mark(samples, rate_hz, payload, keys[0]) for payload in payloads]
    except CapacityError:
        return []
    once = mark(copies[0], rate_hz, payloads[1], keys[1])
    twice = mark(once, rate_hz, payloads[2], keys[2])
    same_key = mark(copies[0], rate_hz, payloads[1], keys[0])
    mixed = rounded(np.mean(copies, axis=0, dtype=np.float32))

    def outcome(name: str, sound: Sound, number: int, key: Key) -> Outcome:
        return read(sound, rate_hz, payloads[number], key, attack=name, others=payloads)

    return [
        outcome("not overwritten", copies[0], 0, keys[0]),
        outcome("overwritten once, first payload", once, 0, keys[0]),
        outcome("overwritten once, second payload", once, 1, keys[1]),
        outcome("overwritten twice, first payload", twice, 0, keys[0]),
        outcome("overwritten under the same key, first payload", same_key, 0, keys[0]),
        outcome("overwritten under the same key, second payload", same_key, 1, keys[0]),
        outcome(f"mean of {COPIES} copies, first payload", mixed, 0, keys[0]),
    ]


def _overwriting_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for name in dict.fromkeys(outcome.attack for outcome in outcomes):
        those = [outcome for outcome in outcomes if outcome.attack == name]
        exact = sum(outcome.exact for outcome in those)
        wrong = sum(outcome.wrong for outcome in those)
        count, share, present = rates(those)
        wanted = ""
        if name == "overwritten once, first payload":
            met = "yes" if exact >= WANTED_KEPT * len(those) else "NO"
            wanted = f"≥ {100 * WANTED_KEPT:.0f} %: {met}"
        span = interval_text(exact, len(those))
        rows.append((name, count, share, span, present, wrong, wanted))
    header = ("overwriting and mixing", "exact", "exact %", "95 %", "present %", "never embedded")
    return markdown_table((*header, "wanted, met"), rows)


# ---------------------------------------------------------------- averaging


def _draws(paths: Sequence[Path], draws: int, seed: int) -> Iterable[AveragingTask]:
    if len(paths) < CLIPS:
        raise SystemExit(f"averaging takes {CLIPS} clips, not {len(paths)}")
    for draw in range(draws):
        places = random_for(seed, f"clips of draw {draw}").permutation(len(paths))[:CLIPS]
        yield AveragingTask(paths=tuple(paths[place] for place in places), draw=draw, seed=seed)


def _average(task: AveragingTask) -> list[Guess]:
    random = random_for(task.seed, f"averaging, draw {task.draw}")
    key = random_key(random)
    others = [random_key(random) for _ in range(_OTHER_KEYS)]
    periods = []
    for path in task.paths:
        samples, rate_hz = sound_clips.load(path)
        try:
            marked = mark(samples, rate_hz, random_payload(random), key)
        except CapacityError:
            continue
        periods.append(_period(marked, rate_hz))
    ways = {
        "one clip": periods,
        f"{CLIPS} clips, as they are": [_sum(periods)],
        f"{CLIPS} clips, aligned": [_sum(_aligned(periods))],
        f"{CLIPS} clips, sorted by someone who has the key": _sorted(periods, key),
    }
    return [
        Guess(
            draw=task.draw,
            way=way,
            best=statistics.mean(max(_shares(estimate, key)) for estimate in estimates),
            mean=statistics.mean(
                share for estimate in estimates for share in _shares(estimate, key)
            ),
            chance=statistics.mean(max(_shares(estimates[0], other)) for other in others),
        )
        for way, estimates in ways.items()
    ]


def _period(samples: Sound, rate_hz: int) -> _Period:
    """The whitened levels of a clip, its periods laid upon each other."""
    wave = resampled(mono(samples, rate_hz)[0], rate_hz, RATE_HZ)[:, 0]
    features = Heard.of(wave).features(Scale())
    rows = -(-len(features) // PERIOD_FRAMES) * PERIOD_FRAMES
    padded = np.zeros((rows, BANDS), np.float32)
    padded[: len(features)] = features
    period = padded.reshape(-1, PERIOD_FRAMES, BANDS).sum(axis=0)
    return np.asarray(period / np.sqrt(np.mean(period * period)), np.float32)


def _sum(periods: Sequence[_Period]) -> _Period:
    return np.asarray(np.sum(periods, axis=0), np.float32)


def _aligned(periods: Sequence[_Period]) -> list[_Period]:
    """Every period turned to where it fits the sum of the others best, by turns."""
    turned = list(periods)
    for _ in range(_ROUNDS):
        for place, period in enumerate(turned):
            rest = _sum([other for number, other in enumerate(turned) if number != place])
            seen = np.fft.rfft(rest, axis=0) * np.conj(np.fft.rfft(period, axis=0))
            fits = np.fft.irfft(seen.sum(axis=1), PERIOD_FRAMES)
            turned[place] = np.roll(period, int(fits.argmax()), axis=0)
    return turned


def _sorted(periods: Sequence[_Period], key: Key) -> list[_Period]:
    """The sum of the clips that share a pattern, for the pattern that most clips have."""
    groups: dict[int, list[_Period]] = defaultdict(list)
    for period in periods:
        places = [_place(period, key, number) for number in range(_PATTERNS)]
        number = max(range(_PATTERNS), key=lambda each: places[each][0])
        start = places[number][1]
        groups[number].append(np.roll(period, -start, axis=0))
    return [_sum(max(groups.values(), key=len))]


def _shares(estimate: _Period, key: Key) -> list[float]:
    """The largest share of signs that are right, for each pattern."""
    return [_place(estimate, key, number)[0] for number in range(_PATTERNS)]


def _place(estimate: _Period, key: Key, number: int) -> tuple[float, int]:
    """The largest share of a pattern's signs that are right, and from which frame."""
    signs = pattern(key, Form.STANDARD, number).signs[PILOTS]
    shares = []
    for start in range(PERIOD_FRAMES):
        cells = np.roll(estimate, -start, axis=0)[::CELL_FRAMES]
        shares.append(float(np.mean(np.sign(cells[PILOTS]) == signs)))
    start = int(np.argmax(shares))
    return shares[start], start


def _averaging_table(guesses: Sequence[Guess], draws: int) -> str:
    rows = []
    for way in dict.fromkeys(guess.way for guess in guesses):
        those = [guess for guess in guesses if guess.way == way]
        best = statistics.mean(guess.best for guess in those)
        mean = statistics.mean(guess.mean for guess in those)
        worst = max(guess.best for guess in those)
        measures = (best, worst, mean, statistics.mean(guess.chance for guess in those))
        met = " / ".join("yes" if share <= LIMIT_GUESSED else "NO" for share in (best, mean))
        cells = (f"{100 * measure:.1f} %" for measure in measures)
        rows.append((way, *cells, met if way.startswith(str(CLIPS)) else ""))
    head = (f"averaging, {draws} keys", "signs right, best pattern", "most", "mean of bank")
    header = (*head, "guessing, best pattern")
    return markdown_table((*header, f"≤ {100 * LIMIT_GUESSED:.0f} %: best / bank"), rows)


if __name__ == "__main__":
    main()
