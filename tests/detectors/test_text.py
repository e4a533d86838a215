"""Marks in the choice of tokens, found or not, and how sure that is."""

import math
import textwrap
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors.report import Presence
from detectors.text import (
    Boilerplate,
    Normalisation,
    PinnedTokenizer,
    TextDetection,
    detect,
    detect_text,
)
from detectors.tokens.scan import LEAST_WINDOW, plan
from labeler.codec.tokens import philox
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import (
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    SynthId,
)
from labeler.codec.tokens.statistics import statistic_of
from labeler.errors import MediaTooLargeError, SettingsError, WatermarkKeyError

VOCABULARY = 4000
SECRET = 0x0123456789ABCDEF
KEY = TextKey(scheme=PhiloxGumbel(secret=SECRET))
SCHEMES = (
    KEY.scheme,
    PhiloxGumbel(secret=SECRET, context_width=2),
    PhiloxDualGumbel(secret=SECRET, alpha=0.3),
    MurmurGumbel(secret=SECRET),
    MurmurDualGumbel(secret=SECRET >> 5, secret_b=SECRET >> 3),
    SynthId(secrets=tuple(range(1000, 1030))),
    Kgw(secret=15485863, vocabulary_size=VOCABULARY),
)


def marked(scheme, count, rng, *, candidates=8, before=(), vocabulary=VOCABULARY):
    """Tokens of which each has the highest score of some that were drawn at random."""
    statistic = statistic_of(scheme)
    width = statistic.context_width
    tokens = list(before) or rng.integers(0, vocabulary, width).tolist()
    for _ in range(count):
        drawn = rng.integers(0, vocabulary, candidates)
        contexts = np.tile(np.array(tokens[-width:]), (candidates, 1))
        tokens.append(int(drawn[np.argmax(statistic.scores(contexts, drawn))]))
    return np.array(tokens[-count:])


def unmarked(count, rng):
    return rng.integers(0, VOCABULARY, count)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda each: f"{each.name} {each.context_width}")
def test_every_scheme_is_found_with_its_key_among_others(scheme, rng):
    key = TextKey(scheme=scheme)
    ring = [TextKey(scheme=each) for each in SCHEMES]
    found = detect(marked(scheme, 200, rng), ring)
    assert found.presence is Presence.PRESENT
    assert (found.key_id, found.scheme) == (key.key_id, scheme.name)
    assert found.span.start <= 15
    assert found.span.stop >= 185
    assert found.tokens >= 190
    others = [each for each in ring if each.key_id != key.key_id]
    lost = detect(marked(scheme, 200, rng), others)
    assert lost.presence is Presence.ABSENT
    assert (lost.key_id, lost.scheme, lost.span) == (None, None, None)


def test_the_p_value_of_a_text_without_windows_is_the_gamma_distributions(rng):
    text = marked(KEY.scheme, 58, rng, candidates=2)
    contexts = np.lib.stride_tricks.sliding_window_view(text, 4)[:-1]
    words = philox.words(SECRET, contexts, text[4:, None])[:, 0]
    total = -np.log1p(-(words / 2.0**32)).sum()
    found = detect(text, [KEY])
    assert found.hypotheses == 1
    assert found.log_p_value == pytest.approx(stats.gamma.logsf(total, 54), abs=1e-9)
    assert found.p_value == pytest.approx(math.exp(found.log_p_value))


def test_every_key_that_is_tried_counts(rng):
    text = marked(KEY.scheme, 58, rng)
    keys = [KEY, *(TextKey(scheme=PhiloxGumbel(secret=(1 << 50) + at)) for at in range(9))]
    alone, among = detect(text, [KEY]), detect(text, [*keys, KEY])
    assert among.hypotheses == 10
    assert among.log_p_value == pytest.approx(alone.log_p_value + math.log(10))
    assert among.key_id == KEY.key_id


@given(st.integers(0, 5000))
def test_windows_share_one_error_and_lie_in_the_text(count):
    parts = plan(count)
    spent = sum(len(each.starts) * math.exp(-each.log_factor) for each in parts)
    assert spent <= 1 + 1e-9
    assert parts[0].length == count
    for each in parts[1:]:
        assert LEAST_WINDOW <= each.length < count
        assert each.starts[0] == 0
        assert each.starts[-1] == count - each.length
        assert np.diff(each.starts).max(initial=0) <= each.length / 4 + 1


