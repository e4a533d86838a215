"""What a reading says of keys that are not in the picture: the weighted count holds."""

import math

import numpy as np
import pytest
from scipy import stats

from detectors.reading import Heard, Reading, _log_places, _log_words, read, word_statistic
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.lattice import CARRIERS, PATTERNS, PICTURE_PATTERN, pilot_signs, spectrum
from labeler.codec.payload import FORMAT_VERSION, HANDLE_BITS, VERSIONS, Handle, Origin, Payload
from labeler.codec.significance import log_tail

KEY = Key.from_bytes(bytes(range(32)))
PAYLOAD = Payload(origin=Origin.MODIFIED, handle=Handle(7, 0xCAFE1234))
LOUD = 20.0
"""Synchronisation statistic of a place at which words are decoded under every key."""


def random_keys(count: int, seed: int) -> list[Key]:
    rng = np.random.default_rng(seed)
    return [Key.from_bytes(rng.bytes(32)) for _ in range(count)]


def noise(rng: np.random.Generator, *, tail: float = 0.0) -> np.ndarray:
    """``(len(CARRIERS),)`` complex values; with a tail, some are much louder."""
    values = rng.normal(size=len(CARRIERS)) + 1j * rng.normal(size=len(CARRIERS))
    return (values * np.exp(tail * rng.normal(size=len(CARRIERS)))).astype(np.complex64)


def hear(payload: Payload, key: Key, *, gain: float, seed: int = 0, z: float = LOUD) -> Heard:
    """A place with a mark in noise."""
    return Heard(z, gain * spectrum(payload, key) + noise(np.random.default_rng(seed)))


# ------------------------------------------------------------------------------------- the weights


@pytest.mark.parametrize("count", [1, 2, 8, 1000])
def test_the_weights_of_places_add_up_to_at_most_one(count: int) -> None:
    weights = np.exp(-_log_places(count))
    assert weights[0] == pytest.approx(1 / 2)
    assert np.all(np.diff(weights) < 0)
    assert weights.sum() == pytest.approx(count / (count + 1))


def test_a_place_has_the_same_weight_whatever_comes_after_it() -> None:
    assert np.array_equal(_log_places(3), _log_places(9)[:3])
    assert len(_log_places(0)) == 0


def words_weight(version: int) -> float:
    """Of all words of one version together: every handle of every origin weighs the same."""
    of_each = []
    for origin in Origin:
        some = {
            _log_words(Payload(origin=origin, handle=handle, version=version))
            for handle in (Handle(0, 0), Handle(1, 2), Handle(65535, 2**32 - 1))
        }
        assert len(some) == 1
        of_each.append(math.exp(HANDLE_BITS * math.log(2) - some.pop()))
    return sum(of_each)


def test_the_weights_of_words_add_up_to_at_most_one() -> None:
    weights = [words_weight(version) for version in range(VERSIONS)]
    assert weights[FORMAT_VERSION] == pytest.approx(1 / 2)
    others = sum(weights) - weights[FORMAT_VERSION]
    assert others == pytest.approx((VERSIONS - 1) / VERSIONS / 2)
    assert sum(weights) <= 1


# ------------------------------------------------------------------------- what a p-value may claim


def best_pilots(heard: list[Heard], key: Key) -> float:
    """The largest pilot statistic of any place and pattern, counted by hand."""
    found = []
    for each in heard:
        pilots = each.weighted()[CARRIERS.pilot]
        for signs in pilot_signs(key):
            norm = math.sqrt(float(np.sum(np.abs(pilots) ** 2)))
            found.append(float(np.sum(pilots.real * signs.real + pilots.imag * signs.imag)) / norm)
    return max(found)


@pytest.mark.parametrize("places", [1, 2, 8])
def test_pilots_alone_claim_no_more_than_the_best_place_allows(places: int) -> None:
    """The best weight is one half: of two hypotheses a pattern, at least, and of two evidences."""
    rng = np.random.default_rng(places)
    heard = [Heard(3.0, noise(rng)) for _ in range(places)]
    keys = random_keys(300, places)
    for key, reading in zip(keys, read(heard, keys), strict=True):
        assert reading.payload is None
        least = math.log(2 * 2 * PATTERNS) + log_tail(best_pilots(heard, key))
        assert math.log(reading.p_value) >= min(0.0, least) - 1e-4
        assert math.log(reading.p_value) <= 0


