"""The memory of decoded frames, as arrays that can be written to."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["component_views", "detour_for", "packed_letters", "plane_view"]

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
# Of formats with both chroma components in one plane: those with Cr in front.
_RED_FIRST: Final = frozenset({"nv21", "nv42"})


def detour_for(pixel_format: str) -> str | None:
    """The format in which pixels of another are changed; None where they can be as they are."""
    detour = _DETOURS.get(pixel_format)
    if detour is None and pixel_format.endswith("be"):
        is_native = not av.VideoFormat(pixel_format, 16, 16).is_big_endian
        detour = None if is_native else pixel_format.removesuffix("be") + "le"
    return detour


def packed_letters(form: av.VideoFormat) -> str:
    """The components of a pixel of packed RGB in their order: ``"bgra"``; ``x`` for nothing."""
    name = form.name.removesuffix("le").removesuffix("48").removesuffix("64")
    return str(name.removesuffix("24").replace("0", "x"))


def plane_view(frame: av.VideoFrame, number: int, depth: int, *, columns: int = 1) -> NDArray[Any]:
    """A plane of a frame, without copying it.

    Args:
        frame: It has to live as long as the view, and to be writable where that is written to.
        number: Of the plane.
        depth: Bits of its values: uint8 up to 8, uint16 for more.
        columns: How many values there are for each of the plane's pixels.

    Returns:
        ``(H, W * columns)``.
    """
    plane: Any = frame.planes[number]  # A buffer, though its stubs do not say so.
    dtype = np.dtype(np.uint8 if depth <= 8 else np.uint16)
    rows = np.frombuffer(plane, dtype).reshape(plane.height, abs(plane.line_size) // dtype.itemsize)
    if plane.line_size < 0:  # The picture lies upside down in memory.
        rows = rows[::-1]
    return rows[:, : plane.width * columns]


def component_views(frame: av.VideoFrame) -> tuple[NDArray[Any], ...]:
    """All components of a frame, without copying them.

    Args:
        frame: In a format that needs no detour (`detour_for`); see `plane_view`.

    Returns:
        Y, Cb and Cr, or Y, or R, G and B, and behind them alpha where there is some: ``(H, W)``
        each, of chroma as it is sampled.
    """
    form = frame.format
    depth = form.components[0].bits
    if form.is_rgb and not form.is_planar:
        letters = packed_letters(form)
        pixels = plane_view(frame, 0, depth, columns=len(letters))
        pixels = pixels.reshape(frame.height, frame.width, len(letters))
        return tuple(pixels[..., letters.index(each)] for each in "rgba" if each in letters)
    planes = [component.plane for component in form.components]
    views = []
    for number, plane in enumerate(planes):
        shared, place = planes.count(plane), planes[:number].count(plane)
        if shared > 1 and form.name in _RED_FIRST:
            place = shared - 1 - place
        views.append(plane_view(frame, plane, depth, columns=shared)[:, place::shared])
    return tuple(views)
