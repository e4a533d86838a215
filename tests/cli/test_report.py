import json

import pytest

from tests.cli.running import labeler
from tests.cli.test_assess import write


def test_a_report_as_a_page(tmp_path):
    out = tmp_path / "reports" / "gaps.html"
    facts = write(tmp_path / "facts.json")
    done = labeler("report", "--facts", facts, "--out", out, "--organisation", "Ada", home=tmp_path)
    assert done.code == 0, done.err
    assert "no claim of conformity" in done.out
    html = out.read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert "<h1>Gap report: Ada</h1>" in html
    assert [each.name for each in out.parent.iterdir()] == ["gaps.html"]


@pytest.mark.parametrize("section", [1, 2])
def test_a_report_on_one_section_as_json(section, tmp_path):
    out = tmp_path / "gaps.json"
    done = labeler("report", "--section", str(section), "--out", out, "--json", home=tmp_path)
    assert done.code == 0, done.err
    members = json.loads(out.read_text())
    assert {each["section"] for each in members["measures"]} == {section}
    assert done.lines == [{"schema": 1, "target": str(out), "counts": members["counts"]}]


@pytest.mark.parametrize(
    ("name", "says"), [("gaps.pdf", ".html or .json"), ("there.json", "exists already")]
)
def test_what_cannot_be_written_is_refused(name, says, tmp_path):
    (tmp_path / "there.json").write_text("mine")
    done = labeler("report", "--out", tmp_path / name, "--json", home=tmp_path)
    assert done.code == 2
    assert says in done.err
    assert done.lines[0]["error"]["kind"] == "OutputError"
    assert [each.read_text() for each in tmp_path.iterdir()] == ["mine"]


def test_a_report_is_replaced_where_that_is_allowed(tmp_path):
    out = tmp_path / "gaps.json"
    out.write_text("old")
    done = labeler("report", "--out", out, "--overwrite", home=tmp_path)
    assert done.code == 0, done.err
    assert json.loads(out.read_text())["schema"] == 1


def test_facts_that_cannot_be_used_leave_no_report(tmp_path):
    facts = write(tmp_path / "facts.json", eu_nexus="yes")
    done = labeler("report", "--facts", facts, "--out", tmp_path / "gaps.html", home=tmp_path)
    assert done.code == 2
    assert "eu_nexus" in done.err
    assert list(tmp_path.iterdir()) == [facts]
