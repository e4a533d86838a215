import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from labeler.receipt import Layer, Receipt
from tests.cli.pictures import save
from tests.cli.running import environment, labeler


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_outputs_mirror_the_sources_and_every_layer_is_in_them(studio):
    assert studio.stamped.code == 0, studio.stamped.err
    assert tree(studio.out) == {"one.png", "sub/two.jpg"}
    lines = studio.stamped.lines
    assert {line["status"] for line in lines} == {"stamped"}
    for line in lines:
        assert line["schema"] == 1
        assert line["error"] is None
        receipt = line["receipt"]
        assert {layer["layer"] for layer in receipt["layers"] if layer["present"]} == set(Layer)
        target = Path(line["target"])
        assert hashlib.sha256(target.read_bytes()).hexdigest() == receipt["target_sha256"]
        source = Path(line["source"])
        assert hashlib.sha256(source.read_bytes()).hexdigest() == receipt["source_sha256"]


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("s3://bucket/pictures", "outputs cannot be written to a URL"),
        ("circle", "circle: "),
        ("x" * 300, "the system refuses access (File name too long)"),
    ],
)
def test_what_cannot_be_an_output_folder_is_told(out, problem, home, tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    save(tmp_path / "a.png", 3)
    done = labeler("stamp", "a.png", "--out", out, home=home, cwd=tmp_path)
    assert done.code in {1, 2}
    assert problem in done.err + done.out
    assert "defect" not in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"circle", "a.png"}


def test_what_is_no_picture_is_left_out_and_told(studio):
    assert "notes.txt: left out" in studio.stamped.err


def test_receipts_are_those_of_the_library(studio):
    for line in studio.stamped.lines:
        receipt = Receipt.from_json(json.dumps(line["receipt"]))
        assert receipt.payload is not None
        assert json.loads(receipt.to_json()) == line["receipt"]


def test_people_get_a_table(home, tmp_path):
    save(tmp_path / "in" / "a [bold]\x1b[31m.png", 3)
    done = labeler("stamp", tmp_path / "in", "--out", tmp_path / "out", home=home)
    assert done.code == 0, done.err
    assert "a [bold]\\x1b[31m.png" in done.out
    assert "\x1b" not in done.out
    assert "signed" in done.out
    assert "1 stamped" in done.out
    assert " dB" in done.out


def test_resuming_skips_what_is_done_and_does_what_is_new(studio, tmp_path):
    arguments = ("--out", tmp_path / "out", "--json", "--resume")
    save(tmp_path / "in" / "a.png", 4)
    first = studio.run("stamp", tmp_path / "in", *arguments)
    save(tmp_path / "in" / "b.png", 5)
    (tmp_path / "in" / "c.png").write_bytes(b"not a picture")
    second = studio.run("stamp", tmp_path / "in", *arguments)
    status = {Path(line["target"]).name: line["status"] for line in second.lines}
    assert second.code == 1
    assert status == {"a.png": "skipped", "b.png": "stamped", "c.png": "failed"}
    assert second.lines[0]["receipt"] == first.lines[0]["receipt"]
    failed = second.lines[-1]["error"]
    assert failed["file"].endswith("c.png")
    assert failed["problem"]
    assert failed["hint"]
    assert tree(tmp_path / "out") == {"a.png", "b.png"}


def test_outputs_are_not_replaced_unless_asked_for(studio, tmp_path):
    save(tmp_path / "in" / "a.png", 6)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"precious")
    done = studio.run("stamp", tmp_path / "in", "--out", tmp_path / "out", "--json")
    assert done.code == 2
    assert done.lines[0]["error"]["file"] == str(tmp_path / "out" / "a.png")
    assert (tmp_path / "out" / "a.png").read_bytes() == b"precious"
    done = studio.run("stamp", tmp_path / "in", "--out", tmp_path / "out", "--overwrite")
    assert done.code == 0
    with Image.open(tmp_path / "out" / "a.png") as picture:
        assert picture.size == (320, 256)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda folder: ["in/a.png", "other/a.png", "--out", "out"], "same output"),
        (lambda folder: ["in", "--out", "in", "--overwrite"], "replace a source"),
        (lambda folder: ["in", "nothing.png", "--out", "out"], "no such file"),
        (lambda folder: ["in", "--out", "in/a.png"], "it is a file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(make, problem, studio, tmp_path):
    save(tmp_path / "in" / "a.png", 7)
    save(tmp_path / "other" / "a.png", 8)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    done = studio.run("stamp", *make(tmp_path), cwd=tmp_path)
    assert done.code == 2
    assert problem in done.err
    assert not (tmp_path / "out").exists()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


def test_a_failure_is_told_and_does_not_stop_the_others(studio, tmp_path):
    save(tmp_path / "in" / "a.png", 9)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "in" / "tiny.png")
    done = studio.run("stamp", tmp_path / "in", "--out", tmp_path / "out")
    assert done.code == 1
    assert tree(tmp_path / "out") == {"a.png"}
    assert "tiny.png" in done.out
    assert "1 stamped; 1 failed" in done.out
    allowed = studio.run(
        "stamp", tmp_path / "in", "--out", tmp_path / "second", "--allow-missing", "watermark"
    )
    assert allowed.code == 0, allowed.err
    assert "missing: " in allowed.out
    assert "1 without one of the layers" in allowed.out


