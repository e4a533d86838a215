"""The fingerprint log: texts are found, told apart, deleted; nothing of them is stored."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from labeler.codec.keys import Key
from labeler.codec.payload import Handle
from labeler.codec.shingles import shingles
from labeler.errors import RegistryError, WatermarkKeyError
from labeler.registry import Registry, RegistryReader, TextLogSize
from labeler.registry.schema import METADATA
from labeler.registry.texts import COMMON
from tests.receipts import NOW, make_receipt

KEY = Key(bytes(range(32)))


def prose(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return [f"w{number}" for number in rng.integers(0, 4000, count)]


def of(text_words, key=KEY):
    return shingles(" ".join(text_words), key)


def everything_in(sql):
    """All that the tables hold, as text."""
    return "\n".join(
        repr(row) for table in METADATA.tables for row in sql(f'SELECT * FROM "{table}"')
    )


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


def test_no_word_is_stored_and_no_key(registry, sql):
    text = [f"verbum{number}x" for number in range(50)]
    key = Key.generate()
    registry.log_text(None, of(text, key))
    dump = everything_in(sql)
    assert "verbum" not in dump
    assert key.secret.hex() not in dump.lower()
    assert repr(key.secret) not in dump
    assert key.key_id in dump


def test_the_key_is_made_once_and_only_its_owner_reads_it(location, is_postgresql, tmp_path):
    home = tmp_path / "home"
    name = "registry.text-log-key" if is_postgresql else "registry.sqlite3.text-log-key"
    with (
        Registry.open(location, home=home) as registry,
        RegistryReader.open(location, home=home) as reader,
    ):
        assert reader.text_key() is None
        key = registry.make_text_key()
        assert registry.make_text_key() == key
        assert reader.text_key() == key
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
        assert [path.name for path in home.glob(".*")] == []
        (home / name).chmod(0o644)
        with pytest.raises(WatermarkKeyError, match="others may read"):
            registry.text_key()


def test_a_database_on_a_server_has_no_place_for_a_key_of_its_own(registry, is_postgresql):
    if is_postgresql:
        assert registry.text_key() is None
        with pytest.raises(RegistryError, match="no place for the key"):
            registry.make_text_key()


def test_receipts_have_to_be_known_and_times_to_have_a_zone(registry):
    with pytest.raises(RegistryError, match="does not know the receipt r9"):
        registry.log_text("r9", of(prose()))
    assert registry.text_log_size().texts == 0
    with pytest.raises(ValueError, match="time zone"):
        registry.log_text(None, of(prose()), at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is it
    with pytest.raises(ValueError, match="time zone"):
        registry.expire_texts(datetime(2026, 1, 1), actor="a", reason="b")  # noqa: DTZ001


def test_a_withdrawn_receipt_takes_its_text_along(registry, sql):
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
    assert sql("SELECT count(*) FROM text_shingle") == [(stored,)]


# ---------------------------------------------------------------- deleting


def test_deleted_texts_are_gone_and_the_audit_log_holds(registry):
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


def test_what_is_deleted_is_overwritten_in_the_file(sqlite_location):
    selection = of(prose()).selection
    with Registry.open(sqlite_location) as registry:
        text_id = registry.log_text(None, of(prose()))
        registry.delete_text(text_id, actor="Ada", reason="asked for")
    files = b"".join(path.read_bytes() for path in Path(sqlite_location).parent.iterdir())
    assert selection.to_bytes() not in files
    assert not any(int(value).to_bytes(8, "big") in files for value in selection.values)


def test_outputs_expire_and_texts_with_their_last_one(registry, monkeypatch):
    monkeypatch.setattr("labeler.registry.deletion._BATCH", 2)
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


def test_a_damaged_record_is_an_error(registry, sql):
    registry.log_text(None, of(prose()))
    sql("UPDATE text SET selection = :data", data=b"\1\2")
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.find_text(of(prose()))
