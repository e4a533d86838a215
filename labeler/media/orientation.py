"""How viewers turn the stored pixels of a picture, as one of the eight orientations of Exif."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from labeler.containers import heif, jpeg, png, tiff
from labeler.containers.tiff import Ifd, Layout
from labeler.errors import LabelerError
from labeler.media import heif_primary
from labeler.media.media_type import MediaType

__all__ = ["UPRIGHT", "of_page", "read_orientation"]

UPRIGHT: Final = 1
"""Pixels are stored as they are seen."""

_TAG: Final = 274
_PREFIX: Final = b"Exif\0\0"


def read_orientation(data: bytes, media_type: MediaType) -> int:
    """The orientation, 1 to 8, of a picture that is no TIFF, where each page has its own.

    HEIF and AVIF say it in their own properties, and viewers pass over what Exif says there
    (ISO/IEC 23008-12, 6.5.10; MIAF, 7.3.6.7). Browsers pass over it in WebP too, which is seen in
    them more than anywhere else. What cannot be read says nothing, as to viewers.

    Raises:
        UnreadableMediaError: The file is damaged.
    """
    if media_type in {MediaType.AVIF, MediaType.HEIC}:
        return heif_primary.orientation(heif.parse(data))
    if media_type is MediaType.JPEG:
        return _of_exif(
            segment.payload
            for segment in jpeg.parse(data).segments
            if segment.holds(jpeg.APP1, _PREFIX)
        )
    if media_type is MediaType.PNG:
        return _of_exif(chunk.data for chunk in png.parse(data) if chunk.type == b"eXIf")
    return UPRIGHT


def of_page(page: Ifd, layout: Layout) -> int:
    """The orientation, 1 to 8, that a directory of TIFF or Exif states."""
    entry = page.get(_TAG)
    numbers = () if entry is None else entry.numbers(layout)
    return numbers[0] if len(numbers) == 1 and 1 <= numbers[0] <= 8 else UPRIGHT


def _of_exif(blocks: Iterable[bytes]) -> int:
    for block in blocks:
        try:
            file = tiff.parse(block.removeprefix(_PREFIX), with_runs=False)
            return of_page(file.ifds[0], file.layout) if file.ifds else UPRIGHT
        except LabelerError:
            return UPRIGHT
    return UPRIGHT
