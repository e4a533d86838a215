"""Keys, their random streams and their files."""

import hashlib
import os
import stat
import traceback

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.codec.keys import PUBLIC_KEY, Key, Keyring, KeyStream, save_key
from labeler.errors import WatermarkKeyError

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")

KEY = Key(bytes(range(32)))
OTHER = Key(bytes(range(1, 33)))

keys = st.binary(min_size=32, max_size=32).map(Key)


def write_key(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return path


# Test vectors. They must never be adapted: a key means the same for ever.


def test_the_public_key():
    assert PUBLIC_KEY.secret.hex() == (
        "ef75d8d071b2ae56386504e9838947d31e22da2ab2da3cdd02daad8f287027c9"
    )
    assert PUBLIC_KEY.key_id == "edd4944525509b8f"
    assert PUBLIC_KEY.stream("test").bytes(16).hex() == "542f7137c02b4d10fba9324996f18517"


def test_key_ids():
    assert KEY.key_id == "ef5206cb69b405bb"


def test_streams_of_bytes():
    assert KEY.stream("test").bytes(40).hex() == (
        "87e3d49962d6dab7f3b7c5bd393fae1d4bfbaf9aab9e3b48e4d67b9bc9cef803031c6d7434bf8f00"
    )


def test_streams_of_signs():
    signs = KEY.stream("test").signs(12)  # 87 e.: 1000 0111 1110
    assert signs.dtype == np.float32
    assert signs.tolist() == [-1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, 1]


def test_permutations():
    assert KEY.stream("test").permutation(8).tolist() == [4, 2, 6, 7, 0, 3, 1, 5]


# What streams are.


@given(keys, st.text(max_size=20), st.integers(0, 200))
def test_a_stream_is_a_hash_in_counter_mode(key, label, count):
    head = b"labeler.watermark.stream.v1\0" + label.encode() + b"\0" + key.secret
    blocks = [hashlib.sha256(head + number.to_bytes(8, "big")).digest() for number in range(7)]
    assert key.stream(label).bytes(count) == b"".join(blocks)[:count]
    assert KeyStream(key.secret, label).bytes(count) == b"".join(blocks)[:count]


@given(st.lists(st.integers(0, 70), max_size=8))
def test_a_stream_does_not_depend_on_how_it_is_read(counts):
    stream = KEY.stream("pieces")
    assert b"".join(map(stream.bytes, counts)) == KEY.stream("pieces").bytes(sum(counts))


@given(st.integers(0, 100))
def test_signs_use_up_whole_bytes(count):
    stream, beside = KEY.stream("signs"), KEY.stream("signs")
    signs = stream.signs(count)
    bits = "".join(f"{byte:08b}" for byte in beside.bytes(-(-count // 8)))
    assert signs.tolist() == [1 - 2 * int(bit) for bit in bits[:count]]
    assert stream.bytes(4) == beside.bytes(4)


@given(st.integers(0, 300))
def test_a_permutation_holds_each_number_once_in_the_order_of_its_words(count):
    stream = KEY.stream("order")
    words = [int.from_bytes(stream.bytes(8), "big") for _ in range(count)]
    permutation = KEY.stream("order").permutation(count).tolist()
    assert permutation == sorted(range(count), key=words.__getitem__)


def test_streams_differ_by_key_and_purpose():
    streams = [KEY.stream("a"), KEY.stream("b"), OTHER.stream("a"), PUBLIC_KEY.stream("a")]
    assert len({stream.bytes(32) for stream in streams}) == 4


def test_signs_are_fair():
    signs = PUBLIC_KEY.stream("fairness").signs(100_000)
    assert abs(signs.sum()) < 5 * 100_000**0.5
    assert abs(signs[1:] @ signs[:-1]) < 5 * 100_000**0.5


# What keys are.


def test_generated_keys_differ():
    made = {Key.generate() for _ in range(10)}
    assert len(made) == 10
    assert all(len(key.secret) == 32 for key in made)


@given(keys)
def test_a_key_never_shows_its_secret(key):
    for text in (repr(key), str(key), f"{key}", repr(Keyring([key])), key.key_id):
        assert key.secret.hex()[:16] not in text
        assert repr(key.secret)[2:-1] not in text


@given(st.binary(max_size=64).filter(lambda secret: len(secret) != 32))
def test_secrets_of_another_length_are_refused_without_quoting_them(secret):
    with pytest.raises(WatermarkKeyError) as caught:
        Key.from_bytes(secret)
    assert caught.value.problem == f"a watermark key has 32 bytes, not {len(secret)}"


@given(keys)
def test_a_key_has_the_id_of_its_secret(key):
    digest = hashlib.sha256(b"labeler.watermark.key-id.v1\0" + key.secret).hexdigest()
    assert key.key_id == digest[:16]
    assert Key.from_bytes(key.secret) == key


# Keyrings.


def test_a_keyring_holds_the_public_key_unless_told_otherwise():
    assert list(Keyring().values()) == [PUBLIC_KEY]
    assert not Keyring([])


def test_a_keyring_keeps_order_and_drops_repetitions():
    ring = Keyring([OTHER, PUBLIC_KEY, KEY, OTHER])
    assert list(ring) == [OTHER.key_id, PUBLIC_KEY.key_id, KEY.key_id]
    assert len(ring) == 3
    assert ring[KEY.key_id] == KEY
    assert "0" * 16 not in ring
    with pytest.raises(KeyError):
        ring["0" * 16]


def test_saved_keys_are_loaded(tmp_path):
    folder = tmp_path / "keys"
    paths = [save_key(key, folder) for key in (KEY, OTHER)]
    assert [path.name for path in paths] == [f"{KEY.key_id}.key", f"{OTHER.key_id}.key"]
    assert set(Keyring.load(folder).values()) == {PUBLIC_KEY, KEY, OTHER}
    assert next(iter(Keyring.load(folder))) == PUBLIC_KEY.key_id
    assert set(Keyring.load(folder, with_public=False).values()) == {KEY, OTHER}


def test_keys_are_loaded_in_the_order_of_their_file_names(tmp_path):
    write_key(tmp_path / "2.key", KEY.secret.hex().encode())
    write_key(tmp_path / "1.key", OTHER.secret.hex().encode())
    assert list(Keyring.load(tmp_path, with_public=False).values()) == [OTHER, KEY]


def test_a_folder_that_does_not_exist_holds_no_keys(tmp_path):
    assert list(Keyring.load(tmp_path / "none").values()) == [PUBLIC_KEY]
    assert not Keyring.load(tmp_path / "none", with_public=False)


def test_other_files_are_no_keys(tmp_path):
    (tmp_path / "README").write_text("not a key")
    (tmp_path / "old.key.bak").write_text("not a key")
    assert not Keyring.load(tmp_path, with_public=False)


@pytest.mark.parametrize("around", [b"%s", b"%s\n", b"  %s\r\n\n"])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_white_space_around_a_key_and_case_do_not_matter(tmp_path, around, case):
    write_key(tmp_path / "a.key", around % case(KEY.secret.hex()).encode())
    assert list(Keyring.load(tmp_path, with_public=False).values()) == [KEY]


@posix
def test_a_saved_key_is_for_its_owner_only(tmp_path):
    before = os.umask(0)
    try:
        path = save_key(KEY, tmp_path / "home" / "keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_saved_key_is_never_overwritten(tmp_path):
    path = write_key(tmp_path / f"{KEY.key_id}.key", b"precious")
    with pytest.raises(FileExistsError):
        save_key(KEY, tmp_path)
    assert path.read_bytes() == b"precious"


@posix
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o620, 0o601, 0o644, 0o666, 0o777])
def test_a_key_that_others_may_use_is_refused(tmp_path, mode):
    path = write_key(tmp_path / "a.key", KEY.secret.hex().encode(), mode)
    with pytest.raises(WatermarkKeyError, match="0600") as caught:
        Keyring.load(tmp_path)
    assert caught.value.file == str(path)
    assert path.exists()


@posix
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_key_that_only_its_owner_may_use_is_taken(tmp_path, mode):
    write_key(tmp_path / "a.key", KEY.secret.hex().encode(), mode)
    assert KEY.key_id in Keyring.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        KEY.secret,
        b"\xff\xfe" + KEY.secret,
        KEY.secret.hex().encode()[:-1],
        KEY.secret.hex().encode()[:-2],
        KEY.secret.hex().encode() + b"00",
        KEY.secret.hex().encode().replace(b"f", b"g"),
    ],
)
def test_a_file_that_holds_no_key_is_named_but_never_quoted(tmp_path, content):
    path = write_key(tmp_path / "broken.key", content)
    with pytest.raises(WatermarkKeyError, match="64 hexadecimal digits") as caught:
        Keyring.load(tmp_path)
    assert caught.value.file == str(path)
    assert caught.value.__suppress_context__
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY.secret.hex()[:12] not in shown
    assert repr(KEY.secret)[2:20] not in shown


def test_a_key_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "folder.key").mkdir(mode=0o700)
    with pytest.raises(WatermarkKeyError, match="cannot be read") as caught:
        Keyring.load(tmp_path)
    assert caught.value.file == str(tmp_path / "folder.key")
