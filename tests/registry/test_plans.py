"""What is asked all the time takes an index, on both databases."""

import pytest
from sqlalchemy import event

from labeler.codec.payload import Handle
from labeler.registry import ContentFingerprint, DurableRecord
from tests.receipts import make_receipt

HOT = {
    "handle": (lambda r: r.find(Handle(0, 7)), {"receipt_by_handle"}),
    "output": (lambda r: r.find_output("cd" * 32), {"receipt_by_output"}),
    "source": (lambda r: r.find_stamped("ab" * 32, "p"), {"receipt_by_source"}),
    "receipt": (lambda r: r.find_receipt("r1"), {"sqlite_autoindex_receipt_1", "receipt_pkey"}),
    "binding": (
        lambda r: r.find_manifests("v"),
        {"sqlite_autoindex_soft_binding_1", "soft_binding_pkey"},
    ),
    "binding and algorithm": (
        lambda r: r.find_manifests("v", algorithm="a"),
        {"sqlite_autoindex_soft_binding_1", "soft_binding_pkey"},
    ),
    "manifest of an output": (lambda r: r.manifest_of("r1"), {"manifest_by_receipt"}),
    "fingerprints": (
        lambda r: list(r.fingerprints_after(3, "pdq")),
        {"fingerprint_by_algorithm"},
    ),
    "fingerprints of an output": (
        lambda r: r.fingerprints_of("r1", "pdq"),
        {"fingerprint_by_receipt"},
    ),
    "sign-offs": (lambda r: r.sign_offs_of("essay"), {"audit_by_work"}),
    "sign-off": (lambda r: r.find_sign_off("ab" * 32), {"audit_by_subject"}),
    "decision": (lambda r: r.find_decision("d"), {"audit_by_decision"}),
}


@pytest.mark.parametrize("name", HOT)
def test_what_is_asked_all_the_time_takes_an_index(registry, is_postgresql, name):
    ask, indexes = HOT[name]
    taken = (ContentFingerprint(algorithm="pdq", value=b"x"),)
    registry.prepare(make_receipt(), profile="p", durable=DurableRecord(fingerprints=taken))
    asked = []

    def note(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(registry._engine, "before_cursor_execute", note)
    ask(registry)
    event.remove(registry._engine, "before_cursor_execute", note)
    assert asked
    with registry._connection() as connection:
        if is_postgresql:
            # So few rows as here are read one after the other, which is right.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
        plans = [
            "\n".join(
                str(tuple(row))
                for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
            )
            for statement, parameters in asked[:1]
        ]
    for plan in plans:
        assert any(index in plan for index in indexes), plan
        assert "Seq Scan" not in plan
        assert "SCAN receipt" not in plan
