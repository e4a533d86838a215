"""WebP: lossless stays lossless, lossy is coded close to the pixels, other chunks carried over."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from PIL import Image, WebPImagePlugin

from labeler.codec.pixels import Pixels
from labeler.containers import webp
from labeler.containers.damage import damaged
from labeler.media.apng import changed_box
from labeler.media.interface import Limits, decoding, encoding, require_like
from labeler.media.media_type import MediaType

__all__ = ["WebpCodec"]

# Lossy quality: the file is 1.3 to 2.1 times as large as one of quality 85 was, and at most 1 dB
# farther from the source than at 97, which makes 1.5 to 3.3 times.
_QUALITY: Final = 93
_PICTURE: Final = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
# Written anew, or made void by new pixels (the C2PA manifest).
_REPLACED: Final = _PICTURE | {b"VP8X", b"ANMF", b"C2PA"}
# In ANMF's last header byte: do not blend with the canvas; leave the frame when it is over.
_OVERWRITE_AND_LEAVE: Final = 0b10
_ANMF_HEADER: Final = 16


class WebpCodec:
    """A WebP, still or animated."""

    media_type = MediaType.WEBP

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._chunks = webp.parse(data)
        header = webp.read_header(self._chunks)
        self.width, self.height = header.width, header.height
        self._animated = header.animated
        self._pictures = [chunk for chunk in self._chunks if chunk.type == b"ANMF"]
        if self._animated and any(len(chunk.data) < _ANMF_HEADER for chunk in self._pictures):
            raise damaged("a frame of the WebP animation has no header")
        self.frame_count = len(self._pictures) if self._animated else 1
        limits.check(self.width, self.height, frames=self.frame_count)
        with decoding():
            # Only the header is decoded here; it settles whether there is alpha.
            opened = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
        self._channels = 4 if opened.mode == "RGBA" else 3
        if getattr(opened, "n_frames", 1) != self.frame_count or opened.size != (
            self.width,
            self.height,
        ):
            raise damaged("the WebP file's header does not match what is in it")

    def frames(self) -> Iterator[Pixels]:
        """The frames as whole canvases."""
        with decoding():
            image = WebPImagePlugin.WebPImageFile(io.BytesIO(self._data))
        for number in range(self.frame_count):
            with decoding():
                image.seek(number)
                image.load()
                pixels = np.asarray(image)
            yield pixels

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The WebP with ``frames``."""
        shape = (self.height, self.width, self._channels)
        carried = [chunk for chunk in self._chunks if chunk.type not in _REPLACED]
        pictures: list[webp.Chunk] = []
        before: Pixels | None = None
        for number, frame in enumerate(frames):
            require_like(frame, shape=shape, dtype=np.uint8)
            if self._animated:
                pictures.append(self._animation_frame(self._pictures[number], before, frame))
            else:
                pictures += _coded(frame, lossless=_is_lossless(self._chunks))
            before = frame
        return webp.assemble(
            [*carried, *pictures],
            width=self.width,
            height=self.height,
            has_alpha=self._channels == 4,
        )

    def _animation_frame(
        self, stored: webp.Chunk, before: Pixels | None, frame: Pixels
    ) -> webp.Chunk:
        """An ANMF chunk with what changed since the frame before."""
        left, top, right, bottom = 0, 0, self.width, self.height
        if before is not None:
            left, top, width, height = changed_box(before, frame)
            right, bottom = left + width, top + height
            left, top = left & ~1, top & ~1  # the format has room for even positions only
        cropped = frame[top:bottom, left:right]
        lossless = _is_lossless(webp.parse_chunks(stored.data[_ANMF_HEADER:]))
        box = (left // 2, top // 2, right - left - 1, bottom - top - 1)
        header = b"".join(number.to_bytes(3, "little") for number in box)
        header += stored.data[12:15]  # the duration
        flags = stored.data[15] & ~0b11 | _OVERWRITE_AND_LEAVE
        coded = webp.serialise_chunks(_coded(cropped, lossless=lossless))
        return webp.Chunk(b"ANMF", header + bytes([flags]) + coded)


def _is_lossless(chunks: Iterable[webp.Chunk]) -> bool:
    return any(chunk.type == b"VP8L" for chunk in chunks)


def _coded(pixels: Pixels, *, lossless: bool) -> list[webp.Chunk]:
    """The picture chunks of ``pixels``; alpha is exact in either case."""
    buffer = io.BytesIO()
    with encoding(MediaType.WEBP):
        Image.fromarray(np.ascontiguousarray(pixels)).save(
            buffer,
            "WEBP",
            lossless=lossless,
            quality=_LOSSLESS_EFFORT if lossless else _QUALITY,
            alpha_quality=100,
            method=4,
            exact=True,  # keep the colour of transparent pixels too
        )
    return [chunk for chunk in webp.parse(buffer.getvalue()) if chunk.type in _PICTURE]


# Effort of lossless coding, 0 to 100: Pillow's default.
_LOSSLESS_EFFORT: Final = 80
