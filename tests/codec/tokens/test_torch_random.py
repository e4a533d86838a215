"""PyTorch's generator, against what PyTorch drew (benchmarks/transformers_vectors.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.codec.tokens.torch_random import TorchRandom, is_among_first

VECTORS = Path(__file__).parents[2] / "data" / "text" / "transformers_vectors.json"
CASES = json.loads(VECTORS.read_text())["generator"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['seed']}-{case['size']}")
def test_draws_what_torch_draws(case):
    generator = TorchRandom()
    assert generator.bits(case["seed"], 64).tolist() == case["bits"]
    head = generator.permutation_head(case["seed"], case["size"], len(case["head"]))
    assert head.tolist() == case["head"]


@settings(deadline=None)
@given(seed=st.integers(0, 1 << 64), size=st.integers(1, 200), data=st.data(), part=st.floats(0, 1))
def test_one_element_goes_where_the_whole_shuffle_puts_it(seed, size, data, part):
    generator = TorchRandom()
    count = int(part * size)
    element = data.draw(st.integers(0, size - 1))
    head = generator.permutation_head(seed, size, size)
    assert sorted(head.tolist()) == list(range(size))
    swaps = generator.swaps(seed, size, count)
    assert is_among_first(swaps, element) == (element in head[:count])


def test_a_seed_starts_afresh():
    generator = TorchRandom()
    first = generator.words(7, 700)
    generator.words(8, 3)
    assert np.array_equal(generator.words(7, 700), first)
