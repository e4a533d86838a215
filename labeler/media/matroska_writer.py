"""A Matroska or WebM file with other blocks in one of its tracks, and everything else as it was."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from typing import BinaryIO, Final

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.damage import damaged
from labeler.containers.ebml import Element, make
from labeler.containers.matroska import Layout, Track
from labeler.containers.matroska_blocks import Block
from labeler.containers.splice import Part, Span, copy
from labeler.errors import UnsupportedMediaError
from labeler.media.matroska_clusters import ClusterWriter, NewBlock, whole
from labeler.media.matroska_fields import live_tags, without

__all__ = ["MatroskaWriter", "read_tracks", "scale_ns"]

_SEGMENT: Final = b"\x18\x53\x80\x67"
_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEEK: Final = b"\x4d\xbb"
_SEEK_ID: Final = b"\x53\xab"
_SEEK_POSITION: Final = b"\x53\xac"
# Written anew.
_DROPPED: Final = frozenset({matroska.SEEK_HEAD, matroska.CUES})
# The versions that know everything that is written, and the one that has to be known for reading.
_VERSIONS: Final = {b"\x42\x87": 4, b"\x42\x85": 2}
_MOST_HEAD_BYTES: Final = 1 << 16


class MatroskaWriter:
    """Writes the file.

    Args:
        source: The file that is copied from.
        output: Where to, from its beginning.
        layout: What is in the source.
        replaced: The track whose blocks are not copied.

    Raises:
        UnreadableMediaError: The file is cut off.
        UnsupportedMediaError: It cannot be put together anew without loss.
    """

    def __init__(
        self, source: BinaryIO, output: BinaryIO, layout: Layout, *, replaced: Track
    ) -> None:
        _require_copyable(source, layout)
        self._source = source
        self._output = output
        self._layout = layout
        self._replaced = replaced
        tracks = read_tracks(source, layout)
        self._tracks = {track.number: track for track in tracks}
        self._info = _content(source, layout, matroska.INFO)
        self._scale = scale_ns(source, layout)
        # Sound alone is as long as what is written; else a known length stays what it is.
        self._keeps_length = len(tracks) > 1 or replaced.kind == matroska.VIDEO
        self._kept = dict(self._copied())
        self._places: dict[Element, int] = {}
        self._cues_at = 0
        self._end = 0.0

    def write(self, entries: Callable[[], bytes], blocks: Iterable[NewBlock]) -> None:
        """Write everything.

        Args:
            entries: The content of Tracks; asked for before and after the blocks are taken, as
                long both times.
            blocks: The blocks of the replaced track, in the order of decoding.
        """
        copy(self._source, self._output, self._head())
        self._segment_at = self._output.tell()
        self._output.write(make(_SEGMENT, b"", size_bytes=8))
        self._origin = self._output.tell()
        self._output.write(self._seek_head())
        first = self._layout.first_cluster
        self._copy((each for each in self._kept if each.start < first), entries())
        self._write_clusters(blocks)
        self._copy((each for each in self._kept if each.start > first), entries())
        self._finish(entries())

    def _head(self) -> Iterator[Part]:
        """What comes before the segment, in a version that knows what is written."""
        span = self._layout.head
        header = next(matroska.elements(self._source, span))
        data = ebml.content(self._source, header)
        told = dict(ebml.children(data))
        old = {kind: matroska.number(told.get(kind, b"\1")) for kind in _VERSIONS}
        if all(old[kind] >= least for kind, least in _VERSIONS.items()):
            yield span
            return
        versions = (make(kind, whole(max(old[kind], least))) for kind, least in _VERSIONS.items())
        yield make(_EBML, *without(data, *_VERSIONS, matroska.CRC), *versions)
        yield Span(header.body.end, span.end)

    def _copied(self) -> Iterator[tuple[Element, bytes | None]]:
        """What is kept beside clusters, and what becomes of it where that is known already."""
        for element in self._layout.elements:
            if element.id == ebml.TAGS:
                data = ebml.content(self._source, element)
                live = live_tags(data, self._replaced.uid)
                if live is None or live:
                    yield element, None if live is None else make(ebml.TAGS, live)
            elif element.id not in _DROPPED:
                yield element, None

    def _copy(self, elements: Iterable[Element], entries: bytes) -> None:
        for element in elements:
            self._places[element] = self._output.tell() - self._origin
            new = self._changed(element, entries)
            copy(self._source, self._output, [element.span if new is None else new])

    def _changed(self, element: Element, entries: bytes) -> bytes | None:
        """What becomes of an element that does not stay as it is; None for the others."""
        if element.id == matroska.INFO:
            return self._new_info()
        if element.id == matroska.TRACKS:
            return make(matroska.TRACKS, entries, size_bytes=8)
        return self._kept[element]

    def _new_info(self) -> bytes:
        told = dict(ebml.children(self._info)).get(matroska.DURATION, b"")
        if self._keeps_length and any(told):
            kept = without(self._info, matroska.CRC)
        else:
            length = make(matroska.DURATION, struct.pack(">d", self._end))
            kept = [*without(self._info, matroska.DURATION, matroska.CRC), length]
        return make(matroska.INFO, *kept, size_bytes=8)

    def _write_clusters(self, blocks: Iterable[NewBlock]) -> None:
        clusters = ClusterWriter(
            self._source,
            self._output,
            origin=self._origin,
            scale_ns=self._scale,
            tracks=self._tracks,
        )
        number = self._replaced.number
        old = matroska_blocks.blocks(self._source, self._layout)
        both = [_in_time(blocks), _in_time(block for block in old if block.track != number)]
        if self._replaced.kind != matroska.VIDEO:
            both.reverse()  # Of what begins at once, pictures come first, as clusters do with them.
        for _, block in merge(*both, key=lambda each: each[0]):
            clusters.add(block)
        clusters.flush()
        self._end = clusters.end
        self._cues_at = self._output.tell() - self._origin
        self._output.write(make(matroska.CUES, *clusters.cues()))

    def _finish(self, entries: bytes) -> None:
        """Write again what is known only when all blocks are there."""
        behind = self._layout.body.end
        size = self._output.tell() - self._origin
        copy(self._source, self._output, [Span(behind, self._source.seek(0, 2))])
        self._output.seek(self._segment_at)
        self._output.write(ebml.head(_SEGMENT, size, size_bytes=8))
        self._output.write(self._seek_head())
        for element, place in self._places.items():
            if element.id in {matroska.INFO, matroska.TRACKS}:
                self._output.seek(self._origin + place)
                self._output.write(self._changed(element, entries) or b"")

    def _seek_head(self) -> bytes:
        """Where to find what; always of the same size."""
        places = [(element.id, self._places.get(element, 0)) for element in self._kept]
        entries = (
            make(_SEEK, make(_SEEK_ID, kind), make(_SEEK_POSITION, place.to_bytes(8, "big")))
            for kind, place in [*places, (matroska.CUES, self._cues_at)]
        )
        return make(matroska.SEEK_HEAD, *entries, size_bytes=8)


def _in_time(
    blocks: Iterable[Block] | Iterable[NewBlock],
) -> Iterator[tuple[int, Block | NewBlock]]:
    """Each block, and the latest time up to it, as frames that are shown later may come first."""
    latest: int | None = None
    for block in blocks:
        latest = block.time if latest is None else max(latest, block.time)
        yield latest, block


def read_tracks(file: BinaryIO, layout: Layout) -> tuple[Track, ...]:
    """All tracks of a file.

    Raises:
        UnreadableMediaError: There is no list of them, or it is damaged.
    """
    if layout.find(matroska.TRACKS) is None:
        raise damaged("the Matroska file has no list of its tracks")
    return matroska.read_tracks(_content(file, layout, matroska.TRACKS))


def scale_ns(file: BinaryIO, layout: Layout) -> int:
    """Nanoseconds of a unit of a file's time."""
    fields = dict(ebml.children(_content(file, layout, matroska.INFO)))
    told = matroska.number(fields.get(matroska.TIMESTAMP_SCALE, b"")[:8])
    return told or matroska.DEFAULT_SCALE_NS


def _content(file: BinaryIO, layout: Layout, kind: bytes) -> bytes:
    found = layout.find(kind)
    return b"" if found is None else ebml.content(file, found)


def _require_copyable(source: BinaryIO, layout: Layout) -> None:
    if layout.is_cut:
        raise damaged("the file ends before its segment does")
    if len(layout.head) > _MOST_HEAD_BYTES or len(layout.elements) >= matroska.MAX_ELEMENTS:
        raise damaged("the Matroska file holds more of what is no film than any program writes")
    source.seek(layout.body.end)
    follows = {source.read(4), *(element.id for element in layout.elements)}
    if follows & {_EBML, _SEGMENT}:
        raise UnsupportedMediaError(
            "the Matroska file holds several films, one behind the other",
            hint="Split it first, or join its parts, for example with mkvmerge",
        )
    if any(track.is_stretched for track in read_tracks(source, layout)):
        raise UnsupportedMediaError(
            "a track of the Matroska file counts time in units of its own",
            hint="Remux it first, for example with `ffmpeg -c copy`",
        )
