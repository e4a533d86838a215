"""The fingerprint log in the registry's database: what writes to it, and what reads it.

Two parts of `labeler.registry.store`'s classes. What is deleted here was never in the audit log,
which records that it was deleted, by whom and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from labeler.codec.keys import Key
from labeler.codec.overlap import overlap
from labeler.codec.shingles import Selection, Shingles
from labeler.errors import RegistryError
from labeler.registry.audit import AuditEntry
from labeler.registry.database import Storage
from labeler.registry.deletion import Deleting, Kept
from labeler.registry.moments import as_stored
from labeler.registry.schema import receipts, text_keys, text_outputs, text_shingles, texts
from labeler.registry.text_index import add_text, drop_unused, find_candidates, texts_of
from labeler.registry.texts import TextLogSize, TextMatch, TextOutput, log_key_at

__all__ = ["TEXT_DELETION", "TEXT_EXPIRY", "TextReading", "TextWriting"]

TEXT_DELETION: Final = "text-deletion"
"""A text was deleted from the fingerprint log; the subject is ``text:`` and its number."""
TEXT_EXPIRY: Final = "text-expiry"
"""What came out before some time is deleted from the log; the subject is ``texts``."""

_OUTPUTS: Final = 16

# Made once: making them takes longer than running them.
_STORED: Final = select(texts.c.words, texts.c.selection).where(
    texts.c.text_id == bindparam("which")
)
_TIMES: Final = select(func.count()).where(text_outputs.c.text_id == bindparam("which"))
_LATEST: Final = (
    select(text_outputs, receipts.c.body)
    .join_from(text_outputs, receipts, isouter=True)
    .where(text_outputs.c.text_id == bindparam("which"))
    .order_by(text_outputs.c.at.desc())
    .limit(_OUTPUTS)
)


def _delete_outputs(connection: Connection, output_ids: Sequence[int]) -> None:
    which = text_outputs.c.output_id.in_(output_ids)
    known = texts_of(connection, which)
    connection.execute(text_outputs.delete().where(which))
    drop_unused(connection, known)


_TEXTS: Final = Kept(
    name="texts",
    tables=(texts, text_outputs, text_shingles),
    deletion=TEXT_DELETION,
    expiry=TEXT_EXPIRY,
    identity=text_outputs.c.output_id,
    at=text_outputs.c.at,
    expire=_delete_outputs,
)


class TextReading(Storage):
    """Reading the fingerprint log."""

    def text_key(self) -> Key | None:
        """The log's key, from the file beside the registry; None where there is none.

        Raises:
            WatermarkKeyError: It is malformed, or others than its owner may read it.
        """
        file = self._database.text_log_key
        return None if file is None else log_key_at(file, make=False)

    def find_text(self, text: Shingles) -> tuple[TextMatch, ...]:
        """The logged texts that a text is a copy of, or has a passage of; the most of it first.

        Args:
            text: Made with the log's key.

        Raises:
            RegistryError: The registry cannot be read, or its texts were all logged with other
                keys.
        """
        with self._reading_at_once() as connection:
            candidates = find_candidates(connection, text)
            found = [
                match
                for text_id in candidates.text_ids
                if (match := self._compare(connection, text_id, text, candidates.common))
            ]
            if not found:
                self._check_key(connection, text.key_id)
        return tuple(sorted(found, key=lambda match: -match.overlap.aligned))

    def text_log_size(self) -> TextLogSize:
        """How many texts and outputs the log holds.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._reading_at_once() as connection:
            return TextLogSize(
                texts=connection.execute(select(func.count()).select_from(texts)).scalar_one(),
                outputs=connection.execute(
                    select(func.count()).select_from(text_outputs)
                ).scalar_one(),
            )

    def _compare(
        self, connection: Connection, text_id: int, text: Shingles, common: NDArray[np.uint64]
    ) -> TextMatch | None:
        row = connection.execute(_STORED, {"which": text_id}).one_or_none()
        if row is None:
            return None
        try:
            stored = Selection.from_bytes(row.selection)
        except ValueError as error:
            raise RegistryError(
                f"the registry holds a text that cannot be read: {error}", file=self._name
            ) from error
        found = overlap(stored, text, common=common)
        if not found.is_match:
            return None
        return TextMatch(
            text_id=text_id,
            words=row.words,
            overlap=found,
            outputs=self._outputs(connection, text_id),
            times=connection.execute(_TIMES, {"which": text_id}).scalar_one(),
        )

    def _outputs(self, connection: Connection, text_id: int) -> tuple[TextOutput, ...]:
        return tuple(
            TextOutput(
                at=datetime.fromisoformat(row.at),
                receipt=None if row.body is None else self._read(row.body),
                provider=row.provider,
                model=row.model,
                reference=row.reference,
            )
            for row in connection.execute(_LATEST, {"which": text_id})
        )

    def _check_key(self, connection: Connection, key_id: str) -> None:
        known = connection.execute(select(text_keys.c.key_id)).scalars().all()
        if known and key_id not in known:
            raise RegistryError(
                f"no text was logged with the key {key_id}, but with {', '.join(sorted(known))}",
                file=self._name,
                hint="Give the key that the texts were logged with",
            )


