"""What a public signpost costs the mark of a secret key, and how much it survives itself.

    python -m benchmarks.signposts pictures PICTURES_DIR --shares 0,0.3,0.4,0.5
    python -m benchmarks.signposts sounds SOUNDS_DIR
    python -m benchmarks.signposts films CLIPS_DIR --attacks unchanged,h264-28

Each file is marked with a random key, once alone (share 0) and once for each share that a layer
under the public key gets of the energy; then it goes through the attacks, and each key reads it by
itself. *Exact* is the whole payload back and accepted by the detector's own rule. Sound that has no
room for the signpost's whole payload gets its short form.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import pictures, sound_clips, video_clips
from benchmarks.command import benchmark_parser, names, publish
from benchmarks.image_attacks import attacked
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.quality import psnr_db
from benchmarks.sound_attacks import ATTACKS as SOUND_ATTACKS
from benchmarks.sound_quality import snr_db
from benchmarks.tables import markdown_table
from benchmarks.video_attacks import ATTACKS as FILM_ATTACKS
from benchmarks.video_reading import detect_any
from benchmarks.workers import as_measured
from detectors import audio, image
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.patchwork import AnyPayload
from labeler.codec.payload import Payload, ShortPayload
from labeler.errors import CapacityError
from labeler.marks import audio as sound_marks
from labeler.marks.image import embed
from labeler.marks.signpost import Signpost
from labeler.media.video import open_video
from labeler.stamping.trial import Trial

_SHARES: Final = (0.0, 0.3, 0.4, 0.5)
_FILM_S: Final = 3.0
_ATTACKS: Final = {
    "pictures": (
        *("unchanged", "jpeg-70", "jpeg-50", "jpeg-30", "webp-50", "resize-0.5", "crop-50"),
        *("crop-25", "rotate-10", "screenshot", "social-1080", "messenger-800", "noise-15"),
    ),
    "sounds": (
        *("unchanged", "mp3-128", "mp3-64", "aac-128", "opus-64", "resample-8000", "telephone"),
        *("white-30", "reverb", "crop-10", "speed-1.05", "8-bit"),
    ),
    "films": (
        *("unchanged", "h264-28", "h264-36", "vp9-36", "resize-360", "crop-50", "social"),
        "messenger",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know about one file."""

    medium: str
    path: Path
    shares: tuple[float, ...]
    attacks: tuple[str, ...]
    seed: int

    @property
    def made(self) -> tuple[Payload, Key]:
        """The payload and the secret key of this file."""
        random = random_for(self.seed, self.path.stem)
        return random_payload(random), random_key(random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trialled:
    """One file that was marked once."""

    file: str
    share: float
    quality_db: float | None
    """PSNR or SNR; None where it could not be marked."""
    remark: str = ""
    exact: tuple[tuple[str, bool, bool], ...] = ()
    """Attack, and whether the secret and the public layer read after it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    parser = benchmark_parser("signposts", __doc__, workers=True)
    parser.add_argument("medium", choices=tuple(_ATTACKS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=names, default=(), metavar="NAME,…")
    parser.add_argument("--attacks", type=names, default=(), metavar="NAME,…")
    parser.add_argument("--shares", type=_numbers, default=_SHARES, metavar="SHARE,…")
    options = parser.parse_args(arguments)
    find = {"pictures": pictures.find, "sounds": sound_clips.find, "films": video_clips.find}
    tasks = [
        Task(
            medium=options.medium,
            path=path,
            shares=options.shares,
            attacks=options.attacks or _ATTACKS[options.medium],
            seed=options.seed,
        )
        for path in find[options.medium](options.folder, options.files)
    ]
    results: list[Trialled] = []
    for each in as_measured(_measure, tasks, jobs=options.jobs):
        results += each
        print(f"{each[0].file}: done", file=sys.stderr, flush=True)
    publish(options, _report(results, options), [asdict(each) for each in results])


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, names(text)))


def _measure(task: Task) -> list[Trialled]:
    measure: Callable[[Task, float], Trialled] = {
        "pictures": _picture,
        "sounds": _sound,
        "films": _film,
    }[task.medium]
    return [measure(task, share) for share in task.shares]


def _signpost(payload: AnyPayload, share: float) -> Signpost | None:
    return Signpost(payload=payload, share=share) if share else None


def _picture(task: Task, share: float) -> Trialled:
    payload, key = task.made
    original = pictures.load(task.path)
    signpost = _signpost(payload, share)
    marked = np.asarray(embed(original, payload, key, signpost=signpost), np.uint8)

    def read(attack: str) -> tuple[bool, bool]:
        secret, public = image.detect_each(attacked(attack, marked), [key, PUBLIC_KEY])
        return secret.payload == payload, public.payload == payload

    return _trialled(task, share, psnr_db(original, marked), read)


def _sound(task: Task, share: float) -> Trialled:
    payload, key = task.made
    samples, rate_hz = sound_clips.load(task.path)
    forms: tuple[AnyPayload, ...] = (payload, ShortPayload.of(payload)) if share else (payload,)
    remark = ""
    for said in forms:
        try:
            marked = sound_marks.embed(
                samples, rate_hz, payload, key, signpost=_signpost(said, share)
            )
        except CapacityError as error:
            remark = f"{remark}{error} "
            continue
        rounded = sound_clips.rounded(np.asarray(marked, np.float32))

        def read(attack: str, said: AnyPayload = said) -> tuple[bool, bool]:
            damaged = SOUND_ATTACKS[attack](rounded, rate_hz)  # noqa: B023  read at once
            secret = audio.detect(*damaged, [key]).payload == payload
            return secret, bool(share) and audio.detect(*damaged, [PUBLIC_KEY]).payload == said

        return _trialled(task, share, snr_db(samples, rounded), read, remark)
    return Trialled(file=task.path.stem, share=share, quality_db=None, remark=remark)


def _film(task: Task, share: float) -> Trialled:
    payload, key = task.made
    with tempfile.TemporaryDirectory(prefix="signposts-") as name:
        source, marked = Path(name) / "source.mp4", Path(name) / "marked.mp4"
        video_clips.excerpt(task.path, source, length_s=_FILM_S)
        film = open_video(source, name=source.name)
        try:
            marker, remark = Trial(film, payload, key, _signpost(payload, share)).choose("balanced")
        except CapacityError as error:
            return Trialled(file=task.path.stem, share=share, quality_db=None, remark=str(error))
        film.encode(marker.mark, marked)
        read = partial(_read_film, marked, payload, key)
        return _trialled(task, share, marker.psnr_db or 0.0, read, remark or "")


def _read_film(marked: Path, payload: Payload, key: Key, attack: str) -> tuple[bool, bool]:
    with tempfile.TemporaryDirectory(dir=marked.parent) as folder:
        damaged = FILM_ATTACKS[attack](marked, Path(folder))
        secret, public = (
            detect_any(damaged, [each]).payload == payload for each in (key, PUBLIC_KEY)
        )
        return secret, public


def _trialled(
    task: Task,
    share: float,
    quality_db: float,
    read: Callable[[str], tuple[bool, bool]],
    remark: str = "",
) -> Trialled:
    return Trialled(
        file=task.path.stem,
        share=share,
        quality_db=quality_db,
        remark=remark,
        exact=tuple((attack, *read(attack)) for attack in task.attacks),
    )


def _report(results: Sequence[Trialled], options: argparse.Namespace) -> str:
    shares = options.shares
    header = ("exact: secret + public layer", *(f"share {share:g}" for share in shares))
    told = "; ".join(
        f"{each.file} at {each.share:g}: {each.remark.strip()}" for each in results if each.remark
    )
    files = len({each.file for each in results})
    return "\n\n".join(
        part
        for part in (
            f"{files} {options.medium}",
            markdown_table(header, list(_rows(results, shares))),
            f"Remarks: {told}" if told else "",
        )
        if part
    )


def _rows(results: Sequence[Trialled], shares: Sequence[float]) -> Iterator[tuple[str, ...]]:
    counts: dict[tuple[str, float], list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in results:
        for attack, secret, public in each.exact:
            for name in (attack, "all"):
                count = counts[name, each.share]
                count[0] += secret
                count[1] += public
                count[2] += 1
    quality = []
    for share in shares:
        known = [each.quality_db for each in results if each.share == share and each.quality_db]
        quality.append(f"{statistics.mean(known):.2f} dB" if known else "-")
    yield ("quality, mean", *quality)
    for name in [*dict.fromkeys(name for name, _ in counts if name != "all"), "all"]:
        cells = (counts[name, share] for share in shares)
        yield (name, *(f"{secret} + {public} of {whole}" for secret, public, whole in cells))


if __name__ == "__main__":
    main()
