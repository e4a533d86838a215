import doctest
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec import acoustic_index
from labeler.codec.acoustic import Fingerprint, fingerprint
from labeler.codec.acoustic_index import AcousticIndex

RATE_HZ = 8_000
NOISES = 24


def noise(seed, duration_s=12.0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(duration_s * RATE_HZ))


def part(taken, begin, end=None):
    return Fingerprint(taken.words[begin:end], taken.audible[begin:end])


def joined(*taken):
    return Fingerprint(
        np.concatenate([each.words for each in taken]),
        np.concatenate([each.audible for each in taken]),
    )


def flipped(taken, rate, seed=1):
    """Each bit wrong with the probability ``rate``."""
    wrong = np.random.default_rng(seed).random((len(taken), 32)) < rate
    mask = np.packbits(wrong, axis=1).view(">u4")[:, 0].astype(np.uint32)
    return Fingerprint(taken.words ^ mask, taken.audible)


@pytest.fixture(scope="module")
def taken():
    return [fingerprint(noise(seed), RATE_HZ) for seed in range(NOISES)]


@pytest.fixture(scope="module")
def index(taken):
    return AcousticIndex(enumerate(taken))


@pytest.mark.parametrize("number", [0, 7, NOISES - 1])
@pytest.mark.parametrize("begin", [0, 123, 240])
def test_the_best_candidate_of_an_excerpt_is_the_sound_it_was_cut_from(taken, index, number, begin):
    best = index.candidates(flipped(part(taken[number], begin, begin + 500), 0.08))[0]
    assert best.entry == number
    assert best.offset == pytest.approx(begin, abs=32)


def test_what_was_heard_may_begin_before_a_sound_and_end_after_it(taken):
    short = [part(each, 0, 300) for each in taken]
    index = AcousticIndex(enumerate(short))
    around = [fingerprint(noise(seed, 4.0), RATE_HZ) for seed in (98, 99)]
    for number in (0, 1, 11):
        # The sounds before it in the index are shorter than what was heard before it.
        heard = joined(around[0], around[0], around[0], short[number], around[1])
        best = index.candidates(heard)[0]
        assert best.entry == number
        assert best.offset == pytest.approx(-3 * len(around[0]), abs=32)


def test_a_sound_that_is_heard_twice_is_proposed_at_both_places(taken, index):
    heard = joined(part(taken[5], 0, 300), part(taken[5], 0, 300))
    offsets = [each.offset for each in index.candidates(heard) if each.entry == 5]
    assert any(abs(offset) < 32 for offset in offsets)
    assert any(abs(offset + 300) < 32 for offset in offsets)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=6))
def test_appending_gives_what_building_at_once_gives(index, taken, sizes):
    grown, at = AcousticIndex(), 0
    for size in [*sizes, NOISES]:
        grown.append(list(enumerate(taken))[at : at + size])
        at += size
    assert len(grown) == len(index) == NOISES
    heard = flipped(part(taken[9], 100, 500), 0.1)
    assert grown.candidates(heard) == index.candidates(heard)
    assert grown.nbytes == index.nbytes


def test_recent_landmarks_are_merged_and_found_before_and_after(taken, monkeypatch):
    monkeypatch.setattr(acoustic_index, "_RECENT", 100)
    index = AcousticIndex()
    for number, each in enumerate(taken):
        index.append([(number, each)])
        for known in (0, number):
            assert index.candidates(part(taken[known], 50, 400))[0].entry == known


def test_looking_up_is_safe_while_another_thread_appends(taken):
    index = AcousticIndex([(0, taken[0])])
    found = []

    def look_up():
        for _ in range(40):
            best = index.candidates(part(taken[0], 50, 400))[0]
            found.append(best.entry)

    looking = threading.Thread(target=look_up)
    looking.start()
    for number, each in enumerate(taken[1:], 1):
        index.append([(number, each)])
    looking.join()
    assert found == [0] * 40
    assert len(index) == NOISES