class TextWriting(TextReading, Deleting):
    """Writing the fingerprint log, and keeping it no longer than needed."""

    _now: Callable[[], datetime]

    def make_text_key(self) -> Key:
        """The log's key, made beside the registry where there is none yet.

        Raises:
            RegistryError: It cannot be made.
            WatermarkKeyError: It is malformed, or others than its owner may read it.
        """
        file = self._database.text_log_key
        if file is None:
            raise RegistryError(
                "there is no place for the key of the fingerprint log",
                file=self._name,
                hint="Say where keys lie when you open a registry on a server",
            )
        key = log_key_at(file, make=True)
        if key is None:
            raise RegistryError("the key of the fingerprint log has gone", file=file)
        return key

    def log_text(
        self,
        receipt_id: str | None,
        text: Shingles,
        *,
        at: datetime | None = None,
        provider: str | None = None,
        model: str | None = None,
        reference: str | None = None,
    ) -> int:
        """Log a text that came out.

        Args:
            receipt_id: Of its stamping, which is prepared or published; None where there is none.
            text: Made with the log's key; only its selected shingles are stored.
            at: When it came out, with its zone; None: now.
            provider: Who generated it.
            model: With which model.
            reference: What the caller knows it by, without personal data.

        Returns:
            The text's number in the log; the same text has the same one again.

        Raises:
            RegistryError: The registry does not know the receipt, or cannot be written.
            ValueError: ``at`` has no time zone.
        """
        when = as_stored(self._now() if at is None else at)
        try:
            with self._writing() as connection:
                text_id = add_text(connection, text)
                row = {
                    "text_id": text_id,
                    "at": when,
                    "receipt_id": receipt_id,
                    "provider": provider,
                    "model": model,
                    "reference": reference,
                }
                connection.execute(insert(text_outputs).values(row))
        except IntegrityError as error:
            raise RegistryError(
                f"the registry does not know the receipt {receipt_id}", file=self._name
            ) from error
        return text_id

    def delete_text(self, text_id: int, *, actor: str, reason: str) -> AuditEntry:
        """Delete a text from the log, all of its outputs too, and record that.

        Args:
            text_id: Its number.
            actor: Who deletes it.
            reason: Why, without the personal data that is deleted.

        Returns:
            The entry of the audit log.

        Raises:
            RegistryError: There is no such text, a word is blank, or the registry cannot be
                written.
        """

        def delete(connection: Connection) -> None:
            known = select(texts.c.text_id).where(texts.c.text_id == text_id)
            if connection.execute(known).first() is None:
                raise RegistryError(f"text {text_id} is not in the log", file=self._name)
            connection.execute(text_outputs.delete().where(text_outputs.c.text_id == text_id))
            drop_unused(connection, [text_id])

        return self._delete(_TEXTS, f"text:{text_id}", delete, actor=actor, reason=reason)

    def expire_texts(self, before: datetime, *, actor: str, reason: str) -> int:
        """Delete what came out before some time, and texts that have not come out since.

        It is recorded first, and done in portions: after a crash, call it again.

        Args:
            before: The time, with its zone.
            actor: Who deletes.
            reason: Why: the rule of retention.

        Returns:
            How many outputs were deleted; with none, nothing is recorded.

        Raises:
            RegistryError: A word is blank, or the registry cannot be written.
            ValueError: ``before`` has no time zone.
        """
        return self._expire(_TEXTS, before, actor=actor, reason=reason)
