"""AIFF and AIFF-C: uncompressed samples in chunks; everything but the samples is copied as it is.

Sources: "Audio Interchange File Format, version 1.3" (Apple, 1989); "AIFF-C, draft 8/26/91"
(Apple, 1991); Core Audio's AudioChannelLayout for the CHAN chunk.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from labeler.containers import aiff
from labeler.containers.chunks import Chunk, ChunkedFile, NewChunk, Part
from labeler.containers.damage import damaged
from labeler.errors import UnsupportedMediaError
from labeler.media.media_type import MediaType
from labeler.media.pcm import Coding, SampleFormat
from labeler.media.pcm_codec import PcmCodec, PcmHeader
from labeler.media.sound_interface import SoundLimits
from labeler.media.speakers import names_in_mask, usual_names

__all__ = ["AiffCodec"]

_SIGNED: Final = frozenset({b"NONE", b"twos", b"in24", b"in32"})
_SWAPPED: Final = frozenset({b"sowt", b"42ni", b"23ni"})
_FLOATS: Final = {b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8}
_COMPANDED: Final = {
    b"alaw": Coding.A_LAW,
    b"ALAW": Coding.A_LAW,
    b"ulaw": Coding.MU_LAW,
    b"ULAW": Coding.MU_LAW,
}
_NAMES: Final = {
    b"ima4": "IMA ADPCM", b"MAC3": "MACE 3:1", b"MAC6": "MACE 6:1", b"QDMC": "QDesign",
    b"QDM2": "QDesign 2", b"Qclp": "QCELP", b"GSM ": "GSM 6.10", b"G722": "G.722",
    b"G726": "G.726", b"agsm": "GSM 6.10",
}  # fmt: skip

# The tag that refers to the bitmap, and tags that are a layout each.
_BITMAP: Final = 1 << 16
_LAYOUTS: Final = {
    121 << 16 | 6: ("FL", "FR", "FC", "LFE", "SL", "SR"),
    122 << 16 | 6: ("FL", "FR", "SL", "SR", "FC", "LFE"),
    123 << 16 | 6: ("FL", "FC", "FR", "SL", "SR", "LFE"),
    124 << 16 | 6: ("FC", "FL", "FR", "SL", "SR", "LFE"),
}
# What programs write as the number of frames that cannot go back to the header: as many as fit
# into sizes of about 2 or 4 GiB.
_OPEN_ENDED_BYTES: Final = 0x7F000000 - (1 << 16)


class AiffCodec(PcmCodec):
    """One opened AIFF or AIFF-C file.

    Raises:
        UnreadableMediaError: The file is truncated, or its header lies.
        UnsupportedMediaError: The samples are compressed.
        MediaTooLargeError: It is larger than allowed.
    """

    def __init__(self, path: Path, media_type: MediaType, limits: SoundLimits) -> None:
        super().__init__(
            path, media_type, limits, read=_read_header, write=aiff.write, resize=_resized
        )


def _resized(file: BinaryIO, parsed: ChunkedFile, chunk: Chunk, frames: int) -> Part:
    """``chunk``, which may say how many frames there are."""
    if chunk.type != b"COMM":
        return chunk
    data = parsed.read(file, chunk)
    return NewChunk(b"COMM", data[:2] + frames.to_bytes(4, "big") + data[6:])


def _read_header(file: BinaryIO) -> PcmHeader:
    parsed = aiff.parse(file)
    description, samples = parsed.find(b"COMM"), parsed.find(b"SSND")
    if description is None or samples is None:
        raise damaged("the AIFF file has no COMM chunk, which would say what its samples are")
    about = aiff.Common.from_bytes(parsed.read(file, description))
    if about.channels < 1:
        raise damaged("the AIFF file's header says that there are no channels")
    sample_format = _sample_format(about)
    start = _start(file, samples)
    room = (samples.start + samples.size - start) // (sample_format.width * about.channels)
    return PcmHeader(
        parsed=parsed,
        samples=samples,
        start=start,
        frames=room
        if samples.missing
        else _frames(about, room, sample_format.width * about.channels),
        channels=about.channels,
        sample_rate_hz=round(about.sample_rate_hz),
        format=sample_format,
        channel_names=_names(parsed, file, about.channels),
    )


def _start(file: BinaryIO, samples: Chunk) -> int:
    """Where the first sample begins: behind two numbers and as many bytes as the first one says."""
    file.seek(samples.start)
    offset = int.from_bytes(file.read(4), "big")
    if samples.size + samples.missing < 8 + offset:
        raise damaged("the AIFF file's samples begin behind their chunk")
    return samples.start + 8 + offset


def _frames(about: aiff.Common, room: int, frame_size: int) -> int:
    if about.frames <= room and about.frames:
        return about.frames
    if not about.frames or about.frames * frame_size >= _OPEN_ENDED_BYTES:
        return room
    raise damaged(
        f"the AIFF file's header says that there are {about.frames} samples in each channel, "
        f"and there are {room}"
    )


def _sample_format(about: aiff.Common) -> SampleFormat:
    kind = about.compression
    width = -(-about.bits // 8)
    if kind in _SIGNED:
        return SampleFormat(coding=Coding.SIGNED, width=width, bits=about.bits, byte_order="big")
    if kind in _SWAPPED:
        return SampleFormat(coding=Coding.SIGNED, width=width, bits=about.bits)
    if kind == b"raw ":
        return SampleFormat(coding=Coding.UNSIGNED, width=width, bits=about.bits)
    if kind in _FLOATS:
        width = _FLOATS[kind]
        return SampleFormat(coding=Coding.FLOAT, width=width, bits=8 * width, byte_order="big")
    if kind in _COMPANDED:
        return SampleFormat(coding=_COMPANDED[kind], width=1, bits=8)
    name = _NAMES.get(kind, f"a codec called {kind.decode('ascii', 'replace')!r}")
    raise UnsupportedMediaError(
        f"the sound in the AIFF file is compressed: {name}",
        hint="Convert it to plain AIFF, WAV or FLAC first",
    )


def _names(parsed: ChunkedFile, file: BinaryIO, channels: int) -> tuple[str, ...]:
    chunk = parsed.find(b"CHAN")
    if chunk is None or chunk.size < 8:
        return usual_names(channels)
    data = parsed.read(file, chunk)
    tag, bitmap = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    if tag == _BITMAP:
        return names_in_mask(bitmap, channels)
    names = _LAYOUTS.get(tag, ())
    return names if len(names) == channels else usual_names(channels)
