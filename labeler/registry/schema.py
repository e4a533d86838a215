"""The registry's tables, and the version of their shape.

Version 1 had no table `sounds`. A registry of an earlier version is read as it is, and brought up
to this one when it is opened for writing (`labeler.registry.database.upgrade`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "METADATA",
    "PREPARED",
    "PUBLISHED",
    "SCHEMA_VERSION",
    "WITHOUT_SOUNDS",
    "receipts",
    "reservations",
    "sounds",
    "version",
]

SCHEMA_VERSION: Final = 2
WITHOUT_SOUNDS: Final = 1
"""The version before the table `sounds` came."""

PREPARED: Final = "prepared"
"""The receipt of an output that is about to be published, or was when the process died."""
PUBLISHED: Final = "published"
"""The receipt of an output that was published."""

METADATA: Final = MetaData()

version: Final = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, nullable=False),
)

reservations: Final = Table(
    "reservation",
    METADATA,
    # Together the primary key: what makes a serial unique, whichever processes ask for one.
    Column("issuer", Integer, primary_key=True, autoincrement=False),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("reserved_at", String, nullable=False),
    sqlite_with_rowid=False,
)

receipts: Final = Table(
    "receipt",
    METADATA,
    Column("receipt_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("created_at", String, nullable=False),
    # The handle in the watermark. No reference to `reservation`: a mark that was found in the
    # source and kept has a handle that another registry may have handed out.
    Column("issuer", Integer),
    Column("serial", Integer),
    Column("source_sha256", String, nullable=False),
    Column("profile", String, nullable=False),
    Column("target", String, nullable=False),
    Column("body", Text, nullable=False),
    Index("receipt_by_handle", "issuer", "serial"),
    Index("receipt_by_source", "source_sha256", "profile"),
)

sounds: Final = Table(
    "sound",
    METADATA,
    # Only sounds with a short payload: what others carry leads to one receipt by itself.
    Column(
        "receipt_id",
        String,
        ForeignKey("receipt.receipt_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("origin", Integer, nullable=False),
    Column("tag", Integer, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Index("sound_by_tag", "tag", "origin"),
)
