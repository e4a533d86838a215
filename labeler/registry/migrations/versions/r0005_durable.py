"""Durable credentials: manifests, soft bindings and fingerprints; checkpoints; keys and jobs.

Members of JSON texts that rows are found by get columns of their own, which every database can
index alike.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from labeler.registry.migrations.triggers import allow, forbid
from labeler.registry.migrations.types import LONG, MOMENT

revision = "0005"
down_revision = "0004"

_BY_RECEIPT: Final = "receipt.receipt_id"


def upgrade() -> None:
    """Make the tables and columns, and fill the columns."""
    if op.get_context().dialect.name == "sqlite":
        # Registries from before there were migrations have these.
        for name in ("audit_by_work", "audit_by_decision"):
            op.execute(f"DROP INDEX IF EXISTS {name}")
        op.execute("DROP TABLE IF EXISTS schema_version")
    op.add_column("receipt", sa.Column("target_sha256", sa.String))
    op.add_column("audit_detail", sa.Column("work", sa.String))
    op.add_column("audit_detail", sa.Column("decision_id", sa.String))
    _fill("receipt", "target_sha256")
    allow("audit_detail", "UPDATE")
    _fill("audit_detail", "work")
    _fill("audit_detail", "decision_id")
    forbid("audit_detail", "UPDATE")
    op.create_index("receipt_by_output", "receipt", ["target_sha256"])
    op.create_index("receipt_by_time", "receipt", ["created_at"])
    op.create_index("audit_by_work", "audit_detail", ["work"])
    op.create_index("audit_by_decision", "audit_detail", ["decision_id"])
    _make_manifests()
    _make_fingerprints()
    _make_checkpoints()
    _make_api_keys()
    _make_jobs()


def _fill(table: str, column: str) -> None:
    """Give a column what the JSON texts in ``body`` have under its name; damaged ones have none."""
    if op.get_context().dialect.name != "sqlite":
        return  # no registry of an earlier version was anywhere else
    body: sa.ColumnClause[str] = sa.column("body")
    path = f"$.{column}"
    is_text = sa.func.json_type(body, path) == "text"
    member = sa.case(
        (sa.func.json_valid(body) == 1, sa.case((is_text, sa.func.json_extract(body, path))))
    )
    op.execute(sa.update(sa.table(table, sa.column(column))).values({column: member}))


def _make_manifests() -> None:
    op.create_table(
        "manifest",
        sa.Column("manifest_id", sa.String, primary_key=True),
        sa.Column("receipt_id", sa.String, sa.ForeignKey(_BY_RECEIPT, ondelete="CASCADE")),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.Column("stored_by", sa.String),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("store", sa.LargeBinary, nullable=False),
    )
    op.create_index("manifest_by_receipt", "manifest", ["receipt_id"])
    op.create_table(
        "soft_binding",
        sa.Column("value", sa.String, primary_key=True),
        sa.Column("algorithm", sa.String, primary_key=True),
        sa.Column(
            "manifest_id",
            sa.String,
            sa.ForeignKey("manifest.manifest_id", ondelete="CASCADE"),
            primary_key=True,
        ),
    )
    op.create_index("soft_binding_by_manifest", "soft_binding", ["manifest_id"])


def _make_fingerprints() -> None:
    op.create_table(
        "fingerprint",
        sa.Column("fingerprint_id", LONG, primary_key=True),
        sa.Column(
            "receipt_id",
            sa.String,
            sa.ForeignKey(_BY_RECEIPT, ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("algorithm", sa.String, nullable=False),
        sa.Column("offset_ms", LONG, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("fingerprint_by_receipt", "fingerprint", ["receipt_id", "algorithm"])
    op.create_index("fingerprint_by_algorithm", "fingerprint", ["algorithm", "fingerprint_id"])


def _make_checkpoints() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("signed", sa.Text, nullable=False),
    )


def _make_api_keys() -> None:
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
    )


def _make_jobs() -> None:
    op.create_table(
        "job",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("key_id", sa.String),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
    )
    op.create_index("job_by_time", "job", ["created_at"])
