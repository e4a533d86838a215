"""WAV: uncompressed samples in RIFF chunks; everything but the samples is copied as it is.

Sources: "New Multimedia Data Types and Data Techniques" (Microsoft, 1994); "Multiple Channel Audio
Data and WAVE Files" (Microsoft, 2001); mmreg.h for the numbers of other codecs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from labeler.containers import riff
from labeler.containers.chunks import Chunk, ChunkedFile, NewChunk, Part
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.pcm import Coding, SampleFormat
from labeler.media.pcm_codec import PcmCodec, PcmHeader
from labeler.media.sound_interface import SoundLimits
from labeler.media.speakers import names_in_mask, usual_names

__all__ = ["WavCodec"]

_EXTENSIBLE: Final = 0xFFFE
_INTEGER: Final = 1
_FLOAT: Final = 3
_COMPANDED: Final = {6: Coding.A_LAW, 7: Coding.MU_LAW}
_NAMES: Final = {
    0x0002: "Microsoft ADPCM", 0x0011: "IMA ADPCM", 0x0014: "G.723 ADPCM", 0x0016: "G.726 ADPCM",
    0x0022: "TrueSpeech", 0x0031: "GSM 6.10", 0x0045: "G.726 ADPCM", 0x0050: "MPEG audio",
    0x0055: "MP3", 0x00FF: "AAC", 0x0160: "Windows Media Audio", 0x0161: "Windows Media Audio",
    0x0162: "Windows Media Audio", 0x0270: "ATRAC3", 0x0674: "Ogg Vorbis", 0x1610: "AAC",
    0x2000: "AC-3", 0x2001: "DTS", 0x566F: "Vorbis", 0x674F: "Vorbis", 0x6750: "Vorbis",
    0x6751: "Vorbis", 0x704F: "Opus", 0xA109: "Speex", 0xF1AC: "FLAC",
}  # fmt: skip
# The rest of the GUIDs whose first two bytes are one of the numbers above; of the second kind are
# the channels of an ambisonic B-format.
_GUID: Final = bytes.fromhex("000000001000800000aa00389b71")
_AMBISONIC_GUID: Final = bytes.fromhex("00002107d3118644c8c1ca000000")
# Compressed sound dressed as 16-bit stereo, for cables and discs that carry nothing else
# (IEC 61937-1 6.1.4; DTS core sync words of 14 and 16 bits): other samples would be noise.
_BURSTS: Final = (b"\x72\xf8\x1f\x4e", b"\xff\x1f\x00\xe8", b"\xfe\x7f\x01\x80")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """The fmt chunk."""

    tag: int
    channels: int
    sample_rate_hz: int
    frame_size: int
    """Bytes."""
    container_bits: int
    valid_bits: int
    names: tuple[str, ...]


class WavCodec(PcmCodec):
    """One opened WAV file: RIFF, RF64 or BW64.

    Raises:
        UnreadableMediaError: The file is truncated, or its header lies.
        UnsupportedMediaError: The samples are compressed.
        MediaTooLargeError: It is larger than allowed.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        super().__init__(
            path, media_type, limits, read=_read_header, write=riff.write, resize=_resized
        )


def _resized(file: BinaryIO, parsed: ChunkedFile, chunk: Chunk, frames: int) -> Part:
    """``chunk``, which may say how many frames there are."""
    if chunk.type != b"fact" or chunk.size < 4:
        return chunk
    rest = parsed.read(file, chunk)[4:]
    return NewChunk(b"fact", frames.to_bytes(4, "little") + rest)


def _read_header(file: BinaryIO) -> PcmHeader:
    parsed = riff.parse(file)
    description, samples = parsed.find(b"fmt "), parsed.find(b"data")
    if description is None or samples is None:
        raise damaged("the WAV file has no fmt chunk, which would say what its samples are")
    about = _parse_format(parsed.read(file, description))
    sample_format = _sample_format(about)
    file.seek(samples.start)
    if about.tag == _INTEGER and about.container_bits == 16 and file.read(4) in _BURSTS:
        raise UnsupportedMediaError(
            "the WAV file holds DTS or Dolby sound, packed to look like samples",
            hint="Decode it to plain samples first",
        )
    return PcmHeader(
        parsed=parsed,
        samples=samples,
        start=samples.start,
        frames=samples.size // (sample_format.width * about.channels),
        channels=about.channels,
        sample_rate_hz=about.sample_rate_hz,
        format=sample_format,
        channel_names=about.names,
    )


def _parse_format(data: bytes) -> _Format:
    if len(data) < 14:
        raise damaged("the WAV file's fmt chunk is too short")
    tag, channels, rate, _, frame_size = struct.unpack_from("<HHIIH", data)
    bits = int.from_bytes(data[14:16], "little") or (8 * frame_size // max(channels, 1))
    valid, names = bits, usual_names(channels)
    if tag == _EXTENSIBLE:
        if len(data) < 40:
            raise damaged("the WAV file's fmt chunk is too short for what it says to be")
        valid, mask, tag = struct.unpack_from("<HIH", data, 18)
        if data[26:40] not in {_GUID, _AMBISONIC_GUID}:
            raise UnsupportedMediaError(
                "the WAV file has samples of a kind that only some program knows",
                hint="Convert it to plain WAV or FLAC first",
            )
        # Zero bits are what programs write that leave the field out.
        valid = valid or bits
        names = names_in_mask(mask, channels) if data[26:40] == _GUID else ()
    if channels < 1:
        raise damaged("the WAV file's header says that there are no channels")
    return _Format(
        tag=tag,
        channels=channels,
        sample_rate_hz=rate,
        frame_size=frame_size,
        container_bits=bits,
        valid_bits=valid,
        names=names,
    )


def _sample_format(about: _Format) -> SampleFormat:
    width, rest = divmod(about.frame_size, about.channels)
    if about.tag not in {_INTEGER, _FLOAT, *_COMPANDED}:
        name = _NAMES.get(about.tag, f"a codec with the number {about.tag:#06x}")
        raise UnsupportedMediaError(
            f"the sound in the WAV file is compressed: {name}",
            hint="Convert it to plain WAV or FLAC first",
        )
    if rest or not width:
        raise damaged(
            f"the WAV file's header says that {about.channels} samples take "
            f"{about.frame_size} bytes"
        )
    if about.tag in _COMPANDED:
        return SampleFormat(coding=_COMPANDED[about.tag], width=width, bits=8)
    if about.tag == _FLOAT:
        return SampleFormat(coding=Coding.FLOAT, width=width, bits=8 * width)
    # The header of 8 bits or less means numbers around 128, and of more, signed ones.
    coding = Coding.UNSIGNED if width == 1 else Coding.SIGNED
    return SampleFormat(coding=coding, width=width, bits=about.valid_bits)
