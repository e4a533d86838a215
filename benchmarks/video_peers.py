"""Labeler's film mark and its peers, side by side: the same clips, attacks and visibility.

    python -m benchmarks.video_peers CLIPS_DIR --python /path/to/peers/bin/python
    python -m benchmarks.video_peers CLIPS_DIR --python … --peers dwtDct,clawid --lines 480

Peers run in an interpreter of their own: make a virtual environment and install
``invisible-watermark`` (with ``--no-deps``: it wants torch, and does not need it here), ``clawid``,
``PyWavelets``, ``opencv-python-headless`` and ``onnxruntime`` there. They mark frames, and read
frames: those of invisible-watermark are read together, by vote, which is more than it does itself;
it has no verdict of its own, so that *found* is *exact* there. Video Seal and its kin are not
compared: their weights come with no package.

Each clip is scaled to ``--lines``, marked frame by frame, and encoded as `embed_file` encodes. A
stronger mark is a tougher one: so the change that a peer makes is also scaled until the PSNR, of
RGB, is the one Labeler has on that clip; quantising marks (dwtDct, clawid) do not stand that, and
are to be judged as they come.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks import video_clips
from benchmarks.command import attack_chooser, benchmark_parser, names, publish
from benchmarks.marking import random_for
from benchmarks.peer_process import last_words
from benchmarks.peer_readings import MATCHED, NATIVE, Reading, attack_table, column
from benchmarks.quality import amplified
from benchmarks.tables import markdown_table
from benchmarks.video_attacks import ATTACKS, GROUPS
from benchmarks.video_peer_systems import (
    Film,
    LabelerFilm,
    OtherFrames,
    System,
    decoded,
    rgb_psnr_db,
    write_film,
)

_ATTACKS: Final = (
    *("unchanged", "h264-28", "h264-36", "av1-50", "resize-240", "crop-50", "crop-25-zoomed"),
    *("squeeze-4x3", "rotate-90", "rotate-3", "flip", "rate-15", "average-9", "overlay"),
    *("noise-12", "blur-1.5", "screenshot-jpeg", "screen-recording", "messenger"),
)
_PEERS: Final = ("dwtDct", "dwtDctSvd", "rivaGan", "clawid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One system on one clip."""

    system: str
    clip: str
    psnr_db: dict[str, float]
    """Of RGB, by visibility: `NATIVE` and `MATCHED`."""
    false_alarm: bool
    """Whether it found a mark in the unmarked clip."""
    readings: dict[str, dict[str, Reading]]
    """By visibility and attack."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison and print its tables."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.peers and options.python is None:
        parser.error("--python names the interpreter in which the peers are installed")
    paths = sorted(video_clips.find(options.folder, options.clips))[: options.count]
    ours: dict[str, float] = {}
    results, failures = [], []
    for name in ("Labeler", *options.peers):
        try:
            with _system(name, options) as system:
                for path in paths:
                    print(f"{name}: {path.stem}", file=sys.stderr, flush=True)
                    results.append(_measure(system, path, options, ours))
        except RuntimeError as error:
            failures.append(f"{name}: {error}: {last_words(error)}")
    report = _report(results, failures, options)
    publish(options, report, [asdict(result) for result in results])


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("video_peers", __doc__, media="clips")
    parser.add_argument("--peers", type=names, default=_PEERS, metavar=",".join(_PEERS))
    parser.add_argument("--python", type=Path, metavar="FILE", help="interpreter of the peers")
    parser.add_argument("--count", type=int, default=4, help="clips at most (default: 4)")
    parser.add_argument("--lines", type=int, default=360, help="of each clip (default: 360)")
    parser.add_argument("--seconds", type=float, default=2, help="of each clip (default: 2)")
    groups = {**GROUPS, "all": tuple(ATTACKS)}
    parser.add_argument("--attacks", type=attack_chooser(tuple(ATTACKS), groups), default=_ATTACKS)
    return parser


@contextlib.contextmanager
def _system(name: str, options: argparse.Namespace) -> Iterator[System]:
    if name == "Labeler":
        yield LabelerFilm()
    elif name in _PEERS:
        with OtherFrames(name, options.python) as peer:
            yield peer
    else:
        raise SystemExit(f"no peer is named {name}")


# ---------------------------------------------------------------- measuring


def _measure(
    system: System, path: Path, options: argparse.Namespace, ours: dict[str, float]
) -> Result:
    """One system on one clip; Labeler, which comes first, sets the visibility in ``ours``."""
    original, rate_hz = decoded(path, lines=options.lines, length_s=options.seconds)
    random = random_for(options.seed, f"{system.name}, {path.stem}")
    native = system.embed(original, random)
    native_psnr_db = rgb_psnr_db(original, native)
    wanted_db = ours.setdefault(path.stem, native_psnr_db)
    films = {NATIVE: native, MATCHED: amplified(original, native, native_psnr_db - wanted_db)}
    if system.name == "Labeler":
        del films[NATIVE]
    with tempfile.TemporaryDirectory(prefix="video-peers-") as name:
        plain = Path(name, "plain.mp4")
        write_film(original, rate_hz, plain)
        return Result(
            system=system.name,
            clip=path.stem,
            psnr_db={visible: rgb_psnr_db(original, film) for visible, film in films.items()},
            false_alarm=system.read(plain).found,
            readings={
                visible: _attacked(system, film, rate_hz, options.attacks)
                for visible, film in films.items()
            },
        )


def _attacked(
    system: System, film: Film, rate_hz: float, attacks: Sequence[str]
) -> dict[str, Reading]:
    with tempfile.TemporaryDirectory(prefix="video-peers-") as name:
        source = Path(name, "marked.mp4")
        write_film(film, rate_hz, source)
        readings = {}
        for attack in attacks:
            folder = Path(name, attack)
            folder.mkdir()
            readings[attack] = system.read(ATTACKS[attack](source, folder))
        return readings


# ---------------------------------------------------------------- reporting


def _report(results: Sequence[Result], failures: Sequence[str], options: argparse.Namespace) -> str:
    clips = list(dict.fromkeys(result.clip for result in results))
    form = f"{options.lines} lines, {options.seconds:g} s"
    parts = [
        f"{len(clips)} clips of {form} ({', '.join(clips)}); found/exact after each attack",
        _quality_table(results),
        attack_table(results),
        "Only Labeler bounds its false alarms.",
    ]
    parts += [f"Not run: {failure}" for failure in failures]
    return "\n\n".join(parts)


def _quality_table(results: Sequence[Result]) -> str:
    rows = []
    for system in dict.fromkeys(result.system for result in results):
        those = [result for result in results if result.system == system]
        alarms = f"{sum(each.false_alarm for each in those)}/{len(those)}"
        for visible in those[0].psnr_db:
            mean_db = statistics.mean(each.psnr_db[visible] for each in those)
            rows.append((column(system, visible), f"{mean_db:.1f}", alarms))
    return markdown_table(("system", "PSNR of RGB, dB", "false alarms"), rows)


if __name__ == "__main__":
    main()
