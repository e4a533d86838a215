import re

import pytest

from labeler.errors import PolicyError
from labeler.policy import assess
from labeler.policy.assessment import Status
from labeler.policy.facts import CodeSection, Facts, Modality
from labeler.policy.measures import (
    MEASURES,
    Force,
    Help,
    find_measure,
    measures_for_gap,
    measures_of,
)

EVERYTHING = assess({"assessment_date": "2026-11-21"})
IDS = {each.id for each in EVERYTHING.obligations}


def test_every_measure_has_its_own_id_which_names_its_section():
    ids = [measure.id for measure in MEASURES]
    assert len(set(ids)) == len(ids)
    for measure in MEASURES:
        assert re.match(rf"S{int(measure.section)} (C?\d)", measure.id)
        assert find_measure(measure.id) is measure


@pytest.mark.parametrize(
    "number",
    # Every "will" measure and commitment of the Code, by number.
    [
        *(
            f"S1 {n}"
            for n in ("1.1", "1.1.1", "1.1.2", "1.2(a)", "1.2(b)", "2.1", "2.1.1", "2.1.2")
        ),
        *(f"S1 {n}" for n in ("2.1.3", "2.1.4", "2.3", "3.1", "3.2", "3.3", "3.4(a)", "3.4(b)")),
        *(f"S1 {n}" for n in ("3.4(c)", "4.1", "4.2", "4.3", "4.4")),
        *(f"S2 {n}" for n in ("C1", "1.1 visual", "1.1 audio", "1.1 accessibility", "1.2.1")),
        *(f"S2 1.2.2({letter})" for letter in "abcdef"),
        *(f"S2 {n}" for n in ("1.2.3", "2.1-2.3 process", "C3", "C4 policy")),
    ],
)
def test_what_signatories_have_to_do_binds(number):
    assert find_measure(number).force.binds


@pytest.mark.parametrize("number", ["S1 1.1.3", "S1 1.3", "S1 1.4", "S1 2.2", "S1 2.4", "S2 1.3"])
def test_what_is_voluntary_does_not_bind(number):
    assert not find_measure(number).force.binds


def test_measures_name_obligations_and_facts_that_there_are():
    for measure in MEASURES:
        assert set(measure.obligations) <= IDS
        assert set(measure.gaps) <= IDS
        assert measure.applies_when <= set(Status)
        assert measure.modalities <= set(Modality)
        if measure.condition is not None:
            table, name = measure.condition.split(".")
            assert getattr(getattr(Facts(assessment_date=None), table), name) is None


def test_each_measure_says_what_labeler_does_and_what_is_left():
    for measure in MEASURES:
        assert measure.organisation
        assert measure.asks
        assert (measure.labeler is None) == (measure.help is Help.NONE)
        if measure.force.binds:
            assert measure.evidence, measure.id
        for text in (measure.asks, measure.organisation, measure.labeler or "."):
            assert text.endswith((".", ")"))
            assert "  " not in text


def test_sections_are_apart():
    first = measures_of([CodeSection.PROVIDERS])
    second = measures_of([CodeSection.DEPLOYERS])
    assert first + second == MEASURES == measures_of()
    assert {each.section for each in first} == {CodeSection.PROVIDERS}
    assert {each.force for each in MEASURES} == set(Force)


def test_gaps_have_their_measures_by_number():
    assert [each.id for each in measures_for_gap("code-1-1-watermark")] == ["S1 1.1", "S1 1.1.2"]
    assert [each.id for each in measures_for_gap("code-2-1-detector")] == ["S1 2.1"]
    assert measures_for_gap("eu-50-2-mark") == ()


def test_a_measure_that_there_is_not_is_named():
    with pytest.raises(PolicyError, match=r"S3 1\.1"):
        find_measure("S3 1.1")
