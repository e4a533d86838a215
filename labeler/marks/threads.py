"""Choosing what is woven into a sound: pattern, place to begin, and strength.

A sound resembles one pattern and place more than the others by chance. Beginning there costs
nothing and is worth a decibel or so for short sounds. The strength is tried on excerpts of the
sound, under noise that is 20 dB below it: what survives that, survives most of what is done to
sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.keys import Key
from labeler.codec.log_spectrum import (
    band_energies,
    cumulative,
    decibels,
    spectra,
    unforeseen,
    whitened,
)
from labeler.codec.patchwork import (
    BANDS,
    CELL_FRAMES,
    CELLS,
    FRAME,
    PATTERNS,
    PERIOD_CELLS,
    RATE_HZ,
    AnyPayload,
    Form,
    Pattern,
    code_signs,
    form_of,
    pattern,
)
from labeler.errors import CapacityError
from labeler.marks.signpost import Signpost
from labeler.marks.survey import Survey
from labeler.marks.weaving import Thread, Weaver, preset
from labeler.strength import Strength

__all__ = ["threads_for"]

_NOISE_DB: Final = -20.0
_NEEDED_Z: Final = {Form.STANDARD: 10.8, Form.SHORT: 7.5}
"""Deviations of a code word from which on it is read nearly always."""
_WISHED_Z: Final = {Form.STANDARD: 11.0, Form.SHORT: 8.5}
"""Deviations of a code word under noise, up to which the strength is raised."""
_MOST_RAISED: Final = 1.25
_LEAST_S: Final = {Form.STANDARD: 1.6, Form.SHORT: 1.0}
"""Durations below which not even noise carries a payload."""
_USUAL_S: Final = {Form.STANDARD: 4, Form.SHORT: 2}
"""Durations from which on most sounds carry one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """One mark, before its strength is known."""

    payload: AnyPayload
    pattern: Pattern
    start: int

    def thread(self, strength: float) -> Thread:
        return Thread.of(self.pattern.signs_of(self.payload), self.start, strength)


def threads_for(
    survey: Survey, payload: AnyPayload, key: Key, strength: Strength, signpost: Signpost | None
) -> list[Thread]:
    """The threads that suit a sound best: that of a mark, and that of a signpost beside it.

    Args:
        survey: The sound, finished.
        payload: What the mark is to say.
        key: Under which key.
        strength: How strong all is to be, before the sound is looked at.
        signpost: A second layer; None: none. Both together are as strong as one would be.

    Raises:
        CapacityError: The sound is too short or too quiet for a payload.
        ValueError: ``strength`` is unknown, or the signpost has the mark's own key.
    """
    layer = _resembling(survey.folded, payload, key)
    form = form_of(payload)
    if survey.duration_s < _LEAST_S[form] or not survey.excerpts().any():
        raise _too_little(survey, form, 0.0)
    asked = preset(strength)
    alone = _try(survey, [layer], [layer.thread(asked)])
    z_clean, z_noisy = alone.deviations[0]
    # Deviations grow with the strength.
    raised = float(np.clip(_WISHED_Z[form] / max(z_noisy, 1.0), 1.0, _MOST_RAISED))
    if signpost is None:
        _check(survey, payload, z_clean * raised)
        return [layer.thread(asked * raised)]
    public, share = signpost.beside(key), signpost.share
    beside = _resembling(survey.folded, public.payload, public.key)
    shares = {layer: asked * math.sqrt(1 - share), beside: asked * math.sqrt(share)}
    both = _try(survey, list(shares), [each.thread(part) for each, part in shares.items()])
    # Where their changes meet they may add up to more than those of one.
    raised *= min(1.0, math.sqrt(alone.energy / max(both.energy, 1e-20)))
    for each, (z, _) in zip(shares, both.deviations, strict=True):
        _check(survey, each.payload, z * raised)
    return [each.thread(part * raised) for each, part in shares.items()]


