"""Where sound files that know no XMP keep named texts: FLAC, Ogg and WebM.

Readers show such comments and tags under their names, whatever those are; none of them looks for an
XMP packet there. Sources: RFC 9639, 8.6; RFC 7845, 5.2; Matroska tags (RFC 9559, 5.1.8).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers import ebml, flac, ogg
from labeler.containers.damage import damaged
from labeler.containers.splice import Part, Span, blocks, copy
from labeler.containers.vorbis_comments import Comments
from labeler.errors import MetadataError
from labeler.metadata.claims import FieldEdit
from labeler.metadata.statements import Statements, stated

__all__ = ["find_flac", "find_ogg", "find_webm", "put_flac", "put_ogg", "put_webm"]

_MAX_BLOCK_BYTES: Final = (1 << 24) - 1


# -------------------------------------------------------------------------------------------- FLAC


def find_flac(stream: BinaryIO) -> Statements:
    """The comments of a FLAC file."""
    block = flac.parse(stream).find(flac.VORBIS_COMMENT)
    comments = None if block is None else Comments.from_bytes(_read(stream, block.content))
    return Statements(fields=() if comments is None else tuple(comments.named()))


def put_flac(source: BinaryIO, target: BinaryIO, edit: FieldEdit) -> None:
    """Write a FLAC file with the fields of ``edit`` among its comments."""
    file = flac.parse(source)
    old = file.find(flac.VORBIS_COMMENT)
    before = Comments(vendor=b"Labeler", entries=())
    if old is not None:
        before = Comments.from_bytes(_read(source, old.content))
    data = before.with_fields(dict(edit.fields), dropped=edit.dropped).to_bytes()
    if len(data) > _MAX_BLOCK_BYTES:
        raise MetadataError(
            "the comments would not fit into a FLAC block (16 MiB)",
            hint="Shorten the prompt, or remove large comments",
        )
    new = flac.Block(flac.VORBIS_COMMENT, data)
    found = list(file.blocks)
    if old is None:
        found.insert(1, new)  # STREAMINFO is first
    else:
        found[found.index(old)] = new
    copy(source, target, [file.head, *flac.block_parts(found), file.audio])


def _read(stream: BinaryIO, part: Part) -> bytes:
    return b"".join(blocks(stream, [part]))


# --------------------------------------------------------------------------------------------- Ogg

# What the second header of a stream begins with, by what the first begins with; FLAC's is a block.
_COMMENT_HEADS: Final = {
    b"\x01vorbis": b"\x03vorbis",
    b"OpusHead": b"OpusTags",
    b"\x7fFLAC": b"",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Headers:
    """The header packets of a stream."""

    serial: int
    packets: tuple[bytes, ...]
    """The first tells the codec, the second holds the comments."""
    comments: Comments
    head: bytes
    """What the second has in front of the comments."""
    pages: int
    """How many pages they take."""


def find_ogg(stream: BinaryIO) -> Statements:
    """The comments of the first sound in an Ogg file."""
    return Statements(fields=tuple(_headers(stream).comments.named()))


def put_ogg(source: BinaryIO, target: BinaryIO, edit: FieldEdit) -> None:
    """Write an Ogg file with the fields of ``edit`` among the comments of its first sound.

    The pages that hold the sound stay as they are, but for their numbers where there are more or
    fewer pages in front of them.
    """
    old = _headers(source)
    data = old.comments.with_fields(dict(edit.fields), dropped=edit.dropped).to_bytes()
    head = old.head
    if len(head) == 4:  # a FLAC block says how large it is
        head = head[:1] + len(data).to_bytes(3, "big")
    first, others = _paged(old, (old.packets[0], head + data, *old.packets[2:]))
    copy(source, target, _with_headers(source, old, first, others))


def _headers(stream: BinaryIO) -> _Headers:
    serial, head = _first_sound(stream)
    last = 0

    def own() -> Iterator[ogg.Page]:
        nonlocal last
        for page in ogg.pages(stream):
            if page.serial == serial:
                last += 1
                yield page

    packets: list[bytes] = []
    for packet in ogg.packets(own()):
        packets.append(packet.data)
        if _is_complete(packets):
            if not packet.ends_page:
                raise damaged("the Ogg file's headers and sound share a page")
            break
    else:
        raise damaged("the Ogg file ends in the middle of its headers")
    front = packets[1][:4] if not head else packets[1][: len(head)]
    if head and front != head:
        raise damaged("the Ogg file has no comments where they are due")
    comments = Comments.from_bytes(packets[1][len(front) :])
    return _Headers(
        serial=serial, packets=tuple(packets), comments=comments, head=front, pages=last
    )


def _first_sound(stream: BinaryIO) -> tuple[int, bytes]:
    """The number of the first stream that is sound, and how its comments begin."""
    for page in ogg.pages(stream):
        if not page.is_first:
            break
        for start, head in _COMMENT_HEADS.items():
            if page.body.startswith(start):
                return page.serial, head
    raise damaged("the Ogg file does not begin with sound")


def _is_complete(packets: list[bytes]) -> bool:
    first = packets[0]
    if first.startswith(b"\x7fFLAC"):
        # The last metadata block is marked.
        return len(packets) > 1 and bool(packets[-1][0] & 0x80)
    return len(packets) == (3 if first.startswith(b"\x01vorbis") else 2)


def _paged(old: _Headers, packets: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Header packets as pages: the first, which stands alone, and the others."""
    output = io.BytesIO()
    pager = ogg.Pager(output, old.serial)
    pager.write(packets[0], 0)
    pager.end_page()
    first = output.tell()
    for packet in packets[1:]:
        pager.write(packet, 0)
    pager.end_page()
    return output.getvalue()[:first], output.getvalue()[first:]


