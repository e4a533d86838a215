"""Keeping records no longer than needed, and saying so.

A receipt is deleted with everything that hangs on it: its manifest, its soft bindings, fingerprints
and logged texts. The audit log records that, by whom and why, and its chain holds; the handle stays
reserved, so that no other output ever gets it. What the audit log itself says of people is erased
by `labeler.registry.audit_log.AuditWriting.erase`.

A part of `labeler.registry.store.Registry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from labeler.errors import RegistryError
from labeler.registry.audit import AuditEntry
from labeler.registry.deletion import Deleting, Kept
from labeler.registry.schema import (
    fingerprints,
    manifests,
    receipts,
    soft_bindings,
    sounds,
    text_outputs,
    text_shingles,
    texts,
)
from labeler.registry.text_index import drop_unused, texts_of

__all__ = ["RECEIPT_DELETION", "RECEIPT_EXPIRY", "Retention", "delete_receipts"]

RECEIPT_DELETION: Final = "receipt-deletion"
"""A receipt was deleted; the subject is ``receipt:`` and its id."""
RECEIPT_EXPIRY: Final = "receipt-expiry"
"""Receipts from before some time are deleted; the subject is ``receipts``."""


def delete_receipts(connection: Connection, receipt_ids: Sequence[str]) -> int:
    """Delete receipts with all that hangs on them; give how many there were.

    The connection's transaction has the registry to itself.
    """
    known = texts_of(connection, text_outputs.c.receipt_id.in_(receipt_ids))
    of_theirs = select(manifests.c.manifest_id).where(manifests.c.receipt_id.in_(receipt_ids))
    connection.execute(soft_bindings.delete().where(soft_bindings.c.manifest_id.in_(of_theirs)))
    # What else refers to a receipt goes with it: the database sees to that.
    deleted = connection.execute(
        receipts.delete().where(receipts.c.receipt_id.in_(receipt_ids))
    ).rowcount
    drop_unused(connection, known)
    return int(deleted)


_RECEIPTS: Final = Kept(
    name="receipts",
    tables=(
        receipts,
        sounds,
        manifests,
        soft_bindings,
        fingerprints,
        texts,
        text_outputs,
        text_shingles,
    ),
    deletion=RECEIPT_DELETION,
    expiry=RECEIPT_EXPIRY,
    identity=receipts.c.receipt_id,
    at=receipts.c.created_at,
    expire=delete_receipts,
)


class Retention(Deleting):
    """Deleting receipts, one or the old ones."""

    def delete_receipt(self, receipt_id: str, *, actor: str, reason: str) -> AuditEntry:
        """Delete a receipt with all that hangs on it, and record that.

        A file with its mark is verified as before; nobody knows any longer what it is.

        Args:
            receipt_id: The receipt.
            actor: Who deletes it.
            reason: Why, without the personal data that is deleted.

        Returns:
            The entry of the audit log.

        Raises:
            RegistryError: There is no such receipt, a word is blank, or the registry cannot be
                written.
        """

        def delete(connection: Connection) -> None:
            if not delete_receipts(connection, [receipt_id]):
                raise RegistryError(
                    f"the registry does not know the receipt {receipt_id}", file=self._name
                )

        subject = f"receipt:{receipt_id}"
        return self._delete(_RECEIPTS, subject, delete, actor=actor, reason=reason)

    def expire_receipts(self, before: datetime, *, actor: str, reason: str) -> int:
        """Delete the receipts from before some time, with all that hangs on them.

        It is recorded first, and done in portions: after a crash, call it again.

        Args:
            before: The time, with its zone.
            actor: Who deletes.
            reason: Why: the rule of retention.

        Returns:
            How many were deleted; with none, nothing is recorded.

        Raises:
            RegistryError: A word is blank, or the registry cannot be written.
            ValueError: ``before`` has no time zone.
        """
        return self._expire(_RECEIPTS, before, actor=actor, reason=reason)
