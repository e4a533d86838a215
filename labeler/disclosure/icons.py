"""Icons of the user's own, such as the official ones, laid in place of our shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from labeler.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError

__all__ = ["read_icon"]

_MOST_PIXELS: Final = 16_000_000
_FORMATS: Final = ("PNG", "WEBP", "TIFF")


def read_icon(path: Path, *, height: int, widest: int) -> NDArray[np.uint8]:
    """``(h, w, 4)`` an icon scaled to ``height`` pixels, or lower where it would be too wide.

    Args:
        path: A PNG, WebP or TIFF, best with transparency.
        height: In pixels.
        widest: Most pixels that it may be wide; its proportions are kept.

    Raises:
        UnreadableMediaError: There is no such file, or it is damaged.
        UnsupportedMediaError: It is no picture of these formats.
        MediaTooLargeError: It has more pixels than any icon needs.
    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise MediaTooLargeError(
                    f"the icon has {opened.width} x {opened.height} pixels",
                    hint="Scale it down to 2000 pixels or fewer",
                    file=path,
                )
            icon = opened.convert("RGBA")
    except UnidentifiedImageError as error:
        raise UnsupportedMediaError(
            "the icon is no PNG, WebP or TIFF",
            hint="Save it as PNG, best with transparency and at least 500 pixels high",
            file=path,
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableMediaError(
            f"the icon cannot be read ({error})", hint="Check its path, or get another copy",
            file=path,
        ) from error  # fmt: skip
    scale = min(height / icon.height, widest / icon.width)
    size = (max(1, round(icon.width * scale)), max(1, round(icon.height * scale)))
    # Premultiplied: the colours of transparent pixels do not bleed into the edge.
    scaled = icon.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    return np.asarray(scaled, np.uint8)
