"""Where video files keep an XMP packet: QuickTime and AVI. MP4 keeps it as sound in MPEG-4 does.

Source: ISO 16684-3 (XMP part 3), 1.1 (the formats).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from labeler.containers import riff
from labeler.containers.bmff import Box, boxes, make_box
from labeler.containers.bmff_file import TopBox, top_boxes
from labeler.containers.chunks import Chunk, file_size
from labeler.containers.damage import damaged
from labeler.containers.mp4_moved import ImmovableError, rearranged
from labeler.containers.splice import Part, Span, blocks, copy, total
from labeler.errors import MetadataError
from labeler.metadata.sound_packets import chunk_fields, find_mpeg4, is_mpeg4_packet
from labeler.metadata.statements import Statements

__all__ = ["find_avi", "find_quicktime", "put_avi", "put_quicktime"]

_XMP: Final = b"XMP_"
_AVI_XMP: Final = b"_PMX"
_MAX_MOOV_BYTES: Final = 256 << 20
# Of a part of an AVI file, and of the first chunk in it.
_RIFF_HEAD_BYTES: Final = 12 + 8
_MAX_RIFF_BYTES: Final = 0xFFFFFFFF


# --------------------------------------------------------------------------------------- QuickTime


def find_quicktime(stream: BinaryIO) -> Statements:
    """The packets and texts of a QuickTime file: its own place before that of MP4."""
    elsewhere = find_mpeg4(stream)
    moov = next((box for box in top_boxes(stream) if box.type == b"moov"), None)
    own = () if moov is None else tuple(_packets(_read(stream, moov)))
    return Statements(packets=(*own, *elsewhere.packets), fields=elsewhere.fields)


def _read(stream: BinaryIO, moov: TopBox) -> bytes:
    if len(moov.body) > _MAX_MOOV_BYTES:
        raise damaged("the 'moov' box is too large for what it is")
    return b"".join(blocks(stream, [moov.body]))


def _packets(moov: bytes) -> Iterator[bytes]:
    for box in boxes(moov):
        if box.type == b"udta":
            yield from (inner.body for inner in boxes(box.body) if inner.type == _XMP)


def put_quicktime(source: BinaryIO, target: BinaryIO, packet: bytes) -> None:
    """Write a QuickTime file with ``packet`` among the user data of the movie.

    The samples behind a header that grows move, and every position in the file with them.
    """
    found = top_boxes(source)
    moov = next((box for box in found if box.type == b"moov"), None)
    if moov is None:
        raise damaged("the file has no 'moov' box, which would tell what it holds")
    new = _with_packet(_read(source, moov), packet)
    pieces = [new if box is moov else box for box in found if not is_mpeg4_packet(box)]
    try:
        parts = rearranged(source, pieces)
    except ImmovableError as error:
        raise _no_room(str(error)) from error
    rest = Span(found[-1].span.end, file_size(source))
    copy(source, target, [*(part for box in parts for part in box), rest])


def _no_room(reason: str) -> MetadataError:
    return MetadataError(
        f"there is no room for XMP in the file's header: {reason}",
        hint="Remux the file first, for example with `ffmpeg -c copy`",
    )


def _with_packet(moov: bytes, packet: bytes) -> bytes:
    """A ``moov`` box with the packet in it, and everything else as it was."""
    found = boxes(moov)
    if any(box.type == b"cmov" for box in found):
        raise _no_room("it is compressed")
    old = next((box for box in found if box.type == b"udta"), None)
    new = make_box(b"udta", *_user_data(old, packet))
    kept = [new if box is old else box.raw for box in found]
    end = found[-1].end if found else 0
    return make_box(b"moov", *kept, *([new] if old is None else []), moov[end:])


def _user_data(old: Box | None, packet: bytes) -> tuple[bytes, ...]:
    new = make_box(_XMP, packet)
    if old is None:
        return (new,)
    found = boxes(old.body)
    end = found[-1].end if found else 0
    # QuickTime may end the list with four zero bytes.
    return (*(box.raw for box in found if box.type != _XMP), new, old.body[end:])


# --------------------------------------------------------------------------------------------- AVI


def find_avi(stream: BinaryIO) -> Statements:
    """The packets and texts of an AVI file, the last packet first."""
    packets: list[bytes] = []
    fields: list[tuple[str, str]] = []
    for part in riff.parts(stream):
        packets += [part.read(stream, chunk) for chunk in part.chunks if chunk.type == _AVI_XMP]
        fields += chunk_fields(part, stream)
    return Statements(packets=tuple(reversed(packets)), fields=tuple(fields))


def put_avi(source: BinaryIO, target: BinaryIO, packet: bytes) -> None:
    """Write an AVI file with ``packet`` behind everything else, so that no sample moves."""
    *front, last = riff.parts(source)
    for part in (*front, last):
        part.require_whole()
    kept = list(last.chunks)
    if kept[-1].type == _AVI_XMP:
        kept.pop()
    chunks = [
        *(part for chunk in kept for part in _kept(chunk)),
        *riff.new_chunk(_AVI_XMP, packet),
    ]
    size = 4 + total(chunks)
    if size > _MAX_RIFF_BYTES:
        raise MetadataError(
            "there is no room for XMP in an AVI file of 4 GiB",
            hint="Remux the file first, for example with `ffmpeg -c copy`",
        )
    begin = last.chunks[0].start - _RIFF_HEAD_BYTES
    old = [c for part in front for c in part.chunks if c.type == _AVI_XMP]
    head = b"RIFF" + size.to_bytes(4, "little") + last.kind
    copy(source, target, [*_emptied(old, begin), head, *chunks, Span(last.end, last.size)])


def _emptied(old: Iterable[Chunk], end: int) -> Iterator[Part]:
    """The file up to ``end``, with empty space in the place of some chunks."""
    at = 0
    for chunk in old:
        yield from (Span(at, chunk.start - 8), b"JUNK", Span(chunk.start - 4, chunk.start))
        yield bytes(chunk.size)
        at = chunk.start + chunk.size
    yield Span(at, end)


def _kept(chunk: Chunk) -> tuple[Part, ...]:
    """A chunk as it is; an XMP packet becomes empty space of the same size."""
    if chunk.type != _AVI_XMP:
        return riff.whole(chunk)
    return riff.new_chunk(b"JUNK", bytes(chunk.size))