@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_word_pays_for_all_words_patterns_and_for_its_place(number: int) -> None:
    rng = np.random.default_rng(2)
    heard = [Heard(0.0, noise(rng)) for _ in range(number)] + [hear(PAYLOAD, KEY, gain=0.5)]
    (found,) = read(heard, [KEY])
    assert (found.payload, found.place, found.pattern) == (PAYLOAD, number, PICTURE_PATTERN)
    z = word_statistic(heard[number], KEY, PAYLOAD, PICTURE_PATTERN)
    words = 2 * len(Origin) * 2.0**HANDLE_BITS
    evidences, patterns, place = 2, 2, (number + 1) * (number + 2)
    flat = math.log(evidences * patterns * place * words) + log_tail(z)
    assert math.log(found.p_value) == pytest.approx(flat, abs=1e-3)


def test_words_of_other_versions_are_held_to_more() -> None:
    other = Payload(origin=PAYLOAD.origin, handle=PAYLOAD.handle, version=FORMAT_VERSION + 1)
    p_values = []
    for payload in (PAYLOAD, other):
        heard = hear(payload, KEY, gain=0.5)
        (found,) = read([heard], [KEY])
        assert found.payload == payload
        tail = log_tail(word_statistic(heard, KEY, payload, PICTURE_PATTERN))
        p_values.append(math.log(found.p_value) - tail)
    assert p_values[1] - p_values[0] == pytest.approx(math.log(VERSIONS), abs=1e-3)


def test_more_places_change_nothing_for_those_before_them() -> None:
    heard = [hear(PAYLOAD, KEY, gain=0.5)]
    quiet = [Heard(0.0, noise(np.random.default_rng(seed))) for seed in range(7)]
    assert read(heard + quiet, [KEY]) == read(heard, [KEY])


def test_nothing_heard_says_nothing() -> None:
    assert read([], [KEY, PUBLIC_KEY]) == [Reading(1.0, None, 0, PICTURE_PATTERN)] * 2
    silent = Heard(0.0, np.zeros(len(CARRIERS), np.complex64))
    (found,) = read([silent], [KEY])
    assert (found.p_value, found.payload) == (1.0, None)


# ------------------------------------------------------------------------------------ random keys


def assert_not_below_uniform(p_values: list[float]) -> None:
    """Small p-values are no more frequent than they say, but for once in 10^4 such tests."""
    for level in (1e-1, 1e-2, 1e-3):
        hits = int(np.count_nonzero(np.array(p_values) <= level))
        assert stats.binom.sf(hits - 1, len(p_values), level) > 1e-4, (level, hits)


@pytest.mark.parametrize("z", [3.0, LOUD], ids=["nothing is decoded", "words are decoded"])
@pytest.mark.parametrize("tail", [0.0, 0.7], ids=["noise", "some loud carriers"])
@pytest.mark.parametrize("places", [1, 8])
def test_random_keys_have_no_more_small_p_values_than_they_say(
    places: int, tail: float, z: float
) -> None:
    rng = np.random.default_rng(11)
    keys = random_keys(4000, 12)
    p_values = []
    for _ in range(6):
        heard = [Heard(z, noise(rng, tail=tail)) for _ in range(places)]
        readings = read(heard, keys)
        assert all(each.payload is None or each.p_value > 1e-6 for each in readings)
        p_values += [each.p_value for each in readings]
    assert_not_below_uniform(p_values)
    # The bound is not idle: not all of them are 1.
    assert np.count_nonzero(np.array(p_values) <= 0.1) > 0.001 * len(p_values)


def test_random_keys_beside_and_beneath_a_mark_have_none_either() -> None:
    keys = random_keys(3000, 21)
    p_values = []
    for seed in range(6):
        heard = [hear(PAYLOAD, KEY, gain=0.6, seed=seed)]
        first, *others = read(heard, [KEY, *keys])
        assert first.payload == PAYLOAD
        assert all(each.payload is None for each in others)
        p_values += [each.p_value for each in others]
    assert_not_below_uniform(p_values)


def test_whoever_is_looked_for_twice_pays_for_it_twice() -> None:
    """Beside a mark and beneath it: the better of both, doubled; no key gets it for less."""
    heard = [hear(PAYLOAD, KEY, gain=0.5)]
    keys = random_keys(1500, 31)
    alone = np.array([each.p_value for each in read(heard, keys)])
    found, *rest = read(heard, [KEY, *keys])
    assert found.payload == PAYLOAD
    twice = np.array([each.p_value for each in rest])
    low = alone < 0.5
    as_before = np.isclose(twice, 2 * alone, rtol=1e-6)
    assert np.all(as_before[low] | (twice[low] < 2 * alone[low]))
    assert np.count_nonzero(as_before & low) > np.count_nonzero(low) / 4
