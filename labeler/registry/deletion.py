"""Deleting records, one or the old ones, so that the audit log tells of it.

What is deleted is overwritten as far as the database can; who deleted, and why, is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, select

from labeler.registry.audit import AuditEntry, canonical
from labeler.registry.audit_log import AuditWriting
from labeler.registry.moments import as_stored

__all__ = ["Deleting", "Kept"]

_BATCH: Final = 500
"""Records that expire in one transaction: others wait no longer than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Records that are kept until they are deleted, or old."""

    name: str
    """What they are called together: the audit log's subject when the old ones expire."""
    tables: tuple[Table, ...]
    """Those that something is deleted from together with one of them."""
    deletion: str
    """The kind of the audit log's entry when one is deleted."""
    expiry: str
    """The same when the old ones expire."""
    identity: Column[Any]
    """What expires is named by this."""
    at: Column[Any]
    """When it came to be."""
    expire: Callable[[Connection, Sequence[Any]], object]
    """Deletes what has some identities, in a transaction that has the registry to itself."""


class Deleting(AuditWriting):
    """What the parts of the registry that delete records share."""

    def _delete(
        self,
        kept: Kept,
        subject: str,
        delete: Callable[[Connection], None],
        *,
        actor: str,
        reason: str,
    ) -> AuditEntry:
        """Delete one record and record that, both or neither.

        Args:
            kept: What kind of record it is.
            subject: What the entry of the audit log is about.
            delete: Deletes it; raises `RegistryError` where it is not there.
            actor: Who deletes it.
            reason: Why.
        """
        with self._writing() as connection:
            delete(connection)
            entry = self._add(
                connection, kept.deletion, subject, actor=actor, reason=reason, body=canonical({})
            )
        self._forget(*kept.tables)
        return entry

    def _expire(self, kept: Kept, before: datetime, *, actor: str, reason: str) -> int:
        """Record that what is from before some time goes, delete it in portions, and count it.

        Raises:
            RegistryError: A word is blank, or the registry cannot be written.
            ValueError: ``before`` has no time zone.
        """
        until, expired = as_stored(before), 0
        query = select(kept.identity).where(kept.at < until).order_by(kept.at).limit(_BATCH)
        while True:
            with self._writing() as connection:
                old = connection.execute(query).scalars().all()
                if not old:
                    break
                if not expired:
                    body = canonical({"before": until})
                    self._add(
                        connection, kept.expiry, kept.name, actor=actor, reason=reason, body=body
                    )
                kept.expire(connection, old)
                expired += len(old)
        if expired:
            self._forget(*kept.tables)
        return expired
