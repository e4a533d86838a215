"""``stamp --facts``, ``verify --facts`` and ``disclose`` as users run them."""

import json

import pytest

from tests.cli.pictures import save

DEEPFAKE = """
assessment_date = 2026-12-10
eu_nexus = true

[actor]
roles = ["deployer", "provider"]
personal_nonprofessional = false

[system]
placed_on_market = 2026-09-01

[output]
kind = "content"
operation = "generate"
generated_at = 2026-12-05

[deepfake]
resembles = true
plausible = true
false_appearance = true
"""


@pytest.fixture
def facts(tmp_path):
    file = tmp_path / "facts.toml"
    file.write_text(DEEPFAKE)
    return file


@pytest.fixture
def plain(tmp_path):
    return save(tmp_path / "in" / "plain.png", 5)


def test_what_is_stamped_with_facts_meets_them(studio, tmp_path, facts, plain):
    done = studio.run("stamp", plain, "--out", tmp_path / "out", "--facts", facts, "--json")
    assert done.code == 0
    (line,) = done.lines
    assert [each["label"] for each in line["receipt"]["labels"]] == ["label:visible"]
    assert line["receipt"]["decision_id"]
    checked = studio.run("verify", tmp_path / "out" / "plain.png", "--facts", facts, "--json")
    assert checked.code == 0
    (report,) = checked.lines
    assert {gap["status"] for gap in report["due"]["gaps"]} == {"MET"}
    measures = {gap["id"]: gap["measures"] for gap in report["due"]["gaps"]}
    assert "S1 1.1.2" in measures["code-1-1-watermark"]
    assert studio.run("registry", "audit", "verify").code == 0
    assert line["receipt"]["decision_id"] in studio.run("registry", "audit", "export").out


def test_a_file_without_marks_has_gaps(studio, facts, plain):
    checked = studio.run("verify", plain, "--facts", facts)
    assert checked.code == 6
    assert "NOT_MET  code-1-1-watermark [Code S1 1.1, S1 1.1.2]" in checked.out


def test_what_is_prohibited_is_refused(studio, tmp_path, facts, plain):
    facts.write_text(f"{DEEPFAKE}\n[prohibited_content]\ncsam = true\n")
    done = studio.run("stamp", plain, "--out", tmp_path / "out", "--facts", facts, "--json")
    assert done.code == 1
    assert done.lines[0]["error"]["kind"] == "ObligationError"
    assert not (tmp_path / "out" / "plain.png").exists()


def test_facts_that_cannot_be_used_stop_everything(studio, tmp_path, facts, plain):
    facts.write_text(DEEPFAKE.replace("eu_nexus", "eu_nexsus"))
    done = studio.run("stamp", plain, "--out", tmp_path / "out", "--facts", facts)
    assert done.code == 2
    assert "eu_nexsus" in done.err


def test_resuming_with_facts_skips_what_was_done(studio, tmp_path, facts, plain):
    order = ("stamp", plain, "--out", tmp_path / "out", "--facts", facts, "--json")
    assert studio.run(*order).code == 0
    again = studio.run(*order, "--resume")
    assert again.code == 0
    assert again.lines[0]["status"] == "skipped"


def test_disclose_lays_a_label_and_nothing_else(studio, tmp_path, plain):
    target = tmp_path / "labelled.png"
    done = studio.run("disclose", plain, "--out", target, "--label-language", "el", "--json")
    assert done.code == 0
    receipt = json.loads(done.out)["receipt"]
    assert [each["label"] for each in receipt["labels"]] == ["label:visible:eu"]
    assert receipt["payload"] is None
    assert studio.run("disclose", plain, "--out", target).code == 1


def test_disclose_in_an_unknown_language_is_a_usage_error(studio, tmp_path, plain):
    done = studio.run("disclose", plain, "--out", tmp_path / "x.png", "--label-language", "xx")
    assert done.code == 2
    assert "label_language" in done.err
