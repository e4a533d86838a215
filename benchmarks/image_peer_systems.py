"""Watermarks for pictures by others, and Labeler's own, behind one interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from benchmarks.binomial import at_least
from benchmarks.image_attacks import Pixels
from benchmarks.marking import mark, random_key, random_payload
from benchmarks.measuring import timed
from benchmarks.outcomes import PRESENT_P_VALUE
from benchmarks.peer_interface import CROPPED, TURNED
from benchmarks.peer_process import PeerProcess
from detectors.image import detect
from detectors.report import Presence
from labeler.codec.keys import Key
from labeler.codec.payload import Payload
from labeler.errors import CapacityError

__all__ = [
    "HINTS",
    "OURS",
    "PEERS",
    "WITH_WEIGHTS",
    "LabelerPicture",
    "OtherPictures",
    "PictureReading",
    "System",
    "judged",
    "least_matches",
    "rule",
]

OURS: Final = "Labeler"
WITH_WEIGHTS: Final = ("TrustMark", "VideoSeal")
"""Peers whose weights come with no package."""
PEERS: Final = (
    *("dwtDct", "dwtDctSvd", "rivaGan", "blind-watermark", "ghostmark"),
    *WITH_WEIGHTS,
)

_BY_COUNT: Final = "{} of {} bits of a known payload (p ≤ 10⁻⁶); it has no rule of its own"
_RULES: Final = {
    OURS: "p ≤ 10⁻⁶ over all that was searched; payload unknown",
    "ghostmark": "its own: a score above 3.5; error rate not stated",
    "TrustMark": "its own: the BCH code accepts; error rate not stated",
}
"""When a mark counts as found; the others are counted, see `least_matches`."""

HINTS: Final = {
    **dict.fromkeys(("crop-50", "crop-25", "crop-10", "screenshot"), CROPPED),
    "crop-50+resize-0.7+jpeg-70": CROPPED,
    "rotate-90": TURNED,
}
"""Attacks after which a peer is told which of its readers to take; Labeler is never told."""

_NOTHING_READ: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureReading:
    """What a system read in one picture."""

    found: bool
    """By its rule: see `rule`."""
    exact: bool
    """Whether the whole payload came back."""
    bit_accuracy: float
    """The share of right bits, 0..1; 0.5 where it read nothing."""


class System(Protocol):
    """A watermark for pictures. Times are those of the last call, in processor seconds."""

    name: str
    bits: int
    cpu_s: float

    def embed(self, pixels: Pixels, random: np.random.Generator) -> Pixels | None:
        """The marked picture, or None where the system refuses; keeps the payload in mind."""

    def read(self, pixels: Pixels, hint: str = "") -> PictureReading:
        """Look for the mark, and compare its payload with the last that was embedded."""


class LabelerPicture:
    """The mark of this project, with the standard payload and a random key."""

    name = OURS
    bits = 56
    cpu_s = 0.0

    def __init__(self) -> None:
        self._payload: Payload | None = None
        self._key: Key | None = None

    def embed(self, pixels: Pixels, random: np.random.Generator) -> Pixels | None:
        """See `System`."""
        payload, key = random_payload(random), random_key(random)
        self._payload, self._key = payload, key
        made: list[Pixels] = []
        try:
            self.cpu_s, _ = timed(lambda: made.append(mark(pixels, payload, key)))
        except CapacityError:
            return None
        return made[0]

    def read(self, pixels: Pixels, hint: str = "") -> PictureReading:  # noqa: ARG002  # `System` has it
        """See `System`; the hint is not used."""
        if self._key is None:
            raise ValueError("nothing has been embedded yet")
        key, said = self._key, []
        self.cpu_s, _ = timed(lambda: said.append(detect(pixels, [key])))
        present = said[0].presence is Presence.PRESENT
        exact = present and said[0].payload == self._payload
        return PictureReading(
            found=present, exact=exact, bit_accuracy=1.0 if exact else _NOTHING_READ
        )


class OtherPictures(PeerProcess):
    """A peer that another Python interpreter runs.

    Raises:
        RuntimeError: The interpreter cannot run the peer; see `last_words`.
    """

    def __init__(self, name: str, python: Path, arguments: Sequence[str] = ()) -> None:
        super().__init__(name, python, arguments)
        self.bits = int(self.about["bits"])
        self.cpu_s = 0.0
        self._message: list[int] = []

    def embed(self, pixels: Pixels, random: np.random.Generator) -> Pixels | None:
        """See `System`."""
        self._message = random.integers(0, 2, self.bits).tolist()
        np.save(self.source, pixels[None])
        self.cpu_s = self.ask(do="embed", message=self._message)["cpu_s"]
        return np.asarray(np.load(self.target)[0], np.uint8)

    def read(self, pixels: Pixels, hint: str = "") -> PictureReading:
        """See `System`."""
        np.save(self.source, pixels[None])
        answer = self.ask(do="detect", hint=hint)
        self.cpu_s = answer["cpu_s"]
        return judged(answer["found"], answer["message"], self._message)


def judged(
    found: bool | None, message: Sequence[int] | None, embedded: Sequence[int]
) -> PictureReading:
    """A peer's answer against what was embedded.

    Args:
        found: The verdict of its own rule; None if it has none, and right bits are counted.
        message: What it read; None for nothing.
        embedded: What was embedded.
    """
    if message is None:
        return PictureReading(found=bool(found), exact=False, bit_accuracy=_NOTHING_READ)
    right = sum(one == other for one, other in zip(message, embedded, strict=True))
    return PictureReading(
        found=right >= least_matches(len(embedded)) if found is None else found,
        exact=right == len(embedded),
        bit_accuracy=right / len(embedded),
    )


def least_matches(bits: int) -> int:
    """So many of ``bits`` fair coins match with a probability of at most `PRESENT_P_VALUE`.

    Raises:
        ValueError: Even all of them match more often.
    """
    for count in range(bits + 1):
        if at_least(count, bits, 0.5) <= PRESENT_P_VALUE:
            return count
    raise ValueError(f"{bits} bits are too few for p ≤ {PRESENT_P_VALUE}")


def rule(system: str, bits: int) -> str:
    """When a mark counts as found, in words."""
    return _RULES.get(system) or _BY_COUNT.format(least_matches(bits), bits)
