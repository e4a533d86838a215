"""The registry's database file: where it is, how it is made and opened."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, QueuePool, create_engine, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError

from labeler.errors import RegistryError
from labeler.registry import schema

__all__ = [
    "create",
    "has_audit_log",
    "has_texts",
    "locate",
    "open_engine",
    "transaction",
    "upgrade",
]

_BUSY_TIMEOUT_S: Final = 5.0
_CACHE_KIB: Final = 32 * 1024


def locate(location: str) -> Path:
    """The file that ``location``, a path or an SQLAlchemy URL of SQLite, names.

    Raises:
        RegistryError: It is a URL that is malformed, or not of an SQLite file.
    """
    if "://" not in location:
        return Path(location).expanduser()
    try:
        url = make_url(location)
    except ArgumentError as error:
        raise RegistryError("the registry's URL is malformed") from error
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise RegistryError(
            f"the registry cannot be a {url.get_backend_name()} database without a file",
            hint="Give a path, or a URL such as sqlite:////srv/labeler/registry.sqlite3",
        )
    return Path(url.database)


def create(file: Path) -> None:
    """Make a registry under another name and link it to ``file``, unless that exists by then.

    So that of several processes that start at once, each finds either none or a whole one.

    Raises:
        RegistryError: The directory or the file cannot be made.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as directory:
            draft = Path(directory, file.name)
            # SQLite gives its own files beside the database the mode that this one has.
            os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            _create_tables(draft, named=file)
            with suppress(FileExistsError):
                os.link(draft, file)
    except OSError as error:
        raise RegistryError(
            f"the registry cannot be made: {error.strerror}",
            file=file,
            hint="Set LABELER_HOME or LABELER_REGISTRY to a place that can be written",
        ) from error


def open_engine(file: Path, *, read_only: bool = False) -> Engine:
    """An engine with a pool of connections to ``file``, none of them opened yet."""
    return create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect_read_only(file) if read_only else _connect(file),
        poolclass=QueuePool,
    )


@contextmanager
def transaction(engine: Engine, file: Path) -> Iterator[Connection]:
    """A connection whose work is committed at the end, or not at all.

    Raises:
        IntegrityError: A row was refused; what that means only the caller knows.
        RegistryError: The database cannot be read or written.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DatabaseError as error:
        raise RegistryError(
            f"the registry cannot be used: {error.orig}",
            file=file,
            hint="See that the file is a registry, that it is writable, and that the disk has room",
        ) from error


def upgrade(engine: Engine, file: Path) -> None:
    """Bring a registry of an earlier version up to this one, unless another process has by now.

    Raises:
        RegistryError: The registry cannot be written.
    """
    with transaction(engine, file) as connection:
        # It locks: of several processes that come here, one makes the tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        found = connection.execute(select(schema.version.c.version)).scalar_one()
        if found >= schema.SCHEMA_VERSION:
            return  # another process was first, perhaps one of a later version
        if found <= schema.WITHOUT_SOUNDS:
            schema.sounds.create(connection)
        if found <= schema.WITHOUT_AUDIT:
            schema.audit_entries.create(connection)
            schema.audit_details.create(connection)
        if found <= schema.WITHOUT_TEXTS:
            for table in (
                schema.text_keys,
                schema.texts,
                schema.text_outputs,
                schema.text_shingles,
            ):
                table.create(connection)
        connection.execute(update(schema.version).values(version=schema.SCHEMA_VERSION))


def has_audit_log(connection: Connection) -> bool:
    """Whether the registry is of a version that has an audit log."""
    found: int = connection.execute(select(schema.version.c.version)).scalar_one()
    return found > schema.WITHOUT_AUDIT


def has_texts(connection: Connection) -> bool:
    """Whether the registry is of a version that has a fingerprint log of texts."""
    found: int = connection.execute(select(schema.version.c.version)).scalar_one()
    return found > schema.WITHOUT_TEXTS


def _connect(file: Path) -> sqlite3.Connection:
    # mode=rw: a file that has gone in the meantime is an error, not a new and empty registry.
    connection = _open(f"{file.absolute().as_uri()}?mode=rw")
    connection.execute("PRAGMA foreign_keys = ON")
    # Not NORMAL: in WAL mode that may lose the last commits when the power fails, and a receipt
    # has to be on disk before its output is published.
    connection.execute("PRAGMA synchronous = FULL")
    # What the audit log erases is overwritten in the file, not only forgotten.
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _connect_read_only(file: Path) -> sqlite3.Connection:
    uri = file.absolute().as_uri()
    connection = _open(f"{uri}?mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError:
        connection.close()
        # A WAL database in a directory that may not be written: SQLite cannot make its shared
        # memory file there. Where no log is left either, the file alone is the whole truth.
        if file.with_name(f"{file.name}-wal").exists():
            raise
        return _open(f"{uri}?mode=ro&immutable=1")
    return connection


def _open(uri: str) -> sqlite3.Connection:
    # The pool lends a connection to one thread at a time, whichever thread opened it.
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
    # Room for the upper levels of an index of a hundred million shingles; taken as it is used.
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _create_tables(file: Path, *, named: Path) -> None:
    engine = open_engine(file)
    try:
        with transaction(engine, named) as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # kept in the file
            schema.METADATA.create_all(connection)
            connection.execute(insert(schema.version).values(version=schema.SCHEMA_VERSION))
    finally:
        engine.dispose()
