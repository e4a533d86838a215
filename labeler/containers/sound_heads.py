"""The first headers of sound streams, as far as telling formats apart needs them.

Sources: ISO/IEC 11172-3 section 2.4.2.3 and ISO/IEC 13818-3 (MPEG audio frames), ISO/IEC 14496-3
annex 1.A (ADTS), RFC 3533 (Ogg pages), the ID3v2.4 structure document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["adts_frame_size", "id3_size", "mpeg_frame_size", "ogg_streams", "run_of_frames"]

# kbit/s by (MPEG-1, layer): the free format (index 0) and the forbidden index 15 are left out.
_BIT_RATES: Final = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES_HZ: Final = (44_100, 48_000, 32_000)
# The version field of an MPEG audio header: MPEG-2.5, (reserved), MPEG-2, MPEG-1.
_RATE_DIVISORS: Final = {0: 4, 2: 2, 3: 1}


def id3_size(data: bytes) -> int:
    """How many bytes the ID3v2 tag at the start of ``data`` takes; 0 where there is none."""
    if len(data) < 10 or data[:3] != b"ID3" or max(data[6:10]) > 0x7F:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte
    return 10 + size + (10 if data[5] & 0x10 else 0)


def mpeg_frame_size(data: bytes, at: int = 0) -> int:
    """Bytes of the MPEG audio frame (layers I to III) that begins at ``at``; 0 if none does."""
    header = data[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    divisor = _RATE_DIVISORS.get(header[1] >> 3 & 3)
    layer = 4 - (header[1] >> 1 & 3)
    rate, index = header[2] >> 2 & 3, header[2] >> 4
    if divisor is None or layer == 4 or rate == 3 or not 0 < index < 15 or header[3] & 3 == 2:
        return 0
    is_mpeg1 = divisor == 1
    bit_rate = 1000 * _BIT_RATES[is_mpeg1, layer][index - 1]
    hertz = _SAMPLE_RATES_HZ[rate] // divisor
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * bit_rate // hertz + padding) * 4
    return (144 if is_mpeg1 or layer == 2 else 72) * bit_rate // hertz + padding


def adts_frame_size(data: bytes, at: int = 0) -> int:
    """Bytes of the ADTS frame that begins at ``at``; 0 if none does."""
    header = data[at : at + 7]
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if header[2] >> 2 & 15 < 13 and size > 7 else 0


def run_of_frames(
    frame_size: Callable[[bytes, int], int], data: bytes, at: int = 0
) -> tuple[int, int]:
    """How many frames follow one another from ``at`` on, and where the last of them ends.

    Args:
        frame_size: `mpeg_frame_size` or `adts_frame_size`.
        data: The beginning of a file; the last frame may end beyond it.
        at: Where the first frame is looked for.
    """
    count = 0
    while size := frame_size(data, at):
        count += 1
        at += size
    return count, at


def ogg_streams(data: bytes) -> Iterator[bytes]:
    """The first bytes of the first packet of each stream that begins at the start of ``data``."""
    at = 0
    # Pages that begin a stream come before all others.
    while data[at : at + 4] == b"OggS" and len(data) > at + 27 and data[at + 5] & 2:
        segments = data[at + 27 : at + 27 + data[at + 26]]
        body = at + 27 + len(segments)
        yield data[body : body + 16]
        at = body + sum(segments)
