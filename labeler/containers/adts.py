"""ADTS: AAC in frames with headers of their own. Source: ISO/IEC 14496-3, annex 1.A.3.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from labeler.containers.sound_heads import adts_frame_size

__all__ = ["RATES_HZ", "Header", "parse"]

RATES_HZ: Final = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
    8_000, 7_350,
)  # fmt: skip
"""Sample rates by their index."""
_LONGEST: Final = (1 << 13) - 1
_BUFFER_UNKNOWN: Final = 0x7FF


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a frame."""

    raw: bytes
    """Its first 7 bytes."""

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return adts_frame_size(self.raw)

    @property
    def bit_rate_index(self) -> int:
        """Always 0: AAC has no fixed bit rates."""
        return 0

    @property
    def rate_index(self) -> int:
        """Which of `RATES_HZ`."""
        return self.raw[2] >> 2 & 15

    @property
    def channels(self) -> int:
        """The channel configuration; 0 where the frames themselves tell it."""
        return (self.raw[2] & 1) << 2 | self.raw[3] >> 6

    @property
    def blocks(self) -> int:
        """How many packets of AAC the frame has."""
        return (self.raw[6] & 3) + 1

    def continues(self, other: Self) -> bool:
        """Whether it may follow ``other`` in one stream: version, profile, rate and channels."""
        return self._fixed == other._fixed

    @property
    def _fixed(self) -> tuple[int, int, int]:
        return self.raw[1] & 0xFE, self.raw[2] & 0xFD, self.raw[3] & 0xC0

    def framed(self, packet: bytes, *, rate_index: int, channels: int) -> bytes:
        """A packet of AAC-LC with a header; version, copyright and home of this one are kept.

        Raises:
            ValueError: It is too long for a frame.
        """
        size = 7 + len(packet)
        if size > _LONGEST:
            raise ValueError(f"an ADTS frame has at most {_LONGEST} bytes, not {size}")
        head = bytes(
            [
                0xFF,
                0xF1 | self.raw[1] & 0x08,
                1 << 6 | rate_index << 2 | self.raw[2] & 2 | channels >> 2,
                (channels & 3) << 6 | self.raw[3] & 0x30 | size >> 11,
                size >> 3 & 0xFF,
                (size & 7) << 5 | _BUFFER_UNKNOWN >> 6,
                (_BUFFER_UNKNOWN & 0x3F) << 2,
            ]
        )
        return head + packet


def parse(data: bytes) -> Header | None:
    """The header at the beginning of ``data``; None if there is none."""
    return Header(data[:7]) if adts_frame_size(data) else None
