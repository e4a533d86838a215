"""Requests that are sent twice: ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header).

A client whose connection broke does not know whether its file was stamped. With a key of its own
choice in the request it may send the same again, and nothing is stamped twice. The output itself is
not kept, so that it cannot be given a second time: the answer then is an error that names the
receipt. Whoever wants to fetch an output again asks for a job, whose answer is kept for a while.

The registry has a row of the table of jobs for each such key, for as long as answers are kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request

from detectors.service.problems import Refused
from labeler.registry import JobRecord, JobState
from labeler.serving.answers import receipt_path
from labeler.serving.limits import ServingLimits
from labeler.serving.records import Records

__all__ = ["REPEATABLE", "Attempt", "Repeats", "is_lost", "reused", "row_name"]

REPEATABLE: Final = "stamp-at-once"
"""The kind of these rows: they are no jobs that anybody asks for."""
_HEADER: Final = "idempotency-key"
_KEY: Final = re.compile(r"[\x21-\x7e ]{1,255}")
_RETRY_SECONDS: Final = "5"


def row_name(request: Request, key_id: str, kind: str) -> str | None:
    """The name of the row for the request's ``Idempotency-Key``; None where it has none.

    Raises:
        Refused: It has one that cannot be used.
    """
    given = request.headers.get(_HEADER)
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise Refused(
            400, "bad-idempotency-key", "the Idempotency-Key has 1 to 255 printable characters"
        )
    # Keys of different callers never meet, and nothing of them is kept.
    return hashlib.sha256(f"{kind}\0{key_id}\0{given}".encode()).hexdigest()[:32]


def reused() -> Refused:
    """What to answer where a key comes with another request than before."""
    return Refused(
        422,
        "idempotency-key-reused",
        "this Idempotency-Key came with another request before",
        hint="Choose a new one for each request",
    )


def is_lost(record: JobRecord, lease_seconds: float) -> bool:
    """Whether a process worked on it that has not said so for too long."""
    age = datetime.now(UTC) - record.changed_at
    return not record.state.is_final and age > timedelta(seconds=lease_seconds)


@dataclass(slots=True)
class Attempt:
    """One request that may be repeated, while it is worked on."""

    receipt_id: str | None = None
    """Set when its file is stamped."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Knows requests that were sent before."""

    records: Records
    limits: ServingLimits
    open: set[str] = field(default_factory=set)
    """Rows of requests that this process works on."""

    @asynccontextmanager
    async def attempt(
        self, name: str | None, *, key_id: str, digest: str
    ) -> AsyncIterator[Attempt]:
        """Work on a request that nobody else works on, and that was not met before.

        Args:
            name: What `row_name` gave; None: it may be repeated any number of times.
            key_id: Id of the caller's key.
            digest: Of the whole request.

        Raises:
            Refused: It was sent before.
            RequestError: The registry cannot be used.
        """
        attempt = Attempt()
        if name is None:
            yield attempt
            return
        await self._claim(name, key_id, digest)
        self.open.add(name)
        try:
            yield attempt
        finally:
            self.open.discard(name)
            receipt_id = attempt.receipt_id
            if receipt_id is None:
                await self.records.ask(lambda registry: registry.forget_job(name))
            else:
                answer = {"receipt_id": receipt_id}
                await self.records.ask(
                    lambda registry: registry.change_job(name, JobState.DONE, answer=answer)
                )

    async def _claim(self, name: str, key_id: str, digest: str) -> None:
        for _ in range(2):
            found = await self.records.ask(
                lambda registry: registry.add_job(
                    name,
                    kind=REPEATABLE,
                    key_id=key_id,
                    request={"digest": digest},
                    state=JobState.RUNNING,
                )
            )
            if found is None:
                return
            if found.state is not JobState.FAILED and not is_lost(found, self.limits.lease_seconds):
                raise _repeated(found, digest)
            # Its process died over it: nobody knows how far it came, and nobody has the output.
            await self.records.ask(lambda registry: registry.forget_job(name))
        raise _in_progress()


def _repeated(found: JobRecord, digest: str) -> Refused:
    if found.request.get("digest") != digest:
        return reused()
    if found.state is not JobState.DONE or found.answer is None:
        return _in_progress()
    path = receipt_path(str(found.answer["receipt_id"]))
    return Refused(
        409,
        "already-stamped",
        "this request was met before, and its output is not kept",
        hint=f"Its receipt is at {path}; send it with a new Idempotency-Key to have the file "
        "stamped again, or ask for a job, whose output is kept for a while",
        headers={"Location": path},
    )


def _in_progress() -> Refused:
    return Refused(
        409,
        "in-progress",
        "this request is being worked on",
        headers={"Retry-After": _RETRY_SECONDS},
    )
