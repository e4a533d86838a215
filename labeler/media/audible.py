"""The channels of a sound that people hear apart, which are the ones that carry a mark.

A channel for low-frequency effects (LFE) holds nothing but rumble below 120 Hz.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from labeler.codec.sound import Samples
from labeler.errors import MediaTooLargeError
from labeler.media.sound import Sound

__all__ = ["Audible", "Rechunked"]

_RUMBLE: Final = frozenset({"LFE", "LFE2"})


class Audible:
    """The audible channels of a sound.

    Args:
        sound: The opened file.
        max_duration_s: Longest sound whose blocks are given out, seconds.

    Raises:
        MediaTooLargeError: Its header says already that it is longer.
    """

    def __init__(self, sound: Sound, *, max_duration_s: float) -> None:
        self.sound = sound
        """The opened file."""
        self._max_frames = int(max_duration_s * sound.sample_rate_hz)
        self._max_duration_s = max_duration_s
        heard = [n for n, name in enumerate(sound.channel_names) if name not in _RUMBLE]
        self.channels = tuple(heard) if heard else tuple(range(sound.channels))
        """Numbers of the channels that are heard."""
        self._check(sound.length or 0)

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second in each channel."""
        return self.sound.sample_rate_hz

    @property
    def damage(self) -> str | None:
        """See `Sound.damage`."""
        return self.sound.damage

    @property
    def is_everything(self) -> bool:
        """Whether no channel is left out."""
        return len(self.channels) == self.sound.channels

    def blocks(self) -> Iterator[Samples]:
        """The samples of the audible channels, ``(n, len(channels))`` in every block.

        Raises:
            MediaTooLargeError: The sound goes on for longer than is allowed.
            UnreadableMediaError: It is truncated or damaged.
        """
        for block in self.whole_blocks():
            yield self.of(block)

    def whole_blocks(self) -> Iterator[Samples]:
        """As `blocks`, with every channel."""
        frames = 0
        for block in self.sound.blocks():
            frames += len(block)
            self._check(frames)
            yield block

    def of(self, block: Samples) -> Samples:
        """The audible channels of ``block``."""
        return block if self.is_everything else np.ascontiguousarray(block[:, self.channels])

    def replace(self, block: Samples, audible: Samples) -> Samples:
        """``block`` with other samples in its audible channels."""
        if self.is_everything:
            return audible
        whole = block.copy()
        whole[:, self.channels] = audible
        return whole

    def is_shorter_than(self, duration_s: float) -> bool:
        """Whether it ends before that time: counted, for headers may be wrong or not say it."""
        left = duration_s * self.sound.sample_rate_hz
        for block in self.whole_blocks():
            left -= len(block)
            if left <= 0:
                return False
        return True

    def _check(self, frames: int) -> None:
        if frames > self._max_frames:
            raise MediaTooLargeError(
                f"the sound is longer than {self._max_duration_s:g} s",
                hint="Cut it, or raise max_duration_s (LABELER_MAX_DURATION_S) if you trust it",
            )


class Rechunked:
    """A stream of blocks that is taken in pieces of any length.

    Args:
        blocks: ``(n, channels)`` each, of any length.
    """

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self._blocks = iter(blocks)
        self._rest: Samples | None = None

    def take(self, frames: int) -> Samples:
        """The next ``frames`` frames, at least one.

        Raises:
            ValueError: There are not so many left.
        """
        pieces = [] if self._rest is None else [self._rest]
        have = sum(map(len, pieces))
        while have < frames:
            block = next(self._blocks, None)
            if block is None:
                raise ValueError(f"{frames} frames are expected, {have} are left")
            pieces.append(block)
            have += len(block)
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._rest = joined[frames:]
        return joined[:frames]

    def finish(self) -> None:
        """See that nothing is left.

        Raises:
            ValueError: There is.
        """
        left = sum(map(len, self._blocks)) + (0 if self._rest is None else len(self._rest))
        if left:
            raise ValueError(f"no more frames are expected, {left} are left")
