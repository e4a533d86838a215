"""One picture through the attacks on its mark's security: see `benchmarks.image_security`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import pictures
from benchmarks.content_binding import view
from benchmarks.forged_patterns import (
    Plane,
    added,
    amplitude,
    carriers_of,
    estimate,
    folded,
    gain_for,
    gain_in,
    ghost_of,
    repeated,
    signs,
    tile_of,
)
from benchmarks.image_attacks import Pixels, generator
from benchmarks.image_edits import as_pixels, chain, crop, jpeg, resize
from benchmarks.marking import mark, random_for, random_key, random_payload
from benchmarks.quality import psnr_db
from detectors.image import Detection, detect, detect_each
from labeler.codec.content import compare
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import CARRIERS, spectrum, tile, tile_period
from labeler.codec.payload import Payload
from labeler.codec.sketch import sketch

__all__ = ["COUNTS", "GHOST", "NEVER", "Guess", "Measured", "Task", "Trial", "measure"]

COUNTS: Final = (1, 2, 4, 12)
"""Marked pictures from which a pattern is estimated."""
_COPIES: Final = (2, 4, 8)
"""Pictures that are mixed."""
_NOISE_DB: Final = (46.0, 43.0, 40.0)
"""What an attack with an editor may cost."""
_CODE_NOISE_DB: Final = (46.0, 34.0)
"""Likewise for copies by who has the code: as a mark, and far beyond it."""
_TWICE_DB: Final = 3.01
"""What two equally strong patterns cost more than one."""
_GAINS: Final = (1.0, 1.5)
"""How much of the pattern who has the code takes away, as shares of what is there."""
_KEY_GAINS: Final = (1.0, 1.25, 1.5)
"""Likewise for who has the key, and takes away what marking it again changes."""
_OTHER_KEYS: Final = 20
GHOST: Final = "pattern and a ghost of the picture"
"""The forgery that is made so that content agrees."""
NEVER: Final = "never embedded"
"""A payload was read that nobody embedded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know about one picture."""

    path: Path
    others: tuple[Path, ...]
    """Unrelated pictures, `COUNTS`' largest less one."""
    hosts: tuple[Path, ...]
    """Unmarked pictures to which the mark is copied."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """How well a pattern is known from some marked pictures."""

    picture: str
    count: int
    correlation: float
    """With the tile that was embedded, -1 to 1."""
    signs_right: float
    """The share of the signs that only the key tells, 0 to 1; by chance 0.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attack, and what the detector said then."""

    table: str
    attack: str
    picture: str
    says: str
    """A number: which of the embedded payloads was read, from 1 on; `NEVER`; or, where no payload
    was read, the `Presence`."""
    psnr_db: float | None = None
    """What the attack costs, against the picture that it began with."""
    content: str | None = None
    """Of a forged picture whose mark reads: how it agrees with what the mark was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that was tried with one picture."""

    guesses: tuple[Guess, ...]
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """A picture with its mark, and unrelated ones of its size with the same key and payload."""

    name: str
    pixels: Pixels
    payload: Payload
    key: Key
    original: Pixels
    others: tuple[Pixels, ...]
    """Without a mark."""
    period: int
    seed: int

    def random(self, label: str) -> np.random.Generator:
        """Random numbers for one purpose."""
        return random_for(self.seed, f"{label} {self.name}")

    def tried(
        self,
        table: str,
        attack: str,
        detection: Detection,
        embedded: Sequence[Payload] = (),
        *,
        psnr_db: float | None = None,
        content: str | None = None,
    ) -> Trial:
        """What a detection says of the payloads that were embedded: this one, unless given."""
        return Trial(
            table=table,
            attack=attack,
            picture=self.name,
            says=_said(detection, embedded or (self.payload,)),
            psnr_db=psnr_db,
            content=content,
        )


def measure(task: Task) -> Measured:
    """Put one picture through everything."""
    random = random_for(task.seed, f"security {task.path.stem}")
    key, payload = random_key(random), random_payload(random)
    original = pictures.load(task.path)
    megapixels = original.shape[0] * original.shape[1] / 1e6
    marked = _Marked(
        name=task.path.stem,
        pixels=mark(original, payload, key),
        payload=payload,
        key=key,
        original=original,
        others=tuple(pictures.at_size(pictures.load(path), megapixels) for path in task.others),
        period=tile_period(*original.shape[:2]),
        seed=task.seed,
    )
    patterns = _patterns(marked)
    trials = (
        *_removals(marked, patterns),
        *_forgeries(marked, patterns, task.hosts),
        *_mixtures(marked),
        *_collusions(marked),
        *_overwritings(marked),
        *_wrong_keys(marked),
    )
    return Measured(guesses=tuple(_guesses(marked, patterns)), trials=trials)


def _said(detection: Detection, embedded: Sequence[Payload]) -> str:
    if detection.payload is None:
        return detection.presence.value
    if detection.payload in embedded:
        return str(1 + embedded.index(detection.payload))
    return NEVER


# ---------------------------------------------------------------- estimating the pattern


def _patterns(marked: _Marked) -> dict[int, Plane]:
    """The estimates from so many pictures."""
    patterns = {}
    sums = np.zeros((2, marked.period, marked.period))
    files = [marked.pixels, *(mark(each, marked.payload, marked.key) for each in marked.others)]
    for count, pixels in enumerate(files, 1):
        if tile_period(*pixels.shape[:2]) == marked.period:  # rounding may make it another
            sums += folded(pixels, marked.period)
        if count in COUNTS:
            patterns[count] = estimate(sums)
    return patterns


def _guesses(marked: _Marked, patterns: Mapping[int, Plane]) -> Iterator[Guess]:
    bands = tile(marked.payload, marked.key, marked.period)
    keyed = np.concatenate([CARRIERS.pilot, CARRIERS.data])
    known = spectrum(marked.payload, marked.key)[keyed]
    for count, pattern in patterns.items():
        guessed = signs(carriers_of(pattern))[keyed]
        right = [guessed.real == known.real, guessed.imag == known.imag]
        yield Guess(
            picture=marked.name,
            count=count,
            correlation=float(np.corrcoef(pattern.ravel(), (bands.low + bands.high).ravel())[0, 1]),
            signs_right=float(np.mean(right)),
        )


def _shaped(pattern: Plane, pixels: Pixels) -> Plane:
    """The pattern as who has the code makes it: exact values, and as much as the picture hides."""
    exact = tile_of(signs(carriers_of(pattern)), len(pattern))
    return repeated(exact, pixels) * amplitude(pixels)


# ---------------------------------------------------------------- taking it away, and copying it


def _removals(marked: _Marked, patterns: Mapping[int, Plane]) -> Iterator[Trial]:
    def trial(attack: str, pixels: Pixels) -> Trial:
        cost = psnr_db(marked.pixels, pixels)
        return marked.tried("removal", attack, detect(pixels, [marked.key]), psnr_db=cost)

    for count, pattern in patterns.items():
        plane = repeated(pattern, marked.pixels)
        for noise_db in _NOISE_DB:
            attacked = added(marked.pixels, plane, -gain_for(plane, noise_db))
            yield trial(f"editor, {_files(count)}, {noise_db:.0f} dB", attacked)
    for count, pattern in patterns.items():
        plane = _shaped(pattern, marked.pixels)
        there = gain_in(marked.pixels, plane)
        for gain in _GAINS:
            attacked = added(marked.pixels, plane, -gain * there)
            yield trial(f"code, {_files(count)}, {gain:g} times", attacked)
    again = mark(marked.pixels, marked.payload, marked.key).astype(np.float32)
    for gain in _KEY_GAINS:
        undone = as_pixels(marked.pixels + gain * (marked.pixels - again))
        yield trial(f"key, marked again and taken away, {gain:g} times", undone)


def _forgeries(
    marked: _Marked, patterns: Mapping[int, Plane], hosts: Sequence[Path]
) -> Iterator[Trial]:
    record = sketch(marked.original, period=marked.period)
    for path in hosts:
        host = pictures.load(path)
        ghost = ghost_of(marked.pixels, host)
        for count in (min(COUNTS), max(COUNTS)):
            plain = repeated(patterns[count], host)
            ways = {
                f"editor, {_files(count)}, {noise_db:.0f} dB": (plain, noise_db)
                for noise_db in _NOISE_DB
            }
            shaped = _shaped(patterns[count], host)
            ways |= {
                f"code, {_files(count)}, {noise_db:.0f} dB": (shaped, noise_db)
                for noise_db in _CODE_NOISE_DB
            }
            if count == 1:
                ways |= {
                    f"{GHOST}, 1 picture, {noise_db:.0f} dB": (
                        plain * gain_for(plain, noise_db) + ghost * gain_for(ghost, noise_db),
                        noise_db - _TWICE_DB,
                    )
                    for noise_db in _NOISE_DB
                }
            for attack, (plane, noise_db) in ways.items():
                forged = added(host, plane, gain_for(plane, noise_db))
                found = detect(forged, [marked.key])
                content = None
                if found.payload == marked.payload and found.geometry is not None:
                    seen = view(forged, found.geometry, marked.payload, marked.key)
                    content = compare(record, seen).verdict.value
                cost = psnr_db(host, forged)
                yield marked.tried("forging", attack, found, psnr_db=cost, content=content)


def _files(count: int) -> str:
    return f"{count} picture{'s' if count > 1 else ''}"


# ---------------------------------------------------------------- averaging and collusion


def _mixtures(marked: _Marked) -> Iterator[Trial]:
    """Means of unrelated pictures under one key."""
    random = marked.random("mixtures")
    payloads = [marked.payload, *(random_payload(random) for _ in range(max(_COPIES)))]
    for count in _COPIES:
        sources = [marked.original, *marked.others[: count - 1]]
        height, width = (min(each.shape[side] for each in sources) for side in (0, 1))
        same = [mark(each, marked.payload, marked.key) for each in sources]
        own = [mark(each, said, marked.key) for each, said in zip(sources, payloads, strict=False)]
        for attack, files, is_cut in (
            ("one payload, from the same corner", same, False),
            ("one payload, cut out anywhere", same, True),
            ("each its own payload", own, False),
        ):
            cut = [_cut(each, height, width, random, anywhere=is_cut) for each in files]
            mixed = as_pixels(np.mean(cut, axis=0, dtype=np.float32))
            found = detect(mixed, [marked.key])
            yield marked.tried("averaging", f"{count} pictures, {attack}", found, payloads)


def _cut(
    pixels: Pixels, height: int, width: int, random: np.random.Generator, *, anywhere: bool
) -> Pixels:
    top, left = (
        int(random.integers(0, whole - part + 1)) if anywhere else 0
        for whole, part in zip(pixels.shape[:2], (height, width), strict=True)
    )
    return pixels[top : top + height, left : left + width]


def _lottery(copies: Pixels, random: np.random.Generator) -> Pixels:
    """Each pixel from any of the copies."""
    chosen = random.integers(0, len(copies), copies.shape[1:3])
    return np.asarray(np.take_along_axis(copies, chosen[None, ..., None], axis=0)[0])


def _patchwork(copies: Pixels, _random: np.random.Generator) -> Pixels:
    """Stripes, each from another copy."""
    stripes = np.array_split(np.arange(copies.shape[2]), len(copies))
    return np.concatenate([copies[n][:, at] for n, at in enumerate(stripes)], axis=1)


_COLLUSIONS: Final[Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]]] = {
    "mean": lambda copies, _: as_pixels(np.mean(copies, axis=0, dtype=np.float32)),
    "median": lambda copies, _: as_pixels(np.median(copies, axis=0)),
    "mean of least and most": lambda copies, _: as_pixels(
        (copies.min(axis=0).astype(np.float32) + copies.max(axis=0)) / 2
    ),
    "any copy for each pixel": _lottery,
    "a stripe of each": _patchwork,
}
"""What recipients do with their copies of one picture, ``(n, H, W, 3)``."""


def _collusions(marked: _Marked) -> Iterator[Trial]:
    """Copies of one picture for several recipients, each with its own payload."""
    random = marked.random("collusion")
    payloads = [marked.payload, *(random_payload(random) for _ in range(max(_COPIES) - 1))]
    copies = np.stack([mark(marked.original, each, marked.key) for each in payloads])
    for count in _COPIES:
        for name, collude in _COLLUSIONS.items():
            found = detect(collude(copies[:count], random), [marked.key])
            yield marked.tried("collusion", f"{count} copies, {name}", found, payloads[:count])


# ---------------------------------------------------------------- marking over it, other keys


_BETWEEN: Final = {
    "at once": lambda pixels, _random: pixels,
    "after JPEG 70": jpeg(70),
    "after scaling to 0.75 and JPEG 70": chain(resize(0.75), jpeg(70)),
    "after a crop to half": crop(0.5),
    "after a quarter turn": lambda pixels, _random: np.ascontiguousarray(np.rot90(pixels)),
}
"""What was done to a marked picture before it is marked again."""


def _overwritings(marked: _Marked) -> Iterator[Trial]:
    random = marked.random("overwriting")
    payloads = [marked.payload, random_payload(random), random_payload(random)]
    keys = [marked.key, random_key(random), random_key(random)]

    def trial(attack: str, found: Detection) -> Trial:
        return marked.tried("overwriting", attack, found, payloads)

    once = mark(marked.pixels, payloads[1], keys[1])
    twice = mark(once, payloads[2], keys[2])
    for name, pixels, count in (("another key", once, 2), ("two other keys", twice, 3)):
        for number, found in enumerate(detect_each(pixels, keys[:count]), 1):
            yield trial(f"{name}: mark {number} under its own key", found)
    public = mark(marked.pixels, payloads[1], PUBLIC_KEY, strength="robust")
    for number, found in enumerate(detect_each(public, [marked.key, PUBLIC_KEY]), 1):
        yield trial(f"the public key, robust: mark {number} under its own key", found)
    for name, change in _BETWEEN.items():
        again = mark(change(marked.pixels, generator()), payloads[1], marked.key)
        yield trial(f"the same key, {name}", detect(again, [marked.key]))


def _wrong_keys(marked: _Marked) -> Iterator[Trial]:
    random = marked.random("wrong keys")
    others = [random_key(random) for _ in range(_OTHER_KEYS)]
    rings = {
        "another secret key": others[:1],
        f"{_OTHER_KEYS} other secret keys": others,
        "the public key": [PUBLIC_KEY],
    }
    for name, keys in rings.items():
        yield marked.tried("wrong keys", name, detect(marked.pixels, keys))
