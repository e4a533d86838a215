"""MP4 with sound: AAC or Apple Lossless; all boxes but those about the packets stay as they are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from labeler.codec.sound import Samples
from labeler.containers import mp4_headers
from labeler.containers.bmff_file import TopBox, top_boxes
from labeler.containers.bmff_tree import Node, read_node
from labeler.containers.damage import damaged
from labeler.containers.mp4_fragments import FRAGMENTS, read_fragments
from labeler.containers.mp4_tables import Edit
from labeler.containers.splice import blocks as read_parts
from labeler.errors import UnsupportedMediaError
from labeler.media import mpeg4_writer
from labeler.media.aac_encoder import aac_encoder
from labeler.media.av_sound import Coding, Encoder, Packet, Probed, probe
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.mpeg4_track import Gapless, Track, find_track, read_gapless, with_gapless
from labeler.media.mpeg4_writer import NewTrack
from labeler.media.packet_sound import PacketSound
from labeler.media.sound_interface import SoundLimits

__all__ = ["Mpeg4SoundCodec"]

_PROBED_PACKETS: Final = 8
_ALAC_FORMATS: Final = {16: "s16p", 24: "s32p"}
# Box, version and the fields of the codec's header.
_ALAC_BYTES: Final = 36


class Mpeg4SoundCodec(PacketSound):
    """AAC or Apple Lossless in MP4, the sound being the first track of that kind.

    What edit lists or the note of iTunes leave out at both ends is not played, and what is written
    says the same, to the sample. AAC becomes AAC-LC (see `aac_encoder`), Apple Lossless keeps
    every bit. Tags, pictures, chapters of both kinds, other tracks, times and the order of boxes
    stay as they are; the packets of other tracks lie behind those of the sound. A file in
    fragments becomes one without. A C2PA manifest is dropped.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        with open_regular(path) as file:
            self._boxes = top_boxes(file)
            moov = _read_moov(file, self._boxes)
            self._track = track = _read_track(file, self._boxes, moov)
            first = islice(_packets(file, track, 0), _PROBED_PACKETS)
            coding = _coding(track)
            self._probed = probed = probe(coding, first)
        self._is_fragmented = any(box.type == b"moof" for box in self._boxes)
        self._track_count = len(moov.all(b"trak"))
        skip, length = _ends(track, probed, read_gapless(moov))
        super().__init__(
            path,
            media_type,
            coding=replace(
                coding,
                sample_rate_hz=probed.sample_rate_hz,
                channels=len(probed.channel_names),
            ),
            limits=limits,
            names=probed.channel_names,
            skip=skip,
            length=length,
        )

    def _packets(self) -> Iterator[Packet]:
        with open_regular(self.path) as file:
            yield from _packets(file, self._track, self._probed.frames_per_packet)

    def _write(self, blocks: Iterable[Samples], target: Path) -> None:
        encoder = self._encoder()
        spool = target.with_name(target.name + ".packets")
        try:
            with (
                open_regular(self.path) as source,
                spool.open("w+b") as packets,
                target.open("wb") as output,
            ):
                moov = _read_moov(source, self._boxes)
                trak = find_track(moov).trak
                self._recode(moov, trak, encoder, _encode(encoder, blocks, packets))
                packets.seek(0)
                kept = [box for box in self._boxes if box.type not in FRAGMENTS]
                mpeg4_writer.write(source, output, packets, boxes=kept, moov=moov, trak=trak)
        finally:
            spool.unlink(missing_ok=True)

    def _encoder(self) -> Encoder:
        track = self._track
        if self._is_fragmented and self._track_count > 1:
            raise UnsupportedMediaError(
                "the MP4 file has several tracks, cut into fragments",
                hint="Remux it first, for example with `ffmpeg -i in.m4a -c copy out.m4a`",
            )
        if any(box.type == b"meta" and self._has_places(box) for box in self._boxes):
            raise UnsupportedMediaError(
                "the MP4 file holds items that are found by their positions, which would change",
                hint="Remux it first, for example with `ffmpeg -i in.m4a -c copy out.m4a`",
            )
        if len([edit for edit in track.edits if edit.start != -1]) > 1:
            raise UnsupportedMediaError(
                "the MP4 file plays several parts of its sound, one behind the other",
                hint="Export it as one piece first",
            )
        if not track.entry.is_alac:
            seconds = max(track.table.total / track.scale, 1e-3)
            mean = 8 * int(track.table.sizes.sum()) / seconds
            return aac_encoder(self._probed, bit_rate=mean)
        bits = self._coding.bits
        if bits not in _ALAC_FORMATS:
            raise UnsupportedMediaError(
                f"the file has Apple Lossless sound of {bits} bits, which can be read but not "
                "written",
                hint="Convert it to Apple Lossless of 16 or 24 bits first",
            )
        return Encoder(
            "alac",
            sample_rate_hz=self.sample_rate_hz,
            layout=self._probed.layout,
            sample_format=_ALAC_FORMATS[bits],
            bits=bits,
        )

    def _has_places(self, box: TopBox) -> bool:
        with open_regular(self.path) as file:
            return b"iloc" in read_node(file, box).body

    def _recode(self, moov: Node, trak: Node, encoder: Encoder, coded: _Coded) -> None:
        entry = self._track.entry
        if entry.is_alac:
            setup = Node(b"alac", encoder.setup[8:])
        else:
            mean, most = coded.bit_rates(self.sample_rate_hz)
            stream = entry.stream.recoded(encoder.setup, mean=mean, most=most)
            setup = Node(b"esds", stream.to_bytes())
        length = encoder.taken
        decoded = sum(coded.durations)
        entry = entry.replaced(setup, sample_rate_hz=self.sample_rate_hz, channels=self.channels)
        old = trak.need(b"mdia", b"minf", b"stbl", b"stsd").body
        new = NewTrack(
            stsd=entry.to_stsd(old),
            sample_rate_hz=self.sample_rate_hz,
            sizes=np.array(coded.sizes, np.int64),
            durations=coded.cut_to(encoder.delay + length),
            delay=encoder.delay,
            length=length,
            pre_roll=0 if entry.is_alac else 1,
        )
        moov.drop(b"mvex")
        mpeg4_writer.recode(moov, trak, new)
        padding = decoded - encoder.delay - length
        with_gapless(moov, Gapless(encoder.delay, max(padding, 0), length))


