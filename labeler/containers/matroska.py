"""Matroska and WebM: tracks, and the frames in their blocks.

A "frame" here is what the standard calls so: a packet of the codec. Sources: RFC 8794 (EBML) and
RFC 9559, sections 5 and 10.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from labeler.containers import ebml
from labeler.containers.chunks import file_size
from labeler.containers.damage import damaged
from labeler.containers.ebml import Element
from labeler.containers.splice import Span
from labeler.errors import UnreadableMediaError

__all__ = [
    "AUDIO",
    "DEFAULT_SCALE_NS",
    "VIDEO",
    "Block",
    "Layout",
    "Track",
    "blocks",
    "frames_of",
    "number",
    "read_layout",
    "read_tracks",
    "walk",
]

SEEK_HEAD: Final = b"\x11\x4d\x9b\x74"
INFO: Final = b"\x15\x49\xa9\x66"
TRACKS: Final = b"\x16\x54\xae\x6b"
CLUSTER: Final = b"\x1f\x43\xb6\x75"
CUES: Final = b"\x1c\x53\xbb\x6b"
VOID: Final = b"\xec"
CRC: Final = b"\xbf"
TIMESTAMP_SCALE: Final = b"\x2a\xd7\xb1"
DURATION: Final = b"\x44\x89"
TIMESTAMP: Final = b"\xe7"
SIMPLE_BLOCK: Final = b"\xa3"
BLOCK_GROUP: Final = b"\xa0"
BLOCK: Final = b"\xa1"
DISCARD_PADDING: Final = b"\x75\xa2"
TRACK_ENTRY: Final = b"\xae"
TRACK_NUMBER: Final = b"\xd7"
TRACK_TYPE: Final = b"\x83"
FLAG_DEFAULT: Final = b"\x88"
CODEC_ID: Final = b"\x86"
CODEC_PRIVATE: Final = b"\x63\xa2"
CODEC_DELAY: Final = b"\x56\xaa"
ENCODINGS: Final = b"\x6d\x80"
AUDIO_SETTINGS: Final = b"\xe1"
SAMPLING_FREQUENCY: Final = b"\xb5"
OUTPUT_FREQUENCY: Final = b"\x78\xb5"
CHANNELS: Final = b"\x9f"
BIT_DEPTH: Final = b"\x62\x64"

VIDEO, AUDIO = 1, 2
"""Types of tracks."""
DEFAULT_SCALE_NS: Final = 1_000_000
"""Nanoseconds of a unit of time where the file says nothing else."""

_SEGMENT: Final = b"\x18\x53\x80\x67"
_EBML: Final = b"\x1a\x45\xdf\xa3"
# What clusters hold (times, blocks, positions, and tracks that are silent), and what says nothing.
_PASSED_OVER: Final = frozenset(
    {TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, b"\xa7", b"\xab", b"\x58\x54", CRC, VOID}
)
_MAX_ELEMENTS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track."""

    number: int
    kind: int
    """`VIDEO`, `AUDIO`, or another number."""
    is_default: bool
    codec: str
    """``"A_OPUS"``."""
    private: bytes = field(repr=False)
    """The codec's own header."""
    delay_ns: int
    """How much is not played at the beginning."""
    sample_rate_hz: int
    channels: int
    bits: int
    """Of a sample; 0 where it does not say."""
    is_encoded: bool
    """Whether its frames are compressed once more, or encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything lies in a file."""

    head: Span
    """What comes before the segment."""
    body: Span
    """The content of the segment, which holds everything else."""
    elements: tuple[Element, ...]
    """What it holds beside clusters, checksums and empty space."""
    first_cluster: int
    """Where the first cluster begins."""
    is_cut: bool
    """Whether the file ends before the segment does."""

    def find(self, kind: bytes) -> Element | None:
        """The first element with this number."""
        return next((element for element in self.elements if element.id == kind), None)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: frames of one track that follow one another."""

    data: bytes = field(repr=False)
    """From the track's number on."""
    time: int
    """When the cluster begins that it is in, in units of the file's time scale."""
    discard_ns: int
    """How much is not played at its end."""

    @property
    def offset(self) -> int:
        """When it begins, after the beginning of its cluster, in the same units."""
        at = 9 - self.data[0].bit_length() if self.data else 0
        return int.from_bytes(self.data[at : at + 2], "big", signed=True)


