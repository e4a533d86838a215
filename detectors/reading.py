"""Reading the places that synchronisation found, under each key.

Two kinds of evidence speak for a key, each with a bound of its own: the pilot carriers, whose
signs the key fixes, and a code word that decodes, with its CRC, to a payload. Both are sums of
chips times signs that were drawn from the key, so that `labeler.codec.significance` applies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec import error_correction
from labeler.codec.keys import Key
from labeler.codec.lattice import CARRIERS, data_chips, pilot_signs, spectrum
from labeler.codec.payload import PAYLOAD_BITS, Payload
from labeler.codec.significance import any_of, p_value

__all__ = ["Heard", "Reading", "read"]

_DECODINGS: Final = 6
"""Pairs of place and key that are decoded, the likeliest first."""
_WORTH_DECODING: Final = 5.0
"""Root of the summed squares of synchronisation and pilot statistic below which no code word has
been seen to decode."""
_RINGS: Final = 5
"""Rings of frequency for which the strength of the mark is estimated apart."""
_GAIN_SPREAD: Final = 0.08
"""How far the gain of a ring lies from the expected one, as a deviation."""
_LEAST_GAIN, _MOST_GAIN = 0.02, 0.68


@dataclass(frozen=True, slots=True)
class Heard:
    """What one place says."""

    z: float
    """Its synchronisation statistic."""
    values: NDArray[np.complex64]
    """``(len(CARRIERS),)`` the carriers' values, as `detectors.synchronisation.hear` gives them."""

    def weighted(self) -> NDArray[np.complex64]:
        """The values, weighted by how far the mark was heard at their frequency.

        The weight is gain over noise variance. The gain is measured on the synchronisation carriers
        alone, so that it knows no key, and drawn towards a gain that falls as one over the
        frequency, as far as the measurement is uncertain.
        """
        agreement = np.real(self.values[CARRIERS.sync] * np.conj(CARRIERS.sync_signs)) / 2
        slope = 1 / CARRIERS.frequency
        ring = np.arange(len(CARRIERS)) * _RINGS // len(CARRIERS)
        heard = ring[CARRIERS.sync]
        count = np.bincount(heard, minlength=_RINGS)
        measured = np.bincount(heard, agreement, _RINGS) / count
        scale = float(agreement @ slope[CARRIERS.sync] / np.sum(slope[CARRIERS.sync] ** 2))
        expected = max(scale, 0.01) * np.bincount(ring, slope) / np.bincount(ring)
        trust = _GAIN_SPREAD**2 / (_GAIN_SPREAD**2 + 0.5 / count)
        gain = np.clip(trust * measured + (1 - trust) * expected, _LEAST_GAIN, _MOST_GAIN)
        return (self.values * (gain / (0.5 - gain**2))[ring]).astype(np.complex64)


@dataclass(frozen=True, slots=True)
class Reading:
    """What speaks for one key."""

    p_value: float
    """Of the stronger of pilots and code word; the places are counted, other keys are not."""
    payload: Payload | None
    """What the code word says, where its CRC held."""
    place: int
    """Which place the evidence comes from."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A code word that decoded with its CRC."""

    payload: Payload
    place: int
    z: float
    """Statistic over the code word and the pilots together."""


def read(heard: Sequence[Heard], keys: Sequence[Key], *, places: int) -> list[Reading]:
    """Read every place under every key.

    Args:
        heard: What the places say, at most ``places`` of them.
        keys: The keys.
        places: How many places there could have been; significance counts them all.

    Returns:
        What speaks for each key, in order.
    """
    if not heard:
        return [Reading(1.0, None, 0) for _ in keys]
    weighted = np.stack([each.weighted() for each in heard])
    pilots = _pilot_sums(weighted, keys)
    norms = np.linalg.norm(weighted[:, CARRIERS.pilot], axis=1, keepdims=True)
    statistics = pilots / np.maximum(norms, 1e-9)
    words = _decode(np.array([each.z for each in heard]), weighted, keys, statistics)
    log_places = math.log(places)
    log_words = log_places + PAYLOAD_BITS * math.log(2)
    readings = []
    for number in range(len(keys)):
        place = int(np.argmax(statistics[:, number]))
        pilot_p = p_value(float(statistics[place, number]), log_hypotheses=log_places)
        word = words.get(number)
        if word is None:
            readings.append(Reading(any_of(pilot_p, 1.0), None, place))
        else:
            word_p = p_value(word.z, log_hypotheses=log_words)
            readings.append(Reading(any_of(pilot_p, word_p), word.payload, word.place))
    return readings


def _pilot_sums(weighted: NDArray[np.complex64], keys: Sequence[Key]) -> NDArray[np.float32]:
    """``(places, keys)`` sums over the pilot carriers of chips times signs."""
    signs = np.stack([pilot_signs(key) for key in keys])
    return np.real(weighted[:, CARRIERS.pilot] @ np.conj(signs).T)


def _decode(
    synchronisation: NDArray[np.float64],
    weighted: NDArray[np.complex64],
    keys: Sequence[Key],
    pilots: NDArray[np.float32],
) -> dict[int, _Word]:
    """For each key that has one, the best word that decoded."""
    squares = synchronisation[:, None] ** 2 + np.maximum(pilots, 0) ** 2
    order = np.argsort(-squares, axis=None)[:_DECODINGS]
    pairs = [
        divmod(int(flat), len(keys)) for flat in order if squares.flat[flat] >= _WORTH_DECODING**2
    ]
    if not pairs:
        return {}
    soft = np.stack([_code_word(weighted[place], keys[key]) for place, key in pairs])
    best: dict[int, _Word] = {}
    for (place, key), payload in zip(pairs, error_correction.decode_each(soft), strict=True):
        if payload is not None:
            z = _joint_statistic(weighted[place], keys[key], payload)
            if key not in best or z > best[key].z:
                best[key] = _Word(payload, place, z)
    return best


def _code_word(weighted: NDArray[np.complex64], key: Key) -> NDArray[np.float32]:
    """``(CODE_BITS,)`` log-likelihood ratios of the code bits."""
    chips = data_chips(key)
    data = weighted[CARRIERS.data]
    soft = np.stack([data.real, data.imag], axis=1).ravel() * chips.signs
    return np.bincount(chips.code_bit, soft, error_correction.CODE_BITS).astype(np.float32)


def _joint_statistic(weighted: NDArray[np.complex64], key: Key, payload: Payload) -> float:
    """Statistic of all the chips whose signs the key and the payload fix."""
    keyed = np.concatenate([CARRIERS.pilot, CARRIERS.data])
    heard = weighted[keyed]
    agreement = np.sum(np.real(heard * np.conj(spectrum(payload, key)[keyed])))
    return float(agreement / max(float(np.linalg.norm(heard)), 1e-9))