def test_without_an_identity_nothing_is_stamped_and_the_way_out_is_told(tmp_path, studio):
    save(tmp_path / "a.png", 10)
    done = labeler("stamp", tmp_path / "a.png", "--out", tmp_path / "out", home=tmp_path / "home")
    assert done.code == 1
    assert "keys init" in done.out + done.err
    assert tree(tmp_path) == {"a.png"} | {n for n in tree(tmp_path) if n.startswith("home/")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_stops_cleanly_and_goes_on(number, home, tmp_path):
    for index in range(8):
        save(tmp_path / "in" / f"{index}.jpg", index)
    command = [
        sys.executable, "-m", "labeler", "stamp", str(tmp_path / "in"),
        "--out", str(tmp_path / "out"), "--jobs", "2", "--json",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    # As a terminal does: to parent and workers alike.
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "--resume goes on" in err
    assert "Traceback" not in err
    done = 1 + len(out.splitlines())
    assert done < 8
    assert len(tree(tmp_path / "out")) == done
    if number == signal.SIGINT:  # going on is the same after both
        resumed = labeler(*command[3:], "--resume", home=home)
        assert resumed.code == 0, resumed.err
        assert len(tree(tmp_path / "out")) == 8


def test_a_name_that_is_no_text_is_refused_in_words(studio, tmp_path):
    save(tmp_path / "in" / "a.png", 13).rename(tmp_path / "in" / os.fsdecode(b"caf\xe9.png"))
    done = studio.run("stamp", tmp_path / "in", "--out", tmp_path / "out", "--json")
    assert done.code == 1
    assert done.lines[0]["error"]["kind"] == "OutputError"
    assert done.lines[0]["source"] == str(tmp_path / "in" / os.fsdecode(b"caf\xe9.png"))
    assert not (tmp_path / "out").exists()


def test_a_reader_that_has_had_enough_ends_a_batch_without_noise(home, tmp_path):
    for index in range(3):
        save(tmp_path / "in" / f"{index}.jpg", index)
    command = ["stamp", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "labeler", *command, "--jobs", "1"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141
    assert labeler(*command, "--resume", home=home).code == 0
    assert tree(tmp_path / "out") == {"0.jpg", "1.jpg", "2.jpg"}


def test_urls_are_sources_too(studio, tmp_path):
    path = save(tmp_path / "a b.png", 11)
    done = studio.run("stamp", path.as_uri(), "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert tree(tmp_path / "out") == {"a b.png"}


def test_what_is_claimed_arrives_in_the_file(studio, tmp_path):
    path = save(tmp_path / "a.png", 12)
    (tmp_path / "prompt.txt").write_text("a quiet harbour\n")
    done = studio.run(
        "stamp", path, "--out", tmp_path / "out", "--json",
        "--source-type", "compositeSynthetic", "--model", "pkg:huggingface/a/b@1",
        "--oversight", "prompt_guided", "--created-at", "2026-11-20T10:00:00+01:00",
        "--prompt-file", tmp_path / "prompt.txt", "--prompt-writer", "Ada",
    )  # fmt: skip
    assert done.code == 0, done.err
    receipt = done.lines[0]["receipt"]
    assert receipt["source_type"] == "compositeSynthetic"
    assert receipt["payload"]["origin"] == "composite"
    data = Path(done.lines[0]["target"]).read_bytes()
    for claim in (b"compositeSynthetic", b"pkg:huggingface/a/b@1", b"a quiet harbour", b"Ada"):
        assert claim in data
