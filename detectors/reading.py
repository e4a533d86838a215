"""Reading the places that synchronisation found, under each key.

Two kinds of evidence speak for a key, each with a bound of its own: the pilot carriers, whose
signs the key fixes, and a code word that decodes, with its CRC, to a payload. Both are sums of
chips times signs that were drawn from the key, so that `labeler.codec.significance` applies. A key
has several patterns; all of them are read.

What could have been is counted with weights, which add up to at most 1 (a weighted union bound;
C. Genovese, K. Roeder, L. Wasserman, "False discovery control with p-value weighting", Biometrika
93(3), 2006): the likeliest place, and words of the version in use, are held to less than others.
The weights are fixed before any sign of a key is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec import error_correction
from labeler.codec.keys import Key
from labeler.codec.lattice import (
    CARRIERS,
    PATTERNS,
    PICTURE_PATTERN,
    data_chips,
    pattern_of,
    pilot_signs,
    spectrum,
)
from labeler.codec.payload import FORMAT_VERSION, HANDLE_BITS, VERSIONS, Origin, Payload
from labeler.codec.significance import any_of, p_value

__all__ = ["Heard", "Reading", "read", "word_statistic"]

_DECODINGS: Final = 8
"""Triples of place, key and pattern that are decoded, the likeliest first."""
_DECODINGS_BENEATH: Final = 6
"""Likewise once a mark is taken away, where only one place is left."""
_PATTERNS_OF_A_PAYLOAD: Final = 2
"""In how many patterns one payload may be written: that of pictures, and that of films."""
_WORTH_DECODING: Final = 5.0
"""Root of the summed squares of synchronisation and pilot statistic below which no code word has
been seen to decode."""
_LEAST_PILOT: Final = 0.7
"""Pilot statistic below which nothing is decoded: the pilots of a word that is strong enough to be
significant have 2.7 on average, with a deviation of 1, and those of none have 0."""
_RINGS: Final = 5
"""Rings of frequency for which the strength of the mark is estimated apart."""
_RING: Final = np.arange(len(CARRIERS)) * _RINGS // len(CARRIERS)
"""Which one each carrier is in."""
_LEAST_POWER: Final = 0.02
"""Mean square of a ring that is left without a mark, at least."""
_GAIN_SPREAD: Final = 0.08
"""How far the gain of a ring lies from the expected one, as a deviation."""
_LEAST_GAIN, _MOST_GAIN = 0.02, 0.68
_OWN_SHARE: Final = 0.35
"""Of what is heard of a mark's energy, how much is taken to be the layer that is read: to it, one
of another key is noise. A mark that is alone is read with the same weights, as surely: they differ
only where it is strong."""


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
        gain = self._gain()
        return (self.values * (gain / (0.5 - _OWN_SHARE * gain**2))[_RING]).astype(np.complex64)

    def without(self, signs: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """The values, weighted likewise, less a mark whose signs are known.

        Args:
            signs: ``(len(CARRIERS),)`` as `labeler.codec.lattice.spectrum` gives them.
        """
        keyed = np.ones(len(CARRIERS), np.bool_)
        keyed[CARRIERS.sync] = False
        count = np.bincount(_RING[keyed], minlength=_RINGS)
        agreement = np.real(self.values * np.conj(signs))[keyed] / 2
        own = np.bincount(_RING[keyed], agreement, _RINGS) / count
        left = self.values - own[_RING] * signs
        power = np.bincount(_RING[keyed], np.abs(left[keyed]) ** 2, _RINGS) / (2 * count)
        weights = self._gain() / np.maximum(power, _LEAST_POWER)
        return (left * weights[_RING]).astype(np.complex64)

    def _gain(self) -> NDArray[np.float64]:
        """``(_RINGS,)`` how far the synchronisation carriers of each ring were heard."""
        agreement = np.real(self.values[CARRIERS.sync] * np.conj(CARRIERS.sync_signs)) / 2
        slope = 1 / CARRIERS.frequency
        heard = _RING[CARRIERS.sync]
        count = np.bincount(heard, minlength=_RINGS)
        measured = np.bincount(heard, agreement, _RINGS) / count
        scale = float(agreement @ slope[CARRIERS.sync] / np.sum(slope[CARRIERS.sync] ** 2))
        expected = max(scale, 0.01) * np.bincount(_RING, slope) / np.bincount(_RING)
        trust = _GAIN_SPREAD**2 / (_GAIN_SPREAD**2 + 0.5 / count)
        gain = np.clip(trust * measured + (1 - trust) * expected, _LEAST_GAIN, _MOST_GAIN)
        return np.asarray(gain, np.float64)


@dataclass(frozen=True, slots=True)
class Reading:
    """What speaks for one key."""

    p_value: float
    """Of the stronger of pilots and code word; places and patterns are counted, other keys are
    not."""
    payload: Payload | None
    """What the code word says, where its CRC held."""
    place: int
    """Which place the evidence comes from."""
    pattern: int
    """Which of the key's patterns it speaks for."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A code word that decoded with its CRC."""

    payload: Payload
    place: int
    pattern: int
    p_value: float
    """Of the statistic over the code word and the pilots together; the key alone is not counted."""


