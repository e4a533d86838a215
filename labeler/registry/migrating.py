"""Bringing a registry's tables up to what this version of Labeler works with, by Alembic.

Alembic takes as long to import as the rest of the registry, and is imported only where there is
something to do.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from labeler.errors import RegistryError
from labeler.registry.database import Database, transaction
from labeler.registry.schema import METADATA, REVISION

__all__ = ["bring_up", "find_revision", "migrate", "revision_of"]

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_REVISED: Final = "alembic_version"
_NUMBERED: Final = "schema_version"
"""The table that registries had before there were migrations."""
_FIRST: Final = frozenset({"receipt", "reservation"})
"""What registries of all versions have."""
_ALEMBIC: Final = threading.Lock()
"""What migrations import from Alembic is one for the whole process: one thread at a time."""
_FOUND: Final = text(f"SELECT version_num FROM {_REVISED}")  # noqa: S608 - constants
_NUMBER: Final = text(f"SELECT version FROM {_NUMBERED}")  # noqa: S608 - constants


def revision_of(connection: Connection, *, named: str) -> str | None:
    """The migration that the tables are at; None where there are none.

    Args:
        connection: To the database.
        named: What errors call it.

    Raises:
        RegistryError: There are tables of something else.
    """
    tables = _tables(connection)
    # A file is a registry's alone. A database on a server may hold other things beside it.
    is_shared = connection.dialect.name != "sqlite"
    ours = tables & {_REVISED, _NUMBERED, *METADATA.tables} if is_shared else tables
    if not ours:
        return None
    if tables >= _FIRST | {_REVISED}:
        return str(connection.execute(_FOUND).scalar_one())
    if tables >= _FIRST | {_NUMBERED}:
        return f"{int(connection.execute(_NUMBER).scalar_one()):04}"
    raise RegistryError(
        "the database holds tables of something else than a registry",
        file=named,
        hint="Give the registry a file of its own, or a database or schema on a server",
    )


def _tables(connection: Connection) -> set[str]:
    """Those of the schema where tables would be made, not all that can be seen."""
    inspector = inspect(connection)
    return set(inspector.get_table_names(schema=inspector.default_schema_name))


def find_revision(database: Database) -> str | None:
    """The migration that a database is at; None where there is no registry in it.

    Raises:
        RegistryError: It cannot be read, or there are tables of something else.
    """
    engine = database.open(read_only=True)
    try:
        with transaction(engine, database.name) as connection:
            return revision_of(connection, named=database.name)
    finally:
        engine.dispose()


def bring_up(database: Database) -> bool:
    """See that a registry is of this version, or make it so; False where there is none.

    Raises:
        RegistryError: It cannot be read, or changed where it has to be; or is of a later version.
    """
    found = database.revision()
    if found is None:
        return False
    if not _is_current(database, found):
        migrate(database, named=database.name)
    return True


def _is_current(database: Database, found: str | None) -> bool:
    """Whether the tables are what this version works with; else they can be brought up to that.

    Raises:
        RegistryError: They are of a later version.
    """
    if found is not None and found > REVISION:
        raise RegistryError(
            f"the registry has revision {found}, this Labeler works with {REVISION}",
            file=database.name,
            hint="Use the version of Labeler that wrote it, or a later one",
        )
    return found == REVISION


def migrate(database: Database, *, named: str) -> str | None:
    """Make the tables, or bring them up to date, unless another process has by now.

    It is done as a whole or not at all.

    Args:
        database: Where.
        named: What errors call it.

    Returns:
        The revision that was found.

    Raises:
        RegistryError: It cannot be written, or is of a later version.
    """
    found = database.revision()
    engine = database.open()
    try:
        with transaction(engine, named) as connection:
            database.lock(connection)
            found = revision_of(connection, named=named)
            if not _is_current(database, found):
                _run(connection, found)
    except RegistryError as error:
        if found is None or found > REVISION:
            raise
        raise RegistryError(
            f"the registry has revision {found} and cannot be brought up to {REVISION}: "
            f"{error.problem}",
            file=named,
            hint="Run `labeler registry upgrade` as a user who may change it",
        ) from error
    finally:
        engine.dispose()
    return found


def _run(connection: Connection, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ALEMBIC:
        if found is not None and _NUMBERED in _tables(connection):
            command.stamp(config, found)
        command.upgrade(config, REVISION)
