"""Being asked to stop: by Ctrl-C, or by whoever manages processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self

__all__ = ["Interrupts"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """The first signal is a wish to stop soon; the second one raises `KeyboardInterrupt`.

    Args:
        announce: Called once, when the wish is first noticed by `requested`. Not from the signal
            handler: that may run in the middle of anything.
    """

    def __init__(self, announce: Callable[[], None]) -> None:
        self._announce = announce
        self._announced = False
        self._number: signal.Signals | None = None
        self._before: list[signal.Handlers | Callable[..., object] | int | None] = []

    def requested(self) -> bool:
        """Whether there was a signal."""
        if self._number is not None and not self._announced:
            self._announced = True
            self._announce()
        return self._number is not None

    @property
    def exit_code(self) -> int | None:
        """What a shell expects of a process that a signal ended; None if there was no signal."""
        return None if self._number is None else 128 + self._number

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._number is not None:
            raise KeyboardInterrupt
        self._number = signal.Signals(number)

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._handle) for number in _SIGNALS]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)
