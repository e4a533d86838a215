"""What each picture format provides, and the limits and guards that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from PIL import Image

from labeler.codec.pixels import Pixels
from labeler.errors import (
    LabelerError,
    MediaTooLargeError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from labeler.media import guards
from labeler.media.media_type import MediaType

__all__ = [
    "MAX_PIXELS",
    "MAX_TOTAL_PIXELS",
    "Codec",
    "Limits",
    "decoding",
    "encoding",
    "require_like",
]

MAX_PIXELS: Final = 150_000_000
"""Default for the most pixels of one frame: what the largest medium-format cameras make."""
MAX_TOTAL_PIXELS: Final = 1_000_000_000
"""Default for the most pixels of all frames or pages together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a picture may be."""

    max_pixels: int = MAX_PIXELS
    """Most pixels of one frame."""
    max_total_pixels: int = MAX_TOTAL_PIXELS
    """Most pixels of all frames or pages together."""

    def check(self, width: int, height: int, *, frames: int = 1) -> None:
        """Refuse a picture that is larger, before its pixels are decoded.

        Raises:
            UnreadableMediaError: It has no pixels.
            MediaTooLargeError: It has too many.
        """
        if width < 1 or height < 1 or frames < 1:
            raise UnreadableMediaError("the picture has no pixels", hint="Get another copy of it")
        if width * height > self.max_pixels:
            raise MediaTooLargeError(
                f"the picture has {width} x {height} pixels, and {self.max_pixels} are allowed",
                hint="Scale it down, or raise max_pixels (LABELER_MAX_PIXELS) if it can be trusted",
            )
        self.check_total(width * height * frames)

    def check_total(self, pixels: int) -> None:
        """Refuse frames or pages that have too many pixels together.

        Raises:
            MediaTooLargeError: They have.
        """
        if pixels > self.max_total_pixels:
            raise MediaTooLargeError(
                f"all frames have {pixels} pixels, and {self.max_total_pixels} are allowed",
                hint="Shorten or scale the animation, or raise the limit if you trust the file",
            )


class Codec(Protocol):
    """One opened picture of one format; errors that it raises need not name the file."""

    width: int
    height: int
    frame_count: int

    @property
    def media_type(self) -> MediaType:
        """The format."""
        ...

    def frames(self) -> Iterator[Pixels]:
        """The frames, decoded one by one."""
        ...

    def encode(self, frames: Iterable[Pixels]) -> bytes:
        """The file with ``frames`` in place of its own."""
        ...


def decoding() -> AbstractContextManager[None]:
    """Turn what foreign decoders raise into a `MediaError`."""
    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    return guards.decoding("the picture", make_smaller="Scale it down", too_large=bombs)


@contextmanager
def encoding(media_type: MediaType) -> Iterator[None]:
    """Turn what foreign encoders raise into a `MediaError`."""
    try:
        yield
    except LabelerError:
        raise
    except MemoryError as exc:
        raise MediaTooLargeError(
            "the picture is too large to be encoded", hint="Give the process more memory"
        ) from exc
    except Exception as exc:
        raise UnsupportedMediaError(
            f"the picture cannot be written as {media_type.label} ({guards.reason(exc)})",
            hint="Convert it to PNG first",
        ) from exc


def require_like(frame: Pixels, *, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    """Refuse a frame that is not like the one it replaces.

    Raises:
        ValueError: Its shape or dtype differ.
    """
    if frame.shape != shape or frame.dtype != dtype:
        raise ValueError(
            f"a frame of shape {shape} and type {np.dtype(dtype)} is expected, "
            f"not {frame.shape} and {frame.dtype}"
        )
