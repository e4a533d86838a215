"""The track of an MP4 file that is its sound: how it is coded, and what of it is played."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from struct import pack
from typing import Final

from labeler.containers import mp4_headers
from labeler.containers.bmff import boxes, make_box
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged
from labeler.containers.esds import AAC, Stream, read_esds
from labeler.containers.mp4_tables import Edit, SampleTable, read_edits, read_samples
from labeler.containers.picture_tracks import mp4_picture_tracks
from labeler.errors import UnreadableMediaError, UnsupportedMediaError

__all__ = ["PCM", "Gapless", "SoundEntry", "Track", "find_track", "read_gapless", "with_gapless"]

_ENTRY_HEAD: Final = 28
# What versions 1 and 2 of the entry add (QuickTime File Format, "Sound sample descriptions").
_MORE: Final = {0: 0, 1: 16, 2: 36}
PCM: Final = frozenset(
    {b"sowt", b"twos", b"NONE", b"raw ", b"in24", b"in32", b"fl32", b"fl64", b"lpcm"}
    | {b"ipcm", b"fpcm", b"ulaw", b"alaw"}
)
"""Types of the entry that say that the sound is not compressed."""
_PROTECTED: Final = frozenset({b"enca", b"drms", b"encv"})
_NAMES: Final = {
    b".mp3": "MP3", b"Opus": "Opus", b"fLaC": "FLAC", b"ac-3": "AC-3", b"ec-3": "E-AC-3",
    b"samr": "AMR", b"sawb": "AMR", b"ac-4": "AC-4", b"mha1": "MPEG-H", b"mhm1": "MPEG-H",
    b"dtsc": "DTS", b"dtsh": "DTS", b"dtsl": "DTS", b"ima4": "IMA", b"QDM2": "QDesign",
}  # fmt: skip
# Other object types (registered at mp4ra.org).
_OBJECTS: Final = {
    0x69: "MP3 sound", 0x6B: "MP3 sound", 0xA5: "AC-3 sound", 0xA6: "E-AC-3 sound",
    0xA9: "DTS sound", 0xDD: "Vorbis sound",
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
    """``b"mp4a"``, ``b"alac"`` or one of `PCM`."""
    version: int
    """Of the fields in front of the boxes, which QuickTime has of three kinds."""
    head: bytes
    """The fields in front of the boxes."""
    children: tuple[Node, ...]

    @classmethod
    def read(cls, stsd: bytes) -> SoundEntry:
        """Read the body of an ``stsd`` box.

        Raises:
            UnreadableMediaError: It is truncated.
            UnsupportedMediaError: There are several entries, protected sound, or a codec other
                than AAC, Apple Lossless and none.
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
        if kind not in {b"mp4a", b"alac"} | PCM:
            name = _NAMES.get(kind, repr(kind.decode("latin-1")))
            raise UnsupportedMediaError(f"the MP4 file holds {name} sound", hint=_CONVERT)
        # In a table of version 1 the entry's own version means another thing, and adds nothing.
        version = 0 if stsd[0] else int.from_bytes(body[8:10], "big")
        end = _ENTRY_HEAD + _MORE.get(version, 0)
        if len(body) < end:
            raise damaged("the MP4 file does not say how its sound is coded")
        children = tuple(Node(box.type, box.body) for box in boxes(body[end:]))
        return cls(kind=kind, version=version, head=body[:end], children=children)

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
        found = read_esds(self.box(b"esds").body)
        if found.object_type not in AAC:
            name = _OBJECTS.get(found.object_type, f"sound of type {found.object_type:#x}, not AAC")
            raise UnsupportedMediaError(f"the MP4 file holds {name}", hint=_CONVERT)
        return found

    @property
    def setup(self) -> bytes:
        """The codec's own header, as FFmpeg wants it."""
        if not self.is_alac:
            return self.stream.setup
        return make_box(b"alac", self.box(b"alac").body)

    def replaced(self, new: Node, *, sample_rate_hz: int, channels: int) -> SoundEntry:
        """The entry with another ``esds`` or ``alac``."""
        rate = sample_rate_hz << 16 if sample_rate_hz < 1 << 16 else 0
        head = self.head[:16] + channels.to_bytes(2, "big") + self.head[18:24]
        head += rate.to_bytes(4, "big") + self.head[28:]
        if self.version == 2:  # which has these numbers in other places
            head = self.head[:32] + pack(">dI", sample_rate_hz, channels) + self.head[44:]
        kept = tuple(_swapped(child, new) for child in self.children if child.type != b"btrt")
        return replace(self, head=head, children=kept)

    def to_stsd(self, old: bytes) -> bytes:
        """The body of an ``stsd`` box, with the first fields of ``old``."""
        children = b"".join(child.to_bytes() for child in self.children)
        return old[:8] + make_box(self.kind, self.head, children)

    @property
    def is_little_endian(self) -> bool:
        """Whether QuickTime's box for that says that the low byte of a sample comes first."""
        try:
            return self.box(b"enda").body[:2] == b"\0\1"
        except UnreadableMediaError:
            return False

    def box(self, kind: bytes) -> Node:
        """The first box of a type.

        Raises:
            UnreadableMediaError: There is none.
        """
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

    @property
    def parts(self) -> list[Edit]:
        """The edits that play something."""
        return [edit for edit in self.edits if edit.start != -1]

    def played_part(self, sample_rate_hz: int, timed: int) -> tuple[int, int]:
        """When what is played begins, and for how long it is, both in frames.

        A frame is one sample of each channel. Of several parts everything is said to be played.

        Args:
            sample_rate_hz: Frames in a second.
            timed: For how many the packets last together.
        """
        if len(self.parts) != 1:
            return 0, timed
        (edit,) = self.parts
        begin = round(edit.start * Fraction(sample_rate_hz, self.scale))
        left = timed - begin
        tick = Fraction(sample_rate_hz, self.movie_scale)
        told = edit.duration * tick
        # The movie's clock may be coarse: within its resolution, the packets' own durations are
        # exact. A duration of nothing lasts to the end.
        is_all = not told or abs(told - left) <= max(tick, Fraction(1))
        return begin, left if is_all else round(told)


def find_track(moov: Node) -> Track:
    """The track with sound that plays by default: the first that is switched on, or else the first.

    Raises:
        UnreadableMediaError: There is none, or it is damaged.
        UnsupportedMediaError: It is a film without sound, or the sound is of another codec.
    """
    sounds = [trak for trak in moov.all(b"trak") if mp4_headers.handler(trak) == b"soun"]
    if not sounds and mp4_picture_tracks(moov):
        raise UnsupportedMediaError("the video has no sound", hint="Mark its pictures alone")
    if not sounds:
        raise damaged("the MP4 file has no track with sound")
    trak = next(filter(mp4_headers.is_enabled, sounds), sounds[0])
    stbl = trak.need(b"mdia", b"minf", b"stbl")
    return Track(
        trak=trak,
        entry=SoundEntry.read(stbl.need(b"stsd").body),
        table=read_samples(stbl),
        scale=mp4_headers.time_scale(trak.need(b"mdia", b"mdhd")),
        movie_scale=mp4_headers.time_scale(moov.need(b"mvhd")),
        edits=read_edits(trak),
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
