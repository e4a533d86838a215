"""How much a registry holds, on both databases."""

import pytest

from labeler.codec.payload import Handle
from labeler.credentials import SoftBinding
from labeler.registry import ContentFingerprint, DurableRecord, Registry, RegistryReader
from labeler.registry.inventory import Inventory, IssuerMarks
from tests.receipts import NOW, make_receipt


@pytest.fixture
def registry(location):
    with Registry.open(location, now=lambda: NOW) as opened:
        yield opened


def test_an_empty_registry_holds_nothing(registry):
    assert registry.inventory() == Inventory(
        issuers=(),
        receipts=0,
        manifests=0,
        soft_bindings=0,
        fingerprints={},
        texts=0,
        audit_entries=0,
        checkpoints=0,
        api_keys=0,
    )


def test_everything_is_counted(registry, location):
    for issuer in (7, 7, 0):
        registry.reserve(issuer)
    durable = DurableRecord(
        manifest=b"store",
        soft_bindings=(
            SoftBinding(algorithm="a", value="1"),
            SoftBinding(algorithm="b", value="1"),
        ),
        fingerprints=(
            ContentFingerprint(algorithm="pdq", value=bytes(32)),
            ContentFingerprint(algorithm="pdq", value=bytes(32), offset_ms=5),
            ContentFingerprint(algorithm="other", value=b"x"),
        ),
    )
    receipt = make_receipt(handle=Handle(7, 1), manifest_id="urn:c2pa:1")
    registry.prepare(receipt, profile="p", durable=durable)
    registry.record("note", "x", actor="a", reason="b", body={})
    with RegistryReader.open(location) as reader:
        found = reader.inventory()
    assert found.issuers == (
        IssuerMarks(issuer=0, handles=1, first_at=NOW, last_at=NOW),
        IssuerMarks(issuer=7, handles=2, first_at=NOW, last_at=NOW),
    )
    assert (found.receipts, found.manifests, found.soft_bindings) == (1, 1, 2)
    assert found.fingerprints == {"other": 1, "pdq": 2}
    assert (found.audit_entries, found.checkpoints, found.api_keys) == (1, 0, 0)
