"""``POST /v1/stamp``: a file in, the same file marked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from detectors.service.authorisation import Authority, Scope
from detectors.service.schemas import ErrorBody
from labeler.serving.answers import FileAnswer, links_of
from labeler.serving.orders import parse_order
from labeler.serving.pool import Stamped, StamperPool
from labeler.serving.problems import answered
from labeler.serving.repeats import REPEATABLE, Repeats, row_name
from labeler.serving.uploads import Door, digest_of

__all__ = ["STAMP_FIELDS", "Stamping", "file_answer", "stamping_router"]

STAMP_FIELDS: Final = {
    "file": {"type": "string", "format": "binary"},
    "provenance": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "Claims: the members of labeler.Provenance, times as ISO 8601.",
    },
    "facts": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "What the law goes by, as in a facts file.",
    },
    "allow_missing": {
        "type": "string",
        "description": "Layers to go without where they cannot be made, joined with commas.",
    },
    "already_marked": {"type": "string", "enum": ["refuse", "keep"]},
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "provenance"],
                    "properties": STAMP_FIELDS,
                }
            }
        },
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 255},
        }
    ],
}
_REASONS: Final = {
    400: "No file, or claims or facts that cannot be used.",
    401: "No API key that holds.",
    403: "An API key that is not good for this.",
    408: "The body came too slowly.",
    409: "The file is marked already, or the request was sent before.",
    413: "The body, or what is in the file, is too large.",
    415: "No format that can be stamped.",
    422: "The file cannot be stamped as asked: error.kind says why.",
    429: "Too many requests at once.",
    503: "Not possible at the moment.",
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The stamped file. Its receipt is at Location, its manifest in Link.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    **{status: {"model": ErrorBody, "description": told} for status, told in _REASONS.items()},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamping:
    """Takes requests with a file to stamp."""

    pool: StamperPool
    """Who stamps."""
    authority: Authority
    """Who may have files stamped."""
    door: Door
    """How many at once."""
    repeats: Repeats
    """What was sent before."""

    async def answer(self, request: Request) -> Response:
        """The stamped file.

        Raises:
            Refused: It cannot be stamped.
            RequestError: The request cannot be met.
        """
        async with self.door.draining(request):
            caller = await self.authority.require(request, Scope.STAMP)
            name = row_name(request, caller.key_id, REPEATABLE)
            with self.door.enter(caller.key_id):
                async with self.door.receive(request) as form:
                    order = parse_order(form.fields, name=form.upload.name)
                    file = form.upload.stream
                    digest = "" if name is None else order.digest(await digest_of(file))
                    claim = self.repeats.attempt(name, key_id=caller.key_id, digest=digest)
                    async with claim as attempt:
                        stamped = await self.pool.stamp(order, file)
                        attempt.receipt_id = stamped.receipt.receipt_id
        return file_answer(stamped)


def file_answer(stamped: Stamped) -> FileAnswer:
    """The output as a body; it is gone then."""
    receipt = stamped.receipt
    return FileAnswer(
        stamped.file, stamped.size, media_type=receipt.media_type, headers=links_of(receipt)
    )


def stamping_router(stamping: Stamping) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/stamp",
        summary="Mark a file",
        responses=_RESPONSES,
        openapi_extra=_BODY,
        response_class=Response,
    )
    async def stamp(request: Request) -> Response:
        return await answered(stamping.answer(request))

    return router
