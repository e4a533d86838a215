"""Where sound files keep their manifest store: found there, and a place made for it.

WAV keeps it in a chunk of the RIFF container, MP3 and FLAC in a frame of the ID3v2 tag in front.
Source: C2PA 2.4, A.3 (embedding manifests).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers import id3_tag, riff
from labeler.containers.bmff_file import freed, top_boxes
from labeler.containers.chunks import Chunk, file_size
from labeler.containers.id3 import MANIFEST_TYPES
from labeler.containers.id3_tag import Frame, Tag
from labeler.containers.splice import Part, Span, blocks, total
from labeler.credentials._asset import Asset
from labeler.credentials._binding import Found
from labeler.errors import MediaError
from labeler.media.media_type import MediaType

__all__ = ["Layout", "NoPlaceError", "find", "layout", "without_store"]

_CHUNK: Final = b"C2PA"
_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
# An encapsulated object: text encoding, MIME type, file name, description (ID3v2.3, 4.16).
_OBJECT_HEAD: Final = b"\0application/c2pa\0c2pa\0c2pa manifest store\0"
_MAX_STORE_BYTES: Final = 64 << 20
_MAX_RIFF_BYTES: Final = 0xFFFFFFFF


class NoPlaceError(Exception):
    """The file cannot take a manifest; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A file with a manifest store in it."""

    before: tuple[Part, ...]
    header: bytes
    """What belongs to the place of the store, and is not hashed with the rest."""
    after: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """How a format keeps the store."""

    find: Callable[[BinaryIO], tuple[Span, Span] | None]
    """Where the store stands, and what its hash leaves out."""
    layout: Callable[[BinaryIO, int], Layout]
    """The file with a store of so many bytes, instead of one that it may have."""


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
        return Found(data=b"".join(blocks(stream, [spans[0]])), excluded=spans[1])


def layout(asset: Asset, media_type: MediaType, store_bytes: int) -> Layout:
    """``asset`` with a place for a store of ``store_bytes``; a store in it is left out.

    Raises:
        NoPlaceError: It cannot take one.
        UnreadableMediaError: The file cannot be read, or is damaged.
    """
    place = _PLACES.get(media_type)
    if place is None:
        raise NoPlaceError(f"{media_type.label} has no place for it that C2PA's tools look into")
    with asset.open() as stream:
        return place.layout(stream, store_bytes)


def without_store(asset: Asset, media_type: MediaType) -> tuple[Part, ...]:
    """``asset`` without the manifest store that MPEG-4 keeps in a box of its own.

    Raises:
        UnreadableMediaError: The file cannot be read, or is damaged.
    """
    if media_type is not MediaType.M4A:
        return (Span(0, asset.size),)
    with asset.open() as stream:
        found = top_boxes(stream)
        parts = [freed(stream, b) if b.user_type == _BOX else (b.span,) for b in found]
    end = found[-1].span.end if found else 0
    return (*(part for kept in parts for part in kept), Span(end, asset.size))


# -------------------------------------------------------------------------------------------- RIFF


def _find_riff(stream: BinaryIO) -> tuple[Span, Span] | None:
    chunks = [chunk for chunk in riff.parse(stream).chunks if chunk.type == _CHUNK]
    if len(chunks) != 1 or chunks[0].missing:  # of several, the toolkit has to choose
        return None
    chunk = chunks[0]
    end = chunk.start + chunk.size
    return Span(chunk.start, end), Span(chunk.start - 8, end)


def _layout_riff(stream: BinaryIO, store_bytes: int) -> Layout:
    file = riff.parse(stream)
    file.require_whole()
    if file.form != b"RIFF":
        raise NoPlaceError(f"C2PA's tools do not read {file.form.decode('ascii')} files")
    kept = [part for chunk in file.chunks if chunk.type != _CHUNK for part in _whole(chunk)]
    padding = bytes(store_bytes & 1)
    size = 4 + total(kept) + 8 + store_bytes + len(padding)
    if size > _MAX_RIFF_BYTES:
        raise NoPlaceError("there is no room for it in a WAV file of 4 GiB")
    return Layout(
        before=(b"RIFF" + size.to_bytes(4, "little") + b"WAVE", *kept),
        header=_CHUNK + store_bytes.to_bytes(4, "little"),
        after=(padding, Span(file.end, file.size)),
    )


def _whole(chunk: Chunk) -> tuple[Part, ...]:
    """A chunk with its header, which may have held no more than a placeholder for its size."""
    header = chunk.type + chunk.size.to_bytes(4, "little")
    return header, Span(chunk.start, chunk.start + chunk.size), bytes(chunk.size & 1)


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


_PLACES: Final = {
    MediaType.WAV: _Place(_find_riff, _layout_riff),
    MediaType.MP3: _Place(_find_id3, _layout_id3),
    MediaType.FLAC: _Place(_find_id3, _layout_id3),
}
