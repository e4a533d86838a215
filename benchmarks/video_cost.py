"""What marking and detecting cost: multiples of a plain transcode, and of real time.

    python -m benchmarks.video_cost CLIPS_DIR --clips bbb --lines 720,1080

The unit of marking is a plain PyAV loop that decodes a film and encodes it again with the same
encoder and the same settings, measured in the same run between the other operations. Ratios carry
over to other machines, seconds do not. The films are clips of the folder, repeated, with sound;
every operation has a process of its own and all cores, as in use. *Detect* reads the film that
`embed_file` wrote, or the source.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import av

from benchmarks import video_clips
from benchmarks.command import benchmark_parser, publish
from benchmarks.long_files import settings_in
from benchmarks.long_films import make_film
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.measuring import timed
from benchmarks.tables import markdown_table, yes_or_no
from benchmarks.workers import worker_pool
from detectors.report import Presence
from detectors.video import detect_file
from labeler.marks.video import embed_file
from labeler.media.media_type import MediaType
from labeler.media.video_encoder import encoding_for
from labeler.media.video_interface import VideoLimits
from labeler.media.video_opening import read_track
from labeler.provenance import Provenance
from labeler.stamping import Stamper

REFERENCE: Final = "plain transcode"
_EMBED: Final = "embed_file"
_MARKED: Final = "detect, marked"
_UNMARKED: Final = "detect, unmarked"
RATIO_LIMIT: Final = 1.25
SPEED_LIMIT: Final = 10
_SPEED_LINES: Final = 720
"""Films of that size have to be searched at `SPEED_LIMIT` times real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film that everything is measured on, and where its results go."""

    clip: str
    lines: int
    length_s: float
    folder: Path

    @property
    def source(self) -> Path:
        """The film."""
        return self.folder / f"{self.clip}-{self.lines}.mp4"

    @property
    def marked(self) -> Path:
        """What `embed_file` made of it."""
        return self.folder / f"{self.clip}-{self.lines}-marked.mp4"

    @property
    def plain(self) -> Path:
        """What the plain transcode made of it."""
        return self.folder / f"{self.clip}-{self.lines}-plain.mp4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Median times of one operation on one film."""

    clip: str
    lines: int
    length_s: float
    operation: str
    cpu_s: float
    wall_s: float
    file_bytes: int
    """Of what was written; 0 if nothing was."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    options = _parser().parse_args(arguments)
    paths = sorted(
        video_clips.find(options.folder, options.clips),
        key=lambda path: (-video_clips.form(path).lines, path.stem),
    )
    chosen = paths if options.clips else paths[: options.count]
    timings: list[Timing] = []
    with tempfile.TemporaryDirectory(dir=options.work, prefix="video-cost-") as folder:
        for path, lines in itertools.product(chosen, options.lines):
            print(f"timing {path.stem}, {lines} lines", file=sys.stderr, flush=True)
            film = Film(clip=path.stem, lines=lines, length_s=options.seconds, folder=Path(folder))
            make_film(path, film.source, lines=lines, length_s=options.seconds)
            timings += _time_film(film, options.repeats)
    publish(options, _report(timings), [asdict(timing) for timing in timings])


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("video_cost", __doc__, media="clips", workers=False)
    parser.add_argument(
        "--count", type=int, default=2, help="clips, the largest, unless named (default: 2)"
    )
    parser.add_argument(
        "--lines",
        type=lambda text: tuple(map(int, text.split(","))),
        default=(720, 1080),
        metavar="LINES,…",
        help="to which clips are scaled (default: 720,1080)",
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of a film (default: 20)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument(
        "--work", type=Path, metavar="FOLDER", help="where films are made (default: TMPDIR)"
    )
    return parser


# ---------------------------------------------------------------- measuring


def _time_film(film: Film, repeats: int) -> list[Timing]:
    """Medians over rounds of all operations, one after the other."""
    operations: dict[str, Callable[[Film], int]] = {
        REFERENCE: _transcode,
        _EMBED: _embed,
        "labeler.stamp": _stamp,
        _MARKED: _detect_marked,
        _UNMARKED: _detect_unmarked,
    }
    rounds: dict[str, list[tuple[float, float, int]]] = {name: [] for name in operations}
    with worker_pool(1, fresh=True, one_thread=False) as pool:
        for _ in range(repeats):
            for name, operation in operations.items():
                rounds[name].append(pool.submit(_time_once, operation, film).result())
    return [
        Timing(
            clip=film.clip,
            lines=film.lines,
            length_s=film.length_s,
            operation=name,
            cpu_s=statistics.median(cpu_s for cpu_s, _, _ in those),
            wall_s=statistics.median(wall_s for _, wall_s, _ in those),
            file_bytes=those[-1][2],
        )
        for name, those in rounds.items()
    ]


def _time_once(operation: Callable[[Film], int], film: Film) -> tuple[float, float, int]:
    sizes: list[int] = []
    cpu_s, wall_s = timed(lambda: sizes.append(operation(film)))
    return cpu_s, wall_s, sizes[0]


def _transcode(film: Film) -> int:
    """Decode and encode the pictures as they are, with Labeler's settings; copy the sound."""
    track = read_track(film.source, MediaType.MP4, VideoLimits())
    encoding = encoding_for(track, key_distance=_key_distance(film.source))
    with av.open(str(film.source)) as source, av.open(str(film.plain), "w") as target:
        pictures, sound = source.streams.video[0], source.streams.audio[0]
        pictures.thread_type = "AUTO"
        encoder = encoding.add_stream(target, track)
        copied = target.add_stream_from_template(sound)
        for packet in source.demux(pictures, sound):
            if packet.stream is pictures:
                for frame in pictures.decode(packet):
                    frame.pict_type = 0
                    target.mux(encoder.encode(frame))
            elif packet.dts is not None:
                packet.stream = copied
                target.mux(packet)
        target.mux(encoder.encode(None))
    return film.plain.stat().st_size


