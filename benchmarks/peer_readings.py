"""What watermarks by others, and Labeler's own, read after attacks, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from benchmarks.tables import markdown_table

__all__ = ["MATCHED", "NATIVE", "Compared", "Reading", "attack_table", "column"]

MATCHED: Final = "at Labeler's SNR"
"""The change that a system makes is scaled until it is as large as Labeler's."""
NATIVE: Final = "as it comes"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a system read."""

    found: bool
    """Whether its own rule, at its own threshold, finds a mark."""
    exact: bool | None
    """Whether the message was right in every bit; None if the system has no message."""


class Compared(Protocol):
    """One system on one medium."""

    @property
    def system(self) -> str:
        """Its name."""

    @property
    def readings(self) -> Mapping[str, Mapping[str, Reading]]:
        """By `NATIVE` or `MATCHED`, and by attack."""


def attack_table(results: Sequence[Compared]) -> str:
    """What each system read after each attack, by how loud its mark was."""
    systems = dict.fromkeys(result.system for result in results)
    columns = {
        (system, loudness): [
            result.readings[loudness]
            for result in results
            if result.system == system and loudness in result.readings
        ]
        for system in systems
        for loudness in (NATIVE, MATCHED)
    }
    columns = {each: readings for each, readings in columns.items() if readings}
    header = ("attack", *(column(*each) for each in columns))
    attacked = dict.fromkeys(name for clips in columns.values() for clip in clips for name in clip)
    rows = [
        (name, *(_counts([clip[name] for clip in clips]) for clips in columns.values()))
        for name in attacked
    ]
    return markdown_table(header, rows)


def column(system: str, loudness: str) -> str:
    """How a system is called in tables."""
    return system if system == "Labeler" else f"{system}, {loudness}"


def _counts(readings: Sequence[Reading]) -> str:
    found = sum(reading.found for reading in readings)
    if any(reading.exact is None for reading in readings):
        return f"{found} of {len(readings)}"
    return f"{found}/{sum(bool(reading.exact) for reading in readings)} of {len(readings)}"
