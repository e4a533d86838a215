"""The names of channels, from the masks and counts that files have.

The names are those of FFmpeg, the bits those of Microsoft's WAVEFORMATEXTENSIBLE.
"""

from __future__ import annotations

from typing import Final

__all__ = ["names_in_mask", "usual_names"]

_BITS: Final = (
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR",
    "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
)  # fmt: skip


def usual_names(channels: int) -> tuple[str, ...]:
    """What one or two channels are; () for more, which may be microphones or stems."""
    return {1: ("FC",), 2: ("FL", "FR")}.get(channels, ())


def names_in_mask(mask: int, channels: int) -> tuple[str, ...]:
    """The channels that ``mask`` names; the usual ones where it does not name that many."""
    names = tuple(name for bit, name in enumerate(_BITS) if mask >> bit & 1)
    return names[:channels] if len(names) >= channels else usual_names(channels)
