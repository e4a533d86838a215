"""An MP4 or QuickTime file as what is written again: its boxes, and the tables of its tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from labeler.containers import mp4_headers
from labeler.containers.bmff import Fields, boxes
from labeler.containers.bmff_file import TopBox, top_boxes
from labeler.containers.bmff_tree import Node, read_node
from labeler.containers.damage import damaged
from labeler.containers.mp4_fragments import fold_fragments
from labeler.containers.picture_tracks import mp4_picture_tracks
from labeler.errors import UnsupportedMediaError

__all__ = ["Movie", "read_movie"]

_REMUX: Final = "Remux it first, for example with `ffmpeg -i in.mp4 -map 0 -c copy out.mp4`"
# Of a data reference: its samples are in this file.
_SELF_CONTAINED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Movie:
    """What was read of a file; without fragments, also where it has some."""

    boxes: tuple[TopBox, ...]
    """Those at the top level."""
    moov: Node
    """The tracks, with the tables of all their samples."""
    origins: tuple[int, ...]
    """From when on the tables of each track count, in units of its time scale; not 0 only in files
    with fragments."""

    @property
    def is_film(self) -> bool:
        """Whether it has a picture track."""
        return bool(mp4_picture_tracks(self.moov))

    def origin(self, trak: Node) -> int:
        """From when on the tables of a track count."""
        traks = self.moov.all(b"trak")
        return next(
            origin for each, origin in zip(traks, self.origins, strict=True) if each is trak
        )

    def require_movable(self, file: BinaryIO) -> None:
        """Refuse what names positions in the file in other places than the tables of its tracks.

        Raises:
            UnsupportedMediaError: It does, or has samples in another file.
        """
        tops = (read_node(file, box) for box in self.boxes if box.type == b"meta")
        inner = [*self.moov.all(b"meta"), *self.moov.all(b"trak", b"meta")]
        if any(b"iloc" in node.body for node in (*tops, *inner)):
            raise UnsupportedMediaError(
                "the MP4 file holds items that are found by their positions, which would change",
                hint=_REMUX,
            )
        for trak in self.moov.all(b"trak"):
            stbl = trak.need(b"mdia", b"minf", b"stbl")
            if stbl.find(b"saio") is not None:
                raise UnsupportedMediaError(
                    "the file has a track that is protected against copying (DRM)",
                    hint="Ask its publisher for a file without protection",
                )
            if any(_is_elsewhere(trak)):
                raise UnsupportedMediaError(
                    "the file has a track whose samples lie in another file",
                    hint="Export it as one file that holds everything",
                )


def read_movie(file: BinaryIO) -> Movie:
    """Read the boxes of a file and the tables of its tracks.

    Raises:
        UnreadableMediaError: It is truncated or damaged, or has no such tables.
        UnsupportedMediaError: They are compressed.
    """
    found = top_boxes(file)
    top = next((box for box in found if box.type == b"moov"), None)
    if top is None:
        raise damaged("the MP4 file has no table of what is in it")
    moov = read_node(file, top)
    if moov.find(b"cmov") is not None:
        raise UnsupportedMediaError(
            "the QuickTime file has a compressed table of what is in it", hint=_REMUX
        )
    mp4_headers.time_scale(moov.need(b"mvhd"))
    traks = moov.all(b"trak")
    for trak in traks:
        mp4_headers.handler(trak)
    origins = (0,) * len(traks)
    if any(box.type == b"moof" for box in found):
        origins = fold_fragments(file, found, moov)
    return Movie(boxes=found, moov=moov, origins=origins)


def _is_elsewhere(trak: Node) -> Iterator[bool]:
    """Of each data reference of a track: whether it leads to another file."""
    dref = trak.find(b"mdia", b"minf", b"dinf", b"dref")
    if dref is None:
        return
    for box in boxes(dref.body[8:]):
        _, flags = Fields(box.body).version_and_flags()
        yield not flags & _SELF_CONTAINED
