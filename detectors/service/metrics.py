"""What the service tells whoever watches it, in the text format of Prometheus.

Every application has a registry of its own: nothing is global. No label comes from a request, so
that nobody can make new series, or read in the metrics what others sent: media types are those that
are known, anything else is ``other``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from detectors.report import Report
from detectors.service.authorisation import Authority, Scope
from detectors.service.problems import ProblemKind
from labeler.media.media_type import MediaType

__all__ = ["Metrics", "known_media_type", "metrics_router"]

_PREFIX: Final = "labeler"
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 1200, 3600)
_KNOWN: Final = frozenset(each.value for each in MediaType)
_OTHER: Final = "other"


def known_media_type(name: str | None) -> str:
    """``name`` where it is a media type that Labeler knows, else ``other``: fit for a label."""
    return name if name in _KNOWN else _OTHER


class Metrics:
    """The counts of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        """Where more can be counted; names begin with ``labeler_``."""
        ProcessCollector(registry=self.registry)
        self._verifications = Counter(
            f"{_PREFIX}_verifications",
            "Files that were verified.",
            ("conclusion", "media_type"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}_verification_seconds",
            "Time from the end of an upload to its report.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._rejected = Counter(
            f"{_PREFIX}_rejected_requests",
            "Requests that got no answer, by the kind of the error.",
            ("kind",),
            registry=self.registry,
        )
        for kind in ProblemKind:  # a rate is of use from the first one on
            self._rejected.labels(kind.value)

    def verified(self, report: Report, seconds: float) -> None:
        """Count a file that was verified."""
        media_type = known_media_type(report.media_type)
        self._verifications.labels(report.conclusion.value, media_type).inc()
        self._seconds.observe(seconds)

    def rejected(self, kind: ProblemKind) -> None:
        """Count a request that got no answer."""
        self._rejected.labels(kind.value).inc()

    def watch(self, name: str, about: str, tell: Callable[[], float]) -> None:
        """Show a number that ``tell`` gives whenever somebody looks.

        Args:
            name: Its name, without ``labeler_``.
            about: What it is.
            tell: Gives it.
        """
        gauge = Gauge(f"{_PREFIX}_{name}", about, registry=self.registry)
        gauge.set_function(tell)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)


def metrics_router(metrics: Metrics, authority: Authority) -> APIRouter:
    """The route for Prometheus.

    It takes a key with the scope ``metrics``, from this machine too: behind a proxy that runs here,
    everybody seems to be on this machine.
    """
    router = APIRouter()

    @router.get(
        "/metrics",
        summary="What the service has done (Prometheus)",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            401: {"description": "No API key that holds."},
            403: {"description": "An API key that is not good for this."},
        },
    )
    async def metrics_(request: Request) -> Response:
        await authority.require(request, Scope.METRICS)
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
