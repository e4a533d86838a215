"""Matroska and WebM with sound: Opus, Vorbis, AAC or FLAC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final

from labeler.codec.sound import Samples
from labeler.containers import ebml, matroska, opus, vorbis
from labeler.containers.damage import damaged
from labeler.containers.flac import StreamInfo, frame_samples
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.media.aac_encoder import aac_encoder, undelayed
from labeler.media.av_sound import Coding, Packet, Probed, probe
from labeler.media.content import open_regular
from labeler.media.flac_frames import FlacFrames
from labeler.media.matroska_writer import MatroskaWriter, NewTrack
from labeler.media.media_type import MediaType
from labeler.media.opus_encoder import OpusEncoder
from labeler.media.packet_sound import PacketSound
from labeler.media.sound_interface import SoundLimits
from labeler.media.vorbis_encoder import encode_vorbis
from labeler.media.xiph_coding import flac_coding, opus_coding, vorbis_coding

__all__ = ["MatroskaSoundCodec"]

_OPUS: Final = "A_OPUS"
_VORBIS: Final = "A_VORBIS"
_AAC: Final = "A_AAC"
_FLAC: Final = "A_FLAC"
_NAMES: Final = {
    "A_MPEG/L3": "MP3", "A_MPEG/L2": "MP2", "A_AC3": "AC-3", "A_EAC3": "E-AC-3", "A_DTS": "DTS",
    "A_TRUEHD": "TrueHD", "A_PCM/INT/LIT": "PCM", "A_PCM/FLOAT/IEEE": "PCM", "A_ALAC": "ALAC",
}  # fmt: skip
_PROBED_BLOCKS: Final = 8
# Where the content of STREAMINFO lies in FLAC's header.
_INFO: Final = slice(8, 42)
_NS: Final = 1_000_000_000
# Recorders note the time of arrival, which jitters.
_LARGEST_GAP_NS: Final = _NS // 2


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a pass over all blocks told."""

    start: int
    """When the first block begins, in units of the file's time."""
    frames: int
    """Frames that the packets decode to."""
    size: int
    """Bytes of the packets."""
    discard_ns: int
    damage: str | None


@dataclass(frozen=True, slots=True)
class _Recoded:
    """New packets, and what is known about them when all are there."""

    packets: Iterator[Packet]
    private: Callable[[], bytes]
    delay: Callable[[], int]


