"""Whether people see a label in a file that keeps samples which no frame shows.

CMYK keeps its black ink, grey with alpha and AVIF and HEIC their transparency, bit by bit: they
may lie over a label. Such files are decoded once more, and the label is looked for in what comes
out; all others hold what was laid.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from labeler.codec.pixels import Pixels
from labeler.containers import heif, tiff
from labeler.disclosure.badge import Badge
from labeler.disclosure.contrast import contrast
from labeler.errors import UnsupportedMediaError
from labeler.media.heif_primary import read_coding
from labeler.media.interface import decoding
from labeler.media.media_type import MediaType
from labeler.media.picture import open_picture

__all__ = ["check_seen"]

_WITH_OWN_SAMPLES: Final = frozenset({"CMYK", "LA", "La", "PA"})
_BACKGROUNDS: Final = (255, 0)
# Coding costs some of the contrast that a label was laid with; a hidden one has about 1.
_LEAST: Final = 3.0
# An icon of the user's own has the contrast that it has; this much is lost only where it is hidden.
_LEAST_OF_ICONS: Final = 1.5


def check_seen(
    data: bytes,
    media_type: MediaType,
    badges_of: Callable[[int, tuple[int, int]], Sequence[Badge]],
    *,
    name: str,
) -> None:
    """See that labels are seen in a file that was just written.

    Of animations the first frame is looked at: transparency that is kept is the same in all.

    Args:
        data: The file.
        media_type: Its format.
        badges_of: Where badges were laid, given a page's number from 0, and its height and width
            as stored.
        name: What errors call the file.

    Raises:
        UnsupportedMediaError: A badge is hidden, cropped away or not opaque.
    """
    if media_type in {MediaType.AVIF, MediaType.HEIC}:
        pages = _shown_heif(data, media_type, name)
    else:
        pages = _shown(data, media_type, name)
    for index, shown in pages:
        height, width = shown.shape[:2]
        for badge in badges_of(index, (height, width)):
            least = _LEAST_OF_ICONS if badge.letters is None else _LEAST
            for background in _BACKGROUNDS:
                if contrast(_on(shown, background), badge) < least:
                    raise _hidden(name)


def _shown_heif(
    data: bytes, media_type: MediaType, name: str
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    picture = open_picture(data, name=name)
    cropped = read_coding(heif.parse(data)).cropped
    if media_type is MediaType.AVIF and cropped != (picture.width, picture.height):
        raise UnsupportedMediaError(
            "viewers crop the picture, and a label at its edge would be lost",
            hint="Crop it for good, or convert it to PNG first",
            file=name,
        )
    first = next(picture.frames())
    if first.ndim == 3 and first.shape[2] == 4:
        yield 0, _in_bytes(first)


def _shown(
    data: bytes, media_type: MediaType, name: str
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """``(H, W, 4)`` what viewers decode, of pages with samples of their own, and their number."""
    try:
        opened = Image.open(io.BytesIO(data))
    except (OSError, SyntaxError):
        if media_type is MediaType.TIFF and not _has_own_samples(data):
            return
        raise _hidden(name) from None  # a variant that cannot be looked at
    with opened, decoding():
        if not isinstance(opened, TiffImagePlugin.TiffImageFile):
            yield from ((0, page) for page in _decoded(opened))
            return
        index = 0
        for number in range(opened.n_frames):
            opened.seek(number)
            fields = opened.tag_v2
            if fields.get(254, 0) & 0b101 or fields.get(255) == 2:
                continue  # a smaller copy or a mask: see labeler.media.tiff
            yield from ((index, page) for page in _decoded(opened))
            index += 1


def _decoded(opened: Image.Image) -> Iterator[NDArray[np.uint8]]:
    if opened.mode in _WITH_OWN_SAMPLES:
        colours = opened.convert("RGB") if opened.mode == "CMYK" else opened
        yield np.asarray(colours.convert("RGBA"), np.uint8)


def _has_own_samples(data: bytes) -> bool:
    """Whether a TIFF has black ink, or grey with anything beside it (TIFF 6.0, 262 and 277)."""
    file = tiff.parse(data, with_runs=False)
    for page in file.ifds:
        fields = (page.get(tag) for tag in (262, 277))
        photometric, samples = (entry.numbers(file.layout)[:1] if entry else () for entry in fields)
        if photometric == (5,) or (photometric in {(0,), (1,)} and samples not in {(), (1,)}):
            return True
    return False


def _in_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(pixels >> 8, np.uint8)


def _on(shown: NDArray[np.uint8], background: int) -> NDArray[np.uint8]:
    """``(H, W, 3)`` RGBA on a plain background."""
    alpha = shown[..., 3:].astype(np.float32) / 255
    return np.rint(background + (shown[..., :3] - np.float32(background)) * alpha).astype(np.uint8)


def _hidden(name: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        "a label on it would not be seen: the file keeps black ink or transparency of its own, "
        "and these lie over it",
        hint="Convert it to RGB without transparency first",
        file=name,
    )
