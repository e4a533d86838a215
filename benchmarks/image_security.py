"""What others can do to the mark of pictures: estimate, remove, forge, mix and overwrite it.

    python -m benchmarks.image_security PICTURES_DIR --kin A+B

Each picture is marked with a random payload and key. The attackers: with an *editor*, who folds
what a filter takes away over the tile's period, which can be seen without any key, and adds or
takes away the mean; with the *code*, who knows besides which values the pattern can have and how it
follows the picture; with the *key*, which for public marks is everybody; recipients of several
copies; and who knows what many files say, and learns from them how to write under a secret key.
An estimate "from 12 pictures" is of the picture itself and of eleven unrelated ones, scaled or
continued to its size, with the same key and payload.

A *ghost* is what sketches are made of, of the marked picture: it is added faintly together with the
mark, so that the content agrees, too.

Ends with exit code 1 if a payload was read that nobody embedded, if a forged picture without such a
ghost matches what its mark was made for, or if another key than the right one reads anything.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeVar

from benchmarks import image_trials, key_learning, pictures
from benchmarks.command import benchmark_parser, publish
from benchmarks.content_binding import add_kin_option, are_kin
from benchmarks.image_trials import COUNTS, GHOST, NEVER, Guess, Trial
from benchmarks.key_learning import FILES, Learning
from benchmarks.marking import random_for
from benchmarks.tables import markdown_table, percent
from benchmarks.workers import as_measured
from detectors.report import Presence
from labeler.codec.content import Verdict

_HOSTS: Final = 2
"""Pictures to which each mark is copied."""
_NAMED: Final = 8
"""Most pictures that are named in a line."""
_LARGEST_BYTES: Final = 4_000_000
"""Larger files are not learnt from: they are slow, and no better."""
_PRESENCES: Final = (Presence.PRESENT, Presence.INCONCLUSIVE, Presence.ABSENT)
_PRESENCE_HEADER: Final = ("present, unread", "inconclusive", "absent", NEVER)

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the attacks, print their tables, and say by the exit code whether promises hold."""
    options = _parser().parse_args(arguments)
    paths = sorted(pictures.find(options.folder, options.pictures))
    everything = sorted(pictures.find(options.folder))
    tasks = [_task(path, everything, options) for path in paths]
    measured = list(_collected(image_trials.measure, tasks, options.jobs))
    guesses = [guess for each in measured for guess in each.guesses]
    trials = sorted((t for each in measured for t in each.trials), key=lambda t: t.picture)
    learnt = [
        each
        for several in _collected(
            key_learning.measure, _learning_tasks(everything, options), options.jobs
        )
        for each in several
    ]
    report = "\n\n".join(_parts(guesses, trials, learnt, len(measured)))
    document = {
        "guesses": [asdict(each) for each in guesses],
        "trials": [asdict(each) for each in trials],
        "learnt": [asdict(each) for each in learnt],
    }
    publish(options, report, document)
    sys.exit(0 if not _broken(trials) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("image_security", __doc__, media="pictures")
    parser.add_argument("--keys", type=int, default=4, help="secret keys to learn (default: 4)")
    add_kin_option(parser)
    return parser


def _task(path: Path, paths: Sequence[Path], options: argparse.Namespace) -> image_trials.Task:
    strangers = [each for each in paths if not are_kin(path.stem, each.stem, options.kin)]
    order = random_for(options.seed, f"strangers of {path.stem}").permutation(len(strangers))
    chosen = tuple(strangers[number] for number in order)
    others = max(COUNTS) - 1
    if len(chosen) < others + _HOSTS:
        wanted = others + _HOSTS + 1
        raise SystemExit(f"there have to be {wanted} unrelated pictures, not {len(chosen) + 1}")
    return image_trials.Task(
        path=path,
        others=chosen[:others],
        hosts=chosen[others : others + _HOSTS],
        seed=options.seed,
    )


def _learning_tasks(paths: Sequence[Path], options: argparse.Namespace) -> list[key_learning.Task]:
    small = tuple(path for path in paths if path.stat().st_size <= _LARGEST_BYTES)
    return [
        key_learning.Task(paths=small, draw=draw, with_signpost=signpost, seed=options.seed)
        for signpost in (False, True)
        for draw in range(options.keys)
    ]


def _collected(
    measure: Callable[[_Task], _Result], tasks: Sequence[_Task], jobs: int
) -> Iterator[_Result]:
    for count, result in enumerate(as_measured(measure, tasks, jobs=jobs), 1):
        print(f"[{count}/{len(tasks)}]", file=sys.stderr, flush=True)
        yield result


def _broken(trials: Sequence[Trial]) -> list[Trial]:
    """What must never be."""
    return [
        trial
        for trial in trials
        if trial.says == NEVER
        or (trial.content == Verdict.MATCH.value and not trial.attack.startswith(GHOST))
        or (trial.table == "wrong keys" and trial.says == Presence.PRESENT.value)
    ]


# ---------------------------------------------------------------- reporting


def _parts(
    guesses: Sequence[Guess], trials: Sequence[Trial], learnt: Sequence[Learning], count: int
) -> Iterator[str]:
    yield f"{count} pictures, strength balanced, secret keys, blind detection"
    yield _guess_table(guesses)
    for table, head, told in (
        ("removal", "the mark, after removal by", ("exact",)),
        ("forging", "the mark, copied into other pictures by", ("exact",)),
        ("averaging", "mean of", ("an embedded one",)),
        ("collusion", "one picture, copies with a payload each", ("an embedded one",)),
        ("overwriting", "marked again under", ("first", "second", "third")),
        ("wrong keys", "looked for under", ("read",)),
    ):
        those = [trial for trial in trials if trial.table == table]
        yield _trial_table(those, head, told)
        yield from _exceptions(those)
        if table == "removal":
            yield _cheapest_table(those)
        yield from _undecided(those)
    yield _learning_table(learnt)
    broken = _broken(trials)
    never = sum(trial.says == NEVER for trial in trials)
    yield f"Payloads that nobody embedded: {never} of {len(trials)} readings"
    yield from (f"- BROKEN: {trial}" for trial in broken)


def _guess_table(guesses: Sequence[Guess]) -> str:
    rows = []
    for count in COUNTS:
        those = [guess for guess in guesses if guess.count == count]
        correlations = [guess.correlation for guess in those]
        rights = [100 * guess.signs_right for guess in those]
        least = min(those, key=lambda guess: guess.signs_right).picture
        rows.append(
            (
                count,
                f"{statistics.mean(correlations):.2f}",
                f"{min(correlations):.2f} to {max(correlations):.2f}",
                f"{statistics.mean(rights):.1f} %",
                f"{min(rights):.1f} % ({least})",
            )
        )
    header = ("marked pictures", "correlation with the tile", "range", "signs right", "least")
    return markdown_table(header, rows)


def _trial_table(trials: Sequence[Trial], head: str, told: Sequence[str]) -> str:
    """A row for each attack; all payloads are one where ``told`` has one name for them."""
    noisy = any(trial.psnr_db is not None for trial in trials)
    compared = any(trial.content is not None for trial in trials)
    rows = []
    for attack in _attacks(trials):
        those = [trial for trial in trials if trial.attack == attack]
        says = Counter(trial.says for trial in those)
        read = [says[str(number)] for number in range(1, len(told) + 1)]
        if len(told) == 1:
            read = [sum(count for name, count in says.items() if name.isdecimal())]
        row = [attack, len(those), *read, *(says[each.value] for each in _PRESENCES), says[NEVER]]
        if noisy:
            noise = [trial.psnr_db for trial in those if trial.psnr_db is not None]
            row.append(f"{statistics.mean(noise):.1f} dB")
        if compared:
            verdicts = Counter(trial.content for trial in those)
            flagged = verdicts[Verdict.MISMATCH.value]
            row.append(f"{flagged} of {verdicts.total() - verdicts[None]}")
            row += [verdicts[each.value] for each in (Verdict.UNDECIDED, Verdict.MATCH)]
        rows.append(row)
    header = [head, "pictures", *told, *_PRESENCE_HEADER]
    header += ["PSNR, mean"] if noisy else []
    header += ["called a copy, of those read", "undecided", "match"] if compared else []
    return markdown_table(header, rows)


def _exceptions(trials: Sequence[Trial]) -> Iterator[str]:
    """Which pictures are read, or are not, where that is the rarer."""
    lines = []
    for attack in _attacks(trials):
        those = [trial for trial in trials if trial.attack == attack]
        some = [trial.picture for trial in those if trial.says.isdecimal()]
        others = [trial.picture for trial in those if not trial.says.isdecimal()]
        rarer, word = (some, "only ") if len(some) < len(others) else (others, "not ")
        if 0 < len(rarer) <= _NAMED:
            lines.append(f"- {attack}: {word}{', '.join(sorted(set(rarer)))}")
    if lines:
        yield "Which read, or do not:\n\n" + "\n".join(lines)


def _undecided(trials: Sequence[Trial]) -> Iterator[str]:
    """Whose copied marks are neither called a copy nor a match, and how often."""
    plain = [trial for trial in trials if not trial.attack.startswith(GHOST)]
    counts = Counter(trial.picture for trial in plain if trial.content == Verdict.UNDECIDED.value)
    if counts:
        named = ", ".join(f"{picture} ({count})" for picture, count in counts.most_common())
        yield f"Undecided copies without a ghost, by whose mark it is: {named}"


def _cheapest_table(trials: Sequence[Trial]) -> str:
    """What an attacker reaches who tries all that he can, and takes what costs least."""
    rows = []
    for attacker in dict.fromkeys(_attacker(trial) for trial in trials):
        those = [trial for trial in trials if _attacker(trial) == attacker]
        costs: dict[str, float] = {}
        for trial in those:
            if not trial.says.isdecimal() and trial.psnr_db is not None:
                costs[trial.picture] = max(costs.get(trial.picture, 0.0), trial.psnr_db)
        pictures_tried = {trial.picture for trial in those}
        left = sorted(pictures_tried - set(costs))
        cost = f"{statistics.median(costs.values()):.1f} dB" if costs else "-"
        named = ", ".join(left) if len(left) <= _NAMED else f"{len(left)} pictures"
        rows.append((attacker, f"{len(costs)} of {len(pictures_tried)}", cost, named or "none"))
    header = ("the attacker's best of these", "no longer reads", "PSNR, median", "still reads")
    return markdown_table(header, rows)


def _attacker(trial: Trial) -> str:
    return trial.attack.rpartition(", ")[0]


def _attacks(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(trial.attack for trial in trials))


def _learning_table(learnt: Sequence[Learning]) -> str:
    rows = []
    for signpost in (False, True):
        for files in FILES:
            those = [
                each for each in learnt if each.with_signpost == signpost and each.files == files
            ]
            if not those:
                continue
            said = Counter(answer for each in those for answer in each.said)
            layers = "with a public signpost" if signpost else "secret layer alone"
            right = statistics.mean(each.signs_right for each in those)
            rows.append(
                (
                    f"{files} files, {layers}",
                    f"{100 * right:.1f} %",
                    f"{said['exact']} of {said.total()}",
                    percent(said["exact"], said.total()),
                    *(said[each.value] for each in _PRESENCES),
                )
            )
    header = (
        "a secret key, learnt from",
        "signs right",
        "new payload reads",
        "",
        "present, unread",
    )
    return markdown_table((*header, "inconclusive", "absent"), rows)


if __name__ == "__main__":
    main()
