"""Letting a value lead to another manifest of the same owner."""

from __future__ import annotations

import pytest

from labeler.credentials import SoftBinding
from labeler.registry import Registry


@pytest.fixture
def registry(location):
    with Registry.open(location) as registry:
        for manifest_id, owner in (("one", "me"), ("two", "me"), ("theirs", "you"), ("ours", None)):
            registry.store_manifest(manifest_id, manifest_id.encode(), stored_by=owner)
        yield registry


def bound(registry: Registry, value: str = "v") -> set[str]:
    return set(registry.find_manifests(value))


def test_a_value_leads_elsewhere_under_all_its_algorithms(registry):
    for algorithm in ("", "com.example.a"):
        registry.bind("one", SoftBinding(algorithm=algorithm, value="v"))
    assert registry.rebind("v", "two", stored_by="me")
    assert registry.soft_bindings_of("one") == ()
    assert [each.algorithm for each in registry.soft_bindings_of("two")] == ["", "com.example.a"]
    assert registry.rebind("v", "two", stored_by="me")  # again
    assert bound(registry) == {"two"}


def test_what_is_not_the_owners_stays(registry):
    for manifest_id in ("one", "theirs", "ours"):
        registry.bind(manifest_id, SoftBinding(algorithm="a", value="v"))
    registry.bind("one", SoftBinding(algorithm="a", value="other"))
    assert registry.rebind("v", "two", stored_by="me")
    assert bound(registry) == {"two", "theirs", "ours"}
    assert bound(registry, "other") == {"one"}


@pytest.mark.parametrize(
    ("manifest_id", "owner"),
    [("two", "you"), ("theirs", "me"), ("ours", "me"), ("nothing", "me"), ("two", "nobody")],
)
def test_nothing_changes_where_it_is_not_the_owners_to_change(registry, manifest_id, owner):
    registry.bind("one", SoftBinding(algorithm="a", value="v"))
    assert not registry.rebind("v", manifest_id, stored_by=owner)
    assert bound(registry) == {"one"}


def test_a_value_that_leads_nowhere_is_not_bound(registry):
    registry.bind("theirs", SoftBinding(algorithm="a", value="v"))
    assert not registry.rebind("v", "two", stored_by="me")
    assert bound(registry) == {"theirs"}
