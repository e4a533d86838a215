"""Labeler's sound mark and its peers, side by side: the same clips, attacks and loudness of mark.

    python -m benchmarks.sound_peers SOUNDS_DIR --python /path/to/peers/bin/python
    python -m benchmarks.sound_peers SOUNDS_DIR --python … --peers perth,audioseal \\
        --audioseal-weights generator_base.pth,detector_base.pth
    python -m benchmarks.sound_peers SOUNDS_DIR --peers audiowmark --audiowmark /usr/bin/audiowmark

Peers run in an interpreter of their own, so that what they pin never touches Labeler's packages:
make a virtual environment and install ``resemble-perth``, ``aware`` or ``audioseal`` there.

Each system marks each clip as it comes. A louder mark is a tougher one: so the change that it made
to the sound is also scaled until the signal-to-noise ratio is the one Labeler has on that clip.
*Found* is each system's own verdict at its own threshold: their rates of false alarms differ, and
only Labeler's is bounded; what they find in the unmarked clips is told. *Exact* is the whole
message.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from benchmarks import sound_clips
from benchmarks.command import attack_chooser, benchmark_parser, names, publish
from benchmarks.marking import random_for
from benchmarks.peer_readings import MATCHED, NATIVE, Reading, attack_table, column
from benchmarks.peer_systems import Audiowmark, LabelerMark, OtherPython, System
from benchmarks.sound_attacks import GROUPS, NAMES, attacks
from benchmarks.sound_clips import rounded
from benchmarks.sound_edits import Clip, Sound
from benchmarks.sound_quality import mos_zimtohrli, pesq_wideband, snr_db
from benchmarks.tables import markdown_table

_T = TypeVar("_T")

_ATTACKS: Final = (
    *("unchanged", "mp3-64", "mp3-32", "aac-64", "opus-32", "opus-16", "resample-8000"),
    *("telephone", "white-20", "white-10", "reverb", "echo", "music-10", "crop-5", "crop-2"),
    *("tempo-0.95", "speed-1.05", "pitch-1.05", "cut-40-ms", "shuffle-3", "denoise", "6-in-30"),
)
_PYTHON_PEERS: Final = ("perth", "aware", "audioseal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One system on one clip."""

    system: str
    clip: str
    refused: bool
    snr_db: dict[str, float]
    """By loudness: `NATIVE` and `MATCHED`; so are the next two."""
    pesq: dict[str, float]
    zimtohrli: dict[str, float]
    embed_factor: float
    """Multiple of real time, wall clock; so is the next."""
    read_factor: float
    false_alarm: bool
    """Whether it found a mark in the unmarked clip."""
    readings: dict[str, dict[str, Reading]]
    """By loudness and attack."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison and print its tables."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if set(options.peers) & set(_PYTHON_PEERS) and options.python is None:
        parser.error("--python names the interpreter in which the peers are installed")
    paths = sorted(sound_clips.find(options.folder, options.sounds))
    if not options.sounds:
        places = np.linspace(0, len(paths) - 1, min(options.count, len(paths))).round().astype(int)
        paths = [paths[place] for place in places]
    ours: dict[str, float] = {}
    results: list[Result] = []
    for name in ("Labeler", *options.peers):
        with _system(name, options) as system:
            for path in paths:
                print(f"{name}: {path.stem}", file=sys.stderr, flush=True)
                results.append(_measure(system, path, options, ours))
    publish(options, _report(results), [asdict(result) for result in results])


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("sound_peers", __doc__, media="sounds")
    parser.add_argument(
        "--peers",
        type=names,
        default=("perth", "aware"),
        metavar="perth,aware,audioseal,audiowmark",
        help="default: perth,aware",
    )
    parser.add_argument("--python", type=Path, metavar="FILE", help="interpreter of the peers")
    parser.add_argument("--audiowmark", type=Path, default=Path("audiowmark"), metavar="FILE")
    parser.add_argument(
        "--audioseal-weights", type=names, default=(), metavar="GENERATOR,DETECTOR", help="files"
    )
    parser.add_argument("--count", type=int, default=6, help="clips, unless named (default: 6)")
    parser.add_argument(
        "--seconds", type=float, default=15, help="of each clip, from its start (default: 15)"
    )
    groups = {**GROUPS, "all": NAMES}
    parser.add_argument("--attacks", type=attack_chooser(NAMES, groups), default=_ATTACKS)
    return parser


@contextlib.contextmanager
def _system(name: str, options: argparse.Namespace) -> Iterator[System]:
    if name == "Labeler":
        yield LabelerMark()
    elif name == "audiowmark":
        yield Audiowmark(options.audiowmark)
    elif name in _PYTHON_PEERS:
        weights = options.audioseal_weights if name == "audioseal" else ()
        with OtherPython(name, options.python, weights) as peer:
            yield peer
    else:
        raise SystemExit(f"no peer is named {name}")


# ---------------------------------------------------------------- measuring


def _measure(
    system: System, path: Path, options: argparse.Namespace, ours: dict[str, float]
) -> Result:
    """One system on one clip; Labeler, which comes first, sets the loudness in ``ours``."""
    samples, rate_hz = sound_clips.load(path)
    samples = samples[: int(options.seconds * rate_hz)]
    random = random_for(options.seed, f"{system.name}, {path.stem}")
    marked, embed_s = _timed(lambda: system.embed(samples, rate_hz, random))
    if marked is None:
        return _refusal(system, path)
    native = rounded(marked)
    wanted_db = ours.setdefault(path.stem, snr_db(samples, native))
    sounds = {NATIVE: native, MATCHED: _at_snr(samples, marked, wanted_db)}
    if system.name == "Labeler":
        del sounds[NATIVE]
    known = attacks(options.folder, besides=path.stem)
    damaged: dict[tuple[str, str], Clip] = {
        (loudness, name): known[name](sound, rate_hz)
        for loudness, sound in sounds.items()
        for name in options.attacks
    }
    readings, read_s = _timed(lambda: {both: system.read(*clip) for both, clip in damaged.items()})
    heard_s = sum(len(sound) / rate for sound, rate in damaged.values())
    return Result(
        system=system.name,
        clip=path.stem,
        refused=False,
        snr_db={name: snr_db(samples, sound) for name, sound in sounds.items()},
        pesq={name: pesq_wideband(samples, sound, rate_hz) for name, sound in sounds.items()},
        zimtohrli={name: mos_zimtohrli(samples, sound, rate_hz) for name, sound in sounds.items()},
        embed_factor=len(samples) / rate_hz / embed_s,
        read_factor=heard_s / read_s,
        false_alarm=system.read(samples, rate_hz).found,
        readings={
            loudness: {name: readings[loudness, name] for name in options.attacks}
            for loudness in sounds
        },
    )


def _refusal(system: System, path: Path) -> Result:
    return Result(
        system=system.name,
        clip=path.stem,
        refused=True,
        snr_db={},
        pesq={},
        zimtohrli={},
        embed_factor=0.0,
        read_factor=0.0,
        false_alarm=False,
        readings={},
    )


def _at_snr(original: Sound, marked: Sound, wanted_db: float) -> Sound:
    """The same change to the sound, scaled to a signal-to-noise ratio."""
    factor = np.float32(10 ** ((snr_db(original, marked) - wanted_db) / 20))
    return rounded(original + factor * (marked - original))


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    start = time.perf_counter()
    result = work()
    return result, max(time.perf_counter() - start, 1e-9)


# ---------------------------------------------------------------- reporting


def _report(results: Sequence[Result]) -> str:
    systems = list(dict.fromkeys(result.system for result in results))
    clips = list(dict.fromkeys(result.clip for result in results))
    parts = [
        f"{len(clips)} clips ({', '.join(clips)}); found/exact after each attack",
        _quality_table(results, systems),
        attack_table(results),
        "A mark without a message is only found. Only Labeler bounds its false alarms.",
    ]
    return "\n\n".join(parts)


def _quality_table(results: Sequence[Result], systems: Sequence[str]) -> str:
    rows = []
    for system in systems:
        those = [each for each in results if each.system == system and not each.refused]
        if not those:
            rows.append((system, *["-"] * 8))
            continue
        for loudness in those[0].snr_db:
            cells = (
                f"{statistics.mean(each.snr_db[loudness] for each in those):.1f}",
                f"{statistics.mean(each.pesq[loudness] for each in those):.2f}",
                f"{min(each.pesq[loudness] for each in those):.2f}",
                f"{statistics.mean(each.zimtohrli[loudness] for each in those):.2f}",
                f"{statistics.median(each.embed_factor for each in those):.1f}",
                f"{statistics.median(each.read_factor for each in those):.1f}",
                f"{sum(each.false_alarm for each in those)}/{len(those)}",
            )
            rows.append((column(system, loudness), *cells))
    header = ("system", "SNR dB", "PESQ", "least", "Zimtohrli", "embed, x real time")
    return markdown_table((*header, "read, x real time", "false alarms"), rows)


if __name__ == "__main__":
    main()
