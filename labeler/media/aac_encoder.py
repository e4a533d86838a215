"""AAC from samples, with FFmpeg's encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from labeler.codec.sound import Samples
from labeler.media.av_sound import Encoder, Packet, Probed

__all__ = ["aac_encoder", "undelayed"]

_FRAMES: Final = 1024
"""Frames in each packet of AAC-LC."""
_BETTER: Final = 1.5
"""FFmpeg's encoder needs about so many more bits than those that most AAC is made with."""
_SPECTRAL: Final = 2.0
"""How many more bits AAC-LC needs than HE-AAC, which only describes the upper half of the band."""
_LEAST: Final = 64_000
"""Bits a second and channel that sound which was HE-AAC gets at least."""
_MOST_BITS: Final = 6.0
"""Bits for each sample that a packet of AAC has room for (ISO/IEC 14496-3, 4.5.1.1)."""


def aac_encoder(source: Probed, *, bit_rate: float) -> Encoder:
    """An encoder of AAC-LC with half as many bits again as the source had.

    FFmpeg cannot write HE-AAC: such sound becomes AAC-LC with at least twice its bits, and at
    least 64 kbit/s a channel, so that the upper half of its band is kept.

    Args:
        source: What the source decodes to.
        bit_rate: Its mean, bits a second.

    Raises:
        UnsupportedMediaError: The encoder cannot encode this rate or layout.
    """
    channels = len(source.channel_names)
    wanted = _BETTER * bit_rate
    if _is_spectral(source):
        wanted = max(_SPECTRAL * bit_rate, _LEAST * channels)
    most = _MOST_BITS * source.sample_rate_hz * channels
    return Encoder(
        "aac",
        sample_rate_hz=source.sample_rate_hz,
        layout=source.layout,
        sample_format="fltp",
        bit_rate=round(min(wanted, most)),
    )


def _is_spectral(source: Probed) -> bool:
    """Whether the source is HE-AAC, whose packets decode to twice as many frames."""
    return source.frames_per_packet > _FRAMES


def undelayed(encoder: Encoder, blocks: Iterable[Samples]) -> Iterator[Packet]:
    """The packets for a container that cannot say that the first frames are not to be played.

    The encoder is late by exactly one packet. Without the first one nothing is shifted; of the
    first 1024 frames decoders then give out only half. Those hold what the encoder of the
    source put in front, which is silence.

    Args:
        encoder: One of AAC.
        blocks: ``(n, channels)`` each.
    """
    packets = encoder.packets(blocks)
    if next(packets, None) is None or encoder.delay != encoder.frame_size:
        raise RuntimeError(f"the encoder of AAC is late by {encoder.delay} frames")
    for packet in packets:
        yield Packet(packet.data, encoder.frame_size)
