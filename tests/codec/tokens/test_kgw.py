"""Green lists against transformers itself (benchmarks/transformers_vectors.py), and their null."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.evidence import EvidentStatistic
from labeler.codec.tokens.kgw import KgwStatistic
from labeler.codec.tokens.schemes import Kgw, Seeding
from labeler.errors import WatermarkKeyError

VECTORS = json.loads(
    (Path(__file__).parents[2] / "data" / "text" / "transformers_vectors.json").read_text()
)


def name_of(case) -> str:
    return f"{case['seeding']}-{case['vocabulary_size']}-{case['context_width']}"


def scheme_of(case, **changes) -> Kgw:
    members = {name: case[name] for name in ("secret", "vocabulary_size", "context_width")}
    return Kgw(**{**members, "seeding": Seeding(case["seeding"]), **changes})


def measure(statistic: KgwStatistic, tokens) -> float:
    """ln p."""
    contexts, scored, _ = windows(tokens, statistic.context_width)
    fresh = first_occurrences(statistic.evidence(contexts, scored))
    scores = statistic.scores(contexts[fresh], scored[fresh])
    return statistic.log_tail(float(scores.sum()), len(scores))


@pytest.mark.parametrize("case", VECTORS["kgw"], ids=name_of)
def test_greens_are_those_of_transformers(case):
    statistic = KgwStatistic(scheme_of(case))
    contexts, tokens, _ = windows(case["tokens"], statistic.context_width)
    scores = statistic.scores(contexts, tokens)
    # Left hashing looks at one token, but transformers begins where a whole context is there.
    # Self-hashing of one token has no context, but a window of tokens always has.
    count = min(len(case["greens"]), len(scores))
    assert count >= len(case["greens"]) - 1
    assert scores[-count:].tolist() == case["greens"][-count:]
    assert 0 < sum(case["greens"]) < len(case["greens"])


@pytest.mark.parametrize(
    # Where the token alone decides, transformers counts the first one too, which has no window.
    "case",
    [
        case
        for case in VECTORS["kgw"]
        if (case["seeding"], case["context_width"]) != ("selfhash", 1)
    ],
    ids=name_of,
)
def test_counts_are_those_of_the_detector_of_transformers(case):
    statistic = KgwStatistic(scheme_of(case))
    span = case["context_width"] + (case["seeding"] == "lefthash")
    ngrams = np.unique(
        np.lib.stride_tricks.sliding_window_view(np.array(case["tokens"]), span), axis=0
    )
    width = statistic.context_width
    scores = statistic.scores(ngrams[:, span - 1 - width : -1], ngrams[:, -1])
    assert [len(ngrams), scores.sum()] == case["counts"]


@pytest.mark.parametrize("case", VECTORS["kgw_text"], ids=name_of)
def test_text_that_transformers_marked_is_found_and_only_with_its_key(case):
    assert measure(KgwStatistic(scheme_of(case)), case["tokens"]) < math.log(1e-7)
    for key in range(1_000_003, 1_000_013):
        assert measure(KgwStatistic(scheme_of(case, secret=key)), case["tokens"]) > math.log(1e-3)


def test_the_binomial_is_an_upper_bound_for_tokens_behind_few_contexts():
    # The exact null: five contexts, each followed by a third of a small vocabulary.
    statistic = KgwStatistic(Kgw(secret=1, vocabulary_size=60))
    greens = np.ones(1)
    for _ in range(5):
        greens = np.convolve(greens, stats.hypergeom.pmf(np.arange(16), 60, 15, 20))
    tails = np.cumsum(greens[::-1])[::-1]
    for total, tail in enumerate(tails):
        if tail > 1e-14:
            assert statistic.log_tail(total, 100) >= math.log(tail) - 1e-9
    assert statistic.log_tail(27, 100) < 0


def test_tail_is_binomial():
    statistic = KgwStatistic(Kgw(secret=1, vocabulary_size=50257))
    expected = stats.binom.logsf(99, 200, 12564 / 50257)
    assert expected <= statistic.log_tail(100, 200) <= expected + 1e-3
    assert statistic.log_tail(50, 200) == 0
    assert statistic.log_tail(0, 0) == 0


@pytest.mark.parametrize(("seeding", "width"), [("lefthash", 1), ("selfhash", 4)])
def test_p_values_without_the_mark_are_no_smaller_than_they_say(seeding, width):
    rng = np.random.default_rng(3)
    ps = []
    for _ in range(300):
        scheme = Kgw(
            secret=int(rng.integers(1, 1 << 40)),
            vocabulary_size=300,
            seeding=Seeding(seeding),
            context_width=width,
        )
        # A few words make most of the text, so that the least of several hashes recurs.
        tokens = (rng.pareto(1.2, 120) * 3).astype(np.int64) % 300
        ps.append(measure(KgwStatistic(scheme), tokens))
    for level in (0.3, 0.1, 0.03):
        rate = np.mean(np.array(ps) <= math.log(level))
        assert rate <= level + 3 * math.sqrt(level / 300)


def test_ngrams_that_share_a_seed_and_a_token_are_one_observation():
    statistic = KgwStatistic(
        Kgw(secret=15485863, vocabulary_size=50, seeding=Seeding.SELFHASH, context_width=4)
    )
    contexts, tokens, _ = windows(np.random.default_rng(4).integers(0, 50, 2000), 3)
    distinct = first_occurrences(contexts, tokens)
    evidence = statistic.evidence(contexts[distinct], tokens[distinct])
    scores = statistic.scores(contexts[distinct], tokens[distinct])
    kept = first_occurrences(evidence)
    assert kept.sum() < 0.8 * len(kept)
    seen = {}
    for row, score in zip(map(tuple, evidence.tolist()), scores, strict=True):
        assert seen.setdefault(row, score) == score


def test_a_secret_without_low_bits_draws_one_list_and_says_so():
    statistic = KgwStatistic(Kgw(secret=1 << 32, vocabulary_size=100))
    contexts = np.arange(50)[:, None]
    assert len(np.unique(statistic.evidence(contexts, np.full(50, 7)), axis=0)) == 1


def test_foreign_tokens_are_not_green():
    statistic = KgwStatistic(Kgw(secret=5, vocabulary_size=100, greenlist_ratio=0.99))
    tokens = np.array([-1, 100, 1 << 40])
    assert statistic.scores(np.array([[-1], [3], [1 << 40]]), tokens).tolist() == [0, 0, 0]


def test_is_an_evident_statistic_and_hides_its_secret():
    statistic = KgwStatistic(Kgw(secret=987654321, vocabulary_size=100))
    assert isinstance(statistic, EvidentStatistic)
    assert statistic.counts_ngrams
    assert statistic.mean == 0.25
    assert "987654321" not in repr(statistic)
    assert statistic.scores(np.empty((0, 1), np.int64), np.empty(0, np.int64)).shape == (0,)


@pytest.mark.parametrize(
    "changes",
    [
        {"vocabulary_size": 1},
        {"greenlist_ratio": 1.0},
        {"greenlist_ratio": 0.001},
        {"secret": 1 << 64},
        {"secret": 1 << 63, "seeding": Seeding.SELFHASH},
        {"context_width": 0},
    ],
)
def test_refuses_parameters_out_of_range(changes):
    with pytest.raises(WatermarkKeyError, match="green-list"):
        KgwStatistic(Kgw(**{"secret": 1, "vocabulary_size": 100, **changes}))
