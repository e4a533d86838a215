"""The comparison of picture marks, without any peer installed."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import image_peers
from benchmarks.binomial import at_least
from benchmarks.image_attacks import ATTACKS
from benchmarks.image_peer_outcomes import MATCHED, NATIVE, SystemOutcome, digest, load, save
from benchmarks.image_peer_page import BEGIN, END, replaced
from benchmarks.image_peer_plots import by_family, draw
from benchmarks.image_peer_systems import OtherPictures, PictureReading, judged, least_matches
from benchmarks.peer_process import last_words
from benchmarks.quality import at_psnr, psnr_db
from tests.scenes import photograph

PHOTOGRAPH = photograph(256, 400)


@pytest.mark.parametrize("bits", [20, 32, 64, 94, 256])
def test_so_many_bits_match_by_chance_once_in_a_million_at_the_most(bits):
    least = least_matches(bits)
    assert at_least(least, bits, 0.5) <= 1e-6 < at_least(least - 1, bits, 0.5)


def test_nineteen_bits_are_too_few():
    with pytest.raises(ValueError, match="19 bits are too few"):
        least_matches(19)


@pytest.mark.parametrize(
    ("found", "wrong_bits", "judgement"),
    [
        (None, 0, PictureReading(found=True, exact=True, bit_accuracy=1)),
        (None, 2, PictureReading(found=True, exact=False, bit_accuracy=30 / 32)),
        (None, 3, PictureReading(found=False, exact=False, bit_accuracy=29 / 32)),
        (False, 2, PictureReading(found=False, exact=False, bit_accuracy=30 / 32)),
        (True, 16, PictureReading(found=True, exact=False, bit_accuracy=0.5)),
    ],
)
def test_a_peer_is_judged_by_its_own_rule_or_else_by_its_bits(found, wrong_bits, judgement):
    embedded = [0, 1] * 16
    message = [1 - bit for bit in embedded[:wrong_bits]] + embedded[wrong_bits:]
    assert judged(found, message, embedded) == judgement


def test_nothing_read_is_as_good_as_guessed():
    reading = judged(None, None, [0, 1] * 16)
    assert reading == PictureReading(found=False, exact=False, bit_accuracy=0.5)


@pytest.mark.parametrize("wanted_db", [36.0, 39.5, 44.5, 48.0])
def test_a_change_is_scaled_until_the_psnr_is_the_one_that_is_wanted(wanted_db):
    change = np.random.default_rng(1).normal(0, 3, PHOTOGRAPH.shape)
    marked = np.clip(np.round(PHOTOGRAPH + change), 0, 255).astype(np.uint8)
    scaled = at_psnr(PHOTOGRAPH, marked, wanted_db)
    assert psnr_db(PHOTOGRAPH, scaled) == pytest.approx(wanted_db, abs=0.02)
    assert np.sum((scaled - PHOTOGRAPH.astype(int)) * change) > 0


def test_each_attack_is_in_one_family():
    families = by_family(tuple(ATTACKS))
    assert sorted(name for members in families.values() for name in members) == sorted(ATTACKS)
    assert "rotate-3+jpeg-70" not in families["turning"]


@pytest.mark.parametrize(
    ("name", "python", "words"),
    [
        ("dwtDct", Path("/no/such/python"), "/no/such/python"),
        ("blind-watermark", Path(sys.executable), "No module named 'blind_watermark'"),
        ("TrustMark", Path(sys.executable), "weights not here"),
        ("VideoSeal", Path(sys.executable), "weights not here"),
    ],
)
def test_a_peer_that_is_not_there_says_so_in_one_line(name, python, words):
    with pytest.raises(RuntimeError, match=f"{name} does not run") as caught:
        OtherPictures(name, python)
    line = last_words(caught.value)
    assert words in line
    assert "\n" not in line


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One picture, and what Labeler did to it."""
    folder = tmp_path_factory.mktemp("peers")
    Image.fromarray(PHOTOGRAPH).save(folder / "scene.png")
    run(folder)
    return folder


def run(folder):
    attacks = ("--attacks", "unchanged,jpeg-50", "--peers", "dwtDct")
    image_peers.main([str(folder), "--outcomes", str(folder / "outcomes"), *attacks])


def ours(folder) -> SystemOutcome:
    return load(folder / "outcomes" / "Labeler.json")


def test_the_command_measures_labeler_without_any_peer(folder, capsys):
    run(folder)
    said = capsys.readouterr().out
    assert "1 pictures (scene), 2 attacks" in said
    assert "| dwtDct " in said
    assert "not run: no outcomes of such a run, and no --python" in said
    picture = ours(folder).pictures[0]
    assert picture.digest == digest(PHOTOGRAPH)
    assert picture.psnr_db[MATCHED] == pytest.approx(44.5, abs=0.02)
    assert all(one.exact for one in picture.readings[NATIVE].values())


def test_no_picture_of_that_size_is_told(folder):
    with pytest.raises(SystemExit, match="no picture of 1 to 2 megapixels"):
        image_peers.main([str(folder), "--megapixels", "1,2"])


def test_a_peer_that_was_measured_before_is_set_beside_without_being_run(folder, capsys):
    labeler = ours(folder)
    save(replace(labeler, system="dwtDct", bits=32), folder / "outcomes" / "dwtDct.json")
    run(folder)
    assert "30 of 32 bits of a known payload" in capsys.readouterr().out


def test_outcomes_of_other_attacks_are_not_set_beside(folder, capsys):
    other = replace(ours(folder).settings, attacks=("unchanged",))
    stale = replace(ours(folder), system="dwtDct", bits=32, settings=other)
    save(stale, folder / "outcomes" / "dwtDct.json")
    run(folder)
    assert "not run: no outcomes of such a run" in capsys.readouterr().out


def test_outcomes_come_back_from_their_file(folder, tmp_path):
    outcome = ours(folder)
    save(outcome, tmp_path / "again.json")
    assert load(tmp_path / "again.json") == outcome


def test_outcomes_of_another_picture_of_that_name_do_not_count(folder):
    assert ours(folder).of({"scene": digest(PHOTOGRAPH)}).pictures
    assert not ours(folder).of({"scene": digest(PHOTOGRAPH[::-1])}).pictures


def test_a_file_of_something_else_is_told(tmp_path):
    path = tmp_path / "dwtDct.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="not outcomes of this version"):
        load(path)


def test_the_plots_are_written_for_light_and_dark_pages(folder, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is in the dependency group benchmarks")
    draw([ours(folder)], tmp_path)
    names = {"attacks-light.svg", "attacks-dark.svg", "mean-light.svg", "mean-dark.svg"}
    assert {path.name for path in tmp_path.iterdir()} == names
    plot = (tmp_path / "attacks-light.svg").read_text()
    assert all(f">{word}<" in plot for word in ("Labeler", "unchanged", "jpeg-50", "100"))


def test_only_what_stands_between_the_marks_of_a_page_is_replaced():
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="the page lacks"):
        replaced("before\nafter\n", "new")
