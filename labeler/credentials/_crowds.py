"""Files of more parts than files have, which are not read any further.

The toolkit takes 15 to 30 µs for each chunk, block or field of a file, so that one of nothing else
costs up to 8 s a megabyte, and for the boxes of MP4, QuickTime, HEIF and AVIF a time that grows
with the square of their number: 50,000 empty ones, 400 kB, take half a minute. Our own parsers take
3 to 10 µs for each. ID3 frames, FLAC blocks, ZIP entries, PDF objects and the boxes of a manifest
store cost a tenth of that at most, and need no limit (``python -m benchmarks.crowds``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from labeler.containers import census
from labeler.credentials._asset import Asset
from labeler.errors import UnreadableMediaError
from labeler.media.media_type import MediaType

__all__ = ["has_too_many_boxes", "refused", "require_few_parts"]

MAX_BOXES: Final = 10_000
"""Boxes that the toolkit gets (0.6 s). A film or picture has some hundred, and one in fragments
about a dozen for each of them: enough for an hour of five seconds each."""
MAX_PARTS: Final = 20_000
"""Parts of any kind (0.5 s)."""
PART_BYTES: Final = 128
"""For every so many bytes a file may have one part more: those of a GIF hold at most 255 bytes,
and a fragment of a film some thousand."""

_BOXED: Final = frozenset(
    {MediaType.MP4, MediaType.M4A, MediaType.MOV, MediaType.HEIC, MediaType.AVIF}
)
# By the first bytes, which are what the toolkit goes by.
_COUNTS: Final[tuple[tuple[bytes, Callable[..., int]], ...]] = (
    (b"\xff\xd8\xff", census.count_jpeg_segments),
    (b"\x89PNG", census.count_png_chunks),
    (b"GIF8", census.count_gif_blocks),
    (b"RIFF", census.count_riff_chunks),
    (b"II", census.count_tiff),
    (b"MM", census.count_tiff),
)


def require_few_parts(asset: Asset, media_type: MediaType) -> None:
    """See that ``asset`` has no more boxes, segments, chunks, blocks or fields than it may.

    Raises:
        UnreadableMediaError: It has more than its size explains, or cannot be read.
    """
    most = MAX_PARTS + asset.size // PART_BYTES
    if _count(asset, media_type, most) > most:
        raise refused(most)


def has_too_many_boxes(asset: Asset, media_type: MediaType) -> bool:
    """Whether ``asset`` consists of more boxes than the toolkit gets.

    Raises:
        UnreadableMediaError: It cannot be read.
    """
    with asset.open() as stream:
        boxed = _is_boxed(stream.read(8), media_type)
        return boxed and census.count_boxes(stream, most=MAX_BOXES) > MAX_BOXES


def refused(most: int) -> UnreadableMediaError:
    """The error for a file of more than ``most`` parts."""
    return UnreadableMediaError(
        f"the file consists of more than {most} parts, and is not read any further",
        hint="Save it again with a program that writes it in fewer, larger parts",
    )


def _count(asset: Asset, media_type: MediaType, most: int) -> int:
    with asset.open() as stream:
        head = stream.read(8)
        if _is_boxed(head, media_type):
            return census.count_boxes(stream, most=most)
        count = next((each for start, each in _COUNTS if head.startswith(start)), None)
        return 0 if count is None else count(stream, most=most)


def _is_boxed(head: bytes, media_type: MediaType) -> bool:
    return media_type in _BOXED or head[4:] == b"ftyp"
