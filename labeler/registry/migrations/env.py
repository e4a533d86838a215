"""Runs migrations on the connection that `labeler.registry.migrating` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import inspect

from labeler.registry.schema import METADATA

_connection = context.config.attributes["connection"]
context.configure(
    connection=_connection,
    target_metadata=METADATA,
    # By name: Alembic would take the table of another application for ours where that one's schema
    # is further along the search path.
    version_table_schema=inspect(_connection).default_schema_name,
)
# The transaction is the caller's.
context.run_migrations()
