"""The descriptors that tell an MP4 player how MPEG-4 sound is coded.

Sources: ISO/IEC 14496-1, 7.2.6 (descriptors) and ISO/IEC 14496-14, 5.6 (``esds``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from labeler.containers.damage import damaged

__all__ = ["AAC", "Stream", "read_esds"]

AAC: Final = frozenset({0x40, 0x66, 0x67, 0x68})
"""Object types that are AAC: of MPEG-4, and the three profiles of MPEG-2."""
_ES, _CONFIG, _SPECIFIC = 3, 4, 5
_MPEG4_SOUND: Final = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What the descriptors say."""

    number: bytes
    """The stream's number (ES_ID) and flags with what they announce."""
    object_type: int
    """Which codec: `AAC` or another."""
    kind: int
    """Stream type and flags, one byte."""
    buffer_bytes: int
    max_bit_rate: int
    """Most bits in any second."""
    mean_bit_rate: int
    """Bits a second; 0 where that varies too much to say."""
    setup: bytes = field(repr=False)
    """The codec's own header: AudioSpecificConfig."""
    rest: bytes = field(default=b"", repr=False)
    """The descriptors behind."""

    def recoded(self, setup: bytes, *, mean: int, most: int) -> Stream:
        """The same for MPEG-4 sound with another header and other bit rates, bits a second."""
        return replace(
            self, object_type=_MPEG4_SOUND, setup=setup, mean_bit_rate=mean, max_bit_rate=most
        )

    def to_bytes(self) -> bytes:
        """The body of an ``esds`` box."""
        config = bytes([self.object_type, self.kind]) + self.buffer_bytes.to_bytes(3, "big")
        config += self.max_bit_rate.to_bytes(4, "big") + self.mean_bit_rate.to_bytes(4, "big")
        config += _descriptor(_SPECIFIC, self.setup)
        return bytes(4) + _descriptor(_ES, self.number + _descriptor(_CONFIG, config) + self.rest)


def read_esds(body: bytes) -> Stream:
    """Read the body of an ``esds`` box.

    Raises:
        UnreadableMediaError: It is truncated, or lacks the codec's header.
    """
    found = dict(_descriptors(body[4:]))
    if _ES not in found:
        raise damaged("the MP4 file does not say how its sound is coded")
    es = found[_ES]
    head = _head_size(es)
    inner = dict(_descriptors(es[head:]))
    config = inner.get(_CONFIG, b"")
    if len(config) < 13:
        raise damaged("the MP4 file does not say how its sound is coded")
    rest = b"".join(_descriptor(tag, data) for tag, data in inner.items() if tag != _CONFIG)
    return Stream(
        number=es[:head],
        object_type=config[0],
        kind=config[1],
        buffer_bytes=int.from_bytes(config[2:5], "big"),
        max_bit_rate=int.from_bytes(config[5:9], "big"),
        mean_bit_rate=int.from_bytes(config[9:13], "big"),
        setup=dict(_descriptors(config[13:])).get(_SPECIFIC, b""),
        rest=rest,
    )


def _head_size(es: bytes) -> int:
    """Bytes in front of the descriptors within: number, flags, and what these announce."""
    if len(es) < 3:
        raise damaged("the MP4 file does not say how its sound is coded")
    flags = es[2]
    size = 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40:
        size += 1 + (es[size] if size < len(es) else 0)
    return size + (2 if flags & 0x20 else 0)


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, size = data[position], 0
        position += 1
        for _ in range(4):
            byte = data[position] if position < len(data) else 0
            position += 1
            size = size << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        yield tag, data[position : position + size]
        position += size


def _descriptor(tag: int, data: bytes) -> bytes:
    size = len(data)
    coded = bytes(size >> shift & 0x7F | 0x80 for shift in (21, 14, 7)) + bytes([size & 0x7F])
    return bytes([tag]) + coded + data
