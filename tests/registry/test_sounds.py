from datetime import timedelta

import numpy as np
import pytest

from labeler.codec.acoustic import Fingerprint, fingerprint
from labeler.codec.payload import Handle, Origin, ShortPayload
from labeler.errors import RegistryError
from labeler.registry import RegistryReader, SoundRecord, recognise
from tests.receipts import NOW, make_receipt
from tests.sounds import murmur

RATE_HZ = 16_000


def sound_receipt(receipt_id="r1", *, serial=42, **changes):
    return make_receipt(receipt_id, handle=Handle(0, serial), media_type="audio/wav", **changes)


def short(receipt):
    return ShortPayload.of(receipt.payload)


def clip(seed, *, start_s=0.0, duration_s=4.0):
    samples = murmur(5, RATE_HZ, seed=seed)
    return samples[round(start_s * RATE_HZ) : round((start_s + duration_s) * RATE_HZ)]


def heard(seed, **cut):
    return fingerprint(clip(seed, **cut), RATE_HZ)


def test_a_sound_is_found_by_its_tag_with_its_fingerprint(registry, location):
    receipt, taken = sound_receipt(), heard(1)
    registry.prepare(receipt, profile="p", fingerprint=taken)
    with RegistryReader.open(location) as reader:
        (record,) = reader.find_by_tag(short(receipt))
    assert record.receipt == receipt
    assert record.fingerprint.to_bytes() == taken.to_bytes()


def test_tag_and_origin_both_count(registry):
    receipt = sound_receipt()
    registry.prepare(receipt, profile="p", fingerprint=heard(1))
    tag = short(receipt).tag
    assert registry.find_by_tag(ShortPayload(origin=Origin.MODIFIED, tag=tag)) == ()
    assert registry.find_by_tag(ShortPayload(origin=Origin.GENERATED, tag=tag ^ 1)) == ()


def test_outputs_without_a_fingerprint_have_no_tag(registry):
    receipt = sound_receipt()
    registry.prepare(receipt, profile="p")
    assert registry.find_by_tag(short(receipt)) == ()
    assert registry.find(receipt.payload.handle) == receipt


def test_a_fingerprint_without_a_payload_is_a_mistake(registry):
    with pytest.raises(ValueError, match="without a payload"):
        registry.prepare(make_receipt(), profile="p", fingerprint=heard(1))


def test_published_outputs_come_first_then_in_the_order_of_time(registry):
    for index, name in enumerate(["crashed", "first", "again"]):
        receipt = sound_receipt(name, created_at=NOW + timedelta(minutes=index))
        registry.prepare(receipt, profile="p", fingerprint=heard(1))
    registry.confirm("again")
    registry.confirm("first")
    found = registry.find_by_tag(short(sound_receipt()))
    assert [record.receipt.receipt_id for record in found] == ["first", "again", "crashed"]


def test_a_withdrawn_receipt_takes_its_fingerprint_along(registry, sql):
    receipt = sound_receipt()
    registry.prepare(receipt, profile="p", fingerprint=heard(1))
    registry.withdraw("r1")
    assert registry.find_by_tag(short(receipt)) == ()
    assert sql("SELECT count(*) FROM sound") == [(0,)]


def test_a_receipt_that_is_refused_leaves_no_fingerprint(registry):
    registry.prepare(sound_receipt(), profile="p")
    with pytest.raises(RegistryError, match="already"):
        registry.prepare(sound_receipt(), profile="p", fingerprint=heard(1))
    assert registry.find_by_tag(short(sound_receipt())) == ()


def test_a_fingerprint_of_a_later_version_is_named(registry, sql):
    registry.prepare(sound_receipt(), profile="p", fingerprint=heard(1))
    sql("UPDATE sound SET fingerprint = :data", data=bytes.fromhex("7f00000000"))
    with pytest.raises(RegistryError, match="fingerprint that cannot be read"):
        registry.find_by_tag(short(sound_receipt()))


def record(seed, **receipt):
    return SoundRecord(receipt=sound_receipt(f"r{seed}", **receipt), fingerprint=heard(seed))


def test_the_output_that_sounds_alike_is_recognised_among_those_that_share_a_tag():
    records = [record(seed, serial=seed) for seed in (1, 2, 3)]
    found = recognise(records, heard(2, start_s=1, duration_s=2.5))
    assert found.receipt == records[1].receipt
    assert (found.candidates, found.matches) == (3, 1)
    assert found.match.p_value < 1e-6
    assert found.match.offset_s == pytest.approx(1, abs=0.02)


def test_more_candidates_make_a_match_less_surprising():
    one, many = (
        recognise([record(2), *[record(seed, serial=seed) for seed in others]], heard(2))
        for others in ((), (3, 4, 5))
    )
    assert many.match.p_value == pytest.approx(4 * one.match.p_value)


def test_nothing_alike_is_nothing():
    found = recognise([record(1), record(2, serial=2)], heard(3))
    assert (found.receipt, found.matches, found.candidates) == (None, 0, 2)
    assert found.match.p_value > 1e-3
    assert recognise([], heard(3)).match is None


def test_two_outputs_that_sound_alike_are_not_told_apart():
    records = [record(1, serial=1), record(1, serial=2)]
    found = recognise(records, heard(1))
    assert (found.receipt, found.matches) == (None, 2)


def test_two_stampings_of_one_handle_are_one_output():
    records = [record(1, serial=1), record(1, serial=1)]
    found = recognise(records, heard(1))
    assert (found.receipt, found.matches) == (records[0].receipt, 1)


def test_an_empty_fingerprint_matches_nothing():
    nothing = Fingerprint(np.zeros(0, np.uint32), np.zeros(0, bool))
    assert recognise([record(1)], nothing).receipt is None