def read(heard: Sequence[Heard], keys: Sequence[Key]) -> list[Reading]:
    """Read every place under every key.

    Args:
        heard: What the places say, the likeliest first by what no key knows: the n-th has a weight
            of one over n (n + 1), however many there are.
        keys: The keys.

    Returns:
        What speaks for each key, in order.
    """
    if not heard:
        return [Reading(1.0, None, 0, PICTURE_PATTERN) for _ in keys]
    z = np.array([each.z for each in heard])
    readings = _read(z, np.stack([each.weighted() for each in heard]), keys)
    said = [number for number, each in enumerate(readings) if each.payload is not None]
    if not said or len(keys) == 1:
        return readings
    strongest = min(said, key=lambda number: readings[number].p_value)
    return _read_beneath(heard, keys, readings, strongest)


def _read_beneath(
    heard: Sequence[Heard], keys: Sequence[Key], readings: list[Reading], strongest: int
) -> list[Reading]:
    """What speaks for the other keys once the strongest mark is taken away, which hides theirs.

    What is taken away was told by that key, and by nothing of the others: to them, what is left is
    media like any other. They were looked for twice, which counts.
    """
    found = readings[strongest]
    if found.payload is None:
        return readings
    signs = spectrum(found.payload, keys[strongest], found.pattern)
    left = heard[found.place].without(signs)
    z = np.array([heard[found.place].z])
    again = _read(z, left[None], keys, decodings=_DECODINGS_BENEATH)
    merged = []
    for first, beneath in zip(readings, again, strict=True):
        p = any_of(first.p_value, beneath.p_value)
        if first.p_value <= beneath.p_value:
            merged.append(Reading(p, first.payload, first.place, first.pattern))
        else:
            merged.append(Reading(p, beneath.payload, found.place, beneath.pattern))
    merged[strongest] = found
    return merged


def _read(
    z: NDArray[np.float64],
    weighted: NDArray[np.complex64],
    keys: Sequence[Key],
    *,
    decodings: int = _DECODINGS,
) -> list[Reading]:
    statistics = _pilot_statistics(weighted, keys)
    words = _decode(z, weighted, keys, statistics, decodings)
    readings = []
    surprise = np.maximum(statistics, 0) ** 2 / 2 - _log_places(len(z))[:, None, None]
    for number in range(len(keys)):
        place, pattern = divmod(int(np.argmax(surprise[:, number])), PATTERNS)
        log_pilots = float(_log_places(len(z))[place]) + math.log(PATTERNS)
        pilot_p = p_value(float(statistics[place, number, pattern]), log_hypotheses=log_pilots)
        word = words.get(number)
        if word is None:
            readings.append(Reading(any_of(pilot_p, 1.0), None, place, pattern))
        else:
            p = any_of(pilot_p, word.p_value)
            readings.append(Reading(p, word.payload, word.place, word.pattern))
    return readings


def _log_places(count: int) -> NDArray[np.float64]:
    """``(count,)`` minus the logarithms of the places' weights."""
    number = np.arange(1, count + 1)
    return np.log(number * (number + 1.0))


def _log_words(payload: Payload) -> float:
    """Minus the logarithm of a word's weight among all that a payload can be.

    One half is for the version in use, the other for all of them.
    """
    versions = 1 if payload.version == FORMAT_VERSION else VERSIONS
    return math.log(2 * versions * len(Origin)) + HANDLE_BITS * math.log(2)


