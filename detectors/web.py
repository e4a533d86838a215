"""Small, careful HTTP requests of a client, over the standard library.

Whoever is asked may be hostile, or be told to send us elsewhere: a name is looked up once and the
connection goes to that address; answers have a size and a time; redirects lead only to https, and
never into a network that the user did not name; nothing is remembered from one request to the
next, and no proxy of the environment is asked.

Source: RFC 9110 (semantics), 15.4 (redirects); RFC 9112 (messages).
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Self, TypeAlias

from detectors.addresses import is_public
from detectors.urls import Place
from labeler.errors import ResolverError

__all__ = [
    "MOST_ADDRESSES",
    "MOST_REDIRECTS",
    "REDIRECTS",
    "USER_AGENT",
    "Answer",
    "Client",
    "LookUp",
    "Site",
    "look_up",
    "parse_site",
]

LookUp: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host and port; raises `OSError` where there are none."""

MOST_REDIRECTS: Final = 3
"""Redirects of one question that are followed."""
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""Status codes of answers that send elsewhere."""
MOST_ADDRESSES: Final = 3
"""Addresses of one name that are tried."""
USER_AGENT: Final = "Labeler-verification"
"""Who asks, as every request says."""
_LONGEST: Final = 8192
"""Characters; a question has the value of a soft binding in it."""
_REFUSED: Final = " \\<>\"'`{}|^"
"""No interface has these in its URL; people may take them for its end, or for another address."""
_CHUNK: Final = 1 << 16
_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": USER_AGENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Place):
    """A place that is asked."""

    @property
    def url(self) -> str:
        """The whole, without a query, which may hold what is not for a log."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, by an address or by the name that only it has."""
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    """Without its parameters, in lower case; empty where the server does not say."""
    body: bytes = field(repr=False)


def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows.

    Raises:
        OSError: It knows none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse_site(url: str) -> Site:
    """The place that ``url`` names.

    Raises:
        ResolverError: It is no http or https URL, or holds a user's name, a fragment, or characters
            that readers take differently.
    """
    is_strange = (
        len(url) > _LONGEST
        or not url.isprintable()
        or any(each in url for each in _REFUSED)
        or url.partition("#")[2]
    )
    if is_strange:
        raise _malformed()
    try:
        return Site.named(url)
    except ValueError:
        raise _malformed() from None


