"""What a location names, and what is said about one that cannot be used."""

import importlib.util
import sys
import traceback
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import inspect

from labeler.errors import MissingExtraError, RegistryError
from labeler.registry import Registry, RegistryReader
from labeler.registry.database import database_of, locate
from labeler.settings import Settings
from tests.databases import connect

SECRET = "h0rse-battery"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://labeler:{SECRET}@127.0.0.1:1/labeler",
        f"postgres://labeler:{SECRET}@127.0.0.1:1/labeler",
        f"postgresql+psycopg2://labeler:{SECRET}@127.0.0.1:1/labeler",
        f"postgresql://labeler@127.0.0.1:1/labeler?password={SECRET}",
        f"postgresql://labeler@127.0.0.1:1/labeler?sslpassword={SECRET}",
    ],
)
def test_a_server_that_is_not_there_is_named_without_the_password(url, tmp_path):
    settings = Settings(registry=url, home=tmp_path)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    for kind in (Registry, RegistryReader):
        with pytest.raises(RegistryError, match=r"connection.* failed") as caught:
            kind.of(settings)
        error = caught.value
        assert error.file.startswith("postgresql://labeler")
        assert "@127.0.0.1:1/labeler" in error.file
        assert "server can be reached" in error.hint
        told = "".join(traceback.format_exception(error))
        assert SECRET not in told + str(error) + repr(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://labeler:{SECRET}@127.0.0.1:port/labeler",
        f"postgresql://labeler:at@{SECRET}@127.0.0.1/labeler",
        f"no such thing://labeler:{SECRET}@127.0.0.1/labeler",
    ],
)
def test_a_malformed_location_is_not_shown(url):
    with pytest.raises(RegistryError) as caught:
        locate(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "malformed" in caught.value.problem


@pytest.mark.system
def test_a_wrong_password_is_not_shown(postgresql_server):
    url = postgresql_server.new().replace("//postgres@", f"//nobody:{SECRET}@")
    with pytest.raises(RegistryError, match='role "nobody" does not exist') as caught:
        Registry.open(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_without_the_driver_the_extra_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "labeler.registry.postgresql.find_spec",
        lambda name: None if name == "psycopg" else find(name),
    )
    with pytest.raises(MissingExtraError, match="psycopg") as caught:
        Registry.open("postgresql://labeler@host/labeler")
    assert "ai-labeler[postgresql]" in caught.value.hint


def test_a_file_needs_no_driver(monkeypatch, sqlite_location):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    Registry.open(sqlite_location).close()


@pytest.mark.system
def test_the_driver_does_not_matter_nor_how_the_scheme_is_spelt(postgresql_server):
    url = postgresql_server.new()
    Registry.open(url).close()
    for scheme in ("postgres", "postgresql+psycopg2", "postgresql+asyncpg"):
        with RegistryReader.open(url.replace("postgresql", scheme, 1)) as reader:
            assert reader.verify_audit().intact


def test_the_settings_say_where_the_registry_and_its_key_are(tmp_path):
    settings = Settings(home=tmp_path, registry=f"postgresql://labeler:{SECRET}@db.example/l")
    database = database_of(settings)
    assert database.name == "postgresql://labeler:***@db.example/l"
    assert database.text_log_key == tmp_path / "registry.text-log-key"
    database = database_of(Settings(home=tmp_path))
    assert database.name == str(tmp_path / "registry.sqlite3")
    assert database.text_log_key == tmp_path / "registry.sqlite3.text-log-key"


@pytest.mark.system
def test_a_schema_that_is_not_there_is_an_error_and_not_another_one(postgresql_server):
    url = postgresql_server.url("no_such_schema")
    with pytest.raises(RegistryError, match="no schema that tables could be made in"):
        Registry.open(url)


@pytest.mark.system
def test_a_search_path_is_no_statement(postgresql_server):
    """Nothing of a URL becomes part of one."""
    engine = connect(postgresql_server.new())
    odd = 'odd"; DROP TABLE receipt; --'
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "odd""; DROP TABLE receipt; --"')
    engine.dispose()
    quoted = odd.replace('"', '""')
    path = f'-csearch_path="{quoted}"'.replace(" ", "\\ ")
    url = postgresql_server.url() + "&options=" + quote(path, safe="")
    with Registry.open(url) as registry:
        handle = registry.reserve(0)
        registry.record("stamping", "ab" * 32, actor="a", reason="b", body={})
        registry.erase(1, actor="a", reason="b")
        assert registry.verify_audit().intact
    engine = connect(postgresql_server.url())
    assert "reservation" in inspect(engine).get_table_names(schema=odd)
    with engine.connect() as connection:
        query = f'SELECT serial FROM "{quoted}".reservation'
        assert connection.exec_driver_sql(query).scalar_one() == handle.serial
    engine.dispose()


@pytest.mark.system
def test_a_server_that_was_restarted_is_no_error(postgresql_server):
    url = postgresql_server.new()
    with Registry.open(url) as registry, RegistryReader.open(url) as reader:
        registry.reserve(0)
        assert reader.verify_audit().entries == 0
        with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'labeler'"
            ).fetchall()
        assert len(ended) >= 2
        registry.record("stamping", "ab" * 32, actor="a", reason="b", body={})
        assert reader.verify_audit().entries == 1


@pytest.mark.system
def test_writers_see_what_those_before_them_left_whatever_the_server_prefers(postgresql_server):
    url = postgresql_server.new() + quote(" -cdefault_transaction_isolation=serializable")
    with Registry.open(url) as registry, registry._writing() as connection:
        level = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
        assert level == "read committed"


@pytest.mark.system
def test_writers_wait_and_stop_for_a_time_and_no_longer(postgresql_server):
    url = postgresql_server.new() + quote(" -csynchronous_commit=off")
    with Registry.open(url) as registry, registry._writing() as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in (
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "synchronous_commit",
            )
        ]
    assert shown == ["30s", "1min", "local"]


@pytest.mark.system
def test_registries_in_one_database_do_not_wait_for_each_other(postgresql_server):
    first, second = (Registry.open(postgresql_server.new()) for _ in range(2))
    with first, second, first._writing():
        second.record("stamping", "ab" * 32, actor="a", reason="b", body={})
