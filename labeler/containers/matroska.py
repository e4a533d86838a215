"""Matroska and WebM: the elements of the file, and its tracks.

Sources: RFC 8794 (EBML) and RFC 9559, section 5.
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
    "MAX_ELEMENTS",
    "SUBTITLES",
    "VIDEO",
    "Layout",
    "Track",
    "elements",
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
BLOCK_DURATION: Final = b"\x9b"
BLOCK_ADDITIONS: Final = b"\x75\xa1"
REFERENCE_BLOCK: Final = b"\xfb"
DISCARD_PADDING: Final = b"\x75\xa2"
ENCRYPTED_BLOCK: Final = b"\xaf"
TRACK_ENTRY: Final = b"\xae"
TRACK_NUMBER: Final = b"\xd7"
TRACK_UID: Final = b"\x73\xc5"
TRACK_TYPE: Final = b"\x83"
FLAG_DEFAULT: Final = b"\x88"
CODEC_ID: Final = b"\x86"
CODEC_PRIVATE: Final = b"\x63\xa2"
CODEC_DELAY: Final = b"\x56\xaa"
DEFAULT_DURATION: Final = b"\x23\xe3\x83"
TRACK_TIMESTAMP_SCALE: Final = b"\x23\x31\x4f"
ENCODINGS: Final = b"\x6d\x80"
AUDIO_SETTINGS: Final = b"\xe1"
SAMPLING_FREQUENCY: Final = b"\xb5"
OUTPUT_FREQUENCY: Final = b"\x78\xb5"
CHANNELS: Final = b"\x9f"
BIT_DEPTH: Final = b"\x62\x64"

VIDEO, AUDIO, SUBTITLES = 1, 2, 17
"""Types of tracks."""
DEFAULT_SCALE_NS: Final = 1_000_000
"""Nanoseconds of a unit of time where the file says nothing else."""

_SEGMENT: Final = b"\x18\x53\x80\x67"
_EBML: Final = b"\x1a\x45\xdf\xa3"
# What clusters hold (times, blocks, positions, and tracks that are silent), and what says nothing.
_PASSED_OVER: Final = frozenset(
    {TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, ENCRYPTED_BLOCK}
    | {b"\xa7", b"\xab", b"\x58\x54", CRC, VOID}
)
MAX_ELEMENTS: Final = 100_000
"""More than a segment has, beside its clusters; those beyond are not looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track."""

    number: int
    uid: int
    kind: int
    """`VIDEO`, `AUDIO`, `SUBTITLES`, or another number."""
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
    frame_ns: int
    """How long a frame lasts whose block does not say it; 0 where nothing says it."""
    is_stretched: bool
    """Whether its blocks count time in units of their own."""
    encodings: bytes = field(repr=False)
    """How its frames are compressed once more, or encrypted; empty where they are not."""


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
        uid=number(fields.get(TRACK_UID, b"")),
        kind=number(fields.get(TRACK_TYPE, b"")),
        is_default=fields.get(FLAG_DEFAULT, b"\1") != b"\0",
        codec=fields.get(CODEC_ID, b"").rstrip(b"\0").decode("ascii", "replace"),
        private=fields.get(CODEC_PRIVATE, b""),
        delay_ns=number(fields.get(CODEC_DELAY, b"")),
        sample_rate_hz=round(_real(rate)) if rate else 8000,
        channels=number(audio.get(CHANNELS, b"\1")),
        bits=number(audio.get(BIT_DEPTH, b"")),
        frame_ns=number(fields.get(DEFAULT_DURATION, b"")),
        is_stretched=_real(fields.get(TRACK_TIMESTAMP_SCALE, b"")) not in {0.0, 1.0},
        encodings=fields.get(ENCODINGS, b""),
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
        raise damaged("the Matroska file does not begin with its header")
    segment = next((element for element in heads if element.id == _SEGMENT), None)
    if segment is None:
        raise damaged("the Matroska file holds nothing")
    first = segment.body.end
    kept = []
    # What cuts the walk short is told by those who go through the clusters.
    with suppress(UnreadableMediaError):
        for element in _walk(file, segment.body.start, segment.body.end, inside=False):
            if element.id == CLUSTER:
                first = min(first, element.start)
            elif element.id not in _PASSED_OVER:
                kept.append(element)
            if len(kept) == MAX_ELEMENTS:
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
    is_cut, cluster_end = False, 0
    while position < end:
        file.seek(position)
        kind, header, size = _parse_head(file.read(12), position)
        body = position + header
        if size is None and kind not in {CLUSTER, _SEGMENT}:
            raise damaged("an element of the Matroska file has no size")
        behind = end if size is None else body + size
        if behind > end and kind not in {CLUSTER, _SEGMENT}:
            raise damaged("the Matroska file ends in the middle of an element")
        if position < cluster_end < behind:
            raise damaged("an element of the Matroska file is larger than its cluster")
        # Of a cluster or segment that was cut off there is something left.
        is_cut |= behind > end
        yield Element(kind, position, Span(body, min(behind, end)))
        is_entered = kind == CLUSTER and (inside or size is None)
        if is_entered:
            cluster_end = 0 if size is None else min(behind, end)
        position = body if is_entered else behind
    if is_cut:
        raise damaged("the Matroska file ends in the middle of an element")


def walk(file: BinaryIO, layout: Layout) -> Iterator[Element]:
    """Everything in the segment, with what clusters hold, in its order.

    Raises:
        UnreadableMediaError: The file is truncated, or something is there that is no element.
    """
    return _walk(file, layout.body.start, layout.body.end)


def elements(file: BinaryIO, span: Span) -> Iterator[Element]:
    """The elements in a stretch of the file, one after the other, with what clusters hold.

    Raises:
        UnreadableMediaError: One is truncated, or something is there that is none.
    """
    return _walk(file, span.start, span.end)


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
