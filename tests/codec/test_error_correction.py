"""The error-correcting code: its wire format, what it corrects, and what it never says."""

import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labeler.codec.error_correction import (
    CANDIDATES,
    CODE_BITS,
    INFORMATION_POSITIONS,
    decode,
    decode_each,
    encode,
)
from labeler.codec.payload import FRAME_BITS, Handle, Origin, Payload
from labeler.codec.polar import PolarCode, reliable_positions

PAYLOAD = Payload(origin=Origin.GENERATED, handle=Handle(0x1234, 0x56789ABC))

payloads = st.builds(
    Payload,
    origin=st.sampled_from(Origin),
    handle=st.builds(Handle, st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)),
    version=st.integers(0, 15),
)
frames = hnp.arrays(np.uint8, FRAME_BITS, elements=st.integers(0, 1))


def signs(payload):
    return 1 - 2.0 * encode(payload.to_frame())


def random_payloads(rng, count):
    values = rng.integers(0, [6, 1 << 16, 1 << 32], (count, 3))
    return [Payload(origin=Origin(o), handle=Handle(int(i), int(s))) for o, i, s in values]


# The wire format. These tests must never be adapted: marks that were made stay readable.


def test_the_positions_are_those_of_version_1():
    packed = np.array(INFORMATION_POSITIONS, ">u2").tobytes()
    assert hashlib.sha256(packed).hexdigest() == (
        "7fbdb66bc1aaa9b4b4cd8f6ed1ec9a5299f688ce2f04de666c068c61de770d58"
    )


def test_a_code_word_is_that_of_version_1():
    word = np.packbits(encode(PAYLOAD.to_frame())).tobytes()
    assert word[:16].hex() == "10b78b671344876426b2bd622541b161"
    assert hashlib.sha256(word).hexdigest() == (
        "028ac19641dd05033b3b1a42bbefcfc3edca7d50c67266492a5bbc1fc1a9f919"
    )


def test_the_positions_are_the_least_often_erased():
    def erased(position):
        """Chance that the bit stays unknown where the channel keeps one bit in 32."""
        chance = Fraction(31, 32)
        for step in reversed(range(10)):
            chance = chance**2 if position >> step & 1 else 2 * chance - chance**2
        return chance

    chances = [erased(position) for position in range(CODE_BITS)]
    chosen = [chances[position] for position in INFORMATION_POSITIONS]
    frozen = [chances[position] for position in set(range(CODE_BITS)) - {*INFORMATION_POSITIONS}]
    assert len(chosen) == FRAME_BITS
    # No near tie: four percent lie between the last that is in and the first that is out.
    assert (1 - max(chosen)) / (1 - min(frozen)) > Fraction(104, 100)


@given(frames)
def test_a_code_word_is_the_product_with_the_generator_matrix(frame):
    kernel = np.array([[1, 0], [1, 1]])
    matrix = np.ones((1, 1), int)
    for _ in range(10):
        matrix = np.kron(matrix, kernel)
    word = encode(frame)
    assert word.dtype == np.uint8
    np.testing.assert_array_equal(word, frame @ matrix[list(INFORMATION_POSITIONS)] % 2)


@given(frames.filter(np.any))
def test_code_words_differ_in_at_least_64_bits(frame):
    # The code is linear, so the weights of its words are the distances between them.
    assert encode(frame).sum() >= 64


# What it corrects.


@given(payloads)
def test_a_clean_word_is_read(payload):
    assert decode(signs(payload)) == payload


