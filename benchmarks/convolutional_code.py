"""The code that Labeler does not use: convolutional, K = 9, rate 1/4, with list Viterbi decoding.

It is here so that the choice of the polar code can be checked (`benchmarks.error_correction`).
Generators 463, 535, 733, 745 (octal) have the largest free distance of their kind, 24.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConvolutionalCode"]

_GENERATORS: Final = np.array([0o463, 0o535, 0o733, 0o745])
_MEMORY: Final = 8
_STATES: Final = 1 << _MEMORY
_REGISTERS: Final = np.arange(2 * _STATES)
_OUTPUTS: Final = (np.bitwise_count(_REGISTERS[:, None] & _GENERATORS) & 1).astype(np.uint8)
_SIGNS: Final = 1 - 2 * _OUTPUTS.astype(np.float32)

_Bits = NDArray[np.uint8]
_Floats = NDArray[np.float32]


class ConvolutionalCode:
    """Frames of ``data_bits`` bits; a state is the eight last bits, the newest lowest.

    Args:
        data_bits: Bits of a frame.
        tail_biting: Start in the state in which the frame ends, instead of in state 0 with eight
            zeros at the end. The decoder below must then be told that state, which no real one
            can be: what it reaches is a bound that a real one stays behind.
    """

    def __init__(self, data_bits: int, *, tail_biting: bool) -> None:
        self.data_bits = data_bits
        self.tail_biting = tail_biting
        self.steps = data_bits if tail_biting else data_bits + _MEMORY
        self.length = self.steps * len(_GENERATORS)

    def encode(self, data: _Bits) -> _Bits:
        """The ``(n, length)`` uint8 code words of ``(n, data_bits)`` uint8 frames."""
        tail = np.zeros((len(data), self.steps - self.data_bits), np.uint8)
        bits = np.concatenate((data, tail), axis=1)
        state = self.end_states(data)
        outputs = []
        for step in range(self.steps):
            register = state << 1 | bits[:, step]
            outputs.append(_OUTPUTS[register])
            state = register & _STATES - 1
        return np.concatenate(outputs, axis=1)

    def end_states(self, data: _Bits) -> NDArray[np.intp]:
        """``(n,)`` the state in which each frame starts and ends."""
        if not self.tail_biting:
            return np.zeros(len(data), np.intp)
        return data[:, -_MEMORY:].astype(np.intp) @ (1 << np.arange(_MEMORY)[::-1])

    def decode(self, llrs: _Floats, ends: NDArray[np.intp], *, list_size: int) -> _Bits:
        """The ``list_size`` likeliest frames, exactly (parallel list Viterbi algorithm).

        Args:
            llrs: ``(n, length)`` float32 log-likelihood ratios, positive where bit 0 is likelier.
            ends: ``(n,)`` the state in which each word starts and ends.
            list_size: Frames to give, at most 127.

        Returns:
            ``(n, list_size, data_bits)`` uint8, best first.
        """
        words = np.arange(len(llrs))
        score = np.full((len(llrs), _STATES, list_size), -np.inf, np.float32)
        score[words, ends, 0] = 0
        history = []
        before = np.arange(_STATES) >> 1
        for step in range(self.steps):
            gain = llrs[:, 4 * step : 4 * step + 4] @ _SIGNS.T
            extended = np.concatenate(
                (
                    score[:, before] + gain[:, :_STATES, None],
                    score[:, before | _STATES >> 1] + gain[:, _STATES:, None],
                ),
                axis=2,
            )
            kept = np.argpartition(extended, list_size - 1, axis=2)[:, :, list_size:]
            if step == self.steps - 1:
                kept = np.argsort(-extended, axis=2)[:, :, :list_size]
            score = np.take_along_axis(extended, kept, axis=2)
            history.append(kept.astype(np.uint8))
        return self._trace(history, ends)

    def _trace(self, history: list[_Bits], ends: NDArray[np.intp]) -> _Bits:
        """The frames along the surviving paths, from their end to their start."""
        list_size = history[0].shape[2]
        words = np.arange(len(ends))[:, None]
        state = np.repeat(ends[:, None], list_size, axis=1)
        rank = np.repeat(np.arange(list_size)[None], len(ends), axis=0)
        bits = np.empty((len(ends), list_size, self.steps), np.uint8)
        for step in reversed(range(self.steps)):
            bits[:, :, step] = state & 1
            came = history[step][words, state, rank].astype(np.intp)
            oldest, rank = np.divmod(came, list_size)
            state = state >> 1 | oldest << _MEMORY - 1
        return bits[:, :, : self.data_bits]
