"""FLAC: samples decoded and encoded with FFmpeg; all metadata is copied as it is.

Source: RFC 9639.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from labeler.codec.sound import Samples
from labeler.containers import flac, splice
from labeler.containers.flac import Block, FlacFile, SeekPoint, StreamInfo
from labeler.containers.id3 import without_manifest
from labeler.containers.splice import Part, Span
from labeler.media.av_sound import LAYOUTS, Coding, Packet, channel_names
from labeler.media.content import open_regular
from labeler.media.flac_frames import FlacFrames
from labeler.media.media_type import MediaType
from labeler.media.packet_sound import PacketSound
from labeler.media.pcm import Coding as SampleCoding
from labeler.media.pcm import SampleFormat
from labeler.media.sound_interface import SoundLimits
from labeler.media.sound_times import tied_in_comments, tied_in_id3
from labeler.media.speakers import names_in_mask

__all__ = ["FlacCodec"]

_MASK: Final = re.compile(rb"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x([0-9a-f]{1,8})", re.IGNORECASE)
# STREAMINFO, PADDING, SEEKTABLE, VORBIS_COMMENT and PICTURE (RFC 9639, 8.1).
_TIMELESS: Final = frozenset({0, 1, 3, 4, 6})
_ID3V1_BYTES: Final = 128
# About one frame: FFmpeg's parser gives no more than that for each piece.
_PARSED_BYTES: Final = 1 << 12


class FlacCodec(PacketSound):
    """One opened FLAC file.

    Raises:
        UnreadableMediaError: The file is truncated or damaged.
        MediaTooLargeError: It is larger than allowed.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        with open_regular(path) as file:
            self._parsed = parsed = flac.parse(file)
            setup = b"".join(splice.blocks(file, [parsed.blocks[0].content]))
            self._info = info = StreamInfo.from_bytes(setup)
            names = _channel_names(file, parsed, info.channels)
            self._tail = _tail(file, parsed.audio)
            tied = _tied(file, parsed)
        super().__init__(
            path,
            media_type,
            coding=Coding(
                codec="flac",
                sample_rate_hz=info.sample_rate_hz,
                channels=info.channels,
                setup=setup[:34],
                bits=info.bits,
            ),
            limits=limits,
            names=names,
            skip=0,
            length=info.frames or None,
            why_fixed=tied,
        )

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples in blocks of ``(n, channels)``, none longer than ``frames``.

        Raises:
            UnreadableMediaError: None of them can be decoded.
        """
        stored, checksum = _stored_as(self._info.bits), hashlib.md5(usedforsecurity=False)
        known = stored is not None and any(self._info.md5)
        for block in super().blocks(frames):
            if known and stored is not None:
                checksum.update(stored.encode(block))
            yield block
        if known and checksum.digest() != self._info.md5:
            self._report("the samples do not match the checksum that the file has of them")

    def _packets(self) -> Iterator[Packet]:
        count = 0
        with open_regular(self.path) as file:
            for data in _frames(file, Span(self._parsed.audio.start, self._tail.start)):
                samples = flac.frame_samples(data)
                count += samples
                yield Packet(data, samples)
        if self.length is not None and count != self.length:
            self._report(
                f"the header says that there are {self.length} samples in each channel, "
                f"and there are {count}"
            )

    def _write(self, blocks: Iterable[Samples], target: Path, _: int | None) -> None:
        frames = FlacFrames(self._info)
        with open_regular(self.path) as source, target.open("wb") as output:
            tags = b"".join(splice.blocks(source, [self._parsed.head]))
            output.write(without_manifest(tags))
            stream = _Stream(source, output, self._parsed.blocks)
            for packet in frames.packets(blocks):
                stream.write_frame(packet.data)
            _copy(source, output, [self._tail])
            stream.finish(frames.info)


class _Stream:
    """A FLAC stream that is being written: metadata, then frames; then what is known at last.

    Args:
        source: The file that metadata is copied from.
        output: Where the stream goes, from where it stands.
        blocks: The metadata of the source.
    """

    def __init__(self, source: BinaryIO, output: BinaryIO, blocks: tuple[Block, ...]) -> None:
        self._source = source
        self._output = output
        self._blocks = blocks
        self._start = output.tell()
        _copy(source, output, flac.block_parts(blocks))
        self._audio_start = output.tell()
        self._offsets = array("Q")

    def write_frame(self, data: bytes) -> None:
        """Write one frame."""
        self._offsets.append(self._output.tell() - self._audio_start)
        self._output.write(data)

    def finish(self, info: StreamInfo) -> None:
        """Write the metadata again, with STREAMINFO and SEEKTABLE as they have become."""
        finished = [self._finished(block, info) for block in self._blocks]
        self._output.seek(self._start)
        _copy(self._source, self._output, flac.block_parts(finished))

    def _finished(self, block: Block, info: StreamInfo) -> Block:
        if block.type == flac.STREAM_INFO:
            # Something longer than the specification knows stays as long as it is.
            return replace(block, content=info.to_bytes() + self._read(block)[34:])
        if block.type == flac.SEEK_TABLE:
            return replace(block, content=self._seek_table(self._read(block), info))
        return block

    def _seek_table(self, old: bytes, info: StreamInfo) -> bytes:
        """A table of the same size with points near to those of ``old``."""
        points = flac.parse_seek_points(old)
        # Every frame but the last has as many samples.
        size = info.max_block
        wanted = {point.sample // size for point in points if point.sample < info.frames}
        found = [
            SeekPoint(at * size, self._offsets[at], min(size, info.frames - at * size))
            for at in sorted(wanted)
        ]
        unused = [flac.PLACEHOLDER] * (len(points) - len(found))
        return flac.pack_seek_points([*found, *unused]) + old[18 * len(points) :]

    def _read(self, block: Block) -> bytes:
        return b"".join(splice.blocks(self._source, [block.content]))


def _frames(file: BinaryIO, audio: Span) -> Iterator[bytes]:
    """The frames in a stretch of the file, found by FFmpeg's parser."""
    import av  # noqa: PLC0415  loading takes a tenth of a second

    parser = av.CodecContext.create("flac", "r")
    for piece in splice.blocks(file, [audio]):
        for at in range(0, len(piece), _PARSED_BYTES):
            yield from map(bytes, parser.parse(piece[at : at + _PARSED_BYTES]))
    # It gives what it still holds one frame at a time.
    while rest := parser.parse():
        yield from map(bytes, rest)


