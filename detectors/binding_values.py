"""Soft bindings on the wire: how the C2PA Soft Binding Resolution API writes their values.

There a value is base64 of what the algorithm defines. Labeler's own algorithms define text, the
digits that the manifest's soft binding assertion holds (``docs/soft-binding-algorithm.md``)::

    watermark      110007deadbeef                  what a detector reads out
    assertion      "110007deadbeef"                blocks[0].value
    on the wire    MTEwMDA3ZGVhZGJlZWY=            base64 of these fourteen characters

Others define bytes, which a reading of a manifest, and so the registry, holds as base64. What
comes over the wire may be either.

Source: C2PA 2.5, Soft Binding Resolution API 2.4.0 (``c2pa.softBindingQuery``); RFC 4648, 4 and 5.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

__all__ = ["MAX_VALUE_CHARACTERS", "decode_value", "encode_value"]

MAX_VALUE_CHARACTERS: Final = 1024
"""Longest value that a registry keeps, as it keeps it; databases index no longer ones."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def encode_value(value: str) -> str:
    """The value of a soft binding as it goes over the wire.

    Args:
        value: As `labeler.credentials.SoftBinding` has it.
    """
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")


def decode_value(text: str) -> tuple[str, ...]:
    """What a value on the wire may be in a registry, the likeliest first.

    Args:
        text: Base64 in either alphabet, with its padding or without.

    Returns:
        The text that it stands for, if it is one, and the bytes as a registry holds them.

    Raises:
        ValueError: It is no base64, or of nothing.
    """
    if not _BASE64.fullmatch(text) or not text.strip("="):
        raise ValueError("the value is no base64")
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    padded = bare + "=" * (-len(bare) % 4)
    if text.endswith("=") and len(text) != len(padded):
        raise ValueError("the value's base64 is padded wrongly")
    try:
        data = base64.b64decode(padded, validate=True)
    except binascii.Error:
        raise ValueError("the value is no base64") from None
    canonical = base64.b64encode(data).decode("ascii")
    if canonical != padded:  # bits at the end that belong to no byte: two texts for one value
        raise ValueError("the value's base64 ends in stray bits")
    return (*_as_text(data), canonical)


def _as_text(data: bytes) -> tuple[str, ...]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ()
    return (text,) if text.isprintable() else ()
