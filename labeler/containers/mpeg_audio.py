"""MPEG audio, layer III: the headers of its frames.

Sources: ISO/IEC 11172-3 section 2.4 and ISO/IEC 13818-3 section 2.4 (frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, Final, Self

from labeler.containers.damage import damaged
from labeler.containers.framed import Place, locate
from labeler.containers.sound_heads import id3_size, mpeg_frame_size
from labeler.errors import UnsupportedMediaError

__all__ = ["BIT_RATES", "Header", "parse", "parse_header", "read_place"]

BIT_RATES: Final = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s of layer III by their index, from 1 on, for MPEG-1 and for MPEG-2 and 2.5."""
_RATES_HZ: Final = (44_100, 48_000, 32_000)
_DIVISORS: Final = {0: 4, 2: 2, 3: 1}
_LAYER_3: Final = 1
_MONO: Final = 3
_SYNC: Final = 0x7FF
# Sync, version, layer and rate, which do not change within a stream.
_STREAM_BITS: Final = 0xFFFE0C00
_CONVERT: Final = "Convert it to MP3, FLAC or WAV first"
_HEAD_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """The first four bytes of a frame."""

    word: int
    """The bytes as a big-endian number."""
    size: int
    """Bytes of the whole frame."""
    sample_rate_hz: int
    is_mpeg1: bool
    """MPEG-1; else MPEG-2 or 2.5, with half as many samples a frame."""

    @property
    def channels(self) -> int:
        """1 or 2."""
        return 1 if self.word >> 6 & 3 == _MONO else 2

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return 1152 if self.is_mpeg1 else 576

    @property
    def bit_rate_index(self) -> int:
        """From 1 to 14; `BIT_RATES` has what it means, from 0 on."""
        return self.word >> 12 & 15

    @property
    def side_size(self) -> int:
        """Bytes of the header, of its checksum if it has one, and of the side information."""
        checksum = 0 if self.word >> 16 & 1 else 2
        side = (17 if self.channels == 1 else 32) if self.is_mpeg1 else (9, 17)[self.channels - 1]
        return 4 + checksum + side

    def continues(self, other: Self) -> bool:
        """Whether it may follow ``other`` in one stream."""
        return not (self.word ^ other.word) & _STREAM_BITS and self.channels == other.channels


@lru_cache(maxsize=4096)
def parse_header(word: int) -> Header | None:
    """The header in ``word``, a big-endian number of 32 bits; None if it is none of layer III."""
    if word >> 17 & 3 != _LAYER_3:
        return None
    size = mpeg_frame_size(word.to_bytes(4, "big"))
    if not size:
        return None
    version = word >> 19 & 3
    rate = _RATES_HZ[word >> 10 & 3] // _DIVISORS[version]
    return Header(word, size, rate, version == 3)


def parse(data: bytes) -> Header | None:
    """The header at the beginning of ``data``; None if there is none of layer III."""
    return parse_header(int.from_bytes(data[:4], "big"))


def read_place(file: BinaryIO) -> Place[Header]:
    """Where the sound lies in an MP3 file.

    Raises:
        UnreadableMediaError: There is none.
        UnsupportedMediaError: It is MPEG audio of layer I or II, or of the free format.
    """
    place = locate(file, parse)
    if place is not None:
        return place
    other = locate(file, _parse_other)
    if other is not None:
        raise UnsupportedMediaError(
            f"the file is MPEG audio of layer {'I' * other.first.header.layer}, not MP3",
            hint=_CONVERT,
        )
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    word = int.from_bytes(head[id3_size(head) :][:4], "big")
    if word >> 21 == _SYNC and word >> 17 & 3 == _LAYER_3 and not word >> 12 & 15:
        raise UnsupportedMediaError("the file is an MP3 of the free format", hint=_CONVERT)
    raise damaged("the file has no MP3 frame")


@dataclass(frozen=True, slots=True)
class _OtherHeader:
    """A frame of layer I or II."""

    word: int
    size: int
    bit_rate_index: int = 0

    @property
    def layer(self) -> int:
        return 4 - (self.word >> 17 & 3)

    def continues(self, other: Self) -> bool:
        return not (self.word ^ other.word) & _STREAM_BITS


def _parse_other(data: bytes) -> _OtherHeader | None:
    size = mpeg_frame_size(data)
    word = int.from_bytes(data[:4], "big")
    return _OtherHeader(word, size) if size and word >> 17 & 3 != _LAYER_3 else None
