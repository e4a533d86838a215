"""JPEG pictures: decoded and encoded by libjpeg, everything around the scans carried over."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from labeler.codec.pixels import Pixels
from labeler.containers import jpeg, mpf
from labeler.errors import UnsupportedMediaError
from labeler.media.interface import Limits, decoding, encoding, require_like
from labeler.media.media_type import MediaType

__all__ = ["JpegCodec"]

# Coarsest quantisation that is written: finer tables of the source are kept, since quantising again
# in the same steps loses least (44.4 dB to the source at quality 85, against 42.9 dB with those of
# 90) and the file keeps its size. The mark reads as well at libjpeg's 85 as at 92.
_COARSEST_QUALITY: Final = 85

_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
# Segments that decoding needs: tables, frame header, conditioning (DAC).
_CODING: Final = frozenset({jpeg.DQT, jpeg.DHT, jpeg.DRI, 0xCC}) | jpeg.FRAME_HEADERS
_ADOBE: Final = b"Adobe"
_JFIF: Final = b"JFIF\0"


class JpegCodec:
    """A JPEG: grey, YCbCr, RGB, CMYK or YCCK, with 8 bits a sample."""

    media_type = MediaType.JPEG
    frame_count = 1

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._file = jpeg.parse(data)
        header = self._file.frame_header
        frame = header.payload
        if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
            raise UnsupportedMediaError("the JPEG's frame header is too short")
        if frame[0] != 8:
            raise UnsupportedMediaError(
                f"the JPEG has {frame[0]} bits a sample, and only 8 are handled",
                hint="Convert it to PNG or TIFF first",
            )
        self.height, self.width = (int.from_bytes(frame[at : at + 2], "big") for at in (1, 3))
        limits.check(self.width, self.height)
        self._components = bytes(frame[6 + 3 * i] for i in range(frame[5]))
        self._progressive = header.marker in _PROGRESSIVE

    def frames(self) -> Iterator[Pixels]:
        """The one frame."""
        yield self._view(np.asarray(self._decode()))

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The JPEG with the one frame in ``frames``."""
        source = self._opened()
        (frame,) = frames
        shape = (self.height, self.width) if source.mode == "L" else (self.height, self.width, 3)
        require_like(frame, shape=shape, dtype=np.uint8)
        if source.mode == "CMYK":
            inks = np.array(self._decode())
            inks[..., :3] = 255 - frame
            image = Image.frombuffer("CMYK", source.size, inks, "raw", "CMYK", 0, 1)
        else:
            image = Image.fromarray(frame)
        return self._carry_over(self._compress(image, source))

    def _opened(self) -> JpegImagePlugin.JpegImageFile:
        """The coded picture alone: metadata cannot disturb its decoding."""
        needed = (
            segment
            for segment in self._file.segments
            if segment.marker in _CODING
            or segment.holds(jpeg.APP0, _JFIF)
            or segment.holds(jpeg.APP14, _ADOBE)
        )
        parts = [jpeg.SOI, jpeg.header_bytes(needed), self._file.scans]
        with decoding():
            return JpegImagePlugin.JpegImageFile(io.BytesIO(b"".join(parts)))

    def _decode(self) -> Image.Image:
        image = self._opened()
        with decoding():
            image.load()
        return image

    @staticmethod
    def _view(decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """CMYK (255 is full ink) as RGB without its black."""
        if decoded.ndim == 3 and decoded.shape[2] == 4:
            view: NDArray[np.uint8] = 255 - decoded[..., :3]
            return view
        return decoded

    def _compress(self, image: Image.Image, source: JpegImagePlugin.JpegImageFile) -> bytes:
        is_rgb = image.mode == "RGB" and self._is_stored_as_rgb()
        subsampling = 0
        if image.mode == "RGB" and not is_rgb:
            # 4:4:4 where the source has a ratio that Pillow does not write: it loses nothing.
            subsampling = max(0, JpegImagePlugin.get_sampling(source))
        buffer = io.BytesIO()
        with encoding(MediaType.JPEG):
            image.save(
                buffer,
                "JPEG",
                qtables=self._tables(source, image.mode, is_rgb=is_rgb),
                subsampling=subsampling,
                keep_rgb=is_rgb,
                progressive=self._progressive,
                optimize=True,
            )
        return buffer.getvalue()

    def _tables(
        self, source: JpegImagePlugin.JpegImageFile, mode: str, *, is_rgb: bool
    ) -> list[list[int]]:
        """One table a component: the source's, nowhere coarser than `_COARSEST_QUALITY`."""
        luma, chroma = _tables_of_quality(_COARSEST_QUALITY)
        count = 1 if mode in {"L", "CMYK"} or is_rgb else 3
        tables = []
        for component in range(count):
            own = source.quantization[source.layer[component][3]]
            coarsest = chroma if component else luma
            tables.append([min(pair) for pair in zip(own, coarsest, strict=True)])
        # Two components that share a table make the file smaller.
        return tables[:2] if count == 3 and tables[1] == tables[2] else tables

    def _is_stored_as_rgb(self) -> bool:
        """Whether the three components are R, G and B; libjpeg decides by the same rules."""
        adobe = None
        for segment in self._file.segments:
            if segment.holds(jpeg.APP0, _JFIF):
                return False
            if segment.holds(jpeg.APP14, _ADOBE) and len(segment.payload) >= 12:
                adobe = segment.payload[11]
        return self._components == b"RGB" if adobe is None else adobe == 0

    def _carry_over(self, compressed: bytes) -> bytes:
        """The new scans and tables among the old segments."""
        new = jpeg.parse(compressed)
        manifest = _c2pa_boxes(self._file.segments)
        kept = [
            segment
            for segment in self._file.segments
            if (segment.is_application or segment.marker == jpeg.COM)
            and not segment.holds(jpeg.APP14, _ADOBE)
            and not (segment.marker == jpeg.APP11 and segment.payload[:4] in manifest)
        ]
        # libjpeg writes JFIF of its own accord; the source's says the density, or there is none.
        coding = [segment for segment in new.segments if segment.marker != jpeg.APP0]
        file = jpeg.JpegFile(segments=(*kept, *coding), scans=new.scans, tail=self._file.tail)
        return jpeg.serialise(mpf.with_moved_pictures(file, before=self._file))


def _c2pa_boxes(segments: Iterable[jpeg.Segment]) -> frozenset[bytes]:
    """The first four bytes ("JP", box number) of APP11 segments that hold a C2PA manifest.

    A box may span many segments; only the first one says what is in it (ISO 19566-5, D.2).
    """
    return frozenset(
        segment.payload[:4]
        for segment in segments
        if segment.holds(jpeg.APP11, b"JP") and segment.payload[20:28] == b"jumdc2pa"
    )


@functools.cache
def _tables_of_quality(quality: int) -> tuple[list[int], list[int]]:
    """The luma and chroma tables of libjpeg at ``quality``, as Pillow gives and takes them."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    tables = JpegImagePlugin.JpegImageFile(io.BytesIO(buffer.getvalue())).quantization
    return tables[0], tables[1]
