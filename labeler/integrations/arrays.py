"""Waveforms of any array library, without importing one, and of any type of number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.sound import Samples

__all__ = ["Waveform", "from_samples", "to_samples"]

_MOST_CHANNELS: Final = 64


@dataclass(frozen=True, slots=True)
class Waveform:
    """A waveform as samples, and the way back to its own kind."""

    samples: Samples
    """``(n,)`` or ``(n, channels)`` float32 or float64."""
    dtype: np.dtype[Any]
    """Type of the waveform's own numbers."""
    _shape: tuple[int, ...]
    _restore: Callable[[NDArray[Any]], Any] = field(repr=False)

    @classmethod
    def of(cls, wav: Any) -> Waveform:
        """Read a waveform.

        Args:
            wav: ``(n,)``, ``(channels, n)`` or ``(1, channels, n)``: a numpy array, torch tensor,
                or array of another library with the array API.

        Raises:
            TypeError: It is none of them, or its numbers are neither floats nor signed integers.
            ValueError: It has another shape.
        """
        array, restore = _open(wav)
        if array.dtype.kind not in "fi":
            raise TypeError(f"a waveform has floats or signed integers, not {array.dtype}")
        _check_shape(array.shape)
        flat = array.reshape(array.shape[-2:]) if array.ndim > 1 else array
        return cls(to_samples(flat.T), array.dtype, array.shape, restore)

    def like(self, array: NDArray[Any]) -> Any:
        """An array of the samples' shape and the waveform's type, as a waveform of its kind."""
        return self._restore(np.ascontiguousarray(array.T).reshape(self._shape))


def _open(wav: Any) -> tuple[NDArray[Any], Callable[[NDArray[Any]], Any]]:
    """A numpy array with the same content, and what makes the same kind of another array."""
    if isinstance(wav, np.ndarray):
        return wav, lambda array: array
    if hasattr(wav, "detach") and hasattr(wav, "new_tensor"):
        return wav.detach().cpu().numpy(), wav.new_tensor
    if hasattr(wav, "__array__") and hasattr(wav, "__array_namespace__"):
        return np.asarray(wav), wav.__array_namespace__().asarray
    raise TypeError(f"a waveform is an array or a tensor, not a {type(wav).__name__}")


def _check_shape(shape: tuple[int, ...]) -> None:
    is_known = len(shape) in {1, 2} or (len(shape) == 3 and shape[0] == 1)
    # Channels come first here: a second axis that is shorter is most likely that of the channels.
    if not is_known or (len(shape) > 1 and not 0 < shape[-2] <= min(_MOST_CHANNELS, shape[-1])):
        raise ValueError(
            f"a waveform has the shape (n,), (channels, n) or (1, channels, n), not {shape}"
        )


def to_samples(array: NDArray[Any]) -> Samples:
    """Numbers as samples: float64 where float32 would not hold them.

    Args:
        array: Floats from -1 to 1, or signed integers over their whole range.
    """
    is_float = array.dtype.kind == "f"
    dtype = np.float64 if array.dtype.itemsize > (4 if is_float else 2) else np.float32
    samples: Samples = array.astype(dtype)
    return samples if is_float else samples / np.asarray(_full_scale(array.dtype), dtype)


def from_samples(samples: Samples, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What `to_samples` would read as ``samples``; integers are rounded and clipped."""
    if dtype.kind == "f":
        return samples.astype(dtype)
    scale = _full_scale(dtype)
    # In double precision: the largest 32-bit number is none of single precision.
    return np.clip(np.rint(samples.astype(np.float64) * scale), -scale, scale - 1).astype(dtype)


def _full_scale(dtype: np.dtype[Any]) -> int:
    return 1 << 8 * dtype.itemsize - 1
