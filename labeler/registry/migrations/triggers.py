"""Triggers against mistakes. Who drops one on purpose is shown by the chain."""

from __future__ import annotations

from typing import Final, Literal

from alembic import op

__all__ = ["allow", "forbid"]

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$
"""

Doing = Literal["UPDATE", "DELETE"]


def forbid(table: str, doing: Doing) -> None:
    """Make every ``doing`` to rows of ``table`` an error."""
    name = f"{table}_no_{doing.lower()}"
    if op.get_context().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {doing} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION audit_only_grows()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {doing} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        )


def allow(table: str, doing: Doing) -> None:
    """Take back what `forbid` did."""
    where = f" ON {table}" if op.get_context().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER {table}_no_{doing.lower()}{where}")
