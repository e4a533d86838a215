import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.marks.sampling import Sampling, candidates


def plainly(logits: np.ndarray, sampling: Sampling) -> dict[int, float]:
    """The same by sorting everything and going through it."""
    scaled = logits / sampling.temperature
    kept = [int(each) for each in np.argsort(-scaled, kind="stable") if scaled[each] > -math.inf]
    if sampling.top_k is not None and sampling.top_k < len(kept):
        least = scaled[kept[sampling.top_k - 1]]
        kept = [each for each in kept if scaled[each] >= least]
    chances = {each: math.exp(scaled[each] - scaled[kept[0]]) for each in kept}
    if sampling.top_p < 1:
        total, mass = sum(chances.values()), 0.0
        for each in kept:
            if mass >= sampling.top_p * total:
                del chances[each]
            else:
                mass += chances[each]
    chances = {each: chance for each, chance in chances.items() if chance >= sampling.min_p}
    total = sum(chances.values())
    return {each: chance / total for each, chance in chances.items()}


@given(
    size=st.sampled_from([1, 5, 300, 3000]),
    ruled_out=st.floats(0, 0.9),
    sampling=st.builds(
        Sampling,
        temperature=st.floats(0.2, 2),
        top_k=st.none() | st.integers(1, 400),
        top_p=st.just(1.0) | st.floats(0.05, 0.999),
        min_p=st.just(0.0) | st.floats(0.001, 1),
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_candidates_are_what_plain_sorting_leaves(
    size: int, ruled_out: float, sampling: Sampling, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, size)
    logits[1:][rng.random(size - 1) < ruled_out] = -math.inf
    offered = candidates(logits, sampling)
    expected = plainly(logits, sampling)
    assert offered.tokens.tolist() == sorted(expected)
    assert offered.tokens.dtype == np.int64
    wanted = [expected[each] for each in sorted(expected)]
    assert np.exp(offered.log_probabilities) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_halves_and_singles_will_do(dtype: type[np.floating]) -> None:
    logits = np.linspace(-3, 3, 1000).astype(dtype)
    offered = candidates(logits, Sampling(top_k=10, top_p=0.5))
    assert np.exp(offered.log_probabilities).sum() == pytest.approx(1, rel=1e-5)


def test_ties_with_the_last_one_stay() -> None:
    assert candidates(np.zeros(500), Sampling(top_k=3)).tokens.size == 500


def test_at_temperature_0_there_is_no_choice() -> None:
    offered = candidates(np.array([0.0, 2.0, 1.0]), Sampling(temperature=0))
    assert offered.tokens.tolist() == [1]
    assert offered.log_probabilities.tolist() == [0]


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 2},
    ],
)
def test_numbers_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Sampling(**values)


@pytest.mark.parametrize(
    "logits",
    [
        np.array([]),
        np.zeros((2, 2)),
        np.arange(3),
        np.array([0.0, math.nan]),
        np.array([0.0, math.inf]),
        np.full(3, -math.inf),
    ],
)
def test_impossible_logits_are_refused(logits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="logits"):
        candidates(logits, Sampling())
