"""Messages between a sandbox and its worker: a JSON header and bytes, both counted first.

Only plain data crosses: what comes from the worker may be a stranger's, and is parsed, never
unpickled.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, TypeAlias

__all__ = ["COUNTS", "Examine", "pack", "parse_header", "receive"]

Examine: TypeAlias = Callable[[Mapping[str, Any], bytes], str]
"""What answers a request: takes its header and body, gives the text of the answer."""

COUNTS: Final = struct.Struct(">IQ")
"""Lengths of header and body, bytes."""


def pack(header: Mapping[str, object], body: bytes = b"") -> tuple[bytes, bytes]:
    """The message as two pieces, so that a large body is not copied."""
    text = json.dumps(header, allow_nan=False).encode()
    return COUNTS.pack(len(text), len(body)) + text, body


def parse_header(text: bytes) -> Mapping[str, Any]:
    """The header in ``text``.

    Raises:
        ValueError: It is not a JSON object.
    """
    try:
        header = json.loads(text)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")  # noqa: TRY004  bad data, not a bad call
    return header


def receive(stream: BinaryIO) -> tuple[Mapping[str, Any], bytes] | None:
    """The next message of a blocking stream; None at its end.

    Raises:
        EOFError: The stream ended within a message.
    """
    counts = stream.read(COUNTS.size)
    if not counts:
        return None
    text_bytes, body_bytes = COUNTS.unpack(_whole(counts, COUNTS.size))
    header = parse_header(_whole(stream.read(text_bytes), text_bytes))
    return header, _whole(stream.read(body_bytes), body_bytes)


def _whole(piece: bytes, expected: int) -> bytes:
    if len(piece) < expected:
        raise EOFError(f"{len(piece)} of {expected} bytes")
    return piece