def test_memory_is_bounded_by_the_length_of_the_sounds(taken):
    hours = joined(*taken * 8)
    index = AcousticIndex([("film", hours)])
    assert index.nbytes <= 32 * (len(hours) * 0.016) + 24 + 8
    assert index.nbytes > 20 * (len(hours) * 0.016)  # ... and is told truly
    best = index.candidates(part(taken[3], 100, 500))[0]
    assert (best.entry, best.offset % len(joined(*taken))) == (
        "film",
        pytest.approx(3 * len(taken[0]) + 100, abs=32),
    )


def test_silence_and_steady_tones_take_hardly_any_room():
    tone = np.sin(2 * np.pi * 440 * np.arange(60 * RATE_HZ) / RATE_HZ)
    for sound in (np.zeros(60 * RATE_HZ), 0.5 * tone):
        index = AcousticIndex([(1, fingerprint(sound, RATE_HZ))])
        assert index.nbytes < 0.6 * 32 * 60


def test_common_words_cost_nothing_and_hide_nothing(taken, monkeypatch):
    monkeypatch.setattr(acoustic_index, "_MOST_HITS", 2_000)
    jingle = part(taken[0], 0, 300)
    index = AcousticIndex((number, jingle) for number in range(500))
    index.append([("rare", joined(jingle, part(taken[1], 0, 400)))])
    looked_up = []
    count = acoustic_index._count
    monkeypatch.setattr(
        acoustic_index, "_count", lambda hits: looked_up.append(len(hits.bins)) or count(hits)
    )
    heard = joined(part(jingle, 100), part(taken[1], 0, 400))
    assert index.candidates(heard)[0].entry == "rare"
    assert looked_up[0] <= 2_000


def test_nothing_is_proposed_where_there_is_nothing(taken, index):
    silence = fingerprint(np.zeros(5 * RATE_HZ), RATE_HZ)
    nothing = fingerprint(np.zeros(0), RATE_HZ)
    for heard in (silence, nothing, *(part(taken[0], 0, size) for size in range(4))):
        assert AcousticIndex().candidates(heard) == ()
        assert AcousticIndex([(0, silence), (1, nothing)]).candidates(taken[0]) == ()
    for heard in (silence, nothing):
        assert index.candidates(heard) == ()
    assert len(index.candidates(joined(*taken[:9]), most=3)) == 3


@pytest.mark.parametrize("size", range(1, 40, 5))
def test_sounds_of_any_length_are_taken_in(taken, size):
    index = AcousticIndex([("short", part(taken[2], 0, size)), ("long", taken[3])])
    assert index.candidates(part(taken[3], 100, 500))[0].entry == "long"
    assert index.offsets(taken[3]) == size + len(taken[3]) + 2 * len(taken[3])


def test_more_than_places_can_tell_is_refused(taken, monkeypatch):
    monkeypatch.setattr(acoustic_index, "_GRAINS", 1_000)
    index = AcousticIndex(enumerate(taken[:4]))
    with pytest.raises(OverflowError, match="hours"):
        index.append(enumerate(taken[4:12]))
    assert len(index) == 4


def test_landmarks_are_the_steadiest_words(taken):
    """Against the plain definition, word by word."""
    words, frames, ends = acoustic_index._landmarks(taken[:2])
    expected = []
    for number, each in enumerate(taken[:2]):
        begin, last = [0, *ends.tolist()][number], None
        for window in range(0, len(each), 16):
            ranked = [
                (
                    sum(int(each.words[at] ^ each.words[at + lag]).bit_count() for lag in LAGS),
                    at,
                )
                for at in range(window, min(window + 16, len(each)))
                if 2 <= at < len(each) - 2 and each.audible[at]
            ]
            if ranked and each.words[min(ranked)[1]] != last:
                last = each.words[min(ranked)[1]]
                expected.append((int(last), begin + min(ranked)[1]))
    assert list(zip(words.tolist(), frames.tolist(), strict=True)) == expected


LAGS = (-2, -1, 1, 2)


def test_the_example_in_the_docstring_holds():
    result = doctest.testmod(acoustic_index)
    assert result.attempted
    assert not result.failed
