"""Search sounds by what they sound like among very many, and unrelated sounds in vain.

    python -m benchmarks.sound_search SOUNDS_DIR --kin sp_tts_en+mx_tts_music

Known are the clips of the folder, sentences of everyday words by one synthetic voice (espeak-ng),
tunes of one synthesiser and drum kit, and a crowd that is spliced together, half of more sentences
and tunes by the same voice and the same kit, half of the same with the bands exchanged. Of what is
known, 10, 8 and 5 seconds out of the middle are searched after each attack. *Found* is a p-value
of at most 1e-6, all sounds of the index counted.

Unrelated are sentences, tunes, noise, tones and loops that are not known: whatever they match is
false, and so is what any sound matches but itself. Clips that share material (``--kin``) may match.
Ends with exit code 1 if a target is missed or anything matches falsely.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import median, quantiles
from typing import Final, TypeAlias

import numpy as np

from benchmarks import sound_clips
from benchmarks.binomial import interval
from benchmarks.command import attack_chooser, benchmark_parser, names, publish
from benchmarks.marking import random_for
from benchmarks.sound_attacks import ATTACKS
from benchmarks.sound_edits import Attack, Clip, add_pink_noise, add_white_noise, recode, speed
from benchmarks.sound_families import sentence, tune
from benchmarks.synthetic_sounds import SYNTHETIC
from benchmarks.tables import markdown_table, percent
from labeler.codec.acoustic import HOP_S, Fingerprint, fingerprint
from labeler.codec.acoustic_index import AcousticIndex
from labeler.codec.acoustic_search import Hit, search

MATCHES_AT: Final = 1e-6
KINDS: Final = ("clip", "sentence", "tune")
LENGTHS_S: Final = (10.0, 8.0, 5.0)
TARGET: Final = 0.95
"""Share of excerpts of ten and eight seconds that are found, for each attack of `EVERYDAY`, of
clips and sentences. Tunes are nothing but tones: what noise does to those is shown, not promised.
"""
EVERYDAY: Final = (
    *("unchanged", "mp3-128", "mp3-64", "aac-96", "opus-32", "resample-8000", "telephone"),
    *("white-15", "pink-15", "reverb"),
)
BUILD_S: Final = 10.0
QUERY_S: Final = 0.1
SEARCHED: Final[Mapping[str, Attack]] = {
    **{name: ATTACKS[name] for name in ("unchanged", "mp3-128", "mp3-64")},
    "aac-96": recode("aac", "adts", "-b:a", "96k"),
    **{name: ATTACKS[name] for name in ("opus-32", "opus-16", "resample-8000", "telephone")},
    "white-15": add_white_noise(15),
    "pink-15": add_pink_noise(15),
    **{name: ATTACKS[name] for name in ("white-10", "reverb")},
    "speed-0.99": speed(0.99),
    "speed-1.01": speed(1.01),
    **{name: ATTACKS[name] for name in ("speed-1.02", "tempo-1.02")},
}
_EACH: Final = 12
"""Sentences and tunes that are known; four times as many are not."""
_MATERIAL: Final = 60
"""Sentences and tunes that the crowd is made of."""
_ENTRY_S: Final = 30.0
_PIECES: Final = 6

Name: TypeAlias = str
Known: TypeAlias = dict[Name | int, Fingerprint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One excerpt that was searched."""

    name: str
    attack: str
    length_s: float
    found: bool
    false: tuple[str, ...]
    """What else it matches."""
    took_s: float
    """Of one core."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether targets are met."""
    options = _parser().parse_args(arguments)
    kin = {one: pair for pair in options.kin for one in pair}
    sounds = {
        path.stem: sound_clips.load(path)
        for path in sound_clips.find(options.folder, options.sounds)
    } | _made("known", options.seed)
    known: Known = {name: fingerprint(*clip) for name, clip in sounds.items()}
    known |= _crowd(options.entries, options.seed)
    started = time.process_time()
    index = AcousticIndex(known.items())
    built_s = time.process_time() - started
    trials = []
    for attack in options.attacks:
        print(attack, file=sys.stderr, flush=True)
        for name, clip in sounds.items():
            trials += _excerpts(index, known, name, SEARCHED[attack](*clip), attack, kin)
    strangers = list(_strangers(index, known, options.seed))
    costs = _costs(index, built_s, trials, sum(len(each) for each in known.values()))
    parts = [_recall(trials), _false(trials, strangers), costs, _long(index, known, options.seed)]
    publish(options, "\n\n".join(parts), [asdict(each) for each in (*trials, *strangers)])
    sys.exit(0 if _met(trials, strangers, built_s) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_search", __doc__, media="sounds", workers=False)
    parser.add_argument("--seed", type=int, default=1, help="of made sounds (default: 1)")
    parser.add_argument(
        "--entries", type=int, default=100_000, help="of half a minute each (default: 100000)"
    )
    parser.add_argument(
        "--attacks",
        type=attack_chooser(tuple(SEARCHED), {"all": tuple(SEARCHED), "everyday": EVERYDAY}),
        default=tuple(SEARCHED),
        metavar="NAME,…",
        help="default: all",
    )
    parser.add_argument(
        "--kin",
        type=lambda text: tuple(frozenset(pair.split("+")) for pair in names(text)),
        default=(),
        metavar="A+B,…",
        help="clips that share material",
    )
    return parser


# ---------------------------------------------------------------- sounds


def _made(part: str, seed: int, count: int = _EACH) -> dict[str, Clip]:
    """Sentences and tunes; those of two parts have nothing in common but voice and drums."""
    made = {}
    for number in range(count):
        for kind, make in (("sentence", sentence), ("tune", tune)):
            name = f"{part} {kind} {number}"
            made[name] = make(random_for(seed, name), _ENTRY_S)
    return made


def _crowd(count: int, seed: int) -> Known:
    """Sounds of half a minute that are spliced of pieces of sentences and tunes."""
    random = random_for(seed, "crowd")
    material = [fingerprint(*clip) for clip in _made("crowd", seed, _MATERIAL).values()]
    words = np.concatenate([each.words for each in material])
    audible = np.concatenate([each.audible for each in material])
    size = round(_ENTRY_S / HOP_S / _PIECES)
    crowd: Known = {}
    for number in range(count):
        begins = random.integers(0, len(words) - size, _PIECES)
        spliced = np.concatenate([words[begin : begin + size] for begin in begins])
        turn = np.uint32(random.integers(1, 32)) if number % 2 else np.uint32(0)
        if turn:
            spliced = (spliced << turn) | (spliced >> (np.uint32(32) - turn))
        heard = np.concatenate([audible[begin : begin + size] for begin in begins])
        crowd[number] = Fingerprint(spliced, heard)
    return crowd


def _middle(taken: Fingerprint, length_s: float) -> Fingerprint:
    length = round(length_s / HOP_S)
    begin = max(0, len(taken) - length) // 2
    return Fingerprint(taken.words[begin : begin + length], taken.audible[begin : begin + length])


# ---------------------------------------------------------------- measuring


def _excerpts(
    index: AcousticIndex[Name | int],
    known: Known,
    name: str,
    damaged: Clip,
    attack: str,
    kin: Mapping[str, Iterable[str]],
) -> Iterator[Trial]:
    # Not at the begin of a hop.
    samples, rate_hz = damaged
    taken = fingerprint(samples[round(0.1234 * rate_hz) :], rate_hz)
    for length_s in LENGTHS_S:
        if taken.duration_s + 0.3 < length_s:
            continue
        heard = _middle(taken, length_s)
        yield _trial(index, known, heard, name, attack, frozenset(kin.get(name, ())))


def _trial(
    index: AcousticIndex[Name | int],
    known: Known,
    heard: Fingerprint,
    name: str,
    attack: str,
    related: frozenset[str] = frozenset(),
) -> Trial:
    started = time.process_time()
    hits = search(index, heard, known.get)
    took_s = time.process_time() - started
    matches = [hit.entry for hit in hits if hit.match.p_value <= MATCHES_AT]
    return Trial(
        name=name,
        attack=attack,
        length_s=round(len(heard) * HOP_S),
        found=name in matches,
        false=tuple(str(each) for each in matches if each not in {name, *related}),
        took_s=took_s,
    )


def _strangers(index: AcousticIndex[Name | int], known: Known, seed: int) -> Iterator[Trial]:
    """Stretches of eight seconds of sounds that are not known."""
    makers = {f"stranger {name}": make(random_for(seed, name)) for name, make in SYNTHETIC.items()}
    for name, clip in chain(_made("stranger", seed, 4 * _EACH).items(), makers.items()):
        taken = fingerprint(*clip)
        size = round(8.0 / HOP_S)
        for begin in range(0, len(taken) - size + 1, size):
            heard = Fingerprint(
                taken.words[begin : begin + size], taken.audible[begin : begin + size]
            )
            yield _trial(
                index, known, heard, name, "noise, tones" if name in makers else _kind(name)
            )


def _kind(name: str) -> str:
    return next((kind for kind in KINDS[1:] if f" {kind} " in name), KINDS[0])


def _long(index: AcousticIndex[Name | int], known: Known, seed: int) -> str:
    """An hour of sound that is known, and one that something known is a part of."""
    random = random_for(seed, "film")
    pieces = [known[each] for each in random.integers(0, len(index) - 200, 120).tolist()]
    film = Fingerprint(
        np.concatenate([each.words for each in pieces]),
        np.concatenate([each.audible for each in pieces]),
    )
    # Nothing of the crowd is in it any more, but its statistics are.
    film = Fingerprint(film.words[::-1] ^ np.uint32(0x0F0F0F0F), film.audible[::-1])
    index.append([("film", film)])
    at = len(film) // 2
    known["film"] = film
    heard = Fingerprint(film.words[at : at + 625].copy(), film.audible[at : at + 625])
    heard.words[:] ^= _flips(random, len(heard), 0.15)
    rows = [("10 s of an hour, 15 % of the bits wrong", *_timed(index, known, heard, "film"))]
    whole = Fingerprint(film.words ^ _flips(random, len(film), 0.15), film.audible)
    rows.append(("an hour that is known, 15 % wrong", *_timed(index, known, whole, "film")))
    name = next(each for each in known if isinstance(each, str) and _kind(each) == "sentence")
    part = _middle(known[name], 12.0)
    other, at = film.words ^ np.uint32(0x55555555), 11_000
    mixed = Fingerprint(
        np.concatenate([other[:at], part.words, other[at : 2 * at]]),
        np.concatenate([film.audible[:at], part.audible, film.audible[at : 2 * at]]),
    )
    rows.append(("six minutes with 12 s of a known sound", *_timed(index, known, mixed, name)))
    return markdown_table(("heard", "found", "offset", "p-value", "core seconds"), rows)


def _flips(random: np.random.Generator, count: int, rate: float) -> np.ndarray:
    bits = random.random((count, 32)) < rate
    return np.packbits(bits, axis=1).view(">u4")[:, 0].astype(np.uint32)


def _timed(
    index: AcousticIndex[Name | int], known: Known, heard: Fingerprint, name: str
) -> tuple[str, str, str, str]:
    started = time.process_time()
    hits: Sequence[Hit[Name | int]] = search(index, heard, known.get)
    took = f"{time.process_time() - started:.2f}"
    own = next((hit for hit in hits if hit.entry == name), None)
    if own is None:
        return "no", "-", "-", took
    return "yes", f"{own.match.offset_s:.1f} s", f"{own.match.p_value:.0e}", took


# ---------------------------------------------------------------- reporting


def _recall(trials: Sequence[Trial]) -> str:
    rows = []
    for attack in dict.fromkeys(trial.attack for trial in trials):
        cells = []
        for kind in KINDS:
            for length_s in LENGTHS_S:
                those = [
                    trial.found
                    for trial in trials
                    if (trial.attack, trial.length_s) == (attack, length_s)
                    and _kind(trial.name) == kind
                ]
                cells.append(percent(sum(those), len(those)))
        rows.append((attack, *cells))
    columns = (f"{kind}, {each:g} s" for kind in KINDS for each in LENGTHS_S)
    return markdown_table(("found", *columns), rows)


def _false(trials: Sequence[Trial], strangers: Sequence[Trial]) -> str:
    rows = []
    kinds = dict.fromkeys(trial.attack for trial in strangers)
    groups = {f"unknown: {k}": [t for t in strangers if t.attack == k] for k in kinds}
    for kind, those in {**groups, "known, matching others": trials}.items():
        count = sum(bool(trial.false) for trial in those)
        _, high = interval(count, len(those))
        named = ", ".join(sorted({f"{t.name}: {t.false[0]}" for t in those if t.false})[:3])
        rows.append((kind, len(those), count, f"{high:.1e}", named))
    return markdown_table(("searched", "searches", "false", "at most, 95 %", "which"), rows)


def _costs(
    index: AcousticIndex[Name | int], built_s: float, trials: Sequence[Trial], frames: int
) -> str:
    rows = []
    for length_s in LENGTHS_S:
        took_ms = [1000 * trial.took_s for trial in trials if trial.length_s == length_s]
        if len(took_ms) > 1:
            high = quantiles(took_ms, n=100)[-1]
            rows.append(
                (f"search of {length_s:g} s", f"{median(took_ms):.0f} ms", f"{high:.0f} ms")
            )
    table = markdown_table(("cost", "median", "99 %"), rows)
    hours = frames * HOP_S / 3600
    return (
        f"{len(index)} entries, {hours:.0f} hours: built in {built_s:.1f} s of one core, "
        f"{index.nbytes / 1e6:.0f} MB.\n\n{table}"
    )


def _met(trials: Sequence[Trial], strangers: Sequence[Trial], built_s: float) -> bool:
    for attack in EVERYDAY:
        for length_s in LENGTHS_S[:2]:
            those = [
                trial.found
                for trial in trials
                if (trial.attack, trial.length_s) == (attack, length_s)
                and _kind(trial.name) != "tune"
            ]
            if those and sum(those) < TARGET * len(those):
                return False
    if any(trial.false for trial in (*trials, *strangers)):
        return False
    return built_s <= BUILD_S and median(trial.took_s for trial in trials) <= QUERY_S


if __name__ == "__main__":
    main()
