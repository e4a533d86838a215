"""Opus from samples at 48 kHz, with libopus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from labeler.codec.sound import Samples
from labeler.containers import opus
from labeler.media.av_sound import LAYOUTS, Encoder, Packet

__all__ = ["OpusEncoder"]

_BETTER: Final = 1.2
_RATES: Final = (6_000, 256_000)
"""Least and most bits a second of a channel that libopus makes use of."""


class OpusEncoder:
    """Encodes as a source was encoded, with a fifth more bits a second.

    Args:
        source: The source's header: its channels, original rate and gain are kept.
        bit_rate: The source's mean, bits a second.

    Raises:
        UnsupportedMediaError: libopus cannot encode so many channels.
    """

    def __init__(self, source: opus.Head, *, bit_rate: float) -> None:
        least, most = (rate * source.channels for rate in _RATES)
        is_mapped = source.family <= 1 and source.channels <= len(LAYOUTS)
        options = {"mapping_family": str(source.family)} if source.family else {}
        self._source = source
        self._encoder = Encoder(
            "libopus",
            sample_rate_hz=opus.RATE_HZ,
            layout=LAYOUTS[source.channels - 1] if is_mapped else f"{source.channels} channels",
            sample_format="flt",
            bit_rate=int(min(max(_BETTER * bit_rate, least), most)),
            options=options,
        )

    @property
    def head(self) -> opus.Head:
        """The header of what is written; known with the first packet."""
        return opus.Head.read(self._encoder.setup).like(self._source)

    def packets(self, blocks: Iterable[Samples]) -> Iterator[Packet]:
        """The packets of ``blocks``, ``(n, channels)`` each, as decoders give them out."""
        factor = 10 ** (-self._source.gain_db / 20)
        for packet in self._encoder.packets(block * factor for block in blocks):
            yield Packet(packet.data, opus.frames(packet.data))
