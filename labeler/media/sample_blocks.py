"""Streams of blocks of samples, cut and grouped in other ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from labeler.codec.sound import Samples

__all__ = ["regrouped", "trimmed"]


def regrouped(blocks: Iterable[Samples], frames: int) -> Iterator[Samples]:
    """The same samples in blocks of ``frames`` each; the last may be shorter."""
    waiting: list[Samples] = []
    have = 0
    for block in blocks:
        rest = block
        while have + len(rest) >= frames:
            waiting.append(rest[: frames - have])
            rest = rest[frames - have :]
            yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            waiting, have = [], 0
        if len(rest):
            waiting.append(rest)
            have += len(rest)
    if have:
        yield np.concatenate(waiting)


def trimmed(blocks: Iterable[Samples], *, skip: int, length: int | None) -> Iterator[Samples]:
    """``blocks`` without the first ``skip`` frames, and exactly ``length`` frames long.

    Args:
        blocks: ``(n, channels)`` each.
        skip: Frames of the encoder's delay.
        length: Frames that are left; silence is added where there are fewer. None: all there are.
    """
    left = length
    channels = 1
    for block in blocks:
        channels = block.shape[1]
        kept = block[skip:]
        skip = max(0, skip - len(block))
        if left is not None:
            kept = kept[:left]
            left -= len(kept)
        if len(kept):
            yield kept
        if left == 0:
            return
    while left:
        silence = np.zeros((min(left, 1 << 16), channels), np.float32)
        left -= len(silence)
        yield silence
