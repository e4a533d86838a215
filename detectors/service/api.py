"""The interface for programs."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from detectors.report import Conclusion
from detectors.service.pages import UNREADABLE_STATUS
from detectors.service.pool import VerifierPool
from detectors.service.problems import ProblemKind, RequestError, problem_json
from detectors.service.schemas import ErrorBody, HealthBody, ReportBody
from detectors.service.signing import ResultSigner
from detectors.service.verifying import Verifying
from detectors.service.words import words_in

__all__ = ["api_router", "health_router", "problem_response"]

_JSON: Final = "application/json"
_JOSE: Final = "application/jose+json"
"""RFC 7515, 9.2.2."""
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
_PROBLEMS: Final = (
    ProblemKind.NO_FILE,
    ProblemKind.TOO_SLOW,
    ProblemKind.TOO_LARGE,
    ProblemKind.TOO_MANY,
    ProblemKind.BUSY,
)
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": ReportBody, "description": "What was found."},
    UNREADABLE_STATUS: {"model": ReportBody, "description": "The file could not be examined."},
    **{
        kind.status: {"model": ErrorBody, "description": words_in("en")(f"problem.{kind.value}")}
        for kind in _PROBLEMS
    },
}


_SIGNED_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **_RESPONSES,
    200: {
        "description": "A flattened JSON Web Signature over the result.",
        "content": {_JOSE: {"schema": {"type": "object"}}},
    },
}


def api_router(verifying: Verifying, signer: ResultSigner | None = None) -> APIRouter:
    """The routes of version 1; that of signed results where somebody signs."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/verify",
        summary="Look for marks of AI in a file",
        responses=_RESPONSES,
        openapi_extra=_BODY,
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


def _add_results(router: APIRouter, verifying: Verifying, signer: ResultSigner) -> None:
    @router.post(
        "/results",
        summary="Look for marks of AI in a file, and sign what was found",
        responses=_SIGNED_RESPONSES,
        openapi_extra=_BODY,
        response_class=Response,
    )
    async def sign(request: Request) -> Response:
        verified = await verifying.verify(request)
        signed = signer.sign(verified)
        if signed is None:
            text, status = verified.report.to_json(), UNREADABLE_STATUS
            return Response(text, status_code=status, media_type=_JSON)
        return Response(signed.to_json(), media_type=_JOSE)


def health_router(pool: VerifierPool) -> APIRouter:
    """The routes for whoever watches the service."""
    router = APIRouter()

    @router.get("/healthz", summary="Is the service alive?", response_model=HealthBody)
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get(
        "/readyz",
        summary="Can it verify files?",
        response_model=HealthBody,
        responses={503: {"model": HealthBody, "description": "Not yet, or no longer."}},
    )
    async def ready() -> JSONResponse:
        if pool.is_ready:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "starting"}, status_code=503)

    return router


def problem_response(error: RequestError) -> Response:
    """Why a request gets no answer."""
    body = problem_json(error.kind, problem=words_in("en")(f"problem.{error.kind.value}"))
    return Response(body, status_code=error.kind.status, media_type=_JSON, headers=error.headers)
