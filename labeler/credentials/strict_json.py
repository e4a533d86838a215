"""JSON that two readers cannot take differently."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["read_object", "write_object"]

_DEEPEST: Final = 32
"""Levels of nesting; what Labeler writes has fewer than ten."""


def read_object(text: str | bytes) -> dict[str, Any]:
    """The object that ``text`` is.

    Raises:
        ValueError: It is no JSON object, names a member twice, holds NaN or infinity, nests too
            deep, or is no UTF-8.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  bad data, not a bad call
    _check_depth(value)
    return value


def write_object(members: dict[str, Any]) -> str:
    """The object with its members in the order of their names, no spaces, ASCII only."""
    return json.dumps(members, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            member
            for each in level
            if isinstance(each, dict | list)
            for member in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError("it nests too deep")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
