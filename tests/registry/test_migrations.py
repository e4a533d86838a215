"""Registries of earlier versions are brought up by whoever opens them; others are left alone."""

import os
import sqlite3
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from labeler.codec.payload import Handle, Origin, ShortPayload
from labeler.errors import RegistryError
from labeler.registry import Registry, RegistryReader, migrating
from labeler.registry.database import locate
from labeler.registry.schema import METADATA, REVISION
from tests.databases import connect
from tests.receipts import NOW, make_receipt
from tests.registry.earlier import make_earlier

OLD = make_receipt("old", handle=Handle(0, 7))


@pytest.fixture(params=[1, 2, 3, 4])
def earlier(sqlite_location, request):
    make_earlier(sqlite_location, request.param, OLD)
    return sqlite_location


def revision(location):
    return locate(location).revision()


def shape(location):
    """All that a file's tables, indexes and triggers are made of, and how."""
    connection = sqlite3.connect(location)
    tables = {
        name: [
            connection.execute(f"PRAGMA {what}({name})").fetchall()
            for what in ("table_xinfo", "index_list", "foreign_key_list")
        ]
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type != 'trigger'")
    }
    others = connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
    connection.close()
    return tables, sorted(others)


@pytest.mark.parametrize("kind", [Registry, RegistryReader])
def test_whoever_opens_an_earlier_registry_brings_it_up(earlier, kind):
    with kind.open(earlier) as registry:
        assert registry.find(Handle(0, 7)) == OLD
        assert registry.find_output(OLD.target_sha256) == (OLD,)
        assert registry.find_by_tag(ShortPayload(origin=Origin.GENERATED, tag=1)) == ()
        assert registry.text_log_size().texts == 0
        assert registry.verify_audit().intact
    assert revision(earlier) == REVISION


def test_an_earlier_registry_becomes_what_a_new_one_is(earlier, tmp_path):
    RegistryReader.open(earlier).close()
    Registry.open(str(tmp_path / "new.sqlite3")).close()
    assert shape(earlier) == shape(str(tmp_path / "new.sqlite3"))


def test_those_who_read_already_see_what_is_written_then(earlier):
    with RegistryReader.open(earlier) as reader, Registry.open(earlier) as registry:
        handle = registry.reserve(0)
        registry.prepare(make_receipt(handle=handle), profile="p")
        registry.record("stamping", "ab" * 32, actor="a", reason="b", body={})
        assert reader.find(handle).receipt_id == "r1"
        assert reader.verify_audit().entries == 1


def test_what_entries_are_found_by_is_taken_from_their_bodies(sqlite_location):
    make_earlier(sqlite_location, 3)
    connection = sqlite3.connect(sqlite_location)
    for sequence, body in enumerate(['{"work":"essay","decision_id":"d"}', '{"work":7}', "{}"], 1):
        digest = f"{sequence:064x}"
        connection.execute(
            "INSERT INTO audit VALUES (?, ?, 'decision', 's', 'd', ?, ?)",
            (sequence, NOW.isoformat(), f"{sequence - 1:064x}", digest),
        )
        connection.execute(
            "INSERT INTO audit_detail VALUES (?, '00', 'ada', 'because', ?)", (sequence, body)
        )
    # Damaged by somebody: it is no reason why nobody could open the registry any more.
    connection.executescript("DROP INDEX audit_by_work; DROP INDEX audit_by_decision")
    connection.execute("DROP TRIGGER audit_detail_no_update")
    connection.execute("UPDATE audit_detail SET body = 'no JSON' WHERE sequence = 3")
    connection.execute(
        "CREATE TRIGGER audit_detail_no_update BEFORE UPDATE ON audit_detail "
        "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
    )
    connection.commit()
    Registry.open(sqlite_location).close()
    found = connection.execute("SELECT work, decision_id FROM audit_detail ORDER BY sequence")
    assert found.fetchall() == [("essay", "d"), (None, None), (None, None)]
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute("UPDATE audit_detail SET reason = 'x'")
    connection.close()


