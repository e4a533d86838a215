"""What decoders of Vorbis, Opus and FLAC have to know, from headers that are alike everywhere."""

from __future__ import annotations

from labeler.codec.sound import MAX_RATE_HZ
from labeler.containers import opus, vorbis
from labeler.containers.damage import damaged
from labeler.containers.flac import StreamInfo
from labeler.errors import UnsupportedMediaError
from labeler.media.av_sound import Coding

__all__ = ["flac_coding", "opus_coding", "vorbis_coding"]

_STREAM_INFO_BYTES = 34


def vorbis_coding(headers: tuple[bytes, ...]) -> Coding:
    """Of Vorbis's three headers.

    Raises:
        UnreadableMediaError: They are damaged.
    """
    first = headers[0]
    if len(headers) != 3 or len(first) < 30 or not first.startswith(b"\x01vorbis"):
        raise damaged("the Vorbis headers are damaged")
    return Coding(
        codec="vorbis",
        sample_rate_hz=min(int.from_bytes(first[12:16], "little"), MAX_RATE_HZ + 1),
        channels=first[11],
        setup=vorbis.laced(headers),
    )


def opus_coding(header: bytes) -> Coding:
    """Of Opus's header.

    Raises:
        UnreadableMediaError: It is damaged.
        UnsupportedMediaError: Its channels are mapped in a way that cannot be written.
    """
    head = opus.Head.read(header)
    if head.family not in {0, 1, 255}:
        raise UnsupportedMediaError(
            f"the Opus sound has the channel mapping {head.family} (ambisonics or unknown)",
            hint="Convert it to WAV first",
        )
    return Coding(codec="opus", sample_rate_hz=opus.RATE_HZ, channels=head.channels, setup=header)


def flac_coding(stream_info: bytes) -> Coding:
    """Of the content of a STREAMINFO block.

    Raises:
        UnreadableMediaError: It is too short.
    """
    info = StreamInfo.from_bytes(stream_info)
    return Coding(
        codec="flac",
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        setup=stream_info[:_STREAM_INFO_BYTES],
        bits=info.bits,
    )
