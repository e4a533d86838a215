"""SynthID against transformers itself (benchmarks/transformers_vectors.py), and its null."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.evidence import EvidentStatistic
from labeler.codec.tokens.schemes import SynthId
from labeler.codec.tokens.synthid import SynthIdStatistic, depth_weights, g_values
from labeler.errors import WatermarkKeyError

VECTORS = json.loads(
    (Path(__file__).parents[2] / "data" / "text" / "transformers_vectors.json").read_text()
)
TEXT = VECTORS["synthid_text"]


def scheme_of(case) -> SynthId:
    return SynthId(
        secrets=tuple(case["secrets"]),
        ngram_length=case["ngram_length"],
        sampling_table_size=case.get("table_size", 65536),
        sampling_table_seed=case.get("table_seed", 0),
    )


def random_scheme(rng, *, layers=30, **changes) -> SynthId:
    return SynthId(secrets=tuple(rng.integers(0, 1 << 62, layers).tolist()), **changes)


def measure(scheme: SynthId, tokens) -> tuple[float, int]:
    """ln p and the tokens that counted."""
    statistic = SynthIdStatistic(scheme)
    contexts, scored, _ = windows(tokens, statistic.context_width)
    fresh = first_occurrences(contexts)
    contexts, scored = contexts[fresh], scored[fresh]
    fresh = first_occurrences(statistic.evidence(contexts, scored))
    scores = statistic.scores(contexts[fresh], scored[fresh])
    return statistic.log_tail(float(scores.sum()), len(scores)), len(scores)


@pytest.mark.parametrize("case", VECTORS["synthid"], ids=lambda case: case["table_size"])
def test_g_values_are_those_of_transformers(case):
    scheme = scheme_of(case)
    ngrams = np.lib.stride_tricks.sliding_window_view(np.array(case["tokens"]), scheme.ngram_length)
    found = g_values(scheme, ngrams)
    assert ["".join(map(str, row)) for row in found.tolist()] == case["g_values"]
    scores = SynthIdStatistic(scheme).scores(ngrams[:, :-1], ngrams[:, -1])
    assert np.array_equal(scores, found @ depth_weights(len(scheme.secrets)))


def test_text_that_transformers_marked_is_found_and_only_with_its_key():
    scheme = scheme_of(TEXT)
    log_p, counted = measure(scheme, TEXT["tokens"])
    assert log_p < math.log(1e-12)
    others = [
        measure(random_scheme(np.random.default_rng(seed), ngram_length=3), TEXT["tokens"])[0]
        for seed in range(40)
    ]
    assert min(others) > math.log(1e-4)
    assert counted > 200


def test_contexts_that_transformers_left_unmarked_are_not_counted():
    contexts, _, positions = windows(TEXT["tokens"], 2)
    fresh = first_occurrences(contexts)
    masked = np.array(TEXT["is_fresh"], dtype=bool)
    assert not masked.all()
    assert np.array_equal(fresh, masked)
    assert positions[0] == 2


def test_masses_are_those_of_all_states():
    scheme = random_scheme(np.random.default_rng(0), layers=12, sampling_table_size=4096)
    statistic = SynthIdStatistic(scheme)
    # A table that divides the hash's range: every state once is the whole distribution.
    weights, states = depth_weights(12), np.arange(4096)[:, None]
    contexts = np.column_stack([np.full((4096, 3), 5), states])
    scores = statistic.scores(contexts, np.full(4096, 9))
    assert len(np.unique(statistic.evidence(contexts, np.full(4096, 9)))) == 4096
    counts = np.bincount(scores.astype(int), minlength=weights.sum() + 1)
    assert statistic.mean == pytest.approx(scores.mean())
    for total in (int(statistic.mean) + 3, int(scores.max()) - 1):
        assert statistic.log_tail(total, 1) == pytest.approx(
            math.log(counts[total:].sum() / 4096), abs=1e-9
        )


def test_masses_of_an_odd_table_are_those_of_many_hashes():
    rng = np.random.default_rng(1)
    scheme = SynthId(
        secrets=tuple(rng.integers(-(1 << 62), 1 << 62, 8).tolist()), sampling_table_size=97
    )
    statistic = SynthIdStatistic(scheme)
    ngrams = rng.integers(0, 1 << 40, (400_000, 5))
    scores = statistic.scores(ngrams[:, :-1], ngrams[:, -1])
    assert scores.mean() == pytest.approx(statistic.mean, abs=5 * scores.std() / math.sqrt(4e5))
    for total in np.unique(scores)[1:]:
        expected = (scores >= total).mean()
        if total > statistic.mean and expected > 1e-3:
            assert statistic.log_tail(total, 1) == pytest.approx(math.log(expected), abs=0.15)


def test_secrets_that_fall_together_are_one_layer():
    twins = SynthId(secrets=(5, 5 + 65536))
    statistic = SynthIdStatistic(twins)
    # As two coins both would show with a chance of one quarter.
    assert math.exp(statistic.log_tail(11, 1)) == pytest.approx(0.5, abs=0.01)


def test_p_values_without_the_mark_are_no_smaller_than_they_say():
    rng = np.random.default_rng(2)
    ps = []
    for _ in range(400):
        # Words as frequent as in prose: few are most of the text.
        tokens = (rng.pareto(1.0, 120) * 3).astype(np.int64) % 50_000
        ps.append(measure(random_scheme(rng, layers=10, sampling_table_size=4096), tokens)[0])
    for level in (0.3, 0.1, 0.03, 0.01):
        rate = np.mean(np.array(ps) <= math.log(level))
        assert rate <= level + 3 * math.sqrt(level / 400)
    assert np.mean(np.array(ps) <= math.log(0.1)) > 0.05


def test_is_an_evident_statistic_and_hides_its_secrets():
    statistic = SynthIdStatistic(scheme_of(TEXT))
    assert isinstance(statistic, EvidentStatistic)
    assert not statistic.counts_ngrams
    assert str(TEXT["secrets"][0]) not in repr(statistic)


def test_takes_no_tokens():
    statistic = SynthIdStatistic(scheme_of(TEXT))
    contexts, tokens = np.empty((0, 2), np.int64), np.empty(0, np.int64)
    assert statistic.scores(contexts, tokens).shape == (0,)
    assert statistic.evidence(contexts, tokens).shape == (0, 1)
    assert statistic.log_tail(0.0, 0) == 0


@pytest.mark.parametrize(
    "changes",
    [{"secrets": ()}, {"ngram_length": 1}, {"sampling_table_size": 1}, {"secrets": (1,) * 300}],
)
def test_refuses_parameters_out_of_range(changes):
    with pytest.raises(WatermarkKeyError, match="SynthID"):
        SynthIdStatistic(SynthId(**{"secrets": (1, 2), **changes}))


def test_weights_fall_from_ten_to_one():
    weights = depth_weights(30)
    assert (weights[0], weights[-1]) == (10, 1)
    assert all(high >= low for high, low in itertools.pairwise(weights))
    assert depth_weights(1).tolist() == [10]
