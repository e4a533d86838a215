"""AIFF and AIFF-C: the chunks of the file, and those that describe the samples.

Sources: "Audio Interchange File Format, version 1.3" (Apple, 1989); "AIFF-C, draft 8/26/91"
(Apple, 1991).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers.chunks import (
    ChunkedFile,
    Extent,
    Part,
    copy_range,
    file_size,
    padded_size,
    walk,
    write_part,
)
from labeler.containers.damage import damaged
from labeler.errors import MediaTooLargeError

__all__ = ["Common", "parse", "write"]

_MOST: Final = 0xFFFFFFFF
_COMMON: Final = struct.Struct(">HIH10s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The COMM chunk."""

    channels: int
    frames: int
    """Samples in each channel."""
    bits: int
    """Bits of a sample; those of what is compressed, before it was."""
    sample_rate_hz: float
    compression: bytes
    """``b"NONE"`` for AIFF, four characters for AIFF-C."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Common:
        """Read the chunk's content.

        Raises:
            UnreadableMediaError: It is too short, or gives a rate that is no number.
        """
        if len(data) < _COMMON.size:
            raise damaged("the AIFF file's COMM chunk is too short")
        channels, frames, bits, rate = _COMMON.unpack_from(data)
        return cls(
            channels=channels,
            frames=frames,
            bits=bits,
            sample_rate_hz=_from_extended(rate),
            compression=data[18:22] if len(data) >= 22 else b"NONE",
        )


def _from_extended(data: bytes) -> float:
    """An 80-bit floating-point number (IEEE 754 double extended) of a sensible size."""
    exponent, mantissa = struct.unpack(">HQ", data)
    # Beyond this range lies no sample rate, and nothing that `ldexp` could not hold.
    if not 0x3FFF <= exponent <= 0x401E:
        raise damaged("the AIFF file's sample rate is no rate")
    return math.ldexp(mantissa, exponent - 0x3FFF - 63)


def parse(file: BinaryIO) -> ChunkedFile:
    """The chunks of an AIFF or AIFF-C file, which must be able to seek.

    Raises:
        UnreadableMediaError: The file is neither, or it ends before its samples.
    """
    size = file_size(file)
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"FORM" or head[8:12] not in {b"AIFF", b"AIFC"}:
        raise damaged("the AIFF file does not begin with its header")
    claimed = int.from_bytes(head[4:8], "big")
    end = None if claimed in {0, _MOST} else 8 + claimed
    chunks = walk(
        file, Extent(start=12, end=end, file_size=size, byte_order="big", samples=b"SSND")
    )
    return ChunkedFile(form=b"FORM", kind=head[8:12], chunks=chunks, end=chunks[-1].end, size=size)


def write(source: BinaryIO, target: BinaryIO, parsed: ChunkedFile, parts: Iterable[Part]) -> None:
    """Write an AIFF file of ``parts``, and then what followed the last chunk in ``source``.

    Args:
        source: The file that the chunks among ``parts`` are copied from.
        target: An empty file.
        parsed: What `parse` gave for ``source``.
        parts: Its chunks, with others in the place of some of them.

    Raises:
        UnreadableMediaError: ``source`` is truncated, or has become shorter.
        MediaTooLargeError: The file would be larger than the format allows.
    """
    parsed.require_whole()
    body = tuple(parts)
    size = 4 + sum(padded_size(part) for part in body)
    if size > _MOST:
        raise MediaTooLargeError(
            "an AIFF file cannot have more than 4 GiB", hint="Convert it to WAV or FLAC first"
        )
    target.write(b"FORM" + size.to_bytes(4, "big") + parsed.kind)
    for part in body:
        write_part(part, source, target, "big")
    copy_range(source, target, parsed.end, parsed.size - parsed.end)