def test_unmarked_texts_are_as_rare_below_each_level_as_it_says(rng):
    trials = 1500
    values = np.array([detect(unmarked(160, rng), [KEY]).p_value for _ in range(trials)])
    for level in (0.1, 0.01):
        count = int((values <= level).sum())
        assert stats.binom.sf(count - 1, trials, level) > 1e-4


def test_repetitions_are_no_evidence(rng):
    text = marked(KEY.scheme, 60, rng, candidates=2)
    alone, repeated = detect(text, [KEY]), detect(np.tile(text, 50), [KEY])
    assert repeated.tokens <= alone.tokens + 8
    assert repeated.log_p_value >= alone.log_p_value - 5


def test_a_marked_passage_is_found_where_it_is(rng):
    passage = marked(KEY.scheme, 150, rng)
    text = np.concatenate([unmarked(2000, rng), passage, unmarked(1000, rng)])
    found = detect(text, [KEY])
    assert found.presence is Presence.PRESENT
    assert abs(found.span.start - 2000) <= 25
    assert abs(found.span.stop - 2150) <= 25
    assert found.hypotheses > 100


def test_strong_marks_have_finite_logarithms(rng):
    found = detect(marked(KEY.scheme, 1500, rng, candidates=64), [KEY])
    assert found.p_value == 1e-300
    assert -1e6 < found.log_p_value < math.log(1e-300)


def test_short_texts_are_never_said_to_be_marked(rng):
    text = marked(KEY.scheme, 100, rng, candidates=64)
    short = detect(text[:53], [KEY])
    assert short.p_value < 1e-9
    assert (short.presence, short.reason) == (Presence.INCONCLUSIVE, "insufficient text")
    assert (short.tokens, short.key_id) == (49, KEY.key_id)
    enough = detect(text[:54], [KEY])
    assert (enough.presence, enough.reason, enough.tokens) == (Presence.PRESENT, None, 50)


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_hardly_any_text(count):
    found = detect(np.arange(count), [KEY])
    assert (found.presence, found.reason) == (Presence.ABSENT, "insufficient text")
    assert 0 < found.p_value <= 1


def test_without_keys_nothing_is_tried(rng):
    found = detect(unmarked(100, rng), [])
    assert (found.presence, found.p_value, found.hypotheses) == (Presence.ABSENT, 1.0, 0)
    assert found.reason == "no key"


def test_levels_of_presence(rng):
    text = marked(KEY.scheme, 58, rng, candidates=4)
    p = detect(text, [KEY]).p_value
    assert p < 1e-4
    assert detect(text, [KEY], threshold=p * 1.01).presence is Presence.PRESENT
    assert detect(text, [KEY], threshold=p * 0.99).presence is Presence.INCONCLUSIVE


def test_what_is_no_list_of_tokens():
    for wrong, error in (
        ([1.0, 2.0], TypeError),
        (["a"], TypeError),
        ([[1, 2]], ValueError),
        ([-1, 2], ValueError),
        ([1 << 32], ValueError),
    ):
        with pytest.raises(error, match="token ids"):
            detect(wrong, [KEY])
    for threshold in (0, 1, -1, math.nan):
        with pytest.raises(ValueError, match="probability"):
            detect([1, 2], [KEY], threshold=threshold)


@pytest.mark.parametrize(
    ("scheme", "before"),
    [(SCHEMES[0], (-1, -1, -1, -1)), (SCHEMES[3], (5, 6, 7, 8)), (SCHEMES[6], (5, 6, 7, 8))],
)
def test_with_the_prompt_the_first_tokens_count_too(scheme, before, rng):
    key = TextKey(scheme=scheme)
    text = marked(scheme, 60, rng, candidates=16, before=before)
    told, untold = detect(text, [key], prompt=[5, 6, 7, 8]), detect(text, [key])
    assert told.tokens == untold.tokens + scheme.context_width == 60
    assert told.log_p_value < untold.log_p_value
    assert told.span.start == 0