def read_tracks(data: bytes) -> tuple[Track, ...]:
    """The tracks in the content of a Tracks element.

    Raises:
        UnreadableMediaError: It is truncated.
    """
    return tuple(
        _read_track(dict(ebml.children(entry)))
        for kind, entry in ebml.children(data)
        if kind == TRACK_ENTRY
    )


def _read_track(fields: dict[bytes, bytes]) -> Track:
    audio = dict(ebml.children(fields.get(AUDIO_SETTINGS, b"")))
    rate = audio.get(OUTPUT_FREQUENCY) or audio.get(SAMPLING_FREQUENCY)
    return Track(
        number=number(fields.get(TRACK_NUMBER, b"")),
        kind=number(fields.get(TRACK_TYPE, b"")),
        is_default=fields.get(FLAG_DEFAULT, b"\1") != b"\0",
        codec=fields.get(CODEC_ID, b"").rstrip(b"\0").decode("ascii", "replace"),
        private=fields.get(CODEC_PRIVATE, b""),
        delay_ns=number(fields.get(CODEC_DELAY, b"")),
        sample_rate_hz=round(_real(rate)) if rate else 8000,
        channels=number(audio.get(CHANNELS, b"\1")),
        bits=number(audio.get(BIT_DEPTH, b"")),
        is_encoded=ENCODINGS in fields,
    )


def number(data: bytes) -> int:
    """The unsigned integer in an element."""
    return int.from_bytes(data, "big")


def _real(data: bytes) -> float:
    if len(data) not in {4, 8}:
        return 0.0
    value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return value if 0 <= value < 1e9 else 0.0


def read_layout(file: BinaryIO) -> Layout:
    """Where everything lies in a file, up to where it was cut off, if it was.

    Raises:
        UnreadableMediaError: It is no Matroska.
    """
    size = file_size(file)
    heads = _walk(file, 0, size)
    header = next(heads, None)
    if header is None or header.id != _EBML:
        raise damaged("the WebM file does not begin with its header")
    segment = next((element for element in heads if element.id == _SEGMENT), None)
    if segment is None:
        raise damaged("the WebM file holds nothing")
    first = segment.body.end
    kept = []
    # What cuts the walk short is told by those who go through the clusters.
    with suppress(UnreadableMediaError):
        for element in _walk(file, segment.body.start, segment.body.end, inside=False):
            if element.id == CLUSTER:
                first = min(first, element.start)
            elif element.id not in _PASSED_OVER:
                kept.append(element)
            if len(kept) == _MAX_ELEMENTS:
                break
    return Layout(
        head=Span(0, segment.start),
        body=segment.body,
        elements=tuple(kept),
        first_cluster=first,
        is_cut=_is_cut(file, segment, size),
    )


def _is_cut(file: BinaryIO, segment: Element, size: int) -> bool:
    file.seek(segment.start)
    _, header, told = _parse_head(file.read(12), segment.start)
    return told is not None and segment.start + header + told > size


def _walk(file: BinaryIO, position: int, end: int, *, inside: bool = True) -> Iterator[Element]:
    """The elements from a position on.

    Args:
        file: The file.
        position: Where the first begins.
        end: Where the last ends.
        inside: Whether the content of clusters is listed too; it is anyway where they have no size.

    Raises:
        UnreadableMediaError: One is truncated, or something is there that is none.
    """
    is_cut = False
    while position < end:
        file.seek(position)
        kind, header, size = _parse_head(file.read(12), position)
        body = position + header
        if size is None and kind not in {CLUSTER, _SEGMENT}:
            raise damaged("an element of the WebM file has no size")
        behind = end if size is None else body + size
        if behind > end and kind not in {CLUSTER, _SEGMENT}:
            raise damaged("the WebM file ends in the middle of an element")
        # Of a cluster or segment that was cut off there is something left.
        is_cut |= behind > end
        yield Element(kind, position, Span(body, min(behind, end)))
        is_entered = kind == CLUSTER and (inside or size is None)
        position = body if is_entered else behind
    if is_cut:
        raise damaged("the WebM file ends in the middle of an element")