def _key_distance(path: Path) -> int:
    """Most frames from one key frame to the next."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keys = [at for at, packet in enumerate(packets) if packet.is_keyframe]
    return max(after - before for before, after in itertools.pairwise([*keys, len(packets)]))


def _embed(film: Film) -> int:
    random = random_for(1, film.clip)
    film.marked.unlink(missing_ok=True)
    embed_file(film.source, film.marked, random_payload(random), random_key(random))
    return film.marked.stat().st_size


def _stamp(film: Film) -> int:
    target = film.folder / "stamped.mp4"
    with Stamper(settings_in(film.folder)) as stamper:
        stamper.stamp(film.source, target, Provenance(), overwrite=True)
    return target.stat().st_size


def _detect_marked(film: Film) -> int:
    return _detect(film, film.marked, expected=Presence.PRESENT)


def _detect_unmarked(film: Film) -> int:
    return _detect(film, film.source, expected=Presence.ABSENT)


def _detect(film: Film, path: Path, *, expected: Presence) -> int:
    random = random_for(1, film.clip)
    random_payload(random)  # the key comes behind it, as in `_embed`
    found = detect_file(path, [random_key(random)])
    if found.presence is not expected:
        raise RuntimeError(f"{path}: the mark is {found.presence}, p = {found.p_value:.0e}")
    return 0


# ---------------------------------------------------------------- reporting


def _report(timings: Sequence[Timing]) -> str:
    clips = list(dict.fromkeys(timing.clip for timing in timings))
    length_s = timings[0].length_s
    head = f"{len(clips)} films of {length_s:g} s, made of {', '.join(clips)}"
    return "\n\n".join([head, _ratio_table(timings), _speed_table(timings)])


def _ratio_table(timings: Sequence[Timing]) -> str:
    rows = []
    for lines, operation in _both(timings, (REFERENCE, _EMBED, "labeler.stamp")):
        those = [each for each in timings if (each.lines, each.operation) == (lines, operation)]
        units = [_reference(timings, each) for each in those]
        pairs = list(zip(those, units, strict=True))
        wall = [each.wall_s / unit.wall_s for each, unit in pairs]
        median = statistics.median(wall)
        limit = (
            f"≤ {RATIO_LIMIT}: {yes_or_no(met=median <= RATIO_LIMIT)}"
            if operation == _EMBED
            else ""
        )
        cells = (
            f"{statistics.median(each.length_s / each.wall_s for each in those):.2f}",
            f"{median:.2f}",
            f"{max(wall):.2f}",
            f"{statistics.median(each.cpu_s / unit.cpu_s for each, unit in pairs):.2f}",
            f"{statistics.median(each.file_bytes / unit.file_bytes for each, unit in pairs):.2f}",
            limit,
        )
        rows.append((f"{lines} lines: {operation}", *cells))
    header = ("operation", "x real time", "wall ratio", "(worst)", "CPU ratio", "file size ratio")
    return markdown_table((*header, "limit, met"), rows)


def _speed_table(timings: Sequence[Timing]) -> str:
    rows = []
    for lines, operation in _both(timings, (_MARKED, _UNMARKED)):
        those = [each for each in timings if (each.lines, each.operation) == (lines, operation)]
        wall = [each.length_s / each.wall_s for each in those]
        median = statistics.median(wall)
        limit = (
            f"≥ {SPEED_LIMIT}: {yes_or_no(met=median >= SPEED_LIMIT)}"
            if lines == _SPEED_LINES
            else ""
        )
        cpu = statistics.median(each.length_s / each.cpu_s for each in those)
        cells = (f"{median:.1f}", f"{min(wall):.1f}", f"{cpu:.1f}", limit)
        rows.append((f"{lines} lines: {operation}", *cells))
    header = ("operation", "x real time, wall", "least", "x real time, CPU", "wanted, met")
    return markdown_table(header, rows)


def _both(
    timings: Sequence[Timing], operations: Sequence[str]
) -> itertools.product[tuple[int, str]]:
    return itertools.product(dict.fromkeys(timing.lines for timing in timings), operations)


def _reference(timings: Sequence[Timing], timing: Timing) -> Timing:
    """The plain transcode of the same film."""
    return next(
        each
        for each in timings
        if (each.clip, each.lines, each.operation) == (timing.clip, timing.lines, REFERENCE)
    )


if __name__ == "__main__":
    main()
