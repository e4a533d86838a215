"""Labeler's image mark and its peers, side by side: the same pictures, attacks and PSNR.

    python -m benchmarks.image_peers PICTURES_DIR --python /path/to/peers/bin/python
    python -m benchmarks.image_peers PICTURES_DIR --page docs/image-peers.md
    python -m benchmarks.image_peers PICTURES_DIR --python … --count 100 --megapixels 0,100

Peers run in an interpreter of their own: make a virtual environment and install them there (the
lines are in ``docs/image-peers.md``). What each system did is kept below ``--outcomes``, a file
each, picture by picture: Labeler is measured every time, a peer only on pictures that its file
lacks, after other attacks, seed or PSNR than those of its file, or when ``--again`` names it;
without ``--python`` no peer is measured. ``--page`` puts the tables of all into a page, between two
marks, and draws plots for it beside the outcomes.

Each system marks each picture as its makers set it. A stronger mark is a tougher one: so the
change that it made is also scaled, before rounding, until the PSNR over RGB of the rounded picture
is ``--psnr``; Labeler's too. *Exact* is the whole payload. *Found* is each system's own rule, or,
where it has none, a binomial test against the known payload at 10⁻⁶, which a blind reader cannot
make.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from benchmarks import pictures
from benchmarks.command import attack_chooser, benchmark_parser, names, publish
from benchmarks.image_attacks import ATTACKS, CORE, Pixels, attacked
from benchmarks.image_cost import decode_and_encode, to_jpeg
from benchmarks.image_peer_outcomes import (
    MATCHED,
    NATIVE,
    Picture,
    Settings,
    SystemOutcome,
    digest,
    load,
    save,
)
from benchmarks.image_peer_page import write_page
from benchmarks.image_peer_report import report
from benchmarks.image_peer_systems import (
    HINTS,
    OURS,
    PEERS,
    WITH_WEIGHTS,
    LabelerPicture,
    OtherPictures,
    System,
)
from benchmarks.marking import random_for
from benchmarks.measuring import timed
from benchmarks.peer_process import last_words
from benchmarks.quality import at_psnr, psnr_db, ssim
from benchmarks.workers import limit_threads

_EXTRA: Final = ("jpeg-90", "jpeg-70", "webp-80", "blur-1", "noise-5")
_UNMARKED: Final = ("unchanged", "jpeg-50", "crop-50")
"""What is done to unmarked pictures, in which nothing must be found."""
_TIMED_ROUNDS: Final = 3
_DOCS: Final = Path(__file__).parents[1] / "docs"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not known yet, and write the page."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.page and find_spec("matplotlib") is None:
        parser.error("--page needs matplotlib, which is in the dependency group benchmarks")
    limit_threads()
    originals = _chosen(options)
    settings = Settings(attacks=options.attacks, matched_db=options.psnr, seed=options.seed)
    options.outcomes.mkdir(parents=True, exist_ok=True)
    outcomes, failures = [], {}
    for name in (OURS, *options.peers):
        try:
            outcomes.append(_outcome(name, originals, settings, options))
        except RuntimeError as error:
            failures[name] = last_words(error).rpartition("Error: ")[2]
    text = report(outcomes, failures)
    publish(options, text, [asdict(outcome) for outcome in outcomes])
    if options.page:
        write_page(options.page, text, outcomes, options.outcomes)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("image_peers", __doc__, media="pictures", workers=False)
    parser.add_argument("--seed", type=int, default=1, help="of payloads and keys (default: 1)")
    parser.add_argument("--peers", type=names, default=PEERS, metavar=",".join(PEERS))
    parser.add_argument("--python", type=Path, metavar="FILE", help="interpreter of the peers")
    parser.add_argument(
        "--videoseal-card", metavar="FILE", help="model card whose checkpoint is a file here"
    )
    parser.add_argument("--again", type=names, default=(), metavar="NAME,…", help="peers")
    parser.add_argument("--count", type=int, default=3, help="pictures, spread (default: 3)")
    parser.add_argument(
        "--megapixels",
        type=lambda text: tuple(map(float, text.split(","))),
        default=(0.1, 0.3),
        metavar="LEAST,MOST",
        help="of pictures that are not named (default: 0.1,0.3)",
    )
    parser.add_argument("--psnr", type=float, default=44.5, help="dB (default: 44.5)")
    chooser = attack_chooser(tuple(ATTACKS), {"core": CORE, "all": tuple(ATTACKS)})
    parser.add_argument("--attacks", type=chooser, default=chooser(",".join((*CORE, *_EXTRA))))
    parser.add_argument("--outcomes", type=Path, default=_DOCS / "image-peers", metavar="DIR")
    parser.add_argument("--page", type=Path, metavar="FILE", help="rewrite the tables in it")
    return parser


def _chosen(options: argparse.Namespace) -> dict[str, Pixels]:
    """The pictures by name: those named, or some of moderate size, evenly from the alphabet."""
    paths = sorted(pictures.find(options.folder, options.pictures), key=lambda path: path.stem)
    loaded = {path.stem: pictures.load(path) for path in paths}
    if options.pictures:
        return loaded
    least, most = options.megapixels
    fitting = [name for name, pixels in loaded.items() if least <= pixels.size / 3e6 <= most]
    if not fitting:
        raise SystemExit(f"{options.folder}: no picture of {least:g} to {most:g} megapixels")
    places = np.linspace(0, len(fitting) - 1, min(options.count, len(fitting))).round().astype(int)
    return {fitting[place]: loaded[fitting[place]] for place in places}


# ---------------------------------------------------------------- measuring


def _outcome(
    name: str, originals: dict[str, Pixels], settings: Settings, options: argparse.Namespace
) -> SystemOutcome:
    """What one system did to the pictures: from its file, and measured where the file lacks it.

    Raises:
        RuntimeError: Something is to be measured, and cannot be; see `last_words`.
    """
    digests = {picture: digest(pixels) for picture, pixels in originals.items()}
    path = options.outcomes / f"{name}.json"
    stored = load(path) if path.exists() else None
    if stored and (stored.settings != settings or name == OURS or name in options.again):
        stored = None
    known = stored.of(digests).pictures if stored else ()
    missing = originals.keys() - {picture.name for picture in known}
    if not stored or missing:
        with _system(name, options) as system:
            stored = stored or SystemOutcome(system=name, bits=system.bits, settings=settings)
            for picture in sorted(missing):
                print(f"{name}: {picture}", file=sys.stderr, flush=True)
                measured = _measure(system, picture, originals[picture], settings)
                stored = stored.with_picture(measured)
                save(stored, path)
    return stored.of(digests)


@contextlib.contextmanager
def _system(name: str, options: argparse.Namespace) -> Iterator[System]:
    if name == OURS:
        yield LabelerPicture()
    elif name not in PEERS:
        raise SystemExit(f"no peer is named {name}")
    elif options.python is None:
        error = RuntimeError(f"{name} cannot be measured")
        lacking = "weights not here" if name in WITH_WEIGHTS else "no outcomes of such a run"
        error.add_note(f"{lacking}, and no --python")
        raise error
    else:
        card = [options.videoseal_card] if name == "VideoSeal" and options.videoseal_card else []
        with OtherPictures(name, options.python, card) as peer:
            yield peer


def _measure(system: System, name: str, original: Pixels, settings: Settings) -> Picture:
    """One system on one picture."""
    random = random_for(settings.seed, f"{system.name}, {name}")
    native = system.embed(original, random)
    if native is None:
        return Picture(name=name, digest=digest(original), refused=True)
    marked = {NATIVE: native, MATCHED: at_psnr(original, native, settings.matched_db)}
    readings = {
        visible: {
            attack: system.read(attacked(attack, pixels), HINTS.get(attack, ""))
            for attack in settings.attacks
        }
        for visible, pixels in marked.items()
    }
    alarms = {
        attack: system.read(attacked(attack, original), HINTS.get(attack, "")).found
        for attack in _UNMARKED
    }
    return Picture(
        name=name,
        digest=digest(original),
        psnr_db={visible: psnr_db(original, pixels) for visible, pixels in marked.items()},
        ssim={visible: ssim(original, pixels) for visible, pixels in marked.items()},
        readings=readings,
        false_alarms=alarms,
        cost=_cost(system, original, native, random),
    )


def _cost(
    system: System, original: Pixels, marked: Pixels, random: np.random.Generator
) -> dict[str, float]:
    """Medians of processor times, in units of those of JPEG measured in between."""
    jpeg = to_jpeg(Image.fromarray(original))
    times: dict[str, list[float]] = {"unit": [], "read, marked": [], "read, unmarked": []}
    for _ in range(_TIMED_ROUNDS):
        times["unit"].append(timed(lambda: decode_and_encode(jpeg))[0])
        for name, pixels in (("read, marked", marked), ("read, unmarked", original)):
            system.read(pixels)
            times[name].append(system.cpu_s)
    # Afterwards: it is another payload from now on.
    times["embed"] = []
    for _ in range(_TIMED_ROUNDS):
        times["unit"].append(timed(lambda: decode_and_encode(jpeg))[0])
        system.embed(original, random)
        times["embed"].append(system.cpu_s)
    unit_s = statistics.median(times.pop("unit"))
    return {name: statistics.median(seconds) / unit_s for name, seconds in times.items()}


if __name__ == "__main__":
    main()
