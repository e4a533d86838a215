"""``labeler text``: detecting, keys, engines' configuration, boilerplate."""

import json
import os
import stat
from dataclasses import replace

import pytest

from labeler.codec.keys import Key
from labeler.codec.tokens.keys import TextKey
from tests.cli.running import labeler
from tests.cli.texts import KEY, MARKED, SECRET, make_desk, write_key


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return make_desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def keeping(desk, tmp_path_factory):
    """A home that keeps the key and its tokenizer, and what adding them gave."""
    home = tmp_path_factory.mktemp("keeping")
    done = labeler(
        "text", "keys", "add", desk.key, "--tokenizer", desk.tokenizer, "--json", home=home
    )
    assert done.code == 0, done.err
    return home, done


def named(done):
    """The only error of a run, as it was told in both places."""
    assert done.err.count("\n") == 1
    assert done.err.startswith("labeler: ")
    return done.lines[-1]["error"]


def test_added_keys_are_listed_without_their_secret(keeping, desk):
    home, added = keeping
    (told,) = added.lines
    assert told["key_id"] == KEY.key_id
    assert told["scheme"] == "gumbel/philox4x32-10-v1"
    assert told["tokenizer"] == KEY.tokenizer
    assert told["warnings"] == []
    kept = home / "text-keys" / f"{KEY.key_id}.text-key.json"
    assert told["file"] == str(kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (home / "tokenizers" / f"{KEY.tokenizer}.json").exists()
    listed = labeler("text", "keys", "list", "--json", home=home)
    assert listed.lines[0]["key_id"] == KEY.key_id
    # Adding it again changes nothing.
    again = labeler("text", "keys", "add", desk.key, home=home)
    assert again.code == 0
    shown = labeler("text", "keys", "list", home=home)
    for done in (added, listed, again, shown):
        assert KEY.key_id in done.out
        assert SECRET not in done.out + done.err


def test_marked_texts_are_told_from_others(keeping, desk):
    home, _ = keeping
    done = labeler("text", "detect", desk.marked, desk.prose, "--json", home=home)
    assert done.code == 3
    marked, prose = done.lines
    assert marked["presence"] == "present"
    assert marked["p_value"] < 1e-30
    assert marked["key_id"] == KEY.key_id
    assert marked["model"] == KEY.model
    assert marked["epoch"] == KEY.epoch
    start, stop = marked["characters"]
    assert 0 <= start < stop <= len(MARKED)
    assert set(marked) == set(prose)
    assert prose["presence"] == "absent"
    assert prose["key_id"] is None
    assert not any("score" in member for member in marked)
    assert SECRET not in done.out + done.err


def test_standard_input_and_words_for_people(keeping, desk):
    home, _ = keeping
    done = labeler("text", "detect", desk.marked, home=home)
    assert done.code == 0
    assert "watermarked, p = " in done.out
    assert KEY.key_id in done.out
    none = labeler("text", "detect", "-", home=home)
    assert none.code == 1
    assert none.err.startswith("labeler: standard input: ")


def test_explicit_keys_and_tokenizer_need_no_home(desk, tmp_path):
    # What is kept there is not read: a key that all may read would be refused.
    kept = tmp_path / "home" / "text-keys" / "x.text-key.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    arguments = ("--keys", desk.key, "--tokenizer", desk.tokenizer, "--json")
    done = labeler("text", "detect", desk.marked, *arguments, home=tmp_path / "home")
    assert done.code == 0, done.err
    assert done.lines[0]["key_id"] == KEY.key_id


def test_keys_that_are_tried_in_vain_are_counted(desk, tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    for number in range(8):
        other = TextKey.derive(Key.from_bytes(bytes([number]) * 32), tokenizer=KEY.tokenizer)
        write_key(folder / f"{number}.text-key.json", other)
    common = ("text", "detect", desk.marked, "--tokenizer", desk.tokenizer, "--json")
    alone = labeler(*common, "--keys", desk.key, home=tmp_path)
    among = labeler(*common, "--keys", desk.key, "--keys", folder, home=tmp_path)
    (few,), (many,) = alone.lines, among.lines
    assert many["key_id"] == few["key_id"] == KEY.key_id
    assert many["hypotheses"] == 9 * few["hypotheses"]
    assert many["p_value"] == pytest.approx(9 * few["p_value"], rel=1e-6)


@pytest.mark.parametrize(
    ("make", "kind", "code", "problem"),
    [
        (lambda path: path.write_text("{"), "WatermarkKeyError", 2, "not the description"),
        (lambda path: path.chmod(0o644), "WatermarkKeyError", 2, "others may read"),
        (lambda path: path.unlink(), "WatermarkKeyError", 2, "cannot be read"),
        (
            lambda path: write_key(path, replace(KEY, tokenizer="0" * 64)),
            "WatermarkKeyError", 1, "another tokenizer",
        ),
    ],
    ids=["broken", "open", "missing", "misfit"],
)  # fmt: skip
def test_bad_keys_give_one_error(desk, tmp_path, make, kind, code, problem):
    if problem == "others may read" and os.name != "posix":
        pytest.skip("file modes are POSIX's")
    key = write_key(tmp_path / "key.json")
    make(key)
    done = labeler(
        "text", "detect", desk.marked, "--keys", key, "--tokenizer", desk.tokenizer, "--json",
        home=tmp_path,
    )  # fmt: skip
    assert done.code == code
    error = named(done)
    assert error["kind"] == kind
    assert problem in error["problem"]
    assert error["hint"]
    assert SECRET not in done.out + done.err


def test_what_is_missing_is_said(desk, tmp_path):
    none = labeler("text", "detect", desk.marked, "--json", home=tmp_path)
    assert none.code == 1
    assert "no keys" in named(none)["problem"]
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    common = ("text", "detect", desk.marked, "--keys", desk.key, "--json")
    assert "tokenizer" in named(labeler(*common, home=tmp_path))["problem"]
    done = labeler(*common, "--tokenizer", broken, home=tmp_path)
    assert done.code == 2
    assert named(done)["file"] == str(broken)
    refused = labeler("text", "keys", "add", desk.key, "--tokenizer", broken, home=tmp_path)
    assert refused.code == 1
    assert not (tmp_path / "text-keys").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("binary.txt", bytes(range(256)) * 20),
        ("bad.txt", b"caf\xe9 \xff\xfe\x81" * 9),
        ("cut.docx", b"PK\x03\x04" + bytes(100)),
    ],
)
def test_files_without_text_give_one_error(keeping, tmp_path, name, content):
    home, _ = keeping
    file = tmp_path / name
    file.write_bytes(content)
    done = labeler("text", "detect", file, "--json", home=home)
    assert done.code == 1
    assert named(done)["file"] == str(file)


