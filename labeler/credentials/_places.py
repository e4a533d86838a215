"""Where sound and video files keep their manifest store: found there, and a place made for it.

WAV and AVI keep it in a chunk of the RIFF container, MP3 and FLAC in a frame of the ID3v2 tag in
front, MP4 and QuickTime in a box. Source: C2PA 2.4, A.3 (embedding manifests) and A.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from labeler.containers import id3_tag, riff
from labeler.containers.chunks import file_size
from labeler.containers.id3 import MANIFEST_TYPES
from labeler.containers.id3_tag import Frame, Tag
from labeler.containers.splice import Part, Span, blocks, total
from labeler.credentials import _boxes, _pdf_place, _text_places, _zip_place
from labeler.credentials._asset import Asset
from labeler.credentials._binding import Found
from labeler.credentials._layout import Layout, NoPlaceError
from labeler.errors import MediaError
from labeler.media.media_type import MediaType

__all__ = ["find", "layout", "without_store"]

_CHUNK: Final = b"C2PA"
# An encapsulated object: text encoding, MIME type, file name, description (ID3v2.3, 4.16).
_OBJECT_HEAD: Final = b"\0application/c2pa\0c2pa\0c2pa manifest store\0"
_MAX_STORE_BYTES: Final = 64 << 20
_MAX_RIFF_BYTES: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Place:
    """How a format keeps the store."""

    find: Callable[[BinaryIO], tuple[Span, Span | None] | None]
    """Where the store stands, and what its hash leaves out; None: what the hash itself says."""
    layout: Callable[[BinaryIO, int], Layout]
    """The file with a store of so many bytes, instead of one that it may have."""
    checksums: Callable[[BinaryIO], tuple[Span, ...]] = lambda _: ()
    """Where the container keeps the store's checksum, which its hash leaves out too."""


def find(asset: Asset, media_type: MediaType) -> Found | None:
    """The manifest store in ``asset``; None where there is none, or the file is damaged.

    Raises:
        UnreadableMediaError: The file cannot be read.
    """
    place = _PLACES.get(media_type)
    if place is None:
        return None
    with asset.open() as stream:
        try:
            spans = place.find(stream)
        except MediaError:
            return None
        if spans is None or len(spans[0]) > _MAX_STORE_BYTES:
            return None
        data = b"".join(blocks(stream, [spans[0]]))
        if place.checksums is _zip_place.checksums and _zip_place.COLLECTION_LABEL in data:
            return None  # the toolkit judges that only with the archive
        return Found(
            data=data,
            excluded=spans[1],
            checksums=place.checksums(stream),
        )


def layout(asset: Asset, media_type: MediaType, store_bytes: int) -> Layout:
    """``asset`` with a place for a store of ``store_bytes``; a store in it is left out.

    Raises:
        NoPlaceError: It cannot take one.
        UnreadableMediaError: The file cannot be read, or is damaged.
    """
    if media_type in _text_places.TYPES:
        with asset.open() as stream:
            return _text_places.layout(stream.read(), media_type)
    place = _PLACES.get(media_type)
    if place is None:
        raise NoPlaceError(f"{media_type.label} has no place for it that C2PA's tools look into")
    with asset.open() as stream:
        return place.layout(stream, store_bytes)


def without_store(asset: Asset, media_type: MediaType) -> tuple[Part, ...]:
    """``asset`` without the manifest store of a text, or in a box of MP4 and QuickTime.

    Raises:
        UnreadableMediaError: The file cannot be read, or is damaged.
    """
    if media_type in _text_places.TYPES:
        with asset.open() as stream:
            data = stream.read()
        rest = _text_places.without(data, media_type)
        return (Span(0, len(data)),) if rest == data else (rest,)
    if _PLACES.get(media_type) is not _IN_BOX:
        return (Span(0, asset.size),)
    with asset.open() as stream:
        return _boxes.without_store(stream)


def _find_box(stream: BinaryIO) -> tuple[Span, None] | None:
    found = _boxes.find(stream)
    return None if found is None else (found, None)


# -------------------------------------------------------------------------------------------- RIFF


