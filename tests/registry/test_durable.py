"""A receipt and all that hangs on it are written together, and go together."""

from datetime import UTC, datetime, timedelta

import pytest

from labeler.codec.acoustic import fingerprint
from labeler.codec.keys import Key
from labeler.codec.payload import Handle, ShortPayload
from labeler.codec.shingles import shingles
from labeler.credentials import SoftBinding
from labeler.errors import RegistryError
from labeler.registry import ContentFingerprint, DurableRecord, Registry
from labeler.registry.schema import METADATA
from tests.receipts import NOW, make_receipt
from tests.sounds import murmur

TEXT = shingles(" ".join(f"w{number}" for number in range(200)), Key(bytes(range(32))))
SOUND = fingerprint(murmur(3, 16_000, seed=1), 16_000)
HANGS_ON_IT = ("receipt", "sound", "manifest", "soft_binding", "fingerprint")


def durable(name="r1", **changes):
    given = {
        "manifest": f"store of {name}".encode(),
        "soft_bindings": (SoftBinding(value="v"), SoftBinding(algorithm="other", value="w")),
        "fingerprints": tuple(
            ContentFingerprint(algorithm="pdq", value=b"x" * 32, offset_ms=offset)
            for offset in (0, 1000)
        ),
    } | changes
    return DurableRecord(**given)


def prepare(registry, name="r1", *, handle=None, created_at=NOW, **changes):
    handle = registry.reserve(0) if handle is None else handle
    receipt = make_receipt(name, handle=handle, created_at=created_at, manifest_id=f"urn:{name}")
    registry.prepare(receipt, profile="p", fingerprint=SOUND, durable=durable(name, **changes))
    return receipt


@pytest.fixture
def counts(sql):
    """How many rows tables have; those that have none are left out."""

    def count(tables=METADATA.tables):
        found = {table: sql(f'SELECT count(*) FROM "{table}"')[0][0] for table in tables}
        return {table: rows for table, rows in found.items() if rows}

    return count


def test_all_of_it_is_there_once_the_receipt_is(registry, counts):
    receipt = prepare(registry)
    assert counts(HANGS_ON_IT) == {
        "receipt": 1, "sound": 1, "manifest": 1, "soft_binding": 2, "fingerprint": 2,
    }  # fmt: skip
    assert registry.manifest_of("r1").store == b"store of r1"
    assert registry.find_manifests("v") == ("urn:r1",)
    assert registry.find(receipt.payload.handle) == receipt
    assert registry.find_by_tag(ShortPayload.of(receipt.payload))[0].receipt == receipt
    assert len(registry.fingerprints_of("r1", "pdq")) == 2


def test_withdrawing_takes_all_of_it_back_but_the_handle(registry, counts, sql):
    receipt = prepare(registry)
    registry.log_text("r1", TEXT)
    registry.withdraw("r1")
    assert counts() == {"reservation": 1, "text_key": 1}
    registry._draw = lambda _: receipt.payload.handle.serial - 1
    with pytest.raises(RegistryError, match="used up"):
        registry.reserve(0)
    prepare(registry, handle=Handle(0, 99))  # under the same names again
    assert registry.manifest("urn:r1") is not None


def test_what_was_published_is_not_withdrawn(registry, counts):
    prepare(registry)
    registry.confirm("r1")
    before = counts()
    registry.withdraw("r1")
    assert counts() == before


@pytest.mark.parametrize("table", HANGS_ON_IT[1:])
def test_nothing_is_half_written(registry, counts, sql, table):
    prepare(registry, "before")
    before = counts()
    sql(f"ALTER TABLE {table} RENAME TO elsewhere")
    with pytest.raises(RegistryError, match="cannot be used"):
        prepare(registry, "after", handle=Handle(0, 99))
    sql(f"ALTER TABLE elsewhere RENAME TO {table}")
    assert counts() == before
    prepare(registry, "after", handle=Handle(0, 99))
    assert counts(HANGS_ON_IT) == {
        name: 2 * rows for name, rows in before.items() if name in HANGS_ON_IT
    }


def test_a_manifest_that_is_there_already_is_no_other_outputs(registry, counts):
    registry.store_manifest("urn:r1", b"entrusted")
    before = counts()
    with pytest.raises(RegistryError, match="manifest urn:r1 already"):
        prepare(registry, handle=Handle(0, 99))
    assert counts() == before
    assert registry.find(Handle(0, 99)) is None
    assert registry.manifest("urn:r1").store == b"entrusted"


def test_a_store_needs_a_receipt_that_names_it(registry, counts):
    receipt = make_receipt(manifest_id=None)
    with pytest.raises(ValueError, match="does not name the manifest"):
        registry.prepare(receipt, profile="p", durable=durable())
    assert counts() == {}
    registry.prepare(receipt, profile="p", durable=durable(manifest=None))
    assert counts(HANGS_ON_IT) == {"receipt": 1, "fingerprint": 2}


