"""How much a registry holds: what whoever runs it wants to know first.

A part of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from labeler.registry.database import Storage
from labeler.registry.schema import (
    api_keys,
    audit_entries,
    checkpoints,
    fingerprints,
    manifests,
    receipts,
    reservations,
    soft_bindings,
    texts,
)

__all__ = ["Inventory", "InventoryReading", "IssuerMarks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMarks:
    """The marks of one issuer."""

    issuer: int
    """Its number."""
    handles: int
    """How many handles were given out under it, whether something carries them or not."""
    first_at: datetime
    """When the first was, UTC."""
    last_at: datetime
    """When the latest was, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is in a registry, counted."""

    issuers: tuple[IssuerMarks, ...]
    """Those under whose numbers handles were given out, in the order of these."""
    receipts: int
    """Outputs."""
    manifests: int
    """Manifest stores, of outputs and of others' files."""
    soft_bindings: int
    """What leads to them."""
    fingerprints: dict[str, int]
    """By algorithm."""
    texts: int
    """Texts in the fingerprint log."""
    audit_entries: int
    """Entries of the audit log."""
    checkpoints: int
    """Signed ones."""
    api_keys: int
    """Keys that hold."""


class InventoryReading(Storage):
    """Counting."""

    def inventory(self) -> Inventory:
        """How much there is of everything, at one moment.

        Raises:
            RegistryError: The registry cannot be read.
        """
        tables = (receipts, manifests, soft_bindings, texts, audit_entries, checkpoints)
        with self._reading_at_once() as connection:
            counts = {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables
            }
            by_algorithm = connection.execute(
                select(fingerprints.c.algorithm, func.count())
                .group_by(fingerprints.c.algorithm)
                .order_by(fingerprints.c.algorithm)
            ).all()
            keys = connection.execute(
                select(func.count()).select_from(api_keys).where(api_keys.c.revoked_at.is_(None))
            ).scalar_one()
            at = reservations.c.reserved_at
            marks = connection.execute(
                select(reservations.c.issuer, func.count(), func.min(at), func.max(at))
                .group_by(reservations.c.issuer)
                .order_by(reservations.c.issuer)
            ).all()
        return Inventory(
            issuers=tuple(
                IssuerMarks(
                    issuer=issuer,
                    handles=handles,
                    first_at=datetime.fromisoformat(first),
                    last_at=datetime.fromisoformat(last),
                )
                for issuer, handles, first, last in marks
            ),
            receipts=counts[receipts.name],
            manifests=counts[manifests.name],
            soft_bindings=counts[soft_bindings.name],
            fingerprints=dict(map(tuple, by_algorithm)),
            texts=counts[texts.name],
            audit_entries=counts[audit_entries.name],
            checkpoints=counts[checkpoints.name],
            api_keys=keys,
        )
