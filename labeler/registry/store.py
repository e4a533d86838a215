"""The registry: serials that are never handed out twice, and the receipts of what was stamped.

The order of one stamping, and what a crash between two steps leaves behind::

    reserve   a serial                                   → a serial that nothing carries: harmless
    (build the output beside its target, read it back)   → a temporary file
    prepare   write the receipt, state "prepared"        → a receipt without its output: harmless
    (publish: rename the output to its target)           → output and receipt; the state is behind
    confirm   set the state to "published"

The receipt is written, and on disk, before the output can be seen: at no moment is there a
published output whose handle the registry does not know. A repeated stamping finds a prepared
receipt, compares the target's digest with it, and either confirms or withdraws it.

Serials are drawn at random and not counted: a count would tell everyone how much an issuer stamps,
and two machines that both stamp as "local" would give the same numbers to different content, so
that one would show its receipts for the other's pictures.

Beside the receipts there are the audit log, `labeler.registry.audit`, and the fingerprint log of
texts, `labeler.registry.texts`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from labeler.closing import Closing
from labeler.codec.acoustic import Fingerprint
from labeler.codec.payload import Handle, ShortPayload
from labeler.credentials import SoftBinding
from labeler.errors import RegistryError
from labeler.receipt import Receipt
from labeler.registry.api_keys import ApiKeyReading, ApiKeyWriting
from labeler.registry.audit_log import AuditReading
from labeler.registry.checkpoints import CheckpointReading, CheckpointWriting
from labeler.registry.database import Database, locate
from labeler.registry.fingerprints import (
    ContentFingerprint,
    FingerprintReading,
    add_fingerprints,
)
from labeler.registry.inventory import InventoryReading
from labeler.registry.jobs import JobReading, JobWriting
from labeler.registry.manifests import (
    ManifestReading,
    ManifestWriting,
    add_bindings,
    add_manifest,
)
from labeler.registry.migrating import bring_up, migrate
from labeler.registry.receipts import ReceiptReading
from labeler.registry.retention import Retention, delete_receipts
from labeler.registry.schema import PREPARED, PUBLISHED, receipts, reservations, sounds
from labeler.registry.text_log import TextReading, TextWriting
from labeler.settings import Settings

__all__ = ["DurableRecord", "Registry", "RegistryReader"]

_SERIALS: Final = 1 << 32
# Chance of a serial that is taken: receipts / 2^32. Even a registry of a billion gets through.
_DRAWS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DurableRecord:
    """What leads from a copy that has lost its metadata back to the output, and what is found."""

    manifest: bytes | None = field(default=None, repr=False)
    """The manifest store that was signed for the output; None where there is none."""
    soft_bindings: tuple[SoftBinding, ...] = ()
    """What the manifest says of its watermarks and fingerprints."""
    fingerprints: tuple[ContentFingerprint, ...] = ()
    """What the output looks and sounds like."""


class RegistryReader(
    ReceiptReading,
    TextReading,
    ManifestReading,
    FingerprintReading,
    CheckpointReading,
    ApiKeyReading,
    JobReading,
    InventoryReading,
    AuditReading,
    Closing,
):
    """The registry's read side. It writes no records, and makes no registry where there is none."""

    def __init__(self, engine: Engine, database: Database) -> None:
        self._engine = engine
        self._database = database

    @classmethod
    def open(cls, location: str, *, home: Path | None = None) -> Self | None:
        """The registry at ``location``, or None where there is none.

        One of an earlier version of Labeler is brought up to this one first.

        Args:
            location: Path, or SQLAlchemy URL of SQLite or PostgreSQL.
            home: Where keys that belong to a database on a server lie; None: nowhere.

        Raises:
            RegistryError: It cannot be opened, or was written by a later version of Labeler.
            MissingExtraError: The driver for PostgreSQL is not installed.
        """
        database = locate(location, home=home)
        if not bring_up(database):
            return None
        return cls(database.open(read_only=True), database)

    @property
    def name(self) -> str:
        """Its path, or its URL without a password."""
        return self._name

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The registry that the settings name: see `open`."""
        return cls.open(settings.registry_location, home=settings.home)

    def close(self) -> None:
        """Let go of the database; the object is of no use afterwards."""
        self._engine.dispose()


class Registry(
    RegistryReader,
    TextWriting,
    ManifestWriting,
    CheckpointWriting,
    ApiKeyWriting,
    JobWriting,
    Retention,
):
    """The registry, for those who stamp. Any number of processes may share one."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(engine, database)
        self._draw = draw
        self._now = now

    @classmethod
    def open(
        cls,
        location: str,
        *,
        home: Path | None = None,
        draw: Callable[[int], int] = secrets.randbelow,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """The registry at ``location``, made there first where there is none.

        Args:
            location: Path, or SQLAlchemy URL of SQLite or PostgreSQL.
            home: Where keys that belong to a database on a server lie; None: nowhere.
            draw: Gives a random number from 0 up to, not including, its argument.
            now: Gives the time, with its zone.

        Raises:
            RegistryError: It cannot be opened or made, or was written by a later version.
            MissingExtraError: The driver for PostgreSQL is not installed.
        """
        database = locate(location, home=home)
        if not bring_up(database):
            database.create()
            # Where it could not be made as a whole: in an empty file, or one that is there by now.
            migrate(database, named=database.name)
        return cls(database.open(), database, draw=draw, now=now)

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """The registry that the settings name: see `open`."""
        return cls.open(settings.registry_location, home=settings.home, draw=draw, now=now)

    def reserve(self, issuer: int) -> Handle:
        """A handle that this registry has handed out to nobody else, and never will again.

        Raises:
            RegistryError: The registry cannot be written.
        """
        for _ in range(_DRAWS):
            # 0 is left out: it is what a field that nobody filled in looks like.
            handle = Handle(issuer, 1 + self._draw(_SERIALS - 1))
            row = {
                "issuer": handle.issuer,
                "serial": handle.serial,
                "reserved_at": self._now().astimezone(UTC).isoformat(),
            }
            with suppress(IntegrityError), self._connection() as connection:
                connection.execute(insert(reservations).values(row))
                return handle
        raise RegistryError(
            f"the serials of issuer {issuer} are used up", file=self._name, hint="Use a new issuer"
        )

    def prepare(
        self,
        receipt: Receipt,
        *,
        profile: str,
        fingerprint: Fingerprint | None = None,
        durable: DurableRecord | None = None,
    ) -> None:
        """Write the receipt of an output that is about to be published.

        Args:
            receipt: The receipt, complete.
            profile: Digest of what, beside the source, decides about the output.
            fingerprint: Of the output, where it carries the receipt's payload in its short form.
            durable: What leads back to the output; None: nothing but its handle.

        Raises:
            RegistryError: The registry cannot be written, or has a receipt or manifest of that id.
            ValueError: There is a fingerprint, and the receipt has no payload; or a manifest, and
                the receipt does not name it.
        """
        sound = None if fingerprint is None else _sound_row(receipt, fingerprint)
        handle = None if receipt.payload is None else receipt.payload.handle
        row = {
            "receipt_id": receipt.receipt_id,
            "state": PREPARED,
            "created_at": receipt.created_at.astimezone(UTC).isoformat(),
            "issuer": None if handle is None else handle.issuer,
            "serial": None if handle is None else handle.serial,
            "source_sha256": receipt.source_sha256,
            "profile": profile,
            # The name of a file may be no text; the receipt itself has it as it is.
            "target": receipt.target.encode("utf-8", "backslashreplace").decode(),
            "body": receipt.to_json(),
            "target_sha256": receipt.target_sha256,
        }
        durable = DurableRecord() if durable is None else durable
        if durable.manifest is not None and receipt.manifest_id is None:
            raise ValueError("the receipt does not name the manifest")
        try:
            with self._writing() as connection:
                connection.execute(insert(receipts).values(row))
                if sound is not None:
                    connection.execute(insert(sounds).values(sound))
                self._add_durable(connection, receipt, durable)
        except IntegrityError as error:
            manifest_id = receipt.manifest_id or ""
            is_known = durable.manifest is not None and self.manifest(manifest_id) is not None
            name = f"manifest {manifest_id}" if is_known else f"receipt {receipt.receipt_id}"
            raise RegistryError(f"the registry has a {name} already", file=self._name) from error

    def _add_durable(
        self, connection: Connection, receipt: Receipt, durable: DurableRecord
    ) -> None:
        if durable.manifest is not None and receipt.manifest_id is not None:
            add_manifest(
                connection,
                receipt.manifest_id,
                durable.manifest,
                stored_at=receipt.created_at,
                receipt_id=receipt.receipt_id,
            )
            add_bindings(connection, receipt.manifest_id, durable.soft_bindings)
        add_fingerprints(connection, receipt.receipt_id, durable.fingerprints)

    def confirm(self, receipt_id: str) -> None:
        """Say that the output of a prepared receipt was published; saying it again is harmless.

        Raises:
            RegistryError: The registry cannot be written, or does not know the receipt.
        """
        query = update(receipts).where(receipts.c.receipt_id == receipt_id).values(state=PUBLISHED)
        with self._connection() as connection:
            known = connection.execute(query).rowcount
        if not known:
            raise RegistryError(
                f"the registry does not know the receipt {receipt_id}", file=self._name
            )

    def withdraw(self, receipt_id: str) -> None:
        """Take back a prepared receipt whose output was not published.

        Its handle stays reserved. A published receipt is never taken back.
        """
        query = select(receipts.c.receipt_id).where(
            receipts.c.receipt_id == receipt_id, receipts.c.state == PREPARED
        )
        with self._writing() as connection:
            if connection.execute(query).first() is not None:
                delete_receipts(connection, [receipt_id])


def _sound_row(receipt: Receipt, fingerprint: Fingerprint) -> dict[str, object]:
    if receipt.payload is None:
        raise ValueError("a sound without a payload is not found by a short one")
    short = ShortPayload.of(receipt.payload)
    return {
        "receipt_id": receipt.receipt_id,
        "origin": int(short.origin),
        "tag": short.tag,
        "fingerprint": fingerprint.to_bytes(),
    }
