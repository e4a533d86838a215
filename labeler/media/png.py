"""PNG and animated PNG: pixels with all their bits, every other chunk carried over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, cast

import numpy as np

from labeler.codec.pixels import Pixels
from labeler.containers import png
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media import apng, png_pixels
from labeler.media.interface import Limits, encoding, require_like
from labeler.media.media_type import MediaType

__all__ = ["PngCodec"]

_PALETTE_TYPE: Final = 3
# Chunks that are written anew or made void by new pixels. caBX holds the C2PA manifest, hIST counts
# the colours of a palette that is gone, dSIG signs the old file.
_REPLACED: Final = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"IEND",
        b"acTL",
        b"fcTL",
        b"fdAT",
        b"caBX",
        b"hIST",
        b"dSIG",
    }
)
# Ancillary chunks that are "unsafe to copy" by their letters, but do not depend on the pixels.
_KEPT: Final = frozenset(
    {b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi", b"bKGD",
     b"sPLT", b"tIME", b"oFFs", b"pCAL", b"sCAL", b"sTER", b"sBIT"}
)  # fmt: skip


class PngCodec:
    """A PNG, still or animated."""

    media_type = MediaType.PNG

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._chunks = png.parse(data)
        for chunk in self._chunks:
            if chunk.is_critical and chunk.type not in _REPLACED:
                raise UnsupportedMediaError(
                    f"the PNG has a critical chunk ({chunk.type.decode()}) that PNG does not know",
                    hint="Open and save it with an image editor first",
                )
        if not any(chunk.type == b"IDAT" for chunk in self._chunks):
            raise damaged("the PNG holds no pixels")
        self._header = png.Header.from_chunk(self._chunks[0])
        self.width, self.height = self._header.width, self._header.height
        self._animation = apng.read_animation(self._header, self._chunks)
        self.frame_count = 1
        if self._animation is not None:
            self.frame_count = len(self._animation.frames) + self._has_lone_default
        limits.check(self.width, self.height, frames=self.frame_count)
        self._colours = png_pixels.Colours(self._header, self._chunks)
        self._palette = tuple(chunk for chunk in self._chunks if chunk.type == b"PLTE")

    @property
    def _has_lone_default(self) -> bool:
        """Whether there is a default image that is no frame of the animation."""
        return self._animation is not None and not self._animation.starts_with_default

    def frames(self) -> Iterator[Pixels]:
        """The default image, if it is no frame of the animation, and the frames."""
        for whole in self._decoded():
            yield whole[..., 0] if self._keeps_alpha_aside(whole) else whole

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The PNG with ``frames``: palettes become RGB, fewer than 8 bits become 8."""
        with_alpha = self._with_alpha(frames)
        if self._animation is None:
            (whole,) = with_alpha
            with encoding(MediaType.PNG):
                header, coded = png_pixels.encode(whole)
            return self._assemble(header, [png.Chunk(b"IDAT", coded)])
        return self._encode_animation(self._animation, with_alpha)

    @staticmethod
    def _keeps_alpha_aside(whole: Pixels) -> bool:
        return whole.ndim == 3 and whole.shape[2] == 2

    def _with_alpha(self, frames: Iterable[Pixels]) -> Iterator[Pixels]:
        """``frames`` with the alpha that was kept aside of grey pictures."""
        grey_alpha = self._colours.is_grey and self._has_alpha()
        originals = self._decoded() if grey_alpha else None
        for frame in frames:
            require_like(frame, shape=self._frame_shape(), dtype=self._dtype())
            if originals is None:
                yield frame
            else:
                yield cast("Pixels", np.dstack([frame, next(originals)[..., 1]]))

    def _dtype(self) -> type[np.uint8 | np.uint16]:
        return np.uint16 if png_pixels.sample_bits(self._header) == 16 else np.uint8

    def _frame_shape(self) -> tuple[int, ...]:
        size = (self.height, self.width)
        return size if self._colours.is_grey else (*size, 4 if self._has_alpha() else 3)

    def _has_alpha(self) -> bool:
        """Whether a canvas may be transparent anywhere."""
        if self._colours.has_alpha:
            return True
        if self._animation is None:
            return False
        first = self._animation.frames[0].control
        covered = (first.width, first.height) == (self.width, self.height)
        return not covered or any(frame.control.dispose == 1 for frame in self._animation.frames)

    def _decoded(self) -> Iterator[Pixels]:
        """Whole canvases, alpha included."""
        if self._animation is None or self._has_lone_default:
            coded = b"".join(chunk.data for chunk in self._chunks if chunk.type == b"IDAT")
            whole = self._decode(self._header, coded)
            yield whole[..., 0] if whole.shape[2] == 1 else whole
        if self._animation is None:
            return
        channels = (1 if self._colours.is_grey else 3) + self._has_alpha()
        shape = (self.height, self.width, channels)
        canvas = cast("Pixels", np.zeros(shape, self._dtype()))
        parts = (
            (
                frame.control,
                self._decode(
                    replace(self._header, width=frame.control.width, height=frame.control.height),
                    frame.coded,
                ),
            )
            for frame in self._animation.frames
        )
        for whole in apng.compose(canvas, parts):
            yield whole[..., 0] if channels == 1 else whole

    def _decode(self, header: png.Header, coded: bytes) -> Pixels:
        """(H, W, C) with alpha last if canvases have alpha."""
        pixels = png_pixels.decode(header, self._colours, self._palette, coded)
        if self._has_alpha() and not self._colours.has_alpha:
            opaque = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)
            pixels = cast("Pixels", np.dstack([pixels, opaque]))
        return cast("Pixels", np.atleast_3d(pixels))

    def _encode_animation(self, animation: apng.Animation, frames: Iterator[Pixels]) -> bytes:
        """Whole frames cropped to what changed, written over what was there."""
        chunks: list[png.Chunk] = []
        header = self._header
        if not animation.starts_with_default:
            with encoding(MediaType.PNG):
                header, coded = png_pixels.encode(next(frames))
            chunks.append(png.Chunk(b"IDAT", coded))
        sequence = 0
        before: Pixels | None = None
        for stored, whole in zip(animation.frames, frames, strict=True):
            x, y, width, height = 0, 0, self.width, self.height
            if before is not None:
                x, y, width, height = apng.changed_box(before, whole)
            before = whole
            control = apng.FrameControl(
                x=x, y=y, width=width, height=height, delay=stored.control.delay
            )
            chunks.append(control.to_chunk(sequence))
            with encoding(MediaType.PNG):
                cropped = whole[y : y + height, x : x + width]
                own_header, coded = png_pixels.encode(cropped)
            if sequence == 0 and animation.starts_with_default:
                header = own_header
                chunks.append(png.Chunk(b"IDAT", coded))
            else:
                sequence += 1
                chunks.append(png.Chunk(b"fdAT", sequence.to_bytes(4, "big") + coded))
            sequence += 1
        counts = len(animation.frames).to_bytes(4, "big") + animation.plays.to_bytes(4, "big")
        return self._assemble(header, [png.Chunk(b"acTL", counts), *chunks])

    def _assemble(self, header: png.Header, pictures: list[png.Chunk]) -> bytes:
        """The new pictures among the old chunks."""
        types = [chunk.type for chunk in self._chunks]
        first = types.index(b"IDAT")
        before = [self._carried(chunk, header) for chunk in self._chunks[:first]]
        after = [self._carried(chunk, header) for chunk in self._chunks[first:]]
        chunks = [header.to_chunk(), *before, *pictures, *after, png.Chunk(b"IEND", b"")]
        return png.serialise(chunk for chunk in chunks if chunk is not None)

    def _carried(self, chunk: png.Chunk, header: png.Header) -> png.Chunk | None:
        """The chunk as the new file needs it; None where it has no place there."""
        same_type = (header.colour_type, header.bit_depth) == (
            self._header.colour_type,
            self._header.bit_depth,
        )
        if chunk.type in _REPLACED or (chunk.type == b"sBIT" and not same_type):
            return None
        if chunk.type == b"bKGD" and not same_type:
            return self._background(chunk)
        return chunk if chunk.is_safe_to_copy or chunk.type in _KEPT else None

    def _background(self, chunk: png.Chunk) -> png.Chunk | None:
        """The background colour in the new colour type: the index's colour, the grey at 8 bits."""
        if self._header.colour_type == _PALETTE_TYPE and len(chunk.data) == 1:
            palette = self._palette[0].data
            rgb = palette[3 * chunk.data[0] : 3 * chunk.data[0] + 3]
            return png.Chunk(b"bKGD", b"".join(bytes([0, v]) for v in rgb)) if rgb else None
        if self._colours.is_grey and len(chunk.data) == 2 and self._header.bit_depth < 8:
            full = (1 << self._header.bit_depth) - 1
            value = (int.from_bytes(chunk.data, "big") & full) * (255 // full)
            return png.Chunk(b"bKGD", value.to_bytes(2, "big"))
        return chunk
