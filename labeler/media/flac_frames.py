"""FLAC frames from samples, with what their stream has to know about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from labeler.codec.sound import Samples
from labeler.containers.flac import StreamInfo
from labeler.errors import UnsupportedMediaError
from labeler.media.av_sound import LAYOUTS, Encoder, Packet
from labeler.media.pcm import Coding, SampleFormat

__all__ = ["FlacFrames"]

# What the encoder takes for each number of bits; it has no way to write others.
_SAMPLE_FORMATS: Final = {16: "s16", 24: "s32", 32: "s32"}


class FlacFrames:
    """Encodes samples.

    Args:
        info: What the source's STREAMINFO says.

    Raises:
        UnsupportedMediaError: It has samples of other than 16, 24 or 32 bits.
    """

    def __init__(self, info: StreamInfo) -> None:
        if info.bits not in _SAMPLE_FORMATS:
            raise UnsupportedMediaError(
                f"the FLAC stream has samples of {info.bits} bits, which can be read but not "
                "written",
                hint="Convert it to FLAC of 16 or 24 bits first",
            )
        self._source = info
        self._stored = SampleFormat(coding=Coding.SIGNED, width=info.bits // 8, bits=info.bits)
        self._checksum = hashlib.md5(usedforsecurity=False)
        self._least, self._most = (1 << 24) - 1, 0
        self._encoder = Encoder(
            "flac",
            sample_rate_hz=info.sample_rate_hz,
            layout=LAYOUTS[info.channels - 1],
            sample_format=_SAMPLE_FORMATS[info.bits],
            bits=info.bits,
            options={
                "bits_per_raw_sample": str(info.bits),
                "compression_level": "8",
                "strict": "experimental",  # for 32 bits
            },
        )

    def packets(self, blocks: Iterable[Samples]) -> Iterator[Packet]:
        """The frames of ``blocks``, ``(n, channels)`` each."""
        for packet in self._encoder.packets(self._summed(blocks)):
            if packet.data:
                self._least = min(self._least, len(packet.data))
                self._most = max(self._most, len(packet.data))
                yield packet

    @property
    def info(self) -> StreamInfo:
        """What STREAMINFO has to say once all frames are there."""
        return replace(
            self._source,
            min_block=self._encoder.frame_size,
            max_block=self._encoder.frame_size,
            min_frame=self._least,
            max_frame=self._most,
            frames=self._encoder.taken,
            md5=self._checksum.digest(),
        )

    def _summed(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self._checksum.update(self._stored.encode(block))
            yield block
