"""Workers that stamp, and the threads that wait for them."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, Final

from detectors.service.problems import ProblemKind, Refused, RequestError
from labeler.closing import Closing
from labeler.receipt import Receipt
from labeler.serving.metrics import StampingMetrics
from labeler.serving.orders import StampOrder
from labeler.serving.problems import LostError, refusal, refusal_of_loss
from labeler.serving.process import StampingProcess
from labeler.settings import Settings

__all__ = ["Stamped", "StamperPool"]

_LOG: Final = logging.getLogger(__name__)
_PAUSE_SECONDS: Final = 2.0
_RECYCLE_AFTER: Final = 200
"""Files after which a worker is replaced: native libraries keep memory they no longer need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A file that was stamped."""

    receipt: Receipt
    """What was done to it."""
    file: BinaryIO
    """The output: a file without a name, which is gone when this is closed."""
    size: int
    """Its size, bytes."""

    def close(self) -> None:
        """Let the output go."""
        self.file.close()


@dataclass(slots=True)
class _Slot:
    """A place for one worker, which may have to be started first."""

    process: StampingProcess | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class _Task:
    """One file on its way through the pool."""

    order: StampOrder
    source: BinaryIO
    began: Callable[[], None]
    tell: Callable[[float], None]
    is_cancelled: bool = False
    process: StampingProcess | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, process: StampingProcess) -> None:
        with self.lock:
            if self.is_cancelled:
                raise LostError("cancelled")
            self.process = process
        self.began()

    def cancel(self) -> bool:
        """Whether somebody was at it: then the file is in use for a moment more."""
        with self.lock:
            self.is_cancelled = True
            if self.process is not None:
                self.process.kill()
            return self.process is not None

    def end(self) -> None:
        with self.lock:
            self.process = None


class StamperPool(Closing):
    """As many workers as may stamp at the same time; each is started when it is needed.

    Args:
        settings: Those of the workers.
        workers: How many.
        seconds: Time that one file may take.
        metrics: Counts what they do.
    """

    def __init__(
        self, settings: Settings, *, workers: int, seconds: float, metrics: StampingMetrics
    ) -> None:
        self._settings = settings
        self._seconds = seconds
        self._metrics = metrics
        self._idle: SimpleQueue[_Slot] = SimpleQueue()
        self._slots = tuple(_Slot() for _ in range(workers))
        for each in self._slots:
            self._idle.put(each)
        # One more: it starts the workers while others wait for theirs.
        self._threads = ThreadPoolExecutor(workers + 1, thread_name_prefix="stamper")
        self._tasks: set[_Task] = set()
        self._closing = threading.Event()
        self._started = threading.Event()

    def start(self) -> None:
        """Begin to start the workers, so that the first file does not wait for that."""
        self._threads.submit(self._prepare)

    @property
    def is_ready(self) -> bool:
        """Whether every worker could be started."""
        return self._started.is_set()

    async def stamp(
        self,
        order: StampOrder,
        source: BinaryIO,
        *,
        began: Callable[[], None] = lambda: None,
        tell: Callable[[float], None] = lambda _: None,
    ) -> Stamped:
        """Have a file stamped; it must stay open until then. Cancelling kills the worker.

        Args:
            order: What is asked for.
            source: The file: it has a descriptor.
            began: Is called, from another thread, when a worker begins.
            tell: Is told, from another thread, how far it is, 0 to 1.

        Raises:
            Refused: It cannot be stamped.
            RequestError: Stamping is not possible at the moment.
        """
        task = _Task(order=order, source=source, began=began, tell=tell)
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._run, task)
        self._tasks.add(task)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_let_go)
            if task.cancel():
                # The thread still has the file, which the caller is about to close.
                await asyncio.wait([work])
            raise
        finally:
            self._tasks.discard(task)

    def close(self) -> None:
        """End the workers, whatever they are at."""
        self._closing.set()
        for each in tuple(self._tasks):
            each.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for slot in self._slots:
            if slot.process is not None:
                slot.process.stop()
                slot.process = None

    def _run(self, task: _Task) -> Stamped:
        began = time.monotonic()
        try:
            stamped = self._stamp(task)
        except LostError as error:
            found = refusal_of_loss(error, seconds=self._seconds)
            if not task.is_cancelled:
                self._count(found)
            raise found from None
        except (Refused, RequestError) as error:
            self._count(error)
            raise
        took = time.monotonic() - began
        self._metrics.stamped(stamped.receipt.media_type, took)
        _LOG.info("stamped %s, %.2f s", stamped.receipt.media_type, took)
        return stamped

    def _stamp(self, task: _Task) -> Stamped:
        slot = self._idle.get()
        try:
            process = self._ready(slot)
            task.begin(process)
            answer, files = process.stamp(
                task.order, task.source.fileno(), seconds=self._seconds, tell=task.tell
            )
        except LostError as error:
            lost = LostError("cancelled") if task.is_cancelled else error
            self._replace(slot, lost.reason)
            raise lost from None
        finally:
            task.end()
            self._idle.put(slot)
        return _understand(answer, files)

    def _ready(self, slot: _Slot) -> StampingProcess:
        if slot.process is not None and slot.process.files >= _RECYCLE_AFTER:
            self._replace(slot, "age")
        if slot.process is None:
            slot.process = StampingProcess(self._settings)
        return slot.process

    def _replace(self, slot: _Slot, reason: str) -> None:
        if slot.process is not None:
            self._metrics.restarted(reason)
            slot.process.kill()
            slot.process.stop()
            slot.process = None

    def _prepare(self) -> None:
        """Start the workers, one after the other, however often that takes."""
        while not self._closing.is_set():
            if all(each.process is not None for each in self._slots):
                self._started.set()
                return
            with suppress(Empty):  # all are at work: then somebody else starts them
                slot = self._idle.get(timeout=_PAUSE_SECONDS)
                try:
                    self._ready(slot)
                except LostError as error:
                    _LOG.error("a worker that stamps could not be started: %s", error.told)
                    self._closing.wait(_PAUSE_SECONDS)
                finally:
                    self._idle.put(slot)

    def _count(self, error: Refused | RequestError) -> None:
        kind = error.kind.value if isinstance(error.kind, ProblemKind) else error.kind
        self._metrics.refused(kind)


def _let_go(work: asyncio.Future[Stamped]) -> None:
    """Nobody wants to have what was stamped, or to know why it was not."""
    if not work.cancelled() and work.exception() is None:
        work.result().close()


def _understand(answer: Any, files: list[int]) -> Stamped:
    failure = answer.get("failure")
    if failure is not None:
        raise refusal(failure["classes"], failure["problem"], failure["hint"])
    file = os.fdopen(files[0], "rb")
    return Stamped(
        receipt=Receipt.from_json(answer["receipt"]),
        file=file,
        size=os.fstat(file.fileno()).st_size,
    )