def word_statistic(heard: Heard, key: Key, payload: Payload, pattern: int) -> float:
    """How far one place says ``payload``: standard deviations, one hypothesis."""
    return _joint_statistic(heard.weighted(), key, payload, pattern)


def _pilot_statistics(weighted: NDArray[np.complex64], keys: Sequence[Key]) -> NDArray[np.float32]:
    """``(places, keys, PATTERNS)`` statistics of the pilot carriers."""
    pilots = weighted[:, CARRIERS.pilot]
    signs = np.concatenate([pilot_signs(key) for key in keys])
    sums = np.real(pilots @ np.conj(signs).T)
    norms = np.linalg.norm(pilots, axis=1, keepdims=True)
    statistics = sums / np.maximum(norms, 1e-9)
    return np.asarray(statistics, np.float32).reshape(len(weighted), len(keys), PATTERNS)


def _decode(
    synchronisation: NDArray[np.float64],
    weighted: NDArray[np.complex64],
    keys: Sequence[Key],
    pilots: NDArray[np.float32],
    decodings: int,
) -> dict[int, _Word]:
    """For each key that has one, the best word among the likeliest few that decoded."""
    squares = synchronisation[:, None, None] ** 2 + np.maximum(pilots, 0) ** 2
    worth = np.flatnonzero((squares >= _WORTH_DECODING**2) & (pilots >= _LEAST_PILOT))
    order = worth[np.argsort(-squares.flat[worth])][:decodings]
    if not len(order):
        return {}
    triples = [
        (int(place), int(key), int(pattern))
        for place, key, pattern in zip(*np.unravel_index(order, squares.shape), strict=True)
    ]
    # The likeliest alone: where it is a mark, the other patterns of its key need no decoding, and
    # other keys, but for the likeliest, are read at its place once it is taken away.
    best = dict(_words(weighted, keys, triples[:1]))
    rest = [each for each in triples[1:] if each[1] not in best]
    if best:
        place = triples[0][0]
        beside = [each for each in rest if each[0] == place]
        rest = beside[:1] + [each for each in rest if each[0] != place]
    for number, word in _words(weighted, keys, rest):
        if number not in best or word.p_value < best[number].p_value:
            best[number] = word
    return best


def _words(
    weighted: NDArray[np.complex64], keys: Sequence[Key], triples: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[int, _Word]]:
    """The words that decode, of triples of place, key and pattern, each with its key's number."""
    if not triples:
        return
    soft = np.stack(
        [_code_word(weighted[place], keys[number], pattern) for place, number, pattern in triples]
    )
    decoded = error_correction.decode_each(soft)
    for (place, number, pattern), payload in zip(triples, decoded, strict=True):
        key = keys[number]
        if payload is not None and pattern in {PICTURE_PATTERN, pattern_of(payload, key)}:
            z = _joint_statistic(weighted[place], key, payload, pattern)
            chance = _log_words(payload) + float(_log_places(place + 1)[place])
            p = p_value(z, log_hypotheses=chance + math.log(_PATTERNS_OF_A_PAYLOAD))
            yield number, _Word(payload, place, pattern, p)


def _code_word(weighted: NDArray[np.complex64], key: Key, pattern: int) -> NDArray[np.float32]:
    """``(CODE_BITS,)`` log-likelihood ratios of the code bits."""
    chips = data_chips(key, pattern)
    data = weighted[CARRIERS.data]
    soft = np.stack([data.real, data.imag], axis=1).ravel() * chips.signs
    return np.bincount(chips.code_bit, soft, error_correction.CODE_BITS).astype(np.float32)


def _joint_statistic(
    weighted: NDArray[np.complex64], key: Key, payload: Payload, pattern: int
) -> float:
    """Statistic of all the chips whose signs the key and the payload fix."""
    keyed = np.concatenate([CARRIERS.pilot, CARRIERS.data])
    heard = weighted[keyed]
    agreement = np.sum(np.real(heard * np.conj(spectrum(payload, key, pattern)[keyed])))
    return float(agreement / max(float(np.linalg.norm(heard)), 1e-9))
