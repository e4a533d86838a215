"""Tokenizers from files and from transformers' interface."""

import hashlib
import sys

import numpy as np
import pytest

from detectors.text import PinnedTokenizer, TransformersTokenizer, load_tokenizer
from labeler.errors import MissingExtraError, SettingsError

tokenizers = pytest.importorskip("tokenizers")

WORDS = ("the", "cat", "sat", "mat", "\u00e9t\u00e9")


def description(**settings):
    model = tokenizers.models.WordLevel(
        {"[UNK]": 0} | {word: at for at, word in enumerate(WORDS, 1)}, unk_token="[UNK]"
    )
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[UNK] $A [UNK]", special_tokens=[("[UNK]", 0)]
    )
    if settings:
        tokenizer.enable_truncation(**settings)
        tokenizer.enable_padding(length=9)
    return tokenizer.to_str().encode()


def test_a_tokenizer_is_known_by_its_file(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_bytes(description())
    for path in (file, tmp_path):
        assert load_tokenizer(path).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_tokens_and_their_places_in_characters():
    encoding = PinnedTokenizer(description()).encode("the \u00e9t\u00e9 cat")
    assert encoding.ids.tolist() == [1, 5, 2]
    assert encoding.offsets.tolist() == [[0, 3], [4, 7], [8, 11]]
    assert encoding.ids.dtype == encoding.offsets.dtype == np.int64


def test_texts_are_neither_cut_nor_filled_up():
    tokenizer = PinnedTokenizer(description(max_length=4))
    assert len(tokenizer.encode("cat " * 100).ids) == 100
    assert len(tokenizer.encode("cat").ids) == 1


def test_no_text_has_no_tokens():
    encoding = PinnedTokenizer(description()).encode("")
    assert encoding.ids.shape == (0,)
    assert encoding.offsets.shape == (0, 2)


def test_long_texts_are_encoded_in_pieces_as_if_in_one(monkeypatch):
    tokenizer = PinnedTokenizer(description())
    text = "the cat sat\nthe \u00e9t\u00e9 mat " * 40
    whole = tokenizer.encode(text)
    monkeypatch.setattr("detectors.tokens.tokenizers._PIECE", 17)
    pieces = tokenizer.encode(text)
    assert np.array_equal(pieces.ids, whole.ids)
    assert np.array_equal(pieces.offsets, whole.offsets)
    assert len(tokenizer.encode("x" * 100).ids) == 6, "no white space to end at"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b'{"model": 3}', b"[" * 10_000])
def test_what_is_no_tokenizer(data, tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_bytes(data)
    with pytest.raises(SettingsError, match=r"tokenizer\.json: not the description") as caught:
        load_tokenizer(file)
    assert caught.value.hint


def test_a_missing_file(tmp_path):
    with pytest.raises(SettingsError, match=r"tokenizer\.json: the tokenizer cannot be read"):
        load_tokenizer(tmp_path)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"ai-labeler\[text\]"):
        PinnedTokenizer(description())


class FastTokenizer:
    is_fast = True

    def __call__(self, text, *, add_special_tokens, return_offsets_mapping, **others):
        assert not add_special_tokens
        assert return_offsets_mapping
        return {"input_ids": [7, 8], "offset_mapping": [(0, 1), (1, len(text))]}


def test_tokenizers_of_transformers():
    tokenizer = TransformersTokenizer(FastTokenizer(), sha256="ab")
    assert tokenizer.sha256 == "ab"
    assert tokenizer.encode("word").offsets.tolist() == [[0, 1], [1, 4]]
    with pytest.raises(TypeError, match="fast tokenizer"):
        TransformersTokenizer(object())
