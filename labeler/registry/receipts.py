"""Receipts by what leads to them: a handle, a tag, a digest.

A part of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

from sqlalchemy import select

from labeler.codec.acoustic import Fingerprint
from labeler.codec.payload import Handle, ShortPayload
from labeler.errors import RegistryError
from labeler.receipt import Receipt
from labeler.registry.database import Storage
from labeler.registry.schema import PUBLISHED, receipts, sounds
from labeler.registry.sounds import SoundRecord

__all__ = ["ReceiptReading"]


class ReceiptReading(Storage):
    """Reading receipts."""

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

    def find_all(self, handle: Handle, *, limit: int = 20) -> tuple[Receipt, ...]:
        """The receipts of all outputs with this handle, in the order of `find`.

        There are several where marked outputs were stamped again with their mark kept.

        Args:
            handle: What their watermark says.
            limit: How many at most.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = (
            select(receipts.c.body)
            .where(receipts.c.issuer == handle.issuer, receipts.c.serial == handle.serial)
            .order_by(receipts.c.state.desc(), receipts.c.created_at)
            .limit(limit)
        )
        with self._connection() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(self._read(body) for body in bodies)

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

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = (
            select(receipts.c.body)
            .where(receipts.c.target_sha256 == target_sha256)
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
            rows = connection.execute(query).all()
        return tuple(
            SoundRecord(receipt=self._read(body), fingerprint=self._read_fingerprint(taken))
            for body, taken in rows
        )

    def find_receipt(self, receipt_id: str) -> Receipt | None:
        """The receipt of that id; None where it is unknown, or its output was not published.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = select(receipts.c.body).where(
            receipts.c.receipt_id == receipt_id, receipts.c.state == PUBLISHED
        )
        with self._connection() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else self._read(body)

    def _read_fingerprint(self, data: bytes) -> Fingerprint:
        try:
            return Fingerprint.from_bytes(data)
        except ValueError as error:
            raise RegistryError(
                f"the registry holds a fingerprint that cannot be read: {error}",
                file=self._name,
                hint="Use the version of Labeler that wrote it, or a later one",
            ) from error
