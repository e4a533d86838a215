"""What a real model wrote through the adapter for transformers is found, and by its text alone."""

import json
import lzma
import math
from pathlib import Path

import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.tokens.contexts import first_occurrences, windows
from labeler.codec.tokens.keys import TextKey, parse_text_key
from labeler.codec.tokens.statistics import statistic_of

DATA = Path(__file__).parents[1] / "data" / "text"
TEXTS = json.loads((DATA / "texts.json").read_text(encoding="utf-8"))
FOUND = math.log(1e-6)


def log_p_value(key, tokens):
    statistic = statistic_of(key.scheme)
    contexts, scored, _ = windows(np.array(tokens), statistic.context_width)
    first = first_occurrences(contexts)
    total = float(statistic.scores(contexts[first], scored[first]).sum())
    return statistic.log_tail(total, int(first.sum()))


def key_of(text):
    return parse_text_key(json.dumps(text["key"]).encode())


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_recorded_texts_are_found(temperature):
    texts = [each for each in TEXTS if each["temperature"] == temperature]
    assert len(texts) >= 20
    assert {len(each["tokens"]) for each in texts} == {400}
    share = [log_p_value(key_of(each), each["tokens"][:100]) <= FOUND for each in texts]
    assert np.mean(share) >= 0.6
    for length in (150, 400):
        assert all(log_p_value(key_of(each), each["tokens"][:length]) <= FOUND for each in texts)


def test_another_key_finds_none_of_them():
    other = TextKey.derive(Key.from_bytes(bytes(range(32))))
    assert min(log_p_value(other, each["tokens"]) for each in TEXTS) > math.log(1e-4)


def test_they_are_found_in_the_tokens_that_their_text_gives_again():
    tokenizers = pytest.importorskip("tokenizers")
    document = lzma.decompress((DATA / "tokenizer.json.xz").read_bytes())
    tokenizer = tokenizers.Tokenizer.from_buffer(document)
    for each in TEXTS:
        assert tokenizer.decode(each["tokens"]) == each["text"]
        again = tokenizer.encode(each["text"], add_special_tokens=False).ids
        assert log_p_value(key_of(each), again) <= FOUND
        parts = tokenizer.encode(tokenizer.decode(each["tokens"][:150]), add_special_tokens=False)
        assert log_p_value(key_of(each), parts.ids) <= FOUND
