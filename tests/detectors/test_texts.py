"""Watermarks in files, with several keys and tokenizers."""

import json
import lzma
import math
from dataclasses import replace
from pathlib import Path

import pytest

from detectors import texts
from detectors.report import Presence
from detectors.text import TextDetection
from detectors.texts import TextTools, keep_tokenizer
from labeler.codec.keys import Key
from labeler.codec.tokens.keys import TextKey, TextKeyring, parse_text_key
from labeler.errors import SettingsError, WatermarkKeyError

DATA = Path(__file__).parents[1] / "data" / "text"
RECORD = json.loads((DATA / "texts.json").read_text())[-1]
KEY = parse_text_key(json.dumps(RECORD["key"]).encode())
TOKENIZER = lzma.decompress((DATA / "tokenizer.json.xz").read_bytes())


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the tokenizer of the key."""
    folder = tmp_path_factory.mktemp("kept")
    source = folder / "model" / "tokenizer.json"
    source.parent.mkdir()
    source.write_bytes(TOKENIZER)
    path = keep_tokenizer(source.parent, folder / "tokenizers", KEY)
    assert path.name == f"{KEY.tokenizer}.json"
    assert path.read_bytes() == TOKENIZER
    return folder


def tools(kept, *keys):
    return TextTools(
        TextKeyring(keys), tokenizers=kept / "tokenizers", boilerplate=kept / "boilerplate"
    )


def test_a_text_of_the_key_is_found_and_told(kept):
    evidence = tools(kept, KEY).examine(RECORD["text"])
    assert evidence.finding.presence is Presence.PRESENT
    detail = evidence.finding.detail
    assert detail["key_id"] == KEY.key_id
    assert detail["model"] == KEY.model
    assert detail["log10_p"] == pytest.approx(math.log10(evidence.finding.p_value))
    assert json.loads(json.dumps(dict(detail))) == detail
    assert not any("score" in each for each in detail)


def test_a_worker_gets_the_same_tools(kept):
    known = tools(kept, KEY, TextKey.derive(Key.from_bytes(bytes(32)), tokenizer=KEY.tokenizer))
    setup = json.loads(json.dumps(known.to_setup()))
    again = TextTools.from_setup(setup)
    assert list(again.keys) == list(known.keys)
    assert again.examine(RECORD["text"]) == known.examine(RECORD["text"])


def test_long_texts_are_searched_as_far_as_is_said(kept, monkeypatch):
    monkeypatch.setattr(texts, "MAX_CHARACTERS", 500)
    evidence = tools(kept, KEY).examine(RECORD["text"])
    assert "500" in evidence.warnings[0]


@pytest.mark.parametrize("problem", ["no keys", "missing", "broken", "none kept"])
def test_what_is_missing_is_an_error_here_and_a_warning_in_a_report(tmp_path, problem):
    folder = tmp_path / "tokenizers"
    folder.mkdir()
    keys = () if problem == "no keys" else (KEY,)
    if problem == "none kept":
        keys = (replace(KEY, tokenizer=None),)
    if problem == "broken":
        (folder / f"{KEY.tokenizer}.json").write_text("{")
    searching = tools(tmp_path, *keys)
    with pytest.raises((SettingsError, WatermarkKeyError)) as caught:
        searching.detect(RECORD["text"])
    assert caught.value.hint
    evidence = searching.examine(RECORD["text"])
    assert evidence.finding.presence is Presence.INCONCLUSIVE
    assert evidence.finding.p_value is None
    assert caught.value.problem in evidence.warnings[0]


def test_tokenizers_are_kept_for_their_keys_alone(kept, tmp_path):
    source = kept / "model" / "tokenizer.json"
    with pytest.raises(WatermarkKeyError, match="belongs to the tokenizer 0000"):
        keep_tokenizer(source, tmp_path / "x", replace(KEY, tokenizer="0" * 64))
    broken = tmp_path / "tokenizer.json"
    broken.write_text("[]")
    with pytest.raises(SettingsError):
        keep_tokenizer(broken, tmp_path / "x", KEY)
    assert not (tmp_path / "x").exists()


def test_keys_without_a_tokenizer_are_tried_with_every_one(kept, tmp_path):
    folder = tmp_path / "tokenizers"
    folder.mkdir()
    # The same description with other white space: another file with the same tokens.
    for number, data in enumerate((TOKENIZER, TOKENIZER + b"\n")):
        source = tmp_path / f"{number}.json"
        source.write_bytes(data)
        keep_tokenizer(source, folder, replace(KEY, tokenizer=None))
    assert len(list(folder.iterdir())) == 2
    one = tools(kept, KEY).detect(RECORD["text"])
    both = tools(tmp_path, replace(KEY, tokenizer=None)).detect(RECORD["text"])
    assert both.key_id == KEY.key_id
    assert both.log_p_value == pytest.approx(one.log_p_value + math.log(2))
    assert both.p_value == pytest.approx(2 * one.p_value)
    # One key of the two tokenizers, one of the first alone: nobody's key is left out.
    other = TextKey.derive(Key.from_bytes(bytes(32)), tokenizer=KEY.tokenizer)
    assert tools(tmp_path, replace(KEY, tokenizer=None), other).detect("x").left_out == ()


@pytest.mark.parametrize(
    ("log_p", "presence", "expected"),
    [
        (math.log(9e-7), Presence.PRESENT, Presence.INCONCLUSIVE),
        (math.log(4e-7), Presence.PRESENT, Presence.PRESENT),
        (math.log(9e-4), Presence.INCONCLUSIVE, Presence.ABSENT),
        (math.log(4e-4), Presence.INCONCLUSIVE, Presence.INCONCLUSIVE),
        (math.log(0.8), Presence.ABSENT, Presence.ABSENT),
    ],
)
def test_every_tokenizer_that_was_tried_is_counted(kept, monkeypatch, log_p, presence, expected):
    found = TextDetection(
        presence=presence,
        p_value=math.exp(log_p),
        log_p_value=log_p,
        key_id=None if presence is Presence.ABSENT else KEY.key_id,
        characters=None if presence is Presence.ABSENT else (1, 2),
        tokens=100,
    )
    answers = iter([found, replace(found, presence=Presence.ABSENT, p_value=1.0, log_p_value=0.0)])
    monkeypatch.setattr(texts, "detect_text", lambda *_, **__: next(answers))
    searching = tools(kept, KEY)
    tokenizer = searching._tokenizers_for([KEY])[0]
    monkeypatch.setattr(searching, "_tokenizers_for", lambda _: [tokenizer, tokenizer])
    best = searching.detect("x")
    assert best.presence is expected
    assert best.p_value == pytest.approx(min(1.0, 2 * found.p_value))
    assert best.log_p_value == pytest.approx(min(0.0, log_p + math.log(2)))
    assert (best.key_id is None) == (best.presence is Presence.ABSENT)
    assert (best.characters is None) == (best.presence is Presence.ABSENT)


def test_what_keeps_texts_from_being_searched_is_told_beforehand(kept, tmp_path):
    assert tools(kept, KEY).obstacle() is None
    assert "no tokenizer" in tools(tmp_path, KEY).obstacle()
