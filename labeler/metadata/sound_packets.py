"""Where sound files keep an XMP packet: WAV, AIFF, MP3, raw AAC and MPEG-4.

Source: ISO 16684-3 (XMP part 3), 1.1 (the formats). XMP knows no place in raw AAC; an ID3 tag in
front of it is what HTTP live streaming (RFC 8216, 3.4) and FFmpeg put there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from labeler.containers import aiff, id3_tag, riff
from labeler.containers.bmff import make_box
from labeler.containers.bmff_file import TopBox, freed, sized, top_boxes
from labeler.containers.chunks import ChunkedFile, NewChunk, file_size, put
from labeler.containers.chunks import Part as ChunkPart
from labeler.containers.id3_tag import Frame, Tag
from labeler.containers.splice import Part, Span, blocks, copy
from labeler.errors import LabelerError, MetadataError
from labeler.metadata.mpeg4_fields import MAX_MOOV_BYTES, fields_of
from labeler.metadata.statements import DESCRIPTION, Statements
from labeler.metadata.xmp import MAX_PACKET_BYTES

__all__ = [
    "ID3_CHUNKS",
    "InfoText",
    "chunk_fields",
    "find_aiff",
    "find_id3",
    "find_mpeg4",
    "find_wav",
    "id3_text",
    "info_texts",
    "is_mpeg4_packet",
    "put_aiff",
    "put_id3",
    "put_mpeg4",
    "put_wav",
]

_WAV_XMP: Final = b"_PMX"
_AIFF_XMP: Final = b"XMP "
_ID3_XMP: Final = b"XMP\0"
# ISO 639-2, of a comment: unknown (ID3v2.4.0, 4).
_NO_LANGUAGE: Final = b"XXX"
_UUID_XMP: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
ID3_CHUNKS: Final = frozenset({b"id3 ", b"ID3 "})
"""The types of chunks that hold an ID3 tag."""


# ------------------------------------------------------------------------------------ WAV and AIFF


def find_wav(stream: BinaryIO) -> Statements:
    """The packets and texts of a WAV file."""
    file = riff.parse(stream)
    packets = [file.read(stream, chunk) for chunk in file.chunks if chunk.type == _WAV_XMP]
    return Statements(packets=tuple(packets), fields=tuple(chunk_fields(file, stream)))


def put_wav(source: BinaryIO, target: BinaryIO, packet: bytes) -> None:
    """Write a WAV file with ``packet`` in it."""
    file = riff.parse(source)
    parts = put(file.chunks, NewChunk(_WAV_XMP, packet), over=lambda c: c.type == _WAV_XMP)
    riff.write(source, target, file, parts)


def find_aiff(stream: BinaryIO) -> Statements:
    """The packets and texts of an AIFF file."""
    file = aiff.parse(stream)
    applications = (file.read(stream, chunk) for chunk in file.chunks if chunk.type == b"APPL")
    packets = [data[4:] for data in applications if data.startswith(_AIFF_XMP)]
    return Statements(packets=tuple(packets), fields=tuple(chunk_fields(file, stream)))


def put_aiff(source: BinaryIO, target: BinaryIO, packet: bytes) -> None:
    """Write an AIFF file with ``packet`` in it."""
    file = aiff.parse(source)
    old = {
        chunk.start
        for chunk in file.chunks
        if chunk.type == b"APPL" and file.read(source, chunk).startswith(_AIFF_XMP)
    }

    def is_packet(part: ChunkPart) -> bool:
        return getattr(part, "start", None) in old

    parts = put(file.chunks, NewChunk(b"APPL", _AIFF_XMP + packet), over=is_packet)
    aiff.write(source, target, file, parts)


def chunk_fields(file: ChunkedFile, stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """The texts of INFO lists and of ID3 tags in chunks."""
    for chunk in file.chunks:
        if chunk.list_type == b"INFO":
            for text in info_texts(file.read(stream, chunk)):
                yield text.name, text.text
        elif chunk.type in ID3_CHUNKS:
            yield from _id3_fields(_read_tag(io.BytesIO(file.read(stream, chunk))))


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoText:
    """One text in a list of the type INFO."""

    name: str
    """Four characters."""
    text: str
    start: int
    """Where its header of 8 bytes begins in the list."""
    size: int
    """Bytes of the text as it is written."""


def info_texts(data: bytes) -> Iterator[InfoText]:
    """The texts in a list's content, which begins with ``INFO``."""
    position = 4
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        raw = data[position + 8 : position + 8 + size]
        yield InfoText(
            name=data[position : position + 4].decode("latin-1"),
            text=raw.rstrip(b"\0").decode("utf-8", "replace"),
            start=position,
            size=len(raw),
        )
        position += 8 + size + (size & 1)


# --------------------------------------------------------------------------------------------- ID3


def find_id3(stream: BinaryIO) -> Statements:
    """The packets and texts in the ID3 tag at a file's beginning."""
    tag = _read_tag(stream)
    packets = [
        frame.content[len(_ID3_XMP) :]
        for frame in tag.frames
        if _is_packet(frame) and not tag.is_coded(frame)
    ]
    return Statements(packets=tuple(packets), fields=tuple(_id3_fields(tag)))


