"""An MP4 or QuickTime file with other packets in one track, and everything else as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers.bmff_file import TopBox
from labeler.containers.bmff_tree import Node
from labeler.containers.mp4_fragments import FRAGMENTS
from labeler.containers.mp4_tables import write_chunk_starts
from labeler.containers.splice import Span, copy
from labeler.media.mpeg4_chunks import ROUND_S, Chunks, read_chunks
from labeler.media.mpeg4_movie import Movie

__all__ = ["write"]

MANIFEST: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""User type of the ``uuid`` box that holds a C2PA manifest (C2PA 2.2, A.5)."""
_LONG: Final = 1 << 32
# More than a header takes.
_ROOM: Final = 1 << 10
_NO_MEDIA: Final = TopBox(type=b"mdat", span=Span(0, 0), header_bytes=0)


def write(
    source: BinaryIO, output: BinaryIO, movie: Movie, *, trak: Node, packets: BinaryIO
) -> None:
    """Write the new file: the boxes of the source, without a C2PA manifest.

    The packets of each track lie together for about half a second, behind them those of the next
    track for that time. The box with the tracks stays where it was; in a film it comes in front of
    the packets, so that playing can begin before all of it has been loaded.

    Args:
        source: The file that is copied from.
        output: Where to, from its beginning.
        movie: What was read of the source, with everything changed but positions.
        trak: The track with the new packets; its tables say where in ``packets`` they lie.
        packets: The file with the new packets.

    Raises:
        UnreadableMediaError: A table is damaged, or the source ends too early.
    """
    moov = movie.moov
    tracks = [
        read_chunks(moov, each, packets if each is trak else source) for each in moov.all(b"trak")
    ]
    top = _in_order(movie)
    order = _in_turns(tracks)
    media = sum(int(track.sizes.sum()) for track in tracks)
    # With 8 bytes for each position, to be on the safe side.
    _place(tracks, order, 0, wide=True)
    others = sum(len(box.span) for box in top if box.type != b"mdat")
    wide = media + others + len(moov.to_bytes()) + _ROOM >= _LONG
    _place(tracks, order, 0, wide=wide)
    header = _media_header(media)
    before = top[: [box.type for box in top].index(b"mdat")]
    start = len(header) + sum(_size(box, moov) for box in before)
    _place(tracks, order, start, wide=wide)
    for box in top:
        if box.type == b"mdat":
            output.write(header)
            _copy(tracks, order, output)
        else:
            copy(source, output, [moov.to_bytes() if box.type == b"moov" else box.span])


def _in_order(movie: Movie) -> Sequence[TopBox]:
    """The boxes of the new file; all media data in one, where the first was."""
    kept = [box for box in movie.boxes if box.type not in FRAGMENTS and box.user_type != MANIFEST]
    first = next((box for box in kept if box.type == b"mdat"), _NO_MEDIA)
    top = [box for box in kept if box.type != b"mdat" or box is first]
    if first is _NO_MEDIA:
        top.append(first)
    at = top.index(first)
    tables = next(box for box in top if box.type == b"moov")
    if movie.is_film and top.index(tables) > at:
        top.remove(tables)
        # What keeps room for a longer header of the media data belongs to that.
        top.insert(at - 1 if at and top[at - 1].type == b"wide" else at, tables)
    return top


def _size(box: TopBox, moov: Node) -> int:
    return len(moov.to_bytes()) if box.type == b"moov" else len(box.span)


def _media_header(size: int) -> bytes:
    if size + 8 < _LONG:
        return (size + 8).to_bytes(4, "big") + b"mdat"
    return b"\0\0\0\1mdat" + (size + 16).to_bytes(8, "big")


def _in_turns(tracks: Sequence[Chunks]) -> NDArray[np.int64]:
    """The order of all chunks, counted through all tracks."""
    rounds = [np.floor(track.times_s / ROUND_S) for track in tracks]
    # Chunks of one track stay in their order even where its times do not.
    rounds = [np.maximum.accumulate(each) for each in rounds]
    number = np.repeat(np.arange(len(tracks)), [len(each) for each in rounds])
    return np.lexsort((number, np.concatenate([np.zeros(0), *rounds])))


def _place(tracks: Sequence[Chunks], order: NDArray[np.int64], start: int, *, wide: bool) -> None:
    """Say that the first chunk begins at ``start`` and the others follow."""
    sizes = np.concatenate([np.zeros(0, np.int64), *(track.sizes for track in tracks)])
    starts = np.empty(len(order), np.int64)
    starts[order] = start + np.cumsum(sizes[order]) - sizes[order]
    behind = 0
    for track in tracks:
        first, behind = behind, behind + len(track.sizes)
        write_chunk_starts(track.stbl, starts[first:behind], wide=wide)


def _copy(tracks: Sequence[Chunks], order: NDArray[np.int64], output: BinaryIO) -> None:
    behind = np.cumsum([len(track.sizes) for track in tracks])
    numbers = np.searchsorted(behind, order, side="right")

    def spans() -> Iterator[tuple[int, Span]]:
        for number, chunk in zip(numbers.tolist(), order.tolist(), strict=True):
            track = tracks[number]
            at = chunk - int(behind[number]) + len(track.sizes)
            start = int(track.starts[at])
            yield number, Span(start, start + int(track.sizes[at]))

    for number, group in groupby(spans(), key=lambda found: found[0]):
        copy(tracks[number].file, output, _joined(span for _, span in group))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """The same with neighbours made one."""
    waiting = Span(0, 0)
    for span in spans:
        if span.start == waiting.end:
            waiting = Span(waiting.start, span.end)
            continue
        yield waiting
        waiting = span
    yield waiting
