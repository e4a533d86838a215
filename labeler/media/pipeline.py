"""Three stages that work at the same time on a stream of things: source, change, sink.

FFmpeg and numpy let other threads run while they compute, so threads are enough.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

__all__ = ["pipeline"]

_T = TypeVar("_T")
_U = TypeVar("_U")

# Things that wait between two stages: enough to even out what one takes longer than another.
_WAITING: Final = 2


class _Abandoned(Exception):  # noqa: N818  it says that nobody wants more, and is no error
    """Nobody takes what is put into a channel any more."""


class _Channel(Generic[_T]):
    """Hands things from one thread to another."""

    def __init__(self) -> None:
        self._waiting: deque[_T] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_abandoned = False
        self._error: BaseException | None = None

    def put(self, thing: _T) -> None:
        """Add ``thing``, when there is room.

        Raises:
            _Abandoned: Nobody wants it.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < _WAITING or self._is_abandoned)
            if self._is_abandoned:
                raise _Abandoned
            self._waiting.append(thing)
            self._changed.notify_all()

    def fill(self, source: Callable[[], Iterable[_T]]) -> None:
        """Put in what ``source`` gives, and close the channel; an error of it goes through it."""
        try:
            for thing in source():
                self.put(thing)
        except _Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001  raised again where things are taken out
            self.close(error)
        else:
            self.close()

    def close(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes; those who take get ``error`` at the end, if there is one."""
        with self._changed:
            self._is_closed = True
            self._error = error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Say that nothing more is wanted."""
        with self._changed:
            self._is_abandoned = True
            self._waiting.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[_T]:
        """What was put in, until the channel is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                thing = self._waiting.popleft()
                self._changed.notify_all()
            yield thing


def pipeline(
    source: Callable[[], Iterable[_T]],
    change: Callable[[_T], _U],
    sink: Callable[[Iterable[_U]], None],
) -> None:
    """Take everything from ``source`` through ``change`` into ``sink``.

    ``change`` runs in the thread that calls, the others in threads of their own; an error of any
    ends all three and is raised here, when all have ended.

    Args:
        source: Gives what there is; it is iterated in its own thread.
        change: Is called for each thing, in order.
        sink: Takes what that gives; it is not called back after an error of the others, but gets
            that error out of its argument.
    """
    given: _Channel[_T] = _Channel()
    taken: _Channel[_U] = _Channel()
    giver = threading.Thread(target=given.fill, args=(source,), daemon=True)
    taker = _Taker(sink, taken)
    giver.start()
    taker.start()
    try:
        for thing in given:
            taken.put(change(thing))
        taken.close()
    except _Abandoned:
        pass  # The sink has failed, and says why.
    except BaseException as error:
        taken.close(error)
        raise
    finally:
        given.abandon()
        giver.join()
        taker.join()
    if taker.error is not None:
        raise taker.error


class _Taker(threading.Thread, Generic[_U]):
    """The thread of a sink.

    Args:
        sink: What takes things.
        channel: Where they come from.
    """

    def __init__(self, sink: Callable[[Iterable[_U]], None], channel: _Channel[_U]) -> None:
        super().__init__(daemon=True)
        self._sink = sink
        self._channel = channel
        self.error: BaseException | None = None
        """What the sink raised."""

    def run(self) -> None:
        """Run the sink to its end."""
        try:
            self._sink(self._channel)
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            self.error = error
        finally:
            self._channel.abandon()
