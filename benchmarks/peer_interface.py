"""What a peer is to ``peer_worker``; needs numpy alone, and no Labeler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CROPPED", "TURNED", "Frames", "Peer", "Wave"]

Wave: TypeAlias = NDArray[np.float32]
"""Mono sound."""
Frames: TypeAlias = NDArray[np.uint8]
"""RGB, ``(n, H, W, 3)``; a still picture is one frame."""

CROPPED = "cropped"
"""A hint for a peer that has a reader of its own for cropped pictures."""
TURNED = "turned"
"""A hint for a peer that tries quarter turns only when it is told to."""


@dataclass(frozen=True)
class Peer:
    """How to use a peer."""

    rate_hz: int
    """The rate of the sound it wants; 0 if it wants frames."""
    bits: int
    """Of its message; 0 if its mark says nothing but that it is there."""
    embed: Callable[[Any, list[int]], Any]
    detect: Callable[[Any, str], tuple[bool | None, list[int] | None]]
    """Whether its own rule finds a mark (None: it has no rule), and the message (None: it read
    nothing). The second argument is a hint, mostly empty."""
