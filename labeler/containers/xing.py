"""The first frame of many MP3 files, which holds no sound: the Xing, Info and LAME header.

It tells how many frames follow, whether their bit rate varies, a table for seeking, and how many
samples at both ends were added by the encoder and are not to be played.

Source: "Mp3 Info Tag rev 1" by the LAME project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.containers.framed import Frame
from labeler.containers.mpeg_audio import BIT_RATES, Header, parse_header

__all__ = ["DECODER_DELAY", "Gapless", "Info", "crc16", "make_frame", "read_info"]

DECODER_DELAY: Final = 529
"""Frames (one sample of each channel) by which every MP3 decoder is late."""

_FRAMES, _BYTES, _TABLE, _QUALITY = 1, 2, 4, 8
_LAME_BYTES: Final = 36
# Encoders whose delays decoders believe.
_BELIEVED: Final = (b"LAME", b"Lavf", b"Lavc")
_LONGEST_PADDING: Final = 0xFFF
# LAME's numbers of the ways in which the bit rate is chosen.
_CONSTANT, _VARIABLE = 1, 4
# Checksums computed beside one another; a power of two.
_LANES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Gapless:
    """What the encoder added, frames (one sample of each channel)."""

    delay: int
    """In front; decoders add `DECODER_DELAY` of their own."""
    padding: int
    """Behind; the last `DECODER_DELAY` of them decoders never give out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What the header says."""

    frame_count: int | None
    """MP3 frames that follow."""
    varies: bool
    """Whether the bit rate does (``Xing``, not ``Info``)."""
    quality: int | None
    """0 to 100, the best; LAME writes 100 - 10 V - q."""
    gapless: Gapless | None
    loudness: bytes
    """Peak and ReplayGain fields, 8 bytes; zeros where there are none."""


def read_info(frame: Frame[Header]) -> Info | None:
    """What the header in ``frame`` says; None if the frame holds sound."""
    data, at = frame.data, frame.header.side_size
    if data[36:40] == b"VBRI":  # Fraunhofer's: of its fields decoders use none for the ends.
        return Info(frame_count=None, varies=True, quality=None, gapless=None, loudness=bytes(8))
    # Some encoders do not count the checksum.
    if data[at : at + 4] not in {b"Xing", b"Info"}:
        at -= 2
        if frame.header.word >> 16 & 1 or data[at : at + 4] not in {b"Xing", b"Info"}:
            return None
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    varies = data[at : at + 4] == b"Xing"
    at += 8
    sizes = {_FRAMES: 4, _BYTES: 4, _TABLE: 100, _QUALITY: 4}
    fields = {}
    for flag, size in sizes.items():
        if flags & flag:
            fields[flag] = int.from_bytes(data[at : at + size], "big")
            at += size
    lame = data[at : at + _LAME_BYTES]
    return Info(
        frame_count=fields.get(_FRAMES),
        varies=varies,
        quality=fields.get(_QUALITY),
        gapless=_read_gapless(lame),
        loudness=lame[11:19] if lame.startswith(_BELIEVED) and len(lame) > 18 else bytes(8),
    )


def _read_gapless(lame: bytes) -> Gapless | None:
    if len(lame) < 24 or not lame.startswith(_BELIEVED):
        return None
    delays = int.from_bytes(lame[21:24], "big")
    return Gapless(delay=delays >> 12, padding=delays & _LONGEST_PADDING)


def make_frame(
    info: Info, *, model: Header, sizes: Sequence[int], encoder: bytes, checksum: int
) -> bytes:
    """A frame with this header, to be put in front of the others.

    Args:
        info: What it says.
        model: The header of one of the others.
        sizes: Bytes of each of the others, in order.
        encoder: Name of the encoder, up to 9 bytes.
        checksum: `crc16` of all the others.
    """
    header = _header_with_room(model)
    size = min(header.size + sum(sizes), 0xFFFFFFFF)
    parts = [
        header.word.to_bytes(4, "big"),
        bytes(header.side_size - 4),
        b"Xing" if info.varies else b"Info",
        (_FRAMES | _BYTES | _TABLE | _QUALITY).to_bytes(4, "big"),
        len(sizes).to_bytes(4, "big"),
        size.to_bytes(4, "big"),
        _seek_table(sizes, header.size),
        (info.quality or 0).to_bytes(4, "big"),
        _lame_fields(info, model=model, encoder=encoder),
        size.to_bytes(4, "big"),
        checksum.to_bytes(2, "big"),
    ]
    whole = b"".join(parts)
    return (whole + crc16(whole).to_bytes(2, "big")).ljust(header.size, b"\0")


def _lame_fields(info: Info, *, model: Header, encoder: bytes) -> bytes:
    """LAME's fields up to those about the whole file."""
    gapless = info.gapless or Gapless(delay=0, padding=0)
    delays = gapless.delay << 12 | min(gapless.padding, _LONGEST_PADDING)
    parts = [
        encoder[:9].ljust(9, b"\0"),
        bytes([_VARIABLE if info.varies else _CONSTANT, 0]),
        info.loudness,
        bytes([0, min(BIT_RATES[model.is_mpeg1][model.bit_rate_index - 1], 0xFF)]),
        delays.to_bytes(3, "big"),
        bytes(4),
    ]
    return b"".join(parts)


def _header_with_room(model: Header) -> Header:
    """The header of a frame like ``model``, without checksum, that is long enough."""
    needed = model.side_size + 8 + 4 + 4 + 100 + 4 + _LAME_BYTES
    base = model.word & ~0xF200 | 1 << 16
    for index in (model.bit_rate_index, *range(1, 15)):
        header = parse_header(base | index << 12)
        if header is not None and header.size >= needed:
            return header
    raise ValueError("no MP3 frame of this kind has room for the header")


def _seek_table(sizes: Sequence[int], before: int) -> bytes:
    """For each percent of the time, where it lies in 256ths of the bytes."""
    ends = np.cumsum([before, *sizes])
    at = ends[np.arange(100) * len(sizes) // 100]
    return bytes((at * 256 // ends[-1]).clip(0, 255).astype(np.uint8))


def crc16(data: bytes, start: int = 0) -> int:
    """The checksum of LAME's header: CRC-16 with the polynomial 0x8005, reflected, from 0.

    Args:
        data: What is summed up; long data are summed up in many lanes at once.
        start: The checksum of what came before.
    """
    length = -(-len(data) // _LANES)
    # Zeros in front change nothing.
    table = np.frombuffer(data.rjust(length * _LANES, b"\0"), np.uint8).reshape(_LANES, length)
    state = np.zeros(_LANES, np.uint16)
    for column in table.T:
        state = state >> 8 ^ _BYTE_STEPS[(state ^ column) & 0xFF]
    zeros = _zeros(length)
    while len(state) > 1:
        state = zeros[state[::2]] ^ state[1::2]
        zeros = zeros[zeros]
    return int(_zeros(len(data))[start] ^ state[0])


def _zeros(count: int) -> NDArray[np.uint16]:
    """What each checksum becomes when so many zero bytes follow."""
    step = _BYTE_STEPS[_ALL & 0xFF] ^ _ALL >> 8
    result: NDArray[np.uint16] = _ALL
    while count:
        if count & 1:
            result = step[result]
        step = step[step]
        count >>= 1
    return result


def _byte_steps() -> NDArray[np.uint16]:
    state: NDArray[np.uint16] = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        state = (state >> 1 ^ (state & 1) * 0xA001).astype(np.uint16)
    return state


_ALL: Final = np.arange(1 << 16, dtype=np.uint16)
_BYTE_STEPS: Final = _byte_steps()
