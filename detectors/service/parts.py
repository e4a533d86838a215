"""What the application is made of, and what others may add to it.

Detectors only read. Who has more to offer, as `labeler.serving` has stamping, adds routes that use
the same parts: one admission, one authority, one set of metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from fastapi import APIRouter

from detectors.service.authorisation import Authority
from detectors.service.limits import ServiceLimits
from detectors.service.metrics import Metrics
from detectors.service.verifying import Verifying
from labeler.settings import Settings

__all__ = ["Addition", "MakeAddition", "Parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What routes work with."""

    settings: Settings
    """Those of the application."""
    limits: ServiceLimits
    """What requests may take."""
    verifying: Verifying
    """Takes uploads, and has them verified."""
    authority: Authority
    """Knows who may do what."""
    metrics: Metrics
    """Counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Routes, and what they need while the application runs."""

    router: APIRouter
    """The routes."""
    running: AbstractAsyncContextManager[object]
    """Entered when the application starts, left when it ends."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether it can do its work."""


MakeAddition: TypeAlias = Callable[[Parts], Addition]
