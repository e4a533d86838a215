import hashlib
import hmac
import itertools
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from labeler.errors import RegistryError
from labeler.registry import Registry, RegistryReader, SignOff
from labeler.registry.audit import GENESIS, STAMPING
from tests.receipts import NOW

CONTENT = "ab" * 32


def make_sign_off(**changes):
    sign_off = SignOff(
        content_sha256=CONTENT,
        work="essay",
        human_substantive=True,
        fact_checked=True,
        editorial_control=False,
        responsible_party="Beispiel-Verlag",
        contact="https://example.eu/imprint",
        reviewer="Ada Lovelace",
        signed_off_at=NOW,
        reason="read, sources checked",
    )
    return replace(sign_off, **changes)


def note(registry, number, **changes):
    told = {"actor": "ada", "reason": f"because {number}", "body": {"number": number}} | changes
    return registry.record(STAMPING, f"{number:064x}", **told)


def sha256_of(members):
    return hashlib.sha256(dump(members)).hexdigest()


def dump(members):
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def test_the_chain_is_the_one_that_is_documented(registry):
    for number in range(3):
        note(registry, number, reason="weil's so ist: ja, „gut“")
    previous = "0" * 64
    for number, entry in enumerate(registry.audit_entries(), 1):
        detail = {"actor": entry.actor, "reason": entry.reason, "body": entry.body}
        keyed = hmac.digest(bytes.fromhex(entry.salt), dump(detail), "sha256").hex()
        members = {
            "version": 1,
            "sequence": number,
            "at": "2026-11-21T12:00:00+00:00",
            "kind": "stamping",
            "subject": f"{number - 1:064x}",
            "previous": previous,
            "detail_digest": keyed,
        }
        previous = sha256_of(members)
        assert (entry.digest, entry.detail_digest) == (previous, keyed)
    verdict = registry.verify_audit()
    assert (verdict.intact, verdict.entries, verdict.head) == (True, 3, previous)


def test_an_entry_comes_back_as_it_was_recorded(registry, location):
    entry = note(registry, 1, body={"list": [1, None, 2.5, "ü"], "a": {"b": True}})
    with RegistryReader.open(location) as reader:
        assert list(reader.audit_entries()) == [entry]
    assert entry.members == {"list": [1, None, 2.5, "ü"], "a": {"b": True}}
    assert (entry.sequence, entry.previous, entry.is_erased) == (1, GENESIS, False)
    assert entry.salt not in repr(entry)


def test_entries_are_found_by_subject_and_kind_in_their_order(registry):
    for number in (1, 2, 1):
        note(registry, number)
    registry.sign_off(make_sign_off(), "ada")
    assert [each.sequence for each in registry.audit_entries(subject=f"{1:064x}")] == [1, 3]
    assert [each.sequence for each in registry.audit_entries(kind="sign-off")] == [4]
    assert list(registry.audit_entries(kind="sign-off", subject=f"{1:064x}")) == []


def test_a_long_log_is_read_in_portions(registry, monkeypatch):
    monkeypatch.setattr("labeler.registry.audit_log._PAGE", 3)
    for number in range(8):
        note(registry, number)
    assert [each.sequence for each in registry.audit_entries()] == list(range(1, 9))
    assert registry.verify_audit().entries == 8


def test_the_log_may_grow_while_it_is_read(registry):
    note(registry, 0)
    for entry in itertools.islice(registry.audit_entries(), 3):
        note(registry, entry.sequence)
    assert registry.verify_audit().intact


@pytest.mark.parametrize("blank", ["", " \n"])
@pytest.mark.parametrize("name", ["actor", "reason"])
def test_nothing_is_recorded_without_who_and_why(registry, name, blank):
    with pytest.raises(RegistryError, match=f"without an? {name}"):
        note(registry, 1, **{name: blank})
    with pytest.raises(RegistryError, match="takes no record without"):
        registry.record_decision(
            "d", CONTENT, **{"actor": "a", "reason": "b", name: blank}, body={}
        )
    assert list(registry.audit_entries()) == []


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": object()}, {"x": b""}, {(1, 2): 3}])
def test_what_is_no_json_is_refused(registry, body):
    with pytest.raises(RegistryError, match="cannot take this record"):
        note(registry, 1, body=body)
    assert registry.verify_audit().entries == 0


@pytest.mark.parametrize("text", ["a\0b", "\udc80.png"])
def test_what_is_no_text_is_refused(registry, text):
    with pytest.raises(RegistryError, match="no text"):
        note(registry, 1, reason=text)


@pytest.mark.parametrize("kind", ["sign-off", "decision", "erasure", "", "Upper", "a b"])
def test_kinds_with_a_meaning_of_their_own_are_not_forged(registry, kind):
    with pytest.raises(RegistryError, match="no records of the kind"):
        registry.record(kind, CONTENT, actor="a", reason="b", body={})


