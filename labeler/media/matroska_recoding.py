"""The codecs of sound in Matroska: what their packets are, and new ones of the same codec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from labeler.codec.sound import Samples
from labeler.containers import opus, vorbis
from labeler.containers.flac import StreamInfo, frame_samples
from labeler.containers.matroska import Track
from labeler.errors import UnsupportedMediaError
from labeler.media import pcm
from labeler.media.aac_encoder import aac_encoder, undelayed
from labeler.media.av_sound import Coding, Packet, Probed
from labeler.media.flac_frames import FlacFrames
from labeler.media.opus_encoder import OpusEncoder
from labeler.media.sample_blocks import regrouped
from labeler.media.vorbis_encoder import encode_vorbis
from labeler.media.xiph_coding import flac_coding, opus_coding, vorbis_coding

__all__ = [
    "AAC",
    "OPUS",
    "VORBIS",
    "Recoded",
    "coding_of",
    "is_pcm",
    "meter",
    "recode",
    "sample_format",
]

OPUS: Final = "A_OPUS"
VORBIS: Final = "A_VORBIS"
AAC: Final = "A_AAC"
_FLAC: Final = "A_FLAC"
_PCM: Final = {
    "A_PCM/INT/LIT": (pcm.Coding.SIGNED, "little"),
    "A_PCM/INT/BIG": (pcm.Coding.SIGNED, "big"),
    "A_PCM/FLOAT/IEEE": (pcm.Coding.FLOAT, "little"),
}
_NAMES: Final = {
    "A_MPEG/L3": "MP3", "A_MPEG/L2": "MP2", "A_AC3": "AC-3", "A_EAC3": "E-AC-3", "A_DTS": "DTS",
    "A_TRUEHD": "TrueHD", "A_ALAC": "ALAC", "A_WAVPACK4": "WavPack", "A_TTA1": "TTA",
}  # fmt: skip
# Where the content of STREAMINFO lies in FLAC's header.
_INFO: Final = slice(8, 42)
_PCM_PACKETS_PER_S: Final = 25


@dataclass(frozen=True, slots=True)
class Recoded:
    """New packets, and what is known about them when all are there."""

    packets: Iterator[Packet]
    private: Callable[[], bytes]
    """The codec's own header."""
    delay: Callable[[], int]
    """Frames of sound that are decoded but not played at the beginning."""


def coding_of(track: Track) -> Coding:
    """What the packets of a track are, as far as its header says.

    Raises:
        UnreadableMediaError: The header is damaged.
        UnsupportedMediaError: The codec is none that Labeler can read and write.
    """
    if track.codec in _PCM:
        width = sample_format(track).width
        return Coding(
            codec="",  # FFmpeg has no part in it.
            sample_rate_hz=track.sample_rate_hz,
            channels=track.channels,
            bits=8 * width,
        )
    make_coding = _CODINGS.get(track.codec)
    if make_coding is None:
        name = _NAMES.get(track.codec, track.codec)
        raise UnsupportedMediaError(
            f"the Matroska file holds {name} sound", hint="Convert it to Opus or FLAC first"
        )
    return make_coding(track)


