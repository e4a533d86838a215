"""The audit log in the registry's database: what writes to it, and what reads it.

Two parts of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Table, insert, select

from labeler.errors import RegistryError
from labeler.registry.audit import (
    DECISION,
    ERASURE,
    GENESIS,
    SIGN_OFF,
    AuditEntry,
    AuditVerdict,
    canonical,
    check_text,
    digest_detail,
    digest_entry,
    inspect,
    verify_chain,
)
from labeler.registry.database import Storage
from labeler.registry.schema import audit_details, audit_entries
from labeler.registry.sign_offs import SignOff, check_digest

__all__ = ["AuditReading", "AuditWriting"]

_SALT_BYTES: Final = 32
_PAGE: Final = 256
_FOUND_BY: Final = ("work", "decision_id")
"""Members of the body that have a column of their own."""
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")


class AuditReading(Storage):
    """Reading the audit log."""

    def audit_entries(
        self, *, subject: str | None = None, kind: str | None = None
    ) -> Iterator[AuditEntry]:
        """The entries, oldest first, as they are in the file.

        Whether they are what was recorded, `verify_audit` says.

        Args:
            subject: Only those about this; None: about anything.
            kind: Only those of this kind; None: of any.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = _select().order_by(audit_entries.c.sequence).limit(_PAGE)
        if subject is not None:
            query = query.where(audit_entries.c.subject == subject)
        if kind is not None:
            query = query.where(audit_entries.c.kind == kind)
        last = 0
        while page := self._read_entries(query.where(audit_entries.c.sequence > last)):
            yield from page
            last = page[-1].sequence

    def verify_audit(self, expected: str | None = None) -> AuditVerdict:
        """Whether the log is as it was written.

        Args:
            expected: Digest of an entry that the log had: what its head was when somebody noted
                it. Without it nobody can tell whether the log's end was cut off.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._connection() as connection:
            # One statement, so that it sees one state of the log, and in small portions.
            query = _select().order_by(audit_entries.c.sequence)
            # Closed in any case: a broken chain is not read to its end.
            with connection.execution_options(yield_per=_PAGE).execute(query) as rows:
                return verify_chain(map(_entry, rows), expected=expected)

    def find_sign_off(self, content_sha256: str) -> SignOff | None:
        """The latest sign-off of exactly this content; None where there is none.

        One that was erased counts no longer, and those before it do not come back.

        Raises:
            RegistryError: The registry cannot be read, or the sign-off was changed in it.
        """
        query = (
            _select()
            .where(audit_entries.c.kind == SIGN_OFF, audit_entries.c.subject == content_sha256)
            .order_by(audit_entries.c.sequence.desc())
            .limit(1)
        )
        found = next(iter(self._read_entries(query)), None)
        return None if found is None or found.is_erased else self._sign_off(found)

    def sign_offs_of(self, work: str) -> tuple[SignOff, ...]:
        """The sign-offs of all versions of a work, oldest first.

        Raises:
            RegistryError: The registry cannot be read, or one of them was changed in it.
        """
        query = (
            _select(with_erased=False)
            .where(audit_entries.c.kind == SIGN_OFF, audit_details.c.work == work)
            .order_by(audit_entries.c.sequence)
        )
        return tuple(map(self._sign_off, self._read_entries(query)))

    def find_decision(self, decision_id: str) -> AuditEntry | None:
        """The latest record of the decision that a receipt names, but for those that were erased.

        Raises:
            RegistryError: The registry cannot be read, or the decision was changed in it.
        """
        query = (
            _select(with_erased=False)
            .where(audit_entries.c.kind == DECISION, audit_details.c.decision_id == decision_id)
            .order_by(audit_entries.c.sequence.desc())
            .limit(1)
        )
        found = next(iter(self._read_entries(query)), None)
        return None if found is None else self._checked(found)

    def _read_entries(self, query: Select[Any]) -> list[AuditEntry]:
        with self._connection() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def _checked(self, entry: AuditEntry) -> AuditEntry:
        """An entry that somebody will rely on, found to hold by itself."""
        problem = inspect(entry)
        if problem is not None:
            raise RegistryError(
                f"entry {entry.sequence} of the audit log does not hold: {problem}",
                file=self._name,
                hint="See what `labeler registry audit verify` says",
            )
        return entry

    def _sign_off(self, entry: AuditEntry) -> SignOff:
        members, reason = self._checked(entry).members, entry.reason or ""
        try:
            return SignOff.from_members(members, content_sha256=entry.subject, reason=reason)
        except ValueError as error:
            raise RegistryError(
                f"entry {entry.sequence} of the audit log cannot be read: {error}",
                file=self._name,
                hint="Use the version of Labeler that wrote it, or a later one",
            ) from error


class AuditWriting(AuditReading):
    """Writing the audit log: entries are added at its end, and nowhere else."""

    _now: Callable[[], datetime]

    def record(
        self, kind: str, subject: str, *, actor: str, reason: str, body: Mapping[str, object]
    ) -> AuditEntry:
        """Add an entry.

        Args:
            kind: `labeler.registry.audit.STAMPING` or another lower-case word; for sign-offs,
                decisions and erasures there are methods of their own.
            subject: What it is about: the SHA-256 of content, or another name without personal
                data, for it stays when the rest is erased.
            actor: Who does it.
            reason: Why.
            body: The particulars, as JSON has them.

        Raises:
            RegistryError: A text is blank, ``kind`` or ``body`` is not possible, or the registry
                cannot be written.
        """
        if kind in {SIGN_OFF, DECISION, ERASURE} or not _KIND.fullmatch(kind):
            raise RegistryError(
                f"the audit log takes no records of the kind {kind!r} here",
                hint="Use sign_off, record_decision or erase, or a lower-case word of your own",
            )
        return self._record(kind, subject, actor=actor, reason=reason, body=body)

    def sign_off(self, sign_off: SignOff, actor: str) -> AuditEntry:
        """Record that a person has signed content off.

        Args:
            sign_off: What was signed off.
            actor: Who records it, the reviewer or somebody else.

        Raises:
            RegistryError: ``actor`` is blank, or the registry cannot be written.
        """
        return self._record(
            SIGN_OFF,
            sign_off.content_sha256,
            actor=actor,
            reason=sign_off.reason,
            body=sign_off.to_members(),
        )

    def record_decision(
        self,
        decision_id: str,
        subject_sha256: str,
        *,
        actor: str,
        reason: str,
        body: Mapping[str, object],
    ) -> AuditEntry:
        """Record what was found to be due for content, and why.

        Args:
            decision_id: Name by which a receipt refers to it; the body's ``decision_id``.
            subject_sha256: SHA-256 of the content, hexadecimal.
            actor: Who decided.
            reason: Why.
            body: Facts and assessment.

        Raises:
            RegistryError: A text is blank, ``subject_sha256`` is no digest, ``body`` is not
                possible, or the registry cannot be written.
        """
        members = {**body, "decision_id": check_text(decision_id, "an id")}
        subject = check_digest(subject_sha256)
        return self._record(DECISION, subject, actor=actor, reason=reason, body=members)

    def erase(self, sequence: int, *, actor: str, reason: str) -> AuditEntry:
        """Erase actor, reason and body of an entry, and record that.

        The chain holds without them. A sign-off that is erased counts no longer. What is erased is
        overwritten in the file; while others read, a copy can stay in its write-ahead log until the
        last of them has closed it. PostgreSQL clears it away, and overwrites it in its own time.

        Args:
            sequence: The entry.
            actor: Who erases.
            reason: Why, without the personal data that is erased.

        Returns:
            The entry that records the erasure.

        Raises:
            RegistryError: There is no such entry, it is erased already, or the registry cannot be
                written.
        """
        details = audit_details
        with self._writing() as connection:
            query = select(audit_entries.c.digest).where(audit_entries.c.sequence == sequence)
            digest = connection.execute(query).scalar()
            deleted = connection.execute(details.delete().where(details.c.sequence == sequence))
            if digest is None or not deleted.rowcount:
                problem = "is not there" if digest is None else "was erased already"
                raise RegistryError(f"entry {sequence} of the audit log {problem}", file=self._name)
            entry = self._add(
                connection, ERASURE, digest, actor=actor, reason=reason, body=canonical({})
            )
        self._forget(audit_details)
        return entry

    def _record(
        self, kind: str, subject: str, *, actor: str, reason: str, body: Mapping[str, object]
    ) -> AuditEntry:
        check_text(subject, "a subject")
        text = canonical(body)
        with self._writing() as connection:
            return self._add(connection, kind, subject, actor=actor, reason=reason, body=text)

    def _forget(self, *tables: Table) -> None:
        """See that what was deleted from tables is gone."""
        self._database.forget(self._engine, tables)

    def _add(
        self, connection: Connection, kind: str, subject: str, *, actor: str, reason: str, body: str
    ) -> AuditEntry:
        """Add the entry that comes next, in a transaction that has the database to itself."""
        check_text(actor, "an actor")
        check_text(reason, "a reason")
        columns = audit_entries.c
        query = select(columns.sequence, columns.digest).order_by(columns.sequence.desc()).limit(1)
        row = connection.execute(query).one_or_none()
        sequence, previous = (1, GENESIS) if row is None else (row.sequence + 1, row.digest)
        salt, at = secrets.token_hex(_SALT_BYTES), self._now().astimezone(UTC).isoformat()
        detail_digest = digest_detail(salt, actor=actor, reason=reason, body=body)
        entry = AuditEntry(
            sequence=sequence,
            at=at,
            actor=actor,
            kind=kind,
            subject=subject,
            reason=reason,
            body=body,
            previous=previous,
            digest=digest_entry(
                sequence=sequence,
                at=at,
                kind=kind,
                subject=subject,
                previous=previous,
                detail_digest=detail_digest,
            ),
            detail_digest=detail_digest,
            salt=salt,
        )
        _insert(connection, entry)
        return entry


def _insert(connection: Connection, entry: AuditEntry) -> None:
    members = entry.members
    found_by = {
        name: told if isinstance(told := members.get(name), str) else None for name in _FOUND_BY
    }
    for table in (audit_entries, audit_details):
        row = {
            column.name: found_by[column.name]
            if column.name in found_by
            else getattr(entry, column.name)
            for column in table.columns
        }
        connection.execute(insert(table).values(row))


def _select(*, with_erased: bool = True) -> Select[Any]:
    details = audit_details
    return select(
        audit_entries, details.c.salt, details.c.actor, details.c.reason, details.c.body
    ).join_from(audit_entries, details, isouter=with_erased)


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        kind=row.kind,
        subject=row.subject,
        reason=row.reason,
        body=row.body,
        previous=row.previous,
        digest=row.digest,
        detail_digest=row.detail_digest,
        salt=row.salt,
    )
