"""Manifest stores by what leads to them: the other half of a durable credential.

A file that has lost its manifest may still carry a watermark. What that says is a *soft binding*
(C2PA 2.4, 18.10), and leads here to the store that was signed for the file: that of an output of
ours, or one that somebody else entrusted to this registry.

Two parts of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, case, insert, select

from labeler.credentials import SoftBinding
from labeler.errors import ConflictError, RegistryError
from labeler.registry.audit import AuditEntry, canonical
from labeler.registry.audit_log import AuditWriting
from labeler.registry.database import Storage
from labeler.registry.schema import PUBLISHED, manifests, receipts
from labeler.registry.schema import soft_bindings as bindings_table

__all__ = ["MANIFEST_DELETION", "ManifestReading", "ManifestWriting", "StoredManifest"]

_KEY_BYTES: Final = 2000
"""How long texts may be together that something is found by: an index of PostgreSQL takes no more
than a third of a page (8 KiB)."""
MANIFEST_DELETION: Final = "manifest-deletion"
"""A manifest was deleted; the subject is its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """A manifest store that the registry keeps."""

    manifest_id: str
    """Label of its active manifest."""
    store: bytes = field(repr=False)
    """The store itself (``application/c2pa``)."""
    sha256: str
    """Of the store, hexadecimal."""
    stored_at: datetime
    """When it came, UTC."""
    stored_by: str | None
    """Id of the API key of who entrusted it; None: it is of an output of ours."""
    receipt_id: str | None
    """Of that output."""


class ManifestReading(Storage):
    """Reading manifests."""

    def manifest(self, manifest_id: str) -> StoredManifest | None:
        """The store whose active manifest has this label; None where it is unknown.

        Raises:
            RegistryError: The registry cannot be read.
        """
        return self._one(select(manifests).where(manifests.c.manifest_id == manifest_id))

    def manifest_of(self, receipt_id: str) -> StoredManifest | None:
        """The store of one of our outputs; None where it has none.

        Raises:
            RegistryError: The registry cannot be read.
        """
        return self._one(select(manifests).where(manifests.c.receipt_id == receipt_id))

    def find_manifests(
        self, value: str, *, algorithm: str | None = None, limit: int = 10
    ) -> tuple[str, ...]:
        """The manifests that a soft binding leads to: published ones first, then the oldest.

        Args:
            value: What the watermark says, or the fingerprint, as the algorithm writes it.
            algorithm: Which; None: any. What was stored without one fits every algorithm.
            limit: How many at most.

        Raises:
            RegistryError: The registry cannot be read.
        """
        if not _is_text(value):
            return ()
        columns = bindings_table.c
        # A manifest with a binding under two algorithms comes once.
        bound = select(columns.manifest_id).where(columns.value == value).distinct()
        if algorithm is not None:
            bound = bound.where(columns.algorithm.in_(("", algorithm)))
        is_waiting = case(
            (receipts.c.state == PUBLISHED, 0), (receipts.c.state.is_(None), 0), else_=1
        )
        query = (
            select(manifests.c.manifest_id)
            .join(receipts, receipts.c.receipt_id == manifests.c.receipt_id, isouter=True)
            .where(manifests.c.manifest_id.in_(bound))
            .order_by(is_waiting, manifests.c.stored_at, manifests.c.manifest_id)
            .limit(limit)
        )
        with self._connection() as connection:
            return tuple(connection.execute(query).scalars())

    def soft_bindings_of(self, manifest_id: str) -> tuple[SoftBinding, ...]:
        """What leads to a manifest, in the order of algorithms and values.

        Raises:
            RegistryError: The registry cannot be read.
        """
        columns = bindings_table.c
        query = select(columns.algorithm, columns.value).where(columns.manifest_id == manifest_id)
        with self._connection() as connection:
            # Sorted here: a server's order of texts is that of its locale.
            rows = sorted(tuple(row) for row in connection.execute(query))
        return tuple(SoftBinding(algorithm=algorithm, value=value) for algorithm, value in rows)

    def _one(self, query: Select[Any]) -> StoredManifest | None:
        with self._connection() as connection:
            row = connection.execute(query.limit(1)).one_or_none()
        return None if row is None else _manifest(row)


