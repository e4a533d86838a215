"""The registry's tables, as statements use them; `labeler.registry.migrations` makes them.

`REVISION` is the latest migration. A registry of an earlier one is brought up to it when it is
opened, whoever opens it first.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
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
)

from labeler.registry.migrations.types import LONG, MOMENT

__all__ = [
    "METADATA",
    "PREPARED",
    "PUBLISHED",
    "REVISION",
    "api_keys",
    "audit_details",
    "audit_entries",
    "checkpoints",
    "fingerprints",
    "jobs",
    "manifests",
    "receipts",
    "reservations",
    "soft_bindings",
    "sounds",
    "text_keys",
    "text_outputs",
    "text_shingles",
    "texts",
]

REVISION: Final = "0005"

PREPARED: Final = "prepared"
"""The receipt of an output that is about to be published, or was when the process died."""
PUBLISHED: Final = "published"
"""The receipt of an output that was published."""

METADATA: Final = MetaData()


reservations: Final = Table(
    "reservation",
    METADATA,
    # Together the primary key: what makes a serial unique, whichever processes ask for one.
    Column("issuer", Integer, primary_key=True, autoincrement=False),
    Column("serial", LONG, primary_key=True, autoincrement=False),
    Column("reserved_at", MOMENT, nullable=False),
    sqlite_with_rowid=False,
)

receipts: Final = Table(
    "receipt",
    METADATA,
    Column("receipt_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    # The handle in the watermark. No reference to `reservation`: a mark that was found in the
    # source and kept has a handle that another registry may have handed out.
    Column("issuer", Integer),
    Column("serial", LONG),
    Column("source_sha256", String, nullable=False),
    Column("profile", String, nullable=False),
    Column("target", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("target_sha256", String),
    Index("receipt_by_handle", "issuer", "serial"),
    Index("receipt_by_source", "source_sha256", "profile"),
    Index("receipt_by_output", "target_sha256"),
    Index("receipt_by_time", "created_at"),
)

_OF_RECEIPT: Final = "receipt.receipt_id"

sounds: Final = Table(
    "sound",
    METADATA,
    # Only sounds with a short payload: what others carry leads to one receipt by itself.
    Column("receipt_id", String, ForeignKey(_OF_RECEIPT, ondelete="CASCADE"), primary_key=True),
    Column("origin", Integer, nullable=False),
    Column("tag", Integer, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Index("sound_by_tag", "tag", "origin"),
)

manifests: Final = Table(
    "manifest",
    METADATA,
    # The store of an output of ours, or one that somebody entrusted to this registry.
    Column("manifest_id", String, primary_key=True),
    Column("receipt_id", String, ForeignKey(_OF_RECEIPT, ondelete="CASCADE")),
    Column("stored_at", MOMENT, nullable=False),
    Column("stored_by", String),
    Column("sha256", String, nullable=False),
    Column("store", LargeBinary, nullable=False),
    Index("manifest_by_receipt", "receipt_id"),
)

soft_bindings: Final = Table(
    "soft_binding",
    METADATA,
    # The algorithm may be unknown ("") where the interface that took it has no place for one.
    Column("value", String, primary_key=True),
    Column("algorithm", String, primary_key=True),
    Column(
        "manifest_id",
        String,
        ForeignKey("manifest.manifest_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Index("soft_binding_by_manifest", "manifest_id"),
)

fingerprints: Final = Table(
    "fingerprint",
    METADATA,
    # Numbers rise in the order of commits (writers take turns): an index in memory reads on from
    # the last that it has.
    Column("fingerprint_id", LONG, primary_key=True),
    Column("receipt_id", String, ForeignKey(_OF_RECEIPT, ondelete="CASCADE"), nullable=False),
    Column("algorithm", String, nullable=False),
    Column("offset_ms", LONG, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index("fingerprint_by_receipt", "receipt_id", "algorithm"),
    Index("fingerprint_by_algorithm", "algorithm", "fingerprint_id"),
    sqlite_autoincrement=True,
)

audit_entries: Final = Table(
    "audit",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", MOMENT, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail_digest", String, nullable=False),
    # Unique: the chain cannot fork, whatever goes wrong.
    Column("previous", String, nullable=False, unique=True),
    Column("digest", String, nullable=False, unique=True),
    Index("audit_by_subject", "subject", "kind"),
)

audit_details: Final = Table(
    "audit_detail",
    METADATA,
    # What can be erased, a row as a whole: no decision is left without its reason.
    Column("sequence", Integer, ForeignKey("audit.sequence"), primary_key=True),
    Column("salt", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),
    # Members of the body that entries are found by.
    Column("work", String),
    Column("decision_id", String),
    CheckConstraint("trim(actor) <> '' AND trim(reason) <> ''"),
    Index("audit_by_work", "work"),
    Index("audit_by_decision", "decision_id"),
)

checkpoints: Final = Table(
    "checkpoint",
    METADATA,
    # No reference to `audit`: a checkpoint outlives a log that was cut off, and shows it.
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", MOMENT, nullable=False),
    Column("digest", String, nullable=False),
    Column("signed", Text, nullable=False),
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
    Column("text_id", LONG, primary_key=True),
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
    Column("output_id", LONG, primary_key=True),
    Column("text_id", LONG, ForeignKey("text.text_id"), nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("receipt_id", String, ForeignKey(_OF_RECEIPT, ondelete="CASCADE")),
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
    # Shingles are signed here: databases have no unsigned numbers of 64 bits.
    Column("shingle", LONG, primary_key=True, autoincrement=False),
    Column("text_id", LONG, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

api_keys: Final = Table(
    "api_key",
    METADATA,
    Column("key_id", String, primary_key=True),
    Column("name", String, nullable=False),
    # A keyed digest; what it is the digest of, only its owner has.
    Column("digest", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("revoked_at", MOMENT),
)

jobs: Final = Table(
    "job",
    METADATA,
    Column("job_id", String, primary_key=True),
    Column("key_id", String),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("changed_at", MOMENT, nullable=False),
    Column("request", Text, nullable=False),
    Column("answer", Text),
    Index("job_by_time", "created_at"),
)