@dataclass(frozen=True, slots=True)
class _Coded:
    """New packets."""

    sizes: array[int]
    """Bytes of each."""
    durations: array[int]
    """Frames of each."""

    def bit_rates(self, sample_rate_hz: int) -> tuple[int, int]:
        """The mean, and the most of any second, bits a second."""
        ends = np.cumsum([0, *self.sizes])
        times = np.cumsum([0, *self.durations])
        behind = np.searchsorted(times, times[:-1] + sample_rate_hz, side="right") - 1
        mean = 8 * int(ends[-1]) * sample_rate_hz // max(int(times[-1]), 1)
        return mean, max(mean, 8 * int((ends[behind] - ends[:-1]).max(initial=0)))

    def cut_to(self, end: int) -> tuple[int, ...]:
        """The durations, the last of which makes them ``end`` together."""
        before = sum(self.durations[:-1])
        return (*self.durations[:-1], max(1, min(self.durations[-1], end - before)))


def _encode(encoder: Encoder, blocks: Iterable[Samples], output: BinaryIO) -> _Coded:
    sizes, durations = array("L"), array("L")
    for packet in encoder.packets(blocks):
        output.write(packet.data)
        sizes.append(len(packet.data))
        durations.append(encoder.frame_size)
    if encoder.delay == 0 and durations:  # lossless: the last packet has what is left
        durations[-1] = encoder.taken - encoder.frame_size * (len(durations) - 1)
    return _Coded(sizes, durations)


def _read_moov(file: BinaryIO, boxes: Iterable[TopBox]) -> Node:
    found = next((box for box in boxes if box.type == b"moov"), None)
    if found is None:
        raise damaged("the MP4 file has no table of what is in it")
    return read_node(file, found)


def _read_track(file: BinaryIO, boxes: tuple[TopBox, ...], moov: Node) -> Track:
    track = find_track(moov)
    if not any(box.type == b"moof" for box in boxes):
        return track
    table = read_fragments(file, boxes, moov, mp4_headers.track_id(track.trak))
    return replace(track, table=table)


def _packets(file: BinaryIO, track: Track, frames: int) -> Iterator[Packet]:
    for span in track.table.samples():
        yield Packet(b"".join(read_parts(file, [span])), frames)


def _coding(track: Track) -> Coding:
    setup = track.entry.setup
    if not track.entry.is_alac:
        return Coding(codec="aac", sample_rate_hz=track.scale, channels=2, setup=setup)
    if len(setup) < _ALAC_BYTES:
        raise damaged("the header of the Apple Lossless sound is too short")
    return Coding(
        codec="alac",
        sample_rate_hz=int.from_bytes(setup[32:36], "big"),
        channels=setup[21],
        setup=setup,
        bits=setup[17],
    )


def _ends(track: Track, probed: Probed, gapless: Gapless | None) -> tuple[int, int]:
    """How many frames are not played in front, and how many are behind that."""
    unit = Fraction(probed.sample_rate_hz, track.scale)
    timed = round(track.table.total * unit)
    decoded = timed
    if not track.entry.is_alac:
        decoded = len(track.table.sizes) * probed.frames_per_packet
    parts = [edit for edit in track.edits if edit.start != -1]
    is_noted = gapless is not None and (gapless.delay + gapless.padding + gapless.length == decoded)
    if gapless is not None and is_noted:
        skip, length = gapless.delay, gapless.length
        if len(parts) == 1:
            skip = round(parts[0].start * unit)
    elif len(parts) == 1:
        skip = round(parts[0].start * unit)
        length = _played(parts[0], track, probed, timed - skip)
    else:
        skip, length = 0, timed
    return skip, max(0, min(length, decoded - skip))


def _played(edit: Edit, track: Track, probed: Probed, left: int) -> int:
    """How long an edit plays, when so many frames are left from its beginning on."""
    tick = Fraction(probed.sample_rate_hz, track.movie_scale)
    told = edit.duration * tick
    # The movie's clock may be coarse: within its resolution, the packets' own durations are exact.
    # A duration of nothing lasts to the end.
    return left if not told or abs(told - left) <= max(tick, Fraction(1)) else round(told)
