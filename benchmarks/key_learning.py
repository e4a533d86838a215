"""Learning a secret key from files of which it is known what they say, and forging with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import pictures
from benchmarks.forged_patterns import (
    added,
    amplitude,
    carriers_of,
    estimate,
    folded,
    gain_for,
    learn,
    repeated,
    tile_of,
)
from benchmarks.image_attacks import Pixels
from benchmarks.image_edits import crop
from benchmarks.marking import random_for, random_key
from detectors.image import detect
from labeler.codec.lattice import spectrum, tile_period
from labeler.codec.payload import Handle, Origin, Payload
from labeler.marks.image import MINIMUM_SIDE, embed
from labeler.marks.signpost import Signpost

__all__ = ["FILES", "Learning", "Task", "measure"]

FILES: Final = (8, 16, 32, 64)
"""From how many files a key is learnt."""
_HOSTS: Final = 4
_ISSUER: Final = 0xFF01
_NOISE_DB: Final = 46.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One key to learn."""

    paths: tuple[Path, ...]
    """Pictures of which halves are marked, in turn."""
    draw: int
    with_signpost: bool
    """Whether the public key's layer is beside the secret key's."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What was learnt from some files."""

    draw: int
    with_signpost: bool
    files: int
    signs_right: float
    """Of what was written for new payloads, 0 to 1."""
    said: tuple[str, ...]
    """Of each picture with a new payload, under the secret key: "exact", "never embedded", or the
    presence."""


def measure(task: Task) -> list[Learning]:
    """Learn one key, and write new payloads of the same issuer under it."""
    random = random_for(task.seed, f"learning {task.draw} {task.with_signpost}")
    key = random_key(random)
    sources = [pictures.load(path) for path in task.paths]
    files = _files(sources, random)
    payloads = [_payload(random) for _ in range(max(FILES))]
    values = []
    for pixels, payload in zip(files, payloads, strict=False):
        signpost = Signpost(payload=payload) if task.with_signpost else None
        marked = np.asarray(embed(pixels, payload, key, signpost=signpost), np.uint8)
        values.append(carriers_of(estimate(folded(marked, tile_period(*pixels.shape[:2])))))
    results = []
    for count in FILES:
        learnt = learn(values[:count], payloads[:count])
        rights, said = [], []
        for place in random.permutation(len(sources))[:_HOSTS]:
            host, payload = sources[place], _payload(random)
            written, true = learnt.write(payload), spectrum(payload, key)
            rights += [np.mean(written.real == true.real), np.mean(written.imag == true.imag)]
            pattern = tile_of(written, tile_period(*host.shape[:2]))
            plane = repeated(pattern, host) * amplitude(host)
            found = detect(added(host, plane, gain_for(plane, _NOISE_DB)), [key])
            answer = {payload: "exact", None: found.presence.value}
            said.append(answer.get(found.payload, "never embedded"))
        results.append(
            Learning(
                draw=task.draw,
                with_signpost=task.with_signpost,
                files=count,
                signs_right=float(np.mean(rights)),
                said=tuple(said),
            )
        )
    return results


def _files(sources: list[Pixels], random: np.random.Generator) -> Iterator[Pixels]:
    """Halves of the pictures, each another, as if they were pictures of their own."""
    number = 0
    while True:
        part = crop(0.5)(sources[number % len(sources)], random)
        number += 1
        if min(part.shape[:2]) >= MINIMUM_SIDE:
            yield part


def _payload(random: np.random.Generator) -> Payload:
    """Of one issuer, as a provider's are."""
    return Payload(origin=Origin.GENERATED, handle=Handle(_ISSUER, int(random.integers(1 << 32))))
