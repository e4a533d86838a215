"""Compare marked pictures with their sketches: after honest edits, and after a copy of the mark.

    python -m benchmarks.content_binding PICTURES_DIR --more TRAINING_DIR --jobs 2

*Edits*: each picture is sketched, marked, edited, and its mark read blindly; where it reads, the
edited picture is compared with the sketch. *Copies*: the mark is estimated from one marked picture,
or from twelve that carry the same payload, and added to another picture; where it reads there, that
picture is compared with the sketch of the one that was marked. *Unrelated*: every edited picture is
compared with the sketches of other ones, as if it carried their marks.

Only an edited picture that is called a mismatch is a false accusation. Ends with exit code 1 if
there is one, or if fewer than 95 % of the copies are called so, of those that are shown whole and
whose mark is that of a picture that matches itself: of a flat one nothing can be said.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks import pictures
from benchmarks.calibration import calibration
from benchmarks.command import benchmark_parser, names, publish
from benchmarks.forged_patterns import added, estimate, folded, repeated
from benchmarks.image_attacks import ATTACKS, Pixels, attacked, generator
from benchmarks.image_edits import Attack, chain, crop, jpeg, noise, overlay, resize
from benchmarks.marking import mark, random_for, random_key, random_payload
from benchmarks.outcomes import counted, interval_text
from benchmarks.tables import markdown_table, percent
from benchmarks.workers import as_measured
from detectors.evenness import confirmed
from detectors.image import Geometry, detect
from labeler.codec.content import Verdict, compare
from labeler.codec.keys import Key
from labeler.codec.lattice import tile_period
from labeler.codec.payload import Payload
from labeler.codec.sketch import Sketch, Taken, sketch, take
from labeler.errors import CapacityError

_MANY: Final = 12
"""Pictures from which a mark is estimated, other than one."""
_GAINS: Final = {1: 2.0, _MANY: 1.5}
"""How much of the estimate is added, so that the mark reads."""
_WHOLE_EDITS: Final = ("unchanged", "jpeg-70", "resize-0.5")
_COPY_EDITS: Final = (*_WHOLE_EDITS, "crop-50")
_UNRELATED_EDITS: Final = ("unchanged", "crop-25", "crop-10", "rotate-45", "canvas", "overlay")
_ENOUGH: Final = 0.95


def _page(share: float) -> Attack:
    """A part of the picture on a white page of the picture's own size, with a heading and lines."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        part = crop(share)(pixels, random)
        page = np.full_like(pixels, 255)
        height, width = page.shape[:2]
        _write(page, random)
        top = int(random.integers(0, height - part.shape[0] + 1))
        left = int(random.integers(0, width - part.shape[1] + 1))
        page[top : top + part.shape[0], left : left + part.shape[1]] = part
        return page

    return attack


