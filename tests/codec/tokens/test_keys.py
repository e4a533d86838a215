"""Keys of text watermarks: derived, named, written, read, and never shown."""

import json
import stat

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.tokens.keys import (
    TextKey,
    TextKeyring,
    derivable,
    load_text_key,
    parse_text_key,
    save_text_key,
    write_text_key,
)
from labeler.codec.tokens.schemes import (
    Kgw,
    MurmurDualGumbel,
    MurmurGumbel,
    PhiloxDualGumbel,
    PhiloxGumbel,
    Seeding,
    SynthId,
)
from labeler.errors import WatermarkKeyError

SECRET = 0x89ABCDEF01234567
SCHEMES = (
    PhiloxGumbel(secret=SECRET, context_width=2),
    PhiloxDualGumbel(secret=SECRET, alpha=0.25),
    MurmurGumbel(secret=SECRET),
    MurmurDualGumbel(secret=SECRET, secret_b=SECRET >> 1, mixing_probability=0.75),
    SynthId(secrets=(654, 400, 836), ngram_length=3),
    Kgw(secret=15485863, vocabulary_size=50257, seeding=Seeding.SELFHASH),
)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda each: each.name)
def test_a_key_is_read_as_it_was_written(scheme, tmp_path):
    key = TextKey(scheme=scheme, tokenizer="ab" * 32, model="m", provider="p", epoch="2026-11")
    path = save_text_key(key, tmp_path / "keys")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.name == f"{key.key_id}.text-key.json"
    assert load_text_key(path) == parse_text_key(write_text_key(key).encode()) == key
    assert TextKeyring.load(tmp_path / "keys")[key.key_id] == key
    with pytest.raises(WatermarkKeyError, match="File exists"):
        save_text_key(key, tmp_path / "keys")


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda each: each.name)
def test_secrets_are_never_shown(scheme):
    shown = repr(TextKey(scheme=scheme))
    for secret in (str(SECRET), f"{SECRET:x}", "15485863", "654"):
        assert secret not in shown


def test_ids_name_scheme_and_secret_and_nothing_else():
    ids = {TextKey(scheme=scheme).key_id for scheme in SCHEMES}
    assert len(ids) == len(SCHEMES)
    one = TextKey(scheme=SCHEMES[0])
    assert TextKey(scheme=SCHEMES[0], model="other", epoch="1").key_id == one.key_id
    other = PhiloxGumbel(secret=SECRET ^ 1, context_width=2)
    assert TextKey(scheme=other).key_id != one.key_id


def test_derived_keys_depend_on_all_that_they_are_for():
    root = Key.from_bytes(bytes(range(32)))
    told = {"tokenizer": "t", "model": "m", "epoch": "e"}
    derived = {TextKey.derive(root, **told).key_id, TextKey.derive(PUBLIC_KEY, **told).key_id}
    for name in told:
        derived.add(TextKey.derive(root, **{**told, name: "other"}).key_id)
    derived.add(TextKey.derive(root, **told, context_width=2).key_id)
    derived.add(TextKey.derive(root, **told, scheme=MurmurGumbel).key_id)
    assert len(derived) == 7
    assert TextKey.derive(root, **told, provider="p") == TextKey(
        scheme=TextKey.derive(root, **told).scheme, provider="p", **told
    )
    assert not TextKey.derive(root).is_guessable
    # Fixed for ever: keys are derived anew from their root.
    assert TextKey.derive(root, **told).scheme.secret == 0xD06E3F93ADBAF0C3


def test_derivation_is_hkdf():
    root = Key.generate()
    info = json.dumps([PhiloxGumbel.name, 4, None, "m", None]).encode()
    hkdf = HKDF(algorithm=SHA256(), length=8, salt=b"labeler.text-key.v1", info=info)
    secret = int.from_bytes(hkdf.derive(root.secret), "big")
    assert TextKey.derive(root, model="m").scheme == PhiloxGumbel(secret=secret)


def test_guessable_secrets_are_known_as_such():
    assert TextKey(scheme=PhiloxGumbel(secret=42)).is_guessable
    assert TextKey(scheme=MurmurDualGumbel(secret=SECRET, secret_b=42)).is_guessable
    assert TextKey(scheme=Kgw(secret=15485863, vocabulary_size=10)).is_guessable
    assert not TextKey(scheme=SynthId(secrets=tuple(range(1, 31)))).is_guessable


def test_schemes_by_name():
    assert derivable("gumbel/murmur3-sglang") is MurmurGumbel
    with pytest.raises(ValueError, match="synthid"):
        derivable("synthid/hf-lcg")


GOOD = json.loads(write_text_key(TextKey(scheme=SCHEMES[0])))


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"scheme": "gumbel/other"},
        {"secret": "10000000000000000"},
        {"secret": "-1"},
        {"secret": 5},
        {"secret": None},
        {"context_width": 0},
        {"context_width": 65},
        {"context_width": 2.0},
        {"context_width": True},
        {"model": 3},
        {"unknown": 1},
        {"scheme": "kgw/hf"},
        {"scheme": "synthid/hf-lcg", "secrets": ["1"]},
        {"scheme": "dual-gumbel/philox4x32-10-v1", "alpha": 2},
        {"scheme": "dual-gumbel/philox4x32-10-v1", "alpha": "x"},
    ],
)
def test_malformed_keys_are_refused_without_quoting_them(change, tmp_path):
    path = tmp_path / "a.text-key.json"
    path.write_text(json.dumps(GOOD | change))
    path.chmod(0o600)
    with pytest.raises(WatermarkKeyError) as caught:
        load_text_key(path)
    assert caught.value.file == str(path)
    assert GOOD["secret"] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_others_may_read_is_refused(tmp_path):
    path = save_text_key(TextKey(scheme=SCHEMES[0]), tmp_path)
    path.chmod(0o644)
    with pytest.raises(WatermarkKeyError, match="others may read"):
        TextKeyring.load(tmp_path)
    assert len(TextKeyring.load(tmp_path / "nowhere")) == 0


@given(
    st.binary(max_size=100)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda each: json.dumps(each).encode()
    )
)
def test_anything_else_is_one_error(data):
    with pytest.raises(WatermarkKeyError):
        parse_text_key(data)
