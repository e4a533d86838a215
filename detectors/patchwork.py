"""Reading what the periods of a mark say, once it is known where they begin.

Periods lie one behind the other, unless somebody cut, looped or moved parts of the sound. So three
readings are tried: all periods on top of each other; each of them where its own pilots are best,
a few frames off; and those that stand out alone, wherever they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.alignment import Alignment
from labeler.codec import error_correction, short_code
from labeler.codec.patchwork import (
    CELL_FRAMES,
    CELLS,
    PERIOD_CELLS,
    PERIOD_FRAMES,
    PILOTS,
    AnyPayload,
    Form,
    Pattern,
)
from labeler.codec.payload import PAYLOAD_BITS, SHORT_BITS, ShortPayload
from labeler.codec.significance import log_tail

__all__ = ["Choice", "Period", "Word", "agreement", "choices_of", "read"]

_DRIFT_FRAMES: Final = 3
"""How far a period is followed from where it is expected."""
_BETTER_BY: Final = 1.0
"""What following it has to gain, in deviations."""
_ALONE: Final = 5.5
"""Deviations from which on a period stands out wherever it is."""
_MOST_ALONE: Final = 24
_KINDS: Final = 3
"""Kinds of choices: folded, followed, alone."""
_FULL_WEIGHT: Final = 4.0
"""Deviations of a period that counts fully."""
_LEAST_WEIGHT: Final = 0.15
_BAND_REACH: Final = 8
"""Bands on either side whose pilots count for a band's reliability."""
_LEAST_RELIABILITY: Final = 0.05
_LOG_WORD_CHANCE: Final = math.log(1e-3)
"""How likely a code word without CRC may be by chance, its pilots apart."""


