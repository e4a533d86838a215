"""The fingerprint log of texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labeler.registry.migrations.types import LONG, MOMENT

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table("text_key", sa.Column("key_id", sa.String, primary_key=True))
    op.create_table(
        "text",
        sa.Column("text_id", LONG, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("words", sa.Integer, nullable=False),
        sa.Column("selection", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "text_output",
        sa.Column("output_id", LONG, primary_key=True),
        sa.Column("text_id", LONG, sa.ForeignKey("text.text_id"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("receipt_id", sa.String, sa.ForeignKey("receipt.receipt_id", ondelete="CASCADE")),
        sa.Column("provider", sa.String),
        sa.Column("model", sa.String),
        sa.Column("reference", sa.String),
        sqlite_autoincrement=True,
    )
    op.create_index("text_output_by_text", "text_output", ["text_id", "at"])
    op.create_index("text_output_by_time", "text_output", ["at"])
    op.create_index("text_output_by_receipt", "text_output", ["receipt_id"])
    op.create_table(
        "text_shingle",
        sa.Column("shingle", LONG, primary_key=True, autoincrement=False),
        sa.Column("text_id", LONG, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
