"""The history of a file on the page: a tree that anyone can read, whatever a report holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.report import Conclusion, Finding, Presence, Report, Technique
from detectors.results import Detector, VerificationResult
from detectors.service.history import Step, history_of
from detectors.service.words import LANGUAGES, words_in
from labeler.credentials.ingredients import DEEPEST, MOST
from tests.credentials.pictures import picture
from tests.service.trees import TreeOf, made_from

ENGLISH = words_in("en")


def credential(presence=Presence.PRESENT, **detail) -> Finding:
    return Finding(technique=Technique.CREDENTIAL, presence=presence, detail=detail)


def ingredient(**members):
    return {"relationship": "componentOf", "title": "a.png", "integrity": "intact", **members}


def all_of(step: Step, level: int = 0):
    yield level, step
    for each in step.steps:
        yield from all_of(each, level + 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_made_from_others_shows_what_from(service, layered, language):
    words = words_in(language)
    answer = service.ask(layered, "layered.png", language)
    assert answer.status_code == 200
    tree = TreeOf(answer.text)
    assert [(level, title) for level, title, _ in tree.items] == [
        (1, words("history.this")),
        (2, "Collage"),
        (3, "stamped.png"),
        (3, "photo.png"),
        (2, words("history.unnamed")),
    ]
    assert words("relation.parentOf") in tree.items[1][2]
    assert words("state.intact") in tree.items[2][2]
    assert words("state.none") in tree.items[3][2]
    # The first thing that ever was done, three levels down.
    assert words("action.created") in answer.text
    assert "Scissors 3" in answer.text


def test_what_was_changed_is_told_where_it_lies(service, identity, marked):
    at = marked.rindex(b"IDAT") + 400
    broken = marked[:at] + bytes([marked[at] ^ 1]) + marked[at + 1 :]
    data = made_from(identity, ("fine.png", "parentOf", marked), ("bad.png", "componentOf", broken))
    answer = service.ask(data, "a.png")
    told = {title: state for _, title, state in TreeOf(answer.text).items}
    assert ENGLISH("state.tampered") in told["bad.png"]
    assert ENGLISH("state.intact") in told["fine.png"]
    assert "assertion.dataHash.mismatch" in answer.text
    assert ENGLISH("conclusion.tampered") in answer.text


def test_markup_in_titles_is_text(service, identity, marked):
    title = "<b onclick=alert(1)>\N{RIGHT-TO-LEFT OVERRIDE}gnp.b"
    answer = service.ask(made_from(identity, (title, "parentOf", marked)), "a.png")
    assert "<b onclick" not in answer.text
    page = answer.text.partition('<ul class="tree"')[2].partition("</section>")[0]
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page
    assert "&lt;b onclick" in page


def test_a_file_without_a_credential_has_no_history(service, unmarked):
    assert '<ul class="tree"' not in service.ask(unmarked, "a.png").text
    assert history_of(credential(Presence.ABSENT), ENGLISH) is None
    assert history_of(credential(Presence.INCONCLUSIVE, integrity="damaged"), ENGLISH) is None


def test_known_words_are_used_and_others_told_as_they_are():
    actions = [
        {"action": "c2pa.color_adjustments", "software_agent": "Lamp 2", "when": "2026-05-01T10"},
        {"action": "com.example.sprinkled"},
        {"action": 7},
        {},
    ]
    root = history_of(
        credential(
            integrity="intact",
            actions=actions,
            ingredients=[ingredient(relationship="cousinOf", failures=["a.code"], integrity=None)],
            ingredients_omitted=3,
        ),
        ENGLISH,
    )
    assert root.actions == (
        "colours changed \N{EN DASH} Lamp 2 \N{EN DASH} 2026-05-01",
        "com.example.sprinkled",
    )
    assert (root.state, root.told) == ("intact", ENGLISH("value.integrity.intact"))
    (step,) = root.steps
    assert (step.relation, step.state) == (ENGLISH("relation.other"), "none")
    assert [(each.name, each.told) for each in step.facts] == [("Status codes", "a.code")]
    assert root.omitted == 3


def test_a_tree_of_a_worker_that_was_taken_over_is_cut_again():
    deep: list = []
    for _ in range(50):
        deep = [ingredient(ingredients=deep)]
    root = history_of(credential(integrity="intact", ingredients=deep), ENGLISH)
    levels = [level for level, _ in all_of(root)]
    assert max(levels) == DEEPEST
    wide = [ingredient(ingredients=[ingredient()] * 50)] * 5000
    root = history_of(credential(integrity="intact", ingredients=wide), ENGLISH)
    assert sum(1 for _ in all_of(root)) == 1 + MOST
    assert root.omitted == 5000 - MOST


def test_the_deepest_tree_can_be_signed_and_read_again():
    action = {"action": "c2pa.edited", "digital_source_type": "x", "when": None}
    deep: list = []
    for _ in range(DEEPEST):
        deep = [ingredient(ingredients=deep, actions=[action], failures=["a.code"])]
    report = Report(
        file="a.png", sha256="0" * 64, media_type="image/png", conclusion=Conclusion.MARKED,
        origin=None, findings=(credential(integrity="intact", ingredients=deep),),
    )  # fmt: skip
    detector = Detector(name="Labeler", version="1")
    result = VerificationResult.of(report, detector=detector, checked_at=datetime.now(UTC))
    assert VerificationResult.from_json(result.to_json()).report == report


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ingredients",
                    "ingredients_omitted",
                    "title",
                    "relationship",
                    "integrity",
                    "actions",
                    "action",
                    "when",
                    "software_agent",
                    "digital_source_type",
                    "signer",
                    "failures",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(detail=st.dictionaries(st.sampled_from(["ingredients", "actions", "integrity"]), values))
def test_a_detail_may_be_anything(detail):
    root = history_of(credential(**detail), words_in("fr"))
    for _, step in all_of(root):
        told = [step.title, step.relation, step.told, *step.actions]
        told += [part for fact in step.facts for part in (fact.name, fact.told)]
        assert all(isinstance(each, str) and each.isprintable() for each in told)
        assert step.omitted >= 0


@pytest.fixture(scope="module")
def layered(identity, marked) -> bytes:
    """A picture of three generations."""
    middle = made_from(
        identity, ("stamped.png", "parentOf", marked), ("photo.png", "componentOf", picture(seed=9))
    )
    return made_from(identity, ("Collage", "parentOf", middle), ("", "componentOf", picture()))