@settings(max_examples=25, deadline=None)
@given(
    sequence=st.integers(1, 4),
    column=st.sampled_from(["at", "kind", "subject", "detail_digest", "previous", "digest"]),
)
def test_any_change_to_an_entry_is_found(tmp_path_factory, sequence, column):
    location = str(tmp_path_factory.mktemp("log") / "registry.sqlite3")
    with Registry.open(location) as registry:
        for number in range(4):
            note(registry, number)
        with registry._connection() as connection:
            connection.exec_driver_sql("DROP TRIGGER audit_no_update")
            connection.exec_driver_sql(
                f"UPDATE audit SET {column} = '2' || substr({column}, 2) || 'x' "
                f"WHERE sequence = {sequence}"
            )
        verdict = registry.verify_audit()
    assert not verdict.intact
    assert verdict.first_broken == sequence
    assert f"entry {sequence}: " in verdict.problem


@pytest.mark.parametrize("column", ["salt", "actor", "reason", "body"])
def test_a_change_to_who_and_why_is_found(registry, tamper, column):
    for number in range(3):
        note(registry, number)
    value = '{"number":9}' if column == "body" else "00"
    tamper(f"UPDATE audit_detail SET {column} = :value WHERE sequence = 2", value=value)
    verdict = registry.verify_audit()
    assert (verdict.intact, verdict.first_broken) == (False, 2)
    assert "actor, reason or body was changed" in verdict.problem


def test_entries_that_are_missing_are_found(registry, tamper):
    for number in range(4):
        note(registry, number)
    tamper("DELETE FROM audit_detail WHERE sequence = 2")
    tamper("DELETE FROM audit WHERE sequence = 2")
    verdict = registry.verify_audit()
    assert (verdict.intact, verdict.first_broken) == (False, 2)
    assert "missing" in verdict.problem


def test_a_log_that_was_cut_off_is_found_by_those_who_know_its_head(registry, tamper):
    heads = [note(registry, number).digest for number in range(3)]
    for expected in (None, GENESIS, *heads):
        assert registry.verify_audit(expected).intact
    tamper("DELETE FROM audit_detail WHERE sequence = 3")
    tamper("DELETE FROM audit WHERE sequence = 3")
    assert registry.verify_audit().intact  # nobody can tell
    verdict = registry.verify_audit(heads[-1])
    assert (verdict.intact, verdict.first_broken, verdict.head) == (False, None, heads[1])
    assert "cut off" in verdict.problem


def test_mistakes_are_stopped_by_the_database_itself(registry, sql):
    note(registry, 1)
    for statement in (
        "UPDATE audit SET kind = 'x'",
        "DELETE FROM audit",
        "UPDATE audit_detail SET reason = 'x'",
        "INSERT INTO audit_detail VALUES (2, '00', 'ada', ' ', '{}', NULL, NULL)",
        "INSERT INTO audit SELECT 2, at, kind, subject, detail_digest, previous, '' FROM audit",
    ):
        with pytest.raises(DBAPIError, match=r"only grows|(?i:check|unique) constraint"):
            sql(statement)
    assert registry.verify_audit().entries == 1


def test_who_and_why_can_be_erased_and_the_chain_holds(registry, sql):
    for number in range(3):
        note(registry, number, actor="Grace Hopper")
    erasure = registry.erase(2, actor="dpo", reason="asked for")
    entries = list(registry.audit_entries())
    gone = entries[1]
    assert (gone.actor, gone.reason, gone.body, gone.salt) == (None,) * 4
    assert gone.is_erased
    assert gone.members == {}
    assert (erasure.kind, erasure.subject, erasure.sequence) == ("erasure", gone.digest, 4)
    assert registry.verify_audit(entries[2].digest).intact
    registry.erase(1, actor="dpo", reason="asked for")
    registry.erase(3, actor="dpo", reason="asked for")
    assert not sql("SELECT 1 FROM audit_detail WHERE actor = 'Grace Hopper'")
    assert registry.verify_audit(entries[2].digest).intact


def test_nothing_of_what_is_erased_is_left_in_the_file_and_its_log(sqlite_location):
    with Registry.open(sqlite_location) as registry:
        note(registry, 1, actor="Grace Hopper")
        registry.erase(1, actor="dpo", reason="asked for")
        files = {path.name: path.read_bytes() for path in Path(sqlite_location).parent.iterdir()}
    assert {"registry.sqlite3", "registry.sqlite3-wal"} <= files.keys()
    assert not any(b"Grace Hopper" in data for data in files.values())
    assert b"asked for" in files["registry.sqlite3"]


def test_an_erasure_can_lose_its_actor_too(registry):
    note(registry, 1)
    registry.erase(1, actor="Grace", reason="asked for")
    registry.erase(2, actor="dpo", reason="asked for")
    assert registry.verify_audit().intact


@pytest.mark.parametrize(("sequence", "problem"), [(1, "erased already"), (9, "is not there")])
def test_only_what_is_there_is_erased(registry, sequence, problem):
    note(registry, 1)
    registry.erase(1, actor="dpo", reason="asked for")
    with pytest.raises(RegistryError, match=problem):
        registry.erase(sequence, actor="dpo", reason="asked for")
    assert registry.verify_audit().entries == 2


