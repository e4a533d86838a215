"""The registry in a file of SQLite."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, QueuePool, Table, create_engine, event
from sqlalchemy.engine.default import DefaultExecutionContext

from labeler.errors import RegistryError
from labeler.registry.database import Database, key_beside, transaction

__all__ = ["SqliteFile"]

_BUSY_TIMEOUT_S: Final = 30.0
"""How long to wait for others who write: each of them takes milliseconds, but there may be many."""
_PAUSE_S: Final = (0.001, 0.008)
"""How long to wait before asking again; a transaction takes about as long."""
_SETTINGS: Final = (
    "journal_mode = WAL",  # kept in the file
    "foreign_keys = ON",
    # Not NORMAL: in WAL mode that may lose the last commits when the power fails, and a receipt
    # has to be on disk before its output is published.
    "synchronous = FULL",
    # What the audit log erases is overwritten in the file, not only forgotten.
    "secure_delete = ON",
)
"""Pragmas of those who write."""
_CACHE_KIB: Final = 32 * 1024


class SqliteFile(Database):
    """A registry in a file; any number of processes of one machine may share it.

    Args:
        file: Its path.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.name = str(file)
        self.text_log_key = key_beside(file)

    def revision(self) -> str | None:
        """See `Database.revision`; an empty file has none, as it has to SQLite."""
        try:
            is_there = self._file.stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RegistryError(
                f"the registry cannot be read: {error.strerror}",
                file=self._file,
                hint="See that it and the folders above it may be read",
            ) from error
        return super().revision() if is_there else None

    def create(self) -> None:
        """See `Database.create`: under another name first, then linked to its own."""
        from labeler.registry.migrating import migrate  # noqa: PLC0415 - it builds on this module

        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(
                prefix=f".{self._file.name}.", dir=self._file.parent
            )
            with folder as name:
                draft = Path(name, self._file.name)
                # SQLite gives its own files beside the database the mode that this one has.
                os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                migrate(SqliteFile(draft), named=self.name)
                with suppress(FileExistsError):
                    os.link(draft, self._file)
        except OSError as error:
            raise RegistryError(
                f"the registry cannot be made: {error.strerror}",
                file=self._file,
                hint="Set LABELER_HOME or LABELER_REGISTRY to a place that can be written",
            ) from error

    def open(self, *, read_only: bool = False) -> Engine:
        """See `Database.open`."""
        connect = _connect_read_only if read_only else _connect
        engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: connect(self._file),
            poolclass=QueuePool,
            hide_parameters=True,  # records name people
        )
        if not read_only:
            event.listen(engine, "before_cursor_execute", self._take_turn)
        return engine

    def lock(self, connection: Connection) -> None:
        """See `Database.lock`."""
        self._begin(connection)

    def hold_still(self, connection: Connection) -> None:
        """See `Database.hold_still`."""
        connection.exec_driver_sql("BEGIN")

    def _take_turn(
        self,
        connection: Connection,
        _cursor: object,
        _statement: str,
        _parameters: object,
        context: DefaultExecutionContext,
        _many: bool,
    ) -> None:
        """Before a statement that writes, where nothing has begun the transaction yet."""
        if context.isinsert or context.isupdate or context.isdelete:
            self._begin(connection)

    def _begin(self, connection: Connection) -> None:
        """Begin a transaction that writes, when it is this one's turn.

        SQLite itself would ask again after ever longer pauses: whoever has waited long asks
        seldom, and those who just came go first, for seconds. Here all ask equally often.

        Raises:
            RegistryError: Others did not come to an end in time.
        """
        driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]  # of the driver's own type
        if driver.in_transaction:
            return
        until = time.monotonic() + _BUSY_TIMEOUT_S
        driver.execute("PRAGMA busy_timeout = 0")
        try:
            while not _try_to_begin(driver):
                if time.monotonic() > until:
                    raise RegistryError(
                        f"others have been writing to the registry for {_BUSY_TIMEOUT_S:.0f} s",
                        file=self._file,
                        hint="See whether a process that writes to it hangs",
                    )
                time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 - nothing depends on it
        finally:
            driver.execute(f"PRAGMA busy_timeout = {1000 * _BUSY_TIMEOUT_S:.0f}")

    def forget(self, engine: Engine, tables: Collection[Table]) -> None:  # noqa: ARG002 - one log
        """See `Database.forget`: it is overwritten in the file, and is in the log until now."""
        with transaction(engine, self.name) as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _connect(file: Path) -> sqlite3.Connection:
    # mode=rw: a file that has gone in the meantime is an error, not a new and empty registry.
    connection = _open(f"{file.absolute().as_uri()}?mode=rw")
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _try_to_begin(driver: sqlite3.Connection) -> bool:
    """Whether the transaction could begin: not while another one writes."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        # The last byte tells the kind, the others why.
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _connect_read_only(file: Path) -> sqlite3.Connection:
    uri = file.absolute().as_uri()
    try:
        return _open(f"{uri}?mode=ro")
    except sqlite3.OperationalError:
        # A WAL database in a directory that may not be written: SQLite cannot make its shared
        # memory file there. Where no log is left either, the file alone is the whole truth.
        if file.with_name(f"{file.name}-wal").exists():
            raise
        return _open(f"{uri}?mode=ro&immutable=1")


def _open(uri: str) -> sqlite3.Connection:
    # The pool lends a connection to one thread at a time, whichever thread opened it.
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        # Room for the upper levels of an index of a hundred million shingles; taken as it is used.
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("SELECT 1 FROM sqlite_master")  # what cannot be read shows here
    except sqlite3.Error:
        connection.close()
        raise
    return connection