def sample_format(track: Track) -> pcm.SampleFormat:
    """How samples are stored; for uncompressed sound only.

    Raises:
        KeyError: It is compressed.
        UnreadableMediaError: Nothing writes such samples.
    """
    coding, byte_order = _PCM[track.codec]
    if track.bits == 8 and coding is pcm.Coding.SIGNED:
        coding = pcm.Coding.UNSIGNED
    return pcm.SampleFormat(
        coding=coding,
        width=-(-track.bits // 8),
        bits=track.bits,
        byte_order="big" if byte_order == "big" else "little",
    )


def is_pcm(track: Track) -> bool:
    """Whether a track is uncompressed."""
    return track.codec in _PCM


def meter(track: Track, frames_per_packet: int) -> Callable[[bytes], int]:
    """What tells how many frames of sound a packet of a track stands for."""
    if track.codec == OPUS:
        return opus.frames
    if track.codec == _FLAC:
        return frame_samples
    if track.codec == VORBIS:
        first, _, third = vorbis.unlaced(track.private)
        return vorbis.Meter(vorbis.read_timing(first, third)).frames
    if track.codec in _PCM:
        frame_size = sample_format(track).width * track.channels
        return lambda data: len(data) // frame_size
    return lambda _: frames_per_packet


def recode(
    track: Track,
    blocks: Iterable[Samples],
    *,
    probed: Probed,
    bit_rate: float,
    keeps_delay: bool,
    scratch: Path,
) -> Recoded:
    """New packets of the codec of a track.

    Args:
        track: The track.
        blocks: The samples, ``(n, channels)`` each.
        probed: What its packets decode to.
        bit_rate: Their mean, bits a second.
        keeps_delay: Whether the file tells how much is not played at the beginning.
        scratch: A file that may be written meanwhile; the caller removes it.
    """
    private = track.private
    if track.codec == OPUS:
        opus_encoder = OpusEncoder(opus.Head.read(private), bit_rate=bit_rate)
        return Recoded(
            opus_encoder.packets(blocks),
            lambda: opus_encoder.head.raw,
            lambda: opus_encoder.head.pre_skip,
        )
    if track.codec == _FLAC:
        frames = FlacFrames(StreamInfo.from_bytes(private[_INFO]))
        return Recoded(
            frames.packets(blocks),
            lambda: private[: _INFO.start] + frames.info.to_bytes() + private[_INFO.stop :],
            lambda: 0,
        )
    if track.codec == VORBIS:
        return _recode_vorbis(private, blocks, scratch, bit_rate)
    if track.codec in _PCM:
        return Recoded(_pcm_packets(track, blocks), lambda: private, lambda: 0)
    return _recode_aac(blocks, probed, bit_rate, keeps_delay=keeps_delay)


def _recode_aac(
    blocks: Iterable[Samples], probed: Probed, bit_rate: float, *, keeps_delay: bool
) -> Recoded:
    encoder = aac_encoder(probed, bit_rate=bit_rate)
    if not keeps_delay:
        # Few players look for delays of AAC in Matroska: where there is none, none is added.
        return Recoded(undelayed(encoder, blocks), lambda: encoder.setup, lambda: 0)
    packets = (Packet(packet.data, encoder.frame_size) for packet in encoder.packets(blocks))
    return Recoded(packets, lambda: encoder.setup, lambda: encoder.delay)


def _recode_vorbis(
    private: bytes, blocks: Iterable[Samples], scratch: Path, bit_rate: float
) -> Recoded:
    old = vorbis.unlaced(private)
    new, packets = encode_vorbis(blocks, scratch, source=old[0], bit_rate=bit_rate)
    measure = vorbis.Meter(vorbis.read_timing(new[0], new[2])).frames
    header = vorbis.laced((new[0], old[1], new[2]))
    coded = (Packet(data, measure(data)) for data in packets)
    return Recoded(coded, lambda: header, lambda: 0)


def _pcm_packets(track: Track, blocks: Iterable[Samples]) -> Iterator[Packet]:
    form = sample_format(track)
    for block in regrouped(blocks, max(1, track.sample_rate_hz // _PCM_PACKETS_PER_S)):
        yield Packet(form.encode(block), len(block))


def _aac_coding(track: Track) -> Coding:
    return Coding(
        codec="aac",
        sample_rate_hz=track.sample_rate_hz,
        channels=track.channels,
        setup=track.private,
    )


_CODINGS: Final[dict[str, Callable[[Track], Coding]]] = {
    OPUS: lambda track: opus_coding(track.private),
    VORBIS: lambda track: vorbis_coding(vorbis.unlaced(track.private)),
    _FLAC: lambda track: flac_coding(track.private[_INFO]),
    AAC: _aac_coding,
}