def _large_page(times: int) -> Attack:
    """The whole picture on a white page of so many times its area."""

    def attack(pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        size = round(height * times**0.5), round(width * times**0.5)
        page = np.full((*size, 3), 255, pixels.dtype)
        _write(page, random)
        top = int(random.integers(0, size[0] - height + 1))
        left = int(random.integers(0, size[1] - width + 1))
        page[top : top + height, left : left + width] = pixels
        return page

    return attack


def _write(page: Pixels, random: np.random.Generator) -> None:
    """Grey lines, as of text, from a margin to anywhere."""
    height, width = page.shape[:2]
    for line in range(height // 24):
        end = int(width * random.uniform(0.5, 0.95))
        cv2.line(page, (width // 20, 24 * line + 12), (end, 24 * line + 12), (60, 60, 60), 5)


def _band(pixels: Pixels, _random: np.random.Generator) -> Pixels:
    """A black caption below, a sixth of the height, over the picture."""
    edited = pixels.copy()
    edited[-pixels.shape[0] // 6 :] = 0
    return edited


EDITS: Final[Mapping[str, Attack]] = {
    **ATTACKS,
    "caption": _band,
    "page-50": _page(0.5),
    "page-25": _page(0.25),
    "page-4x": _large_page(4),
    "page-9x": _large_page(9),
    "noise-25": noise(25),
    "noise-40": noise(40),
    "crop-25+overlay": chain(crop(0.25), overlay),
    "overlay+resize-0.5+jpeg-50": chain(overlay, resize(0.5), jpeg(50)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One comparison."""

    kind: str
    picture: str
    """Whose mark and sketch it is."""
    shown: str
    """The picture that is to be seen."""
    edit: str
    verdict: Verdict
    correlation: float
    p_value: float
    mismatch_p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know."""

    path: Path
    hosts: tuple[Path, ...]
    """Pictures to which its mark is copied."""
    others: tuple[Path, ...]
    """That carry the same payload, for an estimate from many."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of one picture."""

    picture: str
    record: Sketch | None
    """None where it cannot be marked."""
    views: Mapping[str, Taken]
    """By edit, where the mark read."""
    compared: tuple[Compared, ...]
    unread: int
    """Copies whose mark did not read."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables, and say by the exit code whether verdicts hold."""
    options = _parser().parse_args(arguments)
    paths = pictures.find(options.folder, options.pictures)
    paths += pictures.find(options.more) if options.more else []
    tasks = [_task(path, paths, options) for path in paths]
    measured = []
    for each in as_measured(partial(_measure), tasks, jobs=options.jobs):
        measured.append(each)
        print(f"[{len(measured)}/{len(tasks)}] {each.picture}", file=sys.stderr, flush=True)
    measured.sort(key=lambda each: each.picture)
    unrelated = list(_unrelated(measured, options.kin))
    compared = [one for each in measured for one in each.compared]
    report, holds = _report(compared, unrelated, sum(each.unread for each in measured))
    publish(options, report, [asdict(each) for each in (*compared, *unrelated)])
    sys.exit(0 if holds else 1)


def _parser() -> argparse.ArgumentParser:
    parser = benchmark_parser("content_binding", __doc__, media="pictures")
    parser.add_argument("--more", type=Path, metavar="DIR", help="a second folder of pictures")
    parser.add_argument("--hosts", type=int, default=8, help="copies of each mark (default: 8)")
    add_kin_option(parser)
    return parser


def add_kin_option(parser: argparse.ArgumentParser) -> None:
    """The option ``--kin``, for `are_kin`."""
    parser.add_argument(
        "--kin",
        type=lambda text: [frozenset(group.split("+")) for group in names(text)],
        default=[],
        metavar="A+B,…",
        help="pictures that show the same, which are not compared",
    )


def _task(path: Path, paths: Sequence[Path], options: argparse.Namespace) -> Task:
    random = random_for(options.seed, f"hosts of {path.stem}")
    strangers = [
        other for other in sorted(paths) if not are_kin(path.stem, other.stem, options.kin)
    ]
    order = random.permutation(len(strangers))
    chosen = [strangers[number] for number in order]
    return Task(
        path=path,
        hosts=tuple(chosen[: options.hosts]),
        others=tuple(chosen[options.hosts : options.hosts + _MANY - 1]),
        seed=options.seed,
    )


def are_kin(one: str, other: str, kin: Iterable[frozenset[str]]) -> bool:
    """Whether two pictures are one, or show the same."""
    return one == other or any({one, other} <= group for group in kin)


# ---------------------------------------------------------------- measuring


def _measure(task: Task) -> Measured:
    """Mark, edit and compare one picture, and copy its mark."""
    name = task.path.stem
    original = pictures.load(task.path)
    random = random_for(task.seed, name)
    payload, key = random_payload(random), random_key(random)
    try:
        marked = mark(original, payload, key)
    except CapacityError:
        return Measured(picture=name, record=None, views={}, compared=(), unread=0)
    record = sketch(original, period=tile_period(*original.shape[:2]))
    views = {}
    for edit, change in EDITS.items():
        taken = _read(change(marked, generator()), payload, key)
        if taken:
            views[edit] = taken
    compared = [
        _compared("edit", record, taken, picture=name, shown=name, edit=edit)
        for edit, taken in views.items()
    ]
    unread = 0
    for count in _GAINS:
        for host, edit, taken in _copies(task, marked, payload, key, count):
            if taken is None:
                unread += 1
            else:
                kind = f"copy of {count}"
                one = _compared(kind, record, taken, picture=name, shown=host, edit=edit)
                compared.append(one)
    return Measured(
        picture=name, record=record, views=views, compared=tuple(compared), unread=unread
    )


def _read(pixels: Pixels, payload: Payload, key: Key) -> Taken | None:
    """A view of a picture from which the payload reads."""
    detection = detect(pixels, [key], patient=True)
    if detection.payload != payload or detection.geometry is None:
        return None
    return view(pixels, detection.geometry, payload, key)


def view(pixels: Pixels, lies: Geometry, payload: Payload, key: Key) -> Taken:
    """What is compared with a sketch, of a picture whose mark reads, and lies so."""
    return take(pixels, **asdict(confirmed(pixels, lies, payload, key)))


def _compared(
    kind: str, record: Sketch, taken: Taken, *, picture: str, shown: str, edit: str
) -> Compared:
    match = compare(record, taken)
    return Compared(
        kind=kind,
        picture=picture,
        shown=shown,
        edit=edit,
        verdict=match.verdict,
        correlation=match.correlation,
        p_value=match.p_value,
        mismatch_p_value=match.mismatch_p_value,
    )


def _copies(
    task: Task, marked: Pixels, payload: Payload, key: Key, count: int
) -> Iterable[tuple[str, str, Taken | None]]:
    """The hosts, edited, with a copy of the mark, and the views of them where it reads."""
    period = tile_period(*marked.shape[:2])
    sums = folded(marked, period)
    for path in task.others if count > 1 else ():
        # Pictures of any size carry the mark alike when they are cut to the first one's.
        other = pictures.load(path)[: marked.shape[0], : marked.shape[1]]
        if tile_period(*other.shape[:2]) == period:
            try:
                sums += folded(mark(other, payload, key), period)
            except CapacityError:
                continue
    pattern = estimate(sums)
    for path in task.hosts:
        host = pictures.load(path)
        pixels = added(host, repeated(pattern, host), _GAINS[count])
        for edit in _COPY_EDITS:
            yield path.stem, edit, _read(attacked(edit, pixels), payload, key)


def _unrelated(measured: Sequence[Measured], kin: Sequence[frozenset[str]]) -> Iterable[Compared]:
    for known in measured:
        for shown in measured:
            if known.record and not are_kin(known.picture, shown.picture, kin):
                for edit in _UNRELATED_EDITS:
                    if edit in shown.views:
                        yield _compared(
                            "unrelated",
                            known.record,
                            shown.views[edit],
                            picture=known.picture,
                            shown=shown.picture,
                            edit=edit,
                        )


# ---------------------------------------------------------------- reporting


def _report(
    compared: Sequence[Compared], unrelated: Sequence[Compared], unread: int
) -> tuple[str, bool]:
    edits = [one for one in compared if one.kind == "edit"]
    copies = [one for one in compared if one.kind != "edit"]
    parts = [
        "Edited pictures whose mark reads; flagged is wrong",
        _table(edits),
        f"Pictures to which a mark was copied, where it reads (in {unread} more it does not)",
        _table(copies, by_kind=True),
        "Unrelated pictures",
        _table(unrelated),
    ]
    levels, calibrated = calibration({"unrelated": [one.p_value for one in unrelated]})
    parts += ["p-values of matches of unrelated pictures", levels]
    wrong = [one for one in edits if one.verdict is Verdict.MISMATCH]
    wrong += [one for one in (*copies, *unrelated) if one.verdict is Verdict.MATCH]
    parts += [f"- {one.kind}: {one.picture} / {one.shown}, {one.edit}: {one}" for one in wrong]
    seen = {
        one.picture for one in edits if one.edit == "unchanged" and one.verdict is Verdict.MATCH
    }
    whole = [one for one in copies if one.edit in _WHOLE_EDITS and one.picture in seen]
    flagged = sum(one.verdict is Verdict.MISMATCH for one in whole)
    parts.append(
        f"Copies of marks of pictures in which there is enough to see, shown whole: "
        f"{counted(flagged, len(whole))} flagged"
    )
    accused = any(one.verdict is Verdict.MISMATCH for one in edits)
    return "\n\n".join(parts), calibrated and not accused and flagged >= _ENOUGH * len(whole)


def _table(compared: Sequence[Compared], *, by_kind: bool = False) -> str:
    groups: dict[str, list[Compared]] = {}
    for one in compared:
        label = f"{one.kind}, {one.edit}" if by_kind else one.edit
        groups.setdefault(label, []).append(one)
    groups["all"] = list(compared)
    rows = []
    for label, group in groups.items():
        counts = Counter(one.verdict for one in group)
        flagged = counts[Verdict.MISMATCH]
        rows.append(
            (
                label,
                len(group),
                percent(counts[Verdict.MATCH], len(group)),
                percent(counts[Verdict.UNDECIDED], len(group)),
                flagged,
                percent(flagged, len(group)),
                interval_text(flagged, len(group)),
            )
        )
    header = ("edit", "pictures", "match", "undecided", "flagged", "flagged %", "95 %")
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
