"""The engines' pseudo-random functions, against words that the engines' own code computed."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.tokens import murmur3, philox

VECTORS = json.loads(
    (Path(__file__).parents[2] / "data" / "text" / "engine_vectors.json").read_text()
)
TOKENS = st.integers(-1, (1 << 31) - 1)
SECRETS = st.integers(0, (1 << 64) - 1)


def test_words_and_uniforms_are_those_of_vllm() -> None:
    for case in VECTORS["vllm"]["words"]:
        context, tokens = np.array([case["context"]]), np.array(case["tokens"])
        words = philox.words(int(case["secret"], 16), context, tokens)
        assert words.dtype == np.uint32
        assert words.tolist() == [case["words"]]
        # vLLM rounds to single precision.
        assert philox.uniforms(words[0]).astype(np.float32).tolist() == case["uniforms"]


def test_many_rows_at_once_are_those_of_vllm() -> None:
    cases = [case for case in VECTORS["vllm"]["words"] if len(case["context"]) == 5]
    for case in cases:
        contexts = np.array([other["context"] for other in cases])
        tokens = np.array([other["tokens"] for other in cases])
        words = philox.words(int(case["secret"], 16), contexts, tokens)
        assert words[cases.index(case)].tolist() == case["words"]


def test_the_two_keys_are_those_of_vllm() -> None:
    secrets = [0, 42, 0x0123456789ABCDEF, 0xFEDCBA9876543210, (1 << 64) - 1]
    derived = [[f"{each:016x}" for each in philox.dual_secrets(secret)] for secret in secrets]
    assert derived == VECTORS["vllm"]["dual_secrets"]


@given(SECRETS, st.lists(TOKENS, min_size=1, max_size=9), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_the_whole_vocabulary_has_the_words_of_its_tokens(secret, context, size) -> None:
    contexts = np.array([context])
    assert np.array_equal(
        philox.all_words(secret, contexts[0], size),
        philox.words(secret, contexts, np.arange(size))[0],
    )


def test_a_large_vocabulary_and_many_rows_are_worked_on_in_parts() -> None:
    rng = np.random.default_rng(1)
    contexts, tokens = rng.integers(0, 1 << 18, (9000, 3)), rng.integers(0, 40_000, 9000)
    words = philox.words(99, contexts, tokens[:, None])[:, 0]
    for row in (0, 4095, 4096, 8999):
        everything = philox.all_words(99, contexts[row], 40_000)
        assert everything[tokens[row]] == words[row]


def test_the_same_candidates_may_stand_behind_every_context() -> None:
    contexts, tokens = np.arange(12).reshape(4, 3), np.array([5, 7])
    assert np.array_equal(
        philox.words(3, contexts, tokens), philox.words(3, contexts, np.tile(tokens, (4, 1)))
    )


def test_uniforms_lie_strictly_between_0_and_1() -> None:
    ends = philox.uniforms(np.array([0, (1 << 32) - 1], np.uint32))
    assert ends.tolist() == [1 / ((1 << 24) + 1), (1 << 24) / ((1 << 24) + 1)]


@pytest.mark.parametrize("secret", [-1, 1 << 64])
def test_a_secret_has_64_bits(secret: int) -> None:
    contexts, hashes = np.zeros((1, 4), np.int64), np.zeros(1, np.uint32)
    with pytest.raises(ValueError, match="secret"):
        philox.words(secret, contexts, np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="secret"):
        philox.dual_secrets(secret)
    with pytest.raises(ValueError, match="secret"):
        murmur3.words(secret, hashes, np.zeros(1, np.int64))


def test_shapes_that_do_not_fit_are_refused() -> None:
    contexts = np.zeros((3, 4), np.int64)
    with pytest.raises(ValueError, match="fit"):
        philox.words(1, contexts, np.zeros((2, 5), np.int64))
    with pytest.raises(ValueError, match="table"):
        philox.words(1, contexts[0], np.zeros(5, np.int64))
    with pytest.raises(ValueError, match="table"):
        philox.context_states(1, contexts[:, :0])
    with pytest.raises(ValueError, match="size"):
        philox.all_words(1, contexts[0], -1)
    with pytest.raises(ValueError, match="table"):
        murmur3.context_hashes(contexts[0])


def test_hashes_words_and_coins_are_those_of_sglang() -> None:
    for case in VECTORS["sglang"]["words"]:
        first, second = (int(each, 16) for each in case["secrets"])
        hashes = murmur3.context_hashes(np.array([case["context"]]))
        assert hashes.tolist() == [case["hash"]]
        assert murmur3.words(first, hashes, np.array([case["token"]])).tolist() == [case["word"]]
        # The coin is told by the two probabilities that it lies between.
        below, above = case["coin"] / 2**32, (case["coin"] + 1) / 2**32
        assert not murmur3.chooses_first(first, second, hashes, below)[0]
        assert murmur3.chooses_first(first, second, hashes, above)[0]


def test_missing_tokens_make_a_shorter_context() -> None:
    short = murmur3.context_hashes(np.array([[7, 8]]))
    assert murmur3.context_hashes(np.array([[-1, -1, 7, 8]])).tolist() == short.tolist()
    # The largest token is no missing one.
    largest = murmur3.context_hashes(np.array([[(1 << 32) - 1, 7, 8]]))
    assert largest.tolist() != short.tolist()


def test_probabilities_of_keys_lie_between_0_and_1() -> None:
    hashes = np.array([0, 1 << 31, (1 << 32) - 1], np.uint32)
    assert not murmur3.chooses_first(1, 2, hashes, 0.0).any()
    assert murmur3.chooses_first(1, 2, hashes, 1.0).all()
    with pytest.raises(ValueError, match="probability"):
        murmur3.chooses_first(1, 2, hashes, 1.5)
