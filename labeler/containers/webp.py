"""WebP: the RIFF chunks of the file.

Source: RFC 9649, sections 2.3 to 2.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from labeler.containers.damage import damaged

__all__ = [
    "Chunk",
    "Header",
    "assemble",
    "parse",
    "parse_chunks",
    "read_header",
    "serialise_chunks",
]

# Flags in the first byte of VP8X.
_ICC: Final = 0x20
_ALPHA: Final = 0x10
_EXIF: Final = 0x08
_XMP: Final = 0x04
_ANIMATION: Final = 0x02

_FLAGS: Final = {b"ICCP": _ICC, b"EXIF": _EXIF, b"XMP ": _XMP, b"ANIM": _ANIMATION}
# The order that the format wants; chunks that it does not know come last.
_ORDER: Final = {b"ICCP": 0, b"ANIM": 1, b"ANMF": 2, b"ALPH": 2, b"VP8 ": 2, b"VP8L": 2}
_ORDER_METADATA: Final = {b"EXIF": 3, b"XMP ": 4}


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk."""

    type: bytes
    """Four characters."""
    data: bytes
    """Its content, without padding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a WebP file says about its canvas."""

    width: int
    height: int
    has_alpha: bool
    """Whether it says that some pixels are not opaque."""
    animated: bool


def parse(data: bytes) -> tuple[Chunk, ...]:
    """The chunks of a WebP file; what follows the RIFF container is left out.

    Raises:
        UnreadableMediaError: The file is truncated or not WebP.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise damaged("the WebP file has no RIFF header")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise damaged("the WebP file is shorter than its header says")
    return parse_chunks(data[12:end])


def parse_chunks(data: bytes) -> tuple[Chunk, ...]:
    """The chunks in ``data``, such as those inside an ANMF chunk.

    Raises:
        UnreadableMediaError: The last one is truncated.
    """
    chunks = []
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + size
        if end > len(data):
            raise damaged("the WebP file ends in the middle of a chunk")
        chunks.append(Chunk(data[position : position + 4], data[position + 8 : end]))
        position = end + (size & 1)
    return tuple(chunks)


def serialise_chunks(chunks: Iterable[Chunk]) -> bytes:
    """The bytes of ``chunks``, each padded to an even length."""
    parts = []
    for chunk in chunks:
        parts += [chunk.type, len(chunk.data).to_bytes(4, "little"), chunk.data]
        parts.append(b"\0" * (len(chunk.data) & 1))
    return b"".join(parts)


def read_header(chunks: Iterable[Chunk]) -> Header:
    """Canvas size and kind of the file that consists of ``chunks``.

    Raises:
        UnreadableMediaError: The first chunk is neither VP8X nor a picture, or too short.
    """
    first = next(iter(chunks), Chunk(b"", b""))
    data = first.data
    if first.type == b"VP8X" and len(data) >= 10:
        return Header(
            width=1 + int.from_bytes(data[4:7], "little"),
            height=1 + int.from_bytes(data[7:10], "little"),
            has_alpha=bool(data[0] & _ALPHA),
            animated=bool(data[0] & _ANIMATION),
        )
    if first.type == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return Header(
            width=1 + (bits & 0x3FFF),
            height=1 + (bits >> 14 & 0x3FFF),
            has_alpha=bool(bits >> 28 & 1),
            animated=False,
        )
    if first.type == b"VP8 " and len(data) >= 10 and data[3:6] == b"\x9d\x01\x2a":
        return Header(
            width=int.from_bytes(data[6:8], "little") & 0x3FFF,
            height=int.from_bytes(data[8:10], "little") & 0x3FFF,
            has_alpha=False,
            animated=False,
        )
    raise damaged("the WebP file does not begin with a picture or a header that WebP knows")


def assemble(chunks: Iterable[Chunk], *, width: int, height: int, has_alpha: bool) -> bytes:
    """A WebP file of ``chunks``, in the order that the format wants.

    A VP8X header is written when there is more than one picture chunk; one among ``chunks`` is
    left out.

    Args:
        chunks: Picture, metadata and other chunks.
        width: Width of the canvas, pixels.
        height: Height of the canvas, pixels.
        has_alpha: Whether some pixels are not opaque.
    """
    order = _ORDER | _ORDER_METADATA
    body = sorted(
        (chunk for chunk in chunks if chunk.type != b"VP8X"),
        key=lambda chunk: order.get(chunk.type, len(order)),
    )
    if len(body) > 1:
        flags = _ALPHA if has_alpha else 0
        for chunk in body:
            flags |= _FLAGS.get(chunk.type, 0)
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body.insert(0, Chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size))
    content = b"WEBP" + serialise_chunks(body)
    return b"RIFF" + len(content).to_bytes(4, "little") + content
