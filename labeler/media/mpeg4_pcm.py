"""MP4 and QuickTime with uncompressed sound: its bytes are replaced where they are.

Sources: QuickTime File Format, "Sound sample descriptions"; ISO/IEC 23003-5 (``ipcm``, ``fpcm``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from labeler.codec.sound import Samples
from labeler.containers.bmff_tree import Node
from labeler.containers.chunks import ByteOrder
from labeler.containers.damage import damaged
from labeler.containers.mp4_tables import write_chunk_starts
from labeler.containers.splice import Span
from labeler.containers.splice import blocks as read_parts
from labeler.errors import UnsupportedMediaError
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.mpeg4_chunks import read_chunks
from labeler.media.mpeg4_movie import Movie, read_movie
from labeler.media.mpeg4_recoding import rewrite
from labeler.media.mpeg4_track import SoundEntry, find_track
from labeler.media.pcm import Coding, SampleFormat
from labeler.media.sample_blocks import regrouped, trimmed
from labeler.media.sound_interface import SoundLimits
from labeler.media.speakers import names_in_mask, usual_names

__all__ = ["Mpeg4PcmCodec"]

_FLOAT, _BIG_ENDIAN, _SIGNED = 1, 2, 4
"""Flags of version 2 of the entry."""
_LITTLE_ENDIAN: Final = 1
"""Flag of ``pcmC``."""
# Width in bytes where the type tells it.
_WIDTHS: Final = {b"in24": 3, b"in32": 4, b"fl32": 4, b"fl64": 8}
_COMPANDED: Final = {b"ulaw": Coding.MU_LAW, b"alaw": Coding.A_LAW}
# Core Audio's layouts (CoreAudioTypes.h); the first says that a mask follows.
_MASK: Final = 1 << 16
_LAYOUTS: Final = {
    121 << 16 | 6: ("FL", "FR", "FC", "LFE", "SL", "SR"),
    122 << 16 | 6: ("FL", "FR", "SL", "SR", "FC", "LFE"),
    123 << 16 | 6: ("FL", "FC", "FR", "SL", "SR", "LFE"),
    124 << 16 | 6: ("FC", "FL", "FR", "SL", "SR", "LFE"),
}


class Mpeg4PcmCodec:
    """Uncompressed sound in MP4 or QuickTime: the sound track that plays by default.

    Nothing but samples that are played is changed, and no table but that of positions; writing what
    was read gives the same samples, bit for bit. A C2PA manifest is dropped.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        self._path = path
        self.media_type = media_type
        with open_regular(path) as file:
            self._read(file)
        limits.check(
            channels=self.channels,
            sample_rate_hz=self.sample_rate_hz,
            frames=self.length,
        )

    def _read(self, file: BinaryIO) -> None:
        moov = read_movie(file).moov
        track = find_track(moov)
        entry = track.entry
        chunks = read_chunks(moov, track.trak, file)
        self.channels = _channels(entry)
        self._format = _format(entry)
        self._frame_size = self.channels * self._format.width
        self._starts, self._sizes = chunks.starts, chunks.sizes
        frames = int(chunks.sizes.sum()) // max(1, self._frame_size)
        if (chunks.sizes % max(1, self._frame_size)).any() or frames != track.table.total:
            raise UnsupportedMediaError(
                "the file has uncompressed sound that does not run with its own clock",
                hint="Remux it first, for example with `ffmpeg -i in.mov -c copy out.mov`",
            )
        self.sample_rate_hz = track.scale
        self.channel_names = _names(entry, self.channels)
        self.damage: str | None = None  # errors tell it
        self.why_fixed: str | None = "it has uncompressed sound between other tracks"
        self._frames = frames
        skip, played = track.played_part(track.scale, frames)
        self._skip = min(skip, frames)
        self.length: int | None = max(0, min(played, frames - self._skip))

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return (self.length or 0) / self.sample_rate_hz

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples in blocks of ``(n, channels)``, none longer than ``frames``.

        Raises:
            UnreadableMediaError: The file has become shorter, or some samples are not numbers.
        """
        with open_regular(self._path) as file:
            decoded = (
                self._format.decode(data).reshape(-1, self.channels)
                for data in self._raw(file, 0, self._frames)
            )
            yield from regrouped(trimmed(decoded, skip=self._skip, length=self.length), frames)

    def encode(self, blocks: Iterable[Samples], target: Path, *, length: int | None = None) -> None:
        """Write the file with other samples; see `SoundCodec.encode`."""
        if length not in {None, self.length}:
            raise ValueError(f"{self.length} frames are expected, not {length}")
        behind = self._skip + (self.length or 0)

        def fill(source: BinaryIO, packets: BinaryIO, movie: Movie, trak: Node) -> None:
            read_chunks(movie.moov, trak, source)  # cuts it as it was cut here
            packets.writelines(self._raw(source, 0, self._skip))
            packets.writelines(map(self._format.encode, blocks))
            packets.writelines(self._raw(source, behind, self._frames))
            starts = np.cumsum(self._sizes) - self._sizes
            write_chunk_starts(trak.need(b"mdia", b"minf", b"stbl"), starts)

        rewrite(self._path, target, fill)

    def _raw(self, file: BinaryIO, first: int, last: int) -> Iterator[bytes]:
        """The bytes of frames from ``first`` to before ``last``, whole frames at a time."""
        step = max(1, (1 << 20) // self._frame_size) * self._frame_size
        behind = np.cumsum(self._sizes)
        low, high = first * self._frame_size, last * self._frame_size
        for start, size, end in zip(self._starts, self._sizes, behind, strict=True):
            shift = int(start) - (int(end) - int(size))  # from place among the samples to file
            begin, stop = max(low, int(end) - int(size)), min(high, int(end))
            for at in range(begin, stop, step):
                span = Span(at + shift, min(at + step, stop) + shift)
                yield b"".join(read_parts(file, [span]))


def _channels(entry: SoundEntry) -> int:
    at = slice(40, 44) if entry.version == 2 else slice(16, 18)
    return int.from_bytes(entry.head[at], "big")


def _format(entry: SoundEntry) -> SampleFormat:
    head, kind = entry.head, entry.kind
    bits = int.from_bytes(head[18:20], "big")
    coding, is_little = Coding.SIGNED, kind == b"sowt"
    if kind in {b"ipcm", b"fpcm"}:
        setup = entry.box(b"pcmC").body
        if len(setup) < 6:
            raise damaged("the file does not say how its sound is coded")
        coding = Coding.FLOAT if kind == b"fpcm" else Coding.SIGNED
        is_little, bits = bool(setup[4] & _LITTLE_ENDIAN), setup[5]
    elif kind == b"lpcm" and entry.version == 2:
        flags, bits = int.from_bytes(head[52:56], "big"), int.from_bytes(head[48:52], "big")
        whole = Coding.SIGNED if flags & _SIGNED else Coding.UNSIGNED
        coding = Coding.FLOAT if flags & _FLOAT else whole
        is_little = not flags & _BIG_ENDIAN
    elif kind in _COMPANDED:
        coding, bits = _COMPANDED[kind], 8
    elif kind in _WIDTHS:
        coding = Coding.FLOAT if kind.startswith(b"fl") else Coding.SIGNED
        bits, is_little = 8 * _WIDTHS[kind], entry.is_little_endian
    elif kind == b"raw " and bits == 8:
        coding = Coding.UNSIGNED
    width = -(-bits // 8)
    order: ByteOrder = "little" if is_little else "big"
    return SampleFormat(coding=coding, width=width, bits=8 * width, byte_order=order)


def _names(entry: SoundEntry, channels: int) -> tuple[str, ...]:
    told = next((child.body for child in entry.children if child.type == b"chan"), b"")
    tag, mask = int.from_bytes(told[4:8], "big"), int.from_bytes(told[8:12], "big")
    if tag == _MASK:
        return names_in_mask(mask, channels)
    names = _LAYOUTS.get(tag, ())
    return names if len(names) == channels else usual_names(channels)