@dataclass(frozen=True, slots=True)
class Period:
    """One period in the sound."""

    row: int
    """Row of the features in which it begins; may be less than 0."""
    z: float
    """Its pilots' statistic."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Periods that are read together."""

    periods: tuple[Period, ...]
    log_count: float
    """Natural logarithm of how many choices of this kind and of the others there could have been:
    the best of them all is as likely by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """What was read, and how surprising it is."""

    payload: AnyPayload
    log_p: float
    """Natural logarithm of the probability that any payload agrees so well with the pilots and
    data of these periods by chance: every payload and choice of periods is counted, scales and
    patterns are not."""


def choices_of(alignment: Alignment, number: int, rows: int) -> list[Choice]:
    """The choices of periods that are worth reading: folded, followed, and alone.

    Args:
        alignment: What the pilots say.
        number: Which pattern.
        rows: Rows of the features.
    """
    single = alignment.single[:, number]
    start = int(alignment.folded[:, number].argmax())
    folded = [
        Period(row, float(single[row + alignment.lead]))
        for row in range(start - PERIOD_FRAMES, rows, PERIOD_FRAMES)
        if row + alignment.lead >= 0
    ]
    followed = [_follow(single, period, alignment.lead) for period in folded]
    alone = _alone(single, alignment.lead)
    moved = [each for each in alone if all(abs(each.row - one.row) > 3 for one in followed)]
    # A folded reading is told by where it begins; a followed period may be at any of some frames
    # around its place, one that is alone anywhere.
    begins = math.log(_KINDS) + math.log(PERIOD_FRAMES)
    near = math.log(2 * _DRIFT_FRAMES + 1)
    anywhere = math.log(len(single))
    choices = [Choice(tuple(folded), begins)]
    if followed != folded or moved:
        log_count = begins + len(followed) * near + len(moved) * anywhere
        choices.append(Choice((*followed, *moved), log_count))
    if alone and len(alone) < len(followed):
        choices.append(Choice(tuple(alone), math.log(_KINDS) + len(alone) * anywhere))
    return choices


def _follow(single: NDArray[np.float32], period: Period, lead: int) -> Period:
    place = period.row + lead
    first = max(0, place - _DRIFT_FRAMES)
    near = single[first : place + _DRIFT_FRAMES + 1]
    best = first + int(near.argmax())
    z = float(single[best])
    return Period(best - lead, z) if z > period.z + _BETTER_BY else period


def _alone(single: NDArray[np.float32], lead: int) -> list[Period]:
    left = single.copy()
    found: list[Period] = []
    while len(found) < _MOST_ALONE:
        place = int(left.argmax())
        if left[place] < _ALONE:
            break
        found.append(Period(place - lead, float(left[place])))
        left[max(0, place - PERIOD_FRAMES // 3) : place + PERIOD_FRAMES // 3] = -np.inf
    return found


def read(features: NDArray[np.float32], choices: Sequence[Choice], pattern: Pattern) -> Word | None:
    """The payload that the clearest of some choices of periods shows; None where there is none.

    Args:
        features: ``(n, BANDS)``.
        choices: As `choices_of` gives them.
        pattern: Whose signs the mark has.
    """
    blocks = [_blocks(features, choice) for choice in choices]
    received = [
        _code_word(block, choice, pattern) for block, choice in zip(blocks, choices, strict=True)
    ]
    payloads = _decode_short(received) if pattern.form is Form.SHORT else _decode(received)
    words = [
        Word(payload, _log_p(block, pattern, payload, choice.log_count))
        for payload, block, choice in zip(payloads, blocks, choices, strict=True)
        if payload is not None
    ]
    return min(words, key=lambda word: word.log_p, default=None)


def _blocks(features: NDArray[np.float32], choice: Choice) -> NDArray[np.float32]:
    """``(periods, *CELLS)`` the cells of each period, 0 where the sound has none."""
    rows = np.array([each.row for each in choice.periods])[:, None] + CELL_FRAMES * np.arange(
        PERIOD_CELLS
    )
    inside = (rows >= 0) & (rows < len(features))
    blocks = np.zeros((len(choice.periods), *CELLS), np.float32)
    blocks[inside] = features[rows[inside]]
    return blocks


def _code_word(
    blocks: NDArray[np.float32], choice: Choice, pattern: Pattern
) -> NDArray[np.float32]:
    z = np.array([each.z for each in choice.periods])
    weights = np.clip(z / _FULL_WEIGHT, _LEAST_WEIGHT, 1).astype(np.float32)
    cells = np.tensordot(weights, blocks, axes=1)
    return pattern.code_word(cells * _reliability(cells, pattern))


def _reliability(cells: NDArray[np.float32], pattern: Pattern) -> NDArray[np.float32]:
    """``(BANDS,)`` how far the pilots of each band and the bands around it were heard.

    Noise, codecs and telephones take whole regions of the spectrum away. Pilots tell which, and
    know nothing of the data.
    """
    said = np.where(PILOTS, cells * pattern.signs, 0).sum(axis=0)
    scale = np.where(PILOTS, np.abs(cells), 0).sum(axis=0)
    window = np.ones(2 * _BAND_REACH + 1)
    near = np.convolve(said, window, "same") / np.maximum(np.convolve(scale, window, "same"), 1e-6)
    return np.clip(near, _LEAST_RELIABILITY, None).astype(np.float32)


def _decode(words: Sequence[NDArray[np.float32]]) -> list[AnyPayload | None]:
    return [*error_correction.decode_each(np.stack(words))]


def _decode_short(words: Sequence[NDArray[np.float32]]) -> list[AnyPayload | None]:
    payloads: list[AnyPayload | None] = []
    for word in words:
        message, correlation = short_code.decode(word)
        z = correlation / max(float(np.linalg.norm(word)), 1e-9)
        # Pilots that are sure do not make a word sure that was damaged: it has to stand by itself.
        sure = SHORT_BITS * math.log(2) + log_tail(z) <= _LOG_WORD_CHANCE
        payloads.append(ShortPayload.from_int(message) if sure else None)
    return payloads


def _log_p(
    blocks: NDArray[np.float32], pattern: Pattern, payload: AnyPayload, log_choices: float
) -> float:
    cells = blocks.sum(axis=0)
    signs = pattern.signs_of(payload)
    z = float(np.vdot(cells, signs)) / max(float(np.linalg.norm(cells)), 1e-9)
    bits = SHORT_BITS if pattern.form is Form.SHORT else PAYLOAD_BITS
    return min(0.0, log_tail(z) + bits * math.log(2) + log_choices)


def agreement(
    features: NDArray[np.float32], choice: Choice, signs: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each stretch of one cell's length agrees with the mark.

    Args:
        features: ``(n, BANDS)``.
        choice: Where periods begin; where several overlap, the clearer one counts.
        signs: ``CELLS``; 0 where nothing is known.

    Returns:
        ``(cells,)`` sums of features times signs, and their variances, for consecutive cells.
    """
    count = len(features) // CELL_FRAMES + 2
    sums, variances = np.zeros(count), np.zeros(count)
    for period in sorted(choice.periods, key=lambda each: each.z):
        rows = period.row + CELL_FRAMES * np.arange(PERIOD_CELLS)
        inside = (rows >= 0) & (rows < len(features))
        cells = features[rows[inside]]
        places = (rows[inside] + CELL_FRAMES // 2) // CELL_FRAMES
        sums[places] = np.sum(cells * signs[inside], axis=1)
        variances[places] = np.sum(cells * cells * np.abs(signs[inside]), axis=1)
    return sums, variances
