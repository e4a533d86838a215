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

__all__ = ["LumaAccess", "luma_access"]

# Weights of red, green and blue (ITU-R BT.709-6, 3.2).
_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)
# Packed formats and those of other byte order, and where their pixels can be changed without loss.
_DETOURS: Final = {
    "yuyv422": "yuv422p", "yvyu422": "yuv422p", "uyvy422": "yuv422p", "uyyvyy411": "yuv411p",
    "ayuv": "yuva444p", "vuya": "yuva444p", "vuyx": "yuv444p", "uyva": "yuva444p",
    "ya8": "rgba", "pal8": "rgba", "bgr8": "rgb24", "rgb8": "rgb24", "rgb4_byte": "rgb24",
    "bgr4_byte": "rgb24", "monow": "gray", "monob": "gray",
    "rgb565le": "rgb24", "rgb565be": "rgb24", "rgb555le": "rgb24", "rgb555be": "rgb24",
    "bgr565le": "rgb24", "bgr555le": "rgb24", "rgb444le": "rgb24",
    "rgb48be": "rgb48le", "bgr48be": "bgr48le", "rgba64be": "rgba64le", "bgra64be": "bgra64le",
    "ya16be": "rgba64le", "ya16le": "rgba64le", "p010le": "yuv420p10le", "p016le": "yuv420p16le",
    "p210le": "yuv422p10le", "p216le": "yuv422p16le", "p410le": "yuv444p10le",
    "p416le": "yuv444p16le", "y210le": "yuv422p10le", "xv30le": "yuv444p10le",
    "x2rgb10le": "gbrp10le", "x2bgr10le": "gbrp10le",
}  # fmt: skip


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
    detour = _DETOURS.get(pixel_format)
    if detour is None and pixel_format.endswith("be") and not _is_native(pixel_format):
        detour = pixel_format.removesuffix("be") + "le"
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


def _is_native(pixel_format: str) -> bool:
    return not av.VideoFormat(pixel_format, 16, 16).is_big_endian


def _unsupported(pixel_format: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"the video has pixels of the format {pixel_format}, which Labeler does not handle",
        hint="Convert it to H.264, H.265, VP9 or AV1 first",
    )


def _plane(frame: av.VideoFrame, number: int, depth: int, *, columns: int = 1) -> NDArray[Any]:
    """``(H, W * columns)`` view of a plane."""
    plane: Any = frame.planes[number]  # A buffer, though its stubs do not say so.
    dtype = np.dtype(np.uint8 if depth <= 8 else np.uint16)
    rows = np.frombuffer(plane, dtype).reshape(plane.height, abs(plane.line_size) // dtype.itemsize)
    if plane.line_size < 0:  # The picture lies upside down in memory.
        rows = rows[::-1]
    return rows[:, : plane.width * columns]


class _Plane:
    """YUV and grey: luma is a plane of its own.

    Args:
        depth: Bits of its values.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def read(self, frame: av.VideoFrame) -> Luma:
        return _plane(frame, 0, self.depth)

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:  # noqa: ARG002  the protocol's
        np.copyto(_plane(frame, 0, self.depth), new)
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
        green, blue, red = (_plane(frame, number, self.depth) for number in range(3))
        return self._weighted(red, green, blue)

    def write(self, frame: av.VideoFrame, old: Luma, new: Luma) -> av.VideoFrame:
        change = new.astype(np.int32) - old
        for number in range(3):
            self._added(_plane(frame, number, self.depth), change)
        return frame


class _PackedRgb(_Rgb):
    """Red, green, blue, and perhaps alpha or nothing, side by side for each pixel.

    Args:
        form: The pixel format.
    """

    def __init__(self, form: av.VideoFormat) -> None:
        self.depth = form.components[0].bits
        name = form.name.removesuffix("le").removesuffix("48").removesuffix("64")
        letters = name.removesuffix("24").replace("0", "x")
        if self.depth not in {8, 16} or sorted(letters.strip("ax")) != ["b", "g", "r"]:
            raise _unsupported(form.name)
        self._columns = len(letters)
        self._at = tuple(letters.index(letter) for letter in "rgb")

    def _pixels(self, frame: av.VideoFrame) -> NDArray[Any]:
        plane = _plane(frame, 0, self.depth, columns=self._columns)
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
