"""The application: verification, and what needs a key, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from fastapi import APIRouter, FastAPI

from detectors.service import Fetcher, ServiceLimits
from detectors.service import create_app as create_verification
from detectors.service.admission import Admission
from detectors.service.metrics import Metrics
from detectors.service.parts import Addition, Parts
from detectors.service.pool import VerifierPool
from labeler.serving.job_routes import JobDesk, jobs_router
from labeler.serving.jobs import Jobs
from labeler.serving.limits import ServingLimits
from labeler.serving.metrics import StampingMetrics
from labeler.serving.pool import StamperPool
from labeler.serving.receipts import receipts_router
from labeler.serving.records import Records
from labeler.serving.repeats import Repeats
from labeler.serving.stamping import Stamping, stamping_router
from labeler.serving.uploads import Door
from labeler.settings import Settings

__all__ = ["create_app"]


def create_app(
    settings: Settings | None = None,
    *,
    limits: ServiceLimits | None = None,
    serving: ServingLimits | None = None,
    fetcher: Fetcher | None = None,
    stamping: bool = False,
    anonymous_jobs: bool = False,
) -> FastAPI:
    """The whole service as an ASGI application: see `detectors.service.create_app`.

    Args:
        settings: None: those of the environment.
        limits: Those of verifying and of uploads; None: the defaults.
        serving: Those of stamping and of jobs; None: the defaults.
        fetcher: Who fetches files that requests only name by their URL; None: nobody does.
        stamping: Whether keys with the scope ``stamp`` may have files stamped in the name of the
            settings' identity.
        anonymous_jobs: Whether everybody may leave files to be verified.

    Raises:
        LabelerError: A setting, key, trust list or the registry cannot be used; with ``stamping``,
            the identity.
    """
    settings = Settings() if settings is None else settings
    serving = ServingLimits() if serving is None else serving
    if stamping:
        _check(settings)

    def add(parts: Parts) -> Addition:
        return _addition(parts, serving, stamping=stamping, anonymous_jobs=anonymous_jobs)

    return create_verification(settings, limits=limits, fetcher=fetcher, additions=[add])


def _check(settings: Settings) -> None:
    """See now that files can be stamped, and not when the first of them has come."""
    from labeler.stamping import Stamper  # noqa: PLC0415 - slow to import

    with Stamper(settings):
        pass


def _addition(
    parts: Parts, serving: ServingLimits, *, stamping: bool, anonymous_jobs: bool
) -> Addition:
    records = Records(parts.settings)
    repeats = Repeats(records, serving)
    counts = StampingMetrics(parts.metrics)
    at_once = StamperPool(
        parts.settings, workers=serving.stampers, seconds=serving.stamping_seconds, metrics=counts
    )
    patient = StamperPool(
        parts.settings, workers=serving.job_workers, seconds=serving.job_seconds, metrics=counts
    )
    jobs = Jobs(
        records=records,
        verifiers=VerifierPool(parts.settings, _patient(parts.limits, serving)),
        stampers=patient if stamping else None,
        limits=serving,
        repeats=repeats,
        metrics=parts.metrics,
    )
    door = Door.of(parts.limits, workers=serving.stampers)
    _watch(parts.metrics, door.admission, jobs)
    desk = JobDesk(
        jobs=jobs,
        authority=parts.authority,
        door=Door.of(parts.limits, workers=serving.job_workers),
        entrance=parts.verifying.admission,
        limits=serving,
        can_stamp=stamping,
        allow_anonymous=anonymous_jobs,
    )
    routers = [receipts_router(records, parts.authority), jobs_router(desk)]
    if stamping:
        at_door = Stamping(pool=at_once, authority=parts.authority, door=door, repeats=repeats)
        routers.append(stamping_router(at_door))
    return Addition(
        router=_together(routers),
        running=_running(records, (at_once, patient), jobs, stamping=stamping),
        is_ready=lambda: at_once.is_ready or not stamping,
    )


def _together(routers: Iterable[APIRouter]) -> APIRouter:
    router = APIRouter()
    for each in routers:
        router.include_router(each)
    return router


@asynccontextmanager
async def _running(
    records: Records, pools: tuple[StamperPool, StamperPool], jobs: Jobs, *, stamping: bool
) -> AsyncIterator[None]:
    at_once, patient = pools
    with records, at_once, patient:
        if stamping:
            at_once.start()
        async with jobs.running():
            yield


def _watch(metrics: Metrics, admission: Admission, jobs: Jobs) -> None:
    metrics.watch(
        "stampings_in_flight", "Requests to stamp that are worked on.", lambda: admission.active
    )
    metrics.watch(
        "stamping_queue_length",
        "Those of them for which there is no worker yet.",
        lambda: admission.waiting,
    )
    metrics.watch("jobs_open", "Jobs without an answer.", lambda: jobs.open)
    metrics.watch("jobs_kept", "Jobs that are not forgotten yet.", lambda: jobs.kept)


def _patient(limits: ServiceLimits, serving: ServingLimits) -> ServiceLimits:
    return replace(limits, workers=serving.job_workers, verifying_seconds=serving.job_seconds)
