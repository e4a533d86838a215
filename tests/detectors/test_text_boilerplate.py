"""What is left out of the count, and which keys are not used."""

import json

import numpy as np
import pytest

from detectors.text import Boilerplate, Vetting, detect, vet
from labeler.codec.tokens.contexts import windows
from labeler.codec.tokens.keys import TextKey
from labeler.codec.tokens.schemes import PhiloxGumbel
from labeler.errors import OutputError, SettingsError

KEY = TextKey(scheme=PhiloxGumbel(secret=0x0123456789ABCDEF))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_it_covers_what_it_was_built_from_and_nothing_else(rng):
    template, other = rng.integers(0, 50_000, (2, 500))
    boilerplate = Boilerplate.build([template])
    for width in (2, 4):
        assert boilerplate.covers(*windows(template, width)[:2]).all()
        assert not boilerplate.covers(*windows(other, width)[:2]).any()


def test_one_other_token_in_context_or_behind_it_is_another_ngram():
    boilerplate = Boilerplate.build([[1, 2, 3, 4, 5]], widths=[4])
    ngrams = np.array([[1, 2, 3, 4, 5], [9, 2, 3, 4, 5], [1, 2, 3, 4, 6], [2, 1, 3, 4, 5]])
    assert boilerplate.covers(ngrams[:, :4], ngrams[:, 4]).tolist() == [True, False, False, False]


def test_only_what_several_documents_share():
    boilerplate = Boilerplate.build(
        [[1, 2, 3, 9, 1, 2, 3], [5, 1, 2, 3], [7, 8, 9]], widths=[2], least_documents=2
    )
    ngrams = np.array([[1, 2, 3], [7, 8, 9], [2, 3, 9]])
    assert boilerplate.covers(ngrams[:, :2], ngrams[:, 2]).tolist() == [True, False, False]


def test_boilerplate_is_not_counted_in_a_detection(rng):
    template, rest = rng.integers(0, 50_000, (2, 300))
    text = np.concatenate([template, rest])
    assert detect(text, [KEY]).tokens == 596
    assert detect(text, [KEY], boilerplate=Boilerplate.build([template])).tokens == 300
    nothing = detect(template, [KEY], boilerplate=Boilerplate.build([template]))
    assert (nothing.tokens, nothing.p_value, nothing.reason) == (0, 1.0, "insufficient text")


def test_of_other_widths_nothing_is_known(rng):
    text = rng.integers(0, 50_000, 99)
    assert detect(text, [KEY], boilerplate=Boilerplate.build([text], widths=[1])).tokens == 95


@pytest.mark.parametrize(
    "settings", [{"widths": []}, {"widths": [0]}, {"widths": [65]}, {"least_documents": 0}]
)
def test_building_out_of_range(settings):
    with pytest.raises(ValueError, match="1 to 64"):
        Boilerplate.build([], **settings)


def test_a_file_gives_back_what_was_saved(rng, tmp_path):
    built = Boilerplate.build(rng.integers(0, 50_000, (3, 200)), widths=[1, 4], tokenizer="ab12")
    built.save(tmp_path / "boilerplate")
    loaded = Boilerplate.load(tmp_path / "boilerplate")
    assert loaded.tokenizer == "ab12"
    assert loaded.widths == (1, 4)
    for width in loaded.widths:
        assert np.array_equal(loaded.hashes[width], built.hashes[width])
    assert [each.name for each in tmp_path.iterdir()] == ["boilerplate"]


def test_a_file_that_is_there_stays(tmp_path):
    path = tmp_path / "boilerplate"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="cannot be written"):
        Boilerplate.build([]).save(path)
    assert path.read_bytes() == b"mine"
    assert [each.name for each in tmp_path.iterdir()] == ["boilerplate"]


@pytest.fixture
def saved(rng, tmp_path):
    path = tmp_path / "boilerplate"
    Boilerplate.build(rng.integers(0, 50_000, (1, 50))).save(path)
    return path


def test_any_damage_to_a_file_is_noticed(saved):
    data = saved.read_bytes()
    header = data.index(b"\n", data.index(b"\n") + 1)
    places = [*range(0, header, 7), header, header + 1, len(data) - 1]
    damaged = [data[:at] + bytes([data[at] ^ 0x81]) + data[at + 1 :] for at in places]
    for each in [*damaged, b"", data[:-1], data + b"\0", data[:30]]:
        saved.write_bytes(each)
        with pytest.raises(SettingsError, match="damaged") as caught:
            Boilerplate.load(saved)
        assert caught.value.file == str(saved)


@pytest.mark.parametrize("header", [[], {"counts": []}, {"counts": {"4": -1}, "tokenizer": None}])
def test_headers_that_make_no_sense(header, saved):
    saved.write_bytes(b"labeler boilerplate 1\n" + json.dumps(header).encode() + b"\n")
    with pytest.raises(SettingsError, match="damaged"):
        Boilerplate.load(saved)


def test_a_missing_file(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        Boilerplate.load(tmp_path / "none")


def test_ordinary_keys_pass(rng):
    reference = rng.integers(0, 50_000, (20, 400))
    keys = [TextKey(scheme=PhiloxGumbel(secret=(1 << 50) + at)) for at in range(100)]
    z = np.array([vet(key, reference).z for key in keys])
    assert abs(z.mean()) < 0.4
    assert 0.75 < z.std() < 1.25
    assert vet(KEY, reference).ngrams == 20 * 396


def test_a_key_that_likes_the_corpus_is_rejected(rng):
    reference = rng.integers(0, 50_000, (5, 400))
    keys = [TextKey(scheme=PhiloxGumbel(secret=(1 << 50) + at)) for at in range(300)]
    reference = reference[:, :60]
    worst = max((vet(key, reference) for key in keys), key=lambda each: each.z)
    repeated = np.tile(reference, (3, 1))
    assert vet(keys[0], repeated) == vet(keys[0], reference), "each n-gram counts once"
    assert worst.z > 2
    assert Vetting(key_id="x", ngrams=9, z=3.01).is_rejected
    assert not Vetting(key_id="x", ngrams=9, z=2.99).is_rejected


def test_vetting_without_text():
    with pytest.raises(ValueError, match="no text"):
        vet(KEY, [[1, 2, 3, 4]])