def _tail(file: BinaryIO, audio: Span) -> Span:
    """An ID3v1 tag behind the frames; empty where there is none."""
    start = max(audio.start, audio.end - _ID3V1_BYTES)
    file.seek(start)
    return Span(start if file.read(3) == b"TAG" else audio.end, audio.end)


def _channel_names(file: BinaryIO, parsed: FlacFile, channels: int) -> tuple[str, ...]:
    comments = parsed.find(flac.VORBIS_COMMENT)
    if comments is not None:
        text = b"".join(splice.blocks(file, [comments.content]))
        mask = _MASK.search(text)
        names = names_in_mask(int(mask[1], 16), channels) if mask else ()
        if names:
            return names
    return channel_names(LAYOUTS[channels - 1])


def _tied(file: BinaryIO, parsed: FlacFile) -> str | None:
    """What in the metadata is tied to times, in words; None if nothing."""
    if any(block.type not in _TIMELESS for block in parsed.blocks):
        return "its cue sheet, or another program's data in it, refers to places in it"
    comments = parsed.find(flac.VORBIS_COMMENT)
    text = b"" if comments is None else b"".join(splice.blocks(file, [comments.content]))
    head = b"".join(splice.blocks(file, [parsed.head]))
    return tied_in_comments(text) or tied_in_id3(head)


def _copy(source: BinaryIO, output: BinaryIO, parts: Iterable[Part]) -> None:
    output.writelines(splice.blocks(source, parts))


def _stored_as(bits: int) -> SampleFormat | None:
    """How the checksum sees the samples; None for sizes that are no whole bytes."""
    if bits % 8:
        return None
    return SampleFormat(coding=SampleCoding.SIGNED, width=bits // 8, bits=bits)
