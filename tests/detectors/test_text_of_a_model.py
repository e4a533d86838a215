"""Texts that a real model wrote with a mark, and what becomes of them on their way."""

import json
import lzma
import math
import re
import textwrap
from pathlib import Path

import pytest

from detectors.report import Presence
from detectors.text import Normalisation, PinnedTokenizer, detect, detect_text
from labeler.codec.tokens.keys import TextKey, parse_text_key
from labeler.codec.tokens.schemes import PhiloxGumbel

pytest.importorskip("tokenizers")

DATA = Path(__file__).parents[1] / "data" / "text"
OTHER = TextKey(scheme=PhiloxGumbel(secret=0x0FEDCBA987654321))


@pytest.fixture(scope="module")
def texts():
    return json.loads((DATA / "texts.json").read_text())


@pytest.fixture(scope="module")
def tokenizer():
    return PinnedTokenizer(lzma.decompress((DATA / "tokenizer.json.xz").read_bytes()))


def key_of(text):
    return parse_text_key(json.dumps(text["key"]).encode())


def found_in(change, texts, tokenizer):
    return [detect_text(change(each["text"]), tokenizer, [key_of(each)]) for each in texts]


def rate(found):
    return sum(each.presence is Presence.PRESENT for each in found) / len(found)


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_tokens_are_found_the_more_the_longer(texts, temperature):
    chosen = [each for each in texts if each["temperature"] == temperature]
    assert len(chosen) >= 20
    for count, least in ((100, 0.6), (150, 1.0), (400, 1.0)):
        assert rate([detect(each["tokens"][:count], [key_of(each)]) for each in chosen]) >= least


def test_another_key_finds_nothing(texts):
    assert all(detect(each["tokens"], [OTHER]).p_value > 1e-4 for each in texts)


def test_text_is_found_as_well_as_its_tokens(texts, tokenizer):
    found = found_in(str, texts, tokenizer)
    assert rate(found) == 1
    for each, text in zip(found, texts, strict=True):
        direct = detect(text["tokens"], [key_of(text)]).log_p_value
        assert each.log_p_value <= 0.8 * direct
        start, stop = each.characters
        assert 0 <= start < stop <= len(text["text"])


def test_wrapped_lines_and_curled_quotes_are_undone(texts, tokenizer):
    def wrapped(text):
        return "\n\n".join(
            textwrap.fill(each, 72, break_long_words=False, break_on_hyphens=False)
            if "\n" not in each
            else each
            for each in text.split("\n\n")
        )

    def curled(text):
        return re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text).replace("'", "\u2019")

    plain = found_in(str, texts, tokenizer)
    for change, undone in (
        (wrapped, Normalisation.UNWRAPPED),
        (curled, Normalisation.FOLDED),
        (lambda text: curled(wrapped(text)), Normalisation.UNWRAPPED_FOLDED),
    ):
        found = found_in(change, texts, tokenizer)
        assert rate(found) == 1
        assert any(each.normalisation is undone for each in found)
        loss = sum(each.log_p_value for each in found) / sum(each.log_p_value for each in plain)
        assert loss > 0.8


def test_a_paragraph_in_other_text_is_found_where_it_is(texts, tokenizer):
    front = Path(__file__).read_text()
    text = texts[-1]["text"]
    found = detect_text(f"{front}\n\n{text}\n\n{front}", tokenizer, [key_of(texts[-1]), OTHER])
    assert found.presence is Presence.PRESENT
    start, stop = found.characters
    assert abs(start - len(front)) < 150
    assert abs(stop - len(front) - len(text)) < 150
    assert found.log_p_value < math.log(1e-20)
