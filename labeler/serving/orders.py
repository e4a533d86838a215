"""What is asked for with a file: the texts of a form, read strictly.

``provenance`` has the members of `labeler.provenance.Provenance`, with times as ISO 8601; ``facts``
those of a facts file. Whatever is misspelt is refused: a claim that is silently left out would be
missed only when somebody relies on it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

from detectors.service.problems import Refused
from labeler.aigc import AigcLabel, AigcStatus
from labeler.errors import LabelerError
from labeler.policy import parse_facts
from labeler.provenance import HumanOversight, Provenance, SourceType, Track
from labeler.receipt import Layer
from labeler.serving.problems import refusal

__all__ = ["FIELDS", "FIELD_BYTES", "StampOrder", "parse_order", "parse_provenance"]

FIELD_BYTES: Final = 64 * 1024
"""Longest text of a form, bytes: a prompt can be long."""
FIELDS: Final = ("provenance", "facts", "allow_missing", "already_marked")
"""What can be said of a file that is to be stamped."""
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,10}")
_WAYS: Final = ("refuse", "keep")

Name = TypeVar("Name", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class StampOrder:
    """What a worker is told of a file. It is plain data: it goes to another process as JSON."""

    suffix: str
    """How the file's name ends, which says of texts what they are; or ""."""
    provenance: Mapping[str, Any]
    """What `parse_provenance` has found to be right."""
    facts: Mapping[str, Any] | None
    """What the law goes by; None: nothing is assessed."""
    allow_missing: tuple[str, ...] | None
    """Layers to go without; None: the settings'."""
    already_marked: str
    """What to do with a source that carries a watermark."""

    def digest(self, file_sha256: str) -> str:
        """A digest of the whole request, hexadecimal."""
        text = json.dumps({"file": file_sha256, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def parse_order(given: Mapping[str, str], *, name: str) -> StampOrder:
    """What the texts of a form ask for.

    Args:
        given: The texts by their names; others than `FIELDS` are no concern of this.
        name: What the file is called.

    Raises:
        Refused: A text cannot be used.
    """
    provenance = _object(given.get("provenance", ""), "provenance")
    if provenance is None:
        raise _wrong("there is no provenance", hint='Send the field provenance: "{}" at least')
    parse_provenance(provenance)
    facts = _object(given.get("facts", ""), "facts")
    if facts is not None:
        _check_facts(facts)
    way = given.get("already_marked", "") or _WAYS[0]
    if way not in _WAYS:
        raise _wrong(f"already_marked is none of {', '.join(_WAYS)}")
    missing = given.get("allow_missing", "")
    names = [each.strip() for each in missing.split(",") if each.strip()]
    suffix = PurePosixPath(name).suffix
    return StampOrder(
        suffix=suffix if _SUFFIX.fullmatch(suffix) else "",
        provenance=provenance,
        facts=facts,
        allow_missing=tuple(_one_of(Layer, each, "allow_missing") for each in names) or None,
        already_marked=way,
    )


def parse_provenance(members: Mapping[str, Any]) -> Provenance:
    """The claims in ``members``.

    Raises:
        Refused: One is misspelt, of the wrong type, or has no meaning.
    """
    known = {field.name for field in fields(Provenance)}
    for name in members:
        if name not in known:
            raise _wrong(
                "the provenance has a member that nothing is known of",
                hint=f"It can have {', '.join(sorted(known))}",
            )
    given: dict[str, Any] = {
        name: _READ.get(name, _text)(value, name)
        for name, value in members.items()
        if value is not None
    }
    try:
        return Provenance(**given)
    except (ValueError, LabelerError) as error:
        problem = error.problem if isinstance(error, LabelerError) else str(error)
        raise _wrong(problem) from None


def _object(text: str, name: str) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        members = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise _wrong(f"{name} is no JSON object")
    return members


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _check_facts(members: Mapping[str, Any]) -> None:
    try:
        parse_facts(members)
    except LabelerError as error:
        names = [each.__name__ for each in type(error).__mro__]
        raise refusal(names, error.problem, error.hint) from None


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise _wrong(f"{name} is no text")
    return value


def _one_of(kind: type[Name], value: object, name: str) -> Name:
    try:
        return kind(_text(value, name))
    except ValueError:
        raise _wrong(f"{name} is none of {', '.join(kind)}") from None


def _moment(value: object, name: str) -> datetime:
    try:
        return datetime.fromisoformat(_text(value, name))
    except ValueError:
        raise _wrong(f"{name} is no time", hint="Write it as ISO 8601, with a time zone") from None


def _tracks(value: object, name: str) -> frozenset[Track]:
    if not isinstance(value, list):
        raise _wrong(f"{name} is no list")
    return frozenset(_one_of(Track, each, name) for each in value)


def _aigc(value: object, name: str) -> AigcLabel:
    known = {field.name for field in fields(AigcLabel)}
    if not isinstance(value, dict) or not known.issuperset(value):
        raise _wrong(f"{name} is no JSON object", hint=f"It can have {', '.join(sorted(known))}")
    given: dict[str, Any] = {each: _text(told, name) for each, told in value.items()}
    if "label" in given:
        given["label"] = _one_of(AigcStatus, given["label"], name)
    return AigcLabel(**given)


_READ: Final[Mapping[str, Callable[[object, str], object]]] = {
    "source_type": lambda value, name: _one_of(SourceType, value, name),
    "human_oversight": lambda value, name: _one_of(HumanOversight, value, name),
    "created_at": _moment,
    "synthetic_tracks": _tracks,
    "aigc": _aigc,
}


def _wrong(problem: str, *, hint: str | None = None) -> Refused:
    return Refused(400, "claims", problem, hint=hint)