def _with_headers(source: BinaryIO, old: _Headers, first: bytes, others: bytes) -> Iterator[Part]:
    """The file with other header pages."""
    more = 1 + sum(1 for _ in ogg.pages(io.BytesIO(others))) - old.pages
    position = seen = 0
    is_open = True
    for page in ogg.pages(source):
        if page.serial != old.serial or not page.is_whole or not is_open:
            continue
        seen += 1
        if page.is_first and seen > 1:
            is_open = False  # another sound follows, under the same number
            continue
        if seen > old.pages and not more:
            break
        yield Span(position, page.start)
        position = page.end
        if seen <= old.pages:
            yield {1: first, 2: others}.get(seen, b"")
        else:
            yield _renumbered(_read(source, Span(page.start, page.end)), page.sequence + more)
            is_open = not page.is_last
    source.seek(0, io.SEEK_END)
    yield Span(position, source.tell())


def _renumbered(page: bytes, sequence: int) -> bytes:
    numbered = page[:18] + (sequence & 0xFFFFFFFF).to_bytes(4, "little")
    blank = numbered + bytes(4) + page[26:]
    return numbered + ogg.checksum(blank).to_bytes(4, "little") + page[26:]


# -------------------------------------------------------------------------------------------- WebM

_TAG: Final = b"\x73\x73"
_TARGETS: Final = b"\x63\xc0"
_SIMPLE_TAG: Final = b"\x67\xc8"
_TAG_NAME: Final = b"\x45\xa3"
_TAG_STRING: Final = b"\x44\x87"
_CRC: Final = b"\xbf"
# Tracks, editions, chapters, attachments: a tag without any of them is about the whole file.
_UIDS: Final = frozenset({b"\x63\xc5", b"\x63\xc9", b"\x63\xc4", b"\x63\xc6"})


def find_webm(stream: BinaryIO) -> Statements:
    """The tags of a Matroska file."""
    fields = []
    for element in ebml.parse(stream).all(ebml.TAGS):
        for kind, tag in ebml.children(ebml.content(stream, element)):
            if kind == _TAG:
                fields += [
                    _named(data) for inner, data in ebml.children(tag) if inner == _SIMPLE_TAG
                ]
    return Statements(fields=tuple(fields))


def put_webm(source: BinaryIO, target: BinaryIO, edit: FieldEdit) -> None:
    """Write a Matroska file with the fields of ``edit`` among its tags."""
    segment = ebml.parse(source)
    # All claims go into one element, so that those before it can go.
    known = stated(find_webm(source)).properties
    fields = {name.upper(): value for name, value in known.items()} | dict(edit.fields)
    changed = {}
    for element in segment.all(ebml.TAGS):
        before = ebml.content(source, element)
        after = _without(before, frozenset(fields), edit.dropped)
        if after != before:
            changed[element] = after
    simple = [
        ebml.make(
            _SIMPLE_TAG,
            ebml.make(_TAG_NAME, name.encode()),
            ebml.make(_TAG_STRING, value.encode()),
        )
        for name, value in fields.items()
    ]
    new = ebml.make(_TAG, ebml.make(_TARGETS), *simple)
    copy(source, target, ebml.with_tags(source, segment, changed, new))


def _named(simple: bytes) -> tuple[str, str]:
    parts = dict(ebml.children(simple))
    name, text = (parts.get(kind, b"").rstrip(b"\0") for kind in (_TAG_NAME, _TAG_STRING))
    return name.decode("utf-8", "replace"), text.decode("utf-8", "replace")


def _without(tags: bytes, names: frozenset[str], dropped: frozenset[str]) -> bytes:
    """A Tags element's content without the fields; unchanged if it has none of them."""
    found = [(kind, data) for kind, data in ebml.children(tags) if kind != _CRC]
    kept = [
        (kind, data if kind != _TAG else _stripped(data, names, dropped)) for kind, data in found
    ]
    if kept == found:
        return tags
    return b"".join(ebml.make(kind, data) for kind, data in kept if data)


def _stripped(tag: bytes, names: frozenset[str], dropped: frozenset[str]) -> bytes:
    """A tag without the fields of these names; empty if nothing is left.

    If it is not about the whole file, only those go that are to be dropped wherever they stand.
    """
    found = [(kind, data) for kind, data in ebml.children(tag) if kind != _CRC]
    targets = next((data for kind, data in found if kind == _TARGETS), b"")
    is_about_part = any(kind in _UIDS for kind, _ in ebml.children(targets))
    gone = dropped if is_about_part else names | dropped
    kept = [
        (kind, data)
        for kind, data in found
        if kind != _SIMPLE_TAG or _named(data)[0].upper() not in gone
    ]
    if len(kept) == len(found):
        return tag
    is_left = any(kind == _SIMPLE_TAG for kind, _ in kept)
    return b"".join(ebml.make(kind, data) for kind, data in kept) if is_left else b""
