"""Whether a film's file is all there, told by the sizes in its structure.

Sources: ISO/IEC 14496-12, 4.2; RFC 9559, 4; "AVI RIFF File Reference" (Microsoft).
"""

from __future__ import annotations

from typing import BinaryIO

from labeler.containers import matroska
from labeler.containers.chunks import file_size
from labeler.containers.picture_tracks import whole_boxes

__all__ = ["is_avi_cut", "is_matroska_cut", "is_mp4_cut", "mp4_has_tracks"]


def is_mp4_cut(file: BinaryIO) -> bool:
    """Whether an MP4 or QuickTime file ends in the middle of a box."""
    end = 0
    for box in whole_boxes(file):
        end = box.span.end
    # Fewer bytes than a header has are padding that some programs leave.
    return file_size(file) - end >= 8


def mp4_has_tracks(file: BinaryIO) -> bool:
    """Whether the list of tracks is in the file, without which nothing in it can be found."""
    return any(box.type == b"moov" for box in whole_boxes(file))


def is_matroska_cut(file: BinaryIO) -> bool:
    """Whether a Matroska file ends before its segment does.

    Raises:
        UnreadableMediaError: It is no Matroska.
    """
    return matroska.read_layout(file).is_cut


def is_avi_cut(file: BinaryIO) -> bool:
    """Whether one of the RIFF chunks of an AVI file goes beyond the file's end."""
    position, size = 0, file_size(file)
    while position + 12 <= size:
        file.seek(position)
        head = file.read(8)
        if head[:4] != b"RIFF":
            return False  # what some programs append
        position += 8 + int.from_bytes(head[4:], "little")
    return position > size
