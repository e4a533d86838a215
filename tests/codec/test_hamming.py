import doctest

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec import hamming
from labeler.codec.hamming import PDQ_DISTANCE, HammingIndex, to_words
from labeler.codec.pdq import pdq
from tests.scenes import photograph


def flipped(word, bits):
    """The word with these of its 256 bits changed."""
    changed = np.unpackbits(word.view(np.uint8))
    changed[np.asarray(bits, int)] ^= 1
    return np.packbits(changed).view(np.uint64)


def brute(words, ids, queries, distance):
    """What a search has to give: the definition."""
    rows = []
    for number, query in enumerate(np.atleast_2d(queries)):
        distances = np.bitwise_count(words ^ query).sum(axis=1)
        rows += [(int(d), number, int(i)) for d, i in zip(distances, ids, strict=True)]
    return sorted(row for row in rows if row[0] <= distance)


def rows(found):
    return list(
        zip(*map(np.ndarray.tolist, (found.distances, found.queries, found.ids)), strict=True)
    )


def uniform(random, count):
    return random.integers(0, 2**64, (count, 4), np.uint64)


def skewed(random, count):
    """Most bits are nearly always 0: most entries share most bands."""
    return np.packbits(random.random((count, 256)) < 0.05, axis=1).view(np.uint64)


def clustered(random, count):
    """A few words, and others around them."""
    centres = uniform(random, 5)[random.integers(5, size=count)]
    flips = random.random((count, 256)) < random.uniform(0, 0.2, (count, 1))
    return centres ^ np.packbits(flips, axis=1).view(np.uint64)


def equal(random, count):
    return np.repeat(uniform(random, 1), count, axis=0)


@given(
    st.integers(0, 2**32),
    st.sampled_from([uniform, skewed, clustered, equal]),
    st.integers(0, 400),
    st.sampled_from([0, 1, 15, 16, 30, 31, 32, 60, 256]),
)
@settings(max_examples=80, deadline=None)
def test_a_search_gives_what_comparing_all_gives(seed, make, count, distance):
    random = np.random.default_rng(seed)
    words, ids = make(random, count), random.integers(-(2**62), 2**62, count)
    near = [flipped(word, random.choice(256, distance, replace=False)) for word in words[:4]]
    queries = np.array([*near, *uniform(random, 2)])
    split = count // 3
    index = HammingIndex(words[:split], ids[:split])
    index.add(words[split:], ids[split:])
    assert len(index) == count
    assert rows(index.search(queries, distance=distance)) == brute(words, ids, queries, distance)


@pytest.mark.parametrize("make", [uniform, skewed, clustered], ids=lambda make: make.__name__)
@pytest.mark.parametrize("distance", [15, PDQ_DISTANCE])
def test_bands_and_comparing_all_agree(make, distance, monkeypatch):
    random = np.random.default_rng(7)
    words, ids = make(random, 20_000), np.arange(20_000)
    # Each changed bit in another band as far as possible: the hardest case for looking up.
    spread = [number % 16 * 16 + number // 16 for number in range(distance)]
    queries = np.array([flipped(word, spread) for word in words[:12]])
    index = HammingIndex(words, ids)
    expected = brute(words, ids, queries, distance)
    assert len(expected) >= 12
    for ways in (0, 10**9):  # look up always, never
        monkeypatch.setattr(hamming, "_COMPARED_ALL", ways)
        assert rows(index.search(queries, distance=distance)) == expected


def test_hashes_of_real_pictures_are_found_among_many():
    """They are not uniform: half of the bits are set, and scenes have shades in common."""
    scenes = [photograph(96, 128, seed=seed) for seed in range(40)]
    words = to_words([pdq(scene).value for scene in scenes])
    others = uniform(np.random.default_rng(1), 30_000)
    index = HammingIndex(np.concatenate([others, words]), np.arange(-30_000, 40))
    for number, scene in enumerate(scenes):
        edited = cv2.GaussianBlur(scene, (0, 0), 1)[:, ::-1]
        found = index.search(to_words(pdq(edited).turned()))
        assert number in found.ids
        assert rows(found) == brute(words, np.arange(40), to_words(pdq(edited).turned()), 31)


def test_added_entries_are_found_at_once_and_after_they_were_sorted_in():
    random = np.random.default_rng(3)
    words = uniform(random, 12_000)
    index = HammingIndex()
    for start in range(0, len(words), 700):
        end = min(len(words), start + 700)
        index.add(words[start:end], np.arange(start, end))
        assert len(index) == end
        for number in (0, start, end - 1):
            assert index.search(words[number]).ids.tolist() == [number]
    assert len(index._state.sorted.ids) > 4_096  # some were
    assert index._state.added  # some were not


def test_a_search_sees_what_was_there_when_it_began():
    words = uniform(np.random.default_rng(4), 3)
    index = HammingIndex(words[:1], np.array([1]))
    index.add(words[1:2], np.array([2]))
    before = index._state
    index.add(words[1:2], np.array([3]))
    assert before.tail[1].tolist() == [2]
    assert index.search(words[1]).ids.tolist() == [2, 3]


def test_an_index_does_not_follow_the_arrays_that_it_was_made_of():
    words, ids = uniform(np.random.default_rng(5), 2), np.array([1, 2])
    index = HammingIndex(words, ids)
    kept = words.copy()
    words[:], ids[:] = 0, 0
    assert index.search(kept[1]).ids.tolist() == [2]


def test_nothing_is_found_in_nothing():
    assert len(HammingIndex().search(np.zeros(4, np.uint64))) == 0
    assert len(HammingIndex().search(np.zeros((0, 4), np.uint64))) == 0


def test_words_are_big_endian():
    value = bytes(range(32))
    assert to_words([value])[0].tolist() == [
        int.from_bytes(value[start : start + 8], "big") for start in range(0, 32, 8)
    ]
    assert to_words([]).shape == (0, 4)
    with pytest.raises(ValueError, match="32 bytes"):
        to_words([value, value[1:]])


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (np.zeros((2, 4), np.int64), np.zeros(2, int)),
        (np.zeros((2, 3), np.uint64), np.zeros(2, int)),
        (np.zeros((2, 4), np.uint64), np.zeros(3, int)),
        (np.zeros((2, 4), np.uint64), np.zeros(2)),
    ],
)
def test_other_arrays_are_refused(words, ids):
    with pytest.raises(ValueError, match="words"):
        HammingIndex(words, ids)


@pytest.mark.parametrize("distance", [-1, 257])
def test_impossible_distances_are_refused(distance):
    with pytest.raises(ValueError, match="bits apart"):
        HammingIndex().search(np.zeros(4, np.uint64), distance=distance)


def test_the_example_in_the_docstring_holds():
    result = doctest.testmod(hamming)
    assert result.attempted
    assert not result.failed
