"""Changing the sample rate of sound that comes in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Resampler"]


class Resampler:
    """Resamples block by block; together the blocks are as if there had been only one.

    The work is done by libsoxr, in its "high quality": 20 bits, the band up to 91 % of the lower
    rate's half is kept.

    Args:
        from_hz: Sample rate of what comes.
        to_hz: Sample rate of what goes.
        channels: Channels of either.
    """

    def __init__(self, from_hz: int, to_hz: int, *, channels: int) -> None:
        self._channels = channels
        self._stream: Any = None
        if from_hz != to_hz:
            import soxr  # noqa: PLC0415  a native library that few callers of the package need

            self._stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32")

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take ``(n, channels)`` and give the ``(m, channels)`` that can be told already."""
        return self._resample(samples, last=False)

    def finish(self) -> NDArray[np.float32]:
        """The rest, once nothing more comes."""
        return self._resample(np.zeros((0, self._channels), np.float32), last=True)

    def _resample(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        if self._stream is None:
            return samples
        resampled = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        return np.asarray(resampled, np.float32).reshape(-1, self._channels)
