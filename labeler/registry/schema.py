"""The registry's tables, and the version of their shape.

Version 1 had no table `sounds`, version 2 no audit log, version 3 no texts. A registry of an
earlier version is read as it is, and brought up to this one when it is opened for writing
(`labeler.registry.database.upgrade`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)

__all__ = [
    "DECISION_IN_BODY",
    "METADATA",
    "PREPARED",
    "PUBLISHED",
    "SCHEMA_VERSION",
    "WITHOUT_AUDIT",
    "WITHOUT_SOUNDS",
    "WITHOUT_TEXTS",
    "WORK_IN_BODY",
    "audit_details",
    "audit_entries",
    "receipts",
    "reservations",
    "sounds",
    "text_keys",
    "text_outputs",
    "text_shingles",
    "texts",
    "version",
]

SCHEMA_VERSION: Final = 4
WITHOUT_SOUNDS: Final = 1
"""The version before the table `sounds` came."""
WITHOUT_AUDIT: Final = 2
"""The version before the audit log came."""
WITHOUT_TEXTS: Final = 3
"""The version before the fingerprint log of texts came."""

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

audit_entries: Final = Table(
    "audit",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail_digest", String, nullable=False),
    # Unique: the chain cannot fork, whatever goes wrong.
    Column("previous", String, nullable=False, unique=True),
    Column("digest", String, nullable=False, unique=True),
    Index("audit_by_subject", "subject", "kind"),
)

WORK_IN_BODY: Final = "json_extract(body, '$.work')"
"""The work that a sign-off is about."""
DECISION_IN_BODY: Final = "json_extract(body, '$.decision_id')"
"""The id of a decision."""

audit_details: Final = Table(
    "audit_detail",
    METADATA,
    # What can be erased, a row as a whole: no decision is left without its reason.
    Column("sequence", Integer, ForeignKey("audit.sequence"), primary_key=True),
    Column("salt", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),
    CheckConstraint("trim(actor) <> '' AND trim(reason) <> ''"),
    Index("audit_by_work", text(WORK_IN_BODY)),
    Index("audit_by_decision", text(DECISION_IN_BODY)),
)

text_keys: Final = Table(
    "text_key",
    METADATA,
    # Every key that a text was ever logged with: what says "nothing found" apart from "wrong key".
    Column("key_id", String, primary_key=True),
)

texts: Final = Table(
    "text",
    METADATA,
    # A number is never given again: what was deleted does not come back as something else.
    Column("text_id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("words", Integer, nullable=False),
    Column("selection", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

text_outputs: Final = Table(
    "text_output",
    METADATA,
    # One for each time that the text came out: the same text again needs no shingles of its own,
    # and does not make them common.
    Column("output_id", Integer, primary_key=True),
    Column("text_id", Integer, ForeignKey("text.text_id"), nullable=False),
    Column("at", String, nullable=False),
    Column("receipt_id", String, ForeignKey("receipt.receipt_id", ondelete="CASCADE")),
    Column("provider", String),
    Column("model", String),
    Column("reference", String),
    Index("text_output_by_text", "text_id", "at"),
    Index("text_output_by_time", "at"),
    Index("text_output_by_receipt", "receipt_id"),
    sqlite_autoincrement=True,
)

text_shingles: Final = Table(
    "text_shingle",
    METADATA,
    # No reference to `text`: SQLite would look through all shingles whenever a text is deleted.
    # Shingles are signed here: SQLite has no unsigned numbers of 64 bits.
    Column("shingle", Integer, primary_key=True, autoincrement=False),
    Column("text_id", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Against mistakes, not against attackers: these can drop a trigger, but the chain shows what they
# do.
for _table, _doings in ((audit_entries, ("UPDATE", "DELETE")), (audit_details, ("UPDATE",))):
    for _doing in _doings:
        _trigger = (
            f"CREATE TRIGGER {_table.name}_no_{_doing.lower()} BEFORE {_doing} ON {_table.name} "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        )
        event.listen(
            _table,
            "after_create",
            DDL(_trigger),  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here
        )
