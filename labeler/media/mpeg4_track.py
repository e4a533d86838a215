"""The track of an MP4 file that is its sound: how it is coded, and what of it is played."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from labeler.containers import mp4_headers
from labeler.containers.bmff import boxes, make_box
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged
from labeler.containers.esds import AAC, Stream, read_esds
from labeler.containers.mp4_tables import Edit, SampleTable, read_edits, read_samples
from labeler.errors import UnsupportedMediaError

__all__ = ["Gapless", "SoundEntry", "Track", "find_track", "read_gapless", "with_gapless"]

_ENTRY_HEAD: Final = 28
# What versions 1 and 2 of the entry add (QuickTime File Format, "Sound sample descriptions").
_MORE: Final = {0: 0, 1: 16, 2: 36}
_PROTECTED: Final = frozenset({b"enca", b"drms", b"encv"})
_NAMES: Final = {
    b".mp3": "MP3", b"Opus": "Opus", b"fLaC": "FLAC", b"ac-3": "AC-3", b"ec-3": "E-AC-3",
    b"samr": "AMR", b"sawb": "AMR", b"ac-4": "AC-4", b"mha1": "MPEG-H", b"mhm1": "MPEG-H",
    b"dtsc": "DTS", b"ipcm": "PCM", b"fpcm": "PCM", b"sowt": "PCM", b"twos": "PCM",
}  # fmt: skip
_CONVERT: Final = "Convert it to AAC or Apple Lossless first"
# What iTunes writes: delay, padding and length, in hexadecimal numbers of fixed width.
_GAPLESS: Final = re.compile(
    rb"(iTunSMPB.{0,64}? [0-9A-F]{8} )([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{16})", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Gapless:
    """iTunes's own note about what is played, frames (one sample of each channel)."""

    delay: int
    padding: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundEntry:
    """How the samples of a track are coded."""

    kind: bytes
    """``b"mp4a"`` or ``b"alac"``."""
    head: bytes
    """The fields in front of the boxes."""
    children: tuple[Node, ...]

    @classmethod
    def read(cls, stsd: bytes) -> SoundEntry:
        """Read the body of an ``stsd`` box.

        Raises:
            UnreadableMediaError: It is truncated.
            UnsupportedMediaError: There are several entries, protected sound, or a codec other
                than AAC and Apple Lossless.
        """
        entries = boxes(stsd[8:])
        if not entries:
            raise damaged("the MP4 file does not say how its sound is coded")
        kind, body = entries[0].type, entries[0].body
        if kind in _PROTECTED or any(entry.type in _PROTECTED for entry in entries):
            raise UnsupportedMediaError(
                "the sound is protected against copying (DRM)",
                hint="Ask its publisher for a file without protection",
            )
        if len(entries) > 1:
            raise UnsupportedMediaError("the sound changes its coding in the middle", hint=_CONVERT)
        if kind not in {b"mp4a", b"alac"}:
            name = _NAMES.get(kind, repr(kind.decode("latin-1")))
            raise UnsupportedMediaError(f"the MP4 file holds {name} sound", hint=_CONVERT)
        version = int.from_bytes(body[8:10], "big")
        end = _ENTRY_HEAD + _MORE.get(version, 0)
        if len(body) < end:
            raise damaged("the MP4 file does not say how its sound is coded")
        children = tuple(Node(box.type, box.body) for box in boxes(body[end:]))
        return cls(kind=kind, head=body[:end], children=children)

    @property
    def is_alac(self) -> bool:
        """Whether it is Apple Lossless."""
        return self.kind == b"alac"

    @property
    def stream(self) -> Stream:
        """The descriptors of AAC.

        Raises:
            UnreadableMediaError: They are missing or damaged.
            UnsupportedMediaError: They are of another codec.
        """
        found = read_esds(self._find(b"esds").body)
        if found.object_type not in AAC:
            raise UnsupportedMediaError(
                f"the MP4 file holds sound of type {found.object_type:#x}, not AAC", hint=_CONVERT
            )
        return found

    @property
    def setup(self) -> bytes:
        """The codec's own header, as FFmpeg wants it."""
        if not self.is_alac:
            return self.stream.setup
        return make_box(b"alac", self._find(b"alac").body)

    def replaced(self, new: Node, *, sample_rate_hz: int, channels: int) -> SoundEntry:
        """The entry with another ``esds`` or ``alac``."""
        rate = sample_rate_hz << 16 if sample_rate_hz < 1 << 16 else 0
        head = self.head[:16] + channels.to_bytes(2, "big") + self.head[18:24]
        head += rate.to_bytes(4, "big") + self.head[28:]
        kept = tuple(_swapped(child, new) for child in self.children if child.type != b"btrt")
        return SoundEntry(kind=self.kind, head=head, children=kept)

    def to_stsd(self, old: bytes) -> bytes:
        """The body of an ``stsd`` box, with the first fields of ``old``."""
        children = b"".join(child.to_bytes() for child in self.children)
        return old[:8] + make_box(self.kind, self.head, children)

    def _find(self, kind: bytes) -> Node:
        for child in self.children:
            if child.type == kind:
                return child
            if child.type == b"wave":  # QuickTime's place for it
                for box in boxes(child.body):
                    if box.type == kind:
                        return Node(kind, box.body)
        raise damaged("the MP4 file does not say how its sound is coded")