def test_the_tables_are_what_statements_take_them_for(registry, location):
    engine = connect(location)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
        names = set(inspect(connection).get_table_names())
    engine.dispose()
    assert names == {*METADATA.tables, "alembic_version"}


def test_a_registry_of_a_later_version_is_refused(registry, location, sql):
    sql("UPDATE alembic_version SET version_num = '0099'")
    for kind in (Registry, RegistryReader):
        with pytest.raises(RegistryError, match=f"revision 0099, .* works with {REVISION}"):
            kind.open(location)
    with pytest.raises(RegistryError, match="revision 0099"):
        migrating.migrate(locate(location), named=location)
    assert sql("SELECT version_num FROM alembic_version") == [("0099",)]


def test_an_earlier_version_that_is_numbered_later_is_refused(sqlite_location):
    make_earlier(sqlite_location, 4)
    connection = sqlite3.connect(sqlite_location)
    connection.execute("UPDATE schema_version SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(RegistryError, match="revision 0099"):
        RegistryReader.open(sqlite_location)


def test_a_migration_that_fails_leaves_everything_as_it_was(sqlite_location, monkeypatch):
    make_earlier(sqlite_location, 2, OLD)
    before = shape(sqlite_location)
    run = migrating._run

    def run_out_of_room(connection, found):
        run(connection, found)
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    monkeypatch.setattr(migrating, "_run", run_out_of_room)
    with pytest.raises(RegistryError, match=r"0002 and cannot be brought up to .*nowhere"):
        Registry.open(sqlite_location)
    assert shape(sqlite_location) == before
    monkeypatch.undo()
    with RegistryReader.open(sqlite_location) as reader:
        assert reader.find(Handle(0, 7)) == OLD


def test_making_tables_is_one_transaction(location, sql, monkeypatch):
    run = migrating._run

    def run_out_of_room(connection, found):
        run(connection, found)
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    monkeypatch.setattr(migrating, "_run", run_out_of_room)
    with pytest.raises(RegistryError, match="nowhere"):
        Registry.open(location)
    monkeypatch.undo()
    assert RegistryReader.open(location) is None
    with Registry.open(location) as registry:
        assert registry.verify_audit().intact


def open_together(location, kinds):
    problems, barrier = [], threading.Barrier(len(kinds))

    def open_it(kind):
        try:
            barrier.wait()
            with kind.open(location) as registry:
                if kind is Registry:
                    registry.prepare(make_receipt(f"r{threading.get_ident()}"), profile="p")
                    registry.record("stamping", "ab" * 32, actor="a", reason="b", body={})
                registry.find_stamped("ab" * 32, "p")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to show it
            problems.append(error)

    threads = [threading.Thread(target=open_it, args=[kind]) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems


@pytest.mark.parametrize("version", [1, 4])
def test_several_that_bring_it_up_do_not_get_in_each_others_way(sqlite_location, version):
    make_earlier(sqlite_location, version, OLD)
    assert open_together(sqlite_location, [Registry, RegistryReader] * 4) == []
    with Registry.open(sqlite_location) as registry:
        assert len(registry.find_stamped("ab" * 32, "p")) == 5
        assert registry.verify_audit().entries == 4


def test_several_that_find_none_make_one(location):
    assert open_together(location, [Registry] * 6) == []
    with RegistryReader.open(location) as reader:
        assert len(reader.find_stamped("ab" * 32, "p")) == 6
        assert reader.verify_audit().entries == 6


def test_several_that_find_an_empty_file_make_one(sqlite_location):
    file = Path(sqlite_location)
    file.parent.mkdir()
    file.touch(mode=0o600)
    assert RegistryReader.open(sqlite_location) is None
    assert open_together(sqlite_location, [Registry] * 6) == []
    with RegistryReader.open(sqlite_location) as reader:
        assert reader.verify_audit().entries == 6


# ---------------------------------------------------------------- those who may not


@contextmanager
def nobody():
    """As a user who owns nothing, where the tests run as one who may do everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_reader_who_may_not_write_is_told_what_to_do_about_an_earlier_file():
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "registry.sqlite3")
        make_earlier(file, 4, OLD)
        before = file.read_bytes()
        file.chmod(0o444)
        Path(name).chmod(0o555)
        with nobody(), pytest.raises(RegistryError, match="revision 0004") as caught:
            RegistryReader.open(str(file))
        assert "labeler registry upgrade" in caught.value.hint
        assert caught.value.file == str(file)
        assert file.read_bytes() == before
        Path(name).chmod(0o755)
        Registry.open(str(file)).close()
        Path(name).chmod(0o555)
        with nobody(), RegistryReader.open(str(file)) as reader:
            assert reader.find(Handle(0, 7)) == OLD
        Path(name).chmod(0o755)


@pytest.mark.system
def test_a_reader_who_may_not_write_is_told_what_to_do_about_an_earlier_database(
    postgresql_server,
):
    location = postgresql_server.new()
    Registry.open(location).close()
    engine = connect(location)
    with engine.begin() as connection:
        schema = inspect(connection).default_schema_name
        role = f"reader_of_{schema}"
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        ):
            connection.exec_driver_sql(statement)
    theirs = location.replace("//postgres@", f"//{role}@")
    with RegistryReader.open(theirs) as reader:
        assert reader.find(Handle(0, 7)) is None
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0004'")
    engine.dispose()
    with pytest.raises(RegistryError, match="revision 0004 and cannot be brought up") as caught:
        RegistryReader.open(theirs)
    assert "labeler registry upgrade" in caught.value.hint


# ---------------------------------------------------------------- what is none of ours


@pytest.mark.parametrize("table", ["receipt", "alembic_version", "schema_version", "job"])
def test_tables_of_something_else_are_left_alone(location, sql, table, tmp_path):
    Path(tmp_path / "home").mkdir()
    sql(f"CREATE TABLE {table} (version_num VARCHAR(32), version INTEGER)")
    sql(f"INSERT INTO {table} VALUES ('0003', 3)")
    for kind in (Registry, RegistryReader):
        with pytest.raises(RegistryError, match="something else") as caught:
            kind.open(location)
        assert caught.value.file == locate(location).name
    assert sql(f"SELECT * FROM {table}") == [("0003", 3)]


def test_a_file_of_something_else_is_left_alone(sqlite_location):
    Path(sqlite_location).parent.mkdir()
    connection = sqlite3.connect(sqlite_location)
    connection.execute("CREATE TABLE song (name TEXT)")
    connection.close()
    before = Path(sqlite_location).read_bytes()
    with pytest.raises(RegistryError, match="something else"):
        Registry.open(sqlite_location)
    assert Path(sqlite_location).read_bytes() == before


@pytest.mark.system
def test_a_schema_may_hold_other_things_and_so_may_those_after_it(postgresql_server):
    ours, theirs = postgresql_server.new(), postgresql_server.new()
    schemas = [url.rpartition("search_path%3D")[2] for url in (ours, theirs)]
    engine = connect(theirs)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE receipt (total INTEGER)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('1975ea83b712')")
    both = ours.replace(schemas[0], "%2C".join(schemas))
    connect_to_ours = connect(ours)
    with connect_to_ours.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE place (name TEXT)")
    connect_to_ours.dispose()
    assert RegistryReader.open(both) is None
    with Registry.open(both) as registry:
        registry.prepare(make_receipt(), profile="p")
    with RegistryReader.open(ours) as reader:
        assert len(reader.find_stamped("ab" * 32, "p")) == 1
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"receipt", "alembic_version"}
    engine.dispose()
