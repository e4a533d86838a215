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
from labeler.containers.bmff_tree import Node
from labeler.containers.damage import damaged
from labeler.containers.splice import blocks as read_parts
from labeler.errors import UnsupportedMediaError
from labeler.media.aac_encoder import aac_encoder
from labeler.media.av_sound import Coding, Encoder, Packet, Probed, probe
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.mpeg4_clock import Clock
from labeler.media.mpeg4_movie import Movie, read_movie
from labeler.media.mpeg4_pcm import Mpeg4PcmCodec
from labeler.media.mpeg4_recoding import NewTrack, recode, rewrite
from labeler.media.mpeg4_track import PCM, Gapless, Track, find_track, read_gapless, with_gapless
from labeler.media.packet_sound import PacketSound
from labeler.media.sound_interface import SoundCodec, SoundLimits
from labeler.media.sound_times import tied_in_comments

__all__ = ["mpeg4_codec"]

_PROBED_PACKETS: Final = 8
_ALAC_FORMATS: Final = {16: "s16p", 24: "s32p"}
# Box, version and the fields of the codec's header.
_ALAC_BYTES: Final = 36


def mpeg4_codec(path: Path, media_type: MediaType, limits: SoundLimits) -> SoundCodec:
    """The codec for the sound of an MP4 or QuickTime file.

    Raises:
        UnreadableMediaError: The file is truncated or damaged, or has no sound.
        UnsupportedMediaError: It is a film without sound, or its sound cannot be read.
        MediaTooLargeError: There is too much of it.
    """
    with open_regular(path) as file:
        kind = find_track(read_movie(file).moov).entry.kind
    codec = Mpeg4PcmCodec if kind in PCM else Mpeg4SoundCodec
    return codec(path, media_type, limits)


class Mpeg4SoundCodec(PacketSound):
    """AAC or Apple Lossless in MP4 or QuickTime: the sound track that plays by default.

    What edit lists or the note of iTunes leave out at both ends is not played, and what is written
    says the same, to the sample. AAC becomes AAC-LC (see `aac_encoder`), Apple Lossless keeps
    every bit. Tags, pictures, chapters of both kinds, other tracks packet for packet, and when all
    of it is played stay as they are. The order of boxes stays too, but in a film the one with the
    tables of tracks comes in front. A file in fragments becomes one without. A C2PA manifest is
    dropped.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        with open_regular(path) as file:
            moov = read_movie(file).moov
            self._track = track = find_track(moov)
            first = islice(_packets(file, track, 0), _PROBED_PACKETS)
            coding = _coding(track)
            self._probed = probed = probe(coding, first)
        self._clock = Clock.of(
            track.table,
            frames_per_packet=probed.frames_per_packet,
            unit=Fraction(probed.sample_rate_hz, track.scale),
        )
        skip, length = _ends(track, probed, self._clock, read_gapless(moov))
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
            why_fixed=_tied(moov, track),
        )

    def _packets(self) -> Iterator[Packet]:
        with open_regular(self.path) as file:
            yield from _packets(file, self._track, self._probed.frames_per_packet)

    def _write(self, blocks: Iterable[Samples], target: Path, _: int | None) -> None:
        encoder = self._encoder()

        def fill(_: BinaryIO, packets: BinaryIO, movie: Movie, trak: Node) -> None:
            self._recode(movie, trak, encoder, _encode(encoder, blocks, packets))

        rewrite(self.path, target, fill)

    def _encoder(self) -> Encoder:
        track = self._track
        if len(track.parts) > 1:
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

    def _recode(self, movie: Movie, trak: Node, encoder: Encoder, coded: _Coded) -> None:
        entry = self._track.entry
        if entry.is_alac:
            setup = Node(b"alac", encoder.setup[8:])
        else:
            mean, most = coded.bit_rates(self.sample_rate_hz)
            stream = entry.stream.recoded(encoder.setup, mean=mean, most=most)
            setup = Node(b"esds", stream.to_bytes())
        entry = entry.replaced(setup, sample_rate_hz=self.sample_rate_hz, channels=self.channels)
        old = trak.need(b"mdia", b"minf", b"stbl", b"stsd").body
        length, decoded = encoder.taken, sum(coded.durations)
        # Between packets, at the end of the last, and of what is played: when that was so far.
        frames = np.cumsum([0, *coded.cut_to(encoder.delay + length)])
        times = self._clock.time(frames + self._skip - encoder.delay)
        begin, end = self._clock.time(self._skip + np.array([0, length]))
        new = NewTrack(
            stsd=entry.to_stsd(old),
            sample_rate_hz=self.sample_rate_hz,
            sizes=np.array(coded.sizes, np.int64),
            durations=np.diff(times),
            delay=int(begin - times[0]),
            length=int(end - begin),
            pre_roll=0 if entry.is_alac else 1,
        )
        recode(movie, trak, new)
        padding = decoded - encoder.delay - length
        with_gapless(movie.moov, Gapless(encoder.delay, max(padding, 0), length))


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


def _tied(moov: Node, track: Track) -> str | None:
    """What in the file is tied to times, in words; None if nothing."""
    if len(moov.all(b"trak")) > 1:
        return "it has other tracks beside the sound"
    if len(track.parts) > 1:
        return "it plays several parts of its sound, one behind the other"
    told = b"".join(node.to_bytes() for node in moov.all(b"udta"))
    return "it has chapters" if b"chpl" in told else tied_in_comments(told)


def _ends(track: Track, probed: Probed, clock: Clock, gapless: Gapless | None) -> tuple[int, int]:
    """How many frames are not played in front, and how many are behind that."""
    unit = Fraction(probed.sample_rate_hz, track.scale)
    timed = round(track.table.total * unit)
    decoded = timed
    if not track.entry.is_alac:
        decoded = len(track.table.sizes) * probed.frames_per_packet
    begin, played = track.played_part(probed.sample_rate_hz, timed)
    is_noted = gapless is not None and (gapless.delay + gapless.padding + gapless.length == decoded)
    if gapless is not None and is_noted:
        skip, length = (
            clock.frame(begin) if len(track.parts) == 1 else gapless.delay,
            gapless.length,
        )
    else:
        skip = clock.frame(begin)
        length = clock.frame(begin + played) - skip
    return skip, max(0, min(length, decoded - skip))
