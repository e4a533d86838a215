"""The objects that a PDF file is written in: cut out of its bytes, not interpreted further.

A value stays the bytes that its writer wrote, so that what is not changed goes out as it came in.
Source: ISO 32000-2, 7.2 (characters and white space) and 7.3 (objects).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers.damage import damaged

__all__ = [
    "WHITE",
    "Dictionary",
    "Reference",
    "dictionary",
    "dictionary_at",
    "integer",
    "items",
    "name",
    "reference",
    "skip",
    "value_end",
]

WHITE: Final = b"\0\t\n\f\r "
"""White-space characters."""
_SPACE: Final = re.compile(rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+")
_WORD: Final = re.compile(rb"[^\0\t\n\f\r ()<>\[\]{}/%]++")
_NAME: Final = re.compile(rb"/[^\0\t\n\f\r ()<>\[\]{}/%]*+")
_HEX_STRING: Final = re.compile(rb"<[0-9A-Fa-f\0\t\n\f\r ]*+>")
_REFERENCE: Final = re.compile(
    rb"(\d{1,10})[\0\t\n\f\r ]++(\d{1,5})[\0\t\n\f\r ]++R(?![^\0\t\n\f\r ()<>\[\]{}/%])"
)
_INTEGER: Final = re.compile(rb"[+-]?\d{1,18}")
_IN_STRING: Final = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
# What opens an array or a dictionary, with what closes it; and what closes them.
_BRACKETS: Final = {b"<<": b">>", b"[": b"]", b">>": None, b"]": None}
_MOST_DEPTH: Final = 500


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """The number of an indirect object."""

    number: int
    generation: int = 0
    """How often the number was used before."""

    def to_bytes(self) -> bytes:
        """As it is written."""
        return b"%d %d R" % (self.number, self.generation)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A dictionary; of keys that occur twice, the last one counts."""

    entries: tuple[tuple[bytes, bytes], ...] = ()
    """Keys, without their slash, and values as they are written."""

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``, as it is written; None where there is none, or ``null``."""
        value = next((value for found, value in self.entries if found == key), None)
        return None if value == b"null" else value

    def put(self, key: bytes, value: bytes) -> Dictionary:
        """The dictionary with ``value`` for ``key``, in its old place if it has one."""
        if any(found == key for found, _ in self.entries):
            return Dictionary(
                tuple((found, value if found == key else old) for found, old in self.entries)
            )
        return Dictionary((*self.entries, (key, value)))

    def without(self, *keys: bytes) -> Dictionary:
        """The dictionary without ``keys``."""
        return Dictionary(tuple(entry for entry in self.entries if entry[0] not in keys))

    def to_bytes(self) -> bytes:
        """As it is written."""
        return b"<< " + b" ".join(_written(key) + b" " + v for key, v in self.entries) + b" >>"


def skip(data: bytes, at: int) -> int:
    """Where white space and comments that begin at ``at`` end."""
    found = _SPACE.match(data, at)
    return at if found is None else found.end()


def value_end(data: bytes, at: int) -> int:
    """Where the value ends that begins at ``at``, which is no white space.

    Raises:
        UnreadableMediaError: None begins there, or it is not written to its end.
    """
    closers: list[bytes] = []
    for end, opens, closes in _tokens(data, at):
        if opens is not None:
            closers.append(opens)
        elif closes is not None and (not closers or closers.pop() != closes):
            break
        if not closers:
            return end
        if len(closers) > _MOST_DEPTH:
            break
    raise damaged("an object in the PDF is damaged")


def dictionary_at(data: bytes, at: int) -> tuple[Dictionary, int] | None:
    """The dictionary that begins at ``at``, and where it ends; None where there is none.

    Raises:
        UnreadableMediaError: It is not written to its end.
    """
    at = skip(data, at)
    if not data.startswith(b"<<", at):
        return None
    found: dict[bytes, bytes] = {}
    at = skip(data, at + 2)
    while not data.startswith(b">>", at):
        key = _NAME.match(data, at)
        if key is None:
            raise damaged("a dictionary in the PDF is damaged")
        start = skip(data, key.end())
        at = value_end(data, start)
        found[_plain(key.group()[1:])] = data[start:at]
        at = skip(data, at)
    return Dictionary(tuple(found.items())), at + 2


def dictionary(value: bytes | None) -> Dictionary | None:
    """A value as a dictionary; None where it is something else.

    Raises:
        UnreadableMediaError: It is not written to its end.
    """
    found = None if value is None else dictionary_at(value, 0)
    return None if found is None else found[0]


def items(value: bytes | None) -> tuple[bytes, ...] | None:
    """The values in an array; None where ``value`` is something else.

    Raises:
        UnreadableMediaError: It is not written to its end.
    """
    if value is None or not value.startswith(b"["):
        return None
    found = []
    at = skip(value, 1)
    while not value.startswith(b"]", at):
        end = value_end(value, at)
        found.append(value[at:end])
        at = skip(value, end)
    return tuple(found)


def reference(value: bytes | None) -> Reference | None:
    """A value as a reference; None where it is something else."""
    found = None if value is None else _REFERENCE.fullmatch(value)
    return None if found is None else Reference(int(found.group(1)), int(found.group(2)))


def integer(value: bytes | None) -> int | None:
    """A value as an integer; None where it is something else."""
    found = None if value is None else _INTEGER.fullmatch(value)
    return None if found is None else int(found.group())


def name(value: bytes | None) -> bytes | None:
    """A value as a name, without its slash; None where it is something else."""
    found = None if value is None else _NAME.fullmatch(value)
    return None if found is None else _plain(found.group()[1:])


def _plain(written: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found.group(1), 16)]), written)


def _written(key: bytes) -> bytes:
    return b"/" + b"".join(
        b"%c" % byte if _NAME.fullmatch(b"/%c" % byte) and byte != ord("#") else b"#%02X" % byte
        for byte in key
    )


def _tokens(data: bytes, at: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """Where each token ends, what will close it if it opens something, and what it closes."""
    while (at := skip(data, at)) < len(data):
        bracket = next((each for each in _BRACKETS if data.startswith(each, at)), None)
        if bracket is not None:
            at += len(bracket)
            closer = _BRACKETS[bracket]
            yield at, closer, None if closer else bracket
        elif data.startswith(b"(", at):
            at = _string_end(data, at)
            yield at, None, None
        else:
            kinds = (_HEX_STRING, _NAME, _REFERENCE, _WORD)
            found = next((match for kind in kinds if (match := kind.match(data, at))), None)
            if found is None:
                return
            at = found.end()
            yield at, None, None


def _string_end(data: bytes, at: int) -> int:
    """Where a string in parentheses ends: those within it are balanced, or escaped."""
    depth = 0
    for found in _IN_STRING.finditer(data, at):
        depth += {b"(": 1, b")": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    raise damaged("a string in the PDF is damaged")
