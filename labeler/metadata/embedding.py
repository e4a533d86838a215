"""Where each format keeps its XMP packet: found, and put there without touching the pixels.

Source: ISO 16684-3 (XMP part 3), 1.1 (the formats); PNG third edition 11.3.3; RFC 9649 2.7;
ISO/IEC 23008-12 A.3.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from labeler.containers import gif, heif, jpeg, mpf, png, tiff, webp
from labeler.containers.damage import damaged
from labeler.containers.heif_layout import rewrite
from labeler.errors import MetadataError
from labeler.media.media_type import MediaType
from labeler.metadata.pdf import find_pdf, put_pdf
from labeler.metadata.xmp import MAX_PACKET_BYTES, without_padding

__all__ = ["find_xmp", "png_texts", "put_xmp"]

_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_EXTENSION: Final = b"http://ns.adobe.com/xmp/extension/\0"
_PNG_XMP: Final = b"XML:com.adobe.xmp"
_TIFF_XMP: Final = 700
_GIF_XMP: Final = b"XMP DataXMP"
# Bytes that lead a reader who takes the packet for sub-blocks to the end of the block.
_GIF_TRAILER: Final = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
_HEIF_XMP: Final = b"application/rdf+xml"


@dataclass(frozen=True, slots=True)
class _Place:
    """How a format keeps its packet."""

    find: Callable[[bytes], tuple[bytes, ...]]
    put: Callable[[bytes, bytes], bytes]


def find_xmp(data: bytes, media_type: MediaType) -> tuple[bytes, ...]:
    """The XMP packets of a file: the one that `put_xmp` would replace first, then others.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MetadataError: A compressed packet is damaged or too large.
    """
    return _PLACES[media_type].find(data)


def put_xmp(data: bytes, media_type: MediaType, packet: bytes) -> bytes:
    """The file with ``packet`` as its XMP; nothing else in it changes.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MetadataError: The packet is too large for the format.
    """
    return _PLACES[media_type].put(data, packet)


def _find_jpeg(data: bytes) -> tuple[bytes, ...]:
    segments = jpeg.parse(data).segments
    packets = [s.payload[len(_JPEG_XMP) :] for s in segments if s.holds(jpeg.APP1, _JPEG_XMP)]
    extension = _extended_jpeg(segments)
    return tuple([*packets[:1], extension] if packets and extension else packets[:1])


def _extended_jpeg(segments: tuple[jpeg.Segment, ...]) -> bytes | None:
    """The packet that was too large for one segment, put together; None if it is incomplete."""
    head = len(_JPEG_EXTENSION)
    pieces = {}
    for segment in segments:
        if segment.holds(jpeg.APP1, _JPEG_EXTENSION) and len(segment.payload) > head + 40:
            # A digest of 32 characters, the whole length, and this piece's offset.
            total, offset = (
                int.from_bytes(segment.payload[at : at + 4], "big") for at in (head + 32, head + 36)
            )
            pieces[offset] = (total, segment.payload[head + 40 :])
    joined = b"".join(pieces[offset][1] for offset in sorted(pieces))
    return joined if pieces and all(total == len(joined) for total, _ in pieces.values()) else None


def _put_jpeg(data: bytes, packet: bytes) -> bytes:
    if len(_JPEG_XMP) + len(packet) > jpeg.MAX_PAYLOAD:
        packet = without_padding(packet)
    if len(_JPEG_XMP) + len(packet) > jpeg.MAX_PAYLOAD:
        raise MetadataError(
            "the XMP packet has no room left in the JPEG (64 KiB)",
            hint="Remove what is large in the file's XMP, or shorten the prompt",
        )
    before = jpeg.parse(data)
    new = jpeg.Segment(jpeg.APP1, _JPEG_XMP + packet)
    old = [i for i, s in enumerate(before.segments) if s.holds(jpeg.APP1, _JPEG_XMP)]
    segments = [s for i, s in enumerate(before.segments) if i not in old]
    # JFIF and Exif want to be first.
    head = 0
    while head < len(segments) and (
        segments[head].marker == jpeg.APP0 or segments[head].holds(jpeg.APP1, b"Exif\0")
    ):
        head += 1
    segments.insert(old[0] if old else head, new)
    after = replace(before, segments=tuple(segments))
    return jpeg.serialise(mpf.with_moved_pictures(after, before=before))


def png_texts(data: bytes) -> tuple[tuple[str, bytes], ...]:
    """Keyword and text of every textual chunk; what is damaged is left out."""
    texts = []
    for chunk in png.parse(data):
        keyword, separator, rest = chunk.data.partition(b"\0")
        if not separator:
            continue
        text: bytes | None = None
        if chunk.type == b"tEXt":
            text = rest
        elif chunk.type == b"zTXt":
            text = _inflated(rest[1:])
        elif chunk.type == b"iTXt":
            text = _international(rest)
        if text is not None:
            texts.append((keyword.decode("latin-1"), text))
    return tuple(texts)


def _international(rest: bytes) -> bytes | None:
    """The text of iTXt: compression flag and method, language, translated keyword, text."""
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    return _inflated(parts[2]) if rest[0] else parts[2]


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MAX_PACKET_BYTES + 1)
    except zlib.error:
        return None


def _is_png_xmp(chunk: png.Chunk) -> bool:
    return chunk.type == b"iTXt" and chunk.data.startswith(_PNG_XMP + b"\0")


def _find_png(data: bytes) -> tuple[bytes, ...]:
    packets = []
    for chunk in png.parse(data):
        if _is_png_xmp(chunk):
            packet = _international(chunk.data[len(_PNG_XMP) + 1 :])
            if packet is None:
                raise MetadataError(
                    "the PNG's XMP chunk is damaged", hint="Remove the file's XMP metadata first"
                )
            packets.append(packet)
    return tuple(packets)


def _put_png(data: bytes, packet: bytes) -> bytes:
    chunks = png.parse(data)
    new = png.Chunk(b"iTXt", _PNG_XMP + b"\0\0\0\0\0" + packet)
    old = next((i for i, chunk in enumerate(chunks) if _is_png_xmp(chunk)), None)
    if old is None:
        old = next((i for i, chunk in enumerate(chunks) if chunk.type == b"IDAT"), None)
    if old is None:
        raise damaged("the PNG holds no pixels")
    before = [chunk for chunk in chunks[:old] if not _is_png_xmp(chunk)]
    after = [chunk for chunk in chunks[old:] if not _is_png_xmp(chunk)]
    return png.serialise([*before, new, *after])


def _find_webp(data: bytes) -> tuple[bytes, ...]:
    return tuple(chunk.data for chunk in webp.parse(data) if chunk.type == b"XMP ")


def _put_webp(data: bytes, packet: bytes) -> bytes:
    chunks = webp.parse(data)
    header = webp.read_header(chunks)
    kept = [chunk for chunk in chunks if chunk.type != b"XMP "]
    return webp.assemble(
        [*kept, webp.Chunk(b"XMP ", packet)],
        width=header.width,
        height=header.height,
        has_alpha=header.has_alpha,
    )


def _find_tiff(data: bytes) -> tuple[bytes, ...]:
    ifds = tiff.parse(data, with_runs=False).ifds
    entry = ifds[0].get(_TIFF_XMP) if ifds else None
    return () if entry is None else (entry.value,)


def _put_tiff(data: bytes, packet: bytes) -> bytes:
    return tiff.with_first_ifd_entry(data, _TIFF_XMP, tiff.BYTE, packet)


def _find_gif(data: bytes) -> tuple[bytes, ...]:
    packets = []
    for block in gif.parse(data).blocks:
        if block.application == _GIF_XMP:
            body = block.raw[14:]
            # Some writers cut the packet into sub-blocks as if it were other data.
            direct = body.endswith(_GIF_TRAILER)
            packets.append(body[: -len(_GIF_TRAILER)] if direct else gif.sub_blocks(block.raw, 14))
    return tuple(packets)


def _put_gif(data: bytes, packet: bytes) -> bytes:
    file = gif.parse(data)
    raw = b"\x21\xff\x0b" + _GIF_XMP + packet + _GIF_TRAILER
    blocks = [block for block in file.blocks if block.application != _GIF_XMP]
    # Behind the loop extension, which some readers want to be the first block.
    head = 0
    while head < len(blocks) and blocks[head].application:
        head += 1
    blocks.insert(head, gif.Block(gif.BlockKind.APPLICATION, raw))
    return gif.serialise(file.head, blocks)


def _find_heif(data: bytes) -> tuple[bytes, ...]:
    file = heif.parse(data)
    return tuple(file.content(item) for item in file.items if _is_heif_xmp(item))


def _is_heif_xmp(item: heif.Item) -> bool:
    return item.type == b"mime" and item.content_type == _HEIF_XMP


def _put_heif(data: bytes, packet: bytes) -> bytes:
    file = heif.parse(data)
    old = next((item for item in file.items if _is_heif_xmp(item)), None)
    if old is not None:
        items = tuple(replace(i, data=packet) if i is old else i for i in file.items)
        return rewrite(replace(file, items=items))
    number = file.free_id()
    item = heif.new_item(number, b"mime", packet, content_type=_HEIF_XMP)
    describes = heif.Reference(b"cdsc", number, (file.primary_id,))
    return rewrite(
        replace(file, items=(*file.items, item), references=(*file.references, describes))
    )


_PLACES: Final[dict[MediaType, _Place]] = {
    MediaType.JPEG: _Place(_find_jpeg, _put_jpeg),
    MediaType.PNG: _Place(_find_png, _put_png),
    MediaType.WEBP: _Place(_find_webp, _put_webp),
    MediaType.TIFF: _Place(_find_tiff, _put_tiff),
    MediaType.GIF: _Place(_find_gif, _put_gif),
    MediaType.AVIF: _Place(_find_heif, _put_heif),
    MediaType.HEIC: _Place(_find_heif, _put_heif),
    MediaType.PDF: _Place(find_pdf, put_pdf),
}
