"""Shingles of texts: which they are, that nothing leaks, and what two texts share."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.overlap import overlap
from labeler.codec.shingles import LEAST_WORDS, Selection, shingles, words
from labeler.errors import CapacityError, WatermarkKeyError

KEY = Key(bytes(range(32)))


def prose(count, seed=0):
    rng = np.random.default_rng(seed)
    return [f"w{number}" for number in rng.integers(0, 4000, count)]


def of(text_words, key=KEY):
    return shingles(" ".join(text_words), key)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    "text",
    [
        "Don't re-use naïve “quotes”, 3.5 times!",
        "DON\u2019T RE-USE NAI\u0308VE quotes 3 5 times",
        "dont\nre use na\u00adïve\u200b quotes\t3-5\r\ntimes\ufeff",
        "*dont* re_use **naïve** `quotes` \uff13.\uff15 times\ufe0f",
    ],
)
def test_words_are_the_same_however_they_are_written(text):
    assert list(words(text)) == ["dont", "re", "use", "naïve", "quotes", "3", "5", "times"]


def test_scripts_without_spaces_are_cut_into_threes():
    assert list(words("日本語テキスト、です。")) == [
        *("日本語", "本語テ", "語テキ", "テキス", "キスト", "です"),
    ]
    assert list(words("ข้อความ")) == ["ข้อ", "้อค", "อคว", "ควา", "วาม"]


def test_vowel_signs_and_points_do_not_cut_words():
    assert list(words("क्षेत्र में।")) == ["क्षेत्र", "में"]
    assert list(words("كِتَابٌ")) == list(words("كتاب"))


# ---------------------------------------------------------------- shingles


def test_the_shingles_are_blake2b_of_blake2b():
    """Computed here once more, word by word."""
    text_words = prose(80)
    secret = KEY.stream("labeler.text.shingles.v1").bytes(32)

    def word(text):
        return hashlib.blake2b(
            text.encode(), digest_size=8, key=secret, person=b"labeler.word"
        ).digest()

    expected = [
        int.from_bytes(
            hashlib.blake2b(
                b"".join(map(word, text_words[start : start + 4])),
                digest_size=8,
                key=secret,
                person=b"labeler.shingle",
            ).digest(),
            "little",
        )
        for start in range(77)
    ]
    found = of(text_words)
    assert found.values.tolist() == [expected[place] for place in found.places]
    assert 20 < len(found.places) < 60
    assert found.words == 80


def test_they_mean_the_same_in_ten_years():
    found = of([f"w{number * number % 997}" for number in range(200)]).selection
    assert hashlib.sha256(found.to_bytes()).hexdigest() == (
        "3d9c5b015ea2f7d56672c725ab0477ea572c2f9969d6974a341988a3aad5df18"
    )


def test_another_key_has_nothing_in_common():
    one, other = of(prose(300)), of(prose(300), Key(bytes(32)))
    assert not np.isin(one.values, other.values).any()
    assert one.key_id != other.key_id
    # Nor does which of them are selected tell anything.
    assert one.is_selected.tolist() != other.is_selected.tolist()


@given(seed=st.integers(0, 1000), start=st.integers(0, 289))
@settings(max_examples=40, deadline=None)
def test_eleven_words_in_a_row_have_a_selected_shingle(seed, start):
    text_words = prose(300, seed)
    whole = of(text_words)
    places = whole.selection.places
    assert ((places >= start) & (places <= start + 7)).any()


def test_about_two_of_nine_are_selected():
    found = of(prose(20_000))
    assert 0.21 < found.is_selected.sum() / 20_000 < 0.24
    # Looked for are those that others may have selected: half of all, and a few more.
    assert 0.49 < len(found.values) / 20_000 < 0.52


def test_what_one_text_stores_the_other_looks_for():
    """Wherever a passage is cut out: of 400 stored shingles in it one may be missing."""
    text_words, missing, stored = prose(3000), 0, 0
    whole = of(text_words).selection
    for start in range(0, 2900, 100):
        piece = of(text_words[start : start + 100])
        inside = (whole.places >= start) & (whole.places <= start + 96)
        stored += int(inside.sum())
        missing += int((~np.isin(whole.values[inside], piece.values)).sum())
    assert stored > 600
    assert missing <= stored / 150


def test_short_texts_keep_enough():
    for seed in range(50):
        assert len(of(prose(LEAST_WORDS, seed)).selection.values) >= 6


def test_repeated_shingles_are_kept_once():
    found = of(prose(30) * 5)
    assert len(np.unique(found.values)) == len(found.values) <= 30
    assert (np.diff(found.places) > 0).all()


def test_selections_survive_being_stored():
    selection = of(prose(300)).selection
    again = Selection.from_bytes(selection.to_bytes())
    assert again.values.tolist() == selection.values.tolist()
    assert again.places.tolist() == selection.places.tolist()
    assert len(selection.to_bytes()) == 12 * len(selection.values)
    with pytest.raises(ValueError, match="out of order"):
        Selection.from_bytes(selection.to_bytes()[::-1][: 12 * 5])
    with pytest.raises(ValueError, match="size"):
        Selection.from_bytes(b"12345")


def test_short_and_repetitive_texts_and_the_public_key_are_refused():
    with pytest.raises(CapacityError, match="19 words, and 20 are needed"):
        of(prose(19))
    with pytest.raises(CapacityError, match="again and again"):
        of(["la", "li"] * 50)
    with pytest.raises(CapacityError, match="0 words"):
        shingles("", KEY)
    with pytest.raises(WatermarkKeyError, match="public key"):
        of(prose(50), PUBLIC_KEY)


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_text_has_shingles_or_too_few_words(text):
    try:
        found = shingles(text, KEY)
    except CapacityError:
        return
    assert len(found.values) == len(found.places) == len(found.is_selected)


def test_half_a_character_is_no_obstacle():
    assert of([*prose(30), "a\ud800b"]).words >= 30


# ---------------------------------------------------------------- overlap


def test_a_text_is_a_match_of_itself_and_of_nothing_else():
    one, other = of(prose(300, 1)), of(prose(300, 2))
    whole = overlap(one.selection, one)
    assert whole.hits == whole.stored == whole.aligned == whole.run
    assert whole.is_match
    assert whole.run_words > 270
    none = overlap(one.selection, other)
    assert (none.hits, none.aligned, none.run, none.run_words) == (0, 0, 0, 0)
    assert not none.is_match


def test_an_excerpt_is_a_run_and_its_place_is_told():
    text_words = prose(300, 1)
    query = of([*prose(100, 2), *text_words[120:160], *prose(100, 3)])
    found = overlap(of(text_words).selection, query)
    assert found.is_match
    assert found.run == found.aligned == found.hits >= 4
    assert 100 <= found.start <= 108
    assert 132 <= found.stop <= 140


def test_edits_keep_hits_aligned():
    rng = np.random.default_rng(5)
    text_words = prose(300, 1)
    edited = [word for word in text_words if rng.random() > 0.15]
    found = overlap(of(text_words).selection, of(edited))
    assert found.aligned >= 8
    assert found.is_match


def test_phrases_in_another_order_are_no_match():
    """Forty phrases of five words that both have, scattered."""
    rng = np.random.default_rng(6)
    phrases = [prose(5, 100 + number) for number in range(40)]

    def scattered(seed):
        text_words = []
        for number in np.random.default_rng(seed).permutation(40):
            text_words += prose(int(rng.integers(10, 40)), int(rng.integers(1 << 30)))
            text_words += phrases[number]
        return of(text_words)

    found = overlap(scattered(1).selection, scattered(2))
    assert found.hits >= 8
    assert not found.is_match


def test_common_shingles_count_for_nothing():
    one = of(prose(300, 1))
    found = overlap(one.selection, one, common=one.values)
    assert (found.hits, found.stored) == (0, 0)
    assert not found.is_match
    # A run goes on across a common one.
    middle = one.selection.values[len(one.selection.values) // 2]
    found = overlap(one.selection, one, common=np.array([middle], np.uint64))
    assert found.run == found.hits == len(one.selection.values) - 1
