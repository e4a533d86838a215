"""One request to verify a file, from the door to the report."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from detectors.likeness import Pictured
from detectors.report import Report
from detectors.service.admission import Admission
from detectors.service.fetching import Fetcher
from detectors.service.limits import ServiceLimits
from detectors.service.metrics import Metrics
from detectors.service.pool import VerifierPool
from detectors.service.problems import ProblemKind, RequestError
from detectors.service.uploads import drain, receive_upload
from labeler.errors import LabelerError

__all__ = ["Verified", "Verifying"]

_LOG: Final = logging.getLogger(__name__)
_EARLY: Final = frozenset(
    {ProblemKind.BAD_FORM, ProblemKind.BUSY, ProblemKind.TOO_LARGE, ProblemKind.TOO_MANY}
)
"""What is wrong before a body has come in to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of an upload."""

    report: Report
    """What was found in it."""
    size: int
    """Its size, bytes."""
    pictured: Pictured | None = None
    """The upload beside what it was recognised as."""


@dataclass(frozen=True, slots=True)
class Verifying:
    """Takes requests with a file in, and has the file verified."""

    pool: VerifierPool
    """Who verifies."""
    admission: Admission
    """Who may come in."""
    limits: ServiceLimits
    """What an upload may take."""
    fetcher: Fetcher | None = None
    """Who fetches what a request only names; None: nobody does."""
    metrics: Metrics = field(default_factory=Metrics)
    """Counts what was verified."""

    async def verify(self, request: Request) -> Verified:
        """What is found in the file that comes with ``request``; nothing of it is left then.

        Raises:
            RequestError: The request cannot be met.
        """
        address = "" if request.client is None else request.client.host
        try:
            with self.admission.enter(address):
                return await self._received(request)
        except RequestError as error:
            if error.kind in _EARLY:
                await drain(request, self.limits)
            raise

    async def _received(self, request: Request) -> Verified:
        async with receive_upload(request, self.limits, self.fetcher) as upload:
            began = time.monotonic()
            try:
                completed = await self.pool.examine(upload.stream, name=upload.name)
            except LabelerError as error:
                # Not the file's fault: such an error would be a report.
                _LOG.error("%s: %s", type(error).__name__, error.problem)
                raise RequestError(ProblemKind.FAILED) from None
            report = completed.report
            self.metrics.verified(report, time.monotonic() - began)
            return Verified(report=report, size=upload.size, pictured=completed.pictured)
