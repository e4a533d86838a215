"""What can still be seen of a damaged picture, for looking at: nothing here is ever written.

A verifier meets files with flipped bits and cut tails. Decoders refuse them, rightly; a watermark
may be read all the same from what is left of the pixels.
"""

from __future__ import annotations

import io
import zlib
from typing import Final

import cv2
import numpy as np
from PIL import Image

from labeler.codec.pixels import Pixels
from labeler.containers import png
from labeler.errors import MediaError
from labeler.media.media_type import MediaType
from labeler.media.picture import open_picture

__all__ = ["salvage"]

_LEAST_SHARE: Final = 0.05
"""Share of a PNG's rows that must be left: less carries no mark."""
_JPEG_END: Final = b"\xff\xd9"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_FILTERS: Final = 5
"""Filter types of a PNG row: 0 to 4."""


def salvage(data: bytes, media_type: MediaType, *, max_pixels: int) -> Pixels | None:
    """The pixels of a damaged still picture, wrong or black where they are lost.

    Args:
        data: A file that `labeler.media.picture.open_picture` refused, or whose frames it did.
        media_type: What it is.
        max_pixels: Larger pictures are not looked at.

    Returns:
        ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or uint16, or None where nothing is left.
    """
    try:
        if media_type is MediaType.PNG:
            return _salvage_png(data, max_pixels)
        # OpenCV refuses a JPEG without its last marker, whatever else it holds.
        ending = _JPEG_END if media_type is MediaType.JPEG else b""
        return _decode_leniently(data + ending, max_pixels)
    except (MediaError, OSError, ValueError, SyntaxError, cv2.error, zlib.error):
        # Pillow reports damage as any of the first four; there is nothing to be told about it.
        return None


def _decode_leniently(data: bytes, max_pixels: int) -> Pixels | None:
    """OpenCV decodes what comes before the damage."""
    with Image.open(io.BytesIO(data)) as header:
        if header.width * header.height > max_pixels:
            return None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return None if decoded is None else np.ascontiguousarray(decoded[..., ::-1], np.uint8)


def _salvage_png(data: bytes, max_pixels: int) -> Pixels | None:
    """Rebuild the file from the rows that decompress, whatever the checksums say."""
    chunks = _walk(data)
    header = png.Header.from_chunk(chunks[0])
    if header.width * header.height > max_pixels or header.interlaced:
        return None
    row = 1 + (header.width * header.bit_depth * _CHANNELS[header.colour_type] + 7) // 8
    coded = b"".join(chunk.data for chunk in chunks if chunk.type == b"IDAT")
    rows = _inflate(coded, row * header.height)
    if len(rows) < _LEAST_SHARE * row * header.height:
        return None
    table = np.zeros((header.height, row), np.uint8)
    table.reshape(-1)[: len(rows)] = np.frombuffer(rows, np.uint8)
    table[table[:, 0] >= _FILTERS, 0] = 0
    kept = [chunk for chunk in chunks if chunk.type in (b"PLTE", b"tRNS")]
    body = png.Chunk(b"IDAT", zlib.compress(table.tobytes(), 1))
    whole = png.serialise([header.to_chunk(), *kept, body, png.Chunk(b"IEND", b"")])
    return next(open_picture(whole, name="salvaged", max_pixels=max_pixels).frames())


def _walk(data: bytes) -> list[png.Chunk]:
    """The chunks, without regard to checksums, up to the first that cannot be one."""
    chunks = []
    position = len(png.SIGNATURE)
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if not kind.isalpha():
            break
        chunks.append(png.Chunk(kind, data[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        raise ValueError("no chunk is left")
    return chunks


def _inflate(coded: bytes, most: int) -> bytes:
    """Up to ``most`` bytes of a zlib stream, without regard to its header and checksum."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    parts = []
    have = 0
    # Small bites: what precedes the damage within a bite is lost with it.
    for start in range(2, len(coded), 4096):
        try:
            part = unpacker.decompress(coded[start : start + 4096], most - have + 1)
        except zlib.error:
            break
        parts.append(part[: most - have])
        have += len(parts[-1])
        if have >= most or unpacker.eof:
            break
    return b"".join(parts)
