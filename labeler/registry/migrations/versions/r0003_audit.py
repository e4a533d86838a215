"""The audit log, which only grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labeler.registry.migrations.triggers import forbid
from labeler.registry.migrations.types import MOMENT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables, and what keeps mistakes from them."""
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("detail_digest", sa.String, nullable=False),
        sa.Column("previous", sa.String, nullable=False, unique=True),
        sa.Column("digest", sa.String, nullable=False, unique=True),
    )
    op.create_index("audit_by_subject", "audit", ["subject", "kind"])
    op.create_table(
        "audit_detail",
        sa.Column("sequence", sa.Integer, sa.ForeignKey("audit.sequence"), primary_key=True),
        sa.Column("salt", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.CheckConstraint("trim(actor) <> '' AND trim(reason) <> ''"),
    )
    forbid("audit", "UPDATE")
    forbid("audit", "DELETE")
    forbid("audit_detail", "UPDATE")
