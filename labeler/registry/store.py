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
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from labeler.closing import Closing
from labeler.codec.acoustic import Fingerprint
from labeler.codec.payload import Handle, ShortPayload
from labeler.errors import RegistryError
from labeler.receipt import Receipt
from labeler.registry import schema
from labeler.registry.audit_log import AuditReading
from labeler.registry.database import create, locate, open_engine, transaction, upgrade
from labeler.registry.schema import (
    PREPARED,
    PUBLISHED,
    SCHEMA_VERSION,
    WITHOUT_AUDIT,
    WITHOUT_SOUNDS,
    WITHOUT_TEXTS,
    receipts,
    reservations,
    sounds,
    text_outputs,
)
from labeler.registry.sounds import SoundRecord
from labeler.registry.text_index import drop_unused, texts_of
from labeler.registry.text_log import TextReading, TextWriting

__all__ = ["Registry", "RegistryReader"]

_SERIALS: Final = 1 << 32
# Chance of a serial that is taken: receipts / 2^32. Even a registry of a billion gets through.
_DRAWS: Final = 64


class RegistryReader(TextReading, AuditReading, Closing):
    """The registry's read side. It never writes, and makes no registry where there is none."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file

    @classmethod
    def open(cls, location: str) -> Self | None:
        """The registry at ``location``, or None where there is none.

        Args:
            location: Path, or SQLAlchemy URL of SQLite.

        Raises:
            RegistryError: It cannot be opened, or was written by a later version of Labeler.
        """
        file = locate(location)
        if not file.exists():
            return None
        reader = cls(open_engine(file, read_only=True), file)
        reader._check_version()
        return reader

    def find(self, handle: Handle) -> Receipt | None:
        """The receipt of the stamping that handed out ``handle``; None where it is unknown.

        Where a marked output was stamped again with its mark kept, this is the first receipt.
        """
        query = (
            select(receipts.c.body)
            .where(receipts.c.issuer == handle.issuer, receipts.c.serial == handle.serial)
            .order_by(receipts.c.state.desc(), receipts.c.created_at)  # "published" comes first
            .limit(1)
        )
        with self._connection() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else self._read(body)

    def find_stamped(self, source_sha256: str, profile: str) -> tuple[Receipt, ...]:
        """The receipts, latest first, of stampings of the same source with the same profile.

        Prepared receipts are among them: compare their outputs before relying on them.
        """
        query = (
            select(receipts.c.body)
            .where(receipts.c.source_sha256 == source_sha256, receipts.c.profile == profile)
            .order_by(receipts.c.created_at.desc())
        )
        with self._connection() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(self._read(body) for body in bodies)

    def find_output(self, target_sha256: str) -> tuple[Receipt, ...]:
        """The receipts, latest first, of outputs with exactly these bytes.

        There is no index for it: all receipts are looked through.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = (
            select(receipts.c.body)
            .where(func.json_extract(receipts.c.body, "$.target_sha256") == target_sha256)
            .order_by(receipts.c.created_at.desc())
        )
        with self._connection() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(self._read(body) for body in bodies)

    def find_by_tag(self, short: ShortPayload) -> tuple[SoundRecord, ...]:
        """The outputs that carry ``short``, published ones first, then in the order of their time.

        Many outputs may share it: `labeler.registry.sounds.recognise` tells them apart.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = (
            select(receipts.c.body, sounds.c.fingerprint)
            .join(sounds, sounds.c.receipt_id == receipts.c.receipt_id)
            .where(sounds.c.tag == short.tag, sounds.c.origin == int(short.origin))
            .order_by(receipts.c.state.desc(), receipts.c.created_at)
        )
        with self._connection() as connection:
            if connection.execute(select(schema.version.c.version)).scalar() == WITHOUT_SOUNDS:
                return ()
            rows = connection.execute(query).all()
        return tuple(
            SoundRecord(receipt=self._read(body), fingerprint=self._read_fingerprint(taken))
            for body, taken in rows
        )

    def close(self) -> None:
        """Let go of the database; the object is of no use afterwards."""
        self._engine.dispose()

    def _connection(self) -> AbstractContextManager[Connection]:
        """A transaction whose errors name the registry."""
        return transaction(self._engine, self._file)

    def _read(self, body: str) -> Receipt:
        try:
            return Receipt.from_json(body)
        except ValueError as error:
            raise RegistryError(
                f"the registry holds a receipt that cannot be read: {error}", file=self._file
            ) from error

    def _read_fingerprint(self, data: bytes) -> Fingerprint:
        try:
            return Fingerprint.from_bytes(data)
        except ValueError as error:
            raise RegistryError(
                f"the registry holds a fingerprint that cannot be read: {error}",
                file=self._file,
                hint="Use the version of Labeler that wrote it, or a later one",
            ) from error

    def _check_version(self) -> int:
        with self._connection() as connection:
            found = connection.execute(select(schema.version.c.version)).scalar()
        if found not in {WITHOUT_SOUNDS, WITHOUT_AUDIT, WITHOUT_TEXTS, SCHEMA_VERSION}:
            raise RegistryError(
                f"the registry has schema version {found}, this Labeler reads {SCHEMA_VERSION}",
                file=self._file,
                hint="Use the version of Labeler that wrote it, or a later one",
            )
        return int(found)


class Registry(RegistryReader, TextWriting):
    """The registry, for those who stamp. Any number of processes may share one."""

    def __init__(
        self,
        engine: Engine,
        file: Path,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(engine, file)
        self._draw = draw
        self._now = now

    @classmethod
    def open(
        cls,
        location: str,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """The registry at ``location``, made there first where there is none.

        Args:
            location: Path, or SQLAlchemy URL of SQLite.
            draw: Gives a random number from 0 up to, not including, its argument.
            now: Gives the time, with its zone.

        Raises:
            RegistryError: It cannot be opened or made, or was written by a later version.
        """
        file = locate(location)
        if not file.exists():
            create(file)
        registry = cls(open_engine(file), file, draw=draw, now=now)
        if registry._check_version() != SCHEMA_VERSION:
            upgrade(registry._engine, file)
        return registry

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
            f"the serials of issuer {issuer} are used up", file=self._file, hint="Use a new issuer"
        )

    def prepare(
        self, receipt: Receipt, *, profile: str, fingerprint: Fingerprint | None = None
    ) -> None:
        """Write the receipt of an output that is about to be published.

        Args:
            receipt: The receipt, complete.
            profile: Digest of what, beside the source, decides about the output.
            fingerprint: Of the output, where it carries the receipt's payload in its short form.

        Raises:
            RegistryError: The registry cannot be written, or has a receipt of that id.
            ValueError: There is a fingerprint, and the receipt has no payload.
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
            "target": receipt.target,
            "body": receipt.to_json(),
        }
        try:
            with self._connection() as connection:
                connection.execute(insert(receipts).values(row))
                if sound is not None:
                    connection.execute(insert(sounds).values(sound))
        except IntegrityError as error:
            raise RegistryError(
                f"the registry has a receipt {receipt.receipt_id} already", file=self._file
            ) from error

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
                f"the registry does not know the receipt {receipt_id}", file=self._file
            )

    def withdraw(self, receipt_id: str) -> None:
        """Take back a prepared receipt whose output was not published.

        Its handle stays reserved. A published receipt is never taken back.
        """
        query = receipts.delete().where(
            receipts.c.receipt_id == receipt_id, receipts.c.state == PREPARED
        )
        with self._connection() as connection:
            known = texts_of(connection, text_outputs.c.receipt_id == receipt_id)
            connection.execute(query)
            drop_unused(connection, known)


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
