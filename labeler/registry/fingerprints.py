"""What outputs look and sound like: how a copy is recognised that has lost all marks.

A fingerprint is taken of content and not put into it. The registry keeps several kinds side by
side, each under the name of its algorithm; what they mean only `labeler.codec` knows. Of films
there is one for each of some moments.

Two parts of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, insert, select

from labeler.receipt import Receipt
from labeler.registry.database import Storage
from labeler.registry.schema import fingerprints, receipts

__all__ = [
    "ACOUSTIC",
    "PDQ",
    "SKETCH",
    "ContentFingerprint",
    "FingerprintReading",
    "KnownFingerprint",
    "add_fingerprints",
]

PDQ: Final = "pdq"
"""`labeler.codec.pdq`: pictures, and frames of films."""
SKETCH: Final = "ai.labeler.sketch.1"
"""`labeler.codec.sketch`: what a watermark's content is compared with."""
ACOUSTIC: Final = "ai.labeler.acoustic.1"
"""`labeler.codec.acoustic`: sounds, and the sound of films."""

_PAGE: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFingerprint:
    """A fingerprint of an output, or of a moment of it."""

    algorithm: str
    """Its name, such as ``pdq``."""
    value: bytes = field(repr=False)
    """What the algorithm writes."""
    offset_ms: int = 0
    """Where in a sound or film it was taken, milliseconds from its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFingerprint:
    """A fingerprint with its number in the registry."""

    fingerprint_id: int
    """Rises with time."""
    value: bytes = field(repr=False)
    """What the algorithm writes."""


class FingerprintReading(Storage):
    """Reading fingerprints."""

    def fingerprints_of(self, receipt_id: str, algorithm: str) -> tuple[ContentFingerprint, ...]:
        """Those of an output, in the order of their offsets.

        Raises:
            RegistryError: The registry cannot be read.
        """
        columns = fingerprints.c
        query = (
            select(columns.offset_ms, columns.value)
            .where(columns.receipt_id == receipt_id, columns.algorithm == algorithm)
            .order_by(columns.offset_ms, columns.fingerprint_id)
        )
        with self._connection() as connection:
            rows = connection.execute(query).all()
        return tuple(
            ContentFingerprint(algorithm=algorithm, value=row.value, offset_ms=row.offset_ms)
            for row in rows
        )

    def fingerprint(self, fingerprint_id: int) -> bytes | None:
        """One by its number; None where it was deleted.

        Raises:
            RegistryError: The registry cannot be read.
        """
        columns = fingerprints.c
        query = select(columns.value).where(columns.fingerprint_id == fingerprint_id)
        with self._connection() as connection:
            value: bytes | None = connection.execute(query).scalar()
        return value

    def fingerprints_after(
        self, last: int, algorithm: str, *, page: int = _PAGE
    ) -> Iterator[list[KnownFingerprint]]:
        """All fingerprints of an algorithm with numbers above one, in portions, for an index.

        Args:
            last: Number of the last one that is known; 0: none is.
            algorithm: Which.
            page: How many come at a time.

        Raises:
            RegistryError: The registry cannot be read.
        """
        columns = fingerprints.c
        query = (
            select(columns.fingerprint_id, columns.value)
            .where(columns.algorithm == algorithm)
            .order_by(columns.fingerprint_id)
            .limit(page)
        )
        while True:
            with self._connection() as connection:
                rows = connection.execute(query.where(columns.fingerprint_id > last)).all()
            if not rows:
                return
            yield [KnownFingerprint(fingerprint_id=row[0], value=row[1]) for row in rows]
            last = rows[-1][0]

    def find_fingerprinted(self, fingerprint_id: int) -> tuple[Receipt, int] | None:
        """The output of a fingerprint, and its offset; None where it was deleted since.

        Raises:
            RegistryError: The registry cannot be read.
        """
        query = (
            select(receipts.c.body, fingerprints.c.offset_ms)
            .join(fingerprints, fingerprints.c.receipt_id == receipts.c.receipt_id)
            .where(fingerprints.c.fingerprint_id == fingerprint_id)
        )
        with self._connection() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (self._read(row.body), row.offset_ms)


def add_fingerprints(
    connection: Connection, receipt_id: str, taken: Iterable[ContentFingerprint]
) -> None:
    """Add rows, in a transaction that has the registry to itself."""
    rows = [
        {
            "receipt_id": receipt_id,
            "algorithm": each.algorithm,
            "offset_ms": each.offset_ms,
            "value": each.value,
        }
        for each in taken
    ]
    if rows:
        connection.execute(insert(fingerprints), rows)
