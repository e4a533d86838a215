"""The registry in a database of PostgreSQL, for several machines that stamp and verify."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, text
from sqlalchemy.exc import DBAPIError

from labeler.errors import MissingExtraError, RegistryError
from labeler.registry.database import Database

__all__ = ["PostgresqlDatabase"]

_DRIVER: Final = "psycopg"
_SECRETS: Final = ("password", "sslpassword", "oauth_client_secret")
"""Parameters of a connection that nobody is shown."""
_POOL: Final = 5
_CONNECT_TIMEOUT_S: Final = 10
# Waiting has an end, and so has a writer that stopped: others would wait for it for ever. And what
# was committed is on disk, whatever the server's default: a receipt comes before its output.
_LIMITS: Final = text(
    "SELECT set_config('lock_timeout', '30s', true),"
    " set_config('idle_in_transaction_session_timeout', '60s', true),"
    " CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN set_config('synchronous_commit', 'local', true) END"
)
# Those who write take turns, in the order in which they come; each schema has its own turns.
# The first number says "labl". The lock ends after the commit can be seen.
_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock(1818321516, CAST(oid AS integer))"
    " FROM pg_namespace WHERE nspname = current_schema()"
)


class PostgresqlDatabase(Database):
    """A registry in a database, or in a schema of one: the first of its ``search_path``.

    Args:
        url: Where it is. A password is better kept in ``~/.pgpass`` than in it.
        text_log_key: See `Database.text_log_key`.

    Raises:
        MissingExtraError: The driver is not installed.
    """

    def __init__(self, url: URL, *, text_log_key: Path | None) -> None:
        if find_spec(_DRIVER) is None:
            raise MissingExtraError(
                "a registry in PostgreSQL needs psycopg",
                hint="pip install 'ai-labeler[postgresql]'",
            )
        self._url = url.set(drivername=f"postgresql+{_DRIVER}")
        shown = url.set(drivername="postgresql").difference_update_query(_SECRETS)
        self.name = shown.render_as_string(hide_password=True)
        self.text_log_key = text_log_key

    def create(self) -> None:
        """See `Database.create`: the tables are made in one transaction, by one process."""
        from labeler.registry.migrating import migrate  # noqa: PLC0415 - it builds on this module

        migrate(self, named=self.name)

    def open(self, *, read_only: bool = False) -> Engine:
        """See `Database.open`."""
        engine = create_engine(
            self._url,
            isolation_level="READ COMMITTED",  # whatever the server's default is: see `lock`
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "fallback_application_name": "labeler",
            },
            pool_size=_POOL,
            pool_use_lifo=True,  # what is idle stays so, and the server may end it
            pool_pre_ping=True,  # a server that was restarted is no error
            hide_parameters=True,  # records name people
        )
        return engine.execution_options(postgresql_readonly=True) if read_only else engine

    def lock(self, connection: Connection) -> None:
        """See `Database.lock`.

        A transaction here sees with each statement what was committed before it (READ COMMITTED),
        which after the lock is everything: one that sees the state of its first statement would
        see that of before it waited.
        """
        connection.execute(_LIMITS)
        if connection.execute(_LOCK).one_or_none() is None:
            raise RegistryError(
                "the database has no schema that tables could be made in",
                file=self.name,
                hint="Make the first schema of the search path: CREATE SCHEMA",
            )

    def hold_still(self, connection: Connection) -> None:
        """See `Database.hold_still`."""
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def forget(self, engine: Engine, tables: Collection[Table]) -> None:
        """See `Database.forget`: old versions of rows are cleared away where nobody needs them."""
        # Indexes too, which else may keep what pointed to them.
        names = ", ".join(f'"{table.name}"' for table in tables)
        try:
            with engine.connect() as connection:
                # It cannot be part of a transaction.
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                alone.exec_driver_sql(f"VACUUM (INDEX_CLEANUP ON) {names}")
        except DBAPIError as error:
            raise RegistryError(
                "it was deleted, but could not be cleared away",
                file=self.name,
                hint="Run VACUUM as the owner of the tables",
            ) from error
