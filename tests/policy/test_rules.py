"""Every rule, both ways: what triggers it, what relieves of it, from when it applies."""

import json
from pathlib import Path

import pytest

from labeler.policy import assess
from tests.policy.facts import ARTICLE, DEEPFAKE, PROVIDER, REVIEW, changed

CASES = json.loads(Path(__file__).with_name("published_cases.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_published_case(case):
    answer = assess(case["facts"])
    assert {each: answer.obligation(each).status.value for each in case["expect"]} == case["expect"]
    gaps = {gap.id: gap.status.value for gap in answer.gaps}
    assert {each: gaps.get(each) for each in case.get("gaps", {})} == case.get("gaps", {})
    named = {key for each in answer.obligations for key in each.missing_facts}
    assert named.issuperset(case.get("missing_includes", ()))


def status(obligation, base, **changes):
    return assess(changed(base, **changes)).obligation(obligation).status.value


ON = {"day": "2026-12-10"}
ROWS = [
    # --- Art. 5
    ("eu-5-1-prohibited", PROVIDER, {}, "NOT_REQUIRED"),
    ("eu-5-1-prohibited", PROVIDER, {"prohibited_content.csam": True}, "PROHIBITED"),
    ("eu-5-1-prohibited", PROVIDER, {"prohibited_content.intimate_without_consent": True},
     "PROHIBITED"),
    ("eu-5-1-prohibited", PROVIDER, {"prohibited_content.csam": True, "actor.roles": None},
     "PROHIBITED"),
    ("eu-5-1-prohibited", PROVIDER, {"prohibited_content.csam": True, "eu_nexus": None},
     "NEEDS_JUDGEMENT"),
    ("eu-5-1-prohibited", PROVIDER,
     {"prohibited_content.csam": True, "assessment_date": "2026-12-01"}, "DEFERRED"),
    ("eu-5-1-f-prohibited", PROVIDER, {"system.emotion_recognition": False}, "NOT_REQUIRED"),
    ("eu-5-1-f-prohibited", PROVIDER,
     {"system.emotion_recognition": True, "system.workplace_or_education": True}, "PROHIBITED"),
    ("eu-5-1-f-prohibited", PROVIDER,
     {"system.emotion_recognition": True, "system.workplace_or_education": True,
      "system.medical_or_safety": True}, "NOT_REQUIRED"),
    ("eu-5-1-f-prohibited", PROVIDER, {"system.emotion_recognition": True}, "NEEDS_JUDGEMENT"),
    # --- Art. 50(1)
    ("eu-50-1-inform", PROVIDER, {"system.interacts_directly": True}, "REQUIRED"),
    ("eu-50-1-inform", PROVIDER, {"system.interacts_directly": False}, "NOT_REQUIRED"),
    ("eu-50-1-inform", PROVIDER, {}, "NEEDS_JUDGEMENT"),
    ("eu-50-1-inform", PROVIDER,
     {"system.interacts_directly": True, "system.obvious": True,
      "system.vulnerable_audience": False}, "NOT_REQUIRED"),
    ("eu-50-1-inform", PROVIDER,
     {"system.interacts_directly": True, "system.obvious": True}, "REQUIRED"),
    ("eu-50-1-inform", PROVIDER,
     {"system.interacts_directly": True, "law_enforcement.authorised": True,
      "law_enforcement.safeguards": True, "law_enforcement.public_reporting_channel": False},
     "EXEMPT"),
    ("eu-50-1-inform", PROVIDER,
     {"system.interacts_directly": True, "law_enforcement.authorised": True,
      "law_enforcement.safeguards": True}, "REQUIRED"),
    ("eu-50-1-inform", PROVIDER,
     {"system.interacts_directly": True, "assessment_date": "2026-08-01"}, "DEFERRED"),
    # --- Art. 50(2)
    ("eu-50-2-mark", PROVIDER, {}, "REQUIRED"),
    ("eu-50-2-detect", PROVIDER, {}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER, {"eu_nexus": False}, "OUT_OF_SCOPE"),
    ("eu-50-2-mark", PROVIDER, {"eu_nexus": None}, "NEEDS_JUDGEMENT"),
    ("eu-50-2-mark", PROVIDER, {"exclusions.military": True}, "OUT_OF_SCOPE"),
    ("eu-50-2-mark", PROVIDER, {"exclusions.sole_scientific_rd": True}, "OUT_OF_SCOPE"),
    ("eu-50-2-mark", PROVIDER, {"exclusions.premarket_test": True}, "OUT_OF_SCOPE"),
    ("eu-50-2-mark", PROVIDER, {"actor.roles": ["deployer"]}, "NOT_REQUIRED"),
    ("eu-50-2-mark", PROVIDER, {"actor.roles": ...}, "NEEDS_JUDGEMENT"),
    ("eu-50-2-mark", PROVIDER, {"output.kind": ...}, "NEEDS_JUDGEMENT"),
    ("eu-50-2-mark", PROVIDER, {"output.modality": ..., "system.generates": []},
     "NEEDS_JUDGEMENT"),
    ("eu-50-2-mark", PROVIDER, {"output.modality": ...}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER, {"law_enforcement.authorised": True}, "EXEMPT"),
    ("eu-50-2-mark", PROVIDER, {"output.operation": "crop"}, "EXEMPT"),
    ("eu-50-2-mark", PROVIDER, {"output.operation": "crop", "actor.roles": None}, "EXEMPT"),
    ("eu-50-2-mark", PROVIDER, {"output.operation": "crop", "output.new_content": True},
     "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"output.operation": "object_remove", "output.new_content": False,
      "output.material_change": False}, "EXEMPT"),
    ("eu-50-2-mark", PROVIDER,
     {"output.operation": ..., "output.new_content": False, "output.material_change": False},
     "EXEMPT"),
    ("eu-50-2-mark", PROVIDER,
     {"output.new_content": False, "output.material_change": False}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.b2b_strictly_technical": True, "system.b2b_limited_insiders": True,
      "system.b2b_no_external_sharing": True}, "NOT_REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.b2b_strictly_technical": True, "system.b2b_limited_insiders": True}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.ephemeral_realtime": True, "system.marking_infeasible": True,
      "system.persons_informed": True}, "NOT_REQUIRED"),
    ("eu-50-2-mark", PROVIDER, {"system.ephemeral_realtime": True}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER, {"output.generated_at": "2026-08-01"}, "NOT_REQUIRED"),
    ("eu-50-2-mark", PROVIDER, {"output.generated_at": "2026-08-02"}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"output.generated_at": "2026-07-01", "output.last_ai_change_at": "2026-08-02"}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": "2026-08-01", "assessment_date": "2026-12-01"}, "DEFERRED"),
    ("eu-50-2-mark", PROVIDER, {"system.placed_on_market": "2026-08-01"}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": "2026-08-01", "output.generated_at": "2026-12-01"},
     "NOT_REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": "2026-08-01", "output.generated_at": "2026-12-01",
      "output.last_ai_change_at": "2026-12-02"}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": ..., "system.put_into_service": "2026-08-01",
      "assessment_date": "2026-12-01"}, "NEEDS_JUDGEMENT"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": ..., "system.put_into_service": "2026-08-01"}, "REQUIRED"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": ..., "system.put_into_service": "2026-08-01",
      "output.generated_at": "2026-12-01"}, "NEEDS_JUDGEMENT"),
    ("eu-50-2-mark", PROVIDER,
     {"system.placed_on_market": ..., "system.put_into_service": "2026-08-01",
      "assessment_date": "2026-08-01"}, "DEFERRED"),
    ("eu-50-2-mark", PROVIDER, {"system.placed_on_market": ...}, "REQUIRED"),
    # --- the Code
    ("code-1-1-watermark", PROVIDER, {}, "REQUIRED"),
    ("code-1-1-watermark", PROVIDER, {"system.closed_physical_no_export": True}, "NOT_REQUIRED"),
    ("code-1-1-signed-metadata", PROVIDER, {"system.closed_physical_no_export": True}, "REQUIRED"),
    ("code-1-2-preserve", PROVIDER, {"output.operation": "crop"}, "EXEMPT"),
    ("code-2-1-detector", PROVIDER, {"eu_nexus": False}, "OUT_OF_SCOPE"),
    ("code-3-4-interoperability", PROVIDER, {}, "DEFERRED"),
    ("code-3-4-interoperability", PROVIDER, {"assessment_date": "2027-02-02"}, "REQUIRED"),
    ("code-3-4-interoperability", PROVIDER, {"actor.roles": ["deployer"]}, "NOT_REQUIRED"),
    # --- Art. 50(3)
    ("eu-50-3-notice", DEEPFAKE, {"system.emotion_recognition": True}, "REQUIRED"),
    ("eu-50-3-notice", DEEPFAKE, {"system.biometric_categorisation": True}, "REQUIRED"),
    ("eu-50-3-notice", DEEPFAKE, {"system.emotion_recognition": False}, "NEEDS_JUDGEMENT"),
    ("eu-50-3-notice", DEEPFAKE,
     {"system.emotion_recognition": False, "system.biometric_categorisation": False},
     "NOT_REQUIRED"),
    ("eu-50-3-notice", DEEPFAKE,
     {"system.emotion_recognition": True, "actor.personal_nonprofessional": True},
     "NOT_REQUIRED"),
    ("eu-50-3-notice", DEEPFAKE,
     {"system.emotion_recognition": True, "law_enforcement.authorised": True,
      "law_enforcement.safeguards": True}, "EXEMPT"),
    ("eu-50-3-notice", DEEPFAKE,
     {"system.emotion_recognition": True, "law_enforcement.authorised": True}, "REQUIRED"),
    # --- Art. 50(4), deep fakes
    ("eu-50-4-deepfake", DEEPFAKE, {}, "REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"actor.personal_nonprofessional": ...}, "REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"actor.personal_nonprofessional": True}, "NOT_REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"deepfake.resembles": False}, "NOT_REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"deepfake.plausible": None}, "NEEDS_JUDGEMENT"),
    ("eu-50-4-deepfake", DEEPFAKE, {"deepfake.insignificant": True}, "NOT_REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"output.modality": "text"}, "NOT_REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"output.generated_at": "2026-08-01"}, "NOT_REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"law_enforcement.authorised": True}, "EXEMPT"),
    ("eu-50-4-deepfake", DEEPFAKE,
     {"work.evidently_artistic": True, "work.informative_or_commercial": False}, "LIMITED_FORM"),
    ("eu-50-4-deepfake", DEEPFAKE,
     {"work.evidently_artistic": True, "work.informative_or_commercial": True}, "REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"work.evidently_artistic": True}, "REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE,
     {"output.operation": "crop", "review.editorial_control": True,
      "review.responsible_party": "A"}, "REQUIRED"),
    ("eu-50-4-deepfake", DEEPFAKE, {"assessment_date": "2026-08-01"}, "DEFERRED"),
    # --- Art. 50(4), text
    ("eu-50-4-text", ARTICLE, {}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"text.published": False}, "NOT_REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"text.informs": None}, "NEEDS_JUDGEMENT"),
    ("eu-50-4-text", ARTICLE, {"actor.personal_nonprofessional": True}, "NOT_REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"law_enforcement.authorised": True}, "EXEMPT"),
    ("eu-50-4-text", ARTICLE, {"review": REVIEW}, "EXEMPT"),
    ("eu-50-4-text", ARTICLE, {"review": REVIEW, "text.public_interest": None}, "EXEMPT"),
    ("eu-50-4-text", ARTICLE, {"review": {**REVIEW, "fact_checked": False}}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE,
     {"review": {**REVIEW, "fact_checked": False, "editorial_control": True}}, "EXEMPT"),
    ("eu-50-4-text", ARTICLE, {"review": {**REVIEW, "responsible_party": " "}}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"review": {**REVIEW, "ai_change_after_signoff": None}}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"review": {**REVIEW, "ai_change_after_signoff": True}}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE,
     {"output.generated_at": "2026-07-01", "text.published_at": "2026-07-02"}, "NOT_REQUIRED"),
    ("eu-50-4-text", ARTICLE,
     {"output.generated_at": "2026-07-01", "text.published_at": "2026-08-02"}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"output.operation": "grammar_fix"}, "NOT_REQUIRED"),
    ("eu-50-4-text", ARTICLE, {"output.operation": "translation"}, "REQUIRED"),
    ("eu-50-4-text", ARTICLE,
     {"output.operation": "grammar_fix", "output.material_change": True}, "REQUIRED"),
    # --- Art. 50(5)
    ("eu-50-5-manner", ARTICLE, {}, "REQUIRED"),
    ("eu-50-5-manner", DEEPFAKE,
     {"work.evidently_artistic": True, "work.informative_or_commercial": False}, "REQUIRED"),
    ("eu-50-5-manner", ARTICLE, {"assessment_date": "2026-08-01"}, "NEEDS_JUDGEMENT"),
    ("eu-50-5-manner", ARTICLE,
     {"assessment_date": "2026-08-01", "system.emotion_recognition": False,
      "system.biometric_categorisation": False}, "DEFERRED"),
    ("eu-50-5-manner", PROVIDER, {"system.interacts_directly": False}, "NOT_REQUIRED"),
    ("eu-50-5-manner", ARTICLE, {"eu_nexus": False}, "OUT_OF_SCOPE"),
    # --- elsewhere
    ("us-ca-22757-latent", PROVIDER, {"system.publicly_accessible_in_california": True},
     "REQUIRED"),
    ("us-ca-22757-latent", PROVIDER, {"system.publicly_accessible_in_california": False},
     "NOT_REQUIRED"),
    ("us-ca-22757-latent", PROVIDER,
     {"system.publicly_accessible_in_california": True, "output.modality": "text"},
     "NOT_REQUIRED"),
    ("us-ca-22757-latent", PROVIDER,
     {"system.publicly_accessible_in_california": True, "output.operation": "crop"}, "EXEMPT"),
    ("us-ca-22757-latent", PROVIDER,
     {"system.publicly_accessible_in_california": True, "output.operation": "red_eye_removal"},
     "REQUIRED"),
    ("us-ca-22757-latent", PROVIDER,
     {"system.publicly_accessible_in_california": True, "assessment_date": "2026-09-29"},
     "NEEDS_JUDGEMENT"),
    ("us-ca-22757-platform", PROVIDER,
     {"actor.roles": ["platform"], "actor.large_online_platform_california": True}, "DEFERRED"),
    ("us-ca-22757-platform", PROVIDER,
     {"actor.roles": ["platform"], "actor.large_online_platform_california": True,
      "assessment_date": "2027-01-01"}, "REQUIRED"),
    ("us-ca-22757-platform", PROVIDER, {}, "NOT_REQUIRED"),
    ("cn-gb45438-explicit", PROVIDER, {"system.generates_for_china": True}, "REQUIRED"),
    ("cn-gb45438-implicit", PROVIDER, {"system.generates_for_china": True}, "REQUIRED"),
    ("cn-gb45438-implicit", PROVIDER, {"system.generates_for_china": False}, "NOT_REQUIRED"),
    ("cn-gb45438-explicit", PROVIDER,
     {"system.generates_for_china": True, "assessment_date": "2025-08-31"}, "DEFERRED"),
    ("in-it-rules-label", PROVIDER,
     {"system.generates_for_india": True, "deepfake.resembles": True,
      "deepfake.false_appearance": True}, "REQUIRED"),
    ("in-it-rules-metadata", PROVIDER,
     {"system.generates_for_india": True, "deepfake.resembles": True,
      "deepfake.false_appearance": True, "output.operation": "denoise"}, "EXEMPT"),
    ("in-it-rules-label", PROVIDER,
     {"system.generates_for_india": True, "deepfake.resembles": True}, "NEEDS_JUDGEMENT"),
    ("in-it-rules-label", PROVIDER, {"system.generates_for_india": False}, "NOT_REQUIRED"),
]  # fmt: skip


