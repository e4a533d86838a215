"""Verifiers, each with a subprocess of its own, and the threads that wait for them."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import BinaryIO, Final

from detectors.lookup import Completed, Lookup
from detectors.report import Finding, Report
from detectors.service.limits import ServiceLimits
from detectors.verification import Verifier
from labeler.closing import Closing
from labeler.errors import LabelerError
from labeler.media.scratch import remove_abandoned
from labeler.settings import Settings

__all__ = ["VerifierPool"]

_LOG: Final = logging.getLogger(__name__)
_TRIAL: Final = b"\0"
"""No file of any format: looking at it starts a subprocess, and nothing else."""


class VerifierPool(Closing):
    """As many verifiers as may work at the same time.

    Args:
        settings: Those of the verifiers.
        limits: How many there are, and what a file may take at most.

    Raises:
        LabelerError: A setting, key, trust list or the registry cannot be used.
    """

    def __init__(self, settings: Settings, limits: ServiceLimits) -> None:
        settings = _limited(settings, limits)
        self._scratch = settings.scratch
        # Shared, so that the index of what the registry's outputs look like is made once.
        self._lookup = Lookup(settings)
        self._verifiers = tuple(
            Verifier(settings, lookup=self._lookup) for _ in range(limits.workers)
        )
        self._idle: SimpleQueue[Verifier] = SimpleQueue()
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="verifier")
        self._trials: tuple[Future[None], ...] = ()

    def start(self) -> None:
        """Remove what a killed process left behind, and begin to start the subprocesses.

        Raises:
            OSError: The folder for temporary files cannot be read.
        """
        if self._scratch is None or self._scratch.is_dir():
            remove_abandoned(self._scratch)
        self._trials = tuple(self._threads.submit(_try_out, each) for each in self._verifiers)
        for each in self._verifiers:
            self._idle.put(each)

    @property
    def is_ready(self) -> bool:
        """Whether every subprocess could be started."""
        return bool(self._trials) and all(
            each.done() and not each.cancelled() and each.exception() is None
            for each in self._trials
        )

    async def verify(self, stream: BinaryIO, *, name: str) -> Report:
        """What is found in ``stream``, which must stay open until then.

        Raises:
            LabelerError: Verifying is not possible, whatever the file.
        """
        return (await self.examine(stream, name=name)).report

    async def examine(self, stream: BinaryIO, *, name: str) -> Completed:
        """The same, with what there is to look at for people.

        Raises:
            LabelerError: As `verify`.
        """
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._examine, stream, name
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread still reads the stream, which the caller is about to close.
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # looked at: nobody is there any more to be told
            raise

    async def read_store(self, store: bytes) -> Finding:
        """What a manifest store says that came without its file, as a credential finding.

        Raises:
            LabelerError: It takes too long or too much memory, or a subprocess crashed.
        """
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._read_store, store)
        return await asyncio.shield(work)

    def abort(self) -> None:
        """End the subprocesses for good, whatever they are at."""
        for each in self._verifiers:
            each.abort()

    def close(self) -> None:
        """End the subprocesses. What they are at is waited for, what waits for them is not."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for each in self._verifiers:
            each.close()
        self._lookup.close()

    def _read_store(self, store: bytes) -> Finding:
        verifier = self._idle.get()
        try:
            return verifier.read_store(store)
        finally:
            self._idle.put(verifier)

    def _examine(self, stream: BinaryIO, name: str) -> Completed:
        verifier = self._idle.get()
        began = time.monotonic()
        try:
            completed = verifier.examine(stream, name=name)
        finally:
            self._idle.put(verifier)
        took = time.monotonic() - began
        # Neither what the file is called nor what is in it; a worker may say anything of its type.
        report = completed.report
        kind = repr(report.media_type)[:80]
        _LOG.info("verified %s: %s, %.2f s", kind, report.conclusion.value, took)
        return completed


def _limited(settings: Settings, limits: ServiceLimits) -> Settings:
    """The settings with what a service does not allow to anybody."""
    most, size = limits.verifying_seconds, limits.max_upload_bytes
    return settings.model_copy(
        update={
            "max_seconds": min(settings.max_seconds, most),
            "max_listening_seconds": min(settings.max_listening_seconds, most),
            "max_watching_seconds": min(settings.max_watching_seconds, most),
            "max_file_bytes": min(settings.max_file_bytes, size),
            "max_sound_bytes": min(settings.max_sound_bytes, size),
            "max_video_bytes": min(settings.max_video_bytes, size),
        }
    )


def _try_out(verifier: Verifier) -> None:
    try:
        verifier.verify(_TRIAL, name="trial")
    except LabelerError as error:
        _LOG.error("%s: %s", type(error).__name__, error.problem)
        raise
