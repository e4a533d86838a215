"""Recognise clips of sound by their acoustic fingerprints, and unrelated sounds not.

    python -m benchmarks.sound_fingerprints SOUNDS_DIR --kin sp_tts_en+mx_tts_music

The first 8 seconds of each clip are what a registry knows. They go through each attack; then 1, 2,
3 and 5 seconds are cut out, not at a hop's begin, and compared. *Recognised* is a p-value of at
most 1e-6.

Unrelated pairs say whether p-values hold: clips of the folder; sentences of everyday words by one
synthetic voice (espeak-ng, if installed); tunes of one synthesiser and drum kit in one tempo;
noise, tones and loops. A p-value at most ``a`` must not come up more often than ``a``. Clips that
share material (``--kin``) are related, and left out. Ends with exit code 1 if p-values are too
small.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from statistics import median
from typing import Final

from benchmarks import sound_clips
from benchmarks.calibration import calibration
from benchmarks.command import attack_chooser, benchmark_parser, names, publish
from benchmarks.marking import random_for
from benchmarks.sound_attacks import ATTACKS
from benchmarks.sound_edits import Clip
from benchmarks.sound_families import sentence, tune
from benchmarks.synthetic_sounds import SYNTHETIC
from benchmarks.tables import markdown_table, percent
from labeler.codec.acoustic import Fingerprint, compare, fingerprint
from labeler.registry.sounds import MATCHES_AT

KNOWN_S: Final = 8.0
HEARD_S: Final = (1.0, 2.0, 3.0, 5.0)
BEGIN_S: Final = 1.2345
"""Where the heard part begins."""
USUAL: Final = (
    *("unchanged", "mp3-128", "mp3-64", "mp3-32", "aac-64", "opus-32", "opus-16", "vorbis-q1"),
    *("resample-16000", "resample-8000", "telephone", "white-20", "white-10", "pink-20"),
    *("gain-minus-12", "clip-0.3", "compressor", "equaliser-6", "echo", "reverb", "mono", "8-bit"),
)
_UNRELATED_S: Final = (1.0, 2.0, 4.0)
_UNRELATED_BEGINS_S: Final = (0.3, 2.1, 3.9)
_SOUNDS: Final = 24
"""Sentences and tunes that are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One clip after one attack, as much of it as was heard."""

    clip: str
    attack: str
    heard_s: float
    bit_error_rate: float
    p_value: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether p-values hold."""
    options = _parser().parse_args(arguments)
    clips = {
        path.stem: _beginning(sound_clips.load(path), KNOWN_S)
        for path in sound_clips.find(options.folder, options.sounds)
    }
    trials = list(_recognise(clips, options.attacks))
    unrelated = {
        kind: list(_pairs(sounds, options.kin))
        for kind, sounds in _kinds(clips, options.seed).items()
    }
    table, calibrated = calibration(unrelated)
    parts = [_recognition(trials), f"Analysis: {_speed(clips):.0f} times real time.", table]
    publish(options, "\n\n".join(parts), [asdict(trial) for trial in trials])
    sys.exit(0 if calibrated else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_fingerprints", __doc__, media="sounds", workers=False)
    parser.add_argument("--seed", type=int, default=1, help="of made sounds (default: 1)")
    parser.add_argument(
        "--attacks",
        type=attack_chooser(tuple(ATTACKS), {"all": tuple(ATTACKS)}),
        default=USUAL,
        metavar="NAME,…",
        help="default: everyday ones",
    )
    parser.add_argument(
        "--kin",
        type=lambda text: tuple(frozenset(pair.split("+")) for pair in names(text)),
        default=(),
        metavar="A+B,…",
        help="clips that share material",
    )
    return parser


# ---------------------------------------------------------------- measuring


def _recognise(clips: Mapping[str, Clip], attacks: Sequence[str]) -> Iterator[Trial]:
    known = {name: fingerprint(*clip) for name, clip in clips.items()}
    for attack in attacks:
        print(attack, file=sys.stderr, flush=True)
        for name, clip in clips.items():
            damaged = ATTACKS[attack](*clip)
            for heard_s in HEARD_S:
                match = compare(known[name], _heard(damaged, BEGIN_S, heard_s))
                yield Trial(
                    clip=name,
                    attack=attack,
                    heard_s=heard_s,
                    bit_error_rate=match.bit_error_rate,
                    p_value=match.p_value,
                )


def _pairs(sounds: Mapping[str, Clip], kin: Sequence[frozenset[str]]) -> Iterator[float]:
    """The p-values of all pairs of different sounds."""
    known = {name: fingerprint(*clip) for name, clip in sounds.items()}
    heard = {
        name: [
            _heard(clip, begin_s, heard_s)
            for heard_s in _UNRELATED_S
            for begin_s in _UNRELATED_BEGINS_S
            if (begin_s + heard_s) * clip[1] <= len(clip[0])
        ]
        for name, clip in sounds.items()
    }
    for one, other in permutations(sounds, 2):
        if frozenset({one, other}) not in kin:
            for taken in heard[other]:
                yield compare(known[one], taken).p_value


def _beginning(clip: Clip, length_s: float) -> Clip:
    samples, rate_hz = clip
    return samples[: round(length_s * rate_hz)], rate_hz


def _heard(clip: Clip, begin_s: float, heard_s: float) -> Fingerprint:
    samples, rate_hz = clip
    begin = round(begin_s * rate_hz)
    return fingerprint(samples[begin : begin + round(heard_s * rate_hz)], rate_hz)


def _speed(clips: Mapping[str, Clip]) -> float:
    """Seconds of sound that are analysed in a second: the best of three rounds."""
    rounds_s = []
    for _ in range(3):
        started = time.process_time()
        for clip in clips.values():
            fingerprint(*clip)
        rounds_s.append(time.process_time() - started)
    return sum(len(samples) / rate_hz for samples, rate_hz in clips.values()) / min(rounds_s)


# ---------------------------------------------------------------- unrelated sounds


def _kinds(clips: Mapping[str, Clip], seed: int) -> dict[str, Mapping[str, Clip]]:
    tunes = {
        f"tune {number}": tune(random_for(seed, f"tune {number}"), KNOWN_S)
        for number in range(_SOUNDS)
    }
    made = {
        name: _beginning(make(random_for(seed, name)), KNOWN_S) for name, make in SYNTHETIC.items()
    }
    kinds: dict[str, Mapping[str, Clip]] = {"clips": clips, "one drum kit": tunes, "made": made}
    if shutil.which("espeak-ng"):
        kinds["one voice"] = {
            f"sentence {number}": sentence(random_for(seed, f"sentence {number}"), KNOWN_S)
            for number in range(_SOUNDS)
        }
    return kinds


# ---------------------------------------------------------------- reporting


def _recognition(trials: Sequence[Trial]) -> str:
    rows = []
    for attack in dict.fromkeys(trial.attack for trial in trials):
        those = [trial for trial in trials if trial.attack == attack]
        longest = [trial.bit_error_rate for trial in those if trial.heard_s == HEARD_S[-1]]
        recognised = [
            [trial.p_value <= MATCHES_AT for trial in those if trial.heard_s == heard_s]
            for heard_s in HEARD_S
        ]
        rows.append(
            (
                attack,
                *(percent(sum(each), len(each)) for each in recognised),
                f"{median(longest):.3f}",
                f"{max(longest):.3f}",
            )
        )
    header = ("recognised after", *(f"{heard_s:g} s" for heard_s in HEARD_S), "errors", "at worst")
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
