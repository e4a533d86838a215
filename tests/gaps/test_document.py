import json

import pytest

from labeler.errors import PolicyError
from labeler.gaps import Standing, make_document
from labeler.gaps.document import DISCLAIMER
from labeler.policy import Status, parse_facts
from labeler.policy.facts import CodeSection
from labeler.policy.measures import MEASURES

DAY = "2026-11-21"
IMAGE = {"modality": "image", "kind": "content", "operation": "generate"}


def provider(*, day=DAY, **more):
    facts = {"assessment_date": day, "eu_nexus": True, "actor": {"roles": ["provider"]}}
    return parse_facts(facts | {"output": IMAGE} | more)


def deployer(modality="video", **more):
    fake = {"resembles": True, "plausible": True, "false_appearance": True}
    facts = {"assessment_date": DAY, "eu_nexus": True, "output": {"modality": modality}}
    actor = {"roles": ["deployer"], "personal_nonprofessional": False}
    return parse_facts(facts | {"actor": actor, "deepfake": fake} | more)


def standings(facts, **options):
    return {item.measure.id: item.standing for item in make_document(facts, **options).items}


def test_without_facts_nothing_is_judged():
    document = make_document(None)
    assert [item.measure for item in document.items] == list(MEASURES)
    told = {item.standing for item in document.items}
    assert told == {Standing.NOT_ASSESSED, Standing.VOLUNTARY}
    assert document.as_of is document.assessment is document.signed is None


def test_marks_and_detectors_that_are_there_meet_their_measures():
    found = standings(provider(marks={"signed_metadata": True, "detector": True}))
    assert found["S1 1.1.1"] is found["S1 2.1"] is Standing.MET
    assert found["S1 1.1.2"] is found["S1 1.1"] is Standing.NOT_MET
    assert found["S1 1.2(a)"] is found["S1 4.3"] is Standing.TO_SHOW
    assert found["S1 3.4(c)"] is Standing.LATER
    assert found["S1 1.3"] is Standing.VOLUNTARY
    assert {found[each.id] for each in MEASURES if each.section == 2 and each.force.binds} == {
        Standing.NOT_DUE
    }


def test_what_comes_later_says_when():
    items = {item.measure.id: item for item in make_document(provider()).items}
    assert items["S1 3.4(c)"].due_from.isoformat() == "2027-02-02"
    assert items["S1 1.1.1"].due_from is None
    later = standings(provider(day="2027-02-02"))
    assert later["S1 3.4(c)"] is Standing.TO_SHOW


@pytest.mark.parametrize("eu_nexus", [False, None])
def test_scope_decides_for_outputs_and_the_organisation(eu_nexus):
    found = standings(provider(eu_nexus=eu_nexus), sections=[CodeSection.PROVIDERS])
    binding = {found[each.id] for each in MEASURES if each.id in found and each.force.binds}
    if eu_nexus is False:
        assert binding == {Standing.NOT_DUE}
    else:
        assert found["S1 1.1.1"] is Standing.UNDECIDED


def test_an_exempt_output_does_not_relieve_the_organisation():
    found = standings(provider(output=IMAGE | {"kind": "source_code"}))
    assert found["S1 1.1"] is found["S1 2.1"] is Standing.NOT_DUE
    assert found["S1 4.1"] is Standing.TO_SHOW


def test_a_label_at_the_start_is_no_proof_that_it_is_laid_as_the_code_asks():
    missing = standings(deployer())
    assert missing["S2 1.2.1"] is missing["S2 1.2.2(b)"] is Standing.NOT_MET
    there = standings(deployer(label={"where": ["content_start"]}))
    assert there["S2 1.2.1"] is there["S2 1.2.2(b)"] is Standing.TO_SHOW


