"""FLAC: the metadata blocks of the file, and the headers of its frames.

Source: RFC 9639, sections 8 and 9.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers.chunks import file_size
from labeler.containers.damage import damaged
from labeler.containers.sound_heads import id3_size
from labeler.containers.splice import Part, Span

__all__ = [
    "APPLICATION",
    "PICTURE",
    "PLACEHOLDER",
    "SEEK_TABLE",
    "STREAM_INFO",
    "VORBIS_COMMENT",
    "Block",
    "FlacFile",
    "SeekPoint",
    "StreamInfo",
    "block_parts",
    "frame_samples",
    "pack_seek_points",
    "parse",
    "parse_seek_points",
]

SIGNATURE: Final = b"fLaC"
STREAM_INFO: Final = 0
APPLICATION: Final = 2
SEEK_TABLE: Final = 3
VORBIS_COMMENT: Final = 4
PICTURE: Final = 6
"""Types of metadata blocks."""
_INVALID: Final = 127
_MAX_BLOCK_BYTES: Final = (1 << 24) - 1
# A file of nothing but empty blocks would fill the memory.
_MAX_BLOCKS: Final = 100_000

_STREAM_INFO: Final = struct.Struct(">HH3s3sQ16s")
_POINT: Final = struct.Struct(">QQH")


@dataclass(frozen=True, slots=True)
class Block:
    """One metadata block."""

    type: int
    """0 to 126."""
    content: Part
    """What it holds, or where that lies in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlacFile:
    """The parts of a FLAC file."""

    head: Span
    """What comes before the stream: ID3v2 tags."""
    blocks: tuple[Block, ...]
    """The metadata blocks; the first one is STREAMINFO."""
    audio: Span
    """The frames, and what follows them."""

    def find(self, kind: int) -> Block | None:
        """The first block of this type."""
        return next((block for block in self.blocks if block.type == kind), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """The STREAMINFO block."""

    min_block: int
    """Fewest samples of each channel in a frame, the last one not counted."""
    max_block: int
    min_frame: int = 0
    """Fewest bytes of a frame; 0 where nobody knows."""
    max_frame: int = 0
    sample_rate_hz: int
    channels: int
    bits: int
    """Bits of a sample."""
    frames: int = 0
    """Samples in each channel; 0 where nobody knows."""
    md5: bytes = bytes(16)
    """Of the samples, interleaved, in as few whole bytes each as they need, the lowest byte
    first; zeros where nobody knows."""

    @classmethod
    def from_bytes(cls, data: bytes) -> StreamInfo:
        """Read the block's content.

        Raises:
            UnreadableMediaError: It is too short.
        """
        if len(data) < _STREAM_INFO.size:
            raise damaged("the FLAC file's STREAMINFO block is too short")
        min_block, max_block, min_frame, max_frame, packed, md5 = _STREAM_INFO.unpack_from(data)
        return cls(
            min_block=min_block,
            max_block=max_block,
            min_frame=int.from_bytes(min_frame, "big"),
            max_frame=int.from_bytes(max_frame, "big"),
            sample_rate_hz=packed >> 44,
            channels=(packed >> 41 & 7) + 1,
            bits=(packed >> 36 & 31) + 1,
            frames=packed & (1 << 36) - 1,
            md5=md5,
        )

    def to_bytes(self) -> bytes:
        """The content of the block that says this."""
        packed = self.sample_rate_hz << 44 | self.channels - 1 << 41 | self.bits - 1 << 36
        return _STREAM_INFO.pack(
            self.min_block,
            self.max_block,
            self.min_frame.to_bytes(3, "big"),
            self.max_frame.to_bytes(3, "big"),
            # More samples than fit are said to be unknown.
            packed | (self.frames if self.frames < 1 << 36 else 0),
            self.md5,
        )


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """Where a sample is found."""

    sample: int
    """Number of the first sample in a frame."""
    offset: int
    """Bytes from the beginning of the first frame to that of this one."""
    samples: int
    """How many samples of each channel the frame has."""


PLACEHOLDER: Final = SeekPoint((1 << 64) - 1, 0, 0)
"""Room for a point."""


def parse(file: BinaryIO) -> FlacFile:
    """The parts of a FLAC file, which must be able to seek.

    Raises:
        UnreadableMediaError: The file is no FLAC, or its metadata is truncated.
    """
    size = file_size(file)
    start = _behind_tags(file, size)
    file.seek(start)
    if file.read(4) != SIGNATURE:
        raise damaged("the FLAC file does not begin with its signature")
    blocks: list[Block] = []
    at, is_last = start + 4, False
    while not is_last:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] & 0x7F == _INVALID:
            raise damaged(f"the FLAC file has no metadata block at byte {at}, where one is due")
        is_last = bool(head[0] & 0x80)
        span = Span(at + 4, at + 4 + int.from_bytes(head[1:], "big"))
        if span.end > size:
            raise damaged("the FLAC file ends in the middle of its metadata")
        blocks.append(Block(head[0] & 0x7F, span))
        if len(blocks) > _MAX_BLOCKS:
            raise damaged(f"the FLAC file has more than {_MAX_BLOCKS} metadata blocks")
        at = span.end
    if blocks[0].type != STREAM_INFO:
        raise damaged("the FLAC file does not begin with its STREAMINFO block")
    return FlacFile(head=Span(0, start), blocks=tuple(blocks), audio=Span(at, size))


def _behind_tags(file: BinaryIO, size: int) -> int:
    at = 0
    while at < size:
        file.seek(at)
        tag = id3_size(file.read(10))
        if not tag:
            break
        at += tag
    # Some taggers leave room that their tag does not count.
    file.seek(at)
    rest = file.read(1 << 16)
    return at + len(rest) - len(rest.lstrip(b"\0")) if at else at


def block_parts(blocks: Iterable[Block]) -> Iterator[Part]:
    """The signature and the metadata blocks as they stand in a file, at least one.

    Raises:
        ValueError: A block is larger than the format allows.
    """
    yield SIGNATURE
    every = tuple(blocks)
    for number, block in enumerate(every, 1):
        size = len(block.content)
        if size > _MAX_BLOCK_BYTES:
            raise ValueError(f"a FLAC block has at most {_MAX_BLOCK_BYTES} bytes, not {size}")
        last = 0x80 if number == len(every) else 0
        yield bytes([block.type | last]) + size.to_bytes(3, "big")
        yield block.content


def parse_seek_points(data: bytes) -> tuple[SeekPoint, ...]:
    """The points in the content of a SEEKTABLE; bytes at the end that are no point are left out."""
    whole = data[: len(data) // _POINT.size * _POINT.size]
    return tuple(SeekPoint(*values) for values in _POINT.iter_unpack(whole))


def pack_seek_points(points: Iterable[SeekPoint]) -> bytes:
    """The content of a SEEKTABLE."""
    return b"".join(_POINT.pack(point.sample, point.offset, point.samples) for point in points)


def frame_samples(frame: bytes) -> int:
    """How many samples of each channel a frame has, told by its header; 0 if there is none."""
    if len(frame) < 5 or frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
        return 0
    code = frame[2] >> 4
    if code == 1:
        return 192
    if 2 <= code <= 5:
        return 576 << code - 2
    if code >= 8:
        return 256 << code - 8
    # The frame's number comes first, coded as UTF-8 codes a character.
    leading = 8 - (~frame[4] & 0xFF).bit_length()
    at = 4 + max(leading, 1)
    size = code - 5
    return int.from_bytes(frame[at : at + size], "big") + 1 if code in {6, 7} else 0
