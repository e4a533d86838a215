"""Temporary files that a killed process left behind."""

from __future__ import annotations

from pathlib import Path

__all__ = ["remove_leftovers"]


def remove_leftovers(target: Path) -> None:
    """Remove what an interrupted writing of ``target`` left beside it.

    Only to be called where nobody is writing ``target``.
    """
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        leftover.unlink(missing_ok=True)