def test_no_scores_of_tokens_are_given():
    assert {each.name for each in fields(TextDetection)} == {
        "presence", "p_value", "log_p_value", "key_id", "scheme", "span", "characters", "tokens",
        "normalisation", "hypotheses", "reason", "left_out",
    }  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    """Like those of models: a word has the space before it, a line feed is a token."""
    tokenizers = pytest.importorskip("tokenizers")
    words = [f"w{at}" for at in range(VOCABULARY // 2)]
    vocabulary = {word: at for at, word in enumerate([*(f" {word}" for word in words), *words])}
    vocabulary |= {each: VOCABULARY + at for at, each in enumerate(["[UNK]", "\n", '"', "\u201c"])}
    model = tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(r" ?[^\s\u201c\u201d\"]+|\s|\S"), "isolated"
    )
    return PinnedTokenizer(made.to_str().encode())


@pytest.fixture
def prose(rng):
    """A marked text: words with a space before them."""
    tokens = marked(KEY.scheme, 200, rng, vocabulary=VOCABULARY // 2)
    return "".join(f" w{at}" for at in tokens)


def test_text_is_read_through_its_tokenizer(prose, tokenizer):
    found = detect_text(prose, tokenizer, [KEY])
    assert found.presence is Presence.PRESENT
    assert found.normalisation is Normalisation.RAW
    start, stop = found.characters
    assert start < 60
    assert stop > len(prose) - 60


def test_wrapped_text_is_found_where_it_is(prose, tokenizer, rng):
    front = "".join(f" w{at}" for at in unmarked(300, rng) % (VOCABULARY // 2))
    text = front + "\r\n\r\n" + "\r\n".join(textwrap.wrap(prose, 30))
    found = detect_text(text, tokenizer, [KEY])
    assert found.presence is Presence.PRESENT
    assert found.normalisation is Normalisation.UNWRAPPED
    start, stop = found.characters
    assert abs(start - len(front)) < 25 * 6
    assert stop > len(text) - 25 * 6
    assert text[start:stop].split()[0] in text.split()
    raw = detect(tokenizer.encode(text).ids, [KEY])
    assert raw.log_p_value > found.log_p_value


def test_normalisations_count_where_their_tokens_differ(prose, tokenizer):
    plain = detect_text(prose, tokenizer, [KEY])
    curled = detect_text(f"\u201c{prose}\u201d", tokenizer, [KEY])
    assert curled.hypotheses == pytest.approx(2 * plain.hypotheses, rel=0.1)
    assert curled.log_p_value == pytest.approx(plain.log_p_value + math.log(2), rel=0.1)


def test_keys_of_other_tokenizers_are_left_out_and_named(prose, tokenizer):
    pinned = TextKey(scheme=KEY.scheme, tokenizer=tokenizer.sha256)
    other = TextKey(scheme=PhiloxGumbel(secret=1 << 60), tokenizer="ab" * 32)
    found = detect_text(prose, tokenizer, [pinned, other])
    assert found.presence is Presence.PRESENT
    assert found.left_out == (other.key_id,)
    same = TextKey(scheme=KEY.scheme, tokenizer="ab" * 32)
    assert detect_text(prose, tokenizer, [pinned, same]).presence is Presence.PRESENT
    with pytest.raises(WatermarkKeyError) as caught:
        detect_text(prose, tokenizer, [other])
    assert "ab" * 32 in str(caught.value)
    assert tokenizer.sha256 in str(caught.value)


def test_boilerplate_of_another_tokenizer(prose, tokenizer):
    with pytest.raises(SettingsError, match="another tokenizer"):
        detect_text(prose, tokenizer, [KEY], boilerplate=Boilerplate.build([], tokenizer="ab"))
    fitting = Boilerplate.build([], tokenizer=tokenizer.sha256)
    found = detect_text(prose, tokenizer, [KEY], boilerplate=fitting)
    assert found.presence is Presence.PRESENT


@pytest.mark.parametrize("text", ["", " ", "\n", "\ufeff", "w1", "\u201c\u201d"])
def test_texts_of_nothing(text, tokenizer):
    found = detect_text(text, tokenizer, [KEY])
    assert (found.presence, found.reason) == (Presence.ABSENT, "insufficient text")
    assert found.characters is None


def test_a_text_that_is_too_long(tokenizer, monkeypatch):
    monkeypatch.setattr("detectors.text.MAX_CHARACTERS", 10)
    with pytest.raises(MediaTooLargeError, match="11 characters"):
        detect_text("w1 w2 w3 w4", tokenizer, [KEY])


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_any_text_is_an_answer(tokenizer, text):
    assert detect_text(text, tokenizer, [KEY]).presence is not Presence.PRESENT
