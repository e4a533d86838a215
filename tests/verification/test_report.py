import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.report import Conclusion, Finding, Presence, Report, Technique
from labeler.codec.payload import Origin

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
TEXT = st.text(st.characters(), max_size=30)  # lone surrogates too: names of files hold any byte
FINDINGS = st.builds(
    Finding,
    technique=st.sampled_from(Technique),
    presence=st.sampled_from(Presence),
    p_value=st.none() | st.floats(0, 1),
    detail=st.dictionaries(st.text(), JSON, max_size=3),
)
REPORTS = st.builds(
    Report,
    file=TEXT,
    sha256=st.none() | TEXT,
    media_type=st.none() | TEXT,
    conclusion=st.sampled_from(Conclusion),
    origin=st.none() | st.sampled_from(Origin),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    warnings=st.lists(TEXT, max_size=2).map(tuple),
)

REPORT = Report(
    file="a.png",
    sha256="00",
    media_type="image/png",
    conclusion=Conclusion.NO_MARK_FOUND,
    origin=Origin.MODIFIED,
    findings=(
        Finding(
            technique=Technique.WATERMARK,
            presence=Presence.PRESENT,
            p_value=1e-300,
            detail={"key_id": "x"},
        ),
    ),
    warnings=("One.",),
)


@given(REPORTS)
def test_what_is_written_is_read(report):
    text = report.to_json()
    assert "\n" not in text
    assert text.isascii()
    assert Report.from_json(text) == report


def test_the_schema_is_the_documented_one():
    assert json.loads(REPORT.to_json()) == {
        "schema": 1,
        "file": "a.png",
        "sha256": "00",
        "media_type": "image/png",
        "conclusion": "no-mark-found",
        "origin": "modified",
        "findings": [
            {
                "technique": "watermark",
                "presence": "present",
                "p_value": 1e-300,
                "detail": {"key_id": "x"},
            }
        ],
        "warnings": ["One."],
    }


def change(path, value):
    members = json.loads(REPORT.to_json())
    place = members
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(members)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 2),
        (["file"], None),
        (["file"], 3),
        (["sha256"], ["x"]),
        (["conclusion"], "human"),
        (["conclusion"], []),
        (["origin"], "nature"),
        (["origin"], 1),
        (["findings"], {}),
        (["findings"], [None]),
        (["findings", 0, "technique"], "guess"),
        (["findings", 0, "presence"], True),
        (["findings", 0, "p_value"], 1.5),
        (["findings", 0, "p_value"], -1),
        (["findings", 0, "p_value"], "0"),
        (["findings", 0, "p_value"], float("nan")),
        (["findings", 0, "p_value"], 10**400),
        (["findings", 0, "detail"], []),
        (["warnings"], "one"),
        (["warnings"], [1]),
    ],
)
def test_every_member_is_checked(path, value):
    with pytest.raises(ValueError, match=r"."):
        Report.from_json(change(path, value))


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "[" * 100_000])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Report.from_json(text)


def test_later_members_are_ignored():
    assert Report.from_json(change(["news"], 1)) == REPORT


def test_numbers_beyond_any_that_can_be_written_are_refused():
    text = REPORT.to_json().replace('"x"', "1e999")
    with pytest.raises(ValueError, match="beyond"):
        Report.from_json(text)