@pytest.mark.parametrize(
    ("modality", "due", "not_due"),
    [
        ("image", {"1.2.2(a)", "1.1 visual"}, {"1.2.2(b)", "1.1 audio", "1.2.3", "1.2.2(f)"}),
        ("video", {"1.2.2(a)", "1.2.2(b)", "1.2.2(d)"}, {"1.1 audio", "1.2.3", "1.2.2(f)"}),
        ("audio", {"1.1 audio", "1.2.3"}, {"1.2.2(a)", "1.2.2(b)", "1.2.2(d)", "1.2.2(f)"}),
    ],
)
def test_measures_speak_of_their_kind_of_content(modality, due, not_due):
    found = standings(deployer(modality))
    assert {found[f"S2 {each}"] for each in due} <= {Standing.TO_SHOW, Standing.NOT_MET}
    assert {found[f"S2 {each}"] for each in not_due} == {Standing.NOT_DUE}


@pytest.mark.parametrize(
    ("closed", "standing"),
    [(True, Standing.TO_SHOW), (False, Standing.NOT_DUE), (None, Standing.UNDECIDED)],
)
def test_a_condition_decides_where_the_duty_is_there(closed, standing):
    channel = {"closed_internal": closed}
    assert standings(deployer(channel=channel))["S2 1.2.2(c)"] is standing
    private = {"roles": ["deployer"], "personal_nonprofessional": True}
    assert standings(deployer(actor=private))["S2 1.2.2(c)"] is Standing.NOT_DUE


def test_artistic_works_are_labelled_in_the_limited_form_instead():
    work = {"evidently_artistic": True, "informative_or_commercial": False}
    artistic, other = standings(deployer(work=work)), standings(deployer())
    assert artistic["S2 1.2.2(a)"] is artistic["S2 1.2.1"] is Standing.NOT_DUE
    assert artistic["S2 C3"] is Standing.NOT_MET
    assert other["S2 C3"] is Standing.NOT_DUE


def test_editorial_control_matters_where_it_is_relied_on():
    text = {"published": True, "informs": True, "public_interest": True}
    review = {"human_substantive": True, "fact_checked": True, "responsible_party": "A publisher"}
    review["ai_change_after_signoff"] = False
    reviewed = standings(deployer("text", text=text, review=review))
    unreviewed = standings(deployer("text", text=text))
    assert reviewed["S2 C4 policy"] is Standing.TO_SHOW
    assert reviewed["S2 1.2.2(f)"] is reviewed["S2 C1"] is Standing.NOT_DUE
    assert unreviewed["S2 C4 policy"] is Standing.NOT_DUE
    assert unreviewed["S2 1.2.2(f)"] is Standing.NOT_MET


@pytest.mark.parametrize("signed", [[1], [2], [1, 2], None])
def test_the_report_tells_signatories_from_others(signed):
    document = make_document(
        provider(actor={"roles": ["provider"], "code_sections_signed": signed})
    )
    expected = [None if signed is None else number in signed for number in (1, 2)]
    assert [document.binds(section) for section in CodeSection] == expected
    assert [each["signed"] for each in json.loads(document.to_json())["sections"]] == expected


def test_json_holds_everything():
    document = make_document(provider(), organisation="Ærø Film", sections=[CodeSection.PROVIDERS])
    members = json.loads(document.to_json())
    assert members["disclaimer"] == DISCLAIMER
    assert "no claim of conformity" in DISCLAIMER
    assert "no legal advice" in DISCLAIMER
    assert members["organisation"] == "Ærø Film"
    assert members["as_of"] == DAY
    assert len(members["measures"]) == len(document.items)
    assert {each["section"] for each in members["measures"]} == {1}
    assert sum(members["counts"].values()) == len(document.items)
    statuses = {each["id"]: each["status"] for each in members["assessment"]["obligations"]}
    assert statuses["eu-50-2-mark"] == Status.REQUIRED.value
    assert all(each["reasons"] for each in members["measures"] if each["standing"] == "not-met")


def test_a_report_on_nothing_is_refused():
    with pytest.raises(PolicyError, match="section"):
        make_document(None, sections=[])