@pytest.mark.parametrize(("obligation", "base", "changes", "expected"), ROWS)
def test_row(obligation, base, changes, expected):
    assert status(obligation, base, **changes) == expected


@pytest.mark.parametrize(
    ("form", "tokens", "metadata", "watermark"),
    [
        ("containerised", 200, "REQUIRED", "REQUIRED"),
        ("containerised", 199, "REQUIRED", "NOT_REQUIRED"),
        ("free_form", 200, "NOT_REQUIRED", "REQUIRED"),
        ("free_form", 199, "NOT_REQUIRED", "NOT_REQUIRED"),
        (None, 500, "NEEDS_JUDGEMENT", "REQUIRED"),
        ("free_form", None, "NOT_REQUIRED", "NEEDS_JUDGEMENT"),
    ],
)
def test_layers_of_text(form, tokens, metadata, watermark):
    changes = {"output.modality": "text", "output.text_form": form, "output.tokens": tokens}
    answer = assess(changed(PROVIDER, **changes))
    assert answer.obligation("code-1-1-signed-metadata").status == metadata
    assert answer.obligation("code-1-1-watermark").status == watermark


def test_several_kinds_of_content_need_the_layers_of_all():
    facts = changed(PROVIDER, **{"output": ..., "system.generates": ["text", "audio"]})
    marks = assess(facts).obligation("eu-50-2-mark").marks
    assert marks == ("c2pa", "watermark:text", "watermark:audio")


