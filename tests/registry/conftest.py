"""Every test of the registry runs on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from labeler.registry import Registry
from tests.databases import connect
from tests.receipts import NOW


@pytest.fixture
def sqlite_location(tmp_path):
    return str(tmp_path / "home" / "registry.sqlite3")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def location(request):
    """Where a registry may be made: none is there yet."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_location")
    return request.getfixturevalue("postgresql_server").new()


@pytest.fixture
def elsewhere(request, location, tmp_path):
    """Another such place, in the same kind of database."""
    if "://" in location:
        return request.getfixturevalue("postgresql_server").new()
    return str(tmp_path / "elsewhere" / "registry.sqlite3")


@pytest.fixture
def is_postgresql(location):
    return "://" in location


@pytest.fixture
def registry(location):
    with Registry.open(location, now=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def sql(location):
    """Runs a statement on a registry as somebody would who has its database, and gives its rows."""
    engine = connect(location)

    def run(statement, **values):
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else None

    yield run
    engine.dispose()


@pytest.fixture
def tamper(registry, sql, is_postgresql):
    """The same, but no trigger stops it."""
    if is_postgresql:
        for table in ("audit", "audit_detail"):
            sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    else:
        for (name,) in sql("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            sql(f"DROP TRIGGER {name}")
    return sql