def _malformed() -> ResolverError:
    # It is not quoted: it may hold a password.
    return ResolverError(
        "the URL is no plain http or https URL",
        hint="Write it as https://host/path, without a user's name or blanks",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Asks servers; holds nothing between two questions, so that threads may share it.

    The last two arguments open inner networks if they are given carelessly.
    """

    trusted: Collection[tuple[str, int]] = ()
    """Hosts and ports that the user named: these may be in an inner network, and where they are
    this machine they may speak without TLS."""
    allow_http: bool = False
    """Whether the trusted may speak without TLS wherever they are. Dangerous: anybody between can
    read the question, and answer it."""
    seconds: float = 30.0
    """Time for one question, redirects included."""
    look_up: LookUp = look_up
    """Who knows the addresses of names."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """Whose certificates are believed; None: those that the system trusts."""

    def ask(
        self,
        url: str,
        *,
        accept: str,
        max_bytes: int,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> Answer:
        """GET ``url``, or POST ``body`` to it, and follow where GET is sent elsewhere.

        Args:
            url: Where to ask.
            accept: Media types that are wanted.
            max_bytes: Most bytes of an answer; a longer one is refused.
            body: What is sent; None: nothing.
            content_type: Media type of ``body``.

        Raises:
            ResolverError: The place may not be asked, cannot be reached, answers too late, too
                much or nonsense.
        """
        headers = _HEADERS | {"Accept": accept}
        if content_type is not None:
            headers["Content-Type"] = content_type
        site = parse_site(url)
        question = _Question(client=self, headers=headers, body=body, max_bytes=max_bytes)
        with _Deadline(self.seconds) as deadline:
            for _ in range(MOST_REDIRECTS + 1):
                answer, leads_to = question.put(site, deadline)
                if leads_to is None or body is not None:
                    return answer
                site = self._followed(site, leads_to)
        raise ResolverError("it sends on and on", file=site.url, hint="Its operator should know")

    def _followed(self, site: Site, reference: str) -> Site:
        try:
            following = parse_site(site.resolve(reference))
        except ValueError:
            raise _malformed() from None
        is_same = (following.host, following.port) == (site.host, site.port)
        if following.scheme != "https" and not (is_same and following.scheme == site.scheme):
            raise ResolverError(
                "it sends elsewhere without TLS, which is not followed", file=site.url
            )
        return following

    def addresses_of(self, site: Site) -> Sequence[str]:
        """The addresses of ``site`` that may be connected to.

        Raises:
            ResolverError: There is none, or it may not be asked in this way.
        """
        is_trusted = (site.host, site.port) in self.trusted
        may_be_open = is_trusted and (site.is_loopback or self.allow_http)
        if site.scheme != "https" and not may_be_open:
            raise ResolverError(
                "it would be asked without TLS, where anybody between can answer",
                file=site.url,
                hint="Use https; without TLS only this machine is asked",
            )
        try:
            found = tuple(self.look_up(site.host, site.port))
        except OSError:
            found = ()
        if not found:
            raise ResolverError("its name is not known", file=site.url, hint="Check the URL")
        # One inner address among them is enough to refuse: a name that has both is up to something.
        if not is_trusted and not all(is_public(ip_address(each)) for each in found):
            raise ResolverError(
                "it is in an inner network that nobody here named, so it is not asked",
                file=site.url,
                hint="Name it with --resolver if you mean it",
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    client: Client
    headers: Mapping[str, str]
    body: bytes | None
    max_bytes: int

    def put(self, site: Site, deadline: _Deadline) -> tuple[Answer, str | None]:
        """The answer of one server, and where it sends on to.

        Raises:
            ResolverError: There is none that can be used.
        """
        addresses = self.client.addresses_of(site)
        method = "GET" if self.body is None else "POST"
        try:
            with closing(self._connect(site, addresses, deadline)) as connection:
                connection.request(method, site.target, self.body, dict(self.headers))
                with closing(connection.getresponse()) as response:
                    is_elsewhere = response.status in REDIRECTS
                    leads_to = response.getheader("Location") if is_elsewhere else None
                    answer = self._read(site, response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if deadline.has_passed or isinstance(error, TimeoutError):
                raise _late(site, self.client.seconds) from None
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise ResolverError(
                f"it cannot be asked ({reason or type(error).__name__})",
                file=site.url,
                hint="Check the URL and the network",
            ) from None
        if deadline.has_passed:
            # A connection that is shut looks like one that has come to its end.
            raise _late(site, self.client.seconds)
        return answer, leads_to

    def _connect(
        self, site: Site, addresses: Sequence[str], deadline: _Deadline
    ) -> http.client.HTTPConnection:
        if site.scheme == "http":
            connection = http.client.HTTPConnection(site.host, site.port)
            connection.sock = deadline.watch(_open_socket(addresses, site.port, deadline.left))
            return connection
        context = self.client.tls or ssl.create_default_context()
        secure = http.client.HTTPSConnection(site.host, site.port, context=context)
        plain = _open_socket(addresses, site.port, deadline.left)
        # Watched before it speaks: the handshake is the server's chance to be slow, too.
        wrapped = context.wrap_socket(
            plain, server_hostname=site.host, do_handshake_on_connect=False
        )
        secure.sock = deadline.watch(wrapped)
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return secure

    def _read(self, site: Site, response: http.client.HTTPResponse) -> Answer:
        if response.getheader("Content-Encoding", "identity").lower() != "identity":
            raise ResolverError("its answer is compressed, which was not asked for", file=site.url)
        declared = response.length
        if declared is not None and declared > self.max_bytes:
            raise _too_long(site, self.max_bytes)
        body = bytearray()
        while piece := response.read1(_CHUNK):
            body += piece
            if len(body) > self.max_bytes:
                raise _too_long(site, self.max_bytes)
        if declared is not None and len(body) < declared:
            raise http.client.IncompleteRead(b"")
        return Answer(
            status=response.status,
            media_type=response.getheader("Content-Type", "").partition(";")[0].strip().lower(),
            body=bytes(body),
        )


class _Deadline:
    """Shuts connections when the time is over.

    A server that sends a byte now and then would keep a socket's own time limit from ever passing.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True
        self._at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.has_passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    @property
    def left(self) -> float:
        """Seconds until then, and never none: that would mean to wait for ever."""
        return max(self._at - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> socket.socket:
        """Shut ``connection`` too when the time is over.

        Raises:
            TimeoutError: It is.
        """
        with self._lock:
            self._sockets.append(connection)
            if self.has_passed:
                connection.close()
                raise TimeoutError
        return connection

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            for each in self._sockets:
                with suppress(OSError, ValueError):
                    each.shutdown(socket.SHUT_RDWR)


def _open_socket(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    """A connection to the first address that takes one.

    Raises:
        OSError: None does.
    """
    failed: OSError | None = None
    for address in addresses[:MOST_ADDRESSES]:
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError as error:
            failed = error
    raise failed or OSError


def _late(site: Site, seconds: float) -> ResolverError:
    return ResolverError(
        f"it did not answer within {seconds:g} s", file=site.url, hint="Try again later"
    )


def _too_long(site: Site, most: int) -> ResolverError:
    return ResolverError(f"its answer is longer than {most} bytes", file=site.url)