def _swapped(child: Node, new: Node) -> Node:
    if child.type == new.type:
        return new
    if child.type == b"wave":
        inner = (
            new if box.type == new.type else Node(box.type, box.body) for box in boxes(child.body)
        )
        return Node(b"wave", b"".join(node.to_bytes() for node in inner))
    return child


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The sound of a file."""

    trak: Node
    entry: SoundEntry
    table: SampleTable
    scale: int
    """Units of the track's time in a second."""
    movie_scale: int
    """Units of the movie's time in a second."""
    edits: tuple[Edit, ...]


def find_track(moov: Node) -> Track:
    """The first track with sound.

    Raises:
        UnreadableMediaError: There is none, or it is damaged.
        UnsupportedMediaError: There is a picture track, or the sound is of another codec.
    """
    tracks = moov.all(b"trak")
    sounds = [trak for trak in tracks if mp4_headers.handler(trak) == b"soun"]
    chapters = {number for trak in tracks for number in mp4_headers.tracks_for(trak, b"chap")}
    for trak in tracks:
        is_picture = mp4_headers.handler(trak) == b"vide"
        if is_picture and mp4_headers.track_id(trak) not in chapters:
            raise UnsupportedMediaError(
                "the file is an MP4 video", hint="Labeler does not mark video yet"
            )
    if not sounds:
        raise damaged("the MP4 file has no track with sound")
    stbl = sounds[0].need(b"mdia", b"minf", b"stbl")
    return Track(
        trak=sounds[0],
        entry=SoundEntry.read(stbl.need(b"stsd").body),
        table=read_samples(stbl),
        scale=mp4_headers.time_scale(sounds[0].need(b"mdia", b"mdhd")),
        movie_scale=mp4_headers.time_scale(moov.need(b"mvhd")),
        edits=read_edits(sounds[0]),
    )


def read_gapless(moov: Node) -> Gapless | None:
    """The note of iTunes, if there is one."""
    for udta in moov.all(b"udta"):
        found = _GAPLESS.search(udta.body)
        if found:
            return Gapless(*(int(found[group], 16) for group in (2, 3, 4)))
    return None


def with_gapless(moov: Node, new: Gapless) -> None:
    """Correct iTunes's note, where there is one."""
    numbers = b"%08X %08X %016X" % (new.delay, new.padding, new.length)
    for udta in moov.all(b"udta"):
        udta.body = _GAPLESS.sub(lambda found: found[1] + numbers, udta.body)
