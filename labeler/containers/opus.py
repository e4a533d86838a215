"""Opus: its header, and how many samples a packet stands for.

Sources: RFC 6716, section 3.1 (packets), and RFC 7845, section 5.1 (header).
"""

from __future__ import annotations

from dataclasses import dataclass

from labeler.containers.damage import damaged

__all__ = ["RATE_HZ", "Head", "frames"]

RATE_HZ = 48_000
"""Opus counts, and decodes, in this rate, whatever it was made from."""


@dataclass(frozen=True, slots=True)
class Head:
    """The header ``OpusHead``."""

    raw: bytes
    """All of it."""

    @classmethod
    def read(cls, packet: bytes) -> Head:
        """Check a header.

        Raises:
            UnreadableMediaError: It is none, or damaged.
        """
        least = 19 if packet[18:19] == b"\0" else 21 + packet[9] if len(packet) > 18 else 19
        if not packet.startswith(b"OpusHead") or len(packet) < least or packet[8] >> 4:
            raise damaged("the Opus header is damaged")
        return cls(packet)

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.raw[9]

    @property
    def pre_skip(self) -> int:
        """Frames at 48 kHz that are not played."""
        return int.from_bytes(self.raw[10:12], "little")

    @property
    def gain_db(self) -> float:
        """What decoders add to the level, dB."""
        return int.from_bytes(self.raw[16:18], "little", signed=True) / 256

    @property
    def family(self) -> int:
        """How channels are mapped: 0 mono and stereo, 1 up to 7.1, 255 not at all."""
        return self.raw[18]

    def like(self, source: Head) -> Head:
        """This header with the original rate and the gain of ``source``."""
        return Head(self.raw[:12] + source.raw[12:18] + self.raw[18:])


def frames(packet: bytes) -> int:
    """Samples of each channel at 48 kHz in ``packet``; 0 if it makes no sense."""
    if not packet:
        return 0
    code, config = packet[0] & 3, packet[0] >> 3
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    return count * _frame_size(config)


def _frame_size(config: int) -> int:
    """Table 2 of RFC 6716: SILK 10 to 60 ms, hybrid 10 and 20 ms, CELT 2.5 to 20 ms."""
    if config < 12:
        return (480, 960, 1920, 2880)[config & 3]
    if config < 16:
        return (480, 960)[config & 1]
    return 120 << (config & 3)
