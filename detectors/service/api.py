"""The interface for programs."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from fastapi import APIRouter, Request
from starlette.responses import Response

from detectors.report import Conclusion
from detectors.service.pages import UNREADABLE_STATUS
from detectors.service.problems import ProblemKind, RequestError, problem_json
from detectors.service.schemas import ErrorBody, ReportBody
from detectors.service.signing import ResultSigner
from detectors.service.verifying import Verifying
from detectors.service.words import words_in

__all__ = ["api_router", "problem_response"]

_JSON: Final = "application/json"
_JOSE: Final = "application/jose+json"
"""RFC 7515, 9.2.2."""
_UPLOAD: Final = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }
    }
}
_LOCATION: Final = {
    _JSON: {
        "schema": {
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": {
                    "type": "string",
                    "format": "uri",
                    "maxLength": 2048,
                    "description": "Where the file lies: http or https, at a public address.",
                }
            },
        }
    }
}
_PROBLEMS: Final = (
    ProblemKind.NO_FILE,
    ProblemKind.TOO_SLOW,
    ProblemKind.TOO_LARGE,
    ProblemKind.TOO_MANY,
    ProblemKind.BUSY,
)
_URL_PROBLEMS: Final = (ProblemKind.NOT_PUBLIC, ProblemKind.NOT_FETCHED)
_Responses: TypeAlias = dict[int | str, dict[str, Any]]
_SIGNED: Final[_Responses] = {
    200: {
        "description": "A flattened JSON Web Signature over the result.",
        "content": {_JOSE: {"schema": {"type": "object"}}},
    },
}


def api_router(verifying: Verifying, signer: ResultSigner | None = None) -> APIRouter:
    """The routes of version 1; that of signed results where somebody signs."""
    router = APIRouter(prefix="/v1")
    takes_urls = verifying.fetcher is not None

    @router.post(
        "/verify",
        summary="Look for marks of AI in a file",
        responses=_responses(takes_urls=takes_urls),
        openapi_extra=_body(takes_urls=takes_urls),
        response_class=Response,
    )
    async def verify(request: Request) -> Response:
        report = (await verifying.verify(request)).report
        unreadable = report.conclusion is Conclusion.UNREADABLE
        status = UNREADABLE_STATUS if unreadable else 200
        return Response(report.to_json(), status_code=status, media_type=_JSON)

    if signer is not None:
        _add_results(router, verifying, signer)
    return router


def _body(*, takes_urls: bool) -> dict[str, Any]:
    content = _UPLOAD | _LOCATION if takes_urls else _UPLOAD
    return {"requestBody": {"required": True, "content": content}}


def _responses(*, takes_urls: bool) -> _Responses:
    problems = _PROBLEMS + _URL_PROBLEMS if takes_urls else _PROBLEMS
    return {
        200: {"model": ReportBody, "description": "What was found."},
        UNREADABLE_STATUS: {"model": ReportBody, "description": "The file could not be examined."},
        **{
            kind.status: {
                "model": ErrorBody,
                "description": words_in("en")(f"problem.{kind.value}"),
            }
            for kind in problems
        },
    }


def _add_results(router: APIRouter, verifying: Verifying, signer: ResultSigner) -> None:
    takes_urls = verifying.fetcher is not None

    @router.post(
        "/results",
        summary="Look for marks of AI in a file, and sign what was found",
        responses=_responses(takes_urls=takes_urls) | _SIGNED,
        openapi_extra=_body(takes_urls=takes_urls),
        response_class=Response,
    )
    async def sign(request: Request) -> Response:
        verified = await verifying.verify(request)
        signed = signer.sign(verified)
        if signed is None:
            text, status = verified.report.to_json(), UNREADABLE_STATUS
            return Response(text, status_code=status, media_type=_JSON)
        return Response(signed.to_json(), media_type=_JOSE)


def problem_response(error: RequestError) -> Response:
    """Why a request gets no answer."""
    body = problem_json(error.kind, problem=words_in("en")(f"problem.{error.kind.value}"))
    return Response(body, status_code=error.kind.status, media_type=_JSON, headers=error.headers)
