"""A PostgreSQL server for tests: of their own, in a temporary folder, on a socket and no port."""

from __future__ import annotations

import hashlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

_FOLDERS = "/usr/lib/postgresql/*/bin"
_USER = "postgres"
_OPTIONS = "-c listen_addresses='' -c max_connections=200 -c shared_buffers=32MB"
# The data are thrown away: nothing has to reach the disk.
_FLEETING = "-c fsync=off -c full_page_writes=off"


@dataclass
class Server:
    """A running server."""

    socket: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, schema: str | None = None) -> str:
        """Where its database is, or a new and empty schema of it."""
        base = f"postgresql://{_USER}@/postgres?host={quote(str(self.socket), safe='')}"
        return base if schema is None else f"{base}&options={quote(f'-csearch_path={schema}')}"

    def new(self) -> str:
        """The URL of a place without any tables."""
        return self._schema(f"test_{os.getpid()}_{next(self._numbers)}")

    def of(self, home: Path) -> str:
        """The URL of the place that belongs to a home directory, the same one each time."""
        return self._schema(f"home_{hashlib.sha256(bytes(home)).hexdigest()[:32]}")

    def _schema(self, name: str) -> str:
        import psycopg  # noqa: PLC0415 - only where there is a server

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        return self.url(name)


def tool(name: str) -> str | None:
    """The path of one of the server's programs, the latest version's; None: it is not installed."""
    found = sorted(Path("/").glob(f"{_FOLDERS}/{name}".lstrip("/")))
    return str(found[-1]) if found else shutil.which(name)


@contextmanager
def running(*, is_durable: bool = False) -> Iterator[Server]:
    """A server, as long as the block lasts; skips where none is installed.

    Args:
        is_durable: Whether what it commits is on disk, as with a server of users.
    """
    initdb, pg_ctl = tool("initdb"), tool("pg_ctl")
    if initdb is None or pg_ctl is None:
        problem = "needs PostgreSQL's server (Debian: postgresql)"
        # In CI it is installed: what runs on it has to.
        pytest.fail(problem) if os.environ.get("CI") == "true" else pytest.skip(problem)
    # The server refuses to run as root; and a socket's path may not be long.
    user = _USER if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)

        def call(*command: str) -> None:
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        data = str(folder / "data")
        call(initdb, "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"{_OPTIONS} {'' if is_durable else _FLEETING} -k {folder}"
        call(pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Server(folder)
        finally:
            call(pg_ctl, "-D", data, "-m", "immediate", "stop")