def _check(survey: Survey, payload: AnyPayload, z: float) -> None:
    """See that a sound whose excerpts say so much carries the payload.

    Raises:
        CapacityError: It does not.
    """
    form = form_of(payload)
    # Excerpts of a long sound say less than all of it.
    whole = math.sqrt(max(1.0, survey.duration_s * RATE_HZ / len(survey.excerpts())))
    if z * whole < _NEEDED_Z[form]:
        raise _too_little(survey, form, z * whole)


def _too_little(survey: Survey, form: Form, z: float) -> CapacityError:
    duration = survey.duration_s
    if duration > 0 and not survey.excerpts().any():
        return CapacityError(
            "the sound is silent, so that there is nothing to carry a watermark",
            hint="Check that it is the right file",
        )
    problem = f"{duration:.1f} s of this sound are too little to carry a watermark"
    if duration < _LEAST_S[form]:
        return CapacityError(problem, hint=f"It takes {_USUAL_S[form]} s, or more of some sounds")
    needed = max(_USUAL_S[form], duration * (_NEEDED_Z[form] / max(z, 2.0)) ** 2)
    return CapacityError(problem, hint=f"About {math.ceil(needed)} s of the same kind would do")


def _resembling(folded: NDArray[np.float32], payload: AnyPayload, key: Key) -> _Layer:
    """The pattern, and the cell to begin in, that the sound resembles most already."""
    form = form_of(payload)
    spectrum = np.fft.rfft(folded, axis=0)
    best: tuple[float, Pattern, int] | None = None
    for number in range(PATTERNS[form]):
        candidate = pattern(key, form, number)
        signs = np.fft.rfft(candidate.signs_of(payload), axis=0)
        likeness = np.fft.irfft((spectrum * np.conj(signs)).sum(axis=1), PERIOD_CELLS)
        start = int(likeness.argmax())
        if best is None or likeness[start] > best[0]:
            best = float(likeness[start]), candidate, start
    if best is None:
        raise ValueError(f"there is no pattern of the {form} form")
    return _Layer(payload, best[1], best[2])


@dataclass(frozen=True, slots=True)
class _Tried:
    """What became of marks that were tried."""

    energy: float
    """Of all that was added."""
    deviations: list[tuple[float, float]]
    """Of each layer's code word, without and with noise."""


def _try(survey: Survey, layers: Sequence[_Layer], threads: Sequence[Thread]) -> _Tried:
    samples = survey.excerpts()
    weaver = Weaver(1, threads, highest_hz=survey.highest_hz)
    mark = np.concatenate([weaver.push(samples[:, None]), weaver.finish()])[:, 0]
    marked = samples + mark
    level = float(np.sqrt(np.mean(marked**2))) * 10 ** (_NOISE_DB / 20)
    noise = np.random.default_rng(1).standard_normal(len(marked)).astype(np.float32)
    clean, noisy = _heard(marked), _heard(marked + np.float32(level) * noise)
    return _Tried(
        energy=float(np.sum(mark * mark)),
        deviations=[(_code_word_z(clean, each), _code_word_z(noisy, each)) for each in layers],
    )


def _heard(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(cells, BANDS)`` what a detector hears of them."""
    padded = np.concatenate([np.zeros(FRAME, np.float32), samples, np.zeros(FRAME, np.float32)])
    energies = band_energies(cumulative(spectra(padded)))
    levels = decibels(energies, floor=1e-5 * float(energies.mean()) + 1e-20)
    cells = len(levels) // CELL_FRAMES
    means = levels[: cells * CELL_FRAMES].reshape(cells, CELL_FRAMES, BANDS).mean(axis=1)
    return whitened(unforeseen(means, step=1))


def _code_word_z(heard: NDArray[np.float32], layer: _Layer) -> float:
    folded = np.zeros(CELLS, np.float32)
    np.add.at(folded, (np.arange(len(heard)) - layer.start) % PERIOD_CELLS, heard)
    word = layer.pattern.code_word(folded)
    return float(word @ code_signs(layer.payload)) / max(float(np.linalg.norm(word)), 1e-9)