def _find_riff(stream: BinaryIO, *, kind: bytes) -> tuple[Span, Span] | None:
    parsed = riff.parse(stream, kind=kind)
    chunks = [chunk for chunk in parsed.chunks if chunk.type == _CHUNK]
    if len(chunks) != 1 or chunks[0].missing:  # of several, the toolkit has to choose
        return None
    chunk = chunks[0]
    end = chunk.start + chunk.size
    return Span(chunk.start, end), Span(chunk.start - 8, end)


def _layout_riff(stream: BinaryIO, store_bytes: int, *, kind: bytes) -> Layout:
    file = riff.parse(stream, kind=kind)
    file.require_whole()
    if file.form != b"RIFF":
        raise NoPlaceError(f"C2PA's tools do not read {file.form.decode('ascii')} files")
    if kind == riff.AVI and len(riff.parts(stream)) > 1:
        raise NoPlaceError("C2PA's tools do not read AVI files that go on in a second part")
    kept = [part for chunk in file.chunks if chunk.type != _CHUNK for part in riff.whole(chunk)]
    padding = bytes(store_bytes & 1)
    size = 4 + total(kept) + 8 + store_bytes + len(padding)
    if size > _MAX_RIFF_BYTES:
        raise NoPlaceError("there is no room for it in a RIFF file of 4 GiB")
    return Layout(
        before=(b"RIFF" + size.to_bytes(4, "little") + kind, *kept),
        header=_CHUNK + store_bytes.to_bytes(4, "little"),
        after=(padding, Span(file.end, file.size)),
    )


# --------------------------------------------------------------------------------------------- ID3


def _find_id3(stream: BinaryIO) -> tuple[Span, Span] | None:
    tag = id3_tag.read(stream)
    frames = [] if tag is None else [frame for frame in tag.frames if _is_manifest(frame)]
    if tag is None or len(frames) != 1 or tag.is_coded(frames[0]) or not frames[0].start:
        return None
    frame = frames[0]
    head = _object_head(frame.content)
    if head is None:
        return None
    store = Span(frame.start + head, frame.start + len(frame.content))
    return store, store


def _object_head(content: bytes) -> int | None:
    """How many bytes of an encapsulated object come before the object itself."""
    parts = content[1:].split(b"\0", 3)
    # Latin-1 and UTF-8 end with one zero byte; nobody writes UTF-16 here.
    if content[:1] not in {b"\0", b"\3"} or len(parts) < 4:
        return None
    return len(content) - len(parts[3])


def _is_manifest(frame: Frame) -> bool:
    mime = frame.content[1:65].partition(b"\0")[0].lower()
    return frame.id in {b"GEOB", b"GEO"} and mime in MANIFEST_TYPES


def _layout_id3(stream: BinaryIO, store_bytes: int) -> Layout:
    tag = id3_tag.read(stream) or Tag()
    if tag.version == 2:
        raise NoPlaceError("C2PA's tools do not look into ID3 tags of version 2.2")
    frame = Frame(b"GEOB", _OBJECT_HEAD + bytes(store_bytes))
    tag = tag.put(frame, over=_is_manifest)
    head, start = tag.to_bytes(), tag.position(frame) + len(_OBJECT_HEAD)
    return Layout(
        before=(head[:start],),
        header=b"",
        after=(head[start + store_bytes :], Span(tag.size, file_size(stream))),
    )


def _in_chunk(kind: bytes) -> _Place:
    return _Place(partial(_find_riff, kind=kind), partial(_layout_riff, kind=kind))


_IN_ARCHIVE: Final = _Place(_zip_place.find, _zip_place.layout, _zip_place.checksums)
_IN_BOX: Final = _Place(_find_box, _boxes.layout)
_PLACES: Final = {
    MediaType.WAV: _in_chunk(riff.WAVE),
    MediaType.AVI: _in_chunk(riff.AVI),
    MediaType.MP3: _Place(_find_id3, _layout_id3),
    MediaType.FLAC: _Place(_find_id3, _layout_id3),
    MediaType.M4A: _IN_BOX,
    MediaType.MP4: _IN_BOX,
    MediaType.MOV: _IN_BOX,
    MediaType.PDF: _Place(_pdf_place.find, _pdf_place.layout),
    MediaType.DOCX: _IN_ARCHIVE,
    MediaType.XLSX: _IN_ARCHIVE,
    MediaType.ODT: _Place(_zip_place.find, _zip_place.no_layout, _zip_place.checksums),
    MediaType.EPUB: _IN_ARCHIVE,
}
