"""Moments that callers give, as the tables hold them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["as_stored"]


def as_stored(moment: datetime) -> str:
    """A moment as text whose order is that of time: ISO 8601 in UTC.

    Raises:
        ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("the time has no time zone")
    return moment.astimezone(UTC).isoformat()
