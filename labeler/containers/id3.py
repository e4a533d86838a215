"""What lies in front of an MP3's frames, without a C2PA manifest in it.

Source: C2PA 2.2, A.3.2 (the ID3v2 frame that holds a manifest).
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Final

from labeler.containers import id3_tag
from labeler.containers.sound_heads import id3_size
from labeler.errors import UnreadableMediaError

__all__ = ["MANIFEST_TYPES", "without_manifest"]

MANIFEST_TYPES: Final = (b"application/x-c2pa-manifest-store", b"application/c2pa")
"""MIME types of an encapsulated object (GEOB) that is a C2PA manifest."""

_HEADER_BYTES: Final = 10
_FOOTER: Final = 0x10


def without_manifest(head: bytes) -> bytes:
    """The beginning of a file without the C2PA manifest in its ID3v2 tags.

    Other frames and their order stay byte for byte as they are; a tag that held nothing else is
    left out.

    Args:
        head: ID3v2 tags, and anything behind them.
    """
    tags = []
    position = 0
    while size := id3_size(head[position : position + _HEADER_BYTES]):
        tags.append(_cleaned(head[position : position + size]))
        position += size
    return b"".join([*tags, head[position:]])


def _cleaned(data: bytes) -> bytes:
    try:
        tag = id3_tag.read(io.BytesIO(data))
    except UnreadableMediaError:
        return data  # A tag that nobody can read holds no manifest that anybody could.
    manifests = [] if tag is None else [frame for frame in tag.frames if _is_manifest(frame)]
    if tag is None or not manifests:
        return data
    kept = tuple(frame for frame in tag.frames if frame not in manifests)
    if not kept and not tag.rest:
        return b""
    if not all(frame.start for frame in manifests):
        return replace(tag, frames=kept, size=0).to_bytes()
    cut = bytearray(data)
    for frame in reversed(manifests):
        header = _HEADER_BYTES if tag.version > 2 else 6
        del cut[frame.start - header : frame.start + len(frame.content)]
    footer = _HEADER_BYTES if data[5] & _FOOTER else 0
    cut[6:10] = _synchsafe(len(cut) - _HEADER_BYTES - footer)
    if footer:
        cut[-4:] = cut[6:10]
    return bytes(cut)


def _is_manifest(frame: id3_tag.Frame) -> bool:
    # In front of the MIME type stands the text encoding.
    mime = frame.content[1:65].partition(b"\0")[0].lower()
    return frame.id in {b"GEOB", b"GEO"} and mime in MANIFEST_TYPES


def _synchsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
