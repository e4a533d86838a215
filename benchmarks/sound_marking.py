"""Marking clips, and reading marks, with payloads and keys that can be repeated."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

import numpy as np

from benchmarks.outcomes import Outcome
from benchmarks.sound_clips import rounded
from benchmarks.sound_edits import Sound
from detectors.audio import Detection, detect
from labeler.codec.keys import Key
from labeler.codec.payload import Payload, ShortPayload
from labeler.marks.audio import embed
from labeler.strength import Strength

__all__ = ["mark", "passages", "read"]


def mark(
    samples: Sound,
    rate_hz: int,
    payload: Payload | ShortPayload,
    key: Key,
    *,
    strength: Strength = "balanced",
) -> Sound:
    """`embed`, rounded as in a 16-bit file."""
    marked = embed(samples, rate_hz, payload, key, strength=strength)
    return rounded(np.asarray(marked, np.float32))


def read(
    samples: Sound,
    rate_hz: int,
    payload: Payload | ShortPayload,
    key: Key,
    *,
    attack: str,
    patient: bool = False,
    others: Collection[Payload | ShortPayload] = (),
) -> Outcome:
    """What the detector says about ``samples`` after ``attack``.

    Args:
        samples: What is left of the marked sound.
        rate_hz: Samples a second.
        payload: What the mark said.
        key: Under which key.
        attack: What was done to it.
        patient: Whether to search patiently.
        others: Payloads that would be no mistake either.

    Raises:
        Exception: Whatever the detector raised, with a note on the attack.
    """
    start = time.process_time()
    try:
        detection = detect(samples, rate_hz, [key], patient=patient)
    except Exception as error:
        error.add_note(f"while reading the mark after {attack}")
        raise
    return Outcome(
        attack=attack,
        exact=detection.payload == payload,
        wrong=detection.payload not in {None, payload, *others},
        p_value=float(detection.p_value),
        found=_described(detection),
        detect_cpu_s=time.process_time() - start,
    )


def passages(
    samples: Sound, rate_hz: int, random: np.random.Generator, *, length_s: float, count: int
) -> Iterator[Sound]:
    """``count`` passages of ``length_s`` from anywhere; the whole where that is not longer."""
    length = int(length_s * rate_hz)
    for _ in range(count):
        start = int(random.integers(0, max(1, len(samples) - length)))
        yield samples[start : start + length].copy()


def _described(detection: Detection) -> str:
    if detection.speed is None or detection.pitch is None:
        return ""
    return f"speed {detection.speed:.3f}, pitch {detection.pitch:.3f}"
