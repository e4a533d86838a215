"""MP3: MPEG-1, 2 and 2.5 layer III; its tags stay byte by byte."""

from __future__ import annotations

import os
import shutil
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from labeler.codec.sound import Samples
from labeler.containers import framed, id3, mpeg_audio, xing
from labeler.media.av_sound import Coding, Encoder, Packet, channel_names, library_name
from labeler.media.content import open_regular
from labeler.media.media_type import MediaType
from labeler.media.packet_sound import PacketSound
from labeler.media.sound_interface import SoundLimits
from labeler.media.sound_times import tied_in_comments, tied_in_id3

__all__ = ["Mp3Codec"]

# Mean bit rate in kbit/s of LAME's settings V 0 to V 9 for stereo of 44.1 kHz (LAME 3.100's usage).
_VARIABLE_RATES: Final = (245, 225, 190, 175, 165, 130, 115, 100, 85, 65)
_MONO_FACTOR: Final = 1.8
"""How much more stereo takes than mono at the same setting."""
_QUALITY_UNIT: Final = 118
"""FFmpeg's unit of qualities (``FF_QP2LAMBDA``)."""
_LAYOUTS: Final = ("mono", "stereo")
# Copyright, original and emphasis: the last half byte of every frame's header.
_FLAGS: Final = 0x0F
_MOST_TAGS: Final = 1 << 24
_SUMMED_BYTES: Final = 1 << 20