@given(payloads, st.integers(0, 2**32 - 1))
def test_half_of_the_bits_may_be_missing(payload, seed):
    soft = signs(payload)
    soft[np.random.default_rng(seed).permutation(CODE_BITS)[: CODE_BITS // 2]] = 0
    assert decode(soft) == payload


@given(payloads, st.integers(0, 2**32 - 1))
def test_one_bit_in_six_may_be_wrong(payload, seed):
    soft = signs(payload)
    soft[np.random.default_rng(seed).permutation(CODE_BITS)[: CODE_BITS // 6]] *= -1
    assert decode(soft) == payload


def test_it_reads_what_was_measured():
    # -10.75 dB for a code bit is -12 dB for a chip where 1024 bits have 1364 chips: half a percent
    # of the frames is lost there (benchmarks.error_correction), and 1 in 10 at 1 dB less.
    rng = np.random.default_rng(20260801)
    sent = random_payloads(rng, 200)
    words = np.stack([signs(payload) for payload in sent])
    noise = rng.standard_normal(words.shape)
    for es_n0_db, allowed in ((-10.75, 5), (-11.75, 40)):
        heard = words + noise / math.sqrt(2 * 10 ** (es_n0_db / 10))
        read = decode_each(heard)
        assert sum(got != payload for got, payload in zip(read, sent, strict=True)) <= allowed


def test_weights_count():
    # Half of the bits are known well, the others heard as strong noise with low weight.
    rng = np.random.default_rng(5)
    words = np.stack([signs(payload) for payload in random_payloads(rng, 20)])
    sigma = np.where(rng.permutation(CODE_BITS) % 2, 1.2, 20.0)
    heard = words + sigma * rng.standard_normal(words.shape)
    weighted = [each is not None for each in decode_each(heard / sigma**2)]
    assert all(weighted)
    assert not any(each is not None for each in decode_each(heard))


@given(st.integers(-1000, 1000), st.integers(0, 2**32 - 1))
def test_only_proportions_matter(exponent, seed):
    rng = np.random.default_rng(seed)
    soft = (signs(PAYLOAD) + 2.5 * rng.standard_normal(CODE_BITS)).astype(np.float32)
    assert decode(np.ldexp(soft.astype(np.float64), exponent)) == decode(soft)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_type_will_do(dtype):
    assert decode(signs(PAYLOAD).astype(dtype)) == PAYLOAD


def test_many_words_are_read_as_one_by_one():
    rng = np.random.default_rng(11)
    words = np.stack([signs(payload) for payload in random_payloads(rng, 9)])
    words[::3] = 0
    words += 1.8 * rng.standard_normal(words.shape)
    together = decode_each(words)
    assert together == [*map(decode, words)]
    assert [each is None for each in together] == [row % 3 == 0 for row in range(9)]


def test_no_words_give_no_payloads():
    assert decode_each(np.zeros((0, CODE_BITS))) == []


# What it never says.


def test_noise_gives_no_payload():
    # By chance 1 in 1300 such tests would fail; this one has a seed.
    noise = np.random.default_rng(7).standard_normal((100, CODE_BITS))
    assert decode_each(noise) == [None] * 100


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1.0])
def test_a_word_without_information_gives_no_payload(value):
    assert decode(np.full(CODE_BITS, value)) is None


@given(payloads, st.integers(0, FRAME_BITS - 1))
def test_a_payload_whose_check_fails_is_not_given(payload, position):
    frame = payload.to_frame()
    frame[position] ^= 1
    decoded = decode(1 - 2.0 * encode(frame))
    # A neighbour may be read instead; no word of the code is nearer than 64 bits.
    assert decoded is None or np.count_nonzero(encode(decoded.to_frame()) != encode(frame)) >= 64


def test_the_input_is_left_alone():
    soft = signs(PAYLOAD)
    before = soft.copy()
    frame = PAYLOAD.to_frame()
    decode(soft)
    encode(frame)
    np.testing.assert_array_equal(soft, before)
    np.testing.assert_array_equal(frame, PAYLOAD.to_frame())


@pytest.mark.parametrize("shape", [(FRAME_BITS - 1,), (FRAME_BITS + 1,), (1, FRAME_BITS), ()])
def test_frames_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        encode(np.zeros(shape, np.uint8))


def test_frames_are_bits():
    with pytest.raises(ValueError, match="0 and 1"):
        encode(np.full(FRAME_BITS, 2, np.uint8))


@pytest.mark.parametrize("shape", [(CODE_BITS - 1,), (512,), (0,)])
def test_words_of_another_length_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        decode(np.zeros(shape))
    with pytest.raises(ValueError, match="shape"):
        decode_each(np.zeros((2, *shape)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_words_are_finite(value):
    soft = signs(PAYLOAD)
    soft[17] = value
    with pytest.raises(ValueError, match="finite"):
        decode(soft)


# The decoder of polar codes, against one that tries everything.


def everything(count):
    return (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(np.uint8)


@pytest.mark.parametrize(
    ("length", "count", "inverse_capacity"),
    [(1, 1, 2), (2, 1, 2), (8, 8, 2), (16, 7, 2), (32, 9, 4), (64, 10, 8), (128, 10, 16)],
)
def test_a_list_of_all_words_is_in_order_of_likelihood(length, count, inverse_capacity):
    code = PolarCode(length, reliable_positions(length, count, inverse_capacity=inverse_capacity))
    data = everything(count)
    llrs = np.random.default_rng(length).standard_normal((5, length)).astype(np.float32)
    correlation = llrs @ (1 - 2.0 * code.encode(data)).T
    candidates = code.decode(llrs, list_size=1 << count)
    assert candidates.shape == (5, 1 << count, count)
    for word, found, expected in zip(llrs, candidates, correlation, strict=True):
        assert len(np.unique(found, axis=0)) == 1 << count
        reached = (1 - 2.0 * code.encode(found)) @ word
        np.testing.assert_allclose(reached, np.sort(expected)[::-1], atol=1e-4)


@pytest.mark.parametrize("list_size", [1, 2, 5, 32])
def test_a_list_holds_different_words_of_the_code_best_first(list_size):
    code = PolarCode(64, reliable_positions(64, 20, inverse_capacity=4))
    llrs = np.random.default_rng(list_size).standard_normal((50, 64)).astype(np.float32)
    candidates = code.decode(llrs, list_size=list_size)
    assert candidates.shape == (50, list_size, 20)
    for word, data in zip(llrs, candidates, strict=True):
        assert len(np.unique(data, axis=0)) == list_size
        correlation = (1 - 2.0 * code.encode(data)) @ word
        assert (np.diff(correlation) <= 1e-4).all()


def test_a_list_of_32_nearly_always_holds_the_likeliest_word():
    code = PolarCode(64, reliable_positions(64, 14, inverse_capacity=4))
    data = everything(14)
    words = 1 - 2.0 * code.encode(data).astype(np.float32)
    rng = np.random.default_rng(1)
    heard = words[rng.integers(0, len(words), 200)] + 1.2 * rng.standard_normal((200, 64))
    llrs = heard.astype(np.float32)
    likeliest = data[np.argmax(llrs @ words.T, axis=1)]
    best = code.decode(llrs, list_size=32)[:, 0]
    assert (best == likeliest).all(axis=1).mean() >= 0.98


def test_the_longest_list_is_the_one_that_is_announced():
    code = PolarCode(CODE_BITS, INFORMATION_POSITIONS)
    word = signs(PAYLOAD).astype(np.float32)[None]
    candidates = code.decode(word, list_size=CANDIDATES)
    assert candidates.shape == (1, CANDIDATES, FRAME_BITS)
    np.testing.assert_array_equal(candidates[0, 0], PAYLOAD.to_frame())


@pytest.mark.parametrize(
    ("length", "positions", "problem"),
    [
        (0, [0], "power of two"),
        (12, [11], "power of two"),
        (8, [], "rise"),
        (8, [7, 6], "rise"),
        (8, [7, 7], "rise"),
        (8, [8], "0 to 7"),
        (8, [-1, 7], "0 to 7"),
        (16, [0, 1, 2, 3, 4, 5, 6, 7], "frozen"),
    ],
)
def test_positions_that_make_no_polar_code_are_refused(length, positions, problem):
    with pytest.raises(ValueError, match=problem):
        PolarCode(length, positions)


def test_words_and_lists_that_make_no_sense_are_refused():
    code = PolarCode(8, [6, 7])
    with pytest.raises(ValueError, match="shape"):
        code.decode(np.zeros((1, 4), np.float32), list_size=1)
    with pytest.raises(ValueError, match="at least one"):
        code.decode(np.zeros((1, 8), np.float32), list_size=0)
