"""Traces that image generators leave of their own accord, outside the standard fields.

They are hints, not marks: anyone can write or remove them. Source: what the programs write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from labeler.containers import heif, jpeg, png, tiff, webp
from labeler.errors import LabelerError
from labeler.media.media_type import MediaType
from labeler.metadata.embedding import png_texts

__all__ = ["exif_block", "exif_entries", "generator_hints"]

_WEB_UI: Final = "Stable Diffusion web UI parameters"
_COMFY: Final = "ComfyUI workflow"
_INVOKE: Final = "InvokeAI metadata"
_NOVEL: Final = "NovelAI"

# PNG keyword → what its text must hold, and what that means.
_PNG_KEYWORDS: Final = {
    "parameters": (b"", _WEB_UI),
    "prompt": (b"class_type", _COMFY),
    "workflow": (b"nodes", _COMFY),
    "sd-metadata": (b"", _INVOKE),
    "invokeai_metadata": (b"", _INVOKE),
    "invokeai_graph": (b"", _INVOKE),
    "Dream": (b"", _INVOKE),
    "Software": (b"NovelAI", _NOVEL),
    "fooocus_scheme": (b"", "Fooocus metadata"),
}
# Exif text (zero bytes of UTF-16 left out) that gives a generator away: all words must occur.
_EXIF_TEXTS: Final = (
    ((b"Steps: ", b"Sampler: "), _WEB_UI),
    ((b"class_type", b"inputs"), _COMFY),
    ((b"sui_image_params",), "SwarmUI parameters"),
)
# Image description, maker, model, software, user comment.
_EXIF_TAGS: Final = frozenset({270, 271, 272, 305, 37510})


def generator_hints(data: bytes, media_type: MediaType) -> tuple[str, ...]:
    """The generators whose traces are found, in words; Exif that is damaged gives none.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
    """
    found: dict[str, None] = {}
    if media_type is MediaType.PNG:
        for keyword, text in png_texts(data):
            needed, meaning = _PNG_KEYWORDS.get(keyword, (b"", ""))
            if meaning and needed in text:
                found[meaning] = None
    text = _exif_text(data, media_type)
    for words, meaning in _EXIF_TEXTS:
        if all(word in text for word in words):
            found[meaning] = None
    return tuple(found)


def _exif_text(data: bytes, media_type: MediaType) -> bytes:
    """What the Exif fields for free text hold, without zero bytes."""
    entries = exif_entries(exif_block(data, media_type))
    return b"\n".join(entry.value for entry in entries).replace(b"\0", b"")


def exif_entries(exif: bytes) -> Iterator[tiff.Entry]:
    """The fields for free text in an Exif block; none where it is empty or damaged."""
    try:
        file = tiff.parse(exif, with_runs=False) if exif else None
    except LabelerError:  # Exif is full of writers' errors, and hints are no reason to stop
        return
    if file is None:
        return
    ifds = [*file.ifds, *(i for ifd in file.ifds for sub in ifd.sub_ifds for i in sub.ifds)]
    yield from (e for ifd in ifds for e in ifd.entries if e.tag in _EXIF_TAGS)


def exif_block(data: bytes, media_type: MediaType) -> bytes:
    """The file's Exif block as TIFF structure; empty where there is none.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
    """
    blocks: list[bytes] = []
    if media_type is MediaType.JPEG:
        segments = jpeg.parse(data).segments
        blocks = [s.payload for s in segments if s.holds(jpeg.APP1, b"Exif\0")]
    elif media_type is MediaType.PNG:
        blocks = [chunk.data for chunk in png.parse(data) if chunk.type == b"eXIf"]
    elif media_type is MediaType.WEBP:
        blocks = [chunk.data for chunk in webp.parse(data) if chunk.type == b"EXIF"]
    elif media_type is MediaType.TIFF:
        blocks = [data]
    elif media_type in {MediaType.AVIF, MediaType.HEIC}:
        file = heif.parse(data)
        # The content begins with the offset of the TIFF header.
        blocks = [file.content(item)[4:] for item in file.items if item.type == b"Exif"]
    return blocks[0].removeprefix(b"Exif\0\0") if blocks else b""
