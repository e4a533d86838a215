"""AIGC labels outside XMP, in pictures: PNG's texts, and Exif's fields for free text.

GB 45438-2025, 6.1 c) wants one label in a file; Labeler's stands in XMP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from labeler.containers import png
from labeler.media.media_type import MediaType
from labeler.metadata.embedding import png_texts
from labeler.metadata.hints import exif_block, exif_entries
from labeler.metadata.statements import names_aigc

__all__ = ["picture_labels", "without_picture_labels", "without_remains"]

_TEXT_CHUNKS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def picture_labels(data: bytes, media_type: MediaType) -> tuple[tuple[str, str], ...]:
    """Name and text of every label that a picture has outside XMP.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
    """
    found = []
    if media_type is MediaType.PNG:
        found += [
            (keyword, text.decode("utf-8", "replace"))
            for keyword, text in png_texts(data)
            if names_aigc(keyword)
        ]
    found += [
        ("AIGC", raw.replace(b"\0", b"").decode("utf-8", "replace"))
        for raw in _exif_labels(exif_block(data, media_type))
    ]
    return tuple(found)


def _exif_labels(exif: bytes) -> Iterator[bytes]:
    """The stretches of Exif's fields that hold a label, as they are written."""
    for value in _exif_values(exif):
        yield value[value.find(b"{") : value.rfind(b"}") + 1]


def _exif_values(exif: bytes) -> Iterator[bytes]:
    """Exif's fields that hold a label: their names are others, only its outer object tells it."""
    for entry in exif_entries(exif):
        text = entry.value.replace(b"\0", b"")
        if b'"AIGC"' in text and b"{" in text and b"}" in text:
            yield entry.value


def without_picture_labels(data: bytes, media_type: MediaType) -> bytes:
    """The picture without the labels that it has outside XMP; ``data`` itself if it has none.

    PNG's texts go; what is in Exif is overwritten by zeros, so that nothing there moves.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
    """
    # A zero tells these fields, which end with one or begin with eight bytes for the encoding, from
    # the same text in XMP.
    values = [v for v in _exif_values(exif_block(data, media_type)) if b"\0" in v]
    if media_type is not MediaType.PNG:
        return _emptied(data, values) if values else data
    if not values and not any(names_aigc(name) for name, _ in png_texts(data)):
        return data
    return png.serialise(
        png.Chunk(chunk.type, _emptied(chunk.data, values)) if chunk.type == b"eXIf" else chunk
        for chunk in png.parse(data)
        if not _is_label(chunk)
    )


def _emptied(data: bytes, values: Iterable[bytes]) -> bytes:
    for value in values:
        first, last = value.find(b"{"), value.rfind(b"}") + 1
        data = data.replace(value, value[:first] + bytes(last - first) + value[last:])
    return data


def _is_label(chunk: png.Chunk) -> bool:
    keyword = chunk.data.partition(b"\0")[0].decode("latin-1")
    return chunk.type in _TEXT_CHUNKS and names_aigc(keyword)


def without_remains(data: bytes, replaced: bytes) -> bytes:
    """The picture without a packet that is replaced, where formats leave what nothing refers to.

    Whoever searches the file for labels is not to find it.
    """
    return data.replace(replaced, b" " * len(replaced)) if data.count(replaced) == 1 else data
