"""Searching through changes of tempo and pitch until a mark stands out.

The order is that of likelihood: first nothing changed; then speed (tempo and pitch together), tempo
alone and pitch alone, up to 11 % in steps of 1.5 %; in the patient mode every pair of the two. The
best of these is refined in ever smaller steps.

Half of the chance of a false alarm is spent on the first look and half on everything else, so that
the mark of a file that was not slowed down or sped up is not weakened by the search.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.alignment import Alignment, Bank, align
from detectors.listening import Heard, Scale

__all__ = ["Look", "looks", "sharpened"]

_STEP: Final = 0.015
_STEPS: Final = 7
"""Steps to either side: up to 10.5 %."""
_REFINEMENTS: Final = (0.007, 0.0035, 0.0018, 0.0009)
"""Changes of tempo and pitch that are tried around the best, one after the other."""
_STANDS_OUT: Final = math.log(1e-8)
"""Logarithm of a p-value at which a scale is refined at once."""
_WORTH_REFINING: Final = math.log(0.3)
"""Logarithm of the p-value, over all scales of the search, up to which the best is refined."""
_SHARPENED_FRAMES: Final = 640
"""Frames that are looked at for it: ten seconds."""
_SHARPENING_STEPS: Final = 20
_COARSE_FRAMES: Final = 2
"""Frames from one place to the next while scales are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The sound, looked at under one scale."""

    scale: Scale
    features: NDArray[np.float32]
    """``(n, BANDS)`` as `Heard.features` gives them."""
    alignment: Alignment
    number: int
    """The pattern of the bank that stands out most."""
    log_p: float
    """Natural logarithm of its p-value, everything that this search could try counted."""
    log_scales: float
    """Natural logarithm of how many scales are counted in it."""


def looks(heard: Heard, bank: Bank, *, patient: bool) -> Iterator[Look]:
    """The looks that are worth reading, in the order in which they are found.

    The first is at the sound as it is. Whoever is content with a look asks for no more.

    Args:
        heard: The sound.
        bank: The patterns.
        patient: Whether all pairs of tempo and pitch are tried, at some four times the cost.
    """
    yield _look(heard, bank, Scale(), math.log(2))
    coarse = [each for each in _scales(patient=patient) if not each.is_identity]
    # Every scale that refining could end at is counted: each round stays or takes one of six steps.
    log_scales = math.log(2 * len(coarse) * 7 ** len(_REFINEMENTS))
    best: tuple[float, Scale] | None = None
    for scale in coarse:
        log_p = _coarse(heard, bank, scale)
        if log_p + log_scales <= _STANDS_OUT:
            yield _refined(heard, bank, scale, log_scales)
        if best is None or log_p < best[0]:
            best = log_p, scale
    if best is not None and best[0] <= _WORTH_REFINING - math.log(len(coarse)):
        yield _refined(heard, bank, best[1], log_scales)


def _coarse(heard: Heard, bank: Bank, scale: Scale) -> float:
    """Natural logarithm of the p-value of one scale, from every second frame."""
    features = heard.features(scale, step=_COARSE_FRAMES)
    return align(features, bank, step=_COARSE_FRAMES).best()[1]


def _look(heard: Heard, bank: Bank, scale: Scale, log_scales: float) -> Look:
    features = heard.features(scale)
    alignment = align(features, bank)
    number, log_p = alignment.best()
    return Look(scale, features, alignment, number, log_p + log_scales, log_scales)


def _scales(*, patient: bool) -> Iterator[Scale]:
    changes = [1 + step * _STEP for step in range(-_STEPS, _STEPS + 1)]
    # Small changes are likelier than large ones.
    changes.sort(key=lambda each: abs(each - 1))
    if patient:
        yield from (Scale(tempo, pitch) for tempo in changes for pitch in changes)
        return
    for change in changes:
        yield Scale(change, change)
        yield Scale(change, 1.0)
        yield Scale(1.0, change)


def sharpened(heard: Heard, bank: Bank, look: Look) -> Scale:
    """The scale at which a mark that was read stands out most.

    A strong mark is read at a scale that is off by some percent. Ten seconds tell a better one.

    Args:
        heard: The sound.
        bank: The patterns.
        look: The look at which the mark was read.
    """
    place = int(look.alignment.single[:, look.number].argmax()) - look.alignment.lead
    part = heard.around(int(place / look.scale.tempo), _SHARPENED_FRAMES)
    scale, log_p = look.scale, _coarse(part, bank, look.scale)
    for _ in range(_SHARPENING_STEPS):
        # Tempo and pitch may be off together: then a step of one of them tells, too.
        near = _neighbours(scale, _REFINEMENTS[0])[:4]
        logs = [_coarse(part, bank, each) for each in near]
        best = int(np.argmin(logs))
        if logs[best] > log_p - 1:
            break
        scale, log_p = near[best], logs[best]
    return scale if scale == look.scale else _refined(part, bank, scale, 0.0).scale


def _refined(heard: Heard, bank: Bank, scale: Scale, log_scales: float) -> Look:
    look = _look(heard, bank, scale, log_scales)
    for change in _REFINEMENTS:
        around = _neighbours(look.scale, change)
        others = (_look(heard, bank, each, log_scales) for each in around)
        look = min(look, *others, key=lambda each: each.log_p)
    return look


def _neighbours(scale: Scale, change: float) -> list[Scale]:
    tempo, pitch = scale.tempo, scale.pitch
    return [
        Scale(tempo * (1 + change), pitch),
        Scale(tempo * (1 - change), pitch),
        Scale(tempo, pitch * (1 + change)),
        Scale(tempo, pitch * (1 - change)),
        Scale(tempo * (1 + change), pitch * (1 + change)),
        Scale(tempo * (1 - change), pitch * (1 - change)),
    ]
