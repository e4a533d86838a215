"""PyTorch's random generator on the CPU, as far as watermarks are drawn from it.

A seeded ``torch.Generator`` is a Mersenne Twister initialised with the seed's low 32 bits;
``torch.randint`` and ``torch.randperm`` take one 32-bit word for each value and reduce it modulo
the number of choices (ATen, ``DistributionTemplates.h`` and ``TensorFactories.cpp``). NumPy's
`~numpy.random.RandomState` is the same twister, and its streams never change (NEP 19).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["TorchRandom", "Words", "is_among_first"]

Words: TypeAlias = NDArray[np.uint32]

_WORD_RANGE: Final = 1 << 32


class TorchRandom:
    """A CPU generator that can be seeded anew; each draw follows a seeding."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        # The legacy generator is meant: its stream is frozen, and PyTorch's is the same one.
        self._state = np.random.RandomState(0)

    def words(self, seed: int, count: int) -> Words:
        """The first ``count`` words after ``manual_seed(seed)``, ``(count,)`` uint32."""
        self._state.seed(seed % _WORD_RANGE)
        return self._state.randint(0, _WORD_RANGE, size=count, dtype=np.uint32)

    def bits(self, seed: int, count: int) -> NDArray[np.uint8]:
        """``torch.randint(0, 2, (count,))`` after ``manual_seed(seed)``, ``(count,)`` of 0 or 1."""
        return (self.words(seed, count) & np.uint32(1)).astype(np.uint8)

    def swaps(self, seed: int, size: int, count: int) -> Words:
        """The exchanges by which ``torch.randperm(size)`` shuffles after ``manual_seed(seed)``.

        Step i exchanges the elements at i and at the i-th value, which is i to ``size - 1``; after
        it the element at i stays. The last step has no choice and draws nothing.

        Args:
            seed: As PyTorch takes it.
            size: Length of the permutation, less than 2**32.
            count: Of the first steps, at most ``size``.

        Returns:
            ``(count,)`` uint32.
        """
        drawn = self.words(seed, count)
        steps = np.arange(count, dtype=np.uint32)
        drawn %= np.uint32(size) - steps
        drawn += steps
        return drawn

    def permutation_head(self, seed: int, size: int, count: int) -> NDArray[np.int64]:
        """``torch.randperm(size)[:count]`` after ``manual_seed(seed)``, ``(count,)`` int64."""
        displaced: dict[int, int] = {}
        head = []
        for step, other in enumerate(self.swaps(seed, size, count).tolist()):
            head.append(displaced.get(other, other))
            displaced[other] = displaced.get(step, step)
        return np.array(head, dtype=np.int64)


def is_among_first(swaps: Words, element: int) -> bool:
    """Whether shuffling 0, 1, 2 … by ``swaps`` puts ``element`` among the first ``len(swaps)``.

    Follows that one element: it stays where a step fetches it, or is sent away once when the
    shuffle comes to its place. Steps before that are the only ones that can fetch it there.
    """
    place, done = element, 0
    while place < len(swaps):
        if (swaps[done:place] == place).any():
            return True
        place, done = int(swaps[place]), place + 1
        if place == done - 1:
            return True
    return bool((swaps[done:] == place).any())
