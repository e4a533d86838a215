"""The routes for whoever watches the service: is it alive, and can it work?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from starlette.responses import JSONResponse

from detectors.service.authorisation import Authority
from detectors.service.schemas import HealthBody

__all__ = ["health_router"]


def health_router(checks: Sequence[Callable[[], bool]], authority: Authority) -> APIRouter:
    """The routes.

    Args:
        checks: Each says at once whether a part can do its work.
        authority: Knows whether the registry can be reached.
    """
    router = APIRouter()

    @router.get("/healthz", summary="Is the service alive?", response_model=HealthBody)
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get(
        "/readyz",
        summary="Can it do its work?",
        response_model=HealthBody,
        responses={503: {"model": HealthBody, "description": "Not yet, or no longer."}},
    )
    async def ready() -> JSONResponse:
        if not all(check() for check in checks):
            return JSONResponse({"status": "starting"}, status_code=503)
        if not await authority.is_reachable():
            return JSONResponse({"status": "registry-unreachable"}, status_code=503)
        return JSONResponse({"status": "ok"})

    return router
