"""Uncompressed samples: bytes into full-scale numbers and back.

Reading and writing again what was read gives the same bytes. Writing rounds to the nearest step,
halves to even, and clips. There is no dither: it would change every sample of the file, also where
the samples handed in are those that were read, and would turn digital silence into noise; the mark
is far above the rounding error.

Source of A-law and mu-law: Recommendation ITU-T G.711.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.sound import Samples
from labeler.containers.chunks import ByteOrder
from labeler.containers.damage import damaged
from labeler.errors import UnreadableMediaError

__all__ = ["Coding", "SampleFormat"]


class Coding(StrEnum):
    """What the bytes of a sample mean."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    """Integers around half of their range."""
    FLOAT = "float"
    A_LAW = "A-law"
    MU_LAW = "mu-law"


_COMPANDED: Final = frozenset({Coding.A_LAW, Coding.MU_LAW})
_WIDTHS: Final = {
    Coding.SIGNED: (1, 2, 3, 4),
    Coding.UNSIGNED: (1,),
    Coding.FLOAT: (4, 8),
    Coding.A_LAW: (1,),
    Coding.MU_LAW: (1,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFormat:
    """How a sample is stored."""

    coding: Coding
    width: int
    """Bytes."""
    bits: int
    """Bits that count, in the high end of the bytes: 20 in 3 bytes for example."""
    byte_order: ByteOrder = "little"

    def __post_init__(self) -> None:
        """Refuse what no file has.

        Raises:
            UnreadableMediaError: The width is none that the coding knows, or too small.
        """
        if self.width not in _WIDTHS[self.coding] or not 0 < self.bits <= 8 * self.width:
            raise damaged(
                f"the header says that samples are {self.coding} numbers of {self.bits} bits "
                f"in {self.width} bytes, which nothing writes"
            )

    @property
    def is_wide(self) -> bool:
        """Whether float32 is too small to hold every value exactly."""
        return self.width == 8 or (self.width == 4 and self.coding is not Coding.FLOAT)

    @property
    def has_spare_bits(self) -> bool:
        """Whether bits of each sample do not count, and should be zero."""
        return self.coding is not Coding.FLOAT and self.bits < 8 * self.width

    def decode(self, data: bytes) -> Samples:
        """The samples in ``data``, ``(n,)``, full scale from -1 to 1; float64 where `is_wide`.

        Raises:
            UnreadableMediaError: Some of them are not finite.
        """
        if self.coding is Coding.FLOAT:
            return self._decode_floats(data)
        if self.coding in _COMPANDED:
            return _expanded(self.coding)[np.frombuffer(data, np.uint8)]
        return _as_floats(self._integers(data), wide=self.is_wide) / (1 << (8 * self.width - 1))

    def encode(self, samples: Samples) -> bytes:
        """The bytes of ``samples``, of any shape; floats are not clipped.

        Args:
            samples: Finite numbers, float32 or float64.
        """
        flat = samples.reshape(-1)
        if self.coding is Coding.FLOAT:
            return flat.astype(self._numpy(f"f{self.width}")).tobytes()
        if self.coding in _COMPANDED:
            return _compress(flat, self.coding).tobytes()
        full = 1 << (self.bits - 1)
        wide = flat.astype(np.float64) if self.bits > 24 else flat
        steps = np.rint(wide * wide.dtype.type(full)).clip(-full, full - 1).astype(np.int32)
        return self._bytes(steps << (8 * self.width - self.bits))

    def uses_spare_bits(self, data: bytes) -> bool:
        """Whether bits that do not count are set in some sample of ``data``."""
        spare = (1 << (8 * self.width - self.bits)) - 1
        return bool(np.any(self._integers(data) & spare))

    def _decode_floats(self, data: bytes) -> Samples:
        stored = np.frombuffer(data, self._numpy(f"f{self.width}"))
        samples = _as_floats(stored, wide=self.is_wide)
        if not np.isfinite(samples).all():
            raise UnreadableMediaError(
                "the sound has samples that are not numbers",
                hint="Whatever wrote it went wrong; render it again",
            )
        return samples

    def _integers(self, data: bytes) -> NDArray[np.int32]:
        """Signed integers over the whole width."""
        if self.coding is Coding.UNSIGNED:
            return np.frombuffer(data, np.uint8).astype(np.int32) - 128
        if self.width != 3:
            return np.frombuffer(data, self._numpy(f"i{self.width}")).astype(np.int32)
        raw = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        little = self.byte_order == "little"
        wide[:, 1:] = raw if little else raw[:, ::-1]
        return wide.view("<i4")[:, 0].astype(np.int32) >> 8

    def _bytes(self, integers: NDArray[np.int32]) -> bytes:
        if self.coding is Coding.UNSIGNED:
            return (integers + 128).astype(np.uint8).tobytes()
        if self.width != 3:
            return integers.astype(self._numpy(f"i{self.width}")).tobytes()
        raw = integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
        return (raw if self.byte_order == "little" else raw[:, ::-1]).tobytes()

    def _numpy(self, kind: str) -> np.dtype[Any]:
        return np.dtype(("<" if self.byte_order == "little" else ">") + kind)


def _as_floats(numbers: NDArray[Any], *, wide: bool) -> Samples:
    return numbers.astype(np.float64) if wide else numbers.astype(np.float32)


@cache
def _expanded(coding: Coding) -> NDArray[np.float32]:
    """What each of the 256 codes stands for."""
    codes = np.arange(256)
    if coding is Coding.MU_LAW:
        bits = ~codes & 0xFF
        size = ((((bits & 0x0F) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84
        # Code 0x7F is a zero with a sign; kept, so that it is written back as itself.
        table = np.where(bits & 0x80, -1.0, 1.0) * size
    else:
        bits = codes ^ 0x55
        segment = (bits & 0x70) >> 4
        size = ((bits & 0x0F) << 4) + np.where(segment, 0x108, 8)
        table = np.where(bits & 0x80, 1.0, -1.0) * (size << np.maximum(segment - 1, 0))
    scaled: NDArray[np.float32] = (table / 32768).astype(np.float32)
    scaled.flags.writeable = False
    return scaled


@cache
def _codes(coding: Coding) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The codes from the lowest value to the highest, and where one ends and the next begins."""
    table = _expanded(coding).astype(np.float64)
    # Of the two zeros of mu-law, the one with the sign comes first.
    order = np.lexsort((~np.signbit(table), table)).astype(np.uint8)
    values = table[order]
    return order, (values[1:] + values[:-1]) / 2


def _compress(samples: Samples, coding: Coding) -> NDArray[np.uint8]:
    order, borders = _codes(coding)
    places = np.searchsorted(borders, samples, side="left")
    codes = order[places]
    if coding is Coding.MU_LAW:
        codes[(codes == 0x7F) & ~np.signbit(samples)] = 0xFF
        codes[(codes == 0xFF) & np.signbit(samples)] = 0x7F
    return codes
