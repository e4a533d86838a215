"""Spans of time."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time that carries a mark, within a second or so."""

    start_s: float
    end_s: float
