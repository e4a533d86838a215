"""Reading facts from JSON, TOML or plain mappings; nothing that is misspelt is passed over."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from labeler.errors import PolicyError
from labeler.policy.facts import (
    Actor,
    Channel,
    Deepfake,
    Exclusions,
    Facts,
    LabelPlaces,
    LawEnforcement,
    Marks,
    Modality,
    Output,
    ProhibitedContent,
    Review,
    System,
    Text,
    Work,
)
from labeler.policy.operations import OPERATIONS
from labeler.policy.source_types import SOURCE_TYPE_IDS

__all__ = ["parse_facts", "read_facts"]

_T = TypeVar("_T")

_LARGEST_BYTES: Final = 1 << 20
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "output.operation": OPERATIONS,
    "output.declared_source_type": SOURCE_TYPE_IDS,
}


def read_facts(path: Path) -> Facts:
    """The facts in a file: TOML where its name ends in ``.toml``, else JSON.

    Raises:
        PolicyError: The file cannot be read, or `parse_facts` refuses what it holds.
    """
    hint = "Give a JSON or TOML file with facts; `labeler assess --interactive` makes one"
    try:
        data = path.read_bytes()
        if len(data) > _LARGEST_BYTES:
            raise PolicyError("the file is too large to hold facts", file=path, hint=hint)
        text = data.decode("utf-8-sig")
        members = tomllib.loads(text) if path.suffix.lower() == ".toml" else _load_json(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PolicyError(f"the facts cannot be read ({reason})", file=path, hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(
            f"the facts are no valid {'TOML' if path.suffix.lower() == '.toml' else 'JSON'}: "
            f"{error}",
            file=path,
            hint=hint,
        ) from error
    try:
        return parse_facts(members)
    except PolicyError as error:
        error.with_file(path)
        raise


def parse_facts(members: Mapping[str, Any]) -> Facts:
    """Facts from nested mappings with the keys of a facts file.

    Args:
        members: Values are bool, int, str, lists, and dates as `datetime.date` or ISO 8601 text.
            None, or a key left out, is "not known".

    Raises:
        PolicyError: A key or value is misspelt or of the wrong type, or facts contradict each
            other; the error names the key.
    """
    facts = _parse_table(Facts, members, "")
    _refuse_contradictions(facts)
    return facts


def _load_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_repetition)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return members


_HINTS: Final[Mapping[Any, Mapping[str, Any]]] = {
    table: get_type_hints(table)
    for table in (
        Facts, Actor, Exclusions, LawEnforcement, ProhibitedContent, System, Output, Deepfake,
        Work, Text, Review, Channel, Marks, LabelPlaces,
    )
}  # fmt: skip


def _parse_table(table: type[_T], members: object, path: str) -> _T:
    if not isinstance(members, Mapping):
        where = path.removesuffix(".") or "facts"
        raise PolicyError(f"{where} has to be a table, not {_shown(members)}")
    names = [each.name for each in fields(table)]  # type: ignore[arg-type]  # a dataclass
    for key in members:
        if key not in names:
            raise _unknown_key(path, key, names)
    hints = _HINTS[table]
    read = {
        name: _parse_value(hints[name], members[name], f"{path}{name}")
        for name in names
        if members.get(name) is not None
    }
    if table is Facts and "assessment_date" not in read:
        raise PolicyError(
            "assessment_date is missing", hint="Say as of which day: no rule asks the clock"
        )
    return table(**read)


def _parse_value(hint: Any, value: object, key: str) -> Any:
    if get_origin(hint) in {Union, types.UnionType}:
        hint = next(each for each in get_args(hint) if each is not types.NoneType)
    if get_origin(hint) is frozenset:
        return _parse_list(get_args(hint)[0], value, key)
    if is_dataclass(hint):
        return _parse_table(hint, value, f"{key}.")  # type: ignore[arg-type]  # a class, not a value
    if issubclass(hint, Enum):
        return _parse_choice(hint, value, key)
    return _READERS[hint](value, key)


def _parse_list(kind: Any, value: object, key: str) -> frozenset[Any] | None:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise PolicyError(f"{key} has to be a list, not {_shown(value)}")
    # An empty list says as little as none at all.
    return frozenset(_parse_choice(kind, each, key) for each in value) or None


def _parse_choice(kind: type[Enum], value: object, key: str) -> Enum:
    if not isinstance(value, bool):
        for member in kind:
            if member.value == value and isinstance(value, str | int):
                return member
    raise _unknown_value(key, value, [str(member.value) for member in kind])


def _parse_bool(value: object, key: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(
            f"{key} has to be true or false, not {_shown(value)}",
            hint="Leave it out, or give null, where it is not known",
        )
    return value


def _parse_int(value: object, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolicyError(f"{key} has to be a whole number, not {_shown(value)}")
    return value


def _parse_text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise PolicyError(f"{key} has to be text, not {_shown(value)}")
    choices = _CHOICES.get(key)
    if choices is not None and value not in choices:
        raise _unknown_value(key, value, sorted(choices))
    return value


def _parse_date(value: object, key: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value) if isinstance(value, str) else "")
    except ValueError:
        raise PolicyError(
            f"{key} has to be a date such as 2026-11-21, not {_shown(value)}"
        ) from None


_READERS: Final[Mapping[type, Callable[[object, str], Any]]] = {
    bool: _parse_bool,
    int: _parse_int,
    str: _parse_text,
    date: _parse_date,
}


def _unknown_key(path: str, key: object, names: list[str]) -> PolicyError:
    close = get_close_matches(str(key), names, n=1)
    hint = f"Did you mean {path}{close[0]}?" if close else f"Known are {', '.join(names)}"
    return PolicyError(f"the key {path}{key} is unknown", hint=hint.removesuffix("?"))


def _unknown_value(key: str, value: object, choices: list[str]) -> PolicyError:
    close = get_close_matches(str(value), choices, n=1)
    hint = f"Did you mean {close[0]}" if close else f"It is one of {', '.join(choices)}"
    return PolicyError(f"{key} cannot be {_shown(value)}", hint=hint)


def _shown(value: object) -> str:
    return f"{value!r:.60}"


def _refuse_contradictions(facts: Facts) -> None:
    output = facts.subject
    if output.tokens is not None and output.tokens < 0:
        raise PolicyError("output.tokens cannot be negative")
    if output.text_form is not None and output.modality not in {None, Modality.TEXT}:
        raise PolicyError(
            "output.text_form is given, and output.modality is not text",
            hint="Leave one of them out",
        )
    generated = output.generated_at
    for key, moment in (
        ("output.last_ai_change_at", output.last_ai_change_at),
        ("text.published_at", facts.text.published_at),
    ):
        if generated is not None and moment is not None and moment < generated:
            raise PolicyError(
                f"{key} lies before output.generated_at", hint="Correct one of the dates"
            )
