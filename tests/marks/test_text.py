import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.philox import uniforms, words
from labeler.codec.tokens.schemes import MurmurGumbel, PhiloxGumbel
from labeler.codec.tokens.statistics import statistic_of
from labeler.errors import WatermarkKeyError
from labeler.marks import text as marks
from labeler.marks.detectability import expected_score
from labeler.marks.text import Session, Watermark

KEY = TextKey.derive(Key.from_bytes(bytes(range(32))), model="a test")
OTHER = TextKey.derive(Key.from_bytes(bytes(range(1, 33))), model="a test")
with np.load(Path(__file__).parents[1] / "data" / "text" / "bank.npz") as _bank:
    IDS = _bank["ids"].astype(np.int64)
    LOGITS = _bank["logits"].astype(np.float64)


def watermark(seed: int = 1, key: TextKey = KEY) -> Watermark:
    return Watermark(key, rng=np.random.default_rng(seed))


def write(session: Session, count: int, *, seed: int, temperature: float = 1.0) -> tuple[int, ...]:
    rows = np.random.default_rng(seed).integers(0, len(IDS), count)
    for row in rows:
        session.choose(IDS[row], LOGITS[row] / temperature)
    return session.tokens


def found(key: TextKey, tokens: tuple[int, ...]) -> tuple[float, float, int]:
    statistic = statistic_of(key.scheme)
    contexts, scored, _ = windows(np.array(tokens), statistic.context_width)
    first = first_occurrences(contexts)
    total = float(statistic.scores(contexts[first], scored[first]).sum())
    return statistic.log_tail(total, int(first.sum())), total, int(first.sum())


def test_what_is_written_is_found_with_the_key_and_with_no_other() -> None:
    p_values = []
    for seed in range(20):
        tokens = write(watermark(seed).start(), 150, seed=seed)
        assert found(KEY, tokens)[0] < math.log(1e-6)
        p_values.append(found(OTHER, tokens)[0])
    assert min(p_values) > math.log(1e-3)


def test_an_unmarked_text_is_not_found() -> None:
    tokens = write(watermark().start(unmarked=300), 300, seed=1)
    assert found(KEY, tokens)[0] > math.log(1e-3)


def test_tokens_stay_as_likely_as_the_model_has_them() -> None:
    chances = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
    offered = np.array([7, 3, 40_000, 11, 5])
    session = watermark().start(unmarked=0)
    rng = np.random.default_rng(3)
    counts = np.zeros(5)
    for _ in range(4000):
        counts[list(offered).index(session.choose(offered, np.log(chances)))] += 1
        # Otherwise contexts would repeat themselves.
        session.replace_last(int(rng.integers(0, 50_000)))
    statistic = ((counts - 4000 * chances) ** 2 / (4000 * chances)).sum()
    assert statistic < 18.5  # 99.9 % of chi-square with 4 degrees of freedom