def test_marks_survive_how_a_text_is_written(keeping, tmp_path):
    home, _ = keeping
    contents = {
        "utf-16": MARKED.encode("utf-16"),
        "mark": b"\xef\xbb\xbf" + MARKED.encode(),
        "crlf": MARKED.replace("\n", "\r\n").encode(),
        "line": MARKED.replace("\n", " ").encode(),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
    files = [tmp_path / f"{name}.txt" for name in contents]
    done = labeler("text", "detect", *files, "--json", home=home)
    assert done.code == 0, done.err
    assert all(each["p_value"] < 1e-20 for each in done.lines)


def test_derived_keys_and_what_engines_are_told(desk, tmp_path):
    home = tmp_path / "home"
    new = ("text", "keys", "new", "--tokenizer", desk.tokenizer, "--model", "M", "--json")
    public = labeler(*new, home=home)
    assert public.code == 0
    assert "public key" in public.lines[0]["warnings"][0]
    assert labeler(*new, home=home).lines == public.lines
    key_id = public.lines[0]["key_id"]
    config = ("text", "engine-config")
    out = tmp_path / "out"
    done = labeler(*config, "vllm", "--key-id", key_id, "--out", out, "--json", home=home)
    assert done.code == 0
    (told,) = done.lines
    file = out / f"{key_id}.vllm.yaml"
    assert told["file"] == str(file)
    assert str(file) in told["arguments"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = json.loads((home / "text-keys" / f"{key_id}.text-key.json").read_text())
    for secret in (kept["secret"], str(int(kept["secret"], 16))):
        assert secret not in done.out + done.err
    misfit = labeler(*config, "sglang", "--key-id", key_id, "--out", out, "--json", home=home)
    assert misfit.code == 1
    assert "SGLang" in named(misfit)["problem"]
    unknown = labeler(*config, "vllm", "--key-id", "0" * 16, "--json", home=home)
    assert unknown.code == 1
    assert "0000" in named(unknown)["problem"]


def test_keys_are_vetted_and_boilerplate_is_left_out(keeping, desk):
    home, _ = keeping
    vetted = labeler("text", "keys", "vet", KEY.key_id, desk.marked, "--json", home=home)
    assert vetted.code == 1  # its own text scores high, as a bad key's would
    assert vetted.lines[0]["rejected"] is True
    assert vetted.lines[0]["z"] > 3
    fine = labeler("text", "keys", "vet", KEY.key_id, desk.prose, "--json", home=home)
    assert fine.code == 0
    assert fine.lines[0]["rejected"] is False
    unknown = labeler("text", "keys", "vet", "nope", desk.prose, home=home)
    assert unknown.code == 1
    learned = labeler(
        "text", "boilerplate", desk.marked, "--tokenizer", desk.tokenizer, "--json", home=home
    )
    assert learned.code == 0
    assert learned.lines[0]["ngrams"] > 100
    try:
        done = labeler("text", "detect", desk.marked, "--json", home=home)
    finally:
        (home / "boilerplate" / f"{KEY.tokenizer}.boilerplate").unlink()
    assert done.code == 3
    assert done.lines[0]["presence"] == "absent"


def test_a_folder_without_keys_is_named(desk, tmp_path):
    (tmp_path / "their.json").write_bytes(desk.key.read_bytes())
    done = labeler(
        "text", "detect", desk.marked, "--keys", tmp_path, "--json", home=tmp_path / "home"
    )
    assert done.code == 2
    assert str(tmp_path) in done.err
    assert "*.text-key.json" in done.err
