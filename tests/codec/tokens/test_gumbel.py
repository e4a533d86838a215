import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from labeler.codec.tokens import murmur3, philox
from labeler.codec.tokens.contexts import NO_TOKEN, first_occurrences, windows
from labeler.codec.tokens.gumbel import MurmurStatistic, PhiloxDualStatistic, PhiloxStatistic
from labeler.codec.tokens.kgw import KgwStatistic
from labeler.codec.tokens.schemes import (
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    SynthId,
)
from labeler.codec.tokens.statistic import Statistic
from labeler.codec.tokens.statistics import statistic_of
from labeler.codec.tokens.synthid import SynthIdStatistic

VECTORS = json.loads(
    (Path(__file__).parents[2] / "data" / "text" / "engine_vectors.json").read_text()
)
SECRET = 0x0123456789ABCDEF
SCHEMES = [
    PhiloxGumbel(secret=SECRET),
    PhiloxDualGumbel(secret=SECRET, alpha=0.2),
    MurmurGumbel(secret=SECRET),
    MurmurDualGumbel(secret=SECRET, secret_b=99),
]
VOCABULARY = 500


def scored(statistic: Statistic, tokens, *, prompt=(), pad=None) -> tuple[float, int]:
    contexts, following, _ = windows(tokens, statistic.context_width, prompt=prompt, pad=pad)
    first = first_occurrences(contexts)
    scores = statistic.scores(contexts[first], following[first])
    return float(scores.sum()), len(scores)


def random_rows(scheme, count: int, *, seed: int = 1):
    rng = np.random.default_rng(seed)
    contexts = rng.integers(0, 50_000, (count, scheme.context_width))
    return contexts, rng.integers(0, 50_000, count)


def test_texts_score_as_in_vllm() -> None:
    for case in VECTORS["vllm"]["texts"]:
        secret, alpha = int(case["secret"], 16), case["alpha"]
        statistic = statistic_of(
            PhiloxGumbel(secret=secret)
            if alpha is None
            else PhiloxDualGumbel(secret=secret, alpha=alpha)
        )
        total, count = scored(statistic, case["tokens"], pad=NO_TOKEN)
        assert count == case["scored"]
        assert total == pytest.approx(case["score"], abs=1e-4)
        # With two keys of different weight vLLM matches moments.
        tolerance = 1e-4 if alpha in (None, 0.5) else 0.01
        p_value = math.exp(statistic.log_tail(total, count))
        assert p_value == pytest.approx(case["p_value"], rel=tolerance)


