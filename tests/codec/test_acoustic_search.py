import doctest
import math

import numpy as np
import pytest

from labeler.codec import acoustic_search
from labeler.codec.acoustic import Fingerprint, compare, fingerprint
from labeler.codec.acoustic_index import AcousticIndex
from labeler.codec.acoustic_search import search
from tests.sounds import load, save

RATE_HZ = 16_000
SURE = 1e-6
TUNES = 30


def tune(seed, duration_s=14.0):
    """``(n,)`` float32: plucked notes in one tempo over a hiss; all of them from one family."""
    random = np.random.default_rng(seed)
    count = round(duration_s * RATE_HZ)
    sound = 0.01 * random.standard_normal(count)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for start in range(0, count - RATE_HZ, RATE_HZ // 4):
        pitch_hz = 220 * 2 ** (random.integers(25) / 12)
        for harmonic in range(1, 7):
            tone = np.sin(2 * np.pi * harmonic * pitch_hz * time_s)
            sound[start : start + RATE_HZ] += 0.15 / harmonic * np.exp(-6 * time_s) * tone
    return (0.5 * sound).astype(np.float32)


def part(taken, begin, end=None):
    return Fingerprint(taken.words[begin:end], taken.audible[begin:end])


def joined(*taken):
    return Fingerprint(
        np.concatenate([each.words for each in taken]),
        np.concatenate([each.audible for each in taken]),
    )


def matches(hits):
    return [hit.entry for hit in hits if hit.match.p_value <= SURE]


@pytest.fixture(scope="module")
def sounds():
    return [tune(seed) for seed in range(TUNES)]


@pytest.fixture(scope="module")
def known(sounds):
    return dict(enumerate(fingerprint(sound, RATE_HZ) for sound in sounds))


@pytest.fixture(scope="module")
def index(known):
    return AcousticIndex(known.items())


def noisy(samples):
    noise = np.random.default_rng(5).standard_normal(len(samples))
    return (samples + 0.1 * np.sqrt(np.mean(samples**2)) * noise).astype(np.float32)


@pytest.mark.parametrize("change", [lambda samples: samples, noisy], ids=["as it was", "noise"])
@pytest.mark.parametrize("number", [0, 17])
def test_an_excerpt_is_found_among_sounds_of_its_family(sounds, known, index, number, change):
    heard = change(sounds[number][45_000 : 45_000 + 9 * RATE_HZ])
    best = search(index, fingerprint(heard, RATE_HZ), known.get)[0]
    assert best.entry == number
    assert best.match.p_value < SURE
    assert best.match.offset_s == pytest.approx(45_000 / RATE_HZ, abs=0.02)
    assert best.heard_s == pytest.approx((0, 8.7), abs=0.3)
    assert best.tempo == 1
    assert best.agreement > 0.9


def test_an_excerpt_is_found_after_coding(sounds, known, index, tmp_path):
    clip = sounds[4][50_000 : 50_000 + 9 * RATE_HZ]
    coded, rate_hz = load(save(tmp_path / "clip.mp3", clip[:, None], RATE_HZ))
    assert matches(search(index, fingerprint(coded, rate_hz), known.get)) == [4]


@pytest.mark.parametrize("speed", [0.99, 1.01])
def test_an_excerpt_is_found_that_plays_a_little_faster_or_slower(sounds, known, index, speed):
    where = np.arange(30_000, 30_000 + 10 * RATE_HZ * speed, speed)
    heard = np.interp(where, np.arange(len(sounds[8])), sounds[8]).astype(np.float32)
    taken = fingerprint(heard, RATE_HZ)
    best = search(index, taken, known.get)[0]
    assert best.entry == 8
    assert best.match.p_value < SURE
    # Which is why the pace is searched:
    assert best.match.bit_error_rate < compare(known[8], taken).bit_error_rate - 0.05
    assert best.tempo == pytest.approx(speed, abs=0.003)
    assert best.match.offset_s == pytest.approx(30_000 / RATE_HZ, abs=0.06)
    assert best.heard_s[1] == pytest.approx(9.7, abs=0.3)


def test_unrelated_sounds_of_the_same_family_match_nothing(known, index):
    p_values = []
    for seed in range(TUNES):
        heard = fingerprint(tune(1000 + seed, 10.0), RATE_HZ)
        hits = search(index, heard, known.get, most=TUNES)
        p_values += [hit.match.p_value for hit in hits]
        # No other sound than itself, either.
        assert matches(search(index, part(known[seed], 100, 700), known.get)) == [seed]
    assert min(p_values, default=1) > 1e-3


def test_the_p_value_counts_all_that_was_searched(known):
    heard = part(known[3], 300, 560)
    p_values = []
    for copies in (1, 10):
        # Entries that are not proposed, and count nevertheless.
        others = {
            (copy, number): Fingerprint(each.words ^ np.uint32(0x0F0F0F0F), each.audible)
            for number, each in known.items()
            for copy in range(copies)
        }
        index = AcousticIndex((others | {3: known[3]}).items())
        [hit] = search(index, heard, (others | {3: known[3]}).get)
        p_values.append(hit.match.p_value)
    assert p_values[0] >= compare(known[3], heard).p_value * TUNES
    assert p_values[1] / p_values[0] == pytest.approx((10 * TUNES + 1) / (TUNES + 1), rel=0.01)


def test_the_best_of_other_offsets_counts_them():
    random = np.random.default_rng(1)
    sound = random.uniform(-0.5, 0.5, 3 * RATE_HZ)
    known, heard = (fingerprint(each, RATE_HZ) for each in (sound, noisy(sound)[20_000:36_000]))
    alone = compare(known, heard).p_value
    p_values = [compare(known, heard, others=others).p_value for others in (10**5, 10**6)]
    assert 0 < alone < p_values[0] < 1
    assert p_values[1] / p_values[0] == pytest.approx(10, rel=0.01)


def test_a_shared_jingle_makes_no_match_but_is_found_itself(known):
    jingle, own, other = part(known[0], 0, 200), part(known[1], 0, 700), part(known[2], 0, 700)
    stored = {"one": joined(jingle, own), "two": joined(jingle, other)}
    index = AcousticIndex(stored.items())
    assert matches(search(index, joined(jingle, own), stored.get)) == ["one"]
    # It is in both, and so are these.
    longer = part(known[0], 0, 400)
    stored = {"one": joined(longer, own), "two": joined(longer, other)}
    index = AcousticIndex(stored.items())
    assert sorted(matches(search(index, longer, stored.get))) == ["one", "two"]


def test_a_sound_is_found_within_a_longer_one(known, index):
    around = [fingerprint(tune(seed), RATE_HZ) for seed in range(2000, 2008)]
    heard = joined(*around, known[6], *around)
    at_s = sum(len(each) for each in around) * 0.016
    hits = search(index, heard, known.get)
    assert matches(hits) == [6]
    assert hits[0].match.offset_s == pytest.approx(-at_s, abs=0.05)
    first_s, last_s = hits[0].heard_s
    assert at_s - 0.05 <= first_s < last_s <= at_s + known[6].duration_s + 0.05
    assert last_s - first_s > 8


def test_an_excerpt_of_a_long_sound_is_found_in_its_place(known, index):
    film = joined(*(Fingerprint(each.words ^ 0xFF00, each.audible) for each in known.values()))
    index = AcousticIndex([*known.items(), ("film", film)])
    at = 9 * len(known[0]) + 321
    hits = search(index, part(film, at, at + 625), (known | {"film": film}).get)
    assert matches(hits) == ["film"]
    assert hits[0].match.offset_s == pytest.approx(at * 0.016, abs=0.001)


def test_entries_that_are_gone_are_passed_over(known, index):
    gone = dict.fromkeys(known)
    assert search(index, known[5], gone.get) == ()
    assert search(index, known[5], (known | {5: None}).get) == ()
    # Another one in its place is no match, nor does it do harm.
    for other in (part(known[6], 0, 0), part(known[6], 0, 10), known[6]):
        assert matches(search(index, known[5], (known | {5: other}).get)) == []


def test_silence_and_nothing_match_nothing(known, index):
    for samples in (np.zeros(0), np.zeros(12 * RATE_HZ), np.full(12 * RATE_HZ, 0.5)):
        heard = fingerprint(samples, RATE_HZ)
        assert search(index, heard, known.get) == ()
        stored = known | {"silent": heard}
        assert "silent" not in matches(search(AcousticIndex(stored.items()), heard, stored.get))


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 1001, 1500, 9_999, 31_000, 450_000])
def test_stretches_cover_a_sound_or_are_spread_over_it(length):
    begins = acoustic_search._stretches(length)
    assert begins[0] == 0
    assert begins[-1] == max(0, length - 1000)
    assert len(begins) <= 64
    gaps = np.diff(begins)
    if length <= 32_000:
        assert (gaps <= 500).all()  # what lasts eight seconds is in one of them
    assert math.isclose(np.ptp(gaps) if len(gaps) else 0, 0, abs_tol=1)


def test_the_example_in_the_docstring_holds():
    result = doctest.testmod(acoustic_search)
    assert result.attempted
    assert not result.failed
