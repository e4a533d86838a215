"""Luma planes of moving pictures, as the marks and the detectors of video see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Luma", "LumaFrame", "Transfer"]

Luma: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""``(H, W)`` code values as they are stored, of limited or full range alike: uint8 for 8 bits,
uint16 for more (10 bits: 0 to 1023)."""


class Transfer(StrEnum):
    """How code values become light (ITU-T H.273, TransferCharacteristics)."""

    SDR = "sdr"
    """Any of the gamma curves."""
    PQ = "pq"
    """SMPTE ST 2084."""
    HLG = "hlg"
    """ARIB STD-B67, ITU-R BT.2100 HLG."""


@dataclass(frozen=True, slots=True)
class LumaFrame:
    """One decoded frame."""

    time_s: float
    """When it is shown, seconds from the first frame of the track."""
    luma: Luma
    """Its luma; a view of the decoder's memory, not to be written to."""
    depth: int
    """Bits of a code value: 8 for uint8, 9 to 16 for uint16."""
    is_key: bool = False
    """Whether it was coded without reference to others: such frames keep most of what was there."""
