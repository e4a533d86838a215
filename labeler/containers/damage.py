"""The one error that all container parsers raise."""

from __future__ import annotations

from labeler.errors import UnreadableMediaError

__all__ = ["damaged"]


def damaged(problem: str) -> UnreadableMediaError:
    """An error for a file whose structure does not hold; ``problem`` has no full stop."""
    return UnreadableMediaError(
        problem, hint="The file is truncated or damaged; get an undamaged copy of it"
    )
