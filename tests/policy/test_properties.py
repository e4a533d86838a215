"""What holds for all facts: unknown never relaxes, and dates matter where the law names them."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.policy import assess
from labeler.policy.facts import Modality, OutputKind, Role, TextForm
from labeler.policy.operations import EXEMPT_OPERATIONS, OPERATIONS

TRI = st.sampled_from([True, False, None])
DAYS = st.dates(date(2025, 1, 1), date(2027, 6, 1))
NAMED = {
    date(2025, 2, 2), date(2025, 9, 1), date(2026, 2, 20), date(2026, 8, 2), date(2026, 9, 30),
    date(2026, 12, 2), date(2027, 1, 1), date(2027, 2, 2),
}  # fmt: skip

TRI_KEYS = {
    "actor": ["personal_nonprofessional", "large_online_platform_california"],
    "exclusions": ["military", "sole_scientific_rd", "premarket_test"],
    "law_enforcement": ["authorised", "safeguards", "public_reporting_channel"],
    "prohibited_content": ["intimate_without_consent", "csam"],
    "system": [
        "interacts_directly", "obvious", "vulnerable_audience", "agent",
        "closed_physical_no_export", "b2b_strictly_technical", "b2b_limited_insiders",
        "b2b_no_external_sharing", "ephemeral_realtime", "marking_infeasible", "persons_informed",
        "emotion_recognition", "biometric_categorisation", "workplace_or_education",
        "medical_or_safety", "publicly_accessible_in_california", "generates_for_china",
        "generates_for_india",
    ],
    "output": ["new_content", "material_change"],
    "deepfake": ["resembles", "plausible", "false_appearance", "insignificant"],
    "work": ["evidently_artistic", "informative_or_commercial"],
    "text": ["published", "informs", "public_interest"],
    "review": [
        "human_substantive", "fact_checked", "editorial_control", "ai_change_after_signoff",
    ],
}  # fmt: skip
STRICTER = {
    "OUT_OF_SCOPE": 0, "NOT_REQUIRED": 0, "EXEMPT": 0, "LIMITED_FORM": 1,
    "DEFERRED": 1, "NEEDS_JUDGEMENT": 1, "REQUIRED": 2, "PROHIBITED": 2,
}  # fmt: skip


@st.composite
def facts(draw):
    kind = st.sampled_from([each.value for each in OutputKind])
    modality = draw(st.sampled_from([each.value for each in Modality]))
    generated = draw(DAYS)
    tables = {
        table: {key: draw(TRI) for key in keys if draw(st.booleans())}
        for table, keys in TRI_KEYS.items()
    }
    tables["actor"]["roles"] = draw(st.lists(st.sampled_from([each.value for each in Role])))
    tables["system"] |= {
        "placed_on_market": draw(st.none() | DAYS),
        "put_into_service": draw(st.none() | DAYS),
    }
    tables["output"] |= {
        "kind": draw(st.just("content") | kind),
        "modality": modality,
        "operation": draw(st.none() | st.sampled_from(sorted(OPERATIONS))),
        "generated_at": generated,
        "last_ai_change_at": draw(st.none() | st.dates(generated, date(2027, 6, 2))),
    }
    if modality == "text":
        tables["output"] |= {
            "text_form": draw(st.sampled_from([each.value for each in TextForm])),
            "tokens": draw(st.integers(0, 400)),
        }
    if draw(st.booleans()):
        tables["review"]["responsible_party"] = "Example"
    return {
        "assessment_date": draw(DAYS),
        "eu_nexus": draw(st.just(True) | TRI),
        **tables,
    }


def _statuses(members):
    return {each.id: each.status.value for each in assess(members).obligations}


def _without(members, table, key):
    if table is None:
        return {**members, key: None}
    return {**members, table: {**members[table], key: None}}


@settings(max_examples=150, deadline=None)
@given(facts(), st.data())
def test_making_a_fact_unknown_never_relaxes_an_answer(members, data):
    keys = [(None, "eu_nexus")] + [
        (table, key)
        for table, names in TRI_KEYS.items()
        for key in names
        if table != "prohibited_content" and members[table].get(key) is not None
    ]
    table, key = data.draw(st.sampled_from(keys))
    if table == "output" and members["output"]["operation"] in EXEMPT_OPERATIONS:
        return  # beside an exempt operation, what is not said to be new is not
    before, after = _statuses(members), _statuses(_without(members, table, key))
    for obligation, status in before.items():
        if STRICTER[status]:
            # From due to "a person has to judge" is no relief; to anything lighter would be.
            assert STRICTER[after[obligation]] >= 1, (obligation, status, after[obligation], key)


@settings(max_examples=150, deadline=None)
@given(facts(), DAYS)
def test_the_day_matters_only_where_the_law_names_it(members, day):
    if day in NAMED:
        return
    before = {**members, "assessment_date": day - timedelta(days=1)}
    assert _statuses(before) == _statuses({**members, "assessment_date": day})


@pytest.mark.parametrize("day", sorted(NAMED))
def test_each_named_day_moves_something(day):
    members = {
        "eu_nexus": True,
        "actor": {
            "roles": ["provider", "deployer", "platform"],
            "large_online_platform_california": True,
        },
        "system": {
            "interacts_directly": True, "generates": ["image"], "generates_for_china": True,
            "generates_for_india": True, "publicly_accessible_in_california": True,
            "emotion_recognition": True, "workplace_or_education": True,
            "placed_on_market": "2026-03-01",
        },
        "deepfake": {"resembles": True, "plausible": True, "false_appearance": True},
    }  # fmt: skip
    before = _statuses({**members, "assessment_date": day - timedelta(days=1)})
    assert before != _statuses({**members, "assessment_date": day})
