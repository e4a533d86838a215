"""What has been done of a batch: a small SQLite file that outlives any crash.

An item is *claimed* before its work begins, and *done* or *failed* after its end. So a batch that
was cut short leaves some items claimed: each of them may have an output or not, and only these
need a closer look when the batch goes on.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from labeler.batch.lock import Lock
from labeler.batch.plan import Item
from labeler.closing import Closing
from labeler.errors import BatchError, LabelerError
from labeler.receipt import Receipt

__all__ = ["Entry", "Ledger", "State"]

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE item (
    target BLOB PRIMARY KEY,    -- path of the output below the output folder, as its bytes
    source BLOB NOT NULL,       -- path or URL of the source
    fingerprint TEXT,           -- size and time of change of the source; null for URLs
    request TEXT NOT NULL,      -- digest of what was asked for
    state TEXT NOT NULL CHECK (state IN ('claimed', 'done', 'failed')),
    receipt TEXT,               -- JSON, once it is done
    problem TEXT                -- why it failed
) WITHOUT ROWID;
"""
# How long to wait for the workers of a batch that was killed, seconds.
_PATIENCE_S: Final = 5.0


class State(StrEnum):
    """How far an item has come."""

    CLAIMED = "claimed"
    """Work on it has begun; nothing is known of its end."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the ledger knows about one item."""

    source: str
    """Absolute path of the source, or its URL."""
    fingerprint: str | None
    """Size and time of change of the source when it was claimed; None for URLs."""
    request: str
    """Digest of what was asked for."""
    state: State
    receipt: Receipt | None
    """Of the output, where the item is done."""


class Ledger(Closing):
    """The ledger of the batches with one output folder; one process may have it open.

    Args:
        directory: Where ledgers lie; it is created if need be, for its owner only.
        out: The output folder.
        patience_s: How long to wait for another batch with the same folder.

    Raises:
        BatchError: Another batch is at work there, or the ledger is damaged or of a newer version.
    """

    def __init__(self, directory: Path, out: Path, *, patience_s: float = _PATIENCE_S) -> None:
        self._out = out
        # By its real path: the same folder under another spelling is the same batch.
        name = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:24]
        self.path = directory / f"{name}.sqlite3"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock = Lock.acquire(directory / f"{name}.lock", timeout_s=patience_s)
        except OSError as error:
            raise BatchError(
                f"the ledger of this batch cannot be made ({error.strerror})",
                file=self.path,
                hint="Set LABELER_HOME to a folder that can be written",
            ) from error
        try:
            self._database = self._open()
        except BaseException:
            self.lock.release()
            raise

    def _open(self) -> sqlite3.Connection:
        with self._diagnosed():
            # SQLite gives its own files the mode that the database has.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            database = sqlite3.connect(self.path, isolation_level=None)
            try:
                self._prepare(database)
            except BaseException:
                database.close()
                raise
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        # A claim has to be on disk before the work begins, even if the power fails.
        database.execute("PRAGMA synchronous = FULL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            version = _SCHEMA_VERSION
            database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {version};COMMIT;")
        if version != _SCHEMA_VERSION:
            raise BatchError(
                f"the ledger of this batch has version {version}, which is not known here",
                file=self.path,
                hint="Go on with the version of Labeler that began the batch",
            )

    def entries(self) -> dict[Path, Entry]:
        """What is known, by the path of the output."""
        query = "SELECT target, source, fingerprint, request, state, receipt FROM item"
        with self._diagnosed():
            return {
                self._out / os.fsdecode(row[0]): _entry(*row[1:])
                for row in self._database.execute(query)
            }

    def claim(self, item: Item, request: str) -> None:
        """Note that work on ``item`` begins.

        Args:
            item: The item.
            request: Digest of what is asked for.
        """
        row = (self._key(item), os.fsencode(item.source), item.fingerprint(), request)
        with self._diagnosed():
            self._database.execute(
                "INSERT OR REPLACE INTO item (target, source, fingerprint, request, state)"
                " VALUES (?, ?, ?, ?, 'claimed')",
                row,
            )

    def complete(self, item: Item, receipt: Receipt) -> None:
        """Note that the output of ``item`` is published."""
        self._settle(item, State.DONE, receipt=receipt.to_json())

    def fail(self, item: Item, error: LabelerError) -> None:
        """Note that ``item`` has no output, and why."""
        # It may name a file whose name is no text, which SQLite does not take.
        problem = str(error).encode(errors="backslashreplace").decode()
        self._settle(item, State.FAILED, problem=problem)

    def _settle(
        self, item: Item, state: State, *, receipt: str | None = None, problem: str | None = None
    ) -> None:
        with self._diagnosed():
            self._database.execute(
                "UPDATE item SET state = ?, receipt = ?, problem = ? WHERE target = ?",
                (state.value, receipt, problem, self._key(item)),
            )

    def _key(self, item: Item) -> bytes:
        return os.fsencode(item.target.relative_to(self._out))

    @contextmanager
    def _diagnosed(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise BatchError(
                f"the ledger of this batch cannot be used ({error})",
                file=self.path,
                hint="See that the disk has room; if the file is damaged, delete it and stamp "
                "what is missing into another folder",
            ) from error

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._database.close()
        self.lock.release()


def _entry(
    source: bytes, fingerprint: str | None, request: str, state: str, receipt: str | None
) -> Entry:
    return Entry(
        source=os.fsdecode(source),
        fingerprint=fingerprint,
        request=request,
        state=State(state),
        receipt=None if receipt is None else Receipt.from_json(receipt),
    )
