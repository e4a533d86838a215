"""Whether a file has a track of moving pictures, told by its list of tracks.

Sources: ISO/IEC 14496-12, 8.2 to 8.4; RFC 9559, 5.1.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

from labeler.containers import ebml, matroska, mp4_headers
from labeler.containers.bmff_file import TopBox
from labeler.containers.bmff_tree import Node, read_node
from labeler.containers.chunks import file_size
from labeler.containers.splice import Span
from labeler.errors import UnreadableMediaError

__all__ = [
    "MatroskaTracks",
    "mp4_has_pictures",
    "mp4_picture_tracks",
    "read_matroska_tracks",
    "whole_boxes",
]

_SEGMENT: Final = b"\x18\x53\x80\x67"
_EBML: Final = b"\x1a\x45\xdf\xa3"
_DOC_TYPE: Final = b"\x42\x82"
# Files in fragments have two boxes for each, and their tracks in front of them; Matroska has its
# tracks in front, too.
_MAX_BOXES: Final = 100_000


@dataclass(frozen=True, slots=True)
class MatroskaTracks:
    """What the beginning of a Matroska file says."""

    is_webm: bool
    """Whether it says to be WebM."""
    has_pictures: bool | None
    """Whether it has a picture track; None where it is damaged in front of the list of them."""


def mp4_picture_tracks(moov: Node) -> list[Node]:
    """The ``trak`` boxes with moving pictures, in their order.

    What another track names as the pictures of its chapters is none: thumbnails, or a book's
    illustrations.

    Raises:
        UnreadableMediaError: A header is missing or too short.
    """
    traks = moov.all(b"trak")
    chapters = {number for trak in traks for number in mp4_headers.tracks_for(trak, b"chap")}
    return [
        trak
        for trak in traks
        if mp4_headers.handler(trak) == b"vide" and mp4_headers.track_id(trak) not in chapters
    ]


def mp4_has_pictures(file: BinaryIO) -> bool | None:
    """Whether an MP4 or QuickTime file has a picture track, wherever in it the list of tracks is.

    Returns:
        None where it does not say: it is damaged, or only its beginning is there.
    """
    with suppress(UnreadableMediaError):
        for box in whole_boxes(file):
            if box.type == b"moov":
                moov = read_node(file, box)
                return bool(mp4_picture_tracks(moov)) if moov.all(b"trak") else None
    return None


def whole_boxes(file: BinaryIO) -> Iterator[TopBox]:
    """The boxes at the top up to the first that is not whole, of which nothing can be told."""
    position, end = 0, file_size(file)
    for _ in range(_MAX_BOXES):
        file.seek(position)
        head = file.read(16)
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        behind = position + size if size else end
        if len(head) < header or behind < position + header or behind > end:
            return
        yield TopBox(type=head[4:8], span=Span(position, behind), header_bytes=header)
        position = behind


def read_matroska_tracks(file: BinaryIO) -> MatroskaTracks:
    """What the beginning of a Matroska file says, as far as it is there."""
    is_webm = False
    with suppress(UnreadableMediaError):
        for top in islice(matroska.elements(file, Span(0, file_size(file))), _MAX_BOXES):
            if top.id == _EBML:
                doc_type = dict(ebml.children(ebml.content(file, top))).get(_DOC_TYPE, b"")
                is_webm = doc_type.rstrip(b"\0") == b"webm"
            if top.id != _SEGMENT:
                continue
            for element in islice(matroska.elements(file, top.body), _MAX_BOXES):
                if element.id == matroska.TRACKS:
                    tracks = matroska.read_tracks(ebml.content(file, element))
                    has_pictures = any(track.kind == matroska.VIDEO for track in tracks)
                    return MatroskaTracks(is_webm, has_pictures if tracks else None)
    return MatroskaTracks(is_webm, None)
