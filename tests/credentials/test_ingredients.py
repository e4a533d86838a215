"""What a content was made from, as a tree: real stores, and reports that nobody would write."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler.credentials import History, Integrity, Parent, TrustStore, read, sign
from labeler.credentials._report import tampering
from labeler.credentials.ingredients import DEEPEST, MOST, ingredients_of
from labeler.media.media_type import MediaType
from tests.credentials.collages import collage
from tests.credentials.pictures import picture

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@pytest.fixture(scope="module")
def generated(definition, identity):
    return sign(picture(), MediaType.PNG, definition, identity).data


@pytest.fixture(scope="module")
def broken(generated):
    at = generated.rindex(b"IDAT") + 60
    return generated[:at] + bytes([generated[at] ^ 1]) + generated[at + 1 :]


def test_the_tree_has_every_level_and_every_kind_of_ingredient(
    generated, broken, child_definition, identity, trust
):
    middle = collage(
        [
            ("base.png", "parentOf", "image/png", generated),
            ("changed.png", "componentOf", "image/png", broken),
            ("photo.png", "componentOf", "image/png", picture(seed=9)),
            ("Prompt", "inputTo", "text/plain", b"a cat"),
        ],
        identity,
    )
    data = sign(
        picture(size=64), MediaType.PNG, child_definition, identity,
        parent=Parent(data=middle, media_type=MediaType.PNG), force_invalid_parent=True,
    ).data  # fmt: skip
    reading = read(data, MediaType.PNG, trust=trust)
    (first,) = reading.ingredients.listed
    assert reading.ingredients.omitted == first.omitted == 0
    assert (first.title, first.relationship) == ("Collage", "parentOf")
    assert (first.integrity, first.claim_generator) == (Integrity.INTACT, "Scissors 3")
    assert first.signer == "Labeler development signer"
    told = [(each.title, each.relationship, each.integrity) for each in first.ingredients]
    assert told == [
        ("base.png", "parentOf", Integrity.INTACT),
        ("changed.png", "componentOf", Integrity.TAMPERED),
        ("photo.png", "componentOf", None),
        ("Prompt", "inputTo", None),
    ]
    base, changed, photo, prompt = first.ingredients
    assert base.actions[0].digital_source_type == GENERATED
    assert base.actions[0].software_agent == "Stable Diffusion XL 1.0"
    assert base.manifest_id == changed.manifest_id
    assert changed.failures == ("assertion.dataHash.mismatch",)
    assert (photo.manifest_id, photo.actions, prompt.media_type) == (None, (), "text/plain")
    assert (reading.integrity, reading.history) == (Integrity.INTACT, History.TAMPERED)


def test_an_ancestors_manifest_that_was_changed_later_is_the_one_that_is_shown(
    generated, identity, trust
):
    data = collage(
        [
            ("old.png", "parentOf", "image/png", generated),
            ("photo.png", "componentOf", "image/png", picture(seed=9)),
        ],
        identity,
    )
    words = b"Stable Diffusion XL"
    at = data.index(words)
    changed = data[:at] + words.swapcase() + data[at + len(words) :]
    whole, reading = (read(each, MediaType.PNG, trust=trust) for each in (data, changed))
    assert [each.integrity for each in whole.ingredients.listed] == [Integrity.INTACT, None]
    assert reading.history is History.TAMPERED
    assert [each.integrity for each in reading.ingredients.listed] == [Integrity.TAMPERED, None]


def test_a_file_without_ancestors_has_no_tree(generated, trust):
    reading = read(generated, MediaType.PNG, trust=trust)
    assert reading.ingredients.listed == ()
    assert reading.ingredients.omitted == 0


# ---------------------------------------------------------------- what an attacker's store may be


def report_of(manifests, active="m0"):
    return {"active_manifest": active, "manifests": manifests}


def count(ingredients):
    return sum(1 + count(each.ingredients) for each in ingredients)


def depth(ingredients):
    return max((1 + depth(each.ingredients) for each in ingredients), default=0)


def test_going_round_ends():
    """Each of three manifests is made from all three."""
    round_trip = [{"title": f"m{each}", "active_manifest": f"m{each}"} for each in range(3)]
    found = ingredients_of(
        report_of({f"m{each}": {"ingredients": round_trip} for each in range(3)})
    )
    assert [each.title for each in found.listed] == ["m1", "m2"]
    assert found.omitted == 1  # itself
    assert depth(found.listed) == 2


def test_a_tree_that_doubles_with_every_level_is_cut():
    manifests = {
        f"m{level}": {"ingredients": [{"active_manifest": f"m{level + 1}"}] * 2}
        for level in range(64)
    }
    found = ingredients_of(report_of(manifests))
    assert count(found.listed) == MOST
    # Level by level: no branch starves another.
    assert len(found.listed) == 2
    assert {len(each.ingredients) for each in found.listed} == {2}
    assert depth(found.listed) < DEEPEST


def test_a_chain_ends_at_the_deepest_level():
    manifests = {f"m{at}": {"ingredients": [{"active_manifest": f"m{at + 1}"}]} for at in range(99)}
    found = ingredients_of(report_of(manifests))
    assert depth(found.listed) == DEEPEST
    last = found.listed[0]
    while last.ingredients:
        last = last.ingredients[0]
    assert last.omitted == 1


def test_thousands_of_ingredients_and_endless_texts_are_cut():
    entry = {"title": "x" * 10**6, "active_manifest": "m1", "validation_status": [{"code": "bad"}]}
    actions = [{"action": "c2pa.edited", "softwareAgent": "y" * 10**6}] * 1000
    assertion = {"label": "c2pa.actions", "data": {"actions": actions}}
    manifests = {"m0": {"ingredients": [entry] * 5000}, "m1": {"assertions": [assertion]}}
    found = ingredients_of(report_of(manifests))
    assert (len(found.listed), found.omitted) == (MOST, 5000 - MOST)
    assert len(repr(found)) < 2_000_000
    assert found.listed[0].title.endswith("x…")


@pytest.mark.parametrize(
    ("recorded", "integrity"),
    [
        ({}, Integrity.NOT_CHECKED),
        ({"validation_status": [{"code": "signingCredential.untrusted"}]}, Integrity.NOT_CHECKED),
        ({"validation_status": [{"code": "claimSignature.validated"},
                                {"code": "assertion.dataHash.match"}]}, Integrity.INTACT),
        ({"validation_status": [{"code": "assertion.dataHash.mismatch"}]}, Integrity.TAMPERED),
        ({"validation_results": {"activeManifest": {"success": [
            {"code": "claimSignature.validated"}]}}}, Integrity.NOT_CHECKED),
    ],
)  # fmt: skip
def test_only_what_was_recorded_is_said(recorded, integrity):
    entry = {"active_manifest": "m1", **recorded}
    found = ingredients_of(report_of({"m0": {"ingredients": [entry]}, "m1": {}}))
    assert found.listed[0].integrity is integrity


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["m0", "m1", "bad.code", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "active_manifest",
                    "manifests",
                    "ingredients",
                    "label",
                    "title",
                    "validation_results",
                    "activeManifest",
                    "failure",
                    "success",
                    "code",
                    "url",
                    "ingredientDeltas",
                    "validationDeltas",
                    "ingredientAssertionURI",
                    "validation_status",
                    "m0",
                    "m1",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(manifests=st.dictionaries(st.sampled_from(["m0", "m1"]), values), results=values)
def test_reports_of_any_shape_give_a_tree(manifests, results):
    report = {**report_of(manifests), "validation_results": results}
    found = ingredients_of(report)
    assert count(found.listed) <= MOST

    def tampered(ingredients):
        return any(
            each.integrity is Integrity.TAMPERED or tampered(each.ingredients)
            for each in ingredients
        )

    # The tree never says more than the verdict on the whole.
    assert not tampered(found.listed) or tampering(report)


def test_no_trust_is_needed_to_read_a_tree(generated, identity):
    data = collage([("old.png", "parentOf", "image/png", generated)], identity)
    reading = read(data, MediaType.PNG, trust=TrustStore())
    assert [each.integrity for each in reading.ingredients.listed] == [Integrity.INTACT]
