import json
import subprocess
import sys
import tomllib

import pytest

from labeler.policy import assess, parse_facts
from tests.cli.running import ROOT, environment, labeler

FACTS = {
    "assessment_date": "2026-12-10",
    "eu_nexus": True,
    "actor": {"roles": ["provider"], "size": "sme"},
    "output": {"kind": "content", "modality": "image", "operation": "generate"},
    "marks": {"signed_metadata": True},
    "prohibited_content": {"intimate_without_consent": False, "csam": False},
    "system": {
        "interacts_directly": False,
        "emotion_recognition": False,
        "publicly_accessible_in_california": False,
        "generates_for_china": False,
        "generates_for_india": False,
    },
}


def write(path, **changes):
    path.write_text(json.dumps(FACTS | changes))
    return path


def test_json_is_the_assessment(tmp_path):
    path = write(tmp_path / "facts.json")
    done = labeler("assess", path, "--json", home=tmp_path)
    assert done.code == 0, done.err
    (answer,) = done.lines
    expected = assess(parse_facts(FACTS))
    assert answer.pop("schema") == 1
    assert answer.pop("decision_id") == expected.decision_id
    assert answer == json.loads(expected.to_json())


def test_people_get_a_table_and_the_reasons(tmp_path):
    done = labeler("assess", write(tmp_path / "facts.json"), home=tmp_path)
    assert done.code == 0, done.err
    (row,) = [line for line in done.out.splitlines() if "eu-50-2-mark " in line and "c2pa" in line][
        :1
    ]
    assert row.startswith("REQUIRED")
    assert row.endswith("MET")
    assert "no legal advice" in done.out
    assert "Art. 50(2) AI Act [P]" in done.out


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"eu_nexus": None}, 3), ({"prohibited_content": {"csam": True}}, 4)],
)
def test_exit_codes_tell_undecided_from_prohibited(changes, code, tmp_path):
    done = labeler("assess", write(tmp_path / "facts.json", **changes), "--json", home=tmp_path)
    assert done.code == code


def test_a_misspelt_key_is_named(tmp_path):
    path = write(tmp_path / "facts.json", eu_nexsus=True)
    done = labeler("assess", path, "--json", home=tmp_path)
    assert done.code == 2
    error = done.lines[0]["error"]
    assert error["kind"] == "PolicyError"
    assert "eu_nexsus" in error["problem"]
    assert error["file"] == str(path)


@pytest.mark.parametrize(
    "arguments", [[], ["facts.json", "-i"], ["facts.json", "--save", "x.toml"]]
)
def test_facts_come_from_a_file_or_from_questions(arguments, tmp_path):
    write(tmp_path / "facts.json")
    done = labeler("assess", *arguments, home=tmp_path, cwd=tmp_path)
    assert done.code == 2
    assert "Traceback" not in done.err


def ask(tmp_path, typed, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "labeler", "assess", "--interactive", *map(str, arguments)],
        env=environment(tmp_path),
        cwd=ROOT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_questions_lead_to_facts_that_are_kept(suffix, tmp_path):
    saved = tmp_path / f"facts{suffix}"
    # The day, in the Union, deployer, three exclusions, personal, picture (after a wrong number).
    typed = "2026-12-10\ny\n2\nno\nn\nN\nmaybe\nn\n9\n2\n?\n.\n"
    done = ask(tmp_path, typed, "--save", saved, "--json")
    assert done.returncode == 3, done.stderr
    assert "'maybe' is no answer" in done.stderr
    assert "'9' is no answer" in done.stderr
    text = saved.read_text()
    members = tomllib.loads(text) if suffix == ".toml" else json.loads(text)
    assert members == {
        "assessment_date": "2026-12-10",
        "eu_nexus": True,
        "actor": {"roles": ["deployer"], "personal_nonprofessional": False},
        "exclusions": dict.fromkeys(("military", "sole_scientific_rd", "premarket_test"), False),
        "output": {"modality": "image"},
    }
    # Standard output holds the answer alone, and asking again by file gives the same.
    assert json.loads(done.stdout) == labeler("assess", saved, "--json", home=tmp_path).lines[0]


def test_saved_facts_replace_nothing_unless_allowed(tmp_path):
    saved = tmp_path / "facts.toml"
    saved.write_text("mine")
    refused = ask(tmp_path, "\n.\n", "--save", saved)
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    assert saved.read_text() == "mine"
    assert ask(tmp_path, "\n.\n", "--save", saved, "--overwrite").returncode == 3
    assert "assessment_date" in saved.read_text()
    assert list(tmp_path.iterdir()) == [saved]


def test_answers_that_end_too_early_save_nothing(tmp_path):
    done = ask(tmp_path, "2026-12-10\ny\n", "--save", tmp_path / "facts.toml")
    assert done.returncode == 2
    assert "answers ended" in done.stderr
    assert not list(tmp_path.iterdir())
