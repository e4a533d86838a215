"""Where the registry's tables are: a file of SQLite, or a database of PostgreSQL.

    database = locate("registry.sqlite3")
    database = locate("postgresql://labeler@db.example/labeler", home=settings.home)

What the two do differently is in `labeler.registry.sqlite` and `labeler.registry.postgresql`; every
statement elsewhere is the same for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, Table
from sqlalchemy import exc as sql_errors
from sqlalchemy.engine import make_url

from labeler.errors import RegistryError
from labeler.receipt import Receipt
from labeler.settings import Settings

__all__ = ["Database", "Storage", "database_of", "key_beside", "locate", "transaction"]

_KEY_SUFFIX: Final = ".text-log-key"
_KEY_NAME: Final = "registry.text-log-key"
_HINTS: Final = {
    "sqlite": "See that it is a registry, that it may be written, and that the disk has room",
    "postgresql": "See that the server can be reached, and that this user may use the database",
}


class Database(ABC):
    """One database, not opened yet."""

    name: str
    """What errors call it: its path, or its URL without a password."""
    text_log_key: Path | None
    """The file of the key of the text log; None: there is no place for one."""

    def exists(self) -> bool:
        """Whether there is a registry in it, of whatever version.

        Raises:
            RegistryError: It cannot be read, or there are tables of something else.
        """
        return self.revision() is not None

    def revision(self) -> str | None:
        """The migration that its tables are at; None where there are none.

        Raises:
            RegistryError: It cannot be read, or there are tables of something else.
        """
        from labeler.registry.migrating import find_revision  # noqa: PLC0415 - it builds on this

        return find_revision(self)

    @abstractmethod
    def create(self) -> None:
        """Make a registry in it, unless another process has by then: a whole one, or none.

        Raises:
            RegistryError: It cannot be made.
        """

    @abstractmethod
    def open(self, *, read_only: bool = False) -> Engine:
        """An engine with a pool of connections, none of them opened yet."""

    @abstractmethod
    def lock(self, connection: Connection) -> None:
        """Keep others from writing until the transaction, which begins here, ends.

        What is read afterwards is what the last of them has left.

        Raises:
            RegistryError: There is no place for tables.
        """

    @abstractmethod
    def hold_still(self, connection: Connection) -> None:
        """Let all that the transaction, which begins here, reads be of one moment."""

    @abstractmethod
    def forget(self, engine: Engine, tables: Collection[Table]) -> None:
        """See that what was deleted is not merely marked as such, as far as the database can.

        Args:
            engine: Of the database.
            tables: Those that something was deleted from.

        Raises:
            RegistryError: It cannot.
        """


class Storage(ABC):
    """What the parts of the registry's classes share: an open database."""

    _database: Database
    _engine: Engine

    @property
    def _name(self) -> str:
        """What errors call the registry."""
        return self._database.name

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A transaction whose errors name the registry."""
        with transaction(self._engine, self._name) as connection:
            yield connection

    @contextmanager
    def _reading_at_once(self) -> Iterator[Connection]:
        """A transaction whose statements all see the registry as it is at one moment."""
        with self._connection() as connection:
            self._database.hold_still(connection)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that has the registry to itself among those that write."""
        with self._connection() as connection:
            self._database.lock(connection)
            yield connection

    def _read(self, body: str) -> Receipt:
        """A receipt as it is stored."""
        try:
            return Receipt.from_json(body)
        except ValueError as error:
            raise RegistryError(
                f"the registry holds a receipt that cannot be read: {error}", file=self._name
            ) from error


def locate(location: str, *, home: Path | None = None) -> Database:
    """The database that a path or an SQLAlchemy URL names.

    Args:
        location: A path, or a URL of an SQLite file or a PostgreSQL database.
        home: Where keys that belong to a database on a server lie; None: nowhere.

    Raises:
        RegistryError: It is a URL that is malformed, or of another kind of database.
        MissingExtraError: The driver for PostgreSQL is not installed.
    """
    from labeler.registry.sqlite import SqliteFile  # noqa: PLC0415 - they build on this module

    if "://" not in location:
        return SqliteFile(Path(location).expanduser())
    url = _parse(location)
    if url.get_backend_name() == "postgresql":
        from labeler.registry.postgresql import PostgresqlDatabase  # noqa: PLC0415 - as above

        return PostgresqlDatabase(url, text_log_key=None if home is None else home / _KEY_NAME)
    return SqliteFile(_file_of(url))


def database_of(settings: Settings) -> Database:
    """The database that the settings name: see `locate`."""
    return locate(settings.registry_location, home=settings.home)


def _parse(location: str) -> URL:
    """A location's parts; errors show none of them, for one may be a password."""
    try:
        url = make_url(location)
    except (sql_errors.ArgumentError, ValueError):
        url = None
    # A password with an "@" that is not encoded would go on in what is taken for the host.
    if url is None or "@" in (url.host or ""):
        raise RegistryError(
            "the registry's URL is malformed",
            hint="Write it as postgresql://user@host:5432/database, with %40 for an @ in a "
            "password; which is better kept in ~/.pgpass",
        )
    # The other name that the server's own library knows.
    return url.set(drivername="postgresql") if url.drivername == "postgres" else url


def _file_of(url: URL) -> Path:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise RegistryError(
            f"the registry cannot be a {url.get_backend_name()} database without a file",
            hint="Give a path, or a URL such as sqlite:////srv/labeler/registry.sqlite3 or "
            "postgresql://labeler@host/labeler",
        )
    return Path(url.database)


def key_beside(file: Path) -> Path:
    """Where the key of the text log of a registry in a file lies."""
    return file.with_name(file.name + _KEY_SUFFIX)


@contextmanager
def transaction(engine: Engine, name: str) -> Iterator[Connection]:
    """A connection whose work is committed at the end, or not at all.

    Args:
        engine: Of the database.
        name: What errors call it.

    Raises:
        IntegrityError: A row was refused; what that means only the caller knows.
        RegistryError: The database cannot be read or written.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except sql_errors.IntegrityError:
        raise
    except (sql_errors.DBAPIError, sql_errors.TimeoutError, UnicodeEncodeError) as error:
        raise RegistryError(
            f"the registry cannot be used: {_told(error)}",
            file=name,
            hint=_HINTS[engine.dialect.name],
        ) from error


def _told(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "a record holds characters that are no text"
    if isinstance(error, sql_errors.DBAPIError):
        return str(error.orig).strip().partition("\n")[0]
    return "all connections to it are in use"
