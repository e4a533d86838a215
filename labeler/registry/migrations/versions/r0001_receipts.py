"""Serials and receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labeler.registry.migrations.types import LONG, MOMENT

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reservation",
        sa.Column("issuer", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("serial", LONG, primary_key=True, autoincrement=False),
        sa.Column("reserved_at", MOMENT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "receipt",
        sa.Column("receipt_id", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("issuer", sa.Integer),
        sa.Column("serial", LONG),
        sa.Column("source_sha256", sa.String, nullable=False),
        sa.Column("profile", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("receipt_by_handle", "receipt", ["issuer", "serial"])
    op.create_index("receipt_by_source", "receipt", ["source_sha256", "profile"])
