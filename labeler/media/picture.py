"""Open a picture, hand out its pixels, and write it again with other pixels and nothing lost.

picture = open_picture(data, name="photo.jpg")
marked = picture.encode(embed(frame, payload) for frame in picture.frames())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from labeler.codec.pixels import Pixels
from labeler.errors import UnsupportedMediaError
from labeler.media.avif import AvifCodec
from labeler.media.gif import GifCodec
from labeler.media.guards import naming
from labeler.media.heic import HeicCodec
from labeler.media.interface import MAX_PIXELS, MAX_TOTAL_PIXELS, Codec, Limits
from labeler.media.jpeg import JpegCodec
from labeler.media.media_type import MediaType, sniff
from labeler.media.orientation import read_orientation
from labeler.media.png import PngCodec
from labeler.media.tiff import TiffCodec
from labeler.media.webp import WebpCodec

__all__ = ["MAX_PIXELS", "MAX_TOTAL_PIXELS", "Picture", "Pixels", "open_picture"]

_CODECS: Final[dict[MediaType, Callable[[bytes, Limits], Codec]]] = {
    MediaType.JPEG: JpegCodec,
    MediaType.PNG: PngCodec,
    MediaType.WEBP: WebpCodec,
    MediaType.AVIF: AvifCodec,
    MediaType.HEIC: HeicCodec,
    MediaType.TIFF: TiffCodec,
    MediaType.GIF: GifCodec,
}


def open_picture(
    data: bytes,
    *,
    name: str,
    max_pixels: int = MAX_PIXELS,
    max_total_pixels: int = MAX_TOTAL_PIXELS,
) -> Picture:
    """Open a picture; its pixels are decoded only when they are asked for.

    Args:
        data: The file's content.
        name: The name that errors give to the file.
        max_pixels: Most pixels that one frame may have.
        max_total_pixels: Most pixels that all frames or pages may have together.

    Raises:
        UnreadableMediaError: The file is empty, truncated or damaged.
        UnsupportedMediaError: Labeler does not handle the format or this variant of it.
        MediaTooLargeError: The picture is larger than allowed.
        MissingExtraError: The format needs an optional package (HEIC: ``ai-labeler[heic]``).
    """
    media_type = sniff(data, name=name)
    if media_type not in _CODECS:
        raise UnsupportedMediaError(
            f"the file is {media_type.label}, and a picture is expected",
            hint="Open it as sound",
            file=name,
        )
    limits = Limits(max_pixels=max_pixels, max_total_pixels=max_total_pixels)
    with naming(name):
        return Picture(_CODECS[media_type](data, limits), data, name=name)


class Picture:
    """A picture that has been opened: still, animated or with several pages."""

    def __init__(self, codec: Codec, data: bytes, *, name: str) -> None:
        self._codec = codec
        self._data = data
        self._name = name

    @property
    def name(self) -> str:
        """What errors call the file."""
        return self._name

    @property
    def media_type(self) -> MediaType:
        """The format."""
        return self._codec.media_type

    @property
    def width(self) -> int:
        """Width of the canvas or first page as stored, pixels."""
        return self._codec.width

    @property
    def height(self) -> int:
        """Height of the canvas or first page as stored, pixels."""
        return self._codec.height

    @property
    def frame_count(self) -> int:
        """How many frames or pages `frames` gives; 1 for a still picture."""
        return self._codec.frame_count

    @property
    def orientations(self) -> tuple[int, ...]:
        """How viewers turn each frame or page that `frames` gives: 1 to 8, as Exif counts.

        Raises:
            UnreadableMediaError: The file is damaged.
        """
        with naming(self._name):
            if isinstance(self._codec, TiffCodec):
                return self._codec.orientations
            return (read_orientation(self._data, self.media_type),) * self.frame_count

    def frames(self) -> Iterator[Pixels]:
        """The frames or pages, decoded one by one, as they are stored.

        Orientation tags and rotation properties are not applied. Frames of an animation are
        whole canvases. Arrays are uint8 or uint16 of shape (H, W) grey, (H, W, 3) RGB or
        (H, W, 4) RGBA, with their type's whole range: palettes and bilevel pictures are
        expanded; of grey with alpha, alpha is kept aside; CMYK is seen as RGB = maximum - CMY.
        Arrays may be read-only.

        Raises:
            UnreadableMediaError: A frame is truncated or damaged.
        """
        with naming(self._name):
            yield from self._codec.frames()

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The file with ``frames`` in place of its own, and everything else kept.

        Kept are metadata (Exif, ICC, XMP, IPTC, text, density), alpha, bit depth, durations and
        loops; lossless formats give back exactly these pixels. A C2PA manifest is dropped: it
        does not hold for other pixels.

        Args:
            frames: As many as `frame_count`, of the shapes and types that `frames` gave; they
                are taken one by one where the format allows.

        Raises:
            ValueError: The number, shape or type of the frames differ.
            UnsupportedMediaError: Labeler reads this variant of the format but cannot write it
                without loss; raised before the first frame is taken.
        """
        with naming(self._name):
            return self._codec.encode(_counted(frames, self.frame_count))


def _counted(frames: Iterable[Pixels], expected: int) -> Iterator[Pixels]:
    count = 0
    for count, frame in enumerate(frames, 1):
        if count > expected:
            break
        yield frame
    if count != expected:
        raise ValueError(f"{expected} frames are expected, not {count} or more")