class ManifestWriting(ManifestReading, AuditWriting):
    """Taking manifests, and letting them go."""

    _now: Callable[[], datetime]

    def store_manifest(
        self,
        manifest_id: str,
        store: bytes,
        *,
        soft_bindings: Iterable[SoftBinding] = (),
        stored_by: str | None = None,
    ) -> bool:
        """Keep a manifest store that somebody entrusts to this registry.

        The same store again changes nothing but for bindings that are new.

        Args:
            manifest_id: Label of its active manifest, which the caller has read from it.
            store: The store.
            soft_bindings: What leads to it.
            stored_by: Id of the API key of who entrusts it.

        Returns:
            Whether it was new.

        Raises:
            ConflictError: There is another store under that label.
            RegistryError: The registry cannot be written; or the label or a binding is no text
                that something could be found by.
        """
        _check("the manifest's label", manifest_id)
        digest = hashlib.sha256(store).hexdigest()
        query = select(manifests.c.sha256).where(manifests.c.manifest_id == manifest_id)
        with self._writing() as connection:
            known = connection.execute(query).scalar()
            if known is not None and known != digest:
                raise ConflictError(
                    f"there is another manifest store under the label {manifest_id}",
                    hint="A label belongs to one manifest: sign anew, which makes a new label",
                )
            if known is None:
                add_manifest(
                    connection, manifest_id, store, stored_at=self._now(), stored_by=stored_by
                )
            add_bindings(connection, manifest_id, soft_bindings)
        return known is None

    def bind(self, manifest_id: str, binding: SoftBinding) -> bool:
        """Let a soft binding lead to a manifest; saying it again is harmless.

        Args:
            manifest_id: The manifest.
            binding: What leads to it; its algorithm may be "": unknown.

        Returns:
            False where the registry does not know the manifest.

        Raises:
            RegistryError: The registry cannot be written.
        """
        query = select(manifests.c.manifest_id).where(manifests.c.manifest_id == manifest_id)
        with self._writing() as connection:
            if connection.execute(query).first() is None:
                return False
            add_bindings(connection, manifest_id, [binding])
        return True

    def rebind(self, value: str, manifest_id: str, *, stored_by: str) -> bool:
        """Let a soft binding lead to a manifest instead of all others of the same owner.

        When a manifest was signed anew, what led to the old one has to lead to the new one. Under
        each algorithm under which it led to one of the owner's, it leads to that one now; nobody
        leads another's watermark to a story of their own.

        Args:
            value: The soft binding's value.
            manifest_id: The manifest that it is to lead to.
            stored_by: Id of the API key that stored all of them.

        Returns:
            False where it led to none of the owner's, or the manifest is none of these; nothing is
            changed then.

        Raises:
            RegistryError: The registry cannot be written.
        """
        columns = bindings_table.c
        own = select(manifests.c.manifest_id).where(manifests.c.stored_by == stored_by)
        is_own = (columns.value == value) & columns.manifest_id.in_(own)
        with self._writing() as connection:
            is_there = own.where(manifests.c.manifest_id == manifest_id)
            if connection.execute(is_there).first() is None:
                return False
            query = select(columns.algorithm).where(is_own).distinct()
            algorithms = connection.execute(query).scalars().all()
            connection.execute(bindings_table.delete().where(is_own))
            bindings = [SoftBinding(algorithm=each, value=value) for each in algorithms]
            add_bindings(connection, manifest_id, bindings)
        return bool(algorithms)

    def delete_manifest(self, manifest_id: str, *, actor: str, reason: str) -> AuditEntry:
        """Delete a manifest and what leads to it, and record that.

        Args:
            manifest_id: Its label.
            actor: Who deletes it.
            reason: Why, without personal data.

        Returns:
            The entry of the audit log.

        Raises:
            RegistryError: It is not there, a word is blank, or the registry cannot be written.
        """
        where = manifests.c.manifest_id == manifest_id
        with self._writing() as connection:
            connection.execute(
                bindings_table.delete().where(bindings_table.c.manifest_id == manifest_id)
            )
            if not connection.execute(manifests.delete().where(where)).rowcount:
                raise RegistryError(f"the registry has no manifest {manifest_id}", file=self._name)
            entry = self._add(
                connection,
                MANIFEST_DELETION,
                manifest_id,
                actor=actor,
                reason=reason,
                body=canonical({}),
            )
        self._forget(manifests, bindings_table)
        return entry


def add_manifest(
    connection: Connection,
    manifest_id: str,
    store: bytes,
    *,
    stored_at: datetime,
    stored_by: str | None = None,
    receipt_id: str | None = None,
) -> None:
    """Add a manifest's row."""
    row = {
        "manifest_id": manifest_id,
        "receipt_id": receipt_id,
        "stored_at": stored_at.astimezone(UTC).isoformat(),
        "stored_by": stored_by,
        "sha256": hashlib.sha256(store).hexdigest(),
        "store": store,
    }
    connection.execute(insert(manifests).values(row))


def add_bindings(connection: Connection, manifest_id: str, bindings: Iterable[SoftBinding]) -> None:
    """Add the rows of bindings that are new, in a transaction that has the registry to itself."""
    for binding in dict.fromkeys(bindings):
        _check("the soft binding", manifest_id, binding.algorithm, binding.value)
        row = {
            "manifest_id": manifest_id,
            "algorithm": binding.algorithm,
            "value": binding.value,
        }
        known = select(bindings_table.c.value).filter_by(**row)
        if connection.execute(known).first() is None:
            connection.execute(insert(bindings_table).values(row))


def _check(what: str, *parts: str) -> None:
    """See that every database can look for texts, which may come from anywhere."""
    told = "".join(parts)
    if not _is_text(told):
        raise RegistryError(f"{what} holds characters that are no text")
    if len(told.encode()) > _KEY_BYTES:
        raise RegistryError(f"{what} is longer than {_KEY_BYTES} bytes")


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def _manifest(row: Row[Any]) -> StoredManifest:
    return StoredManifest(
        manifest_id=row.manifest_id,
        store=row.store,
        sha256=row.sha256,
        stored_at=datetime.fromisoformat(row.stored_at),
        stored_by=row.stored_by,
        receipt_id=row.receipt_id,
    )
