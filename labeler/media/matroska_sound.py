"""Sound in Matroska and WebM, alone or of a film: Opus, Vorbis, AAC, FLAC or uncompressed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final

from labeler.codec.sound import Samples
from labeler.containers import ebml, matroska, matroska_blocks, opus
from labeler.containers.damage import damaged
from labeler.containers.matroska_blocks import Block
from labeler.containers.matroska_compression import unpacker
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.av_sound import LAYOUTS, Coding, Packet, Probed, channel_names, probe
from labeler.media.content import open_regular
from labeler.media.matroska_clock import Clock
from labeler.media.matroska_clusters import NewBlock
from labeler.media.matroska_fields import NewSound, sound_entry, with_entry
from labeler.media.matroska_recoding import (
    AAC,
    OPUS,
    VORBIS,
    Recoded,
    coding_of,
    is_pcm,
    meter,
    recode,
    sample_format,
)
from labeler.media.matroska_writer import MatroskaWriter, read_tracks, scale_ns
from labeler.media.media_type import MediaType
from labeler.media.packet_sound import PacketSound
from labeler.media.sample_blocks import regrouped
from labeler.media.sound_interface import SoundLimits
from labeler.media.sound_times import tied_in_comments

__all__ = ["MatroskaSoundCodec"]

_CHAPTERS: Final = b"\x10\x43\xa7\x70"
_PROBED_BLOCKS: Final = 8
_NS: Final = 1_000_000_000
# Less than that is jitter.
_LARGEST_GAP_NS: Final = _NS // 2
# Other tracks are at most so much ahead of sound that begins again.
_AHEAD_NS: Final = _NS // 4


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a pass over all blocks told."""

    clock: Clock
    frames: int
    """Frames that the packets decode to."""
    size: int
    """Bytes of the packets."""
    discard_ns: int
    damage: str | None


