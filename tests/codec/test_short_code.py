import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec import short_code
from labeler.codec.error_correction import CODE_BITS
from labeler.codec.payload import SHORT_BITS

MESSAGES = st.integers(0, (1 << SHORT_BITS) - 1)


def received(message: int, *, gain: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(CODE_BITS)
    return gain * (1 - 2 * short_code.encode(message).astype(float)) + noise


@given(MESSAGES, MESSAGES)
def test_the_code_is_linear(one: int, other: int) -> None:
    together = short_code.encode(one) ^ short_code.encode(other)
    assert np.array_equal(together, short_code.encode(one ^ other))


def test_any_two_words_differ_in_480_bits_or_more() -> None:
    # The code is linear: distances are weights. 2000 of them, and all words of a single bit.
    random = np.random.default_rng(1).integers(1, 1 << SHORT_BITS, 2000)
    messages = [*map(int, random), *(1 << bit for bit in range(SHORT_BITS))]
    weights = [int(short_code.encode(message).sum()) for message in messages]
    assert min(weights) >= 480
    assert max(weights) <= 544


@given(MESSAGES, st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_message_is_read_through_noise(message: int, seed: int) -> None:
    word = received(message, gain=0.3, seed=seed)
    read, correlation = short_code.decode(word)
    assert read == message
    signs = 1 - 2 * short_code.encode(message).astype(float)
    assert correlation == pytest.approx(float(word @ signs), rel=1e-4)


def test_the_best_of_all_words_is_found_in_noise_too() -> None:
    word = np.random.default_rng(5).standard_normal(CODE_BITS)
    message, correlation = short_code.decode(word)
    signs = 1 - 2 * short_code.encode(message).astype(float)
    assert correlation == pytest.approx(float(word @ signs), rel=1e-4)
    for other in np.random.default_rng(6).integers(0, 1 << SHORT_BITS, 3000):
        assert word @ (1 - 2 * short_code.encode(int(other)).astype(float)) <= correlation + 1e-3


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="20-bit"):
        short_code.encode(1 << SHORT_BITS)
    with pytest.raises(ValueError, match="20-bit"):
        short_code.encode(-1)
    with pytest.raises(ValueError, match="shape"):
        short_code.decode(np.zeros(10))
    with pytest.raises(ValueError, match="finite"):
        short_code.decode(np.full(CODE_BITS, np.nan))
