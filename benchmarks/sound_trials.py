"""One clip through all its trials: marked in each form, attacked, read again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import sound_clips
from benchmarks.marking import random_for, random_key, random_payload
from benchmarks.outcomes import Outcome
from benchmarks.sound_attacks import ATTACKS, GROUPS, Attack, attacks
from benchmarks.sound_edits import Sound
from benchmarks.sound_marking import mark, passages, read
from benchmarks.sound_quality import Quality, measure
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.errors import CapacityError
from labeler.strength import Strength

__all__ = ["ALONE", "CROPPED", "SHORT_LENGTHS_S", "STANDARD", "Task", "Trial", "run"]

STANDARD: Final = "standard payload"
"""The whole clip carries the standard payload and goes through the attacks."""
CROPPED: Final = "short form, cropped afterwards"
"""The whole clip carries the short form; passages are cut out of the marked clip."""
ALONE: Final = "short form, marked alone"
"""Passages are cut out of the source, and each is marked as a clip of its own."""

SHORT_LENGTHS_S: Final = (3.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know about one clip."""

    path: Path
    backgrounds: Path
    """Where the attacks find other sound."""
    standard_attacks: tuple[str, ...]
    """Of clips with the standard payload; empty to leave that form out."""
    short_attacks: tuple[str, ...]
    """Of passages with the short form; empty to leave that form out."""
    passages: int
    """How many passages of each length are tried."""
    strength: Strength
    secret_key: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One clip or passage that was marked once."""

    clip: str
    form: str
    """`STANDARD`, `CROPPED` or `ALONE`."""
    length_s: float
    """Of what was marked; for `CROPPED`, of the passages that were read."""
    rate_hz: int
    channels: int
    embed_cpu_s: float
    refusal: str | None
    """Why it could not be marked; None where it could."""
    quality: Quality | None
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """A clip or passage with its mark, or why it has none."""

    original: Sound
    rate_hz: int
    samples: Sound | None
    refusal: str | None
    embed_cpu_s: float


def run(task: Task) -> list[Trial]:
    """All trials of one clip."""
    samples, rate_hz = sound_clips.load(task.path)
    random = random_for(task.seed, task.path.stem)
    payload = random_payload(random)
    key = random_key(random) if task.secret_key else PUBLIC_KEY
    trials = []
    if task.standard_attacks:
        trials.append(_standard(task, samples, rate_hz, payload, key))
    if task.short_attacks:
        short = ShortPayload.of(payload)
        trials += _cropped(task, samples, rate_hz, short, key)
        trials += _alone(task, samples, rate_hz, short, key)
    return trials


def _standard(task: Task, samples: Sound, rate_hz: int, payload: Payload, key: Key) -> Trial:
    marked = _mark(task, samples, rate_hz, payload, key)
    outcomes = (
        _attacked(name, attack, marked, payload, key)
        for name, attack in _chosen(task, task.standard_attacks)
        if marked.samples is not None
    )
    return _trial(task, STANDARD, marked, tuple(outcomes))


def _cropped(
    task: Task, samples: Sound, rate_hz: int, payload: ShortPayload, key: Key
) -> Iterator[Trial]:
    marked = _mark(task, samples, rate_hz, payload, key)
    for length_s in SHORT_LENGTHS_S:
        outcomes = []
        if marked.samples is not None:
            random = random_for(task.seed, f"{task.path.stem}, crops of {length_s:g} s")
            cuts = passages(marked.samples, rate_hz, random, length_s=length_s, count=task.passages)
            outcomes = [read(cut, rate_hz, payload, key, attack="unchanged") for cut in cuts]
        yield _trial(task, CROPPED, marked, tuple(outcomes), length_s=length_s)


def _alone(
    task: Task, samples: Sound, rate_hz: int, payload: ShortPayload, key: Key
) -> Iterator[Trial]:
    for length_s in SHORT_LENGTHS_S:
        random = random_for(task.seed, f"{task.path.stem}, passages of {length_s:g} s")
        for cut in passages(samples, rate_hz, random, length_s=length_s, count=task.passages):
            marked = _mark(task, cut, rate_hz, payload, key)
            outcomes = (
                _attacked(name, attack, marked, payload, key)
                for name, attack in _chosen(task, task.short_attacks)
                if marked.samples is not None
            )
            yield _trial(task, ALONE, marked, tuple(outcomes), length_s=length_s)


def _mark(
    task: Task, samples: Sound, rate_hz: int, payload: Payload | ShortPayload, key: Key
) -> _Marked:
    start = time.process_time()
    refusal, marked = None, None
    try:
        marked = mark(samples, rate_hz, payload, key, strength=task.strength)
    except CapacityError as error:
        refusal = str(error)
    return _Marked(
        original=samples,
        rate_hz=rate_hz,
        samples=marked,
        refusal=refusal,
        embed_cpu_s=time.process_time() - start,
    )


def _chosen(task: Task, names: tuple[str, ...]) -> list[tuple[str, Attack]]:
    if set(names) <= set(ATTACKS):
        known = ATTACKS
    else:
        known = attacks(task.backgrounds, besides=task.path.stem)
    return [(name, known[name]) for name in names]


def _attacked(
    name: str, attack: Attack, marked: _Marked, payload: Payload | ShortPayload, key: Key
) -> Outcome:
    damaged, rate_hz = attack(np.asarray(marked.samples), marked.rate_hz)
    return read(damaged, rate_hz, payload, key, attack=name, patient=name in GROUPS["joint"])


def _trial(
    task: Task,
    form: str,
    marked: _Marked,
    outcomes: tuple[Outcome, ...],
    *,
    length_s: float | None = None,
) -> Trial:
    quality = None
    if marked.samples is not None and form != CROPPED:
        quality = measure(marked.original, marked.samples, marked.rate_hz)
    return Trial(
        clip=task.path.stem,
        form=form,
        length_s=len(marked.original) / marked.rate_hz if length_s is None else length_s,
        rate_hz=marked.rate_hz,
        channels=marked.original.shape[1],
        embed_cpu_s=marked.embed_cpu_s,
        refusal=marked.refusal,
        quality=quality,
        outcomes=outcomes,
    )
