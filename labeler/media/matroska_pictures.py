"""A Matroska or WebM film with other pictures, and everything else as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from labeler.containers import ebml, matroska, matroska_blocks
from labeler.containers.damage import damaged
from labeler.containers.ebml import make
from labeler.containers.matroska import Layout, Track
from labeler.containers.matroska_blocks import Block
from labeler.containers.splice import Span, new_file
from labeler.containers.splice import blocks as read_parts
from labeler.errors import UnsupportedMediaError
from labeler.media.content import open_regular
from labeler.media.matroska_clusters import NewBlock
from labeler.media.matroska_fields import entry_of, picture_entry, with_entry
from labeler.media.matroska_timeline import Timeline
from labeler.media.matroska_writer import MatroskaWriter, read_tracks, scale_ns

__all__ = ["replace_pictures"]

_BLOCK_MORE: Final = b"\xa6"
_ADDITION_ID: Final = b"\xee"
# What the codec itself puts beside its frames: alpha of VP8 and VP9.
_OF_CODEC: Final = 1
# Anew for each block; or about the old frames.
_NOT_KEPT: Final = frozenset(
    {matroska.BLOCK_ADDITIONS, matroska.BLOCK_DURATION, matroska.REFERENCE_BLOCK}
    | {matroska.CRC, matroska.VOID}
)


@dataclass(frozen=True, slots=True)
class _Film:
    """An opened file, and its picture track."""

    file: BinaryIO
    layout: Layout
    track: Track
    scale_ns: int

    @classmethod
    def read(cls, file: BinaryIO) -> _Film:
        """Of a file.

        Raises:
            UnreadableMediaError: It is truncated or damaged.
            UnsupportedMediaError: It has no pictures.
        """
        layout = matroska.read_layout(file)
        tracks = read_tracks(file, layout)
        track = next((each for each in tracks if each.kind == matroska.VIDEO), None)
        if track is None:
            raise UnsupportedMediaError(
                "the Matroska file has no picture track", hint="Mark it as sound"
            )
        return cls(file, layout, track, scale_ns(file, layout))

    def blocks(self) -> Iterator[Block]:
        """Those of the pictures."""
        every = matroska_blocks.blocks(self.file, self.layout)
        return (block for block in every if block.track == self.track.number)

    def entry(self) -> bytes:
        """The content of the track's entry."""
        return entry_of(self.entries(), self.track.number)

    def entries(self) -> bytes:
        """The content of Tracks."""
        found = self.layout.find(matroska.TRACKS)
        return b"" if found is None else ebml.content(self.file, found)


def replace_pictures(source: Path, pictures: Path, target: Path) -> None:
    """Put other pictures in place of a film's first picture track.

    The blocks of all other tracks stay byte for byte as they are, with their times; so do all
    elements beside clusters (chapters, attachments, tags, unknown ones) and what the track says
    about how it is shown: name, language, flags, sizes, colours, projection, alpha, fields.
    Durations that blocks of pictures name, and what lies beside them in numbers of its own
    (ITU-T T.35: HDR10+), go to the new block of the same time. Clusters, cues and the list of
    positions are new; empty space and checksums of clusters are left out, and so are what
    mkvmerge counted in the packets of the pictures and what compressed them once more. Memory is
    that of one cluster, and 24 bytes a frame.

    Args:
        source: The film.
        pictures: A Matroska file with one track, as FFmpeg writes it: the new pictures, each with
            the time that it has in the film, rounded to the unit of time of this file.
        target: A file that does not exist yet. It appears whole or not at all.

    Raises:
        UnreadableMediaError: A file is truncated or damaged, or has no pictures in its track.
        UnsupportedMediaError: The film cannot be put together anew without loss: it is encrypted,
            several segments lie one behind the other, or a track counts time in units of its own.
        OutputError: ``target`` exists already, or cannot be written.
    """
    with open_regular(source) as film, open_regular(pictures) as other:
        old, new = _Film.read(film), _Film.read(other)
        timeline = Timeline.read(old.blocks(), old.scale_ns)
        if next(new.blocks(), None) is None:
            raise damaged("the new picture track has no pictures")
        entry = new.entry()
        entries = with_entry(
            old.entries(), old.track.number, lambda data: picture_entry(data, entry)
        )
        with new_file(target) as output:
            writer = MatroskaWriter(film, output, old.layout, replaced=old.track)
            writer.write(lambda: entries, _new_blocks(old, new, timeline))


def _new_blocks(old: _Film, new: _Film, timeline: Timeline) -> Iterator[NewBlock]:
    tolerance_ns = max(old.scale_ns, new.scale_ns)
    before: int | None = None
    for block in new.blocks():
        time, group = timeline.match(block.time * new.scale_ns, tolerance_ns=tolerance_ns)
        kept = _fields(old.file, group)
        duration = kept.get(matroska.BLOCK_DURATION, b"")
        fields = _beside(new.file, block, kept)
        if fields and not block.is_key:
            # How much earlier the frame is that it needs; which one exactly, nobody asks.
            reference = (time if before is None else before) - time
            fields += make(matroska.REFERENCE_BLOCK, reference.to_bytes(8, "big", signed=True))
        lasts = matroska.number(duration[:8]) or old.track.frame_ns / old.scale_ns
        yield NewBlock(
            track=old.track.number,
            time=time,
            end=time + lasts,
            data=b"".join(read_parts(new.file, [block.body])),
            flags=block.flags & ~matroska_blocks.KEY,
            is_key=block.is_key,
            fields=fields,
        )
        before = time


def _fields(file: BinaryIO, group: Span | None) -> dict[bytes, bytes]:
    """What the old block of the same time has beside it."""
    wanted = {matroska.BLOCK_DURATION, matroska.BLOCK_ADDITIONS}
    return {
        element.id: ebml.content(file, element)
        for element in ([] if group is None else matroska.elements(file, group))
        if element.id in wanted
    }


def _beside(file: BinaryIO, block: Block, kept: dict[bytes, bytes]) -> bytes:
    """What a new block has beside it, with what is kept of the old one."""
    own = [(element.id, ebml.content(file, element)) for element in block.fields]
    additions = [more for kind, body in own if kind == matroska.BLOCK_ADDITIONS
                 for more in _additions(body)]  # fmt: skip
    told = {_number(more) for more in additions} | {_OF_CODEC}
    old = _additions(kept.get(matroska.BLOCK_ADDITIONS, b""))
    additions += [more for more in old if _number(more) not in told]
    parts = [make(kind, body) for kind, body in own if kind not in _NOT_KEPT]
    if additions:
        added = (make(_BLOCK_MORE, more) for more in additions)
        parts.append(make(matroska.BLOCK_ADDITIONS, *added))
    if matroska.BLOCK_DURATION in kept:
        parts.append(make(matroska.BLOCK_DURATION, kept[matroska.BLOCK_DURATION]))
    return b"".join(parts)


def _additions(data: bytes) -> list[bytes]:
    return [body for kind, body in ebml.children(data) if kind == _BLOCK_MORE]


def _number(addition: bytes) -> int:
    """What an addition is."""
    return matroska.number(dict(ebml.children(addition)).get(_ADDITION_ID, b"\1")[:8])
