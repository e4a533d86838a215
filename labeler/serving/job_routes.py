"""``/v1/jobs``: leave a file that takes long, and come back for the answer."""

from __future__ import annotations

import json
import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from detectors.service.admission import Admission, network_of
from detectors.service.authorisation import Authority, Caller, Scope
from detectors.service.problems import ProblemKind, Refused, RequestError, error_members
from detectors.service.schemas import ErrorBody
from labeler.registry import JobRecord, JobState
from labeler.serving.answers import (
    FileAnswer,
    json_answer,
    links_of,
    receipt_members,
    receipt_path,
)
from labeler.serving.jobs import LOST, Job, JobKind, Jobs
from labeler.serving.limits import ServingLimits
from labeler.serving.orders import StampOrder, parse_order
from labeler.serving.problems import answered
from labeler.serving.repeats import is_lost, row_name
from labeler.serving.stamping import STAMP_FIELDS
from labeler.serving.uploads import Door, detach, digest_of

__all__ = ["JobDesk", "jobs_router"]

_ID: Final = re.compile(r"[0-9a-f]{32}")
_FIELD: Final = "kind"
_AT: Final = "at "
"""What tells networks apart from ids of keys."""
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", _FIELD],
                    "properties": {
                        _FIELD: {"type": "string", "enum": list(JobKind)},
                        **STAMP_FIELDS,
                    },
                }
            }
        },
    }
}
_JOB: Final = {"application/json": {"schema": {"type": "object"}}}
_REASONS: Final = {
    400: "No file, or fields that cannot be used.",
    401: "No API key that holds.",
    403: "An API key that is not good for this.",
    404: "No such job of this caller, or it is forgotten.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    422: "The Idempotency-Key came with another request before.",
    429: "The caller has as many jobs as it may.",
    503: "Not possible at the moment.",
}
_GONE: Final = error_members(
    "answer-lost", "the process that had the answer was stopped", hint="Send the file again"
)


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {each: {"model": ErrorBody, "description": _REASONS[each]} for each in statuses}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDesk:
    """Takes jobs and gives answers."""

    jobs: Jobs
    authority: Authority
    door: Door
    """For those with a key."""
    entrance: Admission
    """For those without."""
    limits: ServingLimits
    can_stamp: bool
    """Whether there are workers that stamp."""
    allow_anonymous: bool
    """Whether everybody may leave files to be verified."""

    async def take(self, request: Request) -> Response:
        """Begin a job."""
        async with self.door.draining(request):
            caller = await self._caller(request)
            owner = _owner(request, caller)
            self.jobs.check_room(owner)
            with self._enter(caller, owner):
                found = await self._take(request, caller, owner)
        return _answer(found, self.limits, status=202)

    async def _take(self, request: Request, caller: Caller | None, owner: str) -> Job | JobRecord:
        async with self.door.receive(request) as form:
            kind = _kind(form.fields.get(_FIELD, ""))
            order = self._order(caller, kind, form.fields, form.upload.name)
            name = None if caller is None else row_name(request, owner, "job")
            file = await detach(form.upload)
            try:
                digest = "" if name is None else _digest(kind, order, await digest_of(file))
            except BaseException:
                file.close()
                raise
            called = form.upload.name
        return await self.jobs.add(
            file,
            owner=owner,
            key_id=None if caller is None else caller.key_id,
            kind=kind,
            name=called,
            order=order,
            job_id=name,
            digest=digest,
        )

    async def show(self, request: Request, job_id: str) -> Response:
        """How far a job is, and its answer if there is one."""
        return _answer(await self._find(request, job_id), self.limits)

    async def file(self, request: Request, job_id: str) -> Response:
        """The output of a job that stamped a file."""
        job = await self._find(request, job_id)
        if not isinstance(job, Job) or job.stamped is None or job.state is not JobState.DONE:
            raise RequestError(ProblemKind.NOT_FOUND)
        stamped = job.stamped
        file = os.fdopen(os.dup(stamped.file.fileno()), "rb")
        receipt = stamped.receipt
        return FileAnswer(
            file, stamped.size, media_type=receipt.media_type, headers=links_of(receipt)
        )

    async def cancel(self, request: Request, job_id: str) -> Response:
        """End a job and forget it."""
        job = await self._find(request, job_id)
        if not isinstance(job, Job):
            raise RequestError(ProblemKind.NOT_FOUND)
        await self.jobs.cancel(job)
        return Response(status_code=204)

    def _enter(self, caller: Caller | None, owner: str) -> AbstractContextManager[None]:
        """A place: without a key one of those that the page has, at its rate."""
        if caller is not None:
            return self.door.enter(owner)
        return self.entrance.enter(owner.removeprefix(_AT))

    async def _caller(self, request: Request) -> Caller | None:
        caller = await self.authority.identify(request)
        if caller is None and self.allow_anonymous:
            return None
        return await self.authority.require(request, Scope.JOBS)

    async def _find(self, request: Request, job_id: str) -> Job | JobRecord:
        caller = await self._caller(request)
        found: Job | JobRecord | None = None
        if _ID.fullmatch(job_id):
            found = self.jobs.find(job_id, _owner(request, caller))
            if found is None and caller is not None:
                found = await self.jobs.record(job_id, caller.key_id)
        if found is None:
            raise RequestError(ProblemKind.NOT_FOUND)
        return found

    def _order(
        self, caller: Caller | None, kind: JobKind, fields: Any, name: str
    ) -> StampOrder | None:
        if kind is JobKind.VERIFY:
            return None
        if not self.can_stamp:
            raise Refused(400, "claims", "this service does not stamp", hint="It verifies only")
        if caller is None or Scope.STAMP not in caller.scopes:
            raise RequestError(ProblemKind.FORBIDDEN)
        return parse_order(fields, name=name)


