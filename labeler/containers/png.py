"""PNG and APNG: the chunks of the file.

Source: W3C PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from labeler.containers.damage import damaged

__all__ = ["Chunk", "Header", "parse", "serialise"]

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Chunks without which the pixels come out wrong: these must be whole.
_CHECKED: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk."""

    type: bytes
    """Four letters; a lower-case first letter says that the chunk is ancillary."""
    data: bytes

    @property
    def is_critical(self) -> bool:
        """Whether a reader that does not know it must refuse the file."""
        return not self.type[0] & 0x20

    @property
    def is_safe_to_copy(self) -> bool:
        """Whether it may be copied by an editor that does not know it."""
        return bool(self.type[3] & 0x20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The IHDR chunk."""

    width: int
    height: int
    bit_depth: int
    """Bits per sample: 1, 2, 4, 8 or 16."""
    colour_type: int
    """0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
    interlaced: bool = False

    @classmethod
    def from_chunk(cls, chunk: Chunk) -> Header:
        """Read IHDR.

        Raises:
            UnreadableMediaError: A field has a value that the specification does not allow.
        """
        if len(chunk.data) != 13:
            raise damaged("the PNG header has the wrong length")
        width, height, depth, colour, method, filters, interlace = struct.unpack(
            ">IIBBBBB", chunk.data
        )
        allowed = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
        if depth not in allowed.get(colour, ()) or method or filters or interlace > 1:
            raise damaged("the PNG header has values that PNG does not know")
        if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
            raise damaged("the PNG header gives a size that PNG does not allow")
        return cls(
            width=width,
            height=height,
            bit_depth=depth,
            colour_type=colour,
            interlaced=bool(interlace),
        )

    def to_chunk(self) -> Chunk:
        """The IHDR chunk that says this."""
        packed = struct.pack(
            ">IIBBBBB",
            self.width,
            self.height,
            self.bit_depth,
            self.colour_type,
            0,
            0,
            int(self.interlaced),
        )
        return Chunk(b"IHDR", packed)


def parse(data: bytes) -> tuple[Chunk, ...]:
    """The chunks of a PNG file from IHDR to IEND; what follows IEND is left out.

    Raises:
        UnreadableMediaError: The file is truncated, does not begin with IHDR, or the checksum of a
            chunk that the pixels depend on does not hold.
    """
    if not data.startswith(SIGNATURE):
        raise damaged("the PNG does not begin with its signature")
    chunks = tuple(_chunks(data))
    if chunks[0].type != b"IHDR":
        raise damaged("the PNG does not begin with its header")
    return chunks


def _chunks(data: bytes) -> Iterator[Chunk]:
    position = len(SIGNATURE)
    while True:
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data) or position + 12 > len(data):
            raise damaged("the PNG ends in the middle of a chunk")
        kind = data[position + 4 : position + 8]
        body = data[position + 8 : end - 4]
        if not kind.isalpha():
            raise damaged(f"the PNG has no chunk at byte {position}, where one is due")
        if kind in _CHECKED and zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(
            data[end - 4 : end], "big"
        ):
            raise damaged(f"the PNG's {kind.decode()} chunk does not match its checksum")
        yield Chunk(kind, body)
        if kind == b"IEND":
            return
        position = end


def serialise(chunks: Iterable[Chunk]) -> bytes:
    """The file that consists of ``chunks``, with their checksums."""
    parts = [SIGNATURE]
    for chunk in chunks:
        crc = zlib.crc32(chunk.data, zlib.crc32(chunk.type))
        parts += [
            len(chunk.data).to_bytes(4, "big"),
            chunk.type,
            chunk.data,
            crc.to_bytes(4, "big"),
        ]
    return b"".join(parts)