def walk(file: BinaryIO, layout: Layout) -> Iterator[Element]:
    """Everything in the segment, with what clusters hold, in its order.

    Raises:
        UnreadableMediaError: The file is truncated, or something is there that is no element.
    """
    return _walk(file, layout.body.start, layout.body.end)


def blocks(file: BinaryIO, layout: Layout) -> Iterator[Block]:
    """All blocks of a file, in their order.

    Raises:
        UnreadableMediaError: It has become shorter, or a block is larger than sound needs.
    """
    time = 0
    for element in walk(file, layout):
        if element.id not in {TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP}:
            continue
        data = ebml.content(file, element)
        if element.id == TIMESTAMP:
            time = number(data[:8])
        else:
            yield Block(data, time, 0) if element.id == SIMPLE_BLOCK else _read_group(data, time)


def _parse_head(head: bytes, position: int) -> tuple[bytes, int, int | None]:
    """Number of an element, bytes of its header, and size; None where it has none."""
    id_bytes = 9 - head[0].bit_length() if head else 9
    size_at = head[id_bytes] if id_bytes <= 4 and id_bytes < len(head) else 0
    size_bytes = 9 - size_at.bit_length()
    if size_bytes > 8 or len(head) < id_bytes + size_bytes:
        raise damaged(f"there is no element of WebM at byte {position}, where one is due")
    most = (1 << 7 * size_bytes) - 1
    size = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & most
    return head[:id_bytes], id_bytes + size_bytes, None if size == most else size


def _read_group(data: bytes, time: int) -> Block:
    fields = dict(ebml.children(data))
    discard = int.from_bytes(fields.get(DISCARD_PADDING, b""), "big", signed=True)
    return Block(fields.get(BLOCK, b""), time, max(discard, 0))


def frames_of(block: Block, track: int) -> tuple[bytes, ...]:
    """The frames in a block, if it is of the track with this number.

    Raises:
        UnreadableMediaError: It is damaged.
    """
    data = block.data
    width = 9 - data[0].bit_length() if data else 9
    if width > 8 or len(data) < width + 3:
        raise damaged("a block of the WebM file is damaged")
    if int.from_bytes(data[:width], "big") & (1 << 7 * width) - 1 != track:
        return ()
    lacing, body = data[width + 2] >> 1 & 3, data[width + 3 :]
    if not lacing:
        return (body,)
    if not body:
        raise damaged("a block of the WebM file is damaged")
    count, rest = body[0] + 1, body[1:]
    if lacing == 2:
        sizes = [len(rest) // count] * (count - 1)
    else:
        sizes, rest = (_xiph_sizes if lacing == 1 else _ebml_sizes)(rest, count)
    return tuple(_cut(rest, sizes))


def _cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    if sum(sizes) > len(data) or any(size < 0 for size in sizes):
        raise damaged("a block of the WebM file is damaged")
    position = 0
    for size in sizes:
        yield data[position : position + size]
        position += size
    yield data[position:]


def _xiph_sizes(data: bytes, count: int) -> tuple[list[int], bytes]:
    sizes, position = [], 0
    for _ in range(count - 1):
        size = 0
        while data[position : position + 1] == b"\xff":
            size += 255
            position += 1
        size += data[position] if position < len(data) else 0
        position += 1
        sizes.append(size)
    return sizes, data[position:]


def _ebml_sizes(data: bytes, count: int) -> tuple[list[int], bytes]:
    """The first size as it is, then the differences."""
    sizes: list[int] = []
    position = 0
    for _ in range(count - 1):
        width = 9 - data[position].bit_length() if position < len(data) else 9
        if width > 8:
            raise damaged("a block of the WebM file is damaged")
        value = int.from_bytes(data[position : position + width], "big") & (1 << 7 * width) - 1
        position += width
        middle = (1 << 7 * width - 1) - 1
        sizes.append(sizes[-1] + value - middle if sizes else value)
    return sizes, data[position:]