@given(
    size=st.sampled_from([1, 2, 50, 1025, 5000]),
    spread=st.floats(0.1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_greatest_of_all_values_wins(size: int, spread: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.permutation(60_000)[:size]
    logs = rng.normal(0, spread, size)
    session = watermark().start(unmarked=0)
    before = [int(each) for each in rng.integers(0, 60_000, 5)]
    for each in before:
        session.choose(np.array([each]), np.zeros(1))
    assert isinstance(KEY.scheme, PhiloxGumbel)
    numbers = uniforms(words(KEY.scheme.secret, np.array([before[-4:]]), ids)[0])
    assert session.choose(ids, logs) == ids[np.argmax(logs - np.log(-np.log(numbers)))]


def test_sampling_whole_logits_is_choosing_from_all_tokens() -> None:
    logits = np.random.default_rng(5).normal(0, 3, 4000).astype(np.float32)
    first, second = watermark().start(unmarked=0), watermark().start(unmarked=0)
    for _ in range(10):
        logits = np.roll(logits, 17)
        assert first.sample(logits, temperature=0.5) == second.choose(np.arange(4000), logits / 0.5)


def test_answers_to_one_prompt_differ_after_a_beginning_that_is_left_to_chance() -> None:
    same = watermark()
    answers = {write(same.start(), 30, seed=9) for _ in range(8)}
    assert len(answers) >= 6
    assert len({write(same.start(unmarked=0), 30, seed=9) for _ in range(3)}) == 1


def test_without_a_generator_of_its_own_sessions_are_different_too() -> None:
    secret = Watermark(KEY)
    assert len({secret.start().sample(np.zeros(1_000_000)) for _ in range(3)}) > 1


def test_a_repeated_context_is_left_to_chance() -> None:
    session = watermark().start(unmarked=0)
    pair, even = np.array([1, 2]), np.zeros(2)
    tokens = [session.choose(pair, even) for _ in range(400)]
    # There are 16 contexts of two tokens, and those of the beginning; a cycle would follow.
    assert session.detectability.marked <= 20
    assert session.detectability.scored <= 16
    assert len(set(itertools.pairwise(tokens[200:]))) == 4


def test_a_context_is_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "CONTEXT_HISTORY", 50)
    session = watermark().start(unmarked=0)
    one, pair = np.array([5]), np.array([1, 2])
    for _ in range(60):
        session.choose(one, np.zeros(1))
    session.choose(pair, np.zeros(2))
    assert session.detectability.marked == 0
    for each in range(60):
        session.choose(np.array([10 + each]), np.zeros(1))
    for _ in range(4):
        session.choose(one, np.zeros(1))
    session.choose(pair, np.zeros(2))
    told = session.detectability
    assert (told.marked, told.tokens) == (1, 126)


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_the_writer_knows_how_well_its_mark_is_found(temperature: float) -> None:
    expected = actual = 0.0
    for seed in range(30):
        session = watermark(seed).start()
        tokens = write(session, 100, seed=100 + seed, temperature=temperature)
        _, total, count = found(KEY, tokens)
        assert session.detectability.scored == count
        expected += session.detectability.expected_score
        actual += total
    assert actual == pytest.approx(expected, rel=0.05)
    assert session.detectability.is_markable


def test_what_leaves_no_choice_is_not_markable() -> None:
    session = watermark().start()
    for at in range(300):
        logits = np.random.default_rng(at).normal(size=50)
        assert session.sample(logits, temperature=0) == logits.argmax()
    told = session.detectability
    assert told.marked == 0
    assert told.expected_score == told.scored
    assert not told.is_markable


def test_the_record_for_logs_has_neither_secret_nor_text() -> None:
    session = watermark().start()
    write(session, 20, seed=3)
    record = session.detectability.as_record()
    assert record["key_id"] == KEY.key_id
    assert record["tokens"] == 20
    assert record["is_markable"] in (True, False)
    assert isinstance(KEY.scheme, PhiloxGumbel)
    told = json.dumps(record) + repr(session) + repr(watermark()) + repr(session.detectability)
    assert str(KEY.scheme.secret) not in told
    assert f"{KEY.scheme.secret:x}" not in told


def test_an_empty_session_is_told_of() -> None:
    told = watermark().start().detectability
    assert (told.tokens, told.scored, told.expected_log_p_value) == (0, 0, 0.0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 60, 99, 101, 5000])
def test_the_expected_score_of_equal_chances_is_a_harmonic_number(count: int) -> None:
    exact = sum(1 / each for each in range(1, count + 1))
    assert expected_score(np.full(count, -math.log(count))) == pytest.approx(exact, rel=1e-5)


def test_a_replaced_token_counts_as_unmarked() -> None:
    session = watermark().start(unmarked=0)
    for at in range(20):
        session.choose(np.array([1, 2 + at]), np.zeros(2))
    before = session.detectability
    session.replace_last(77)
    after = session.detectability
    assert session.tokens[-1] == 77
    assert after.marked == before.marked - 1
    assert after.scored == before.scored
    assert after.expected_score == pytest.approx(before.expected_score - 0.5)
    session.replace_last(78)
    assert session.detectability == after


def test_keys_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WatermarkKeyError, match="murmur3-sglang"):
        Watermark(TextKey(scheme=MurmurGumbel(secret=1 << 60)))
    with pytest.raises(WatermarkKeyError, match="anybody can try"):
        Watermark(TextKey(scheme=PhiloxGumbel(secret=42)))
    assert Watermark(TextKey.derive(PUBLIC_KEY)).key_id == TextKey.derive(PUBLIC_KEY).key_id


@pytest.mark.parametrize(
    ("tokens", "logs"),
    [
        ([], []),
        ([1, 2], [0.0]),
        ([1.5, 2.5], [0.0, 0.0]),
        ([[1, 2]], [[0.0, 0.0]]),
        ([1, 2], [0.0, math.nan]),
        ([1, 2], [0.0, math.inf]),
        ([1, 2], [-math.inf, -math.inf]),
    ],
)
def test_impossible_candidates_are_refused(tokens: list[int], logs: list[float]) -> None:
    session = watermark().start()
    with pytest.raises(ValueError, match=r"candidates|finite"):
        session.choose(np.array(tokens), np.array(logs))
    assert session.tokens == ()


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        watermark().start(unmarked=-1)
    with pytest.raises(ValueError, match="no token"):
        watermark().start().replace_last(3)


def test_ruled_out_tokens_are_never_chosen() -> None:
    session = watermark().start(unmarked=2)
    logs = np.array([0.0, -math.inf, -1.0])
    assert {session.choose(np.array([4, 5, 6]), logs) for _ in range(50)} == {4, 6}
