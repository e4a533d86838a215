"""What stamping adds to the metrics of `detectors.service.metrics`."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

from detectors.service.metrics import Metrics, known_media_type
from detectors.service.problems import ProblemKind
from labeler.serving.problems import KINDS

__all__ = ["StampingMetrics"]

_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 1200, 3600)
_STAMPED: Final = "stamped"
_REASONS: Final = ("age", "cancelled", "crash", "killed", "memory", "time")


class StampingMetrics:
    """Counts stampings.

    Args:
        metrics: Where the counts are shown.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._stampings = Counter(
            "labeler_stampings",
            "Files that were to be stamped, by what became of them.",
            ("result",),
            registry=metrics.registry,
        )
        for result in (_STAMPED, *KINDS, ProblemKind.FAILED.value):
            self._stampings.labels(result)
        self._seconds = Histogram(
            "labeler_stamping_seconds",
            "Time from the end of an upload to its output.",
            ("media_type",),
            buckets=_SECONDS,
            registry=metrics.registry,
        )
        self._restarts = Counter(
            "labeler_stamping_worker_restarts",
            "Worker processes that were replaced, by why.",
            ("reason",),
            registry=metrics.registry,
        )
        for reason in _REASONS:
            self._restarts.labels(reason)

    def stamped(self, media_type: str, seconds: float) -> None:
        """Count a file that was stamped."""
        self._stampings.labels(_STAMPED).inc()
        self._seconds.labels(known_media_type(media_type)).observe(seconds)

    def refused(self, kind: str) -> None:
        """Count a file that was not."""
        self._stampings.labels(kind).inc()

    def restarted(self, reason: str) -> None:
        """Count a worker that was replaced."""
        self._restarts.labels(reason).inc()
