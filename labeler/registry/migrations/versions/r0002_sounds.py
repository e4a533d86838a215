"""What sounds with a short payload sound like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sound",
        sa.Column(
            "receipt_id",
            sa.String,
            sa.ForeignKey("receipt.receipt_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("origin", sa.Integer, nullable=False),
        sa.Column("tag", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    )
    op.create_index("sound_by_tag", "sound", ["tag", "origin"])