class Mp3Codec(PacketSound):
    """An MP3; delays that its first frame tells (LAME) are left out, as players do.

    What is written always tells them, so that it plays for exactly as long as the source did, to
    the sample, and nothing is shifted. A constant bit rate becomes the next higher one, and a
    variable one the next better setting of LAME, so that the second generation is hardly worse
    than the first. ID3v2 in front and whatever lies behind (ID3v1, APEv2, Lyrics3) stay as they
    are, byte by byte; so do ReplayGain and peak in the LAME header.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        with open_regular(path) as file:
            self._place = place = mpeg_audio.read_place(file)
            tied = _tied(file, place)
        first = self._place.first
        self._header = first.header
        self._info = xing.read_info(first)
        count = self._place.count - (self._info is not None)
        skip, length = _ends(self._info, count, self._header.samples)
        super().__init__(
            path,
            media_type,
            coding=Coding(
                codec="mp3float",
                sample_rate_hz=self._header.sample_rate_hz,
                channels=self._header.channels,
            ),
            limits=limits,
            names=channel_names(_LAYOUTS[self._header.channels - 1]),
            skip=skip,
            length=length,
            damage=self._place.damage or _missing(self._info, count),
            why_fixed=tied,
        )

    def _packets(self) -> Iterator[Packet]:
        with open_regular(self.path) as file:
            for frame in framed.frames(file, self._place.start, mpeg_audio.parse):
                if frame.start != self._place.start or self._info is None:
                    yield Packet(frame.data, frame.header.samples)

    def _write(self, blocks: Iterable[Samples], target: Path, _: int | None) -> None:
        setting = self._setting()
        encoder = Encoder(
            "libmp3lame",
            sample_rate_hz=self.sample_rate_hz,
            layout=_LAYOUTS[self.channels - 1],
            sample_format="fltp",
            bit_rate=setting.bit_rate,
            options=setting.options,
        )
        with open_regular(self.path) as source, target.open("wb") as output:
            output.write(id3.without_manifest(source.read(self._place.start)))
            frames = _Frames(output, flags=next(self._packets()).data[3])
            for packet in encoder.packets(blocks):
                frames.write(packet.data)
            frames.finish(self._template(setting), delay=encoder.delay, length=encoder.taken)
            source.seek(self._place.end)
            shutil.copyfileobj(source, output, 1 << 20)

    def _template(self, setting: _Setting) -> xing.Info:
        return xing.Info(
            frame_count=None,
            varies=setting.bit_rate is None,
            quality=setting.quality,
            gapless=None,
            loudness=bytes(8) if self._info is None else self._info.loudness,
        )

    def _setting(self) -> _Setting:
        """One step better than the source's."""
        rates = self._place.bit_rates
        if len(rates) == 1:
            (index,) = rates
            step = mpeg_audio.BIT_RATES[self._header.is_mpeg1][min(index, 13)]
            return _Setting(bit_rate=1000 * step, quality=None, options={})
        level = max(0, self._level() - 1)
        quality = {"flags": "+qscale", "global_quality": str(level * _QUALITY_UNIT)}
        return _Setting(bit_rate=None, quality=100 - 10 * level, options=quality)

    def _level(self) -> int:
        """LAME's V of the source, from its header or its mean bit rate."""
        told = self._info.quality if self._info is not None else None
        if told is not None and 0 < told <= 100:
            return (100 - told) // 10
        place = self._place
        frames_per_s = 44_100 / self._header.samples
        mean = 0.008 * (place.end - place.start) / place.count * frames_per_s
        mean *= _MONO_FACTOR if self.channels == 1 else 1
        return max([0, *(v for v, rate in enumerate(_VARIABLE_RATES) if rate >= mean)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """How LAME is to choose bit rates."""

    bit_rate: int | None
    """Constant, bits a second; None: variable."""
    quality: int | None
    """What the header says about a variable one, 0 to 100."""
    options: dict[str, str]


def _missing(info: xing.Info | None, count: int) -> str | None:
    if info is None or info.frame_count is None or info.frame_count <= count:
        return None
    return f"{info.frame_count} frames are announced, and {count} are there"


def _tied(file: BinaryIO, place: framed.Place[mpeg_audio.Header]) -> str | None:
    """What in the tags is tied to times, in words; None if nothing."""
    file.seek(0)
    head = file.read(place.start)
    file.seek(place.end)
    return tied_in_id3(head) or tied_in_comments(file.read(_MOST_TAGS))


def _ends(info: xing.Info | None, count: int, samples: int) -> tuple[int, int]:
    """What is left out in front, and how much there is behind that, in samples per channel."""
    whole = count * samples
    if info is None or info.gapless is None:
        return 0, whole
    # A file that was put together from several tells about the end of the first of them.
    padding = info.gapless.padding if info.frame_count == count else xing.DECODER_DELAY
    length = whole - info.gapless.delay - padding
    return (info.gapless.delay + xing.DECODER_DELAY, length) if length > 0 else (0, whole)


class _Frames:
    """Writes frames, and in front of them the one that tells how many there are.

    Args:
        output: Where to; its position is that of the first frame.
        flags: The byte of a header that copyright, original and emphasis are taken from.
    """

    def __init__(self, output: BinaryIO, *, flags: int) -> None:
        self._output = output
        self._start = output.tell()
        self._flags = flags & _FLAGS
        self._model: mpeg_audio.Header | None = None
        self._sizes = array("H")
        self._unsummed = bytearray()
        self._checksum = 0

    def write(self, frame: bytes) -> None:
        """Write the next frame."""
        data = bytearray(frame)
        data[3] = data[3] & ~_FLAGS & 0xFF | self._flags
        if self._model is None:
            self._model = mpeg_audio.parse_header(int.from_bytes(data[:4], "big"))
            self._output.write(bytes(len(self._first(_NOTHING))))
        self._output.write(data)
        self._sizes.append(len(data))
        self._unsummed += data
        if len(self._unsummed) >= _SUMMED_BYTES:
            self._sum_up()

    def finish(self, info: xing.Info, *, delay: int, length: int) -> None:
        """Write the first frame.

        Args:
            info: What it says, but for the delays.
            delay: Samples per channel that decoders give before the source's first.
            length: Samples per channel of the source.
        """
        if self._model is None:
            return
        self._sum_up()
        front = delay - xing.DECODER_DELAY
        padding = len(self._sizes) * self._model.samples - front - length
        gapless = xing.Gapless(delay=front, padding=padding)
        self._output.seek(self._start)
        self._output.write(self._first(replace(info, gapless=gapless)))
        self._output.seek(0, os.SEEK_END)

    def _first(self, info: xing.Info) -> bytes:
        if self._model is None:
            raise RuntimeError("no frame was written")
        return xing.make_frame(
            info,
            model=self._model,
            sizes=self._sizes or [1],
            encoder=library_name(),
            checksum=self._checksum,
        )

    def _sum_up(self) -> None:
        self._checksum = xing.crc16(bytes(self._unsummed), self._checksum)
        self._unsummed.clear()


_NOTHING: Final = xing.Info(
    frame_count=None, varies=False, quality=None, gapless=None, loudness=bytes(8)
)
