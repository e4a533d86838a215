"""Facts files: what is misspelt or contradictory is an error that names the key."""

import json

import pytest

from labeler.errors import PolicyError
from labeler.policy import assess, explain, parse_facts, read_facts
from tests.policy.facts import ARTICLE, DEEPFAKE, PROVIDER, REVIEW, changed


@pytest.mark.parametrize(
    ("base", "changes", "named"),
    [
        (PROVIDER, {"assessment_date": ...}, "assessment_date"),
        (PROVIDER, {"assessment_date": "21/11/2026"}, "assessment_date"),
        (PROVIDER, {"eu_nexsus": True}, "eu_nexsus"),
        (PROVIDER, {"output.modalitty": "image"}, "output.modalitty"),
        (PROVIDER, {"output.modality": "picture"}, "output.modality"),
        (PROVIDER, {"output.operation": "genrate"}, "output.operation"),
        (PROVIDER, {"output.declared_source_type": "aiMedia"}, "output.declared_source_type"),
        (PROVIDER, {"actor.roles": ["providr"]}, "actor.roles"),
        (PROVIDER, {"actor.roles": "provider"}, "actor.roles"),
        (PROVIDER, {"actor.code_sections_signed": [3]}, "actor.code_sections_signed"),
        (PROVIDER, {"eu_nexus": "yes"}, "eu_nexus"),
        (PROVIDER, {"eu_nexus": 1}, "eu_nexus"),
        (PROVIDER, {"output.tokens": True}, "output.tokens"),
        (PROVIDER, {"output.tokens": -1}, "output.tokens"),
        (PROVIDER, {"output.text_form": "free_form"}, "output.text_form"),
        (PROVIDER, {"output.last_ai_change_at": "2026-12-01"}, "output.last_ai_change_at"),
        (ARTICLE, {"text.published_at": "2026-12-01"}, "text.published_at"),
        (ARTICLE, {"review.human": True}, "review.human"),
        (DEEPFAKE, {"work.satire": True}, "work.satire"),
        (DEEPFAKE, {"exclusions.army": True}, "exclusions.army"),
        (DEEPFAKE, {"review.responsible_party": 7}, "review.responsible_party"),
        (DEEPFAKE, {"output": []}, "output"),
    ],
)
def test_errors_name_the_key(base, changes, named):
    with pytest.raises(PolicyError) as caught:
        parse_facts(changed(base, **changes))
    assert named in caught.value.problem


def test_a_misspelling_is_answered_with_what_was_meant():
    with pytest.raises(PolicyError) as caught:
        parse_facts(changed(PROVIDER, **{"output.modalitty": "image"}))
    assert "output.modality" in str(caught.value)


def test_toml_and_json_say_the_same(tmp_path):
    toml, plain = tmp_path / "facts.toml", tmp_path / "facts.json"
    toml.write_text(
        'assessment_date = 2026-12-10\neu_nexus = true\n[actor]\nroles = ["deployer"]\n'
    )
    plain.write_text(
        json.dumps(
            {
                "assessment_date": "2026-12-10",
                "eu_nexus": True,
                "actor": {"roles": ["deployer"], "size": None},
            }
        )
    )
    assert read_facts(toml) == read_facts(plain)


@pytest.mark.parametrize(
    ("name", "text"),
    [("f.json", "{"), ("f.toml", "= 3"), ("f.json", "[]"), ("f.json", '{"a": 1, "a": 2}')],
)
def test_a_broken_file_is_one_error_that_names_it(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(PolicyError) as caught:
        read_facts(file)
    assert caught.value.file == str(file)


def test_a_missing_file_is_one_error(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        read_facts(tmp_path / "none.toml")


def test_warnings():
    unasked = assess(PROVIDER).warnings
    assert any("prohibited_content" in each for each in unasked)
    declared = assess(changed(PROVIDER, **{"output.declared_source_type": "digitalCapture"}))
    assert any("declared_source_type" in each for each in declared.warnings)
    hidden = assess(changed(ARTICLE, review={**REVIEW, "contact_public": None}))
    assert any("contact_public" in each for each in hidden.warnings)
    assert not any(
        "contact_public" in each for each in assess(changed(ARTICLE, review=REVIEW)).warnings
    )
    banned = assess(
        changed(PROVIDER, **{"prohibited_content.csam": True, "assessment_date": "2026-11-21"})
    )
    assert any("criminal law" in each for each in banned.warnings)


def test_the_answer_as_json_and_in_words():
    answer = assess(PROVIDER)
    members = json.loads(answer.to_json())
    first = members["obligations"][0]
    assert set(first) >= {"id", "status", "addressee", "basis", "layer", "applies_from", "marks",
                          "labels", "missing_facts", "explanation"}  # fmt: skip
    assert {each["layer"] for each in members["obligations"]} == {"statute", "code"}
    assert all(basis["grade"] for each in members["obligations"] for basis in each["basis"])
    words = explain(answer)
    assert all(each.id in words for each in answer.obligations)
    assert "no legal advice" in words


def test_the_decision_is_named_by_its_content():
    assert assess(PROVIDER).decision_id == assess(PROVIDER).decision_id
    other = changed(PROVIDER, eu_nexus=None)
    assert assess(PROVIDER).decision_id != assess(other).decision_id


def test_who_is_responsible_stays_out_of_the_answer():
    facts = changed(ARTICLE, review={**REVIEW, "responsible_party": "Jane Roe of Example"})
    assert "Jane Roe" not in assess(facts).to_json() + repr(parse_facts(facts))
