"""The fingerprint log: texts are found, told apart, deleted; nothing of them is stored."""

import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.payload import Handle
from labeler.codec.shingles import shingles
from labeler.errors import RegistryError, WatermarkKeyError
from labeler.registry import Registry, RegistryReader, TextLogSize
from labeler.registry.texts import COMMON
from tests.receipts import NOW, make_receipt

KEY = Key(bytes(range(32)))

# What version 4 adds: taken away, a registry is one of version 3.
VERSION_3 = """
DROP TABLE text_output; DROP TABLE text; DROP TABLE text_key; DROP TABLE text_shingle;
UPDATE schema_version SET version = 3;
"""


def prose(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return [f"w{number}" for number in rng.integers(0, 4000, count)]


def of(text_words, key=KEY):
    return shingles(" ".join(text_words), key)


@pytest.fixture
def location(tmp_path):
    return str(tmp_path / "registry.sqlite3")


@pytest.fixture
def registry(location):
    with Registry.open(location, now=lambda: NOW) as opened:
        yield opened


def everything_in(location):
    with sqlite3.connect(location) as connection:
        found = "\n".join(connection.iterdump())
    connection.close()
    return found


# ---------------------------------------------------------------- finding


def test_a_logged_text_is_found_with_what_is_known_of_it(registry, location):
    receipt = make_receipt(handle=Handle(0, 7), media_type="text/plain")
    registry.prepare(receipt, profile="p")
    text_id = registry.log_text(
        "r1", of(prose()), provider="Example", model="m-1", reference="req-9"
    )
    with RegistryReader.open(location) as reader:
        (match,) = reader.find_text(of(prose()))
    assert (match.text_id, match.words, match.times) == (text_id, 300, 1)
    assert match.overlap.hits == match.overlap.stored
    (output,) = match.outputs
    assert output.receipt == receipt
    assert (output.at, output.provider, output.model) == (NOW, "Example", "m-1")
    assert output.reference == "req-9"


def test_excerpts_and_edited_copies_are_found_and_others_not(registry):
    ids = [registry.log_text(None, of(prose(seed=seed))) for seed in range(20)]
    rng = np.random.default_rng(1)
    found = [
        [match.text_id for match in registry.find_text(of(query))]
        for query in (
            prose(seed=3)[100:140],
            [word for word in prose(seed=4) if rng.random() > 0.2],
            prose(seed=77) + prose(seed=5)[30:90] + prose(seed=78),
            prose(seed=6)[:150] + prose(seed=7)[100:200],
            prose(seed=99),
        )
    ]
    assert found == [[ids[3]], [ids[4]], [ids[5]], [ids[6], ids[7]], []]


def test_the_same_text_again_is_one_text_and_never_common(registry):
    for number in range(COMMON + 10):
        registry.log_text(None, of(prose()), at=NOW + timedelta(days=number))
    assert registry.text_log_size() == TextLogSize(texts=1, outputs=COMMON + 10)
    (match,) = registry.find_text(of(prose()))
    assert match.times == COMMON + 10
    assert len(match.outputs) == 16
    assert match.outputs[0].at == NOW + timedelta(days=COMMON + 9)


def test_what_many_texts_say_finds_none_of_them(registry):
    disclaimer = prose(60, seed=1000)
    for seed in range(COMMON + 1):
        registry.log_text(None, of(disclaimer + prose(60, seed=seed)))
    assert registry.find_text(of(disclaimer + prose(100, seed=2000))) == ()
    # Their own words find them still.
    (match,) = registry.find_text(of(disclaimer + prose(60, seed=5)))
    assert match.overlap.stored < 20


def test_long_texts_are_looked_up_by_what_is_selected(registry):
    text_id = registry.log_text(None, of(prose(seed=1)))
    long = prose(9000, seed=50)
    (match,) = registry.find_text(of(long + prose(seed=1) + long[::-1]))
    assert match.text_id == text_id
    assert match.overlap.start >= 8990
    assert match.overlap.stop <= 9310


def test_another_key_finds_nothing_and_says_so(registry):
    other = Key(bytes(32))
    assert registry.find_text(of(prose(), other)) == ()
    registry.log_text(None, of(prose()))
    with pytest.raises(RegistryError, match=f"with the key {other.key_id}, but with {KEY.key_id}"):
        registry.find_text(of(prose(), other))


# ---------------------------------------------------------------- storing


def test_no_word_is_stored_and_no_key(registry, location):
    text = [f"verbum{number}x" for number in range(50)]
    key = registry.make_text_key()
    registry.log_text(None, of(text, key))
    dump = everything_in(location)
    assert "verbum" not in dump
    assert key.secret.hex() not in dump.lower()
    assert key.key_id in dump


def test_the_key_is_made_once_and_only_its_owner_reads_it(registry, location, tmp_path):
    with RegistryReader.open(location) as reader:
        assert reader.text_key() is None
        key = registry.make_text_key()
        assert registry.make_text_key() == key
        assert reader.text_key() == key
    file = tmp_path / "registry.sqlite3.text-log-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(".*")] == []
    file.chmod(0o644)
    with pytest.raises(WatermarkKeyError, match="others may read"):
        registry.text_key()


def test_receipts_have_to_be_known_and_times_to_have_a_zone(registry):
    with pytest.raises(RegistryError, match="does not know the receipt r9"):
        registry.log_text("r9", of(prose()))
    assert registry.text_log_size().texts == 0
    with pytest.raises(ValueError, match="time zone"):
        registry.log_text(None, of(prose()), at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is it
    with pytest.raises(ValueError, match="time zone"):
        registry.expire_texts(datetime(2026, 1, 1), actor="a", reason="b")  # noqa: DTZ001


def test_a_withdrawn_receipt_takes_its_text_along(registry, location):
    for name in ("r1", "r2", "r3"):
        registry.prepare(make_receipt(name), profile="p")
    registry.confirm("r3")
    registry.log_text("r1", of(prose(seed=1)))
    registry.log_text("r2", of(prose(seed=2)))
    registry.log_text(None, of(prose(seed=2)))
    registry.log_text("r3", of(prose(seed=3)))
    for name in ("r1", "r2", "r3"):
        registry.withdraw(name)
    assert [len(registry.find_text(of(prose(seed=seed)))) for seed in (1, 2, 3)] == [0, 1, 1]
    assert registry.text_log_size() == TextLogSize(texts=2, outputs=2)
    stored = sum(len(of(prose(seed=seed)).selection.values) for seed in (2, 3))
    assert everything_in(location).count('INSERT INTO "text_shingle"') == stored


# ---------------------------------------------------------------- deleting


def test_deleted_texts_are_gone_and_the_audit_log_holds(registry, location):
    kept, gone = (registry.log_text(None, of(prose(seed=seed))) for seed in (1, 2))
    registry.record("stamping", "ab" * 32, actor="x", reason="y", body={})
    entry = registry.delete_text(gone, actor="Ada", reason="asked for")
    assert (entry.kind, entry.subject) == ("text-deletion", f"text:{gone}")
    assert registry.find_text(of(prose(seed=2))) == ()
    assert [match.text_id for match in registry.find_text(of(prose(seed=1)))] == [kept]
    assert registry.verify_audit().intact
    assert registry.verify_audit().entries == 2
    with pytest.raises(RegistryError, match=f"text {gone} is not in the log"):
        registry.delete_text(gone, actor="Ada", reason="again")
    # Its number is not given again.
    assert registry.log_text(None, of(prose(seed=2))) > gone


def test_a_deletion_without_a_reason_deletes_nothing(registry):
    text_id = registry.log_text(None, of(prose()))
    with pytest.raises(RegistryError, match="a reason"):
        registry.delete_text(text_id, actor="Ada", reason=" ")
    with pytest.raises(RegistryError, match="an actor"):
        registry.expire_texts(NOW + timedelta(days=1), actor="", reason="old")
    assert len(registry.find_text(of(prose()))) == 1
    assert list(registry.audit_entries()) == []


def test_what_is_deleted_is_overwritten_in_the_file(registry, location, tmp_path):
    selection = of(prose()).selection
    text_id = registry.log_text(None, of(prose()))
    registry.delete_text(text_id, actor="Ada", reason="asked for")
    registry.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert selection.to_bytes() not in files
    assert not any(int(value).to_bytes(8, "big") in files for value in selection.values)


def test_outputs_expire_and_texts_with_their_last_one(registry, monkeypatch):
    monkeypatch.setattr("labeler.registry.text_log._BATCH", 2)
    for seed in range(6):
        registry.log_text(None, of(prose(seed=seed)), at=NOW + timedelta(days=seed))
    registry.log_text(None, of(prose(seed=0)), at=NOW + timedelta(days=30))
    limit = (NOW + timedelta(days=5)).astimezone()
    assert registry.expire_texts(limit, actor="cron", reason="kept for 30 days") == 5
    assert registry.text_log_size() == TextLogSize(texts=2, outputs=2)
    assert [len(registry.find_text(of(prose(seed=seed)))) for seed in range(6)] == [
        *(1, 0, 0, 0, 0, 1),
    ]
    (entry,) = registry.audit_entries(kind="text-expiry")
    assert entry.members == {"before": (NOW + timedelta(days=5)).astimezone(UTC).isoformat()}
    assert registry.expire_texts(limit, actor="cron", reason="again") == 0
    assert len(list(registry.audit_entries())) == 1
    assert registry.verify_audit(entry.digest).intact


# ---------------------------------------------------------------- earlier versions


def test_a_registry_of_version_3_is_read_and_brought_up(location):
    with Registry.open(location) as registry:
        registry.prepare(make_receipt(), profile="p")
        registry.record("stamping", "ab" * 32, actor="x", reason="y", body={})
    with sqlite3.connect(location) as connection:
        connection.executescript(VERSION_3)
    connection.close()
    with RegistryReader.open(location) as reader:
        assert reader.find_text(of(prose())) == ()
        assert reader.text_log_size() == TextLogSize(texts=0, outputs=0)
        assert reader.verify_audit().entries == 1
    with Registry.open(location) as registry:
        registry.log_text("r1", of(prose()))
        assert len(registry.find_text(of(prose()))) == 1
        assert registry.verify_audit().intact


def test_a_damaged_record_is_an_error(registry, location):
    registry.log_text(None, of(prose()))
    with sqlite3.connect(location) as connection:
        connection.execute("UPDATE text SET selection = x'0102'")
    connection.close()
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.find_text(of(prose()))
