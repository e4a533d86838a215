"""Matroska: frames that are compressed once more, beyond what their codec does.

Source: RFC 9559, section 5.1.4.1.31.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Final

from labeler.containers import ebml, matroska
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError

__all__ = ["unpacker"]

_ENCODING: Final = b"\x62\x40"
_SCOPE: Final = b"\x50\x32"
_TYPE: Final = b"\x50\x33"
_COMPRESSION: Final = b"\x50\x34"
_ALGORITHM: Final = b"\x42\x54"
_SETTINGS: Final = b"\x42\x55"
_FRAMES: Final = 1
_ZLIB, _STRIPPED = 0, 3
_NAMES: Final = {1: "bzlib", 2: "LZO1X"}
# More than a packet of sound has.
_MAX_FRAME_BYTES: Final = 64 << 20


def unpacker(encodings: bytes) -> Callable[[bytes], bytes]:
    """What makes the codec's frames of those in the file.

    Args:
        encodings: The content of ContentEncodings; empty where the track has none.

    Returns:
        A function that raises `UnreadableMediaError` for a damaged frame.

    Raises:
        UnsupportedMediaError: The track is encrypted, or compressed in a way that is not handled.
    """
    found = [
        dict(ebml.children(data)) for kind, data in ebml.children(encodings) if kind == _ENCODING
    ]
    if not found:
        return bytes
    (first, *others) = found
    if matroska.number(first.get(_TYPE, b"")) == 1:
        raise UnsupportedMediaError(
            "the track of the Matroska file is encrypted", hint="Decrypt it first"
        )
    compression = dict(ebml.children(first.get(_COMPRESSION, b"")))
    algorithm = matroska.number(compression.get(_ALGORITHM, b""))
    is_plain = not others and matroska.number(first.get(_SCOPE, b"\1")) == _FRAMES
    if is_plain and algorithm == _STRIPPED:
        return partial(_with_head, compression.get(_SETTINGS, b""))
    if is_plain and algorithm == _ZLIB:
        return _inflated
    name = _NAMES.get(algorithm, "more than frames, or twice")
    raise UnsupportedMediaError(
        f"the track of the Matroska file is compressed once more ({name})",
        hint="Remux it first, for example with `mkvmerge --compression -1:none`",
    )


def _with_head(head: bytes, frame: bytes) -> bytes:
    """With the bytes that all frames begin with, which are left out of the file."""
    return head + frame


def _inflated(frame: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(frame, _MAX_FRAME_BYTES)
    except zlib.error as error:
        raise damaged("a compressed block of the Matroska file is damaged") from error
    if not inflater.eof:
        raise damaged("a compressed block of the Matroska file is damaged")
    return data
