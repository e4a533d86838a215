"""Who may do what: API keys as bearer tokens (RFC 6750), looked up in the registry.

    authority = Authority(settings)
    caller = await authority.require(request, Scope.STAMP)

The registry is asked once in a few seconds for each key, not for each request; what was found is
remembered that long, and so a key that is revoked opens nothing after that time. What is
remembered is the registry's record: the secret itself is looked at anew in every request, and
neither kept nor logged.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from detectors.service.problems import ProblemKind, RequestError
from labeler.closing import Closing
from labeler.errors import LabelerError
from labeler.registry import ApiKey, PresentedKey, RegistryReader, Scope
from labeler.settings import Settings

__all__ = ["Authority", "Caller", "Scope"]

_LOG: Final = logging.getLogger(__name__)
_REALM: Final = 'Bearer realm="labeler"'
_SCHEME: Final = "bearer"
_REMEMBERED_SECONDS: Final = 5.0
_REMEMBERED_KEYS: Final = 1024
_REACHED_SECONDS: Final = 1.0
"""How long it is relied on that the registry could be reached, or not."""
_REACHING_SECONDS: Final = 3.0
"""How long an answer is waited for: whoever asks gives up soon as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is behind a request."""

    key_id: str
    """Id of the API key; what records name the caller by."""
    scopes: frozenset[str]
    """What the key is good for."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    key: ApiKey | None
    until: float


class Authority(Closing):
    """Lets callers do what their keys are good for. Its coroutines belong to one event loop.

    The registry is opened when a key is asked for first, and need not be there before.

    Args:
        settings: They name the registry.
        remembered_seconds: How long what the registry says of a key is relied on: a revoked one
            opens nothing after that.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        remembered_seconds: float = _REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._seconds = remembered_seconds
        self._clock = clock
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._opening = threading.Lock()
        self._registry: RegistryReader | None = None
        self._reaching: asyncio.Task[bool] | None = None
        self._reached_until = -math.inf

    async def require(self, request: Request, scope: str) -> Caller:
        """Who makes a request that needs ``scope``, one of `Scope`.

        Raises:
            RequestError: The request has no key that holds (`UNAUTHORISED`), one that is not good
                for this (`FORBIDDEN`), or the registry cannot be asked (`FAILED`).
        """
        caller = await self.identify(request)
        if caller is None:
            raise RequestError(ProblemKind.UNAUTHORISED, challenge=_REALM)
        if scope not in caller.scopes:
            challenge = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
            raise RequestError(ProblemKind.FORBIDDEN, challenge=challenge)
        return caller

    async def identify(self, request: Request) -> Caller | None:
        """Who makes a request; None where it has no key.

        Raises:
            RequestError: It has one that does not hold (`UNAUTHORISED`), or the registry cannot be
                asked (`FAILED`).
        """
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        presented = PresentedKey.parse(text.strip())
        key = None if presented is None else await self._look_up(presented.key_id)
        if presented is None or key is None or not presented.opens(key):
            challenge = f'{_REALM}, error="invalid_token"'
            raise RequestError(ProblemKind.UNAUTHORISED, challenge=challenge)
        return Caller(key_id=key.key_id, scopes=key.scopes)

    async def is_reachable(self) -> bool:
        """Whether the registry can be asked; also where there is none."""
        now = self._clock()
        if self._reaching is None or (self._reaching.done() and now >= self._reached_until):
            self._reached_until = now + _REACHED_SECONDS
            self._reaching = asyncio.create_task(self._reach())
        try:
            # However many want to know, the registry is asked once.
            return await asyncio.wait_for(asyncio.shield(self._reaching), _REACHING_SECONDS)
        except TimeoutError:
            return False

    def close(self) -> None:
        """Let go of the registry."""
        with self._opening:
            if self._registry is not None:
                self._registry.close()
                self._registry = None

    async def _look_up(self, key_id: str) -> ApiKey | None:
        now = self._clock()
        known = self._remembered.get(key_id)
        if known is not None and now < known.until:
            return known.key
        try:
            key = await asyncio.to_thread(self._ask, key_id)
        except LabelerError as error:
            _LOG.error("%s: %s", type(error).__name__, error.problem)
            raise RequestError(ProblemKind.FAILED) from None
        # From before it was asked: a key that is revoked in the meantime gets no longer.
        self._remembered[key_id] = _Remembered(key, now + self._seconds)
        self._remembered.move_to_end(key_id)
        while len(self._remembered) > _REMEMBERED_KEYS:
            self._remembered.popitem(last=False)
        return key

    async def _reach(self) -> bool:
        try:
            await asyncio.to_thread(self._ask, "")
        except LabelerError as error:
            _LOG.error("%s: %s", type(error).__name__, error.problem)
            return False
        return True

    def _ask(self, key_id: str) -> ApiKey | None:
        with self._opening:
            if self._registry is None:
                self._registry = RegistryReader.of(self._settings)
            registry = self._registry
        return None if registry is None else registry.api_key(key_id)
