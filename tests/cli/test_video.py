"""Films on the command line are like any other file."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labeler.receipt import Receipt
from tests.cli import pictures
from tests.cli.conftest import Studio
from tests.cli.running import ROOT, environment, labeler
from tests.films import film, packets


@pytest.fixture(scope="module")
def films(home, tmp_path_factory) -> Studio:
    """A folder of films with a picture among them, and what stamping it gave."""
    folder = tmp_path_factory.mktemp("films")
    film(folder / "in" / "talkie.mp4", frames=72, sound="aac")
    film(folder / "in" / "silent.mkv", seed=2)
    pictures.save(folder / "in" / "poster.png", 1)
    stamped = labeler(
        "stamp", folder / "in", "--out", folder / "out", "--generator", "Film X", "--json",
        home=home, LABELER_SCRATCH=str(folder / "scratch"),
    )  # fmt: skip
    return Studio(home, folder / "in", folder / "out", stamped)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_gives_its_films_and_pictures(films):
    assert films.stamped.code == 0, films.stamped.err
    assert names(films.out) == {"talkie.mp4", "silent.mkv", "silent.mkv.c2pa", "poster.png"}
    assert names(films.out.parent / "scratch") == set()
    tracks = {}
    for line in films.stamped.lines:
        receipt = Receipt.from_json(json.dumps(line["receipt"]))
        assert json.loads(receipt.to_json()) == line["receipt"]
        (found,) = (each for each in line["receipt"]["layers"] if each["layer"] == "watermark")
        tracks[receipt.media_type] = found["tracks"]
    assert tracks == {
        "video/mp4": ["visual", "audio"],
        "video/x-matroska": ["visual"],
        "image/png": [],
    }


def test_every_layer_of_a_stamped_film_is_found(films):
    done = films.run("verify", films.out, "--json")
    assert done.code == 0, done.out
    reports = {Path(line["file"]).name: line for line in done.lines}
    assert {line["conclusion"] for line in done.lines} == {"marked"}
    looks = [
        (each["detail"]["track"], each["presence"])
        for each in reports["talkie.mp4"]["findings"]
        if each["technique"] == "watermark"
    ]
    assert looks == [("visual", "present"), ("audio", "present")]


def test_reports_and_receipts_are_told_in_words(films, tmp_path):
    done = films.run("verify", films.out / "talkie.mp4")
    assert done.code == 0
    assert "in the pictures; handle" in done.out
    assert "seen from 0:00 to 0:0" in done.out
    assert "in the sound; " in done.out
    assert "heard from 0:0" in done.out
    source = films.sources / "talkie.mp4"
    done = films.run("stamp", source, "--out", tmp_path, "--synthetic-tracks", "audio")
    assert done.code == 0, done.err
    assert "embedded in sound, p " in done.out
    assert "none in the pictures: not declared synthetic" in done.out
    assert packets(tmp_path / "talkie.mp4", "video") == packets(source, "video")


@pytest.mark.parametrize("tracks", ["", "video", "visual;audio", "audio,"])
def test_tracks_that_do_not_exist_are_told_at_once(films, tmp_path, tracks):
    done = films.run("stamp", films.sources, "--out", tmp_path, "--synthetic-tracks", tracks)
    assert done.code == 2
    assert "--synthetic-tracks" in done.err
    assert names(tmp_path) == set()


def test_tracks_of_a_picture_are_one_failed_file(films, tmp_path):
    done = films.run(
        "stamp", films.sources / "poster.png", films.sources / "silent.mkv", "--out", tmp_path,
        "--synthetic-tracks", "visual",
    )  # fmt: skip
    assert done.code == 1
    assert "the file is no film but PNG" in done.out
    assert names(tmp_path) == {"silent.mkv", "silent.mkv.c2pa"}


def test_a_terminal_shows_how_far_a_film_is(films, tmp_path):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [
            sys.executable, "-m", "labeler", "stamp", films.sources / "talkie.mp4",
            films.sources / "poster.png", "--out", tmp_path, "--jobs", "2",
        ],
        env=environment(films.home, TERM="xterm", COLUMNS="120", NO_COLOR="1"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = _read_all(ours)
    assert process.returncode == 0
    told = [int(percent) for percent in re.findall(r"(\d+)%", shown)]
    assert told[0] < 5
    assert told[-1] == 100
    assert len(set(told)) > 3


def _read_all(descriptor: int) -> str:
    pieces = []
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # Linux's way to say that nobody writes any more
            piece = b""
        if not piece:
            os.close(descriptor)
            return b"".join(pieces).decode(errors="replace")
        pieces.append(piece)


def test_two_interrupts_stop_at_once_and_leave_nothing(home, tmp_path):
    for seed in (1, 2):
        film(tmp_path / "in" / f"{seed}.mp4", frames=240, seed=seed)
    scratch = tmp_path / "scratch"
    process = subprocess.Popen(
        [sys.executable, "-m", "labeler", "stamp", tmp_path / "in", "--out", tmp_path / "out",
         "--jobs", "2"],
        env=environment(home, LABELER_SCRATCH=str(scratch)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (scratch.exists() and names(scratch)) and time.monotonic() < until:
        time.sleep(0.02)
    assert names(scratch)
    for _ in range(2):
        # As a terminal does: to parent and workers alike.
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(0.05)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "--resume goes on" in err
    assert "Traceback" not in err
    assert list(scratch.iterdir()) == []
    assert not names(tmp_path / "out")


def test_a_failure_names_what_it_is_about_if_that_is_not_the_source(films, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "below"
    source = films.sources / "silent.mkv"
    done = films.run("stamp", source, "--out", out, COLUMNS="1000")
    assert done.code == 1
    assert f"{source}  {out / source.name}: the output cannot be written" in done.out
    assert done.out.count(str(source)) == 1