class MatroskaSoundCodec(PacketSound):
    """The sound track of a Matroska or WebM file that plays unless another is chosen.

    It is written with the same codec, as in `OggCodec` and `Mpeg4SoundCodec`, and with the times
    that it had. The blocks of other tracks stay byte for byte as they are, and so do all other
    elements, in their order: tags, chapters, attachments, and what of the track and segment is not
    about the packets. Clusters, cues and the list of positions are new. Left out are empty space,
    checksums of clusters, and what mkvmerge counted in the packets of this track.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        self._cut: str | None = None
        with open_regular(path) as file:
            self._layout = layout = matroska.read_layout(file)
            self._scale_ns = scale_ns(file, layout)
            self._track = track = _find_track(read_tracks(file, layout))
            self._unpack = unpacker(track.encodings)
            coding, self._probed = self._described(file)
            self._scan = scan = self._scanned(file)
        skip = round(track.delay_ns * coding.sample_rate_hz / _NS)
        if track.codec == OPUS:
            skip = opus.Head.read(track.private).pre_skip
        elif track.codec == VORBIS:
            skip = 0  # What some say here is what the first packet never gives out.
        discard = round(scan.discard_ns * coding.sample_rate_hz / _NS)
        super().__init__(
            path,
            media_type,
            coding=coding,
            limits=limits,
            names=self._probed.channel_names,
            skip=skip,
            length=max(0, scan.frames - skip - discard),
            damage=scan.damage,
            why_fixed=self._tied(path),
        )

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples in blocks of ``(n, channels)``, none longer than ``frames``."""
        if not is_pcm(self._track):
            return super().blocks(frames)
        return regrouped(self._pcm_blocks(), frames)

    def _pcm_blocks(self) -> Iterator[Samples]:
        form = sample_format(self._track)
        for packet in self._packets():
            used = packet.frames * self.channels * form.width
            yield form.decode(packet.data[:used]).reshape(-1, self.channels)

    def _tied(self, path: Path) -> str | None:
        with open_regular(path) as file:
            if len(read_tracks(file, self._layout)) > 1:
                return "it has other tracks beside the sound"
            if is_pcm(self._track):
                return "it has uncompressed sound with times of its own"
            if self._layout.find(_CHAPTERS) is not None:
                return "it has chapters"
            tags = [
                ebml.content(file, each) for each in self._layout.elements if each.id == ebml.TAGS
            ]
        return tied_in_comments(b"".join(tags))

    def _described(self, file: BinaryIO) -> tuple[Coding, Probed]:
        coding = coding_of(self._track)
        if is_pcm(self._track):
            layout = LAYOUTS[min(max(coding.channels, 1), len(LAYOUTS)) - 1]
            return coding, Probed(coding.sample_rate_hz, layout, channel_names(layout), 0)
        first = islice((Packet(data, 0) for _, data in self._frames(file)), _PROBED_BLOCKS)
        probed = probe(coding, first)
        if self._track.codec == AAC:
            channels = len(probed.channel_names)
            coding = replace(coding, sample_rate_hz=probed.sample_rate_hz, channels=channels)
        return coding, probed

    def _meter(self) -> Callable[[bytes], int]:
        return meter(self._track, self._probed.frames_per_packet)

    def _blocks(self, file: BinaryIO) -> Iterator[Block]:
        """The blocks of all tracks up to the end, or to where the file is damaged."""
        try:
            yield from matroska_blocks.blocks(file, self._layout)
        except UnreadableMediaError as error:
            self._cut = error.problem

    def _frames(self, file: BinaryIO) -> Iterator[tuple[Block, bytes]]:
        """The frames of the track, likewise."""
        for block in self._blocks(file):
            if block.track == self._track.number:
                for data in self._frames_of(file, block):
                    yield block, data

    def _frames_of(self, file: BinaryIO, block: Block) -> tuple[bytes, ...]:
        try:
            return tuple(map(self._unpack, matroska_blocks.frames(file, block)))
        except UnreadableMediaError as error:
            self._cut = self._cut or error.problem
            return ()

    def _scanned(self, file: BinaryIO) -> _Scan:
        measure = self._meter()
        rate_hz = self._probed.sample_rate_hz
        clock = Clock(sample_rate_hz=rate_hz, scale_ns=self._scale_ns)
        frames = size = discard = 0
        due, others = 0.0, None
        damage = None
        for block in self._blocks(file):
            if block.track != self._track.number:
                others = block.time if others is None and block.time > due else others
                continue
            is_late = frames and self._ns(block.time - due) > _LARGEST_GAP_NS
            # Where other tracks go on meanwhile, there was a pause; else something is lost.
            if is_late and (others is None or self._ns(block.time - others) < _AHEAD_NS):
                damage = damage or f"sound is missing at {frames / rate_hz:.1f} s"
            clock.note(frames, block.time)
            for data in self._frames_of(file, block):
                frames += measure(data)
                size += len(data)
            told = matroska_blocks.field(file, block, matroska.DISCARD_PADDING) or b""
            discard = max(0, int.from_bytes(told, "big", signed=True))
            due, others = clock.at(frames), None
        damage = damage or self._cut
        if self._layout.is_cut:
            damage = damage or "the file ends before its segment does"
        return _Scan(clock, frames, size, discard, damage)

    def _ns(self, time: float) -> float:
        return time * self._scale_ns

    def _packets(self) -> Iterator[Packet]:
        measure = self._meter()
        primes = self._track.codec == VORBIS
        with open_regular(self.path) as file:
            for _, data in self._frames(file):
                yield Packet(data, measure(data), primes)
                primes = False

    def _write(self, blocks: Iterable[Samples], target: Path, length: int | None) -> None:
        scratch = target.with_name(target.name + ".packets")
        seconds = max(self.length or 0, 1) / self.sample_rate_hz
        track = self._track
        try:
            with open_regular(self.path) as source, target.open("wb") as output:
                writer = MatroskaWriter(source, output, self._layout, replaced=track)
                recoded = recode(
                    track,
                    blocks,
                    probed=self._probed,
                    bit_rate=8 * self._scan.size / seconds,
                    keeps_delay=self._skip > 0,
                    scratch=scratch,
                )
                first = next(recoded.packets)  # Makes the delay known, which the header tells.
                packets = chain([first], recoded.packets)
                found = self._layout.find(matroska.TRACKS)
                entries = b"" if found is None else ebml.content(source, found)
                writer.write(
                    partial(self._entries, entries, recoded),
                    self._new_blocks(packets, recoded.delay(), length or 0),
                )
        finally:
            scratch.unlink(missing_ok=True)

    def _entries(self, entries: bytes, recoded: Recoded) -> bytes:
        new = NewSound(
            private=recoded.private(),
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            delay=recoded.delay(),
        )
        return with_entry(entries, self._track.number, lambda data: sound_entry(data, new))

    def _new_blocks(self, packets: Iterable[Packet], delay: int, length: int) -> Iterator[NewBlock]:
        position, end, last = 0, delay + length, -(1 << 62)
        shift = delay - self._skip
        clock, unit = self._scan.clock, _NS / (self.sample_rate_hz * self._scale_ns)
        for packet, is_last in _with_last(packets):
            exact = clock.shifted(position, shift)
            last = max(last, round(exact))
            position += packet.frames
            spare = max(position - end, 0) if is_last else 0
            discard = round(spare * _NS / self.sample_rate_hz).to_bytes(8, "big", signed=True)
            yield NewBlock(
                track=self._track.number,
                time=last,
                end=exact + (packet.frames - spare) * unit,
                data=packet.data,
                fields=ebml.make(matroska.DISCARD_PADDING, discard) if spare else b"",
            )


def _find_track(tracks: tuple[matroska.Track, ...]) -> matroska.Track:
    """The track with the sound that plays unless another is chosen."""
    sounds = [track for track in tracks if track.kind == matroska.AUDIO]
    if sounds:
        return next((track for track in sounds if track.is_default), sounds[0])
    if any(track.kind == matroska.VIDEO for track in tracks):
        raise UnsupportedMediaError(
            "the film has no sound", hint="Give one that has, or mark its pictures only"
        )
    raise damaged("the Matroska file has no track with sound")


def _with_last(packets: Iterable[Packet]) -> Iterator[tuple[Packet, bool]]:
    """Each packet, and whether it is the last."""
    before: Packet | None = None
    for packet in packets:
        if before is not None:
            yield before, False
        before = packet
    if before is not None:
        yield before, True
