"""Where chroma samples lie, as H.264, H.265 and AV1 say it at the head of their streams.

FFmpeg's bindings do not tell. Sources: ITU-T H.264, 7.3.2.1 and E.1.1; ITU-T H.265, 7.3.2.2, 7.3.3,
7.3.4, 7.3.7 and E.2.1; AV1 Codec ISO Media File Format Binding 1.2, 2.3; ISO/IEC 14496-15.
"""

from __future__ import annotations

from typing import Final

from labeler.containers.damage import damaged
from labeler.errors import UnreadableMediaError

__all__ = ["chroma_location"]

_H264_SPS: Final = 7
_H265_SPS: Final = 33
# H.264 profiles with fields about chroma (7.3.2.1.1).
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_ASPECT: Final = 255
_MAX_COUNT: Final = 256
# AV1 6.4.2: 1 is between two rows, 2 on the first of them.
_AV1: Final = {1: 0, 2: 2}


def chroma_location(codec: str, setup: bytes) -> int | None:
    """Where chroma samples lie in 4:2:0 pictures.

    Args:
        codec: FFmpeg's name of the codec.
        setup: The codec's own header, as FFmpeg gives it (``extradata``).

    Returns:
        ``chroma_sample_loc_type`` of ITU-T H.264, table E-5 (0: left, 1: centre, 2: top left, ...);
        None where the stream does not say, or in a way that nobody understands.
    """
    if codec == "av1" and len(setup) > 2 and setup[0] == 0x81:
        return _AV1.get(setup[2] & 3)
    if codec not in {"h264", "hevc"}:
        return None
    try:
        for unit in _units(setup, is_h265=codec == "hevc"):
            if codec == "h264" and unit[0] & 31 == _H264_SPS:
                return _h264(_Bits(unit[1:]))
            if codec == "hevc" and unit[0] >> 1 & 63 == _H265_SPS:
                return _h265(_Bits(unit[2:]))
    except (UnreadableMediaError, IndexError):
        return None
    return None


def _units(setup: bytes, *, is_h265: bool) -> list[bytes]:
    """The parameter sets in a decoder configuration record, or behind start codes."""
    if setup[:1] != b"\1":
        return [unit for unit in setup.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    found: list[bytes] = []
    if not is_h265:
        at = 6
        for _ in range(setup[5] & 31):
            size = int.from_bytes(setup[at : at + 2], "big")
            found.append(setup[at + 2 : at + 2 + size])
            at += 2 + size
        return found
    at = 23
    for _ in range(setup[22]):
        count = int.from_bytes(setup[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(setup[at : at + 2], "big")
            found.append(setup[at + 2 : at + 2 + size])
            at += 2 + size
    return found


class _Bits:
    """Reads a parameter set bit by bit.

    Args:
        data: What follows the header of its unit.
    """

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b"\0\0\3", b"\0\0")  # H.264, 7.4.1: emulation prevention
        self._value = int.from_bytes(plain, "big")
        self._left = 8 * len(plain)

    def take(self, count: int) -> int:
        """The next ``count`` bits as a number."""
        if count > self._left:
            raise damaged("a parameter set of the video is cut off")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.take(1))

    def number(self) -> int:
        """The next Exp-Golomb code (9.1), ``ue(v)``."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """The next signed one, ``se(v)``."""
        code = self.number()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def numbers(self, count: int) -> None:
        """Pass over so many codes."""
        if count > _MAX_COUNT:
            raise damaged("a parameter set of the video makes no sense")
        for _ in range(count):
            self.number()


def _h264(bits: _Bits) -> int | None:
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    if profile in _HIGH_PROFILES:
        chroma = bits.number()
        if chroma == 3:
            bits.flag()
        bits.numbers(2)
        bits.flag()
        if bits.flag():
            for index in range(8 if chroma != 3 else 12):
                if bits.flag():
                    _h264_scaling_list(bits, 16 if index < 6 else 64)
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.flag()
        bits.numbers(2)
        bits.numbers(bits.number())
    bits.number()
    bits.flag()
    bits.numbers(2)
    if not bits.flag():
        bits.flag()
    bits.flag()
    if bits.flag():
        bits.numbers(4)
    return _usability(bits) if bits.flag() else None


def _h264_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _usability(bits: _Bits) -> int | None:
    """The beginning of the VUI, which both standards share (E.1.1, E.2.1)."""
    if bits.flag() and bits.take(8) == _EXTENDED_ASPECT:
        bits.take(32)
    if bits.flag():
        bits.flag()
    if bits.flag():
        bits.take(4)
        if bits.flag():
            bits.take(24)
    return bits.number() if bits.flag() else None


def _h265(bits: _Bits) -> int | None:
    bits.take(4)
    layers = bits.take(3)
    bits.flag()
    _h265_profile(bits, layers)
    bits.number()
    if bits.number() == 3:
        bits.flag()
    bits.numbers(2)
    if bits.flag():
        bits.numbers(4)
    bits.numbers(2)
    order_bits = bits.number() + 4
    bits.numbers(3 * (layers + 1 if bits.flag() else 1))
    bits.numbers(6)
    if bits.flag() and bits.flag():
        _h265_scaling_lists(bits)
    bits.take(2)
    if bits.flag():
        bits.take(8)
        bits.numbers(2)
        bits.flag()
    _h265_references(bits)
    if bits.flag():
        for _ in range(min(bits.number(), _MAX_COUNT)):
            bits.take(order_bits + 1)
    bits.take(2)
    return _usability(bits) if bits.flag() else None


def _h265_profile(bits: _Bits, layers: int) -> None:
    bits.take(96)
    told = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in told:
        bits.take(88 * has_profile + 8 * has_level)


def _h265_scaling_lists(bits: _Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.number()
                continue
            bits.numbers((size > 1) + min(64, 1 << (4 + (size << 1))))


def _h265_references(bits: _Bits) -> None:
    """Pass over the short-term reference picture sets."""
    before = 0
    for index in range(min(bits.number(), _MAX_COUNT)):
        if index and bits.flag():
            bits.flag()
            bits.number()
            # Of each entry of the set before: used at all, or else still counted.
            before = sum(bits.flag() or bits.flag() for _ in range(before + 1))
            continue
        before = bits.number() + bits.number()
        if before > _MAX_COUNT:
            raise damaged("a parameter set of the video makes no sense")
        for _ in range(before):
            bits.number()
            bits.flag()
