"""Texts that somebody without a key wrote so that they look marked."""

import math

import numpy as np
import pytest

from detectors.report import Presence
from detectors.text import Encoding, detect, detect_text
from labeler.codec.tokens import murmur3
from labeler.codec.tokens.gumbel import MurmurStatistic
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import (
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    Seeding,
    SynthId,
)
from labeler.codec.tokens.synthid import SynthIdStatistic
from labeler.codec.tokens.torch_random import TorchRandom, is_among_first

MASK = 0xFFFFFFFF
LCG = 6364136223846793005


def secrets(count, seed=0):
    return [int(each) for each in np.random.default_rng(seed).integers(0, 1 << 62, count)]


# MurmurHash3's steps (A. Appleby), and what undoes them.


def rotated(word, bits):
    return (word << bits % 32 | word >> -bits % 32) & MASK


def mixed(word):
    return rotated(word * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK


def unmixed(word):
    word = rotated(word * pow(0x1B873593, -1, 1 << 32) & MASK, -15)
    return word * pow(0xCC9E2D51, -1, 1 << 32) & MASK


def context_of(hashed):
    """The one token whose context of width 1 has this hash."""
    hashed ^= hashed >> 16
    hashed = hashed * pow(0xC2B2AE35, -1, 1 << 32) & MASK
    hashed ^= hashed >> 13 ^ hashed >> 26
    hashed = hashed * pow(0x85EBCA6B, -1, 1 << 32) & MASK
    hashed ^= hashed >> 16
    absorbed = ((hashed ^ 4) - 0xE6546B64) * pow(5, -1, 1 << 32) & MASK
    return unmixed(rotated(absorbed, -13))


def test_two_tokens_with_one_word_under_every_murmur_key_are_one_observation():
    hashed, token = 0x12345678, 5
    # The highest bit survives the multiplication by 5, and the token takes it away again.
    other = unmixed(mixed(hashed) ^ rotated(1 << 31, -13))
    twin = unmixed(mixed(token) ^ 1 << 31)
    contexts = np.array([[context_of(hashed)], [context_of(other)]], np.int64)
    tokens = np.array([token, twin], np.int64)
    assert murmur3.context_hashes(contexts).tolist() == [hashed, other]
    for secret in secrets(20):
        words = murmur3.words(secret, murmur3.context_hashes(contexts), tokens)
        assert words[0] == words[1]
        for scheme in (
            MurmurGumbel(secret=secret, context_width=1),
            MurmurDualGumbel(secret=secret, secret_b=secret ^ 1, context_width=1),
        ):
            scores = MurmurStatistic(scheme).scores(contexts, tokens)
            assert scores[0] == MurmurStatistic(scheme).scores(contexts[:1], tokens[:1])[0]
            # Of two keys each context chooses one.
            assert scores[1] == 0 or scheme.name == MurmurDualGumbel.name


@pytest.mark.parametrize("size", [1000, 3, 40_001])
def test_tokens_with_one_place_in_a_synthid_table_are_one_observation(size):
    rng = np.random.default_rng(size)
    tokens = [1]
    while len(tokens) < 300:
        found = rng.integers(0, 1 << 32, 40_000, dtype=np.uint64)
        before = np.uint64(((1 + tokens[-1]) * LCG + 1) % (1 << 64))
        hashes = (before + found) * np.uint64(LCG) + np.uint64(1)
        starts = hashes * np.uint64(LCG) + np.uint64((1 << 63) + 1)
        places = starts % np.uint64(size)
        tokens.extend(int(each) for each in found[places < max(3, size // 10_000)][:1])
    for secret in secrets(12):
        layers = tuple(secrets(30, secret))
        scheme = SynthId(secrets=layers, ngram_length=2, sampling_table_size=size)
        found = detect(tokens, [TextKey(scheme=scheme)])
        assert found.presence is not Presence.PRESENT
        ids = np.array(tokens)
        rows = SynthIdStatistic(scheme).evidence(ids[:-1, None], ids[1:])
        assert len(np.unique(rows)) <= max(3, size // 10_000)


def test_greens_behind_token_zero_of_lefthash_are_nobodys():
    size = 1000
    greens = size // 4
    swaps = TorchRandom().swaps(0, size, greens)
    known = [each for each in range(1, size) if is_among_first(swaps, each)]
    tokens = [each for green in known for each in (0, green)]
    for secret in secrets(20):
        scheme = Kgw(secret=secret, vocabulary_size=size, greenlist_ratio=0.25)
        assert detect(tokens, [TextKey(scheme=scheme)]).p_value > 1e-3


TEXTS = {
    "one token": np.zeros(3000, np.int64),
    "two in turn": np.tile([7, 9], 1500),
    "a long period": np.tile(np.arange(97), 40),
    "counting": np.arange(3000),
    "counting apart": np.arange(3000) << 19,
    "halves": np.repeat(np.arange(1500), 2),
    "one changed word": np.where(np.arange(4000) % 40 == 0, np.arange(4000), np.arange(4000) % 40),
    "few words": (np.random.default_rng(1).pareto(0.9, 4000) * 3).astype(np.int64) % 5000,
    "the largest ids": (1 << 32) - 1 - np.arange(2000) % 1300,
    "de Bruijn's bits": np.array([int(bit) for n in range(400) for bit in f"{n:b}"]),
}


def odd_schemes(secret):
    other = secret ^ 0x5555
    yield from (PhiloxGumbel(secret=secret, context_width=width) for width in (1, 16, 64))
    yield from (PhiloxDualGumbel(secret=secret, alpha=alpha) for alpha in (0.0, 1e-9, 0.5, 1.0))
    yield from (MurmurGumbel(secret=secret, context_width=width) for width in (1, 64))
    for share in (0.01, 0.99):
        yield MurmurDualGumbel(secret=secret, secret_b=other, mixing_probability=share)
    for layers, size in ((1, 65536), (100, 1024), (30, 2), (5, 77)):
        yield SynthId(secrets=tuple(secrets(layers, secret)), sampling_table_size=size)
    for ratio in (0.002, 0.5, 0.998):
        yield Kgw(secret=secret, vocabulary_size=1500, greenlist_ratio=ratio)
    yield Kgw(secret=secret, vocabulary_size=300, seeding=Seeding.SELFHASH, context_width=4)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_with_a_pattern_are_not_marked(name):
    for secret in secrets(2, seed=7):
        for scheme in odd_schemes(secret):
            found = detect(TEXTS[name], [TextKey(scheme=scheme)])
            assert found.p_value > 1e-5, scheme
            assert math.isfinite(found.log_p_value)


class Tokenizer:
    """Words of four characters; says what it likes about where they are."""

    sha256 = None

    def __init__(self, offsets):
        self.offsets = offsets

    def encode(self, text):
        ids = [int.from_bytes(text[at : at + 4].encode(), "big") for at in range(0, len(text), 4)]
        count = len(ids)
        return Encoding(
            ids=np.array(ids, np.int64), offsets=np.array(self.offsets(count), np.int64)
        )


@pytest.mark.parametrize(
    "offsets",
    [
        lambda count: [(0, 0)] * count,
        lambda count: [(0, 4 * count)] * count,
        lambda count: [(4 * at, 4 * at) for at in range(count)],
        lambda count: [(4 * at, min(4 * at + 9, 4 * count)) for at in range(count)],
    ],
)
def test_places_stay_in_the_text_whatever_a_tokenizer_says(offsets):
    from labeler.codec.tokens import philox  # noqa: PLC0415 - the writer of this test only

    secret = 12345
    tokens = [0x61616161]
    letters = np.array([int.from_bytes(b"%04d" % each, "big") for each in range(64)], np.int64)
    while len(tokens) < 200:
        words = philox.words(secret, np.array([tokens[-1:]], np.int64), letters[None])
        tokens.append(int(letters[np.argmax(words)]))
    text = "".join(each.to_bytes(4, "big").decode() for each in tokens)
    key = TextKey(scheme=PhiloxGumbel(secret=secret, context_width=1))
    found = detect_text(text, Tokenizer(offsets), [key])
    assert found.span is not None
    start, stop = found.characters
    assert 0 <= start <= stop <= len(text)
