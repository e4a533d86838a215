"""The application: its parts, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from detectors.service.admission import Admission
from detectors.service.api import api_router, problem_response
from detectors.service.authorisation import Authority
from detectors.service.fetching import Fetcher
from detectors.service.guard import Guard
from detectors.service.health import health_router
from detectors.service.limits import ServiceLimits
from detectors.service.metrics import Metrics, metrics_router
from detectors.service.pages import Pages, pages_router
from detectors.service.parts import Addition, MakeAddition, Parts
from detectors.service.pool import VerifierPool
from detectors.service.problems import ProblemKind, RequestError
from detectors.service.signing import ResultSigner
from detectors.service.soft_bindings import soft_bindings
from detectors.service.verifying import Verifying
from labeler.settings import Settings

__all__ = ["create_app"]

_DISTRIBUTION: Final = "ai-labeler"
_PAGES: Final = "/"
_KINDS: Final = {
    404: ProblemKind.NOT_FOUND,
    405: ProblemKind.NOT_ALLOWED,
}


def create_app(
    settings: Settings | None = None,
    *,
    limits: ServiceLimits | None = None,
    fetcher: Fetcher | None = None,
    additions: Sequence[MakeAddition] = (),
) -> FastAPI:
    """The verification service as an ASGI application.

    Its limits hold for one process: a server that runs several multiplies them.

    Args:
        settings: None: those of the environment.
        limits: None: the defaults.
        fetcher: Who fetches files that requests only name by their URL; None: nobody does.
        additions: Make what it offers beside verifying.

    Raises:
        LabelerError: A setting, key, trust list or the registry cannot be used.
    """
    limits = ServiceLimits() if limits is None else limits
    settings = Settings() if settings is None else settings
    pool = VerifierPool(settings, limits)
    signer = ResultSigner.of(settings)
    pages = Pages(limits, signer, takes_urls=fetcher is not None)
    admission, authority, metrics = Admission(limits), Authority(settings), Metrics()
    verifying = Verifying(pool, admission, limits, fetcher, metrics)
    _watch(metrics, admission)
    parts = Parts(
        settings=settings,
        limits=limits,
        verifying=verifying,
        authority=authority,
        metrics=metrics,
    )
    added = [make(parts) for make in (soft_bindings, *additions)]

    app = FastAPI(
        title="Labeler's verification service",
        version=_version(),
        lifespan=lambda _app: _running(authority, pool, added),
        docs_url=None,  # the pages of FastAPI load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guard)
    app.include_router(pages_router(pages, verifying))
    app.include_router(api_router(verifying, signer))
    for each in added:
        app.include_router(each.router)
    app.include_router(metrics_router(metrics, authority))
    checks = [lambda: pool.is_ready, *(each.is_ready for each in added)]
    app.include_router(health_router(checks, authority))
    app.mount("/static", StaticFiles(packages=[(__package__, "static")]))
    _answer_problems(app, pages, metrics)
    return app


@asynccontextmanager
async def _running(
    authority: Authority, pool: VerifierPool, added: Iterable[Addition]
) -> AsyncIterator[None]:
    """Everything that has to be started and ended with the application."""
    async with AsyncExitStack() as stack:
        stack.enter_context(authority)
        stack.enter_context(pool).start()
        for each in added:
            await stack.enter_async_context(each.running)
        yield


def _watch(metrics: Metrics, admission: Admission) -> None:
    """Measure how much is going on whenever somebody asks for it."""
    metrics.watch(
        "requests_in_flight",
        "Uploads on their way in, waiting or at work.",
        lambda: admission.active,
    )
    metrics.watch(
        "queue_length", "Those of them for which there is no worker yet.", lambda: admission.waiting
    )


def _answer_problems(app: FastAPI, pages: Pages, metrics: Metrics) -> None:
    """Say to people in words what programs are told in JSON."""

    def answer(request: Request, error: RequestError) -> Response:
        metrics.rejected(error.kind)
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
