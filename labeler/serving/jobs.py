"""Work that takes longer than anybody waits: its files, its answers, and how long these are kept.

A job's file lies on disk without a name, and so does the output of one that stamps: both are gone
with this process, however that ends. Answers are kept here, in memory, for a while, and belong to
the process that took the job; the registry knows the jobs, and in the end which receipt came of
them. A job whose process died is failed: the next that looks finds that nobody has said anything
of it for `ServingLimits.lease_seconds`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, BinaryIO, Final, TypeVar

from detectors.report import Report
from detectors.service.metrics import Metrics
from detectors.service.pool import VerifierPool
from detectors.service.problems import ProblemKind, Refused, RequestError, error_members
from labeler.errors import LabelerError
from labeler.registry import JobRecord, JobState
from labeler.serving.limits import ServingLimits
from labeler.serving.orders import StampOrder
from labeler.serving.pool import Stamped, StamperPool
from labeler.serving.records import Records
from labeler.serving.repeats import Repeats, is_lost, reused

__all__ = ["LOST", "Job", "JobKind", "Jobs"]

_LOG: Final = logging.getLogger(__name__)
_BUSY_SECONDS: Final = 60
_CANCEL_SECONDS: Final = 5.0
LOST: Final = error_members(
    "lost", "the service was stopped while it was at this job", hint="Send it again"
)
"""Why a job has failed whose process is gone."""
_FAILED: Final = error_members(
    ProblemKind.FAILED.value,
    "the service could not do this job",
    hint="That is not the file's fault: send it again later",
)


class JobKind(StrEnum):
    """What is asked for."""

    VERIFY = "verify"
    STAMP = "stamp"


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A job of this process."""

    job_id: str
    owner: str
    """Id of the API key, or the network, of who asked for it."""
    kind: JobKind
    file: BinaryIO = field(repr=False)
    size: int
    """Bytes of the file, later of the output."""
    name: str = field(repr=False)
    """What the file is called."""
    order: StampOrder | None
    """What is asked for; None: to verify."""
    digest: str
    """Of the whole request, where that may be repeated."""
    created_at: datetime
    state: JobState = JobState.QUEUED
    progress: float = 0.0
    """How far it is, 0 to 1."""
    report: Report | None = field(default=None, repr=False)
    stamped: Stamped | None = field(default=None, repr=False)
    error: Mapping[str, Any] | None = None
    ended: float | None = None
    """When it came to its end, on the clock that only grows."""
    expires_at: datetime | None = None
    """When its answer is forgotten."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def close(self) -> None:
        """Let its files go."""
        self.file.close()
        if self.stamped is not None:
            self.stamped.close()


class Jobs:
    """The jobs of this process. Everything here belongs to one event loop.

    Args:
        records: The registry.
        verifiers: Who verifies; started when the first such job comes.
        stampers: Who stamps; None: nobody.
        limits: What jobs may take.
        repeats: Requests that say of themselves, likewise, that they are not lost.
        metrics: Counts what was verified.
    """

    def __init__(
        self,
        *,
        records: Records,
        verifiers: VerifierPool,
        stampers: StamperPool | None,
        limits: ServingLimits,
        repeats: Repeats,
        metrics: Metrics,
    ) -> None:
        self._records = records
        self._verifiers = verifiers
        self._stampers = stampers
        self._limits = limits
        self._repeats = repeats
        self._metrics = metrics
        self._jobs: dict[str, Job] = {}
        self._starting = asyncio.Lock()
        self._has_verifiers = False
        self._rooms = {kind: asyncio.Semaphore(limits.job_workers) for kind in JobKind}

    @property
    def open(self) -> int:
        """Jobs that have no answer yet."""
        return sum(not job.state.is_final for job in self._jobs.values())

    @property
    def kept(self) -> int:
        """Jobs that are not forgotten yet."""
        return len(self._jobs)

    def check_room(self, owner: str) -> None:
        """See that there is room for one more.

        Raises:
            RequestError: There is none (`BUSY`), or none for this caller (`TOO_MANY`).
        """
        jobs = self._jobs.values()
        if sum(job.owner == owner for job in jobs) >= self._limits.jobs_per_key:
            raise RequestError(ProblemKind.TOO_MANY, retry_after=_BUSY_SECONDS)
        size = sum(job.size for job in jobs)
        if len(jobs) >= self._limits.jobs or size >= self._limits.kept_bytes:
            raise RequestError(ProblemKind.BUSY, retry_after=_BUSY_SECONDS)

    async def add(
        self,
        file: BinaryIO,
        *,
        owner: str,
        key_id: str | None,
        kind: JobKind,
        name: str,
        order: StampOrder | None,
        job_id: str | None = None,
        digest: str = "",
    ) -> Job | JobRecord:
        """Begin a job.

        Args:
            file: Its file, which is the job's from here on.
            owner: Who asks.
            key_id: Id of the API key of who asks; None: there is none.
            kind: What is asked for.
            name: What the file is called.
            order: What is asked for where it is to be stamped.
            job_id: Its name; None: a new one.
            digest: Of the whole request, where that may be repeated.

        Returns:
            The job, or the one that has the name already.

        Raises:
            Refused: That one was asked for with another request.
            RequestError: The registry cannot be used.
        """
        job = Job(
            job_id=secrets.token_hex(16) if job_id is None else job_id,
            owner=owner,
            kind=kind,
            file=file,
            size=os.fstat(file.fileno()).st_size,
            name=name,
            order=order,
            digest=digest,
            created_at=datetime.now(UTC),
        )
        try:
            known = await self._claim(job, key_id)
        except BaseException:
            job.close()
            raise
        if known is not None:
            job.close()
            return known
        self._jobs[job.job_id] = job
        job.task = asyncio.create_task(self._work(job))
        return job

    async def _claim(self, job: Job, key_id: str | None) -> Job | JobRecord | None:
        """Write a job down; the one that has its name already, where there is one of use."""
        known = self._jobs.get(job.job_id)
        if known is not None:
            return _same(known, known.digest, job)
        for _ in range(2):
            found = await self._records.ask(
                lambda registry: registry.add_job(
                    job.job_id, kind=job.kind, key_id=key_id, request={"digest": job.digest}
                )
            )
            if found is None:
                return None
            _same(found, found.request.get("digest"), job)
            if not found.state.is_final and not is_lost(found, self._limits.lease_seconds):
                return found
            # The process that had its answer is gone: it is done again.
            await self._records.ask(lambda registry: registry.forget_job(job.job_id))
        raise RequestError(ProblemKind.BUSY, retry_after=_BUSY_SECONDS)

    def find(self, job_id: str, owner: str) -> Job | None:
        """A job of this process that belongs to ``owner``."""
        job = self._jobs.get(job_id)
        return job if job is not None and job.owner == owner else None

    async def record(self, job_id: str, key_id: str) -> JobRecord | None:
        """A job of another process, or of an earlier one, that belongs to a key."""
        if not await self._records.is_there():
            return None
        found = await self._records.ask(lambda registry: registry.job(job_id))
        is_theirs = found is not None and found.key_id == key_id and found.kind in set(JobKind)
        return found if is_theirs else None

    async def cancel(self, job: Job) -> None:
        """End a job, whatever its state, and forget it.

        One that verifies comes to its end nevertheless, and nobody gets to know what it found: its
        worker looks at one file at a time.
        """
        self._jobs.pop(job.job_id, None)
        if job.task is not None and not job.task.done():
            job.task.cancel()
            await asyncio.wait([job.task], timeout=_CANCEL_SECONDS)
        if job.task is None or job.task.done():
            job.close()
        await self._records.ask(lambda registry: registry.forget_job(job.job_id))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after the jobs as long as the block lasts; those that are open then are failed."""
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.wait([keeper])
            self._verifiers.abort()
            for job in tuple(self._jobs.values()):
                if job.task is not None and not job.task.done():
                    job.task.cancel()
                    await asyncio.wait([job.task])
                self._drop(job)
            await asyncio.to_thread(self._verifiers.close)

    # --- work ------------------------------------------------------------------------------------

    async def _work(self, job: Job) -> None:
        try:
            async with self._rooms[job.kind]:
                if job.kind is JobKind.VERIFY:
                    await self._say(job, JobState.RUNNING)
                    await self._verify(job)
                else:
                    await self._stamp(job)
            await self._finish(job, JobState.DONE)
        except Refused as refused:
            job.error = refused.members
            await self._finish(job, JobState.FAILED)
        except (RequestError, LabelerError):
            job.error = _FAILED
            await self._finish(job, JobState.FAILED)
        except asyncio.CancelledError:
            job.error = LOST
            await self._finish(job, JobState.FAILED)
            if job.job_id not in self._jobs:
                job.close()
            raise
        except Exception as error:  # noqa: BLE001 - what it says may quote the file
            _LOG.error("defect: %s in a job", type(error).__name__)
            job.error = _FAILED
            await self._finish(job, JobState.FAILED)

    async def _verify(self, job: Job) -> None:
        async with self._starting:
            if not self._has_verifiers:
                await asyncio.to_thread(self._verifiers.start)
                self._has_verifiers = True
        began = time.monotonic()
        job.report = await self._verifiers.verify(job.file, name=job.name)
        self._metrics.verified(job.report, time.monotonic() - began)

    async def _stamp(self, job: Job) -> None:
        if self._stampers is None or job.order is None:
            raise RequestError(ProblemKind.NOT_FOUND)

        def tell(part: float) -> None:
            job.progress = max(job.progress, min(part, 1.0))

        await self._say(job, JobState.RUNNING)
        job.stamped = await self._stampers.stamp(job.order, job.file, tell=tell)
        job.size = job.stamped.size

    async def _say(self, job: Job, state: JobState) -> None:
        job.state = state
        await self._records.ask(lambda registry: registry.change_job(job.job_id, state))

    async def _finish(self, job: Job, state: JobState) -> None:
        """The end of a job: its file goes, its answer stays for a while."""
        job.file.close()
        if job.stamped is None:
            job.size = 0
        seconds = self._limits.answer_seconds
        job.ended = time.monotonic()
        job.expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
        job.progress = 1.0 if state is JobState.DONE else job.progress
        job.state = state
        answer = dict(job.error or {})
        if job.stamped is not None:
            answer["receipt_id"] = job.stamped.receipt.receipt_id
        # Nothing of what was found in a file: that is for who asked alone.
        with suppress(RequestError):  # it is in the log; who asks this process gets the answer
            await self._records.ask(
                lambda registry: registry.change_job(job.job_id, state, answer=answer)
            )

    # --- keeping ---------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            with suppress(RequestError):  # it is in the log, and may be better the next time
                await self._look_after()
            await asyncio.sleep(self._limits.lease_seconds / 3)

    async def _look_after(self) -> None:
        limits, now = self._limits, datetime.now(UTC)
        until = time.monotonic() - limits.answer_seconds
        for job in tuple(self._jobs.values()):
            if job.ended is not None and job.ended < until:
                self._drop(job)
        if not await self._records.is_there():
            return
        at_work = [job.job_id for job in self._jobs.values() if not job.state.is_final]
        at_work += self._repeats.open
        lost = now - timedelta(seconds=limits.lease_seconds)
        old = now - timedelta(seconds=limits.answer_seconds)
        if at_work:
            await self._records.ask(lambda registry: registry.renew_jobs(at_work))
        await self._records.ask(lambda registry: registry.fail_lost_jobs(lost, answer=LOST))
        await self._records.ask(lambda registry: registry.forget_jobs(old))

    def _drop(self, job: Job) -> None:
        self._jobs.pop(job.job_id, None)
        job.close()


Known = TypeVar("Known", Job, JobRecord)


def _same(known: Known, digest: object, job: Job) -> Known:
    if digest != job.digest:
        raise reused()
    return known
