"""Checkpoints are kept as they were signed, and outlive the log that they speak of."""

from dataclasses import replace
from datetime import timedelta, timezone

from labeler.registry import RegistryReader, StoredCheckpoint
from tests.receipts import NOW

FIRST = StoredCheckpoint(sequence=3, digest="ab" * 32, at=NOW, signed="origin\n3\nü — x\n")
LATER = replace(FIRST, sequence=20, digest="cd" * 32, at=NOW + timedelta(days=1))


def test_checkpoints_come_back_the_shortest_log_first(registry, location):
    registry.add_checkpoint(LATER)
    registry.add_checkpoint(FIRST)
    with RegistryReader.open(location) as reader:
        assert reader.checkpoints() == (FIRST, LATER)
    assert FIRST.signed not in repr(FIRST)


def test_another_of_the_same_length_takes_its_place(registry):
    registry.add_checkpoint(FIRST)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    registry.add_checkpoint(replace(FIRST, signed="anew", at=elsewhere))
    (kept,) = registry.checkpoints()
    assert (kept.signed, kept.at, kept.at.utcoffset()) == ("anew", NOW, timedelta(0))


def test_a_checkpoint_outlives_the_end_of_its_log(registry, tamper):
    entry = registry.record("stamping", "ab" * 32, actor="a", reason="b", body={})
    registry.add_checkpoint(replace(FIRST, sequence=1, digest=entry.digest))
    tamper("DELETE FROM audit_detail")
    tamper("DELETE FROM audit")
    (kept,) = registry.checkpoints()
    assert not registry.verify_audit(kept.digest).intact
