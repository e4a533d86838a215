"""Write a blind listening test: one HTML page that holds everything it needs.

    python -m benchmarks.listening_page SOUNDS_DIR --out listening-test.html
    python -m benchmarks.listening_page --results listening-test.json other-listener.json

Each trial is an ABX comparison: of A and B one is the original, the other its marked copy, and X is
one of the two; who hears nothing is right half of the time. Order and assignment are drawn by lot
in the browser, anew each time. One check recording is audibly noisy: who does not hear that was not
listening, or had no sound. The answers are saved as JSON; ``--results`` counts them over all
listeners.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import soundfile

from benchmarks import sound_clips
from benchmarks.binomial import at_least
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.outcomes import interval_text
from benchmarks.sound_edits import Sound, add_white_noise
from benchmarks.sound_marking import mark
from benchmarks.tables import markdown_table, percent
from labeler.strength import Strength

_TEMPLATE: Final = Path(__file__).with_suffix(".html")
_CONTROL_DB: Final = 25
"""Signal-to-noise ratio of the check recording."""
_FADE_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A pair of sounds that the page offers."""

    name: str
    control: bool
    """Whether it only checks that the listener hears."""
    trials: int
    original: str
    """A FLAC file in base64."""
    processed: str
    """A FLAC file in base64."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page, or count results."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.results:
        print(_count(options.results))
        return
    if options.folder is None:
        parser.error("say where the clips are")
    paths = sound_clips.find(options.folder, options.sounds)
    chosen = paths if options.sounds else _spread(sorted(paths), options.count)
    recordings = list(_recordings(chosen, options))
    about = {"strength": options.strength, "trials": sum(each.trials for each in recordings)}
    document = {"about": about, "clips": [asdict(recording) for recording in recordings]}
    # "</" could end the script element that holds the data.
    data = json.dumps(document).replace("</", "<\\/")
    options.out.write_text(_TEMPLATE.read_text().replace("__DATA__", data))
    print(f"{options.out}: {len(recordings)} recordings, {options.out.stat().st_size / 1e6:.1f} MB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.listening_page",
        description=(__doc__ or "").split("\n", maxsplit=1)[0],
    )
    parser.add_argument("folder", type=Path, nargs="?", metavar="SOUNDS_DIR")
    parser.add_argument("--out", type=Path, default=Path("listening-test.html"), metavar="FILE")
    parser.add_argument(
        "--sounds",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="NAME,…",
        help="file names without suffix (default: a few, spread over the folder)",
    )
    parser.add_argument("--count", type=int, default=8, help="recordings (default: 8)")
    parser.add_argument("--trials", type=int, default=3, help="of each recording (default: 3)")
    parser.add_argument("--seconds", type=float, default=8, help="of each recording (default: 8)")
    parser.add_argument("--strength", choices=get_args(Strength), default="balanced")
    parser.add_argument("--seed", type=int, default=1, help="of payloads and keys (default: 1)")
    parser.add_argument("--results", type=Path, nargs="+", metavar="FILE", help="count answers")
    return parser


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    places = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[place] for place in places]


def _recordings(paths: Sequence[Path], options: argparse.Namespace) -> Iterator[Recording]:
    for path in paths:
        samples, rate_hz = sound_clips.load(path)
        random = random_for(options.seed, path.stem)
        payload, key = random_payload(random), random_key(random)
        # The whole clip is marked, then cut: as a listener would meet it.
        marked = mark(samples, rate_hz, payload, key, strength=options.strength)
        length = min(len(samples), int(options.seconds * rate_hz))
        start = (len(samples) - length) // 2
        passage = slice(start, start + length)
        yield _recording(path.stem, samples[passage], marked[passage], rate_hz, options.trials)
    samples, rate_hz = sound_clips.load(paths[0])
    passage = slice(0, int(options.seconds * rate_hz))
    noisy, _ = add_white_noise(_CONTROL_DB)(samples[passage], rate_hz)
    yield _recording("check", samples[passage], noisy, rate_hz, 2, control=True)


def _recording(
    name: str,
    original: Sound,
    processed: Sound,
    rate_hz: int,
    trials: int,
    *,
    control: bool = False,
) -> Recording:
    return Recording(
        name=name,
        control=control,
        trials=trials,
        original=_flac(original, rate_hz),
        processed=_flac(processed, rate_hz),
    )


def _flac(samples: Sound, rate_hz: int) -> str:
    """A 16-bit FLAC file in base64, faded in and out so that it can be repeated."""
    ramp = np.minimum(1, np.arange(len(samples)) / (_FADE_S * rate_hz))
    faded = samples * (ramp * ramp[::-1])[:, None]
    file = io.BytesIO()
    soundfile.write(file, np.clip(faded, -1, 1), rate_hz, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")


def _count(files: Sequence[Path]) -> str:
    """Right answers over all listeners, and how probable so many are by guessing."""
    answers: list[dict[str, Any]] = []
    for file in files:
        answers += json.loads(file.read_text())["answers"]
    names = dict.fromkeys(answer["clip"] for answer in answers if not answer["control"])
    groups = {name: [each for each in answers if each["clip"] == name] for name in names}
    groups["all"] = [answer for answer in answers if not answer["control"]]
    groups["check recording"] = [answer for answer in answers if answer["control"]]
    rows = []
    for name, those in groups.items():
        right, whole = sum(each["right"] for each in those), len(those)
        chance = f"{at_least(right, whole, 0.5):.3f}"
        rows.append(
            (name, right, whole, percent(right, whole), interval_text(right, whole), chance)
        )
    header = (f"{len(files)} listeners", "right", "trials", "right %", "95 %", "P by guessing")
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
