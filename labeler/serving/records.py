"""The registry as the service uses it: from coroutines, and opened when it is needed first."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from detectors.service.problems import ProblemKind, RequestError
from labeler.closing import Closing
from labeler.errors import LabelerError
from labeler.registry import Registry
from labeler.registry.database import database_of
from labeler.settings import Settings

__all__ = ["Records"]

Found = TypeVar("Found")

_LOG: Final = logging.getLogger(__name__)


class Records(Closing):
    """The registry.

    Args:
        settings: They name it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._registry: Registry | None = None

    async def ask(self, work: Callable[[Registry], Found]) -> Found:
        """What ``work`` gives, done in another thread; the registry is made where there is none.

        Raises:
            RequestError: The registry cannot be used (`FAILED`).
        """
        try:
            return await asyncio.to_thread(lambda: work(self._open()))
        except LabelerError as error:
            _LOG.error("%s: %s", type(error).__name__, error.problem)
            raise RequestError(ProblemKind.FAILED) from None

    async def is_there(self) -> bool:
        """Whether there is a registry.

        Raises:
            RequestError: It cannot be reached (`FAILED`).
        """
        if self._registry is not None:
            return True
        try:
            return await asyncio.to_thread(database_of(self._settings).exists)
        except LabelerError as error:
            _LOG.error("%s: %s", type(error).__name__, error.problem)
            raise RequestError(ProblemKind.FAILED) from None

    def close(self) -> None:
        """Let go of it."""
        with self._opening:
            if self._registry is not None:
                self._registry.close()
                self._registry = None

    def _open(self) -> Registry:
        with self._opening:
            if self._registry is None:
                self._registry = Registry.of(self._settings)
            return self._registry