def put_id3(
    source: BinaryIO, target: BinaryIO, packet: bytes, description: str | None = None
) -> None:
    """Write a file with ``packet`` in the ID3 tag in front of it.

    With a ``description`` the tag's comment, which players show, is that.
    """
    tag = _read_tag(source)
    if tag.version == 2:
        raise MetadataError(
            "the file's ID3 tag is of version 2.2, which has no place for XMP",
            hint="Convert the tag to version 2.3 or 2.4 first",
        )
    kept = tuple(frame for frame in tag.frames if id3_text(tag, frame) != ("", ""))
    tag = replace(tag, frames=kept)
    if description is not None:
        tag = _with_comment(tag, description)
    head = tag.put(Frame(b"PRIV", _ID3_XMP + packet), over=_is_packet).to_bytes()
    copy(source, target, [head, Span(tag.size, file_size(source))])


def _with_comment(tag: Tag, text: str) -> Tag:
    """The tag with one comment in the place of those that have no name of their own."""

    def is_comment(frame: Frame) -> bool:
        return _comment(tag, frame) is not None

    language = next((f.content[1:4] for f in tag.frames if is_comment(f)), _NO_LANGUAGE)
    # Version 2.3 knows no UTF-8 (2.3: 3.3; 2.4: 4).
    coded = b"\3" + language + b"\0" + text.encode()
    if tag.version < 4:
        coded = b"\1" + language + b"\xff\xfe\0\0\xff\xfe" + text.encode("utf-16-le")
    return tag.put(Frame(b"COMM", coded), over=is_comment)


def _comment(tag: Tag, frame: Frame) -> str | None:
    """The text of a comment without a name; None for other frames, and for empty ones."""
    if frame.id != b"COMM" or tag.is_coded(frame) or len(frame.content) < 5:
        return None
    text = _named_text(frame.content[:1] + frame.content[4:])
    # Programs keep numbers of their own in comments that have names.
    return text[1] if text is not None and not text[0] else None


def _read_tag(stream: BinaryIO) -> Tag:
    return id3_tag.read(stream) or Tag()


def _is_packet(frame: Frame) -> bool:
    return frame.id == b"PRIV" and frame.content.startswith(_ID3_XMP)


def _id3_fields(tag: Tag) -> Iterator[tuple[str, str]]:
    """Name and text of each text that a user has defined, and the comment."""
    for frame in tag.frames:
        text = id3_text(tag, frame)
        if text is not None:
            yield text
        comment = _comment(tag, frame)
        if comment is not None:
            yield DESCRIPTION, comment


def id3_text(tag: Tag, frame: Frame) -> tuple[str, str] | None:
    """Description and text of a text that a user has defined; None for other frames."""
    if frame.id not in {b"TXXX", b"TXX"} or tag.is_coded(frame) or not frame.content:
        return None
    return _named_text(frame.content)


def _named_text(content: bytes) -> tuple[str, str] | None:
    """What follows the byte for the encoding: a name, a zero, a text; None if that is unknown."""
    encoding = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}.get(content[0])
    if encoding is None:
        return None
    name, _, text = content[1:].decode(encoding, "replace").partition("\0")
    return name, text.rstrip("\0").lstrip("\ufeff")


# ------------------------------------------------------------------------------------------ MPEG-4


def find_mpeg4(stream: BinaryIO) -> Statements:
    """The packets and texts of an MPEG-4 file."""
    packets: list[bytes] = []
    fields: list[tuple[str, str]] = []
    for box in top_boxes(stream):
        if is_mpeg4_packet(box):
            packets.append(b"".join(blocks(stream, [box.body])))
        elif box.type == b"moov" and len(box.body) <= MAX_MOOV_BYTES:
            fields += _read_fields(b"".join(blocks(stream, [box.body])))
    return Statements(packets=tuple(packets), fields=tuple(fields))


def _read_fields(moov: bytes) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(fields_of(moov))
    except LabelerError:  # texts are only looked through for hints
        return ()


def is_mpeg4_packet(box: TopBox) -> bool:
    """Whether a box holds an XMP packet."""
    return box.user_type == _UUID_XMP and len(box.body) <= MAX_PACKET_BYTES


def put_mpeg4(source: BinaryIO, target: BinaryIO, packet: bytes) -> None:
    """Write an MPEG-4 file with ``packet`` behind everything else, so that no sample moves."""
    found = top_boxes(source)
    # Where fragments are looked up, if anywhere, has to stay the last box.
    is_indexed = bool(found) and found[-1].type == b"mfra"
    front, back = (found[:-1], found[-1:]) if is_indexed else (found, ())
    parts = [part for box in front for part in _kept(source, box)]
    parts.append(make_box(b"uuid", _UUID_XMP, packet))
    end = found[-1].span.end if found else 0
    parts += [box.span for box in back]
    copy(source, target, [*parts, Span(end, file_size(source))])


def _kept(source: BinaryIO, box: TopBox) -> tuple[Part, ...]:
    """A box as it is; an XMP packet becomes free space of the same size."""
    if is_mpeg4_packet(box):
        return freed(source, box)
    parts = sized(box)
    if parts is None:
        raise MetadataError(
            "the file's last box has no size, and nothing can be put behind it",
            hint="Remux the file first, for example with `ffmpeg -c copy`",
        )
    return parts
