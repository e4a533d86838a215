"""The application: its parts, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from detectors.service.admission import Admission
from detectors.service.api import api_router, health_router, problem_response
from detectors.service.guard import Guard
from detectors.service.limits import ServiceLimits
from detectors.service.pages import Pages, pages_router
from detectors.service.pool import VerifierPool
from detectors.service.problems import ProblemKind, RequestError
from detectors.service.signing import ResultSigner
from detectors.service.verifying import Verifying
from labeler.settings import Settings

__all__ = ["create_app"]

_DISTRIBUTION: Final = "ai-labeler"
_PAGES: Final = "/"
_KINDS: Final = {
    404: ProblemKind.NOT_FOUND,
    405: ProblemKind.NOT_ALLOWED,
}


def create_app(settings: Settings | None = None, *, limits: ServiceLimits | None = None) -> FastAPI:
    """The verification service as an ASGI application.

    Its limits hold for one process: a server that runs several multiplies them.

    Args:
        settings: None: those of the environment.
        limits: None: the defaults.

    Raises:
        LabelerError: A setting, key, trust list or the registry cannot be used.
    """
    limits = ServiceLimits() if limits is None else limits
    settings = Settings() if settings is None else settings
    pool = VerifierPool(settings, limits)
    signer = ResultSigner.of(settings)
    pages = Pages(limits, signer)
    verifying = Verifying(pool, Admission(limits), limits)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with pool:
            pool.start()
            yield

    app = FastAPI(
        title="Labeler's verification service",
        version=_version(),
        lifespan=lifespan,
        docs_url=None,  # the pages of FastAPI load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guard)
    app.include_router(pages_router(pages, verifying))
    app.include_router(api_router(verifying, signer))
    app.include_router(health_router(pool))
    app.mount("/static", StaticFiles(packages=[(__package__, "static")]))
    _answer_problems(app, pages)
    return app


def _answer_problems(app: FastAPI, pages: Pages) -> None:
    """Say to people in words what programs are told in JSON."""

    def answer(request: Request, error: RequestError) -> Response:
        if request.url.path == _PAGES:
            return pages.problem(request, error)
        return problem_response(error)

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        return answer(request, error)

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> Response:
        kind = _KINDS.get(error.status_code, ProblemKind.BAD_FORM)
        response = answer(request, RequestError(kind))
        response.headers.update(error.headers or {})
        return response


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
