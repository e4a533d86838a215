"""Choosing what is woven into a sound: pattern, place to begin, and strength.

A sound resembles one pattern and place more than the others by chance. Beginning there costs
nothing and is worth a decibel or so for short sounds. The strength is tried on excerpts of the
sound, under noise that is 20 dB below it: what survives that, survives most of what is done to
sound.
"""

from __future__ import annotations

import math
from dataclasses import replace
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
from labeler.marks.survey import Survey
from labeler.marks.weaving import Thread, Weaver
from labeler.strength import Strength

__all__ = ["thread_for"]

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


def thread_for(survey: Survey, payload: AnyPayload, key: Key, strength: Strength) -> Thread:
    """The thread that suits a sound best.

    Args:
        survey: The sound, finished.
        payload: What the mark is to say.
        key: Under which key.
        strength: How strong it is to be, before the sound is looked at.

    Raises:
        CapacityError: The sound is too short or too quiet for the payload.
        ValueError: ``strength`` is unknown.
    """
    form = form_of(payload)
    chosen, start = _resembling(survey.folded, payload, key)
    thread = Thread.of(chosen.signs_of(payload), start, strength)
    excerpts = survey.excerpts()
    if survey.duration_s < _LEAST_S[form] or not excerpts.any():
        raise _too_little(survey, form, 0.0)
    z_clean, z_noisy = _try(excerpts, thread, chosen, payload, survey.highest_hz)
    # Deviations grow with the strength.
    raised = float(np.clip(_WISHED_Z[form] / max(z_noisy, 1.0), 1.0, _MOST_RAISED))
    # Excerpts of a long sound say less than all of it.
    whole = math.sqrt(max(1.0, survey.duration_s * RATE_HZ / len(excerpts)))
    if z_clean * raised * whole < _NEEDED_Z[form]:
        raise _too_little(survey, form, z_clean * raised * whole)
    return replace(thread, strength=thread.strength * raised)


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


def _resembling(folded: NDArray[np.float32], payload: AnyPayload, key: Key) -> tuple[Pattern, int]:
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
    return best[1], best[2]


def _try(
    samples: NDArray[np.float32],
    thread: Thread,
    chosen: Pattern,
    payload: AnyPayload,
    highest_hz: float,
) -> tuple[float, float]:
    """Deviations of the code word in the marked samples, without and with noise."""
    weaver = Weaver(1, thread, highest_hz=highest_hz)
    mark = np.concatenate([weaver.push(samples[:, None]), weaver.finish()])[:, 0]
    marked = samples + mark
    level = float(np.sqrt(np.mean(marked**2))) * 10 ** (_NOISE_DB / 20)
    noise = np.random.default_rng(1).standard_normal(len(marked)).astype(np.float32)
    versions = (marked, marked + np.float32(level) * noise)
    z_clean, z_noisy = (_code_word_z(each, thread, chosen, payload) for each in versions)
    return z_clean, z_noisy


def _code_word_z(
    samples: NDArray[np.float32], thread: Thread, chosen: Pattern, payload: AnyPayload
) -> float:
    padded = np.concatenate([np.zeros(FRAME, np.float32), samples, np.zeros(FRAME, np.float32)])
    energies = band_energies(cumulative(spectra(padded)))
    levels = decibels(energies, floor=1e-5 * float(energies.mean()) + 1e-20)
    cells = len(levels) // CELL_FRAMES
    means = levels[: cells * CELL_FRAMES].reshape(cells, CELL_FRAMES, BANDS).mean(axis=1)
    heard = whitened(unforeseen(means, step=1))
    folded = np.zeros(CELLS, np.float32)
    np.add.at(folded, (np.arange(cells) - thread.start) % PERIOD_CELLS, heard)
    word = chosen.code_word(folded)
    return float(word @ code_signs(payload)) / max(float(np.linalg.norm(word)), 1e-9)