def test_the_name_of_an_output_may_be_no_text(registry):
    receipt = make_receipt(target="/out/\udc80.png", handle=Handle(0, 5))
    registry.prepare(receipt, profile="p")
    assert registry.find(Handle(0, 5)) == receipt


# ---------------------------------------------------------------- deleting


def test_a_deleted_receipt_goes_with_all_of_it_and_that_is_recorded(registry, counts):
    prepare(registry, "kept")
    before = counts()
    receipt = prepare(registry, "gone")
    registry.confirm("gone")
    registry.log_text("gone", TEXT)
    entry = registry.delete_receipt("gone", actor="dpo", reason="asked for")
    assert (entry.kind, entry.subject) == ("receipt-deletion", "receipt:gone")
    assert (entry.actor, entry.reason, entry.members) == ("dpo", "asked for", {})
    assert counts() == before | {"reservation": 2, "audit": 1, "audit_detail": 1, "text_key": 1}
    assert registry.find(receipt.payload.handle) is None
    assert registry.find_receipt("gone") is None
    assert registry.find_manifests("v") == ("urn:kept",)
    assert registry.find_text(TEXT) == ()
    assert registry.verify_audit(entry.digest).intact
    with pytest.raises(RegistryError, match="does not know the receipt gone"):
        registry.delete_receipt("gone", actor="dpo", reason="again")
    assert registry.verify_audit().entries == 1


def test_a_handle_is_nobody_elses_after_its_receipt_was_deleted(registry):
    receipt = prepare(registry)
    registry.delete_receipt("r1", actor="dpo", reason="asked for")
    registry._draw = lambda _: receipt.payload.handle.serial - 1
    with pytest.raises(RegistryError, match="used up"):
        registry.reserve(0)


@pytest.mark.parametrize("blank", ["actor", "reason"])
def test_no_receipt_is_deleted_without_who_and_why(registry, counts, blank):
    prepare(registry)
    before = counts()
    words = {"actor": "dpo", "reason": "asked for", blank: " "}
    with pytest.raises(RegistryError, match=f"without an? {blank}"):
        registry.delete_receipt("r1", **words)
    with pytest.raises(RegistryError, match=f"without an? {blank}"):
        registry.expire_receipts(NOW + timedelta(days=1), **words)
    assert counts() == before


def test_a_text_that_came_out_elsewhere_too_stays_known(registry):
    prepare(registry)
    registry.log_text("r1", TEXT)
    registry.log_text(None, TEXT)
    registry.delete_receipt("r1", actor="dpo", reason="asked for")
    (match,) = registry.find_text(TEXT)
    assert match.times == 1


def test_receipts_expire_in_portions_and_what_is_recent_stays(registry, counts, monkeypatch):
    monkeypatch.setattr("labeler.registry.deletion._BATCH", 2)
    for day in range(6):
        prepare(registry, f"r{day}", created_at=NOW + timedelta(days=day))
    limit = (NOW + timedelta(days=5)).astimezone()
    assert registry.expire_receipts(limit, actor="cron", reason="kept for a year") == 5
    assert counts(HANGS_ON_IT) == {
        "receipt": 1, "sound": 1, "manifest": 1, "soft_binding": 2, "fingerprint": 2,
    }  # fmt: skip
    assert counts(["reservation"]) == {"reservation": 6}
    (entry,) = registry.audit_entries(kind="receipt-expiry")
    assert entry.members == {"before": limit.astimezone(UTC).isoformat()}
    assert registry.expire_receipts(limit, actor="cron", reason="again") == 0
    assert registry.verify_audit(entry.digest).entries == 1
    with pytest.raises(ValueError, match="time zone"):
        registry.expire_receipts(datetime(2026, 1, 1), actor="a", reason="b")  # noqa: DTZ001 - that is it


def test_what_is_deleted_with_a_receipt_is_overwritten_in_the_file(sqlite_location, tmp_path):
    with Registry.open(sqlite_location) as registry:
        prepare(registry, manifest=b"the name of a person" * 500)
        registry.delete_receipt("r1", actor="dpo", reason="asked for")
        files = [path.read_bytes() for path in (tmp_path / "home").iterdir()]
    assert len(files) >= 2
    assert not any(b"of a person" in data or b"/out/a.png" in data for data in files)


@pytest.mark.system
def test_a_server_clears_away_what_was_deleted(postgresql_server):
    with Registry.open(postgresql_server.new()) as registry:
        prepare(registry)
        registry.delete_receipt("r1", actor="dpo", reason="asked for")
        with registry._connection() as connection:
            for table in HANGS_ON_IT:
                size = connection.exec_driver_sql(f"SELECT pg_relation_size('{table}')")
                assert size.scalar_one() == 0, table
