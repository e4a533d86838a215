"""Jobs of the service: what was asked for, how far it is, and when it is forgotten.

The registry keeps no file and no answer of a job, but for a few words in JSON: what identifies the
request, and in the end which receipt came of it, or why none did. Whoever works on a job says so
every few seconds (`JobWriting.renew_jobs`). A job of which nobody has said so for a while was lost
with its process, and is failed by the next that looks (`JobWriting.fail_lost_jobs`).

Two parts of `labeler.registry.store`'s classes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from labeler.errors import RegistryError
from labeler.registry.audit import canonical
from labeler.registry.database import Storage
from labeler.registry.schema import jobs

__all__ = ["JobReading", "JobRecord", "JobState", "JobWriting"]


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    """Nobody works on it yet."""
    RUNNING = "running"
    """Somebody does."""
    DONE = "done"
    """There is an answer."""
    FAILED = "failed"
    """There is none, and there will be none."""

    @property
    def is_final(self) -> bool:
        """Whether it stays as it is."""
        return self in _FINAL


_FINAL: Final = frozenset({JobState.DONE, JobState.FAILED})
_OPEN: Final = tuple(state.value for state in JobState if state not in _FINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the registry has it."""

    job_id: str
    """Its name, which nobody can guess."""
    key_id: str | None
    """Id of the API key of who asked for it; None: somebody without one."""
    kind: str
    """What is asked for: ``verify`` or ``stamp``."""
    state: JobState
    """How far it is."""
    created_at: datetime
    """When it was asked for, UTC."""
    changed_at: datetime
    """When somebody last said something of it, UTC."""
    request: Mapping[str, Any]
    """What identifies the request; no name of a file, and nothing that is in it."""
    answer: Mapping[str, Any] | None
    """What came of it; None: nothing yet."""


class JobReading(Storage):
    """Reading jobs."""

    def job(self, job_id: str) -> JobRecord | None:
        """The job of that name; None where there is none, or it is forgotten.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._connection() as connection:
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
        return None if row is None else self._job(row)

    def _job(self, row: Row[Any]) -> JobRecord:
        try:
            return JobRecord(
                job_id=row.job_id,
                key_id=row.key_id,
                kind=row.kind,
                state=JobState(row.state),
                created_at=datetime.fromisoformat(row.created_at),
                changed_at=datetime.fromisoformat(row.changed_at),
                request=json.loads(row.request),
                answer=None if row.answer is None else json.loads(row.answer),
            )
        except ValueError as error:
            raise RegistryError(
                f"the registry holds a job that cannot be read: {error}", file=self._name
            ) from error


class JobWriting(JobReading):
    """Writing down jobs, and forgetting them."""

    _now: Callable[[], datetime]

    def add_job(
        self,
        job_id: str,
        *,
        kind: str,
        key_id: str | None,
        request: Mapping[str, object],
        state: JobState = JobState.QUEUED,
    ) -> JobRecord | None:
        """Write down a new job.

        Args:
            job_id: Its name.
            kind: What is asked for.
            key_id: Id of the API key of who asks; None: somebody without one.
            request: What identifies the request, as JSON has it.
            state: How far it is.

        Returns:
            The job that has this name already, which stays as it is; None where none had.

        Raises:
            RegistryError: The registry cannot be written.
        """
        now = self._moment()
        row = {
            "job_id": job_id,
            "key_id": key_id,
            "kind": kind,
            "state": state.value,
            "created_at": now,
            "changed_at": now,
            "request": canonical(request),
            "answer": None,
        }
        with self._writing() as connection:
            found = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
            if found is not None:
                return self._job(found)
            connection.execute(insert(jobs).values(row))
        return None

    def change_job(
        self, job_id: str, state: JobState, *, answer: Mapping[str, object] | None = None
    ) -> bool:
        """Say how far a job is. What is done or failed stays so.

        Returns:
            Whether that could be said: the job is there, and was open.

        Raises:
            RegistryError: The registry cannot be written.
        """
        values = {
            "state": state.value,
            "changed_at": self._moment(),
            "answer": None if answer is None else canonical(answer),
        }
        query = update(jobs).where(jobs.c.job_id == job_id, jobs.c.state.in_(_OPEN))
        with self._writing() as connection:
            return bool(connection.execute(query.values(values)).rowcount)

    def renew_jobs(self, job_ids: Collection[str]) -> None:
        """Say that open jobs are not lost.

        Raises:
            RegistryError: The registry cannot be written.
        """
        query = update(jobs).where(jobs.c.job_id.in_(job_ids), jobs.c.state.in_(_OPEN))
        with self._writing() as connection:
            connection.execute(query.values(changed_at=self._moment()))

    def fail_lost_jobs(self, before: datetime, *, answer: Mapping[str, object]) -> int:
        """Fail the open jobs of which nobody has said anything since.

        Args:
            before: The time, with its zone.
            answer: Why, as JSON has it.

        Returns:
            How many there were.

        Raises:
            RegistryError: The registry cannot be written.
        """
        values = {
            "state": JobState.FAILED.value,
            "changed_at": self._moment(),
            "answer": canonical(answer),
        }
        query = update(jobs).where(jobs.c.changed_at < _iso(before), jobs.c.state.in_(_OPEN))
        with self._writing() as connection:
            return int(connection.execute(query.values(values)).rowcount)

    def forget_jobs(self, before: datetime) -> int:
        """Delete the jobs that were done or failed before some time; give how many.

        Raises:
            RegistryError: The registry cannot be written.
        """
        query = jobs.delete().where(jobs.c.changed_at < _iso(before), jobs.c.state.not_in(_OPEN))
        with self._writing() as connection:
            return int(connection.execute(query).rowcount)

    def forget_job(self, job_id: str) -> None:
        """Delete a job, whatever its state; one that is not there is no error.

        Raises:
            RegistryError: The registry cannot be written.
        """
        with self._writing() as connection:
            connection.execute(jobs.delete().where(jobs.c.job_id == job_id))

    def _moment(self) -> str:
        return _iso(self._now())


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