def test_free_form_short_text_has_no_gap():
    facts = changed(
        PROVIDER,
        **{"output.modality": "text", "output.text_form": "free_form", "output.tokens": 50},
    )
    assert {gap.id: gap.status for gap in assess(facts).gaps} == {
        "eu-50-2-mark": "MET", "eu-50-2-detect": "MET", "code-2-1-detector": "MET",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "met"),
    [
        ({"watermark": True, "audio_watermark": True}, True),
        ({"watermark": True}, False),
        ({"audio_watermark": True}, False),
        ({}, False),
    ],
)
def test_a_film_needs_a_watermark_in_each_synthetic_track(marks, met):
    facts = changed(PROVIDER, **{"output.modality": "video", "marks": marks})
    gaps = {gap.id: gap.status.value for gap in assess(facts).gaps}
    assert gaps["code-1-1-watermark"] == ("MET" if met else "NOT_MET")


@pytest.mark.parametrize(
    ("base", "changes", "where", "met"),
    [
        (DEEPFAKE, {}, ["content_start"], True),
        (DEEPFAKE, {}, ["adjacent"], False),
        (DEEPFAKE, {}, ["metadata_only", "footer", "terms_of_use", "credits"], False),
        (DEEPFAKE, {}, None, False),
        (DEEPFAKE, {"channel.closed_internal": True}, ["adjacent"], True),
        (DEEPFAKE, {"work": {"evidently_artistic": True, "informative_or_commercial": False}},
         ["credits"], True),
        (ARTICLE, {}, ["content_top"], True),
        (PROVIDER, {"system.interacts_directly": True}, ["adjacent"], True),
        (PROVIDER, {"system.interacts_directly": True}, ["credits"], False),
        (DEEPFAKE, {"actor.roles": ["deployer", "provider"], "system.interacts_directly": True},
         ["adjacent"], False),
    ],
)  # fmt: skip
def test_manner(base, changes, where, met):
    facts = changed(base, **changes, label={"where": where})
    gaps = {gap.id: gap.status.value for gap in assess(facts).gaps}
    assert gaps["eu-50-5-manner"] == ("MET" if met else "NOT_MET")


def test_a_prohibition_leaves_the_other_answers_and_takes_their_means():
    facts = changed(PROVIDER, **{"prohibited_content.csam": True})
    answer = assess(facts)
    assert answer.obligation("eu-50-2-mark").status == "REQUIRED"
    assert all(each.marks == each.labels == () for each in answer.obligations)


def test_labels_follow_the_channel():
    live = assess(changed(DEEPFAKE, **{"channel.live": True}))
    assert "label:visible:throughout" in live.obligation("eu-50-4-deepfake").labels
    visual = assess(changed(DEEPFAKE, **{"output.synthetic_tracks": ["visual"]}))
    assert visual.obligation("eu-50-4-deepfake").labels == ("label:visible:start+interval",)


def test_the_code_binds_signatories_alone():
    signed = assess(changed(PROVIDER, **{"actor.code_sections_signed": [1]}))
    assert "Binding: Section 1" in signed.obligation("code-1-1-watermark").explanation
    other = assess(changed(PROVIDER, **{"actor.code_sections_signed": [2]}))
    assert "gap analysis" in other.obligation("code-1-1-watermark").explanation
