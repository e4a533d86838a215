"""Sound as arrays: what every part that handles samples agrees on."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_RATE_HZ", "MIN_RATE_HZ", "Samples", "check_samples"]

Samples: TypeAlias = NDArray[np.floating[Any]]
"""``(n,)`` or ``(n, channels)`` float32 or float64, full scale from -1 to 1."""

MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 768_000
"""Least and most samples a second: from narrow telephony to the fastest converters."""


def check_samples(samples: NDArray[Any], sample_rate_hz: int) -> None:
    """Refuse what is not sound.

    Args:
        samples: The array.
        sample_rate_hz: Samples a second in each channel.

    Raises:
        TypeError: The array is of another type than float32 or float64.
        ValueError: It has another shape, no channel, or values that are not finite; or the rate
            is out of range.
    """
    if samples.dtype not in (np.float32, np.float64):
        raise TypeError(f"samples are float32 or float64, not {samples.dtype}")
    if samples.ndim not in {1, 2} or (samples.ndim == 2 and not samples.shape[1]):
        raise ValueError(f"samples have the shape (n,) or (n, channels), not {samples.shape}")
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise ValueError(
            f"a sample rate is between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz, not {sample_rate_hz}"
        )
    # A sum is finite only if all are, or nearly so: the slow look is rarely needed.
    if samples.size and not np.isfinite(np.sum(samples)) and not np.isfinite(samples).all():
        raise ValueError("samples are finite numbers")
