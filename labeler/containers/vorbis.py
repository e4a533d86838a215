"""Vorbis: how many samples a packet stands for, told by its first byte and the three headers.

Source: Vorbis I specification, sections 4.2 and 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from labeler.containers.damage import damaged

__all__ = ["Meter", "Timing", "laced", "read_timing", "unlaced"]

_MODE_BITS = 41


@dataclass(frozen=True, slots=True)
class Timing:
    """The sizes of the blocks."""

    modes: tuple[int, ...]
    """Block size of each mode, samples."""

    def block(self, packet: bytes) -> int:
        """The size of the block in ``packet``, samples; 0 if it is none."""
        if not packet or packet[0] & 1:
            return 0
        mode = packet[0] >> 1 & (1 << (len(self.modes) - 1).bit_length()) - 1
        return self.modes[mode] if mode < len(self.modes) else 0


class Meter:
    """Tells how many samples of each channel come out of a decoder for each packet in turn.

    Args:
        timing: The sizes of the blocks.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._before = 0

    def frames(self, packet: bytes) -> int:
        """For the next packet; 0 for the first."""
        block = self._timing.block(packet)
        if not block:
            return 0
        overlap = (self._before + block) // 4 if self._before else 0
        self._before = block
        return overlap


def read_timing(identification: bytes, setup: bytes) -> Timing:
    """Read the first and third header.

    Raises:
        UnreadableMediaError: They are damaged.
    """
    if len(identification) < 29 or not setup.startswith(b"\5vorbis"):
        raise damaged("the Vorbis headers are damaged")
    sizes = (1 << (identification[28] & 15), 1 << (identification[28] >> 4))
    # The modes come last, in front of one bit that is set, and each is 41 bits: whether its block
    # is long, 32 zeros, and the number of a mapping. In front of the first is their count less one.
    bits = int.from_bytes(setup, "little")
    at = bits.bit_length() - 1
    found: tuple[int, ...] = ()
    modes: list[int] = []
    while at >= _MODE_BITS + 6 and len(modes) < 64:
        at -= _MODE_BITS
        mode = bits >> at & (1 << _MODE_BITS) - 1
        if mode >> 1 & 0xFFFFFFFF or mode >> 33 > 63:
            break
        modes.insert(0, sizes[mode & 1])
        if (bits >> (at - 6) & 63) + 1 == len(modes):
            found = tuple(modes)
    if not found:
        raise damaged("the Vorbis headers are damaged")
    return Timing(found)


def laced(headers: tuple[bytes, ...]) -> bytes:
    """The three headers in one, as Matroska and decoders want them."""
    sizes = b"".join(
        b"\xff" * (len(each) // 255) + bytes([len(each) % 255]) for each in headers[:-1]
    )
    return bytes([len(headers) - 1]) + sizes + b"".join(headers)


def unlaced(private: bytes) -> tuple[bytes, ...]:
    """The three headers that `laced` put together.

    Raises:
        UnreadableMediaError: They are damaged.
    """
    sizes: list[int] = []
    position = 1
    while private[:1] == b"\2" and len(sizes) < 2:
        size = 0
        while private[position : position + 1] == b"\xff":
            size += 255
            position += 1
        if position >= len(private):
            break
        sizes.append(size + private[position])
        position += 1
    if len(sizes) < 2 or position + sum(sizes) > len(private):
        raise damaged("the Vorbis headers are damaged")
    first, second = position + sizes[0], position + sum(sizes)
    return private[position:first], private[first:second], private[second:]
