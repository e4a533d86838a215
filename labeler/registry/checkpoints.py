"""Signed checkpoints of the audit log: how long it was, and its head, on somebody's word.

A chain does not show that its end was cut off, or that all of it was written anew. A checkpoint
does, as long as a copy of it is somewhere else: it is text, small, and may be published. What is
signed, and how, is `labeler.registry.audit_notes`; here is where checkpoints are kept.

Two parts of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import insert, select

from labeler.registry.audit_log import AuditReading
from labeler.registry.database import Storage
from labeler.registry.schema import audit_entries, checkpoints

__all__ = ["CheckpointReading", "CheckpointWriting", "StoredCheckpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A checkpoint that the registry keeps."""

    sequence: int
    """How many entries the log had."""
    digest: str
    """Digest of the last of them."""
    at: datetime
    """When it was signed, UTC."""
    signed: str = field(repr=False)
    """The signed statement."""


class CheckpointReading(Storage):
    """Reading checkpoints."""

    def checkpoints(self) -> tuple[StoredCheckpoint, ...]:
        """All of them, the shortest log first.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._connection() as connection:
            rows = connection.execute(select(checkpoints).order_by(checkpoints.c.sequence)).all()
        return tuple(
            StoredCheckpoint(
                sequence=row.sequence,
                digest=row.digest,
                at=datetime.fromisoformat(row.at),
                signed=row.signed,
            )
            for row in rows
        )

    def digest_of_entry(self, sequence: int) -> str | None:
        """The digest of an entry of the audit log, as the next one holds it; None: not there.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = select(audit_entries.c.digest).where(audit_entries.c.sequence == sequence)
        with self._connection() as connection:
            digest: str | None = connection.execute(query).scalar()
        return digest


class CheckpointWriting(CheckpointReading, AuditReading):
    """Adding checkpoints."""

    _now: Callable[[], datetime]

    def add_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Keep a checkpoint; one of the same length replaces the one there was.

        Raises:
            RegistryError: The registry cannot be written.
        """
        row = {
            "sequence": checkpoint.sequence,
            "at": checkpoint.at.astimezone(UTC).isoformat(),
            "digest": checkpoint.digest,
            "signed": checkpoint.signed,
        }
        with self._writing() as connection:
            connection.execute(
                checkpoints.delete().where(checkpoints.c.sequence == checkpoint.sequence)
            )
            connection.execute(insert(checkpoints).values(row))
