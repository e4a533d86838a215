"""Texts and documents stamped, verified and logged from the command line."""

import json
import subprocess
import sys

import pytest

from labeler.codec.tokens.keys import save_text_key
from tests import documents, pdfs
from tests.cli.running import environment, labeler
from tests.cli.texts import KEY, MARKED, PROSE, SECRET, make_desk

MARKED_HERE = 0
TAMPERED = 4


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A home with an identity and a text key, sources, and what stamping them gave."""
    folder = tmp_path_factory.mktemp("office")
    desk, home = make_desk(folder), folder / "home"
    assert labeler("keys", "init", home=home).code == 0
    save_text_key(KEY, home / "text-keys")
    (home / "tokenizers").mkdir()
    desk.tokenizer.rename(home / "tokenizers" / f"{KEY.tokenizer}.json")
    sources = {
        "essay.md": MARKED.encode(),
        "notes.txt": PROSE.encode(),
        "page.html": f"<!doctype html><p>{PROSE}".encode(),
        "script.py": b"#!/usr/bin/python3\nprint()\n",
        "data.json": b'{"a": 1}',
        "report.pdf": pdfs.plain(),
        "letter.docx": documents.docx(),
        "sheet.xlsx": documents.xlsx(),
        "book.epub": documents.epub(),
        "draft.odt": documents.odt(),
    }
    for name, content in sources.items():
        (folder / name).write_bytes(content)
    paths = [folder / name for name in sources]
    done = labeler("stamp", *paths, "--embed-in-text", "--out", folder / "out", "--json", home=home)
    return folder, home, sources, done


def piped(*arguments, home, given):
    done = subprocess.run(
        [sys.executable, "-m", "labeler", *map(str, arguments)],
        env=environment(home),
        input=given,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    return done


def members(done):
    return json.loads(done.stdout.splitlines()[-1])


def findings(report):
    return {each["technique"]: each for each in report["findings"]}


def test_every_format_is_stamped_and_verified(office):
    folder, home, sources, stamped = office
    assert stamped.code == 0, stamped.err
    assert SECRET not in stamped.out + stamped.err
    assert {each["status"] for each in stamped.lines} == {"stamped"}
    for name, content in sources.items():
        assert (folder / name).read_bytes() == content
    outputs = [folder / "out" / name for name in sources]
    done = labeler("verify", *outputs, "--json", home=home)
    assert done.code == MARKED_HERE, done.out
    assert SECRET not in done.out + done.err
    for report in done.lines:
        assert report["conclusion"] == "marked"
        found = findings(report)
        assert found["credential"]["detail"]["integrity"] == "intact"
        assert "shingles" not in found.get("fingerprint", {"detail": ()})["detail"]
    marked = findings(next(each for each in done.lines if "essay" in each["file"]))
    assert marked["watermark"]["detail"]["key_id"] == KEY.key_id
    assert marked["fingerprint"]["detail"]["matches"][0]["receipt_id"]


def test_stamping_again_is_refused_resumed_or_done_anew(office):
    folder, home, _, _ = office
    again = ("stamp", folder / "notes.txt", "--out", folder / "out", "--json")
    refused = labeler(*again, home=home)
    assert refused.code == 2
    assert "exists already" in refused.lines[-1]["error"]["problem"]
    anew = labeler(*again, "--overwrite", home=home)
    assert anew.code == 0
    # What was stamped can be stamped: its first credential becomes the second one's ingredient.
    second = labeler("stamp", folder / "out" / "essay.md", "--out", folder / "two", home=home)
    assert second.code == 0, second.err
    assert labeler("verify", folder / "two" / "essay.md", home=home).code == MARKED_HERE


def test_changed_and_copied_texts_are_still_known(office, tmp_path):
    folder, home, _, _ = office
    changed = tmp_path / "changed.md"
    changed.write_bytes((folder / "out" / "essay.md").read_bytes().replace(b" the ", b" that ", 3))
    copied = tmp_path / "copied.txt"
    copied.write_text(MARKED)
    done = labeler("verify", changed, copied, "--json", home=home)
    assert done.code == TAMPERED
    report, other = done.lines
    assert report["conclusion"] == "tampered"
    assert findings(report)["watermark"]["presence"] == "present"
    assert findings(report)["fingerprint"]["presence"] == "present"
    assert other["conclusion"] == "marked"
    # The manifest that lay beside the text is found by what the text says: it may be its own.
    credential = findings(other)["credential"]
    assert credential["presence"] == "inconclusive"
    assert credential["detail"]["recovered"]["source"] == "registry"


def test_standard_input_is_called_what_it_is(office, tmp_path):
    _, home, sources, _ = office
    out = tmp_path / "out"
    done = piped(
        "stamp",
        "-",
        "--name",
        "a.md",
        "--embed-in-text",
        "--out",
        out,
        "--json",
        home=home,
        given=sources["essay.md"],
    )
    assert done.returncode == 0, done.stderr
    assert [each.name for each in out.iterdir()] == ["a.md"]
    read = piped("verify", "-", "--json", home=home, given=(out / "a.md").read_bytes())
    assert read.returncode == MARKED_HERE
    assert members(read)["file"] == "-"
    assert members(read)["conclusion"] == "marked"
    detected = piped("text", "detect", "-", "--json", home=home, given=sources["essay.md"])
    assert detected.returncode == 0
    assert members(detected)["key_id"] == KEY.key_id
    path = piped("stamp", "-", "--name", "../a.md", "--out", out, "--json", home=home, given=b"x")
    assert path.returncode == 2
    assert "is a path" in members(path)["error"]["problem"]
    twice = piped("verify", "-", "-", "--json", home=home, given=b"x")
    assert twice.returncode == 2
    assert "twice" in members(twice)["error"]["problem"]
    binary = piped("text", "log", "find", "-", "--json", home=home, given=bytes(100))
    assert binary.returncode == 1
    assert members(binary)["error"]["file"] == "standard input"


def test_a_manifest_in_plain_text_is_asked_for(office, tmp_path):
    folder, home, _, _ = office
    done = labeler("stamp", folder / "notes.txt", "--embed-in-text", "--out", tmp_path, home=home)
    assert done.code == 0, done.err
    assert not list(tmp_path.glob("*.c2pa"))
    text = (tmp_path / "notes.txt").read_text()
    assert text.startswith(PROSE.rstrip())
    assert labeler("verify", tmp_path / "notes.txt", home=home).code == MARKED_HERE


def test_the_log_keeps_no_text_and_forgets_when_told(tmp_path):
    home, file = tmp_path / "home", tmp_path / "letter.txt"
    file.write_text(PROSE)
    log = ("text", "log")
    empty = labeler(*log, "find", file, "--json", home=home)
    assert empty.code == 1
    assert "no registry" in empty.lines[0]["error"]["problem"]
    told = ("--provider", "P", "--model", "M", "--reference", "r7")
    added = labeler(*log, "add", file, *told, "--json", home=home)
    assert added.code == 0
    number = added.lines[0]["text_id"]
    assert not any(b"harbour" in path.read_bytes() for path in home.glob("registry*"))
    edited = tmp_path / "edited.txt"
    edited.write_text(PROSE.replace("loud", "quiet").upper())
    found = labeler(*log, "find", edited, "--json", home=home)
    assert found.code == 0
    (match,) = found.lines[0]["matches"]
    assert (match["text_id"], match["reference"]) == (number, "r7")
    other = tmp_path / "other.txt"
    other.write_text(" ".join(f"word{each}" for each in range(50)))
    unknown = labeler(*log, "find", file, other, "--json", home=home)
    assert unknown.code == 3
    assert unknown.lines[1]["matches"] == []
    because = ("--reason", "asked for")
    assert labeler(*log, "delete", number, *because, home=home).code == 0
    assert labeler(*log, "delete", number, *because, home=home).code == 1
    naive = labeler(*log, "expire", "--before", "2026-01-01", *because, home=home)
    assert naive.code == 2
    assert "--before" in naive.err
    assert labeler(*log, "add", file, home=home).code == 0
    future = labeler(
        *log, "expire", "--before", "2999-01-01T00:00:00Z", *because, "--json", home=home
    )
    assert future.lines == [{"schema": 1, "expired": 1}]


@pytest.mark.parametrize("what", [("delete", "1"), ("expire", "--before", "2999-01-01T00:00:00Z")])
def test_where_nothing_was_logged_nothing_is_made_to_take_it_out_of(tmp_path, what):
    home = tmp_path / "home"
    refused = labeler("text", "log", *what, "--reason", "asked for", "--json", home=home)
    assert refused.code == 1
    assert "no registry" in refused.lines[0]["error"]["problem"]
    assert not list(home.glob("registry*"))