def jobs_router(desk: JobDesk) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/jobs")

    @router.post(
        "",
        summary="Have a file verified or stamped, without waiting for it",
        status_code=202,
        responses={202: {"content": _JOB}, **_responses(400, 401, 403, 408, 413, 422, 429, 503)},
        openapi_extra=_BODY,
        response_class=Response,
    )
    async def take(request: Request) -> Response:
        return await answered(desk.take(request))

    _add_answers(router, desk)
    return router


def _add_answers(router: APIRouter, desk: JobDesk) -> None:
    @router.get(
        "/{job_id}",
        summary="How far is a job, and what came of it?",
        responses={200: {"content": _JOB}, **_responses(401, 403, 404, 503)},
        response_class=Response,
    )
    async def show(request: Request, job_id: str) -> Response:
        return await answered(desk.show(request, job_id))

    @router.get(
        "/{job_id}/file",
        summary="What a job has stamped",
        responses={
            200: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
            **_responses(401, 403, 404, 503),
        },
        response_class=Response,
    )
    async def file(request: Request, job_id: str) -> Response:
        return await answered(desk.file(request, job_id))

    @router.delete(
        "/{job_id}",
        summary="End a job and forget it",
        status_code=204,
        responses={204: {"description": "It is gone."}, **_responses(401, 403, 404, 503)},
        response_class=Response,
    )
    async def cancel(request: Request, job_id: str) -> Response:
        return await answered(desk.cancel(request, job_id))


def _owner(request: Request, caller: Caller | None) -> str:
    if caller is not None:
        return caller.key_id
    return _AT + network_of("" if request.client is None else request.client.host)


def _kind(given: str) -> JobKind:
    try:
        return JobKind(given)
    except ValueError:
        raise Refused(400, "claims", f"{_FIELD} is none of {', '.join(JobKind)}") from None


def _digest(kind: JobKind, order: StampOrder | None, file_sha256: str) -> str:
    return f"{kind}:{file_sha256}" if order is None else f"{kind}:{order.digest(file_sha256)}"


def _path(job_id: str) -> str:
    return f"/v1/jobs/{job_id}"


def _answer(found: Job | JobRecord, limits: ServingLimits, *, status: int = 200) -> Response:
    members = _of_job(found) if isinstance(found, Job) else _of_record(found, limits)
    return json_answer(members, status=status, headers={"Location": _path(found.job_id)})


def _of_job(job: Job) -> dict[str, object]:
    return {
        "job_id": job.job_id,
        "kind": job.kind.value,
        "state": job.state.value,
        "progress": round(job.progress, 3),
        "created_at": job.created_at.isoformat(),
        "expires_at": None if job.expires_at is None else job.expires_at.isoformat(),
        "answer": _what_came(job),
        "error": job.error,
    }


def _what_came(job: Job) -> dict[str, object] | None:
    if job.state is not JobState.DONE:
        return None
    if job.report is not None:
        return {"report": json.loads(job.report.to_json())}
    if job.stamped is None:
        return None
    receipt = job.stamped.receipt
    has_manifest = receipt.manifest_id is not None
    path = receipt_path(receipt.receipt_id)
    return {
        "receipt": receipt_members(receipt),
        "file": f"{_path(job.job_id)}/file",
        "manifest": f"{path}/manifest" if has_manifest else None,
    }


def _of_record(record: JobRecord, limits: ServingLimits) -> dict[str, object]:
    """A job of another process: its answer, if it has one, is there."""
    state, error = record.state, record.answer
    if is_lost(record, limits.lease_seconds):
        state, error = JobState.FAILED, LOST
    elif state is JobState.DONE:
        state, error = JobState.FAILED, _gone(record)
    return {
        "job_id": record.job_id,
        "kind": record.kind,
        "state": state.value,
        "progress": 0.0,
        "created_at": record.created_at.isoformat(),
        "expires_at": None,
        "answer": None,
        "error": error if state is JobState.FAILED else None,
    }


def _gone(record: JobRecord) -> dict[str, object]:
    receipt_id = None if record.answer is None else record.answer.get("receipt_id")
    if receipt_id is None:
        return dict(_GONE)
    return {**_GONE, "hint": f"The receipt is at {receipt_path(receipt_id)}; send the file again"}
