"""Registries' databases as somebody sees them who has them, whatever Labeler does."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, make_url


def connect(location: str) -> Engine:
    """An engine for a registry's location."""
    url = make_url(location if "://" in location else f"sqlite:///{location}")
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return create_engine(url)
