"""Receipts, and the manifests that belong to them, for keys with the scope ``receipts``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from detectors.service.authorisation import Authority, Scope
from detectors.service.problems import ProblemKind, Refused, RequestError
from detectors.service.schemas import ErrorBody
from labeler.receipt import Receipt
from labeler.registry import RegistryReader
from labeler.serving.answers import json_answer, receipt_members
from labeler.serving.problems import answered
from labeler.serving.records import Records

__all__ = ["receipts_router"]

_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{64}")
_MANIFEST: Final = "application/c2pa"
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,100}")
_MOST: Final = 100
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": ErrorBody, "description": "No API key that holds."},
    403: {"model": ErrorBody, "description": "An API key that is not good for this."},
    404: {"model": ErrorBody, "description": "There is none, or its output was not published."},
    503: {"model": ErrorBody, "description": "The registry cannot be asked."},
}
_JSON_OBJECT: Final = {"application/json": {"schema": {"type": "object"}}}


def receipts_router(records: Records, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/receipts")

    @router.get(
        "",
        summary="The receipts of an output, by its hash",
        responses={200: {"content": _JSON_OBJECT}, 400: {"model": ErrorBody}, **_PROBLEMS},
        response_class=Response,
    )
    async def of_output(
        request: Request,
        sha256: Annotated[str, Query(description="SHA-256 of the output, hexadecimal.")] = "",
    ) -> Response:
        await authority.require(request, Scope.RECEIPTS)
        return await answered(_of_output(records, sha256))

    @router.get(
        "/{receipt_id}",
        summary="A receipt",
        responses={200: {"content": _JSON_OBJECT}, **_PROBLEMS},
        response_class=Response,
    )
    async def receipt(request: Request, receipt_id: str) -> Response:
        await authority.require(request, Scope.RECEIPTS)
        return json_answer(receipt_members(await _published_one(records, receipt_id)))

    _add_manifest(router, records, authority)
    return router


def _add_manifest(router: APIRouter, records: Records, authority: Authority) -> None:
    @router.get(
        "/{receipt_id}/manifest",
        summary="The manifest store of an output",
        responses={
            200: {"content": {_MANIFEST: {"schema": {"type": "string", "format": "binary"}}}},
            **_PROBLEMS,
        },
        response_class=Response,
    )
    async def manifest(request: Request, receipt_id: str) -> Response:
        await authority.require(request, Scope.RECEIPTS)
        await _published_one(records, receipt_id)
        found = await records.ask(lambda registry: registry.manifest_of(receipt_id))
        if found is None:
            raise RequestError(ProblemKind.NOT_FOUND)
        return Response(found.store, media_type=_MANIFEST)


async def _published_one(records: Records, receipt_id: str) -> Receipt:
    receipt = None
    if _ID.fullmatch(receipt_id):
        receipt = await records.ask(lambda registry: registry.find_receipt(receipt_id))
    if receipt is None:
        raise RequestError(ProblemKind.NOT_FOUND)
    return receipt


async def _of_output(records: Records, sha256: str) -> Response:
    if not _DIGEST.fullmatch(sha256):
        raise Refused(400, "claims", "sha256 is no digest of 64 hexadecimal digits")
    found = await records.ask(lambda registry: _published(registry, sha256.lower()))
    return json_answer({"receipts": [receipt_members(each) for each in found]})


def _published(registry: RegistryReader, sha256: str) -> list[Receipt]:
    """Not those whose output may never have left: their process died before it was delivered."""
    found = registry.find_output(sha256)[:_MOST]
    return [each for each in found if registry.find_receipt(each.receipt_id) is not None]
