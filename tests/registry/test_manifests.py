"""Manifest stores and what leads to them."""

from datetime import timedelta

import pytest

from labeler.codec.payload import Handle
from labeler.credentials import SoftBinding
from labeler.errors import ConflictError, RegistryError
from labeler.registry import DurableRecord, Registry, RegistryReader
from tests.receipts import NOW, make_receipt

STORE = bytes(range(256)) * 20
BINDING = SoftBinding(algorithm="com.example.mark.1", value="00c0ffee")


def durable(*bindings, store=STORE):
    return DurableRecord(manifest=store, soft_bindings=bindings)


def test_a_store_comes_back_byte_for_byte(registry, location):
    assert registry.store_manifest("urn:c2pa:x", STORE, soft_bindings=[BINDING], stored_by="k1")
    with RegistryReader.open(location) as reader:
        found = reader.manifest("urn:c2pa:x")
        assert reader.manifest("urn:c2pa:y") is None
        assert reader.find_manifests("00c0ffee") == ("urn:c2pa:x",)
        assert reader.soft_bindings_of("urn:c2pa:x") == (BINDING,)
    assert (found.manifest_id, found.store, type(found.store)) == ("urn:c2pa:x", STORE, bytes)
    assert (found.stored_by, found.receipt_id, found.stored_at) == ("k1", None, NOW)
    assert len(found.sha256) == 64
    assert "store" not in repr(found).replace("stored_", "")


def test_the_store_of_an_output_is_found_by_its_receipt(registry):
    registry.prepare(make_receipt(), profile="p", durable=durable(BINDING))
    found = registry.manifest_of("r1")
    assert (found.manifest_id, found.receipt_id, found.stored_by) == ("urn:c2pa:1", "r1", None)
    assert found.store == STORE
    assert registry.manifest_of("r2") is None


def test_the_same_store_again_adds_what_is_new_and_nothing_else(registry, sql):
    other = SoftBinding(algorithm="", value="00c0ffee")
    assert registry.store_manifest("m", STORE, soft_bindings=[BINDING, BINDING], stored_by="a")
    assert not registry.store_manifest("m", STORE, soft_bindings=[BINDING, other], stored_by="b")
    assert registry.manifest("m").stored_by == "a"
    assert registry.soft_bindings_of("m") == (other, BINDING)
    assert sql("SELECT count(*) FROM soft_binding") == [(2,)]
    assert not registry.store_manifest("m", STORE)


def test_a_label_belongs_to_one_store(registry):
    registry.prepare(make_receipt(), profile="p", durable=durable(BINDING))
    with pytest.raises(ConflictError, match="another manifest store under the label urn:c2pa:1"):
        registry.store_manifest("urn:c2pa:1", b"other", soft_bindings=[SoftBinding(value="ff")])
    assert registry.manifest("urn:c2pa:1").store == STORE
    assert registry.find_manifests("ff") == ()


def test_what_comes_to_be_known_later_leads_there_too(registry):
    registry.store_manifest("m", STORE)
    assert registry.bind("m", BINDING)
    assert registry.bind("m", BINDING)
    assert registry.find_manifests(BINDING.value) == ("m",)
    assert not registry.bind("n", BINDING)
    assert registry.find_manifests(BINDING.value) == ("m",)


def test_the_algorithm_counts_where_both_know_it(registry):
    for name, algorithm in (("a", "one"), ("b", "two"), ("c", "")):
        binding = SoftBinding(algorithm=algorithm, value="v")
        registry.store_manifest(name, STORE, soft_bindings=[binding])
    assert registry.find_manifests("v") == ("a", "b", "c")
    assert registry.find_manifests("v", algorithm="one") == ("a", "c")
    assert registry.find_manifests("v", algorithm="none") == ("c",)
    assert registry.find_manifests("V") == ()
    assert registry.find_manifests("v", algorithm="ONE") == ("c",)


def test_published_ones_come_first_then_the_oldest_each_once(location):
    moments = iter(range(100))
    with Registry.open(location, now=lambda: NOW + timedelta(hours=next(moments))) as registry:
        both = [SoftBinding(algorithm=algorithm, value="v") for algorithm in ("", "one")]
        for index, name in enumerate(["waiting", "late", "early"]):
            receipt = make_receipt(
                name, manifest_id=name, created_at=NOW + timedelta(hours=10 * (3 - index))
            )
            registry.prepare(receipt, profile="p", durable=durable(*both, store=name.encode()))
        registry.confirm("late")
        registry.confirm("early")
        registry.store_manifest("entrusted", STORE, soft_bindings=both)
        order = ("entrusted", "early", "late", "waiting")
        assert registry.find_manifests("v") == order
        assert registry.find_manifests("v", algorithm="one") == order
        # A binding under two algorithms does not take two places.
        for limit in range(5):
            assert registry.find_manifests("v", limit=limit) == order[:limit]


def test_a_deleted_manifest_is_gone_with_what_led_to_it_and_that_is_recorded(registry, sql):
    registry.prepare(make_receipt(handle=Handle(0, 5)), profile="p", durable=durable(BINDING))
    entry = registry.delete_manifest("urn:c2pa:1", actor="dpo", reason="asked for")
    assert (entry.kind, entry.subject) == ("manifest-deletion", "urn:c2pa:1")
    assert (entry.actor, entry.reason) == ("dpo", "asked for")
    assert registry.manifest("urn:c2pa:1") is None
    assert registry.find_manifests(BINDING.value) == ()
    assert sql("SELECT count(*) FROM soft_binding") == [(0,)]
    assert registry.find(Handle(0, 5)) is not None
    assert registry.verify_audit(entry.digest).intact
    with pytest.raises(RegistryError, match="no manifest urn:c2pa:1"):
        registry.delete_manifest("urn:c2pa:1", actor="dpo", reason="again")
    assert registry.verify_audit().entries == 1


def test_a_manifest_is_not_deleted_without_a_reason(registry):
    registry.store_manifest("m", STORE, soft_bindings=[BINDING])
    with pytest.raises(RegistryError, match="without a reason"):
        registry.delete_manifest("m", actor="dpo", reason=" ")
    assert registry.find_manifests(BINDING.value) == ("m",)


def test_the_bytes_of_a_deleted_store_are_overwritten_in_the_file(sqlite_location, tmp_path):
    with Registry.open(sqlite_location) as registry:
        registry.store_manifest("m", b"the name of a person" * 500)
        registry.delete_manifest("m", actor="dpo", reason="asked for")
        files = [path.read_bytes() for path in (tmp_path / "home").iterdir()]
    assert len(files) >= 2
    assert not any(b"of a person" in data for data in files)


@pytest.mark.parametrize(
    "binding",
    [
        SoftBinding(algorithm="a", value="x" * 3000),
        SoftBinding(algorithm="é" * 1500, value="x"),
        SoftBinding(algorithm="a", value="\ud800"),
        SoftBinding(algorithm="a", value="a\0b"),
    ],
)
def test_what_no_index_can_hold_is_refused_alike(registry, binding):
    with pytest.raises(RegistryError, match="soft binding"):
        registry.store_manifest("m", STORE, soft_bindings=[BINDING, binding])
    assert registry.manifest("m") is None
    assert registry.find_manifests(binding.value) == ()
    with pytest.raises(RegistryError, match="label"):
        registry.store_manifest(binding.value * 3000, STORE)
