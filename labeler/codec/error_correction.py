"""The one error-correcting code of all media: an 80-bit frame as 1024 code bits.

Wire format, version 1: the polar code of length 1024 whose 80 information positions are the most
reliable on an erasure channel of capacity 1/32, by whole-number arithmetic; the frame's bits fill
them in rising order. Any two code words differ in at least 64 bits.

Carriers deal the code bits in a keyed permutation: against losses at random places, however many,
the code is strong, but losing every second bit of a word would lose the frame.

Decoding keeps a list of 128 frames, the best first, and gives the first whose CRC holds.

Why this code: the Es/N0 in dB of each of 1364 chips at which one frame in ten, and one in a
hundred, is lost (``python -m benchmarks.error_correction --frames 2000``; less is better)::

                                                   all chips alike    falling by 12 dB
    polar 1024, list 128                           -13.04   -12.22    -13.03   -12.12
    polar 1024, list 32                            -12.70   -11.74    -12.68   -11.80
    polar 1024 by polarisation weight, list 128    -12.91   -12.08    -12.87   -12.02
    polar 512, list 128                            -12.88   -11.98    -12.87   -12.02
    convolutional K = 9, rate 1/4, list 1          -11.29   -10.15    -11.29   -10.16
    convolutional K = 9, rate 1/4, list 32         -12.22   -11.30    -12.18   -11.29
    its tail-biting form at its best, list 32      -12.65   -11.82    -12.67   -11.79

A word takes about 2 ms with a list of 128; the list Viterbi decoder takes eight times that for 32.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeler.codec.payload import FRAME_BITS, Payload, intact_frames
from labeler.codec.polar import PolarCode, reliable_positions

__all__ = [
    "CANDIDATES",
    "CODE_BITS",
    "INFORMATION_POSITIONS",
    "decode",
    "decode_each",
    "encode",
]

CODE_BITS: Final = 1024
CANDIDATES: Final = 128
"""Frames whose CRC is examined in one decoding: it holds by chance for one of them with
probability 2^-17."""

INFORMATION_POSITIONS: Final = reliable_positions(CODE_BITS, FRAME_BITS, inverse_capacity=32)
"""Where the frame's bits go, in their order."""

_CODE: Final = PolarCode(CODE_BITS, INFORMATION_POSITIONS)


def encode(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The code word of a frame.

    Args:
        frame: ``(80,)`` uint8 bits, as `Payload.to_frame` gives them.

    Returns:
        ``(CODE_BITS,)`` uint8 bits.

    Raises:
        ValueError: ``frame`` has another shape, or values other than 0 and 1.
    """
    if frame.shape != (FRAME_BITS,):
        raise ValueError(f"a frame has the shape ({FRAME_BITS},), not {frame.shape}")
    if frame.max() > 1:
        raise ValueError("a frame has bits, 0 and 1")
    return _CODE.encode(frame)


def decode(llr: NDArray[np.floating]) -> Payload | None:
    """The payload in one received word, or None where no candidate's CRC holds.

    Args:
        llr: ``(CODE_BITS,)`` log-likelihood ratios, positive where bit 0 is likelier, 0 where
            nothing is known. Only their proportions matter.

    Raises:
        ValueError: ``llr`` has another shape, or values that are not finite.
    """
    return decode_each(llr[None])[0]


def decode_each(llrs: NDArray[np.floating]) -> list[Payload | None]:
    """`decode` for each row of ``(n, CODE_BITS)``: quicker than one by one."""
    if llrs.ndim != 2 or llrs.shape[1] != CODE_BITS:
        raise ValueError(f"received words have the shape (n, {CODE_BITS}), not {llrs.shape}")
    if not np.isfinite(llrs).all():
        raise ValueError("log-likelihood ratios are finite")
    # Largest value 1, so that no range of values can overflow single precision.
    largest = np.abs(llrs).max(axis=1, initial=0, keepdims=True)
    words = (llrs / np.where(largest > 0, largest, 1)).astype(np.float32)
    data = _CODE.decode(words, list_size=CANDIDATES)
    heard = largest[:, 0] > 0
    return [_checked(frames) if said else None for frames, said in zip(data, heard, strict=True)]


def _checked(data: NDArray[np.uint8]) -> Payload | None:
    """The first of the candidates whose CRC holds."""
    intact = intact_frames(data)
    return Payload.from_frame(data[intact[0]]) if len(intact) else None
