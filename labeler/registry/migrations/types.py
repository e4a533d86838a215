"""Types of columns that the databases name differently."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, String

__all__ = ["LONG", "MOMENT"]

LONG: Final = BigInteger().with_variant(Integer, "sqlite")
"""64 bits. In SQLite only INTEGER, which has as many there, can be the number of a row."""
MOMENT: Final = String().with_variant(String(collation="C"), "postgresql")
"""ISO 8601 in UTC. In the order of its bytes it is in that of time, whatever a server's locale."""
