"""Who may come in: so many requests of one address, and so many of all together.

Everything here belongs to one event loop, and needs no locks.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from detectors.service.limits import ServiceLimits
from detectors.service.problems import ProblemKind, RequestError

__all__ = ["Admission", "network_of"]

_BUSY_SECONDS: Final = 10
"""When to come again to a service that is busy: a picture takes about a second."""


@dataclass(slots=True)
class _Caller:
    """A token bucket, and how many requests are being worked on."""

    tokens: float
    at: float
    active: int = 0


class Admission:
    """Lets requests in as long as there is room for them.

    Args:
        limits: How much room there is.
        clock: Seconds that only grow.
    """

    def __init__(
        self, limits: ServiceLimits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._active = 0

    @property
    def active(self) -> int:
        """Requests that hold a place now."""
        return self._active

    @property
    def waiting(self) -> int:
        """Those of them for which there is no worker: they wait, or are on their way in."""
        return max(0, self._active - self._limits.workers)

    @contextmanager
    def enter(self, address: str) -> Iterator[None]:
        """Hold a place for one request, from before its body is read until it is answered.

        Raises:
            RequestError: There is none (`BUSY`), or this address has had enough (`TOO_MANY`).
        """
        if self._active >= self._limits.workers + self._limits.queue:
            raise RequestError(ProblemKind.BUSY, retry_after=_BUSY_SECONDS)
        caller = self._caller(network_of(address))
        if caller.active >= self._limits.requests_at_once:
            raise RequestError(ProblemKind.TOO_MANY, retry_after=_BUSY_SECONDS)
        if caller.tokens < 1:
            wait = (1 - caller.tokens) / self._limits.requests_per_second
            raise RequestError(ProblemKind.TOO_MANY, retry_after=math.ceil(wait))
        caller.tokens -= 1
        caller.active += 1
        self._active += 1
        try:
            yield
        finally:
            caller.active -= 1
            self._active -= 1

    def _caller(self, network: str) -> _Caller:
        now = self._clock()
        caller = self._callers.setdefault(network, _Caller(self._limits.burst, now))
        self._callers.move_to_end(network)
        gained = (now - caller.at) * self._limits.requests_per_second
        caller.tokens = min(self._limits.burst, caller.tokens + gained)
        caller.at = now
        while len(self._callers) > self._limits.addresses:
            self._callers.popitem(last=False)
        return caller


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the 64 bits that name an IPv6 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> 64:x}/64"
