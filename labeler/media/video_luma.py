"""The luma of decoded frames, as arrays; and put back into them.

Of YUV it is the first plane itself. Of RGB it is what ITU-R BT.709 says, and a change of it is
added to all three components alike: so hue stays, and luma changes by as much under every other
matrix too. Packed YUV goes to the planar format of the same sampling and back, without loss.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from labeler.codec.luma import Luma
from labeler.errors import UnsupportedMediaError
from labeler.media.video_planes import detour_for, packed_letters, plane_view

__all__ = ["LumaAccess", "luma_access"]

# Weights of red, green and blue (ITU-R BT.709-6, 3.2).
_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)


class LumaAccess(Protocol):
    """How the luma of frames in one pixel format is read and written."""

    depth: int
    """Bits of a luma value."""

    def read(self, frame: av.VideoFrame) -> Luma:
        """The luma; of YUV a view of the frame's memory."""
        ...

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:
        """The frame with another luma: the same object, if nobody else has it, or another.

        Args:
            frame: It may be changed, and must be writable (``make_writable``).
            old: What `read` gave for it.
            new: The same shape and dtype.
        """
        ...


@lru_cache(maxsize=64)
def luma_access(pixel_format: str) -> LumaAccess:
    """How to get at the luma of frames in a format.

    Args:
        pixel_format: FFmpeg's name of it.

    Raises:
        UnsupportedMediaError: It has none, or its values are no integers.
    """
    detour = detour_for(pixel_format)
    if detour is not None:
        return _Detour(detour)
    form = av.VideoFormat(pixel_format, 16, 16)
    if "f16" in pixel_format or "f32" in pixel_format or form.is_bit_stream or form.has_palette:
        raise _unsupported(pixel_format)
    if form.is_rgb and pixel_format.startswith("gbr"):
        return _PlanarRgb(form)
    if form.is_rgb:
        return _PackedRgb(form)
    first = form.components[0]
    is_own_plane = sum(each.plane == first.plane for each in form.components) == 1
    if not is_own_plane or pixel_format.startswith(("xyz", "bayer")):
        raise _unsupported(pixel_format)
    return _Plane(first.bits)


def _unsupported(pixel_format: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"the video has pixels of the format {pixel_format}, which Labeler does not handle",
        hint="Convert it to H.264, H.265, VP9 or AV1 first",
    )


class _Plane:
    """YUV and grey: luma is a plane of its own.

    Args:
        depth: Bits of its values.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def read(self, frame: av.VideoFrame) -> Luma:
        return plane_view(frame, 0, self.depth)

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:  # noqa: ARG002  the protocol's
        np.copyto(plane_view(frame, 0, self.depth), new)
        return frame


class _Rgb:
    """What RGB of all layouts shares."""

    depth: int

    def _weighted(self, red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> Luma:
        planes = zip(_WEIGHTS, (red, green, blue), strict=True)
        total = sum(np.float32(weight) * plane for weight, plane in planes)
        return np.rint(total).astype(red.dtype)

    def _added(self, plane: NDArray[Any], change: NDArray[np.int32]) -> None:
        np.copyto(plane, (plane + change).clip(0, (1 << self.depth) - 1), casting="unsafe")


class _PlanarRgb(_Rgb):
    """Planes of green, blue and red, in this order, and perhaps alpha.

    Args:
        form: The pixel format.
    """

    def __init__(self, form: av.VideoFormat) -> None:
        self.depth = form.components[0].bits

    def read(self, frame: av.VideoFrame) -> Luma:
        green, blue, red = (plane_view(frame, number, self.depth) for number in range(3))
        return self._weighted(red, green, blue)

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:
        change = new.astype(np.int32) - old
        for number in range(3):
            self._added(plane_view(frame, number, self.depth), change)
        return frame


class _PackedRgb(_Rgb):
    """Red, green, blue, and perhaps alpha or nothing, side by side for each pixel.

    Args:
        form: The pixel format.
    """

    def __init__(self, form: av.VideoFormat) -> None:
        self.depth = form.components[0].bits
        letters = packed_letters(form)
        if self.depth not in {8, 16} or sorted(letters.strip("ax")) != ["b", "g", "r"]:
            raise _unsupported(form.name)
        self._columns = len(letters)
        self._at = tuple(letters.index(letter) for letter in "rgb")

    def _pixels(self, frame: av.VideoFrame) -> NDArray[Any]:
        plane = plane_view(frame, 0, self.depth, columns=self._columns)
        return plane.reshape(frame.height, frame.width, self._columns)

    def read(self, frame: av.VideoFrame) -> Luma:
        pixels = self._pixels(frame)
        return self._weighted(*(pixels[..., at] for at in self._at))

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:
        pixels, change = self._pixels(frame), new.astype(np.int32) - old
        for at in self._at:
            self._added(pixels[..., at], change)
        return frame


class _Detour:
    """A format whose pixels are changed in another one.

    Args:
        form: FFmpeg's name of that.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._access = luma_access(form)
        self.depth = self._access.depth

    def read(self, frame: av.VideoFrame) -> Luma:
        return self._access.read(frame.reformat(format=self._form))

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:
        changed = self._access.write(frame.reformat(format=self._form), old, new)
        return changed.reformat(format=frame.format.name)
