"""Ogg with Vorbis, Opus or FLAC; the packet with its tags stays byte by byte.

Sources: RFC 7845 (Opus), Vorbis I, annex A, and "Ogg mapping for FLAC" 1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from labeler.codec.sound import Samples
from labeler.containers import ogg, opus
from labeler.containers.flac import StreamInfo
from labeler.media.av_sound import LAYOUTS, Coding, Packet, channel_names
from labeler.media.flac_frames import FlacFrames
from labeler.media.media_type import MediaType
from labeler.media.ogg_stream import (
    FLAC,
    OPUS,
    VORBIS,
    OggStream,
    meter,
    read_stream,
    sound_packets,
)
from labeler.media.opus_encoder import OpusEncoder
from labeler.media.packet_sound import PacketSound
from labeler.media.sound_interface import SoundLimits
from labeler.media.sound_times import tied_in_comments
from labeler.media.vorbis_encoder import encode_vorbis
from labeler.media.xiph_coding import flac_coding, opus_coding, vorbis_coding

__all__ = ["OggCodec"]

# Where the content of STREAMINFO lies in the first packet of FLAC, and how long it is.
_INFO: Final = slice(17, 51)
_MOST_SEGMENTS: Final = 200


class OggCodec(PacketSound):
    """Vorbis, Opus or FLAC in Ogg.

    It is written with the same codec, one step better where it is lossy: Vorbis with the next
    quality of libvorbis, Opus with a fifth more bits a second. Opus is decoded and encoded at
    48 kHz; its header keeps the original rate and the output gain, which is applied to what is
    read and taken back from what is written. What is written begins at time 0.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        self._stream = stream = read_stream(path)
        coding = _CODINGS[stream.codec](stream.headers)
        skip, length = _ends(stream)
        super().__init__(
            path,
            media_type,
            coding=coding,
            limits=limits,
            names=_names(stream, coding.channels),
            skip=skip,
            length=length,
            damage=stream.damage,
            why_fixed=tied_in_comments(b"".join(stream.headers[1:])),
        )

    def _packets(self) -> Iterator[Packet]:
        measure = meter(self._stream.headers)
        primes = self._stream.codec == VORBIS
        for data in sound_packets(self.path, len(self._stream.headers)):
            yield Packet(data, measure(data), primes)
            primes = False

    def _write(self, blocks: Iterable[Samples], target: Path, length: int | None) -> None:
        write = {VORBIS: self._write_vorbis, OPUS: self._write_opus, FLAC: self._write_flac}
        with target.open("wb") as output:
            write[self._stream.codec](blocks, output, target, length or 0)

    def _write_vorbis(
        self, blocks: Iterable[Samples], output: BinaryIO, target: Path, length: int
    ) -> None:
        scratch = target.with_name(target.name + ".vorbis")
        try:
            new, packets = encode_vorbis(
                blocks,
                scratch,
                source=self._stream.headers[0],
                bit_rate=self._mean_bit_rate,
            )
            headers = (new[0], self._stream.headers[1], new[2])
            measure = meter(headers)
            sized = (Packet(data, measure(data)) for data in packets)
            self._write_stream(output, headers, sized, before=0, length=length)
        finally:
            scratch.unlink(missing_ok=True)

    def _write_opus(
        self, blocks: Iterable[Samples], output: BinaryIO, _: Path, length: int
    ) -> None:
        head = opus.Head.read(self._stream.headers[0])
        encoder = OpusEncoder(head, bit_rate=self._mean_bit_rate)
        packets = encoder.packets(blocks)
        first = next(packets)  # Makes the delay known, which the header tells.
        self._write_stream(
            output,
            (encoder.head.raw, *self._stream.headers[1:]),
            chain([first], packets),
            before=encoder.head.pre_skip,
            length=length,
        )

    def _write_flac(
        self, blocks: Iterable[Samples], output: BinaryIO, _: Path, length: int
    ) -> None:
        first, *rest = self._stream.headers
        frames = FlacFrames(StreamInfo.from_bytes(first[_INFO]))
        self._write_stream(output, (first, *rest), frames.packets(blocks), before=0, length=length)
        output.seek(0)
        info = frames.info.to_bytes()
        _write_first(output, self._stream.serial, first[: _INFO.start] + info + first[_INFO.stop :])

    @property
    def _mean_bit_rate(self) -> float:
        seconds = max(self.length or 0, 1) / self.sample_rate_hz
        return 8 * self._stream.size / seconds

    def _write_stream(
        self,
        output: BinaryIO,
        headers: tuple[bytes, ...],
        packets: Iterable[Packet],
        *,
        before: int,
        length: int,
    ) -> None:
        """The whole file of ``length`` frames; ``before``: decoded but not played, in front."""
        pager = _write_first(output, self._stream.serial, headers[0])
        for header in headers[1:]:
            pager.write(header, 0)
        pager.end_page()
        position, page_start = 0, 0
        end = before + length
        for packet in packets:
            if pager.pending and (
                position - page_start >= self.sample_rate_hz or pager.pending >= _MOST_SEGMENTS
            ):
                pager.end_page()
                page_start = position
            position += packet.frames
            pager.write(packet.data, min(position, end))
        pager.end_page(last=True)


def _write_first(output: BinaryIO, serial: int, header: bytes) -> ogg.Pager:
    """The page with the first packet, which is alone there."""
    pager = ogg.Pager(output, serial)
    pager.write(header, 0)
    pager.end_page()
    return pager


def _ends(stream: OggStream) -> tuple[int, int | None]:
    """How many frames are not played in front, and how many are behind that."""
    skip = opus.Head.read(stream.headers[0]).pre_skip if stream.codec == OPUS else 0
    start = max(stream.first_granule, 0)
    if stream.codec == VORBIS:
        skip = max(-stream.first_granule, 0)
    if stream.codec == FLAC:
        told = StreamInfo.from_bytes(stream.headers[0][_INFO]).frames
        return 0, told or stream.last_granule or None
    length = stream.last_granule - start - (skip if stream.codec == OPUS else 0)
    return skip, max(0, min(length, stream.decoded - skip))


def _names(stream: OggStream, channels: int) -> tuple[str, ...]:
    is_mapped = stream.codec != OPUS or opus.Head.read(stream.headers[0]).family <= 1
    return channel_names(LAYOUTS[channels - 1]) if is_mapped and channels <= 8 else ()


_CODINGS: Final[dict[bytes, Callable[[tuple[bytes, ...]], Coding]]] = {
    VORBIS: vorbis_coding,
    OPUS: lambda headers: opus_coding(headers[0]),
    FLAC: lambda headers: flac_coding(headers[0][_INFO]),
}