def test_texts_score_as_in_sglang() -> None:
    for case in VECTORS["sglang"]["texts"]:
        secret = int(case["secret"], 16)
        statistic = statistic_of(
            MurmurGumbel(secret=secret)
            if case["secret_b"] is None
            else MurmurDualGumbel(
                secret=secret,
                secret_b=int(case["secret_b"], 16),
                mixing_probability=case["mixing_probability"],
            )
        )
        pad = NO_TOKEN if case["prompt"] else None
        total, count = scored(statistic, case["tokens"], prompt=case["prompt"], pad=pad)
        assert count == case["scored"]
        assert total == pytest.approx(case["score"], abs=1e-5)
        assert statistic.log_tail(total, count) == pytest.approx(case["log_p_value"], abs=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_scores_without_the_mark_have_the_distribution_of_the_tail(scheme) -> None:
    statistic = statistic_of(scheme)
    scores = statistic.scores(*random_rows(scheme, 100_000))
    assert scores.shape == (100_000,)
    assert scores.dtype == np.float64
    assert scores.min() >= 0
    assert scores.mean() == pytest.approx(statistic.mean, abs=0.015)
    alone = np.exp([statistic.log_tail(float(score), 1) for score in scores[:3000]])
    assert stats.kstest(alone, "uniform").pvalue > 1e-3
    sums = scores.reshape(-1, 20).sum(1)
    p_values = np.exp([statistic.log_tail(float(total), 20) for total in sums])
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_marked_tokens_are_found_and_other_keys_find_nothing(scheme) -> None:
    rng = np.random.default_rng(2)
    text = rng.integers(0, VOCABULARY, scheme.context_width).tolist()
    for _ in range(120):
        context = np.array([text[-scheme.context_width :]])
        words = _writer_words(scheme, context, coin=rng.random())
        # Five candidates of equal probability.
        candidates = rng.choice(VOCABULARY, 5, replace=False)
        text.append(int(candidates[words[candidates].argmax()]))
    statistic = statistic_of(scheme)
    total, count = scored(statistic, text)
    assert statistic.log_tail(total, count) < math.log(1e-12)
    other = statistic_of(type(scheme)(**{**_members(scheme), "secret": 1}))
    assert other.log_tail(*scored(other, text)) > math.log(1e-4)


def _members(scheme) -> dict[str, object]:
    return {name: getattr(scheme, name) for name in scheme.__slots__}


def _writer_words(scheme, context, *, coin: float):
    if isinstance(scheme, PhiloxGumbel):
        return philox.all_words(scheme.secret, context[0], VOCABULARY)
    if isinstance(scheme, PhiloxDualGumbel):
        secret = philox.dual_secrets(scheme.secret)[coin < scheme.alpha]
        return philox.all_words(secret, context[0], VOCABULARY)
    hashes = murmur3.context_hashes(context)
    secret = scheme.secret
    if isinstance(scheme, MurmurDualGumbel) and not murmur3.chooses_first(
        secret, scheme.secret_b, hashes, scheme.mixing_probability
    ):
        secret = scheme.secret_b
    return murmur3.words(secret, hashes, np.arange(VOCABULARY))


def test_no_word_scores_more_than_an_exponential_variable_may() -> None:
    # P(score >= that of word w) is (2**32 - w) / 2**32 exactly, which the tail may not undercut.
    class Words(PhiloxStatistic):
        pass

    for word in (0, 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(philox, "words", lambda *_, word=word: np.full((1, 1), word, np.uint32))
            statistic = Words(PhiloxGumbel(secret=SECRET))
            (score,) = statistic.scores(np.zeros((1, 4), np.int64), np.zeros(1, np.int64))
        exact = math.log((2**32 - word) / 2**32)
        assert statistic.log_tail(float(score), 1) >= exact
        assert statistic.log_tail(float(score), 1) == pytest.approx(exact, abs=1e-9)


def test_contexts_of_one_hash_count_once_for_each_token() -> None:
    # Of so many contexts some share a hash of 32 bits.
    rng = np.random.default_rng(3)
    contexts = rng.integers(0, 1 << 31, (400_000, 2))
    hashes = murmur3.context_hashes(contexts)
    order = np.argsort(hashes, kind="stable")
    pairs = np.flatnonzero(np.diff(hashes[order].astype(np.int64)) == 0)
    pair = order[pairs[0] : pairs[0] + 2]
    assert contexts[pair[0]].tolist() != contexts[pair[1]].tolist()
    statistic = MurmurStatistic(MurmurGumbel(secret=SECRET, context_width=2))
    first, second = statistic.scores(contexts[pair], np.array([7, 7]))
    assert first > 0
    assert second == 0
    assert statistic.scores(contexts[pair], np.array([7, 8])).min() > 0


def test_each_scheme_has_its_statistic() -> None:
    kinds = [PhiloxStatistic, PhiloxDualStatistic, MurmurStatistic, MurmurStatistic]
    others = [
        SynthId(secrets=tuple(range(1, 31))),
        Kgw(secret=15485863, vocabulary_size=1000),
    ]
    for scheme, kind in zip(
        [*SCHEMES, *others], [*kinds, SynthIdStatistic, KgwStatistic], strict=True
    ):
        statistic = statistic_of(scheme)
        assert isinstance(statistic, kind)
        assert statistic.context_width == scheme.context_width
        assert statistic.counts_ngrams == isinstance(scheme, Kgw)
        assert statistic.log_tail(0, 0) == 0
        assert f"{SECRET:x}" not in repr(statistic)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_rows_of_another_shape_are_refused(scheme) -> None:
    statistic = statistic_of(scheme)
    contexts, tokens = random_rows(scheme, 5)
    assert statistic.scores(contexts[:0], tokens[:0]).shape == (0,)
    with pytest.raises(ValueError, match="width"):
        statistic.scores(contexts[:, 1:], tokens)
    with pytest.raises(ValueError, match="width"):
        statistic.scores(contexts, tokens[1:])
