import json
import tomllib
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import PolicyError
from labeler.gaps.inquiry import Answers
from labeler.gaps.question import Kind
from labeler.gaps.questions import QUESTIONS
from labeler.policy import assess, parse_facts
from labeler.policy.operations import OPERATIONS

START = Answers(assessment_date=date(2026, 12, 10))
BY_KEY = {question.key: question for question in QUESTIONS}
DEPLOYER = {"eu_nexus": True, "actor.roles": ("deployer",), "output.modality": "image"}
PROVIDER = DEPLOYER | {
    "actor.roles": ("provider",),
    "output.kind": "content",
    "output.new_content": True,
}


def interview(answers, otherwise=False):
    """Everything that is asked, answered from ``answers``, else yes-no questions likewise."""
    state = START
    while (question := state.next_question()) is not None:
        fallback = otherwise if question.kind is Kind.TRI else None
        state = state.answer(question, answers.get(question.key, fallback))
    return state, [key for key, _ in state.given]


def test_each_question_is_for_a_fact_that_there_is():
    assert len(BY_KEY) == len(QUESTIONS)
    for question in QUESTIONS:
        for value in question.trials:
            START.answer(question, value)  # parses
        assert question.asks[0].isupper()
        assert question.asks.endswith(("?", ")"))
    offered = {choice.value for choice in BY_KEY["output.operation"].choices}
    assert offered == OPERATIONS


def test_every_fact_that_decides_has_a_question():
    missing = {key for each in assess({"assessment_date": "2026-12-10"}).obligations
               for key in each.missing_facts}  # fmt: skip
    assert missing - {"system.generates"} <= BY_KEY.keys()


def test_outside_the_union_only_other_laws_are_asked_about():
    _, asked = interview({"eu_nexus": False, "actor.roles": ("provider",)})
    assert asked[0] == "eu_nexus"
    assert not {key for key in asked if key.startswith(("exclusions", "text", "review", "marks"))}
    assert "system.generates_for_china" in asked


def test_a_deployer_of_pictures_is_not_asked_about_text_or_marks():
    _, asked = interview(DEPLOYER)
    assert "deepfake.resembles" in asked
    # One criterion of a deep fake is denied: the others are of no interest.
    assert "deepfake.plausible" not in asked
    assert not {key for key in asked if key.startswith(("text.", "review.", "marks.", "work."))}
    assert "output.tokens" not in asked


def test_reliefs_that_hold_together_are_asked_until_one_is_denied():
    _, asked = interview(PROVIDER)
    assert "system.b2b_strictly_technical" in asked
    assert "system.b2b_limited_insiders" not in asked
    _, asked = interview(PROVIDER | {"system.b2b_strictly_technical": True})
    assert "system.b2b_limited_insiders" in asked
    assert "system.b2b_no_external_sharing" not in asked


def test_an_article_leads_to_the_questions_of_the_editorial_exemption():
    text = DEPLOYER | {"output.modality": "text"}
    _, asked = interview(text, otherwise=False)
    assert "review.human_substantive" not in asked
    yes = {f"text.{name}": True for name in ("published", "informs", "public_interest")}
    reviewed = {"review.human_substantive": True, "review.fact_checked": True}
    answers, asked = interview(text | yes | reviewed | {"review.responsible_party": "A publisher"})
    assert "review.ai_change_after_signoff" in asked
    assert assess(answers.facts()).obligation("eu-50-4-text").status.value == "EXEMPT"


def test_a_prohibition_ends_the_questions():
    bad = DEPLOYER | {"prohibited_content.intimate_without_consent": True}
    _, asked = interview(bad)
    assert asked[-1] == "prohibited_content.intimate_without_consent"


def test_what_lifts_a_ban_is_asked_before_the_end():
    emotions = {"system.emotion_recognition": True, "system.workplace_or_education": True}
    _, asked = interview(DEPLOYER | emotions)
    assert asked[-1] == "system.medical_or_safety"
    _, asked = interview(DEPLOYER | emotions | {"system.medical_or_safety": True})
    assert "deepfake.resembles" in asked


def test_a_deep_fake_is_found_as_by_its_facts():
    fake = {f"deepfake.{name}": True for name in ("resembles", "plausible", "false_appearance")}
    answers, asked = interview(DEPLOYER | fake)
    assert assess(answers.facts()).obligation("eu-50-4-deepfake").status.value == "REQUIRED"
    assert "label.where" in asked


def test_whoever_knows_nothing_comes_to_an_end():
    answers, asked = interview({}, otherwise=None)
    assert len(set(asked)) == len(asked) <= len(QUESTIONS)
    assert answers.facts() == parse_facts({"assessment_date": "2026-12-10"})


def test_contradictions_are_refused_and_leave_the_answers_alone():
    state = START.answer(BY_KEY["output.generated_at"], "2026-10-01")
    with pytest.raises(PolicyError, match="last_ai_change_at"):
        state.answer(BY_KEY["output.last_ai_change_at"], "2026-09-30")
    corrected = state.answer(BY_KEY["output.generated_at"], "2026-09-01")
    assert corrected.given == (("output.generated_at", "2026-09-01"),)


def questions_and_answers():
    def answers(question):
        if question.kind is Kind.TEXT:
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        if question.kind is Kind.CHOICES:
            values = [choice.value for choice in question.choices]
            return st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)
        return st.sampled_from(question.trials)

    known = [each for each in QUESTIONS if each.kind is not Kind.DATE]
    return st.lists(
        st.sampled_from(known).flatmap(lambda q: st.tuples(st.just(q), answers(q))), max_size=12
    )


@settings(max_examples=60, deadline=None)
@given(questions_and_answers())
def test_saved_facts_are_the_facts(pairs):
    state = START
    for question, value in pairs:
        try:
            state = state.answer(question, value)
        except PolicyError:  # text_form and another modality
            continue
    facts = state.facts()
    assert parse_facts(json.loads(state.to_json())) == facts
    assert parse_facts(tomllib.loads(state.to_toml())) == facts


def outcome(answers):
    found = assess(answers.facts())
    obligations = [(each.id, each.status, each.marks, each.labels) for each in found.obligations]
    return obligations, [(gap.id, gap.status) for gap in found.gaps], found.warnings


def outcomes_of(question, answers):
    for value in question.trials:
        try:
            yield outcome(answers.answer(question, value))
        except PolicyError:  # it contradicts what is known
            continue


@pytest.mark.parametrize("seed", range(8))
def test_what_was_not_asked_could_not_have_changed_the_outcome(seed):
    random = Random(seed)
    state = START
    while (question := state.next_question()) is not None:
        gate = question.key == "eu_nexus" or question.group in {"excluded", "prohibited"}
        value = question.key == "eu_nexus" if gate else random.choice((*question.trials, None))
        try:
            state = state.answer(question, value)
        except PolicyError:
            state = state.answer(question, None)
    asked = {key for key, _ in state.given}
    # After a ban, only what it rests on is of interest.
    last = BY_KEY[state.given[-1][0]].group if assess(state.facts()).prohibited else None
    for question in QUESTIONS:
        if question.key not in asked and last in {None, question.group}:
            different = list(outcomes_of(question, state))
            assert all(each == different[0] for each in different), question.key