class MatroskaSoundCodec(PacketSound):
    """Opus, Vorbis, AAC or FLAC in Matroska or WebM, alone there.

    It is written with the same codec, as in `OggCodec` and `Mpeg4SoundCodec`, into clusters of at
    most 5 s with a new list of positions and new cues. All other elements stay byte for byte as
    they are, in their order: tags, chapters, attachments, and what of the track and segment is
    not about the packets. Statistics that mkvmerge keeps in tags (BPS, NUMBER_OF_BYTES) are not
    corrected. Empty space and checksums of whole elements are left out.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        self._cut: str | None = None
        with open_regular(path) as file:
            self._layout = layout = matroska.read_layout(file)
            self._track, self._count = _find_track(file, layout)
            coding, self._probed = self._described(file)
            self._scan = scan = self._scanned(file, _scale_ns(file, layout))
        track = self._track
        skip = round(track.delay_ns * coding.sample_rate_hz / _NS)
        if track.codec == _OPUS:
            skip = opus.Head.read(track.private).pre_skip
        elif track.codec == _VORBIS:
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
        )

    def _described(self, file: BinaryIO) -> tuple[Coding, Probed]:
        coding = _CODINGS[self._track.codec](self._track)
        first = islice((Packet(data, 0) for _, data in self._frames(file)), _PROBED_BLOCKS)
        probed = probe(coding, first)
        if self._track.codec == _AAC:
            channels = len(probed.channel_names)
            coding = replace(coding, sample_rate_hz=probed.sample_rate_hz, channels=channels)
        return coding, probed

    def _meter(self) -> Callable[[bytes], int]:
        if self._track.codec == _OPUS:
            return opus.frames
        if self._track.codec == _FLAC:
            return frame_samples
        if self._track.codec == _VORBIS:
            first, _, third = vorbis.unlaced(self._track.private)
            return vorbis.Meter(vorbis.read_timing(first, third)).frames
        return lambda _: self._probed.frames_per_packet

    def _frames(self, file: BinaryIO) -> Iterator[tuple[matroska.Block, bytes]]:
        """The frames of the track up to the end, or to where the file is damaged."""
        try:
            for block in matroska.blocks(file, self._layout):
                for data in matroska.frames_of(block, self._track.number):
                    yield block, data
        except UnreadableMediaError as error:
            self._cut = error.problem

    def _scanned(self, file: BinaryIO, scale_ns: int) -> _Scan:
        measure = self._meter()
        start: int | None = None
        frames = size = discard = 0
        damage = None
        for block, data in self._frames(file):
            time = block.time + block.offset
            start = time if start is None else start
            heard_ns = frames * _NS // self._probed.sample_rate_hz
            if (time - start) * scale_ns - heard_ns > _LARGEST_GAP_NS:
                damage = f"sound is missing at {heard_ns / _NS:.1f} s"
            frames += measure(data)
            size += len(data)
            discard = block.discard_ns
        damage = damage or self._cut
        if self._layout.is_cut:
            damage = damage or "the file ends before its segment does"
        return _Scan(start or 0, frames, size, discard, damage)

    def _packets(self) -> Iterator[Packet]:
        measure = self._meter()
        primes = self._track.codec == _VORBIS
        with open_regular(self.path) as file:
            for _, data in self._frames(file):
                yield Packet(data, measure(data), primes)
                primes = False

    def _write(self, blocks: Iterable[Samples], target: Path) -> None:
        if self._count > 1:
            raise UnsupportedMediaError(
                "the Matroska file has several tracks",
                hint="Extract the one with the sound first, for example with mkvmerge",
            )
        scratch = target.with_name(target.name + ".packets")
        try:
            with open_regular(self.path) as source, target.open("wb") as output:
                recoded = self._recoded(blocks, scratch)
                writer = MatroskaWriter(
                    source,
                    output,
                    self._layout,
                    number=self._track.number,
                    start=self._scan.start,
                )
                length = self.length or 0
                first = next(recoded.packets)  # Makes the delay known, which the header tells.
                packets = chain([first], recoded.packets)
                writer.write(self._new_track(recoded), packets, length)
                writer.finish(self._new_track(recoded), length)
        finally:
            scratch.unlink(missing_ok=True)

    def _new_track(self, recoded: _Recoded) -> NewTrack:
        return NewTrack(
            private=recoded.private(),
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            delay=recoded.delay(),
        )

    def _recoded(self, blocks: Iterable[Samples], scratch: Path) -> _Recoded:
        private = self._track.private
        seconds = max(self.length or 0, 1) / self.sample_rate_hz
        bit_rate = 8 * self._scan.size / seconds
        if self._track.codec == _OPUS:
            opus_encoder = OpusEncoder(opus.Head.read(private), bit_rate=bit_rate)
            return _Recoded(
                opus_encoder.packets(blocks),
                lambda: opus_encoder.head.raw,
                lambda: opus_encoder.head.pre_skip,
            )
        if self._track.codec == _FLAC:
            frames = FlacFrames(StreamInfo.from_bytes(private[_INFO]))
            return _Recoded(
                frames.packets(blocks),
                lambda: private[: _INFO.start] + frames.info.to_bytes() + private[_INFO.stop :],
                lambda: 0,
            )
        if self._track.codec == _VORBIS:
            return self._recoded_vorbis(blocks, scratch, bit_rate)
        encoder = aac_encoder(self._probed, bit_rate=bit_rate)
        if not self._skip:
            # Few players look for delays of AAC in Matroska: where there is none, none is added.
            return _Recoded(undelayed(encoder, blocks), lambda: encoder.setup, lambda: 0)
        packets = (Packet(packet.data, encoder.frame_size) for packet in encoder.packets(blocks))
        return _Recoded(packets, lambda: encoder.setup, lambda: encoder.delay)

    def _recoded_vorbis(
        self, blocks: Iterable[Samples], scratch: Path, bit_rate: float
    ) -> _Recoded:
        old = vorbis.unlaced(self._track.private)
        new, packets = encode_vorbis(
            blocks,
            scratch,
            source=old[0],
            bit_rate=bit_rate,
        )
        measure = vorbis.Meter(vorbis.read_timing(new[0], new[2])).frames
        private = vorbis.laced((new[0], old[1], new[2]))
        coded = (Packet(data, measure(data)) for data in packets)
        return _Recoded(coded, lambda: private, lambda: 0)


def _find_track(file: BinaryIO, layout: matroska.Layout) -> tuple[matroska.Track, int]:
    """The track with the sound, and how many tracks there are."""
    found = layout.find(matroska.TRACKS)
    tracks = () if found is None else matroska.read_tracks(ebml.content(file, found))
    if any(track.kind == matroska.VIDEO for track in tracks):
        raise UnsupportedMediaError(
            "the file is a WebM or Matroska video", hint="Labeler does not mark video yet"
        )
    sounds = [track for track in tracks if track.kind == matroska.AUDIO]
    if not sounds:
        raise damaged("the WebM file has no track with sound")
    track = next((track for track in sounds if track.is_default), sounds[0])
    if track.is_encoded:
        raise UnsupportedMediaError(
            "the track of the Matroska file is compressed once more, or encrypted",
            hint="Remux it first, for example with `mkvmerge --compression -1:none`",
        )
    if track.codec not in _CODINGS:
        name = _NAMES.get(track.codec, track.codec)
        raise UnsupportedMediaError(
            f"the Matroska file holds {name} sound", hint="Convert it to Opus or FLAC first"
        )
    return track, len(tracks)


def _scale_ns(file: BinaryIO, layout: matroska.Layout) -> int:
    """Nanoseconds of a unit of time."""
    found = layout.find(matroska.INFO)
    fields = {} if found is None else dict(ebml.children(ebml.content(file, found)))
    told = matroska.number(fields.get(matroska.TIMESTAMP_SCALE, b""))
    return told or matroska.DEFAULT_SCALE_NS


def _aac_coding(track: matroska.Track) -> Coding:
    return Coding(
        codec="aac",
        sample_rate_hz=track.sample_rate_hz,
        channels=track.channels,
        setup=track.private,
    )


_CODINGS: Final[dict[str, Callable[[matroska.Track], Coding]]] = {
    _OPUS: lambda track: opus_coding(track.private),
    _VORBIS: lambda track: vorbis_coding(vorbis.unlaced(track.private)),
    _FLAC: lambda track: flac_coding(track.private[_INFO]),
    _AAC: _aac_coding,
}