def test_an_erasure_needs_a_reason_or_nothing_is_erased(registry):
    entry = note(registry, 1)
    with pytest.raises(RegistryError, match="without a reason"):
        registry.erase(1, actor="dpo", reason="")
    assert list(registry.audit_entries()) == [entry]


@pytest.mark.parametrize("sequence", [2, 4])
def test_what_was_erased_without_a_record_is_found(registry, tamper, sequence):
    for number in range(3):
        note(registry, number)
    registry.erase(1, actor="dpo", reason="asked for")
    tamper("DELETE FROM audit_detail WHERE sequence = :sequence", sequence=sequence)
    verdict = registry.verify_audit()
    assert (verdict.intact, verdict.first_broken) == (False, sequence)
    assert "no erasure is recorded" in verdict.problem


def record_many(location, name):
    with Registry.open(location) as registry:
        for number in range(10):
            note(registry, number, actor=name)


def test_processes_that_write_together_make_one_chain(location):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        list(pool.map(record_many, [location] * 3, ["a", "b", "c"]))
    with RegistryReader.open(location) as reader:
        verdict = reader.verify_audit()
        assert (verdict.intact, verdict.entries) == (True, 30)
        assert len({entry.digest for entry in reader.audit_entries()}) == 30


def test_a_sign_off_is_found_by_its_content_and_its_work(registry, location):
    eastern = NOW.astimezone(timezone(timedelta(hours=5)))
    first = make_sign_off(signed_off_at=eastern)
    later = make_sign_off(content_sha256="cd" * 32, editorial_control=True)
    for sign_off in (first, later, make_sign_off(content_sha256="ef" * 32, work="other")):
        entry = registry.sign_off(sign_off, "clerk")
    assert (entry.kind, entry.subject, entry.actor) == ("sign-off", "ef" * 32, "clerk")
    with RegistryReader.open(location) as reader:
        assert reader.find_sign_off(CONTENT) == first
        assert reader.find_sign_off("cd" * 32) == later
        assert reader.find_sign_off("00" * 32) is None
        assert reader.sign_offs_of("essay") == (first, later)
        assert reader.sign_offs_of("essa") == ()


def test_the_latest_sign_off_of_a_content_counts_even_where_it_was_erased(registry):
    registry.sign_off(make_sign_off(), "ada")
    withdrawn = make_sign_off(human_substantive=False, fact_checked=False, reason="withdrawn")
    registry.sign_off(withdrawn, "ada")
    assert registry.find_sign_off(CONTENT) == withdrawn
    registry.erase(2, actor="dpo", reason="asked for")
    assert registry.find_sign_off(CONTENT) is None
    assert registry.sign_offs_of("essay") == (make_sign_off(),)


def test_nobody_relies_on_a_sign_off_that_was_changed(registry, tamper):
    registry.sign_off(make_sign_off(fact_checked=False), "ada")
    body = next(registry.audit_entries()).body
    changed = body.replace('"fact_checked":false', '"fact_checked":true')
    assert changed != body
    tamper("UPDATE audit_detail SET body = :body", body=changed)
    for find in (
        lambda: registry.find_sign_off(CONTENT),
        lambda: registry.sign_offs_of("essay"),
    ):
        with pytest.raises(RegistryError, match=r"entry 1 .* does not hold"):
            find()


@pytest.mark.parametrize(
    ("human", "checked", "control", "enough"),
    [
        (True, True, False, True),
        (False, False, True, True),
        (True, False, False, False),
        (False, True, False, False),
    ],
)
def test_what_review_is_enough(human, checked, control, enough):
    sign_off = make_sign_off(
        human_substantive=human, fact_checked=checked, editorial_control=control
    )
    assert sign_off.is_review_sufficient is enough


@pytest.mark.parametrize(
    "changes",
    [
        {"content_sha256": "AB" * 32},
        {"content_sha256": ""},
        {"work": ""},
        {"responsible_party": " "},
        {"contact": ""},
        {"reviewer": ""},
        {"reason": "\n"},
        {"signed_off_at": NOW.replace(tzinfo=None)},
    ],
)
def test_an_incomplete_sign_off_is_refused(changes):
    with pytest.raises(RegistryError):
        make_sign_off(**changes)


def test_a_decision_is_found_by_the_id_that_the_receipt_has(registry):
    for reason in ("first", "second"):
        entry = registry.record_decision(
            "d-1", CONTENT, actor="labeler", reason=reason, body={"due": ["eu-50-2-mark"]}
        )
    assert registry.find_decision("d-1") == entry
    assert entry.members == {"decision_id": "d-1", "due": ["eu-50-2-mark"]}
    assert (entry.kind, entry.subject) == ("decision", CONTENT)
    assert registry.find_decision("d-2") is None
    with pytest.raises(RegistryError, match="no SHA-256"):
        registry.record_decision("d-3", "picture.png", actor="a", reason="b", body={})
