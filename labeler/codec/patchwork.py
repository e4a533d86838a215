"""The sound mark: a keyed patchwork of small level changes on a grid of time and frequency.

Sound is looked at as a grid of *cells*, each 64 ms long and one of 60 bands high. In every cell the
level goes up or down by a decibel or so, as the sign of the cell says. The signs repeat after a
*period* of 48 cells (3.072 s); they come from a *pattern* that is drawn from the key, and each cell
has one of two roles, the same for every key:

- *pilot*: the pattern's sign. They tell which key and pattern it is, and where a period begins.
- *data*: the pattern's sign times a bit of an error-correcting code.

A key has a bank of patterns, of which an output uses one: averaging many outputs does not give the
key away. Some of the patterns announce the short form of the payload, the others the standard one.

What is said here is a wire format: constants and streams may only change under a new version.
Written description: ``docs/wire-format.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labeler.codec import error_correction, short_code
from labeler.codec.keys import PUBLIC_KEY, Key
from labeler.codec.payload import Payload, ShortPayload

__all__ = [
    "BANDS",
    "BAND_EDGES_HZ",
    "CELLS",
    "CELL_FRAMES",
    "CELL_S",
    "FRAME",
    "HOP",
    "PATTERNS",
    "PERIOD_CELLS",
    "PERIOD_FRAMES",
    "PERIOD_S",
    "PILOTS",
    "RATE_HZ",
    "AnyPayload",
    "Form",
    "Pattern",
    "code_signs",
    "form_of",
    "pattern",
]

AnyPayload: TypeAlias = Payload | ShortPayload

RATE_HZ: Final = 16_000
"""Samples a second of the sound that is looked at."""
FRAME: Final = 1024
"""Samples of a frame; its window is Hann's."""
HOP: Final = 256
"""Samples from one frame to the next."""
CELL_FRAMES: Final = 4
PERIOD_CELLS: Final = 48
PERIOD_FRAMES: Final = PERIOD_CELLS * CELL_FRAMES
CELL_S: Final = CELL_FRAMES * HOP / RATE_HZ
PERIOD_S: Final = PERIOD_CELLS * CELL_S

_LOWEST_HZ: Final = 350.0
_HIGHEST_HZ: Final = 6800.0
_LEAST_WIDTH_HZ: Final = 45.0
_RELATIVE_WIDTH: Final = 0.043
_PILOTS_PER_CELL: Final = 27
_VERSION: Final = "patchwork.v1"


def _band_edges() -> NDArray[np.float64]:
    edges = [_LOWEST_HZ]
    while edges[-1] < _HIGHEST_HZ:
        edges.append(edges[-1] + max(_LEAST_WIDTH_HZ, _RELATIVE_WIDTH * edges[-1]))
    return np.array(edges)


BAND_EDGES_HZ: Final = _band_edges()
"""``(61,)`` where bands begin and end: each 45 Hz wide or 4.3 % of its lower edge."""
BANDS: Final = len(BAND_EDGES_HZ) - 1
CELLS: Final = (PERIOD_CELLS, BANDS)
"""Shape of a period."""


def _pilots() -> NDArray[np.bool_]:
    stream = PUBLIC_KEY.stream(f"{_VERSION}/pilots")
    mask = np.zeros(CELLS, np.bool_)
    for row in mask:
        row[stream.permutation(BANDS)[:_PILOTS_PER_CELL]] = True
    return mask


PILOTS: Final = _pilots()
"""``CELLS`` bool: which cells are pilots, 27 at each time; the others are data."""


class Form(StrEnum):
    """Which payload a pattern announces."""

    STANDARD = "standard"
    SHORT = "short"


PATTERNS: Final = {Form.STANDARD: 16, Form.SHORT: 4}
"""How many patterns a key has for each form."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One pattern of a key."""

    form: Form
    number: int
    """Which of the form's patterns it is."""
    signs: NDArray[np.float32]
    """``CELLS`` of +1 and -1: a pilot's sign, or what a data cell's code bit is multiplied by."""
    code_bits: NDArray[np.intp]
    """``(data cells,)`` which code bit each data cell carries, in the order of ``~PILOTS``."""

    def signs_of(self, payload: AnyPayload) -> NDArray[np.float32]:
        """``CELLS`` of +1 and -1: the signs of a mark that says ``payload``.

        Raises:
            ValueError: The payload has the other form.
        """
        if form_of(payload) is not self.form:
            raise ValueError(f"a pattern of the {self.form} form cannot carry {payload}")
        signs = self.signs.copy()
        signs[~PILOTS] *= code_signs(payload)[self.code_bits]
        return signs

    def code_word(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(CODE_BITS,)`` sums of a period's data cells by code bit, their signs taken off.

        Args:
            features: ``CELLS`` or ``(n, *CELLS)`` whitened levels; the latter are summed.
        """
        cells = features if features.ndim == 2 else features.sum(axis=0)
        values = (cells * self.signs)[~PILOTS]
        sums = np.bincount(self.code_bits, values, error_correction.CODE_BITS)
        return sums.astype(np.float32)


@lru_cache(maxsize=512)
def pattern(key: Key, form: Form, number: int) -> Pattern:
    """Pattern ``number`` of those that ``key`` has for ``form``."""
    stream = key.stream(f"{_VERSION}/{form}/{number}")
    signs = stream.signs(PERIOD_CELLS * BANDS).reshape(CELLS)
    data = int(np.count_nonzero(~PILOTS))
    code_bits = np.empty(data, np.intp)
    code_bits[stream.permutation(data)] = np.arange(data) % error_correction.CODE_BITS
    signs.setflags(write=False)
    return Pattern(form, number, signs, code_bits)


def form_of(payload: AnyPayload) -> Form:
    """Which form ``payload`` has."""
    return Form.SHORT if isinstance(payload, ShortPayload) else Form.STANDARD


def code_signs(payload: AnyPayload) -> NDArray[np.float32]:
    """``(CODE_BITS,)`` float32: +1 where the payload's code bit is 0, -1 where it is 1."""
    if isinstance(payload, ShortPayload):
        bits = short_code.encode(payload.to_int())
    else:
        bits = error_correction.encode(payload.to_frame())
    return 1 - 2 * bits.astype(np.float32)
