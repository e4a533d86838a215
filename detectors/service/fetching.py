"""Fetching a file for a stranger, from the public Internet and from nowhere else.

A service that fetches what it is told to can be told to fetch what only it can reach: a cloud's
metadata, a router, a database (server-side request forgery). So a name is looked up once, every
address that it has must be public, and the connection goes to one of these addresses, not to the
name: it cannot mean another machine a moment later (DNS rebinding). TLS still asks for the name,
and checks the certificate against it. Each redirect is a new location, and checked like the first.

httpcore speaks HTTP: it knows no cookies, no redirects, no compression and no proxies.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, BinaryIO, Final, TypeAlias, cast

import anyio.to_thread
import httpcore

from detectors import web
from detectors.addresses import Address, is_public
from detectors.service.locations import PORTS, Location, parse_location
from detectors.service.problems import ProblemKind, RequestError

__all__ = ["Fetched", "Fetcher", "Resolve", "look_up"]

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host; raises `OSError` where there is none."""

_CONNECT_SECONDS: Final = 10.0
_BUSY_SECONDS: Final = 10
_IN_MEMORY: Final = 1 << 20
"""Bytes; what is larger goes to a file without a name."""
_HEADERS: Final = (
    (b"User-Agent", web.USER_AGENT.encode()),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
)
_IDENTITY: Final = frozenset({"", "identity"})
"""Content codings that need no unpacking: what unpacks may be a bomb."""
_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    OSError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that was fetched."""

    name: str
    """The last part of its URL's path, as it stands there; may be empty."""
    media_type: str
    """What the server says it is, in lower case without parameters; empty where it does not."""
    size: int
    """Bytes."""
    stream: BinaryIO
    """The bytes, from their beginning."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows for ``host``.

    Raises:
        OSError: It knows none.
    """
    return await asyncio.to_thread(web.look_up, host, port)


class Fetcher:
    """Fetches files; belongs to one event loop.

    The last four arguments open inner networks to strangers if they are given carelessly: they are
    for tests, and for services that may see one inner network and no other.

    Args:
        seconds: Time for everything: looking up, redirects, and reading.
        at_once: Files that are fetched at the same time; more are sent away (`BUSY`).
        ports: Those that may be fetched from.
        resolve: Who looks names up.
        may_connect: Which addresses may be connected to.
        tls: Whose certificates are trusted; None: those that browsers trust (certifi).
    """

    def __init__(
        self,
        *,
        seconds: float = 30.0,
        at_once: int = 8,
        ports: Collection[int] = PORTS,
        resolve: Resolve = look_up,
        may_connect: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._seconds = seconds
        self._at_once = at_once
        self._ports = frozenset(ports)
        self._resolve = resolve
        self._may_connect = may_connect
        self._tls = httpcore.default_ssl_context() if tls is None else tls
        self._active = 0

    @asynccontextmanager
    async def fetch(self, url: str, *, max_bytes: int) -> AsyncIterator[Fetched]:
        """The file at ``url``; it is gone when the block ends.

        Raises:
            RequestError: The URL is none that is fetched (`BAD_URL`), leads to no public place
                (`NOT_PUBLIC`), or there is no file to be had there (`NOT_FETCHED`,
                `FETCH_TOO_SLOW`, `TOO_LARGE`); too much is being fetched already (`BUSY`).
        """
        location = parse_location(url, self._ports)
        if self._active >= self._at_once:
            raise RequestError(ProblemKind.BUSY, retry_after=_BUSY_SECONDS)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            stream = cast("BinaryIO", file)
            yield await self._fetched(location, stream, max_bytes)

    async def _fetched(self, location: Location, stream: BinaryIO, max_bytes: int) -> Fetched:
        self._active += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(location, stream, max_bytes)
        except TimeoutError:
            raise RequestError(ProblemKind.FETCH_TOO_SLOW) from None
        except _FAILURES:
            # What they say may name inner machines, or quote what these answer.
            raise RequestError(ProblemKind.NOT_FETCHED) from None
        finally:
            self._active -= 1

    async def _follow(self, location: Location, stream: BinaryIO, max_bytes: int) -> Fetched:
        for _ in range(web.MOST_REDIRECTS + 1):
            addresses = await self._addresses(location)
            answer = await self._get(location, addresses, stream, max_bytes)
            if isinstance(answer, Fetched):
                return answer
            location = location.follow(answer, self._ports)
        raise RequestError(ProblemKind.NOT_FETCHED)

    async def _addresses(self, location: Location) -> Sequence[str]:
        """The addresses of a location, every one of which may be connected to."""
        try:
            found = [ip_address(each) for each in await self._resolve(location.host, location.port)]
        except (OSError, ValueError):
            found = []
        # That an inner name exists is not told either.
        if not found or not all(map(self._may_connect, found)):
            raise RequestError(ProblemKind.NOT_PUBLIC)
        return tuple(map(str, found[: web.MOST_ADDRESSES]))

    async def _get(
        self, location: Location, addresses: Sequence[str], stream: BinaryIO, max_bytes: int
    ) -> Fetched | str:
        """The file, or where else it is said to lie."""
        url = httpcore.URL(
            scheme=location.scheme, host=location.host, port=location.port, target=location.target
        )
        headers = [(b"Host", location.authority.encode()), *_HEADERS]
        backend = _Pinned(addresses, location.port)
        async with (
            httpcore.AsyncConnectionPool(self._tls, network_backend=backend) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            if response.status in web.REDIRECTS:
                return _header(response, b"location")
            if response.status != 200 or _header(response, b"content-encoding") not in _IDENTITY:
                raise RequestError(ProblemKind.NOT_FETCHED)
            declared = _header(response, b"content-length")
            if declared.isdecimal() and int(declared[:20]) > max_bytes:
                raise RequestError(ProblemKind.TOO_LARGE)
            size = await _read(response, stream, max_bytes)
            media_type = _header(response, b"content-type").partition(";")[0].strip().lower()
        return Fetched(name=location.name, media_type=media_type, size=size, stream=stream)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[str], port: int) -> None:
        self._addresses = addresses
        self._port = port
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - looking it up again might lead elsewhere
        port: int,  # noqa: ARG002 - as above
        timeout: float | None = None,  # noqa: ARG002 - shorter here
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError()
        for address in self._addresses:
            try:
                return await self._backend.connect_tcp(
                    address, self._port, _CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


async def _read(response: httpcore.Response, stream: BinaryIO, max_bytes: int) -> int:
    """Read the body into ``stream``, and say how long it is."""
    size = 0
    async for piece in response.aiter_stream():
        size += len(piece)
        if size > max_bytes:
            raise RequestError(ProblemKind.TOO_LARGE)
        if size > _IN_MEMORY:
            await anyio.to_thread.run_sync(stream.write, piece)
        else:
            stream.write(piece)
    stream.seek(0)
    return size


def _header(response: httpcore.Response, name: bytes) -> str:
    """The values of a header field; empty where there is none."""
    values = [value for each, value in response.headers if each.lower() == name]
    return b", ".join(values).decode("latin-1").strip()
