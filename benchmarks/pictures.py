"""Pictures from a folder, for the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from benchmarks.folders import find_media
from benchmarks.image_attacks import Pixels

__all__ = ["at_size", "find", "load"]

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp"})


def find(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The pictures in ``folder``, or those named; see `find_media`."""
    return find_media(folder, names, suffixes=_SUFFIXES, medium="picture")


def load(path: Path) -> Pixels:
    """The picture as uint8 ``(H, W, 3)`` RGB; EXIF orientation is not applied."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).copy()


def at_size(pixels: Pixels, megapixels: float) -> Pixels:
    """The picture with ``megapixels`` million pixels and its own aspect.

    A larger picture is scaled down; a smaller one is continued by its mirror images, because an
    enlarged one would be smoother, and so cheaper to compress, than real pictures are.
    """
    height, width = pixels.shape[:2]
    factor = (megapixels * 1e6 / (height * width)) ** 0.5
    new_height, new_width = round(height * factor), round(width * factor)
    if factor <= 1:
        scaled = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_AREA)
        return np.asarray(scaled, np.uint8)
    margins = ((0, new_height - height), (0, new_width - width), (0, 0))
    return np.pad(pixels, margins, mode="symmetric")
